/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "dp/assist.h"
#include "dp/capture.h"
#include "dp/classify.h"
#include "dp/classify_ip.h"
#include "dp/deliver.h"
#include "dp/deliver_flood.h"
#include "dp/deliver_ip.h"
#include "dp/translate.h"
#include "dp/worker.h"

static int create_queues(struct worker *w, int mail_fd, int socket)
{
	w->mail = rte_zmalloc_socket("mailbox", sizeof(*w->mail), RTE_CACHE_LINE_SIZE, socket);
	w->neighbours = rte_zmalloc_socket("neighbours", sizeof(*w->neighbours),
					   RTE_CACHE_LINE_SIZE, socket);
	w->assist = rte_zmalloc_socket("assist", sizeof(*w->assist), RTE_CACHE_LINE_SIZE, socket);
	if (w->mail == NULL || w->neighbours == NULL || w->assist == NULL) {
		errno = ENOMEM;
		return -1;
	}
	mailbox_init(w->mail, mail_fd);
	return 0;
}

struct worker *worker_create(uint32_t index, unsigned int lcore, int mail_fd, struct err *err)
{
	int socket = (int)rte_lcore_to_socket_id(lcore);
	struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), RTE_CACHE_LINE_SIZE, socket);

	if (w == NULL) {
		err_set(err, ENOMEM, "no memory on NUMA node %d for the worker on lcore %u", socket,
			lcore);
		return NULL;
	}
	w->index = index;
	w->lcore = lcore;
	w->idle.wake = -1;
	w->cycles.late = rte_get_tsc_hz();
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || idle_open(&w->idle, rte_get_tsc_hz()) != 0 ||
	    stats_create(&w->stats, socket) != 0 || create_queues(w, mail_fd, socket) != 0) {
		err_set(err, errno, "worker on lcore %u: %s", lcore, strerror(errno));
		worker_destroy(w);
		return NULL;
	}
	flood_queues_init(&w->floods);
	tx_init(&w->tx, (uint16_t)index, &w->stats);
	return w;
}

static void free_neighbours(struct neighbour_queues *q)
{
	struct waiting_frame f;

	for (uint32_t i = 0; q != NULL && i < NEIGHBOUR_QUEUE_HOPS; i++)
		while (q->hops[i].used && neighbour_queue_take(q, &q->hops[i], &f))
			rte_pktmbuf_free(f.m);
	rte_free(q);
}

void worker_destroy(struct worker *w)
{
	struct waiting_flood *f;

	if (w == NULL)
		return;
	if (w->mail != NULL)
		mailbox_close(w->mail);
	rte_free(w->mail);
	rte_free(w->assist);
	free_neighbours(w->neighbours);
	for (uint16_t port = 0; port < CONF_MAX_PORTS && w->floods.n > 0; port++) {
		while ((f = flood_queue_first(&w->floods, port)) != NULL) {
			rte_pktmbuf_free(f->m);
			flood_queue_remove_first(&w->floods, port);
		}
	}
	if (w->epoll >= 0)
		close(w->epoll);
	idle_close(&w->idle);
	stats_destroy(&w->stats);
	rte_free(w);
}

/* Headers may be split over segments anywhere: what parsing wants is then copied together. */
static bool parse_header(struct pkt *p, const struct rte_mbuf *m)
{
	uint8_t copy[PKT_PARSE_LEN];
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)PKT_PARSE_LEN);
	const uint8_t *bytes = rte_pktmbuf_read(m, 0, want, copy);

	return bytes != NULL && pkt_parse(p, bytes, want, m->pkt_len);
}

/** What one burst amounts to, for its counters. */
struct parsed {
	uint64_t bytes, groups;
	uint64_t doubts; /**< offload_doubts() of all */
	uint16_t malformed;
};

static void capture_malformed(const struct worker *w, const struct source *src,
			      const struct rte_mbuf *m)
{
	bool is_vnic = src->side == FROM_VNIC;

	if (unlikely(w->tx.captures != NULL))
		capture_drop(w->tx.captures, w->tx.queue,
			     is_vnic ? TX_VNIC(src->id) : TX_WIRE(src->id), src->side != FROM_WIRE,
			     DROP_MALFORMED, m);
}

static inline void parse_one(struct pkt *p, const struct rte_mbuf *m, struct parsed *sum)
{
	p->gso = (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	sum->bytes += p->len;
	sum->groups += pkt_is_group(p);
	sum->doubts |= offload_doubts(m);
}

/* From frame @p from on, whatever they are: those that are none are freed, and the burst closes up. */
static __rte_noinline struct parsed parse_rest(const struct worker *w, const struct source *src,
					       struct burst *b, uint32_t from, struct parsed sum)
{
	uint32_t n = from;

	for (uint32_t i = from; i < b->n; i++) {
		struct rte_mbuf *m = b->m[i];

		if (parse_header(&b->p[n], m)) {
			parse_one(&b->p[n], m, &sum);
			b->m[n++] = m;
		} else {
			capture_malformed(w, src, m);
			rte_pktmbuf_free(m);
			sum.malformed++;
		}
	}
	b->n = n;
	return sum;
}

/* Fills b->p. Most frames begin with so many bytes in one piece that nothing can be wrong with them. */
static struct parsed parse(struct worker *w, const struct source *src, struct burst *b)
{
	struct parsed sum = {0};
	const uint32_t n = b->n;
	uint32_t i;

	for (i = 0; i < n && likely(b->m[i]->data_len >= PKT_PARSE_LEN); i++) {
		const struct rte_mbuf *m = b->m[i];

		pkt_parse(&b->p[i], rte_pktmbuf_mtod(m, const uint8_t *), PKT_PARSE_LEN,
			  m->pkt_len);
		parse_one(&b->p[i], m, &sum);
	}
	if (unlikely(i < n))
		sum = parse_rest(w, src, b, i, sum);
	b->plain = sum.doubts == 0;
	idle_received(&w->idle, sum.bytes);
	return sum;
}

/*
 * Where vnics are so many that they aren't in the core's cache, what delivery will want of
 * a burst's receivers is on its way before the first of them is decided about.
 */
static void prefetch_receivers(const struct worker *w, const struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		uint16_t id = b->h[i].dst;

		if (id == VNIC_NONE)
			continue;
		rte_prefetch0(&w->snapshot->endpoints[id]);
		rte_prefetch0(&w->tx.receivers[TX_VNIC(id)]);
	}
}

static void from_wire(struct worker *w, const struct source *src, struct burst *b)
{
	const struct fwd_port *port = &w->snapshot->ports[src->id];
	struct iface_stats *row = &w->stats.ports[src->id];
	struct parsed sum = parse(w, src, b);

	cycles_stamp(&w->cycles, STAGE_PARSE);
	stats_add(&row->rx_packets, b->n);
	stats_add(&row->rx_bytes, sum.bytes);
	stats_add(&row->rx_multicast, sum.groups);
	if (unlikely(sum.malformed != 0))
		stats_drop_rx(row, DROP_MALFORMED, sum.malformed);
	if (unlikely(port->down)) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	if (port->kind->by_ip) {
		parse_ip(b, port->mode == MODE_L3S);
		classify_ip_from_wire(port, b);
	} else {
		classify_from_wire(port, b);
	}
	if (w->snapshot->n_vnics > WORKER_FEW_VNICS)
		prefetch_receivers(w, b);
	cycles_stamp(&w->cycles, STAGE_CLASSIFY);
	port->kind->from_wire(port, b);
	if (unlikely(assist_wants_port(port)))
		assist_from_wire(w, port, b);
}

static void from_vnic(struct worker *w, const struct source *src, struct burst *b)
{
	const struct fwd_vnic *self = &w->snapshot->vnics[src->id];
	struct parsed sum;

	if (unlikely(self->macnat))
		translate_outbound(w, self, b);
	sum = parse(w, src, b);
	cycles_stamp(&w->cycles, STAGE_PARSE);
	if (unlikely(sum.malformed != 0))
		stats_drop_tx(&w->stats.vnics[src->id], DROP_MALFORMED, sum.malformed);
	if (sum.groups != 0)
		endpoint_hint(src->endpoint);
	if (self->kind->by_ip) {
		parse_ip(b, false);
		classify_ip_from_vnic(self, b);
	} else if (self->needs_hits) {
		classify_local(self->port, b);
	}
	if (unlikely(self->spoofcheck == SPOOFCHECK_IP && self->port != NULL))
		classify_claims(self, b);
	cycles_stamp(&w->cycles, STAGE_CLASSIFY);
	self->kind->from_vnic(self, b);
	if (unlikely(assist_wants_vnic(self)))
		assist_from_vnic(w, self, b);
}

static void from_host(struct worker *w, const struct source *src, struct burst *b)
{
	const struct fwd_port *port = &w->snapshot->ports[src->id];
	struct parsed sum = parse(w, src, b);

	cycles_stamp(&w->cycles, STAGE_PARSE);
	if (unlikely(sum.malformed != 0))
		stats_drop_tx(&w->stats.ports[src->id], DROP_MALFORMED, sum.malformed);
	if (port->host_reach)
		classify_local(port, b);
	cycles_stamp(&w->cycles, STAGE_CLASSIFY);
	port->kind->from_host(port, b);
}

/* The one way of a burst: rx → parse → classify → decide → deliver. False: there was none. */
static bool poll_source(struct worker *w, const struct source *src)
{
	struct burst *b = &w->burst;

	b->n = endpoint_rx(src->endpoint, src->queue, b->m,
			   src->endpoint->slow ? WORKER_SLOW_BURST : WORKER_BURST);
	if (b->n == 0)
		return false;
	cycles_burst(&w->cycles, b->n);
	cycles_stamp(&w->cycles, STAGE_RX);
	switch (src->side) {
	case FROM_WIRE:
		from_wire(w, src, b);
		break;
	case FROM_VNIC:
		from_vnic(w, src, b);
		break;
	default:
		from_host(w, src, b);
	}
	cycles_stamp(&w->cycles, STAGE_DECIDE);
	if (unlikely(w->tx.captures != NULL))
		capture_source(w->tx.captures, w->tx.queue, src, b);
	deliver(w, src, b);
	cycles_stamp(&w->cycles, STAGE_DELIVER);
	return true;
}

/* Those that had frames just now, backwards, for some leave. */
static void poll_warm(struct worker *w)
{
	struct warm *warm = &w->warm;

	if (unlikely(warm->generation != w->snapshot->generation))
		warm_reset(warm, w->snapshot->generation);
	for (uint32_t i = warm->n; i-- > 0;) {
		struct source src;
		bool has_frames = snapshot_source(w->snapshot, warm->sources[i].event, &src) &&
				  poll_source(w, &src);

		warm_learn(warm, i, has_frames, w->cycles.worked);
	}
}

static void poll_events(struct worker *w)
{
	struct epoll_event events[WORKER_EVENTS];
	int n = epoll_wait(w->epoll, events, WORKER_EVENTS, 0);

	/* Frames that the endpoint refuses are work, too. */
	w->cycles.worked |= n > 0;
	for (int i = 0; i < n; i++) {
		struct source src;

		if (snapshot_source(w->snapshot, events[i].data.u64, &src) && poll_source(w, &src))
			warm_add(&w->warm, events[i].data.u64);
	}
}

static void poll_waiting(struct worker *w)
{
	poll_warm(w);
	if (warm_asks_epoll(&w->warm, w->cycles.worked, w->cycles.turn,
			    WARM_PERIOD_US * w->idle.tsc_per_us))
		poll_events(w);
}

/* Ports count as busy always: a NIC's ring that overflows loses frames, a guest waits. */
static void poll_many(struct worker *w, const struct plan *plan)
{
	struct attention *a = &w->attention;
	uint32_t source;

	if (a->generation != w->snapshot->generation || a->n != plan->n_polled)
		attention_reset(a, w->snapshot->generation, plan->n_polled);
	for (uint32_t i = a->n_warm; i-- > 0;) {
		const struct source *src = &plan->sources[a->warm[i]];

		attention_learn(a, i, poll_source(w, src) || src->side != FROM_VNIC);
	}
	for (uint32_t i = attention_visits(a); i > 0; i--)
		if (attention_next(a, &source) && poll_source(w, &plan->sources[source]))
			attention_warm(a, source);
}

static void poll_polled(struct worker *w, const struct plan *plan)
{
	if (unlikely(attention_is_needed(plan->n_polled))) {
		poll_many(w, plan);
		return;
	}
	for (uint32_t i = 0; i < plan->n_polled; i++)
		poll_source(w, &plan->sources[i]);
}

void worker_poll(struct worker *w, const struct snapshot *s)
{
	const struct plan *plan = &s->plans[w->index];
	uint64_t began;

	w->snapshot = s;
	w->tx.captures = __atomic_load_n(&w->captures, __ATOMIC_ACQUIRE);
	began = w->cycles.turn;
	cycles_begin(&w->cycles);
	slow_copies_begin(&w->slow_copies, w->cycles.turn - began, w->idle.tsc_per_us);
	if (unlikely(w->floods.n > 0)) {
		w->cycles.worked = true;
		deliver_waiting(w);
		cycles_stamp(&w->cycles, STAGE_DELIVER);
	}
	if (unlikely(w->neighbours->n > 0 || mailbox_has_parcels(w->mail))) {
		w->cycles.worked |= mailbox_has_parcels(w->mail);
		deliver_mail(w);
		cycles_stamp(&w->cycles, STAGE_DELIVER);
	}
	poll_polled(w, plan);
	if (plan->n_polled < plan->n)
		poll_waiting(w);
	cycles_stamp(&w->cycles, STAGE_RX);
	tx_flush(&w->tx);
	cycles_stamp(&w->cycles, STAGE_TX);
	cycles_end(&w->cycles);
}

void worker_begin(struct worker *w)
{
	/* A thread's timers are 50 µs late otherwise, which is as long as a nap. */
	prctl(PR_SET_TIMERSLACK, 1);
	__atomic_store_n(&w->cycles.counts.began, rte_rdtsc(), __ATOMIC_RELAXED);
}

void worker_end(struct worker *w)
{
	cycles_begin(&w->cycles);
}

uint32_t worker_may_sleep(struct worker *w)
{
	const struct plan *plan = &w->snapshot->plans[w->index];

	return idle_after_turn(&w->idle, w->cycles.worked || w->floods.n > 0, plan->n_polled > 0,
			       w->cycles.turn);
}

void worker_sleep(struct worker *w, uint32_t us)
{
	uint64_t from = rte_rdtsc();

	w->snapshot = NULL;
	w->attention.all = true;
	if (!w->idle.nap)
		warm_reset(&w->warm, 0);
	idle_sleep(&w->idle, w->epoll, us);
	cycles_slept(&w->cycles, from);
}

/* ---- counters ---- */

void worker_collect_vnic(const struct worker *w, uint16_t id, struct iface_stats *sum)
{
	const struct receiver *got = &w->tx.receivers[TX_VNIC(id)];

	stats_collect(sum, &w->stats.vnics[id]);
	sum->rx_packets += __atomic_load_n(&got->packets, __ATOMIC_RELAXED);
	sum->rx_bytes += __atomic_load_n(&got->bytes, __ATOMIC_RELAXED);
	sum->rx_multicast += __atomic_load_n(&got->groups, __ATOMIC_RELAXED);
}

/* What the host gets was counted when the port received it. */
void worker_collect_port(const struct worker *w, uint16_t id, struct iface_stats *sum)
{
	const struct receiver *sent = &w->tx.receivers[TX_WIRE(id)];

	stats_collect(sum, &w->stats.ports[id]);
	sum->tx_packets += __atomic_load_n(&sent->packets, __ATOMIC_RELAXED);
	sum->tx_bytes += __atomic_load_n(&sent->bytes, __ATOMIC_RELAXED);
}

static void clear_receiver(struct receiver *r)
{
	__atomic_store_n(&r->packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&r->bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&r->groups, 0, __ATOMIC_RELAXED);
}

void worker_clear_vnic(struct worker *w, uint16_t id)
{
	stats_clear(&w->stats.vnics[id]);
	clear_receiver(&w->tx.receivers[TX_VNIC(id)]);
}

void worker_clear_port(struct worker *w, uint16_t id)
{
	stats_clear(&w->stats.ports[id]);
	clear_receiver(&w->tx.receivers[TX_WIRE(id)]);
}
