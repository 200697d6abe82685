/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures: copies of the frames of one vnic or port, made by workers as they
 * pass, for a thread that writes them out (lib/ctl/capture.c).
 *
 * A worker reads one pointer a turn to learn whether anybody captures, and tests it once a
 * burst. A reader that is too slow loses copies, which are counted; frames never notice.
 *
 * Main makes a capture, puts it into a set and publishes that; it frees both when every
 * worker has passed without them. Rings have the worker as producer and the
 * capture's one reader.
 */
#ifndef DP_CAPTURE_H
#define DP_CAPTURE_H

#include "dp/capture_filter.h"
#include "dp/capture_ring.h"
#include "fwd/kind.h"
#include "fwd/snapshot.h"

#define CAPTURE_MAX 8 /**< at a time */

#define CAPTURE_SNAPLEN_MIN 64
#define CAPTURE_SNAPLEN_MAX 262144 /**< tcpdump's own; more than any frame has */

/** Directions, as the kernel sees an interface: in is what it received, out what it sent. */
#define CAPTURE_IN    (1u << 0)
#define CAPTURE_OUT   (1u << 1)
#define CAPTURE_DROPS (1u << 2)
#define CAPTURE_ANY   (CAPTURE_IN | CAPTURE_OUT | CAPTURE_DROPS)

struct capture {
	uint32_t owner; /**< TX_VNIC() or TX_WIRE(); main: rw, worker: ro (relaxed) */
	uint32_t snaplen;
	unsigned int dirs; /**< CAPTURE_… */
	struct capture_filter filter;
	uint32_t n_rings;
	struct capture_ring *rings; /**< by worker */
};

/** What workers read; immutable once published. */
struct capture_set {
	uint32_t n;
	struct capture *all[CAPTURE_MAX];
};

/**
 * Makes a capture for @p n_workers workers; its filter is compiled.
 * @return NULL with @p err. Main.
 */
struct capture *capture_create(unsigned int dirs, uint32_t snaplen, const char *filter,
			       uint32_t n_workers, struct err *err);

/** No worker can see it any more, and its reader has ended. NULL is fine. Main. */
void capture_destroy(struct capture *c);

/** Copies that found no room, all workers. Any thread. */
uint64_t capture_lost(const struct capture *c);

/* ---- worker; @p worker is its number ---- */

/**
 * The frames of @p b came from @p src and are about to be delivered. Who also captures drops
 * gets those that are going to be one as a drop, once.
 */
void capture_source(const struct capture_set *s, uint16_t worker, const struct source *src,
		    const struct burst *b);

/**
 * @p m is about to be freed.
 * @param owner     TX_VNIC() or TX_WIRE() of whose counter it goes to
 * @param outbound  sent by it, else to be received
 */
void capture_drop(const struct capture_set *s, uint16_t worker, uint32_t owner, bool outbound,
		  enum drop_reason reason, const struct rte_mbuf *m);

/**
 * @p n frames are about to be given to @p receiver (TX_…); capture_settle() must follow.
 * @param consumed  they won't be there any more if they are dropped
 */
void capture_hold(const struct capture_set *s, uint16_t worker, uint32_t receiver,
		  struct rte_mbuf *const *m, uint16_t n, bool consumed);

/**
 * The first @p sent of them were taken; the rest is dropped for @p reason.
 * @param m  as it was in capture_hold(); NULL: they were consumed
 */
void capture_settle(const struct capture_set *s, uint16_t worker, uint32_t receiver,
		    struct rte_mbuf *const *m, uint16_t n, uint16_t sent, enum drop_reason reason);

#endif /* DP_CAPTURE_H */
