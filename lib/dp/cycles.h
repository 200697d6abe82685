/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a worker's cycles go: how many turns had work, what they cost, and, of one busy turn
 * in CYCLES_SAMPLE, which stage took how much. A turn reads the clock once; the
 * stages' clock reads are made only while one is sampled.
 *
 * The counts are one worker's: it alone writes them, a few relaxed stores a busy turn, and
 * anybody may read them. All else here is the worker's own.
 */
#ifndef DP_CYCLES_H
#define DP_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>

/** The stages of a turn, as docs/architecture.md names them. */
enum stage {
	STAGE_RX, /**< asking endpoints, those that had nothing included, and epoll */
	STAGE_PARSE,
	STAGE_CLASSIFY,
	STAGE_DECIDE,
	STAGE_DELIVER, /**< with the flushes of outlets that were full */
	STAGE_TX, /**< with the offloads that egresses lack */
	N_STAGES
};

/** One busy turn in so many is sampled. */
#define CYCLES_SAMPLE 64

/** A turn that took so many times what one takes on average is no sample: it was interrupted. */
#define CYCLES_OUTLIER 64

/** Counted since the worker began; TSC cycles. */
struct cycles_counts {
	uint64_t busy_turns; /**< those that had frames, or floods that waited */
	uint64_t busy_cycles;
	uint64_t frames; /**< received by the worker */
	uint64_t bursts; /**< that they came in */
	uint64_t sampled_frames; /**< what `stages` is about */
	uint64_t stages[N_STAGES]; /**< cycles of sampled turns; their sum is those turns' time */
	uint64_t sleeps;
	uint64_t sleep_cycles;
	uint64_t began; /**< TSC; 0: its thread has not begun */
	uint64_t longest[2]; /**< not totals: see cycles_longest() */
	uint64_t since; /**< TSC: when the time that longest[0] is about began */
};

struct cycles {
	/* worker: w, any: ro (relaxed) */
	struct cycles_counts counts __rte_cache_aligned;
	/* worker */
	uint64_t turn __rte_cache_aligned; /**< TSC when this turn began */
	uint32_t frames, bursts; /**< of this turn */
	bool worked; /**< this turn had something to do */
	bool sampling;
	uint32_t unsampled; /**< busy turns since the last sample */
	uint64_t mark; /**< TSC of the last stamp */
	uint64_t late; /**< cycles that "of late" is: longest[0] is about so many at most */
	uint64_t preemptions; /**< of the thread, when it was last looked */
	uint64_t stages[N_STAGES];
};

static inline void cycles_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/** A busy turn took @p took, longer than any of late; or it is time to forget older ones. */
void cycles_note_turn(struct cycles *c, uint64_t now, uint64_t took) __rte_cold;

/** A turn begins: the one before is counted if it worked. */
static inline void cycles_begin(struct cycles *c)
{
	uint64_t now = rte_rdtsc();

	if (c->worked) {
		uint64_t took = now - c->turn;

		cycles_add(&c->counts.busy_turns, 1);
		cycles_add(&c->counts.busy_cycles, took);
		if (unlikely(took > c->counts.longest[0] || now - c->counts.since > c->late))
			cycles_note_turn(c, now, took);
		cycles_add(&c->counts.frames, c->frames);
		cycles_add(&c->counts.bursts, c->bursts);
		c->frames = 0;
		c->bursts = 0;
		c->worked = false;
		c->sampling = ++c->unsampled >= CYCLES_SAMPLE;
	}
	c->turn = now;
	c->mark = now;
}

/** @p n frames came in one burst. */
static inline void cycles_burst(struct cycles *c, uint32_t n)
{
	c->frames += n;
	c->bursts++;
	c->worked = true;
}

/** What was done since the last stamp was @p stage. */
void cycles_stamp_sample(struct cycles *c, enum stage stage) __rte_cold;
static inline void cycles_stamp(struct cycles *c, enum stage stage)
{
	if (unlikely(c->sampling))
		cycles_stamp_sample(c, stage);
}

/** The turn is over; a sample of one that had no frames, or was interrupted, is made anew. */
void cycles_end_sample(struct cycles *c) __rte_cold;
static inline void cycles_end(struct cycles *c)
{
	if (unlikely(c->sampling))
		cycles_end_sample(c);
}

/** The worker slept, from @p from to now. */
void cycles_slept(struct cycles *c, uint64_t from);

/** Copies the counts as their worker left them. Any thread. */
void cycles_read(const struct cycles *c, struct cycles_counts *counts);

/**
 * The longest busy turn of the last second or two (@p late cycles, and up to twice that), by the
 * clock. Turns in which the kernel gave the core to another thread are left out, and so are
 * those before the first look at whether it did. What a hypervisor took is in it: nobody tells.
 * Any thread.
 */
uint64_t cycles_longest(const struct cycles_counts *counts, uint64_t now, uint64_t late);

/** The words of the stages, for texts and JSON; static strings. */
const char *stage_name(enum stage s);

#endif /* DP_CYCLES_H */
