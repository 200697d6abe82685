/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MAC translation on mbufs (`mac-policy = macnat`; lib/net/macnat.h has the bytes). All that
 * such a vnic sends leaves under the port's MAC; unicast to it gets its owner's. Group frames
 * to it stay as they are: every receiver shares them, and nothing in them that its owner
 * compares is the port's. Worker.
 */
#ifndef DP_TRANSLATE_H
#define DP_TRANSLATE_H

#include "fwd/kind.h"

struct worker;

/**
 * Frames of @p self, not parsed yet. Those for which no mbuf is free are dropped, counted, and
 * the burst closes up. A new MAC of its owner is told to main.
 */
void translate_outbound(struct worker *w, const struct fwd_vnic *self, struct burst *b);

/** Unicast frame @p m for @p v. Consumes it. NULL: no mbuf, counted. */
struct rte_mbuf *translate_inbound(struct worker *w, const struct fwd_vnic *v, struct rte_mbuf *m);

#endif /* DP_TRANSLATE_H */
