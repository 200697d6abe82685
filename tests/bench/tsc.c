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

int main(void)
{
	double begin = seconds(), now;
	uint64_t from = rte_rdtsc(), to;

	do {
		to = rte_rdtsc();
		now = seconds();
	} while (now - begin < 0.2);
	printf("%.0f\n", (double)(to - from) / (now - begin));
	return 0;
}
