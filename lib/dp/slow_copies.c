/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "dp/slow_copies.h"

void slow_copies_learn(struct slow_copies *s, uint32_t made, uint64_t took, uint64_t tsc_per_us)
{
	uint64_t quickest = UINT64_MAX, allowed = SLOW_COPIES_MAX;

	/* Of a turn with few of them something else was most. */
	if (made >= SLOW_COPIES_MIN) {
		s->costs[s->next] = took / made;
		s->next = (s->next + 1) % SLOW_COPIES_TURNS;
	}
	for (int i = 0; i < SLOW_COPIES_TURNS; i++)
		quickest = RTE_MIN(quickest, s->costs[i]);
	if (quickest > 0)
		allowed = SLOW_COPIES_US * tsc_per_us / quickest;
	allowed = RTE_MIN(allowed, (uint64_t)SLOW_COPIES_MAX);
	s->allowed = (uint32_t)RTE_MAX(allowed, (uint64_t)SLOW_COPIES_MIN);
}
