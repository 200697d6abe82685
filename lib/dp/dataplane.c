/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "dp/dataplane.h"

static int create_qsbr(struct dataplane *dp)
{
	size_t size = rte_rcu_qsbr_get_memsize(dp->n_workers);

	dp->qsbr = rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE);
	if (dp->qsbr == NULL)
		return -ENOMEM;
	return rte_rcu_qsbr_init(dp->qsbr, dp->n_workers);
}

int dataplane_create(struct dataplane *dp, const unsigned int *lcores, uint32_t n_workers,
		     struct snapshot *first, struct err *err)
{
	*dp = (struct dataplane){.n_workers = n_workers};
	dp->workers = calloc(n_workers, sizeof(*dp->workers));
	if (dp->workers == NULL || create_qsbr(dp) != 0) {
		dataplane_destroy(dp);
		return err_set(err, ENOMEM, "no memory for %u workers", n_workers);
	}
	for (uint32_t i = 0; i < n_workers; i++) {
		dp->workers[i] = worker_create(i, lcores[i], err);
		if (dp->workers[i] == NULL) {
			dataplane_destroy(dp);
			return -err->code;
		}
	}
	dp->snapshot = first;
	return 0;
}

void dataplane_destroy(struct dataplane *dp)
{
	for (uint32_t i = 0; dp->workers != NULL && i < dp->n_workers; i++)
		worker_destroy(dp->workers[i]);
	free(dp->workers);
	rte_free(dp->qsbr);
	snapshot_free(dp->snapshot);
	*dp = (struct dataplane){0};
}

void dataplane_run_worker(struct dataplane *dp, uint32_t index)
{
	struct worker *w = dp->workers[index];

	rte_rcu_qsbr_thread_register(dp->qsbr, index);
	rte_rcu_qsbr_thread_online(dp->qsbr, index);
	while (!__atomic_load_n(&dp->stop, __ATOMIC_RELAXED)) {
		worker_poll(w, __atomic_load_n(&dp->snapshot, __ATOMIC_ACQUIRE));
		rte_rcu_qsbr_quiescent(dp->qsbr, index);
	}
	rte_rcu_qsbr_thread_offline(dp->qsbr, index);
	rte_rcu_qsbr_thread_unregister(dp->qsbr, index);
}

void dataplane_stop(struct dataplane *dp)
{
	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
}

struct snapshot *dataplane_publish(struct dataplane *dp, struct snapshot *s)
{
	return __atomic_exchange_n(&dp->snapshot, s, __ATOMIC_ACQ_REL);
}

void dataplane_wait(struct dataplane *dp)
{
	/* Inline, unlike rte_rcu_qsbr_synchronize(): ThreadSanitizer sees the order. */
	rte_rcu_qsbr_check(dp->qsbr, rte_rcu_qsbr_start(dp->qsbr), true);
}
