/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/mman.h>

#include <numa.h>

#include "dp/stats.h"

#define ROWS_SIZE (STATS_MAX_VNICS * sizeof(struct iface_stats))

int stats_create(struct stats *s, int socket)
{
	/* Anonymous memory costs only what is touched, unlike a hugepage. */
	void *rows = mmap(NULL, ROWS_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*s = (struct stats){0};
	if (rows == MAP_FAILED)
		return -ENOMEM;
	if (socket >= 0 && numa_available() >= 0 && socket <= numa_max_node())
		numa_tonode_memory(rows, ROWS_SIZE, socket);
	s->vnics = rows;
	return 0;
}

void stats_destroy(struct stats *s)
{
	if (s->vnics != NULL)
		munmap(s->vnics, ROWS_SIZE);
	s->vnics = NULL;
}

/* A row is counters and nothing else, so it is summed and cleared as an array of them. */
#define ROW_COUNTERS (offsetof(struct iface_stats, drops) / sizeof(uint64_t) + DROP_N_REASONS)

void stats_collect(struct iface_stats *sum, const struct iface_stats *row)
{
	const uint64_t *from = (const uint64_t *)row;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < ROW_COUNTERS; i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void stats_clear(struct iface_stats *row)
{
	uint64_t *c = (uint64_t *)row;

	for (size_t i = 0; i < ROW_COUNTERS; i++)
		__atomic_store_n(&c[i], 0, __ATOMIC_RELAXED);
}
