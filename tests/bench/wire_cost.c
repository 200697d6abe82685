/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker's turns cost where a port never runs dry, in TSC cycles a frame:
 *
 *   bench_wire_cost EAL… -- vnic.ini [TURNS]
 *
 * One thread does all. Quantiles of single turns are told, so that the quick ones can be compared from
 * build to build although others use the machine, too; and the mean of each stage.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include "base/log.h"
#include "ctl/control.h"
#include "ctl/runtime.h"
#include "endpoint/csum_field.h"

#define TURNS  20000
#define WARMUP 2000
#define MBUFS  16384

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(const struct dataplane *dp, size_t turns)
{
	struct worker *w = dp->workers[0];
	double *cycles = calloc(turns, sizeof(*cycles));
	const struct cycles_counts *c = &w->cycles.counts;

	if (cycles == NULL)
		rte_exit(EXIT_FAILURE, "no memory\n");
	for (size_t i = 0; i < WARMUP; i++)
		worker_poll(w, dp->snapshot);
	for (size_t i = 0; i < turns; i++) {
		uint64_t begin = rte_rdtsc_precise();

		worker_poll(w, dp->snapshot);
		cycles[i] = (double)(rte_rdtsc_precise() - begin) /
			    (double)RTE_MAX(w->cycles.frames, 1u);
	}
	qsort(cycles, turns, sizeof(*cycles), compare);
	printf("cycles a frame: %.1f (5 %%), %.1f (25 %%), %.1f (median)", cycles[turns / 20],
	       cycles[turns / 4], cycles[turns / 2]);
	for (int s = 0; s < N_STAGES; s++)
		printf("; %s %.1f", stage_name((enum stage)s),
		       (double)c->stages[s] / (double)RTE_MAX(c->sampled_frames, UINT64_C(1)));
	printf("\n");
	free(cycles);
}

static struct conf *load(const char *path)
{
	struct errors es = {.file = path};
	struct conf *conf = control_load(path, &es);

	errors_print(&es, stderr);
	errors_free(&es);
	return conf;
}

int main(int argc, char **argv)
{
	static struct runtime rt;
	int used = rte_eal_init(argc, argv);
	struct err err = {0};
	struct conf *conf;
	struct pool_conf pools;
	unsigned int lcore;

	if (used < 0 || used + 1 >= argc)
		rte_exit(EXIT_FAILURE, "usage: bench_wire_cost EAL... -- vnic.ini [TURNS]\n");
	log_open();
	lcore = rte_get_main_lcore();
	conf = load(argv[used + 1]);
	if (conf == NULL || csum_field_register() != 0 || endpoint_watch_open(&err) != 0)
		rte_exit(EXIT_FAILURE, "%s\n", err.text);
	pools = (struct pool_conf){conf->global.mbufs != 0 ? conf->global.mbufs : MBUFS,
				   conf->global.mbuf_size};
	pools_configure(&pools);
	runtime_init(&rt, &lcore, 1);
	if (runtime_apply(&rt, conf, &err) != 0)
		rte_exit(EXIT_FAILURE, "%s\n", err.text);
	measure(&rt.dp, argc > used + 2 ? (size_t)atoi(argv[used + 2]) : TURNS);
	runtime_destroy(&rt);
	rte_eal_cleanup();
	return 0;
}
