/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_atomic.h>
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
	dp->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dp->workers = calloc(n_workers, sizeof(*dp->workers));
	if (dp->workers == NULL || create_qsbr(dp) != 0) {
		dataplane_destroy(dp);
		return err_set(err, ENOMEM, "no memory for %u workers", n_workers);
	}
	for (uint32_t i = 0; i < n_workers; i++) {
		dp->workers[i] = worker_create(i, lcores[i], dp->mail_fd, err);
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
	if (dp->mail_fd >= 0)
		close(dp->mail_fd);
	free(dp->workers);
	rte_free(dp->qsbr);
	snapshot_free(dp->snapshot);
	*dp = (struct dataplane){.mail_fd = -1};
}

/* Who sleeps is offline: main doesn't wait for it, and frees what it could have seen. */
static void rest(struct dataplane *dp, struct worker *w, uint32_t us)
{
	rte_rcu_qsbr_thread_offline(dp->qsbr, w->index);
	worker_sleep(w, us);
	rte_rcu_qsbr_thread_online(dp->qsbr, w->index);
}

static void wake_all(struct dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_workers; i++)
		idle_wake(&dp->workers[i]->idle);
}

void dataplane_turn(struct dataplane *dp, uint32_t index)
{
	struct worker *w = dp->workers[index];
	uint32_t us = 0;

	worker_poll(w, __atomic_load_n(&dp->snapshot, __ATOMIC_ACQUIRE));
	/* Also after work, which keeps it awake in the turns that follow; and while the snapshot is there. */
	if (__atomic_load_n(&dp->adaptive, __ATOMIC_RELAXED))
		us = worker_may_sleep(w);
	rte_rcu_qsbr_quiescent(dp->qsbr, index);
	if (us > 0)
		rest(dp, w, us);
}

void dataplane_run_worker(struct dataplane *dp, uint32_t index)
{
	struct worker *w = dp->workers[index];

	rte_rcu_qsbr_thread_register(dp->qsbr, index);
	rte_rcu_qsbr_thread_online(dp->qsbr, index);
	worker_begin(w);
	while (!__atomic_load_n(&dp->stop, __ATOMIC_RELAXED))
		dataplane_turn(dp, index);
	worker_end(w);
	rte_rcu_qsbr_thread_offline(dp->qsbr, index);
	rte_rcu_qsbr_thread_unregister(dp->qsbr, index);
}

void dataplane_stop(struct dataplane *dp)
{
	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	wake_all(dp);
}

void dataplane_set_adaptive(struct dataplane *dp, bool adaptive)
{
	if (dp->adaptive == adaptive)
		return;
	__atomic_store_n(&dp->adaptive, adaptive, __ATOMIC_RELAXED);
	wake_all(dp);
}

struct snapshot *dataplane_publish(struct dataplane *dp, struct snapshot *s)
{
	struct snapshot *old = __atomic_exchange_n(&dp->snapshot, s, __ATOMIC_ACQ_REL);

	/* It may have given a sleeping worker a queue that must be polled. */
	wake_all(dp);
	return old;
}

void dataplane_wait(struct dataplane *dp)
{
	/* A worker that wakes goes online, then loads the snapshot; we did it the other way round. */
	rte_smp_mb();
	/* Inline, unlike rte_rcu_qsbr_synchronize(): ThreadSanitizer sees the order. */
	rte_rcu_qsbr_check(dp->qsbr, rte_rcu_qsbr_start(dp->qsbr), true);
}

uint64_t dataplane_turn_begin(struct dataplane *dp)
{
	return rte_rcu_qsbr_start(dp->qsbr);
}

bool dataplane_turn_passed(struct dataplane *dp, uint64_t turn)
{
	return rte_rcu_qsbr_check(dp->qsbr, turn, false) == 1;
}
