/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one thread's share of the data path. A turn (worker_poll()) takes a
 * burst from each of its sources through the stages
 *
 *   rx burst → parse → classify → decide → deliver → complete offloads → tx burst
 *
 * All that a worker writes is its own, on its own NUMA node. It reads the
 * snapshot that was published when its turn began, and nothing else that main
 * writes.
 */
#ifndef DP_WORKER_H
#define DP_WORKER_H

#include "dp/attention.h"
#include "dp/cycles.h"
#include "dp/flood_queue.h"
#include "dp/idle.h"
#include "dp/mailbox.h"
#include "dp/neighbour_queue.h"
#include "dp/slow_copies.h"
#include "dp/stats.h"
#include "dp/tx.h"
#include "dp/warm.h"
#include "fwd/kind.h"
#include "fwd/snapshot.h"

#define WORKER_BURST	  96 /**< frames taken from a source at a time */
#define WORKER_SLOW_BURST 32 /**< from one that costs a system call a frame */
#define WORKER_FEW_VNICS \
	1024 /**< what workers read of so many stays in the core's caches (measured with 1,000) */
#define WORKER_EVENTS 32 /**< waiting sources served in a turn */

struct assist;

struct worker {
	const struct snapshot *snapshot; /**< this turn's */
	uint32_t index; /**< also its tx queue number and plan */
	unsigned int lcore;
	int epoll; /**< descriptors of waiting sources; main adds and removes */
	const struct capture_set *captures; /**< main: rw (release), worker: ro (acquire) */
	struct idle idle;
	struct attention attention; /**< of polled sources */
	struct warm warm; /**< of waiting ones */
	struct cycles cycles; /**< its counts: any thread, cycles_read() */
	struct slow_copies slow_copies; /**< of floods */
	struct burst burst;
	struct tx tx;
	struct mailbox *mail;
	struct neighbour_queues *neighbours;
	struct assist *assist;
	struct flood_queues floods;
	struct stats stats;
};

/**
 * Makes worker @p index on the NUMA node of @p lcore.
 * @param mail_fd  an eventfd that its letters ring, or -1
 * @return NULL with @p err. Main.
 */
struct worker *worker_create(uint32_t index, unsigned int lcore, int mail_fd, struct err *err);

/** Frees @p w and the frames that still wait in it; its thread has ended. Main. */
void worker_destroy(struct worker *w);

/** One turn on @p s. The worker's thread, or a test in its place. Never blocks. */
void worker_poll(struct worker *w, const struct snapshot *s);

/** Adds what @p w counted of a vnic, or of a port, to @p sum. Any thread. */
void worker_collect_vnic(const struct worker *w, uint16_t id, struct iface_stats *sum);
void worker_collect_port(const struct worker *w, uint16_t id, struct iface_stats *sum);

/** Has the counts begin anew: the id is about to be used again, and no worker knows it. Main. */
void worker_clear_vnic(struct worker *w, uint16_t id);
void worker_clear_port(struct worker *w, uint16_t id);

/** Begins counting cycles, and ends it: the last turn's are added. The worker's thread. */
void worker_begin(struct worker *w);
void worker_end(struct worker *w);

/**
 * After a turn, whose snapshot is still there: µs that the worker may sleep; 0: it has work, or had
 * some just now. The worker's thread, or a test.
 */
uint32_t worker_may_sleep(struct worker *w);

/** Sleeps so long at most; it can't be holding a snapshot then. The worker's thread. */
void worker_sleep(struct worker *w, uint32_t us);

#endif /* DP_WORKER_H */
