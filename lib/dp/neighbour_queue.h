/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that wait for the MAC address of their next hop, while main resolves it
 * (lib/ctl/neigh.h). Bounded for each next hop and in all, as the kernel bounds its own
 * (net/core/neighbour.c, unres_qlen_bytes: some 100 full frames): the oldest makes room. One
 * set a worker; no locks, no heap.
 */
#ifndef DP_NEIGHBOUR_QUEUE_H
#define DP_NEIGHBOUR_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/pkt_ip.h"

#define NEIGHBOUR_QUEUE_HOPS 64 /**< next hops that can be waited for at a time */
#define NEIGHBOUR_QUEUE_SHARE \
	16 /**< of them that one vnic can cause: who scans a network leaves the others theirs */
#define NEIGHBOUR_QUEUE_FRAMES 100 /**< for each of them */
#define NEIGHBOUR_QUEUE_MBUFS  1024 /**< held in all: the pool is everybody's */
/** Held for next hops that one vnic was the first to want: the others' first frames wait, too. */
#define NEIGHBOUR_QUEUE_VNIC_MBUFS 256

/** A little longer than main takes to give up: three questions, a second apart. */
#define NEIGHBOUR_QUEUE_MS 3500

struct waiting_frame {
	struct rte_mbuf *m;
	struct pkt p;
	bool fragment; /**< VERDICT_FRAGMENT */
};

/** Frames for one next hop, in a ring. */
struct waiting_hop {
	bool used;
	bool told; /**< main knows */
	bool v6;
	uint16_t port;
	uint16_t vnic; /**< whose frame was the first */
	struct ip_key ip;
	uint64_t since; /**< TSC */
	uint16_t first, n;
	uint32_t mbufs; /**< that its frames consist of */
	struct waiting_frame frames[NEIGHBOUR_QUEUE_FRAMES];
};

struct neighbour_queues {
	uint32_t n; /**< hops in use */
	uint32_t mbufs; /**< held in all */
	uint64_t generation; /**< of the snapshot that was last looked at … */
	uint64_t looked; /**< … and when, in TSC */
	struct waiting_hop hops[NEIGHBOUR_QUEUE_HOPS];
};

/** The queue for @p ip, made if there is none yet; NULL: no room for another next hop of @p vnic. */
struct waiting_hop *neighbour_queue_of(struct neighbour_queues *q, uint16_t port, uint16_t vnic,
				       const struct ip_key *ip, bool v6, uint64_t now);

/**
 * Puts a frame at the end.
 * @return what had to make room for it, to be dropped by the caller, or NULL; @p f->m itself where
 * nothing could
 */
struct rte_mbuf *neighbour_queue_add(struct neighbour_queues *q, struct waiting_hop *h,
				     const struct waiting_frame *f);

/** Takes the first frame off; false: there is none, and the queue of @p h has ended. */
bool neighbour_queue_take(struct neighbour_queues *q, struct waiting_hop *h,
			  struct waiting_frame *f);

#endif /* DP_NEIGHBOUR_QUEUE_H */
