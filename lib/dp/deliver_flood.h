/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delivery of floods. Consecutive frames with one verdict go through their list
 * together, receiver by receiver: each is looked up once and gets them in one burst.
 * From the first receiver on whose copies cost a system call they go frame by frame, as far as
 * the turn's copies reach, and what is left of them waits in the port's flood queue. Every
 * receiver gets the frames in the order in which they came. Worker.
 */
#ifndef DP_DELIVER_FLOOD_H
#define DP_DELIVER_FLOOD_H

#include "dp/worker.h"

/** Would two FLOODs go the same way? What they are besides (`also`, `copies`) may differ. */
static inline bool deliver_is_same_flood(const struct verdict *a, const struct verdict *b)
{
	return a->op == b->op && a->list == b->list && a->span == b->span && a->flags == b->flags &&
	       a->except == b->except;
}

/** Nobody is on the list of @p v. */
bool deliver_flood_is_empty(const struct fwd_port *port, const struct verdict *v);

/**
 * Floods @p n frames, up to BURST_MAX, from @p port, all with the same @p v, and consumes them.
 * Floods are group frames, of all kinds.
 */
void deliver_floods(struct worker *w, const struct fwd_port *port, struct rte_mbuf *const *m,
		    const struct pkt *p, const struct verdict *v, uint16_t n);

/** Goes on with floods that wait, as far as this turn's copies reach. */
void deliver_waiting(struct worker *w);

#endif /* DP_DELIVER_FLOOD_H */
