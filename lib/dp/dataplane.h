/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers together, and the one value that main gives them: the published
 * snapshot. A release store publishes, one acquire load a turn reads, and QSBR
 * tells main when nobody can see the old one any more.
 */
#ifndef DP_DATAPLANE_H
#define DP_DATAPLANE_H

#include <stdbool.h>

#include "dp/worker.h"

struct rte_rcu_qsbr;

struct dataplane {
	struct snapshot *snapshot; /**< main: rw (release), workers: ro (acquire) */
	struct rte_rcu_qsbr *qsbr;
	uint32_t n_workers;
	struct worker **workers;
	int mail_fd; /**< eventfd: readable when a worker wrote to main */
	bool stop; /**< main: rw, workers: ro (relaxed) */
	bool adaptive; /**< workers may sleep; main: rw, workers: ro (relaxed) */
};

/**
 * Makes a worker for each of @p lcores and publishes @p first.
 * @return 0, or -errno with @p err and nothing left. Main.
 */
int dataplane_create(struct dataplane *dp, const unsigned int *lcores, uint32_t n_workers,
		     struct snapshot *first, struct err *err);

/** Workers' threads have ended; frees them, the frames that wait in them, and the snapshot. Main. */
void dataplane_destroy(struct dataplane *dp);

/** One turn of worker @p index, and its sleep behind it. Its thread, which QSBR knows, or a test that plays it. */
void dataplane_turn(struct dataplane *dp, uint32_t index);

/** Runs worker @p index until dataplane_stop(); on its own thread. */
void dataplane_run_worker(struct dataplane *dp, uint32_t index);

/** Asks all workers to end after their turn. Any thread; also a signal handler. */
void dataplane_stop(struct dataplane *dp);

/**
 * Publishes @p s.
 * @return the snapshot before, which workers may still read until dataplane_wait(). Main.
 */
struct snapshot *dataplane_publish(struct dataplane *dp, struct snapshot *s);

/** `idle = adaptive` (true) or `poll`, from the next turn on. Main. */
void dataplane_set_adaptive(struct dataplane *dp, bool adaptive);

/** Returns when every worker has begun a turn after this call began, or sleeps. Main. */
void dataplane_wait(struct dataplane *dp);

/** From here on: has every worker begun a turn? To be asked with what this returns. Main. */
uint64_t dataplane_turn_begin(struct dataplane *dp);

/** Has every worker begun a turn since @p turn was made? One that is offline (asleep) has. Main. */
bool dataplane_turn_passed(struct dataplane *dp, uint64_t turn);

#endif /* DP_DATAPLANE_H */
