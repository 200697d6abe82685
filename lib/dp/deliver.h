/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delivery: verdicts to outlets. Consumes every frame of the burst: each ends in
 * outlets, in a port's flood queue, or as a counted drop. Worker.
 */
#ifndef DP_DELIVER_H
#define DP_DELIVER_H

#include "dp/worker.h"

/** The frames of @p b came from @p src; b->v says where they go. */
void deliver(struct worker *w, const struct source *src, struct burst *b);

#endif /* DP_DELIVER_H */
