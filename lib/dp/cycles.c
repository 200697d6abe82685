/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

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

void cycles_slept(struct cycles *c, uint64_t from)
{
	cycles_add(&c->counts.sleeps, 1);
	cycles_add(&c->counts.sleep_cycles, rte_rdtsc() - from);
}

/* Counters and nothing else, so they are copied as an array of them. */
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
