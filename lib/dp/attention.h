/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which polled sources a turn asks, where there are many. Asking a connected guest that is silent costs
 * 80 to 100 cycles, so 500 of them cost more than a busy pair's frames do. Who had frames of late is asked
 * every turn; of the others a few, in turn, so that each is asked at least once in ATTENTION_ROUND
 * turns. After a sleep, all are.
 *
 * Pure: numbers of sources in, numbers out. A worker's own.
 */
#ifndef DP_ATTENTION_H
#define DP_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

#define ATTENTION_FEW	 16 /**< so many are simply asked every turn */
#define ATTENTION_MAX	 4096 /**< and more than these, too */
#define ATTENTION_ROUND	 64 /**< turns in which every source is asked */
#define ATTENTION_LEAST	 4 /**< silent sources asked in a turn */
#define ATTENTION_SILENT 64 /**< turns without a frame, and a source counts as silent */

struct attention {
	uint64_t generation; /**< of the snapshot that this is about */
	uint32_t n; /**< sources; 0: nothing is known yet */
	uint32_t n_warm;
	uint32_t next; /**< the source to look at next, silent or not */
	bool all; /**< the next turn asks everybody */
	uint16_t warm[ATTENTION_MAX]; /**< asked every turn: [n_warm] */
	uint8_t silent
		[ATTENTION_MAX]; /**< by source: turns without a frame, up to ATTENTION_SILENT */
};

/** Is it worth while with @p n sources? */
static inline bool attention_is_needed(uint32_t n)
{
	return n > ATTENTION_FEW && n <= ATTENTION_MAX;
}

/** @p n sources of another snapshot: all of them count as busy. */
void attention_reset(struct attention *a, uint64_t generation, uint32_t n);

/** How many sources, from attention_next() one by one, this turn looks at beside the warm ones. */
static inline uint32_t attention_visits(struct attention *a)
{
	uint32_t round = (a->n + ATTENTION_ROUND - 1) / ATTENTION_ROUND;

	if (a->all) {
		a->all = false;
		return a->n;
	}
	return round > ATTENTION_LEAST ? round : ATTENTION_LEAST;
}

/** The next source in turn. @return false: it is warm, and asked already */
static inline bool attention_next(struct attention *a, uint32_t *source)
{
	*source = a->next;
	a->next = a->next + 1 == a->n ? 0 : a->next + 1;
	return a->silent[*source] == ATTENTION_SILENT;
}

/**
 * What came of asking the warm source at place @p i; one that has been silent for long
 * leaves, and the last takes its place: go through them backwards.
 */
static inline void attention_learn(struct attention *a, uint32_t i, bool had_frames)
{
	uint16_t source = a->warm[i];

	if (had_frames)
		a->silent[source] = 0;
	else if (++a->silent[source] == ATTENTION_SILENT)
		a->warm[i] = a->warm[--a->n_warm];
}

/** A silent source had frames. */
static inline void attention_warm(struct attention *a, uint32_t source)
{
	a->silent[source] = 0;
	a->warm[a->n_warm++] = (uint16_t)source;
}

#endif /* DP_ATTENTION_H */
