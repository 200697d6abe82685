/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which worker receives from which queue. A queue has exactly one worker, keeps it
 * as long as its endpoint is open, and prefers one on its own NUMA node. Main.
 */
#ifndef CTL_PLACEMENT_H
#define CTL_PLACEMENT_H

#include "ctl/runtime.h"

/** How many rx queues an endpoint should have: one per allowed worker, or @p wanted. */
uint16_t placement_queues(const struct runtime *rt, const struct lcore_set *workers,
			  uint16_t wanted);

/** Is there a worker on one of the lcores? */
bool placement_possible(const struct runtime *rt, const struct lcore_set *workers);

/** Gives the queues of a newly opened endpoint to workers; warns where a NUMA node is left. */
void placement_add(struct runtime *rt, struct attachment *a, const struct lcore_set *workers);

/** Takes them back; the endpoint is about to close. */
void placement_remove(struct runtime *rt, struct attachment *a);

/** Writes each worker's sources into the plans of @p s. 0 or -ENOMEM. */
int placement_plan(struct runtime *rt, struct snapshot *s);

/**
 * Has the worker of each waiting queue of @p a woken by it, or no longer. The
 * snapshot without the endpoint need not be out yet: an event that no snapshot
 * explains is ignored. Arming again is harmless, and needed when a tap was remade.
 */
void placement_arm(struct runtime *rt, struct attachment *a, enum source_side side, uint16_t id);
void placement_disarm(struct runtime *rt, struct attachment *a);

#endif /* CTL_PLACEMENT_H */
