/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last stage: frames wait in outlets, one per receiver, until the turn ends or
 * an outlet is full; then unfinished offloads are completed where the egress lacks
 * them, and the endpoint gets one burst. What it does not take is dropped and
 * counted: nobody retries. A worker's own; no locks.
 */
#ifndef DP_TX_H
#define DP_TX_H

#include "dp/offload.h"
#include "dp/stats.h"
#include "endpoint/endpoint.h"
#include "fwd/kind.h"

struct capture_set;

#define OUTLETS 64 /**< receivers that one turn fills before it has to flush in between */

/** Receivers are numbered: vnics by their id, then two for each port. */
#define TX_VNIC(id)  ((uint32_t)(id))
#define TX_WIRE(id)  (STATS_MAX_VNICS + 2 * (uint32_t)(id))
#define TX_HOST(id)  (STATS_MAX_VNICS + 2 * (uint32_t)(id) + 1)
#define TX_RECEIVERS (STATS_MAX_VNICS + 2 * CONF_MAX_PORTS)

/**
 * What a worker keeps of a receiver: half a cache line, of which many thousands are in use. Counts are
 * of what the receiver got; worker: w, any: ro (relaxed).
 */
struct receiver {
	uint64_t packets, bytes, groups;
	struct outlet *outlet; /**< where frames wait for it in this turn; NULL: nowhere */
};
_Static_assert(sizeof(struct receiver) == 32, "two receivers are a cache line");

/**
 * Frames for one receiver. Where receivers are many, each has few: so all that is written and read of up to four
 * frames is in one cache line, in the middle, with the lengths put down from the end.
 */
struct __rte_cache_aligned outlet {
	uint64_t unused[2]; /**< moves the rest to where the assertions want it */
	uint32_t len[BURST_MAX]; /**< the first frame's is the last one; see outlet_len() */
	struct endpoint *endpoint;
	uint32_t receiver;
	uint16_t n;
	bool work; /**< a frame may need offload_finish() */
	struct rte_mbuf *m[BURST_MAX];
};
_Static_assert(offsetof(struct outlet, endpoint) % RTE_CACHE_LINE_SIZE == 16,
	       "four lengths before it");
_Static_assert(offsetof(struct outlet, m) % RTE_CACHE_LINE_SIZE == 32, "and four mbufs behind it");

/** Bytes to count for @p n frames from @p i on, in reverse; TX_GROUP is set in it for group frames. */
static inline uint32_t *outlet_len(struct outlet *o, uint16_t i, uint16_t n)
{
	return &o->len[BURST_MAX - i - n];
}

/* So a sum of lengths counts the group frames, too: a burst's bytes never reach this bit. */
#define TX_GROUP (1u << 31)

struct tx {
	struct outlet outlets[OUTLETS];
	uint16_t n_outlets;
	uint16_t queue; /**< the worker's tx queue number */
	struct stats *stats;
	const struct capture_set *captures; /**< this turn's; NULL: nobody captures */
	struct receiver receivers[TX_RECEIVERS] __rte_cache_aligned;
};

/** @p tx is all zeros. */
void tx_init(struct tx *tx, uint16_t queue, struct stats *stats);

/** Sends everything that waits. */
void tx_flush(struct tx *tx);

/** A new outlet for @p receiver; flushes all when none is free. */
struct outlet *tx_open_outlet(struct tx *tx, uint32_t receiver, struct endpoint *ep);

void tx_flush_outlet(struct tx *tx, struct outlet *o);

/**
 * Puts @p m into the outlet of @p receiver; consumes it.
 * @param len    what to count for it, with TX_GROUP for a group frame
 * @param plain  it is known to be fit for every egress
 */
static inline void tx_put_known(struct tx *tx, uint32_t receiver, struct endpoint *ep,
				struct rte_mbuf *m, uint32_t len, bool plain)
{
	struct outlet *o = tx->receivers[receiver].outlet;

	if (unlikely(o == NULL))
		o = tx_open_outlet(tx, receiver, ep);
	o->m[o->n] = m;
	*outlet_len(o, o->n, 1) = len;
	o->n++;
	if (!plain)
		o->work |= offload_is_needed(m, endpoint_caps(o->endpoint));
	if (unlikely(o->n == BURST_MAX))
		tx_flush_outlet(tx, o);
}

/** The same, of a frame that isn't known. */
static inline void tx_put(struct tx *tx, uint32_t receiver, struct endpoint *ep, struct rte_mbuf *m,
			  uint32_t len)
{
	tx_put_known(tx, receiver, ep, m, len, false);
}

/** Frames that many receivers get, one receiver after the other. The caller's; not consumed. */
struct tx_batch {
	uint16_t n;
	bool work; /**< is offload_finish() needed by an egress with `caps`? */
	bool asked; /**< `work` and `caps` are of use */
	uint32_t caps;
	uint64_t sum; /**< of `len` */
	struct rte_mbuf *m[BURST_MAX];
	uint32_t len[BURST_MAX]; /**< as in an outlet */
};

static inline void tx_batch_init(struct tx_batch *b)
{
	b->n = 0;
	b->asked = false;
	b->sum = 0;
}

static inline void tx_batch_add(struct tx_batch *b, struct rte_mbuf *m, uint32_t len)
{
	b->m[b->n] = m;
	b->len[b->n] = len;
	b->sum += len;
	b->n++;
}

/** tx_put() of all of @p b, with a reference to each. */
static inline void tx_put_batch(struct tx *tx, uint32_t receiver, struct endpoint *ep,
				const struct tx_batch *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		tx_put(tx, receiver, ep, b->m[i], b->len[i]);
}

/**
 * The same, but without an outlet where the order allows it: they are sent at once. All mbufs of
 * @p b stay shared until its last receiver had them.
 */
void tx_send_batch(struct tx *tx, uint32_t receiver, struct endpoint *ep, struct tx_batch *b);

#endif /* DP_TX_H */
