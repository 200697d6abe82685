/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many copies of floods a turn makes to endpoints that cost a system call each; what a flood needs beyond
 * that waits for the next turns. At most 32, and fewer where a system call takes so long that a turn with
 * them would keep other frames waiting: 1,450 cycles on one machine, 5,200 on another.
 *
 * Pure: TSC cycles in, a number out. A worker's own.
 */
#ifndef DP_SLOW_COPIES_H
#define DP_SLOW_COPIES_H

#include <stdint.h>

#include <rte_branch_prediction.h>

#define SLOW_COPIES_MAX 32
#define SLOW_COPIES_MIN 8 /**< and that many in any case: a flood has to come to its end */
#define SLOW_COPIES_US	60 /**< that a turn with them shall take */
#define SLOW_COPIES_TURNS \
	4 /**< of these the quickest counts: in the others somebody else may have had the core */

struct slow_copies {
	uint32_t left; /**< in this turn */
	uint32_t allowed; /**< in each; 0: the first turn is still to come */
	uint32_t next;
	uint64_t costs[SLOW_COPIES_TURNS]; /**< of a copy, with all else that its turn did */
};

/** A turn with @p made copies took @p took cycles. */
void slow_copies_learn(struct slow_copies *s, uint32_t made, uint64_t took, uint64_t tsc_per_us);

/** A turn begins; the one before took @p took cycles. */
static inline void slow_copies_begin(struct slow_copies *s, uint64_t took, uint64_t tsc_per_us)
{
	uint32_t made = s->allowed - s->left;

	if (likely(made == 0 && s->allowed != 0))
		return;
	slow_copies_learn(s, made, took, tsc_per_us);
	s->left = s->allowed;
}

#endif /* DP_SLOW_COPIES_H */
