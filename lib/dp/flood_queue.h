/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Group frames that wait. A flood to many endpoints that cost a system call each
 * would stall a worker, so it is cut off after some copies a turn and the rest waits
 * here, first come, first served, one queue a port (the kernel's broadcast queue,
 * bcqueuelen, docs/semantics.md §8). One set a worker; no locks, no heap.
 */
#ifndef DP_FLOOD_QUEUE_H
#define DP_FLOOD_QUEUE_H

#include <stdbool.h>

#include "fwd/kind.h"

/** Frames that can wait in one worker, all ports together, whatever bcqueuelen says. */
#define FLOOD_QUEUE_MAX 4096

/** Mbufs that they may hold: super-frames are long chains, and the pool is everybody's. */
#define FLOOD_QUEUE_MAX_MBUFS 4096

/** Where a flood stands: the next receiver, named so that it survives a new snapshot. */
struct flood_cursor {
	uint8_t run; /**< 0: the group's own list, 1: those who hear all, 2: done */
	uint32_t next; /**< index in the run */
	uint64_t generation; /**< of the snapshot that `next` and the verdict's list belong to */
	uint16_t last; /**< the receiver before `next`, or VNIC_NONE */
	uint8_t last_mode; /**< and its mode then */
};

struct waiting_flood {
	struct rte_mbuf *m;
	struct pkt p;
	struct verdict v;
	struct flood_cursor at;
	uint16_t segs; /**< mbufs of `m` */
	uint16_t following; /**< in the port's queue, or in the list of free ones */
};

#define FLOOD_NONE UINT16_MAX

struct flood_queue {
	uint16_t first, last; /**< FLOOD_NONE: empty */
	uint32_t n;
};

struct flood_queues {
	struct flood_queue ports[CONF_MAX_PORTS];
	uint16_t free;
	uint32_t n; /**< waiting in all */
	uint32_t mbufs; /**< that they hold */
	uint16_t turn; /**< port that is served first */
	struct waiting_flood all[FLOOD_QUEUE_MAX];
};

void flood_queues_init(struct flood_queues *q);

/**
 * A place at the end of port @p port's queue for a frame of @p segs mbufs, to be
 * filled by the caller; NULL: there is none.
 */
struct waiting_flood *flood_queue_add(struct flood_queues *q, uint16_t port, uint16_t segs);

/** The first that waits on @p port, or NULL. */
struct waiting_flood *flood_queue_first(struct flood_queues *q, uint16_t port);

/** Takes the first off; its frame is the caller's. */
void flood_queue_remove_first(struct flood_queues *q, uint16_t port);

#endif /* DP_FLOOD_QUEUE_H */
