/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "dp/capture.h"
#include "dp/tx.h"

/** A capture's rings together; one of them holds at least a few of the longest frames. */
#define ALL_RINGS_SIZE (16u << 20)
#define MAX_RING_SIZE  (4u << 20)
#define MIN_RING_SIZE  (1u << 20)

struct capture *capture_create(unsigned int dirs, uint32_t snaplen, const char *filter,
			       uint32_t n_workers, struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	uint32_t size = MAX_RING_SIZE;

	while (size > MIN_RING_SIZE && size > ALL_RINGS_SIZE / n_workers)
		size /= 2;
	if (c != NULL)
		c->rings = aligned_alloc(RTE_CACHE_LINE_SIZE, n_workers * sizeof(*c->rings));
	if (c == NULL || c->rings == NULL) {
		free(c);
		err_set(err, ENOMEM, "no memory for a capture");
		return NULL;
	}
	c->dirs = dirs;
	c->snaplen = snaplen;
	for (; c->n_rings < n_workers; c->n_rings++) {
		if (capture_ring_open(&c->rings[c->n_rings], size) != 0) {
			err_set(err, ENOMEM, "no memory for a capture");
			capture_destroy(c);
			return NULL;
		}
	}
	if (capture_filter_compile(&c->filter, filter, err) != 0) {
		capture_destroy(c);
		return NULL;
	}
	return c;
}

void capture_destroy(struct capture *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->n_rings; i++)
		capture_ring_close(&c->rings[i]);
	capture_filter_free(&c->filter);
	free(c->rings);
	free(c);
}

uint64_t capture_lost(const struct capture *c)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->n_rings; i++)
		sum += __atomic_load_n(&c->rings[i].lost, __ATOMIC_RELAXED);
	return sum;
}

/* ---- worker ---- */

static bool is_for(const struct capture *c, uint32_t owner, unsigned int dirs)
{
	return __atomic_load_n(&c->owner, __ATOMIC_RELAXED) == owner && (c->dirs & dirs) != 0;
}

/** A copy that isn't shown yet; NULL: the filter doesn't want it, or there is no room. */
static struct capture_record *copy(struct capture *c, uint16_t worker, const struct rte_mbuf *m,
				   bool outbound)
{
	uint32_t caplen = RTE_MIN(m->pkt_len, c->snaplen);
	struct capture_record *rec;
	const void *bytes;

	if (!capture_filter_matches(&c->filter, m))
		return NULL;
	rec = capture_ring_add(&c->rings[worker], caplen);
	if (rec == NULL)
		return NULL;
	rec->len = m->pkt_len;
	rec->frame = 0;
	rec->outbound = outbound;
	rec->reason = DROP_NONE;
	rec->tsc = rte_rdtsc();
	bytes = rte_pktmbuf_read(m, 0, caplen, rec->bytes);
	if (bytes == NULL)
		rec->caplen = 0;
	else if (bytes != rec->bytes)
		rte_memcpy(rec->bytes, bytes, caplen);
	return rec;
}

/* Will drop() in deliver.c tell of it, under the same owner? */
static bool is_told_as_drop(const struct source *src, const struct verdict *v)
{
	return v->op == VERDICT_DROP &&
	       (src->side != FROM_VNIC || (v->flags & VERDICT_PORTS_DROP) == 0);
}

void capture_source(const struct capture_set *s, uint16_t worker, const struct source *src,
		    const struct burst *b)
{
	bool outbound = src->side == FROM_VNIC;
	uint32_t owner = outbound ? TX_VNIC(src->id) : TX_WIRE(src->id);

	/* What a host sends is its port's when it leaves the port. */
	if (src->side == FROM_HOST)
		return;
	for (uint32_t k = 0; k < s->n; k++) {
		struct capture *c = s->all[k];

		if (!is_for(c, owner, outbound ? CAPTURE_OUT : CAPTURE_IN))
			continue;
		for (uint16_t i = 0; i < b->n; i++)
			if ((c->dirs & CAPTURE_DROPS) == 0 || !is_told_as_drop(src, &b->v[i]))
				copy(c, worker, b->m[i], outbound);
		capture_ring_show(&c->rings[worker]);
	}
}

void capture_drop(const struct capture_set *s, uint16_t worker, uint32_t owner, bool outbound,
		  enum drop_reason reason, const struct rte_mbuf *m)
{
	for (uint32_t k = 0; k < s->n; k++) {
		struct capture *c = s->all[k];
		struct capture_record *rec;

		if (!is_for(c, owner, CAPTURE_DROPS))
			continue;
		rec = copy(c, worker, m, outbound);
		if (rec != NULL)
			rec->reason = (uint8_t)reason;
		capture_ring_show(&c->rings[worker]);
	}
}

/** Whose frames those for a receiver are, and which way they go there. */
struct exit {
	uint32_t owner;
	bool outbound;
	unsigned int dir; /**< 0: no direction of its owner's, so only its drops count */
};

static struct exit exit_of(uint32_t receiver)
{
	if (receiver < STATS_MAX_VNICS)
		return (struct exit){receiver, false, CAPTURE_IN};
	if (receiver % 2 == 0)
		return (struct exit){receiver, true, CAPTURE_OUT};
	/* The host: the port received what it gets, and told of it then. */
	return (struct exit){receiver - 1, false, 0};
}

void capture_hold(const struct capture_set *s, uint16_t worker, uint32_t receiver,
		  struct rte_mbuf *const *m, uint16_t n, bool consumed)
{
	const struct exit x = exit_of(receiver);

	for (uint32_t k = 0; k < s->n; k++) {
		struct capture *c = s->all[k];

		if (!is_for(c, x.owner, x.dir | (consumed ? CAPTURE_DROPS : 0)))
			continue;
		for (uint16_t i = 0; i < n; i++) {
			struct capture_record *rec = copy(c, worker, m[i], x.outbound);

			if (rec != NULL)
				rec->frame = i;
		}
	}
}

/* Keeps of what is held what the capture asked for, and shows it. */
static void settle_held(const struct capture *c, struct capture_ring *r, bool wants_taken,
			uint16_t sent, enum drop_reason reason)
{
	uint64_t at = r->head, before = at;
	struct capture_record *rec;

	if (!wants_taken && sent > 0)
		capture_ring_rewind(r, at);
	while ((rec = capture_ring_hidden(r, &at)) != NULL) {
		if (rec->frame >= sent && (c->dirs & CAPTURE_DROPS) == 0) {
			capture_ring_rewind(r, before);
			break;
		}
		if (rec->frame >= sent)
			rec->reason = (uint8_t)reason;
		before = at;
	}
	capture_ring_show(r);
}

void capture_settle(const struct capture_set *s, uint16_t worker, uint32_t receiver,
		    struct rte_mbuf *const *m, uint16_t n, uint16_t sent, enum drop_reason reason)
{
	const struct exit x = exit_of(receiver);

	for (uint32_t k = 0; k < s->n; k++) {
		struct capture *c = s->all[k];
		bool wants_taken = (c->dirs & x.dir) != 0;

		if (!is_for(c, x.owner, x.dir | CAPTURE_DROPS))
			continue;
		settle_held(c, &c->rings[worker], wants_taken, sent, reason);
		for (uint16_t i = sent; m != NULL && !wants_taken && i < n; i++) {
			struct capture_record *rec = copy(c, worker, m[i], x.outbound);

			if (rec != NULL)
				rec->reason = (uint8_t)reason;
		}
		capture_ring_show(&c->rings[worker]);
	}
}
