/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <sys/resource.h>

#include "dp/cycles.h"

void cycles_stamp_sample(struct cycles *c, enum stage stage)
{
	uint64_t now = rte_rdtsc();

	c->stages[stage] += now - c->mark;
	c->mark = now;
}

void cycles_end_sample(struct cycles *c)
{
	/* Far over the mean: somebody else had the core, and no stage is to blame. */
	uint64_t most =
		c->counts.busy_cycles / RTE_MAX(c->counts.busy_turns, UINT64_C(1)) * CYCLES_OUTLIER;

	if (c->frames > 0 && c->mark - c->turn < most) {
		for (int s = 0; s < N_STAGES; s++)
			cycles_add(&c->counts.stages[s], c->stages[s]);
		cycles_add(&c->counts.sampled_frames, c->frames);
		c->unsampled = 0;
		c->sampling = false;
	}
	memset(c->stages, 0, sizeof(c->stages));
}

/* Has another thread had the core since the last time that this was asked? */
static bool was_preempted(struct cycles *c)
{
	struct rusage u;
	uint64_t before = c->preemptions;

	if (getrusage(RUSAGE_THREAD, &u) != 0)
		return false;
	c->preemptions = (uint64_t)u.ru_nivcsw;
	return c->preemptions != before;
}

static void set(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, n, __ATOMIC_RELAXED);
}

void cycles_note_turn(struct cycles *c, uint64_t now, uint64_t took)
{
	struct cycles_counts *n = &c->counts;

	if (now - n->since > c->late) {
		set(&n->longest[1], now - n->since > 2 * c->late ? 0 : n->longest[0]);
		set(&n->longest[0], 0);
		set(&n->since, now);
	}
	/*
	 * It may have been preempted in an earlier turn, and this one be the longest all the
	 * same: what happens once isn't told, what happens again is.
	 */
	if (took > n->longest[0] && !was_preempted(c))
		set(&n->longest[0], took);
}

uint64_t cycles_longest(const struct cycles_counts *counts, uint64_t now, uint64_t late)
{
	uint64_t age = now > counts->since ? now - counts->since : 0;

	/* A worker that has had nothing to do since doesn't forget by itself. */
	if (age > 2 * late)
		return 0;
	return age > late ? counts->longest[0] : RTE_MAX(counts->longest[0], counts->longest[1]);
}

void cycles_slept(struct cycles *c, uint64_t from)
{
	cycles_add(&c->counts.sleeps, 1);
	cycles_add(&c->counts.sleep_cycles, rte_rdtsc() - from);
}

/* 64-bit numbers and nothing else, so they are copied as an array of them. */
void cycles_read(const struct cycles *c, struct cycles_counts *counts)
{
	const uint64_t *from = (const uint64_t *)&c->counts;
	uint64_t *to = (uint64_t *)counts;

	for (size_t i = 0; i < sizeof(*counts) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

const char *stage_name(enum stage s)
{
	static const char *const names[N_STAGES] = {
		[STAGE_RX] = "rx",
		[STAGE_PARSE] = "parse",
		[STAGE_CLASSIFY] = "classify",
		[STAGE_DECIDE] = "decide",
		[STAGE_DELIVER] = "deliver",
		[STAGE_TX] = "tx",
	};

	return names[s];
}
