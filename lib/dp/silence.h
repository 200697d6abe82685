/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which polled sources a worker looks at in a turn. A look at a vhost queue that is idle costs some
 * 90 cycles, so five hundred of them would cost each burst of a busy one 45,000. Who
 * was silent for SILENCE_LONG turns is looked at in every SILENCE_PERIOD-th turn only, each in
 * another one; its first frame waits that many turns, which are short then. With few sources all are
 * looked at always. Sources are known by their place in the plan, and slots are shared beyond
 * SILENCE_SLOTS of them: a plan that changes and a neighbour that speaks cost some looks, no more. The
 * worker's thread.
 */
#ifndef DP_SILENCE_H
#define DP_SILENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SILENCE_FEW    32 /**< sources */
#define SILENCE_LONG   64 /**< turns */
#define SILENCE_PERIOD 8
#define SILENCE_SLOTS  2048

struct silence {
	uint32_t turn;
	uint8_t turns[SILENCE_SLOTS]; /**< without a frame, up to SILENCE_LONG */
};

static inline void silence_next_turn(struct silence *s)
{
	s->turn++;
}

/** Is source @p i to be looked at in this turn? */
static inline bool silence_is_due(const struct silence *s, uint32_t i)
{
	return s->turns[i % SILENCE_SLOTS] < SILENCE_LONG || (i + s->turn) % SILENCE_PERIOD == 0;
}

/** It was, and had frames or hadn't. */
static inline void silence_note(struct silence *s, uint32_t i, bool spoke)
{
	uint8_t *turns = &s->turns[i % SILENCE_SLOTS];

	if (spoke)
		*turns = 0;
	else if (*turns < SILENCE_LONG)
		++*turns;
}

/** After a sleep: turns were far apart, so that any may have something to say. */
static inline void silence_forget(struct silence *s)
{
	memset(s->turns, 0, sizeof(s->turns));
}

#endif /* DP_SILENCE_H */
