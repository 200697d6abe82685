/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the rate of the time stamp counter in Hz: the unit of "cycles a frame". */
#include <stdio.h>
#include <time.h>

#include <rte_cycles.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Both clocks at one moment: where somebody took the core between them, once more. */
static uint64_t read_both(double *now)
{
	uint64_t before, after;

	do {
		before = rte_rdtsc();
		*now = seconds();
		after = rte_rdtsc();
	} while (after - before > 2000);
	return before + (after - before) / 2;
}

int main(void)
{
	double begin, now;
	uint64_t from = read_both(&begin), to;

	do
		to = read_both(&now);
	while (now - begin < 0.2);
	printf("%.0f\n", (double)(to - from) / (now - begin));
	return 0;
}
