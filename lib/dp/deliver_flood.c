/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp/classify.h"
#include "dp/deliver_flood.h"
#include "dp/deliver_count.h"

/*
 * References to a flooded frame are taken so many at a time: each time is a locked instruction,
 * and a count has 16 bits.
 */
#define FLOOD_REFERENCES 1024

/** Frames on their way through one list. */
struct flood {
	struct worker *w;
	const struct fwd_port *port;
	const struct verdict *v;
	const struct pkt *p;
	uint32_t longest; /* of those whose length counts, if it does; else 0 */
	uint32_t left; /* receivers from the cursor on */
	uint32_t spare; /* references to each frame that nobody has got yet */
	bool direct; /* past the outlets: there are more receivers, or a good burst for each */
	struct tx_batch batch;
};

static void update_references(const struct flood *f, int16_t n)
{
	for (uint16_t i = 0; i < f->batch.n; i++)
		rte_pktmbuf_refcnt_update(f->batch.m[i], n);
}

static inline void take_references(struct flood *f)
{
	if (unlikely(f->spare == 0)) {
		f->spare = RTE_MIN(f->left, (uint32_t)FLOOD_REFERENCES);
		update_references(f, (int16_t)f->spare);
	}
	f->spare--;
}

/* The flood's own reference is still there, so this is never the last. */
static void return_references(struct flood *f)
{
	if (f->spare != 0)
		update_references(f, (int16_t) - (int32_t)f->spare);
	f->spare = 0;
}

static bool is_too_long(const struct fwd_vnic *x, const struct pkt *p, const struct verdict *v)
{
	return v->flags & VERDICT_LOCAL && !p->gso && p->len > x->mtu + FWD_MTU_OVERHEAD;
}

/* One frame to one receiver, with a reference of its own. */
static void copy_one(struct worker *w, const struct fwd_vnic *x, struct rte_mbuf *m,
		     const struct pkt *p, const struct verdict *v)
{
	if (unlikely(is_too_long(x, p, v))) {
		stats_drop_rx(&w->stats.vnics[x->id], DROP_TOO_LONG, 1);
		tell_drop(w, TX_VNIC(x->id), false, DROP_TOO_LONG, m);
		return;
	}
	rte_pktmbuf_refcnt_update(m, 1);
	tx_put(&w->tx, TX_VNIC(x->id), x->endpoint, m, rx_len(p));
}

static inline void copy_all(struct flood *f, const struct fwd_vnic *x)
{
	if (unlikely(f->longest > x->mtu + FWD_MTU_OVERHEAD)) {
		for (uint16_t i = 0; i < f->batch.n; i++)
			copy_one(f->w, x, f->batch.m[i], &f->p[i], f->v);
		return;
	}
	take_references(f);
	if (f->direct)
		tx_send_batch(&f->w->tx, TX_VNIC(x->id), x->endpoint, &f->batch);
	else
		tx_put_batch(&f->w->tx, TX_VNIC(x->id), x->endpoint, &f->batch);
}

/* Receiver by receiver, until the list ends (true) or the first slow one is next (false). */
static bool spread(struct flood *f, struct flood_cursor *at)
{
	const struct fwd_vnic *vnics = f->w->snapshot->vnics;
	struct id_run runs[2];
	bool slow = false;

	flood_runs(f->port, f->v, runs);
	f->left = runs[0].n + runs[1].n;
	f->direct = f->left > OUTLETS || f->batch.n >= BURST_MAX / 2;
	for (; at->run < 2; at->run++, at->next = 0, at->last = VNIC_NONE) {
		for (; at->next < runs[at->run].n; at->next++, f->left--) {
			const struct fwd_vnic *x = &vnics[runs[at->run].ids[at->next]];

			if (x->id == f->v->except)
				continue;
			slow = x->endpoint->slow;
			if (slow)
				goto out;
			at->last = x->id;
			at->last_mode = x->mode;
			copy_all(f, x);
		}
	}
out:
	return_references(f);
	return !slow;
}

/* After a new snapshot the lists may differ; those behind the last receiver are next. */
static void resume(const struct worker *w, const struct fwd_port *port, const struct pkt *p,
		   struct verdict *v, struct flood_cursor *at)
{
	uint64_t generation = w->snapshot->generation;
	struct id_run runs[2];
	uint32_t i = 0;

	if (at->generation == generation)
		return;
	at->generation = generation;
	v->list = classify_group(port, p->dst);
	if (at->run > 1 || at->last == VNIC_NONE)
		return;
	flood_runs(port, v, runs);
	while (i < runs[at->run].n) {
		const struct fwd_vnic *x = &w->snapshot->vnics[runs[at->run].ids[i]];

		if (flood_order(x->mode, x->id) > flood_order(at->last_mode, at->last))
			break;
		i++;
	}
	at->next = i;
}

/*
 * Copies of one frame to receivers from @p at on, until the list ends (true) or the turn's
 * copies to slow endpoints do (false).
 */
static bool flood_on(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		     const struct pkt *p, struct verdict *v, struct flood_cursor *at)
{
	struct id_run runs[2];

	resume(w, port, p, v, at);
	flood_runs(port, v, runs);
	for (; at->run < 2; at->run++, at->next = 0, at->last = VNIC_NONE) {
		for (; at->next < runs[at->run].n; at->next++) {
			const struct fwd_vnic *x = &w->snapshot->vnics[runs[at->run].ids[at->next]];

			if (x->id == v->except)
				continue;
			if (x->endpoint->slow) {
				if (w->slow_copies.left == 0)
					return false;
				w->slow_copies.left--;
			}
			at->last = x->id;
			at->last_mode = x->mode;
			copy_one(w, x, m, p, v);
		}
	}
	return true;
}

/* The kernel's limit counts what its queue would hold; local floods only need ours. */
static uint32_t queue_limit(const struct fwd_port *port, const struct verdict *v)
{
	if (v->flags & VERDICT_QUEUED)
		return port->bcqueuelen;
	return RTE_MAX(port->bcqueuelen, (uint32_t)CONF_DEFAULT_BCQUEUELEN);
}

/* One frame from @p at on; what the turn's copies don't reach waits. */
static void flood_or_wait(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
			  const struct pkt *p, struct verdict v, struct flood_cursor at)
{
	struct flood_queues *q = &w->floods;
	struct flood_queue *queue = &q->ports[port->id];
	struct waiting_flood *later = NULL;

	if (queue->n == 0 && flood_on(w, port, m, p, &v, &at))
		return;
	if (queue->n < queue_limit(port, &v))
		later = flood_queue_add(q, port->id, m->nb_segs);
	if (later == NULL) {
		stats_drop_rx(&w->stats.ports[port->id], DROP_FLOOD_QUEUE_FULL, 1);
		tell_drop(w, TX_WIRE(port->id), false, DROP_FLOOD_QUEUE_FULL, m);
		return;
	}
	rte_pktmbuf_refcnt_update(m, 1);
	later->m = m;
	later->p = *p;
	later->v = v;
	later->at = at;
}

static void prepare(struct flood *f, struct rte_mbuf *const *m, uint16_t n)
{
	f->longest = 0;
	f->spare = 0;
	tx_batch_init(&f->batch);
	for (uint16_t i = 0; i < n; i++) {
		tx_batch_add(&f->batch, m[i], rx_len(&f->p[i]));
		if (f->v->flags & VERDICT_LOCAL && !f->p[i].gso)
			f->longest = RTE_MAX(f->longest, f->p[i].len);
	}
}

void deliver_floods(struct worker *w, const struct fwd_port *port, struct rte_mbuf *const *m,
		    const struct pkt *p, const struct verdict *v, uint16_t n)
{
	struct flood f;
	struct flood_cursor at = {.generation = w->snapshot->generation, .last = VNIC_NONE};
	bool done = false;

	/* What waits was first, also for those who are fast. */
	if (likely(w->floods.ports[port->id].n == 0)) {
		f.w = w;
		f.port = port;
		f.v = v;
		f.p = p;
		prepare(&f, m, n);
		done = spread(&f, &at);
	}
	for (uint16_t i = 0; i < n; i++) {
		if (!done)
			flood_or_wait(w, port, m[i], &p[i], *v, at);
		rte_pktmbuf_free(m[i]);
	}
}

bool deliver_flood_is_empty(const struct fwd_port *port, const struct verdict *v)
{
	struct id_run runs[2];

	flood_runs(port, v, runs);
	for (int r = 0; r < 2; r++)
		for (uint32_t i = 0; i < runs[r].n; i++)
			if (runs[r].ids[i] != v->except)
				return false;
	return true;
}

/* As far as the turn's copies reach; a port that is gone takes its waiting frames with it. */
static void deliver_waiting_port(struct worker *w, uint16_t id)
{
	const struct fwd_port *port = NULL;
	struct waiting_flood *f;

	if (id < w->snapshot->n_ports && w->snapshot->ports[id].used)
		port = &w->snapshot->ports[id];
	while ((f = flood_queue_first(&w->floods, id)) != NULL) {
		if (port != NULL && !flood_on(w, port, f->m, &f->p, &f->v, &f->at))
			return;
		rte_pktmbuf_free(f->m);
		flood_queue_remove_first(&w->floods, id);
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
