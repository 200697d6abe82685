/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which waiting sources a turn reads without being told, and when it asks epoll. An event costs some
 * 1,300 cycles, a read that finds nothing a third of that: so who had frames just now is read directly, and
 * counts as cold again when reads have found nothing for about as long as events would have cost.
 *
 * Epoll is asked in every turn that has nothing better to do; where frames keep a worker busy, once in
 * WARM_PERIOD_US. So the first frame of a cold source waits no longer than that and a turn.
 *
 * Pure: events in, events out, no descriptor. A worker's own.
 */
#ifndef DP_WARM_H
#define DP_WARM_H

#include <stdbool.h>
#include <stdint.h>

#define WARM_MAX 8 /**< sources; others go on by events */
#define WARM_PATIENCE \
	64 /**< silent turns, and a source is cold; the worker has nothing else to do */
#define WARM_HASTE     16 /**< a silent turn counts as so many when there is other work */
#define WARM_EMPTY     4 /**< turns without work, and epoll is asked */
#define WARM_PERIOD_US 20 /**< the longest time without asking it */

struct warm {
	uint64_t generation; /**< of the snapshot that the events are about */
	uint64_t asked; /**< TSC of the turn that asked epoll last */
	uint32_t empty; /**< turns without work since */
	uint32_t n;
	struct {
		uint64_t event;
		uint32_t silent;
	} sources[WARM_MAX];
};

/** Nobody is warm, and the next turn asks epoll. */
static inline void warm_reset(struct warm *w, uint64_t generation)
{
	w->generation = generation;
	w->asked = 0;
	w->empty = WARM_EMPTY;
	w->n = 0;
}

/** What came of reading the source at place @p i: one that leaves gives its place to the last, so go backwards. */
static inline void warm_learn(struct warm *w, uint32_t i, bool had_frames, bool has_other_work)
{
	if (had_frames) {
		w->sources[i].silent = 0;
		return;
	}
	w->sources[i].silent += has_other_work ? WARM_HASTE : 1;
	if (w->sources[i].silent >= WARM_PATIENCE)
		w->sources[i] = w->sources[--w->n];
}

/**
 * Is epoll to be asked in the turn that began at @p now?
 * @param worked  it had something to do without
 * @param period  WARM_PERIOD_US in TSC cycles
 */
static inline bool warm_asks_epoll(struct warm *w, bool worked, uint64_t now, uint64_t period)
{
	if (worked)
		w->empty = 0;
	else if (w->n > 0)
		w->empty++;
	else
		w->empty = WARM_EMPTY;
	if (w->empty < WARM_EMPTY && now - w->asked < period)
		return false;
	w->asked = now;
	w->empty = 0;
	return true;
}

/** An event brought frames: its source is read directly from now on, if there is a place for it. */
static inline void warm_add(struct warm *w, uint64_t event)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->sources[i].event == event)
			return;
	if (w->n == WARM_MAX)
		return;
	w->sources[w->n].event = event;
	w->sources[w->n++].silent = 0;
}

#endif /* DP_WARM_H */
