/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp/capture.h"
#include "dp/classify.h"
#include "dp/deliver.h"
#include "dp/deliver_ip.h"
#include "dp/translate.h"

/** What all frames of a burst have in common. */
struct origin {
	struct worker *w;
	const struct fwd_vnic *vnics;
	const struct fwd_port *port; /* NULL: veth */
	struct iface_stats *sender; /* FROM_VNIC: the sender's row, else NULL */
	uint16_t sender_id;
	bool from_host;
	uint64_t sent, sent_bytes; /* FROM_VNIC: not yet added to that row */
};

/* Beside each drop's counter: who captures drops gets a copy, while there is a frame. */
static inline void tell_drop(const struct origin *o, uint32_t owner, bool outbound,
			     enum drop_reason reason, const struct rte_mbuf *m)
{
	if (unlikely(o->w->tx.captures != NULL))
		capture_drop(o->w->tx.captures, o->w->tx.queue, owner, outbound, reason, m);
}

/* The kernel's receivers don't count the outer tag (MV-709). */
static inline uint32_t rx_len(const struct pkt *p)
{
	uint32_t len = p->len - (p->tagged ? PKT_VLAN_LEN : 0);

	return pkt_is_group(p) ? len | TX_GROUP : len;
}

static inline void to_vnic(struct origin *o, uint16_t id, struct rte_mbuf *m, uint32_t len)
{
	if (unlikely(o->vnics[id].macnat) && (len & TX_GROUP) == 0) {
		m = translate_inbound(o->w, &o->vnics[id], m);
		if (m == NULL)
			return;
	}
	tx_put(&o->w->tx, TX_VNIC(id), o->vnics[id].endpoint, m, len);
}

static inline void to_host(struct origin *o, struct rte_mbuf *m, const struct pkt *p)
{
	tx_put(&o->w->tx, TX_HOST(o->port->id), o->port->host, m, rx_len(p));
}

/* A longer frame would be dropped at the other end of the link (is_skb_forwardable()). */
static inline void to_wire(struct origin *o, struct rte_mbuf *m, const struct pkt *p)
{
	if (unlikely(p->len > o->port->mtu + FWD_MTU_OVERHEAD && !p->gso)) {
		stats_drop_tx(&o->w->stats.ports[o->port->id], DROP_TOO_LONG, 1);
		tell_drop(o, TX_WIRE(o->port->id), true, DROP_TOO_LONG, m);
		rte_pktmbuf_free(m);
		return;
	}
	tx_put(&o->w->tx, TX_WIRE(o->port->id), o->port->wire, m, p->len);
}

static void drop(struct origin *o, struct rte_mbuf *m, const struct pkt *p, const struct verdict *v)
{
	enum drop_reason reason = (enum drop_reason)v->reason;

	if (o->from_host) {
		stats_drop_tx(&o->w->stats.ports[o->port->id], reason, 1);
		tell_drop(o, TX_WIRE(o->port->id), true, reason, m);
	} else if (o->sender == NULL || v->flags & VERDICT_PORTS_DROP) {
		stats_drop_rx(&o->w->stats.ports[o->port->id], reason, 1);
		tell_drop(o, TX_WIRE(o->port->id), false, reason, m);
	} else {
		stats_drop_tx(o->sender, reason, 1);
		tell_drop(o, TX_VNIC(o->sender_id), true, reason, m);
		o->sent--;
		o->sent_bytes -= p->len;
	}
	if (v->flags & VERDICT_BOTH_DROP) {
		stats_drop_rx(&o->w->stats.vnics[v->vnic], reason, 1);
		tell_drop(o, TX_VNIC(v->vnic), false, reason, m);
	}
	rte_pktmbuf_free(m);
}

/* A flood copies by reference; whoever must write gets a copy of its own at the egress. */
static inline void to_vnic_shared(struct origin *o, uint16_t id, struct rte_mbuf *m, uint32_t len)
{
	rte_pktmbuf_refcnt_update(m, 1);
	to_vnic(o, id, m, len);
}

/* References to a flooded frame are taken so many at a time: each time is a locked instruction. */
#define FLOOD_REFERENCES 32

static inline void take_reference(struct rte_mbuf *m, uint16_t *spare)
{
	if (*spare == 0) {
		rte_pktmbuf_refcnt_update(m, FLOOD_REFERENCES);
		*spare = FLOOD_REFERENCES;
	}
	(*spare)--;
}

/* The flood's own reference is still there, so this is never the last. */
static void return_references(struct rte_mbuf *m, uint16_t spare)
{
	if (spare != 0)
		rte_pktmbuf_refcnt_update(m, (int16_t)-spare);
}

static inline void to_flooded(struct origin *o, const struct fwd_vnic *x, struct rte_mbuf *m,
			      const struct pkt *p, const struct verdict *v, uint32_t len,
			      uint16_t *spare)
{
	if (v->flags & VERDICT_LOCAL && !p->gso && p->len > x->mtu + FWD_MTU_OVERHEAD) {
		stats_drop_rx(&o->w->stats.vnics[x->id], DROP_TOO_LONG, 1);
		tell_drop(o, TX_VNIC(x->id), false, DROP_TOO_LONG, m);
		return;
	}
	take_reference(m, spare);
	to_vnic(o, x->id, m, len);
}

/* After a new snapshot the lists may differ; those behind the last receiver are next. */
static void resume(struct origin *o, struct verdict *v, const struct pkt *p,
		   struct flood_cursor *at)
{
	uint64_t generation = o->w->snapshot->generation;
	struct id_run runs[2];
	uint32_t i = 0;

	if (at->generation == generation)
		return;
	at->generation = generation;
	v->list = classify_group(o->port, p->dst);
	if (at->run > 1 || at->last == VNIC_NONE)
		return;
	flood_runs(o->port, v, runs);
	while (i < runs[at->run].n) {
		const struct fwd_vnic *x = &o->vnics[runs[at->run].ids[i]];

		if (flood_order(x->mode, x->id) > flood_order(at->last_mode, at->last))
			break;
		i++;
	}
	at->next = i;
}

/*
 * Copies to receivers from @p at on, until the list ends (true) or the turn's
 * copies to slow endpoints do (false).
 */
static bool flood_on(struct origin *o, struct rte_mbuf *m, const struct pkt *p, struct verdict *v,
		     struct flood_cursor *at)
{
	uint32_t len = rx_len(p);
	struct id_run runs[2];
	uint16_t spare = 0;

	resume(o, v, p, at);
	flood_runs(o->port, v, runs);
	for (; at->run < 2; at->run++, at->next = 0, at->last = VNIC_NONE) {
		for (; at->next < runs[at->run].n; at->next++) {
			const struct fwd_vnic *x = &o->vnics[runs[at->run].ids[at->next]];

			if (x->id == v->except)
				continue;
			if (x->endpoint->slow) {
				if (o->w->slow_copies == 0) {
					return_references(m, spare);
					return false;
				}
				o->w->slow_copies--;
			}
			at->last = x->id;
			at->last_mode = x->mode;
			to_flooded(o, x, m, p, v, len, &spare);
		}
	}
	return_references(m, spare);
	return true;
}

static bool is_empty(const struct origin *o, const struct verdict *v)
{
	struct id_run runs[2];

	flood_runs(o->port, v, runs);
	for (int r = 0; r < 2; r++)
		for (uint32_t i = 0; i < runs[r].n; i++)
			if (runs[r].ids[i] != v->except)
				return false;
	return true;
}

/* The kernel's limit counts what its queue would hold; local floods only need ours. */
static uint32_t queue_limit(const struct fwd_port *port, const struct verdict *v)
{
	if (v->flags & VERDICT_QUEUED)
		return port->bcqueuelen;
	return RTE_MAX(port->bcqueuelen, (uint32_t)CONF_DEFAULT_BCQUEUELEN);
}

static void flood(struct origin *o, struct rte_mbuf *m, const struct pkt *p, struct verdict v)
{
	struct flood_queues *q = &o->w->floods;
	struct flood_queue *queue = &q->ports[o->port->id];
	struct flood_cursor at = {.generation = o->w->snapshot->generation, .last = VNIC_NONE};
	struct waiting_flood *later = NULL;

	if (queue->n == 0 && flood_on(o, m, p, &v, &at))
		return;
	if (queue->n < queue_limit(o->port, &v))
		later = flood_queue_add(q, o->port->id, m->nb_segs);
	if (later == NULL) {
		stats_drop_rx(&o->w->stats.ports[o->port->id], DROP_FLOOD_QUEUE_FULL, 1);
		tell_drop(o, TX_WIRE(o->port->id), false, DROP_FLOOD_QUEUE_FULL, m);
		return;
	}
	rte_pktmbuf_refcnt_update(m, 1);
	later->m = m;
	later->p = *p;
	later->v = v;
	later->at = at;
}

/* Back to who asked. */
static void answer(const struct origin *o, struct rte_mbuf *m)
{
	if (o->sender != NULL)
		deliver_answer(o->w, o->port, m, TX_VNIC(o->sender_id),
			       o->vnics[o->sender_id].endpoint);
	else
		deliver_answer(o->w, o->port, m, TX_WIRE(o->port->id), o->port->wire);
}

/* More than one receiver: every delivery takes a reference, ours is dropped last. */
static void deliver_many(struct origin *o, struct rte_mbuf *m, const struct pkt *p,
			 const struct pkt_ip *ip, const struct verdict *v)
{
	const struct source_list *copies = v->copies ? &o->port->sources[v->copies] : NULL;
	bool host = v->also & ALSO_HOST && o->port->has_host;

	for (uint32_t i = 0; copies != NULL && i < copies->n; i++)
		to_vnic_shared(o, copies->ids[i], m, rx_len(p) & ~TX_GROUP);
	if (host) {
		rte_pktmbuf_refcnt_update(m, 1);
		to_host(o, m, p);
	}
	if (v->also & ALSO_WIRE) {
		rte_pktmbuf_refcnt_update(m, 1);
		to_wire(o, m, p);
	}
	if (unlikely(v->also & ALSO_MAIN))
		deliver_letter(o->w, LETTER_ND, o->port->id, m);
	switch ((enum verdict_op)v->op) {
	case VERDICT_VNIC:
		to_vnic(o, v->vnic, m, rx_len(p));
		return;
	case VERDICT_WIRE:
		to_wire(o, m, p);
		return;
	case VERDICT_HOST:
		if (unlikely(v->flags & VERDICT_OWN_MAC))
			m = deliver_own_mac(o->w, o->port, m, p);
		if (likely(m != NULL))
			to_host(o, m, p);
		return;
	case VERDICT_ROUTE:
		deliver_routed(o->w, o->port, m, p, v->next, v->flags & VERDICT_FRAGMENT);
		return;
	case VERDICT_WAIT:
		deliver_later(o->w, o->port, o->sender_id, m, p, ip, v->flags & VERDICT_FRAGMENT);
		return;
	case VERDICT_ANSWER:
		answer(o, m);
		return;
	case VERDICT_FLOOD:
		if (!host && copies == NULL && !(v->also & ALSO_WIRE) && is_empty(o, v)) {
			struct verdict nobody;

			verdict_drop(&nobody, DROP_NO_LISTENER);
			drop(o, m, p, &nobody);
			return;
		}
		flood(o, m, p, *v);
		break;
	case VERDICT_DROP:
		drop(o, m, p, v);
		return;
	case VERDICT_CONSUMED:
		break;
	}
	rte_pktmbuf_free(m);
}

static inline void deliver_one(struct origin *o, struct rte_mbuf *m, const struct pkt *p,
			       const struct pkt_ip *ip, const struct verdict *v)
{
	if (unlikely((v->copies | v->also) != 0))
		deliver_many(o, m, p, ip, v);
	else if (likely(v->op == VERDICT_VNIC))
		to_vnic(o, v->vnic, m, rx_len(p));
	else if (v->op == VERDICT_WIRE)
		to_wire(o, m, p);
	else
		deliver_many(o, m, p, ip, v);
}

void deliver(struct worker *w, const struct source *src, struct burst *b)
{
	struct origin o = {.w = w, .vnics = w->snapshot->vnics};

	if (src->side == FROM_VNIC) {
		o.port = o.vnics[src->id].port;
		o.sender = &w->stats.vnics[src->id];
		o.sender_id = src->id;
		o.sent = b->n;
		for (uint16_t i = 0; i < b->n; i++)
			o.sent_bytes += b->p[i].len;
	} else {
		o.port = &w->snapshot->ports[src->id];
		o.from_host = src->side == FROM_HOST;
	}
	for (uint16_t i = 0; i < b->n; i++)
		deliver_one(&o, b->m[i], &b->p[i], &b->ip[i], &b->v[i]);
	if (o.sender != NULL) {
		stats_add(&o.sender->tx_packets, o.sent);
		stats_add(&o.sender->tx_bytes, o.sent_bytes);
	}
}

/* As far as the turn's copies reach; a port that is gone takes its waiting frames with it. */
static void deliver_waiting_port(struct worker *w, uint16_t port)
{
	struct origin o = {.w = w, .vnics = w->snapshot->vnics};
	struct waiting_flood *f;

	if (port < w->snapshot->n_ports && w->snapshot->ports[port].used)
		o.port = &w->snapshot->ports[port];
	while ((f = flood_queue_first(&w->floods, port)) != NULL) {
		if (o.port != NULL && !flood_on(&o, f->m, &f->p, &f->v, &f->at))
			return;
		rte_pktmbuf_free(f->m);
		flood_queue_remove_first(&w->floods, port);
	}
}

void deliver_waiting(struct worker *w)
{
	struct flood_queues *q = &w->floods;

	if (likely(q->n == 0))
		return;
	/* Another port begins each turn, so that a storm on one leaves the others theirs. */
	do
		q->turn = (uint16_t)((q->turn + 1) % CONF_MAX_PORTS);
	while (q->ports[q->turn].n == 0);
	for (uint16_t i = 0; i < CONF_MAX_PORTS && q->n > 0; i++)
		deliver_waiting_port(w, (uint16_t)((q->turn + i) % CONF_MAX_PORTS));
}
