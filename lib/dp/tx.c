/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "dp/capture.h"
#include "dp/tx.h"

void tx_init(struct tx *tx, uint16_t queue, struct stats *stats)
{
	tx->queue = queue;
	tx->stats = stats;
}

struct outlet *tx_open_outlet(struct tx *tx, uint32_t receiver, struct endpoint *ep)
{
	struct outlet *o;

	if (tx->n_outlets == OUTLETS)
		tx_flush(tx);
	o = &tx->outlets[tx->n_outlets++];
	tx->receivers[receiver].outlet = o;
	o->endpoint = ep;
	o->receiver = receiver;
	o->n = 0;
	o->work = false;
	return o;
}

/* @p sum: of the lengths of @p n frames, with TX_GROUP for each group frame. */
static inline void count_sent(struct tx *tx, uint32_t receiver, uint64_t sum, uint16_t n)
{
	uint64_t bytes = sum % TX_GROUP, groups = sum / TX_GROUP;
	struct receiver *r = &tx->receivers[receiver];

	stats_add(&r->packets, n);
	stats_add(&r->bytes, bytes);
	if (groups != 0)
		stats_add(&r->groups, groups);
}

static inline uint64_t sum_of(const uint32_t *len, uint16_t n)
{
	uint64_t sum = 0;

	/* With many receivers most get one frame a turn: no loop for that. */
	if (n == 1)
		return len[0];
	for (uint16_t i = 0; i < n; i++)
		sum += len[i];
	return sum;
}

static void count_dropped(struct tx *tx, uint32_t receiver, enum drop_reason reason, uint16_t n)
{
	struct iface_stats *port;

	if (n == 0)
		return;
	if (receiver < STATS_MAX_VNICS) {
		stats_drop_rx(&tx->stats->vnics[receiver], reason, n);
		return;
	}
	port = &tx->stats->ports[(receiver - STATS_MAX_VNICS) / 2];
	if (receiver % 2 == 0)
		stats_drop_tx(port, reason, n);
	else
		stats_drop_rx(port, reason, n);
}

/* Frames as they are: one burst, counted as far as it was taken. */
static void send_plain(struct tx *tx, struct outlet *o, uint16_t from, uint16_t to)
{
	uint16_t n = to - from, sent;

	if (n == 0)
		return;
	if (unlikely(tx->captures != NULL))
		capture_hold(tx->captures, tx->queue, o->receiver, &o->m[from], n, false);
	sent = endpoint_tx(o->endpoint, tx->queue, &o->m[from], n);
	count_sent(tx, o->receiver, sum_of(outlet_len(o, from, sent), sent), sent);
	if (unlikely(tx->captures != NULL))
		capture_settle(tx->captures, tx->queue, o->receiver, &o->m[from], n, sent,
			       DROP_RING_FULL);
	if (unlikely(sent < n)) {
		rte_pktmbuf_free_bulk(&o->m[from + sent], n - sent);
		count_dropped(tx, o->receiver, DROP_RING_FULL, n - sent);
	}
}

/* Of the frame as its sender made it, before it was finished. @p reason: of its drop, or DROP_NONE. */
static void capture_finished(struct tx *tx, const struct outlet *o, enum drop_reason reason)
{
	if (unlikely(tx->captures != NULL))
		capture_settle(tx->captures, tx->queue, o->receiver, NULL, 1, reason == DROP_NONE,
			       reason);
}

static enum drop_reason reason_of(int error)
{
	return error == -ENOBUFS    ? DROP_NO_BUFFER
	       : error == -EMSGSIZE ? DROP_TOO_LONG
				    : DROP_BAD_OFFLOAD;
}

/* A frame with work to do: it counts as one, and as lost when any of its pieces is. */
static void send_finished(struct tx *tx, struct outlet *o, uint16_t i, uint32_t caps)
{
	struct rte_mbuf *pieces[OFFLOAD_MAX_SEGS];
	int n, sent = 0;

	if (unlikely(tx->captures != NULL))
		capture_hold(tx->captures, tx->queue, o->receiver, &o->m[i], 1, true);
	n = offload_finish(o->m[i], caps, o->endpoint->pool, pieces, OFFLOAD_MAX_SEGS);
	if (n < 0) {
		count_dropped(tx, o->receiver, reason_of(n), 1);
		capture_finished(tx, o, reason_of(n));
		return;
	}
	while (sent < n) {
		uint16_t k = (uint16_t)RTE_MIN(n - sent, BURST_MAX);
		uint16_t taken = endpoint_tx(o->endpoint, tx->queue, &pieces[sent], k);

		sent += taken;
		if (taken < k)
			break;
	}
	if (sent == n) {
		count_sent(tx, o->receiver, *outlet_len(o, i, 1), 1);
	} else {
		rte_pktmbuf_free_bulk(&pieces[sent], (unsigned int)(n - sent));
		count_dropped(tx, o->receiver, DROP_RING_FULL, 1);
	}
	capture_finished(tx, o, sent == n ? DROP_NONE : DROP_RING_FULL);
}

/* What isn't plain: a frame has work to do, or somebody captures. */
static void flush_slowly(struct tx *tx, struct outlet *o)
{
	uint32_t caps = endpoint_caps(o->endpoint);
	uint16_t plain = 0;

	for (uint16_t i = 0; o->work && i < o->n; i++) {
		if (!offload_is_needed(o->m[i], caps))
			continue;
		send_plain(tx, o, plain, i);
		send_finished(tx, o, i, caps);
		plain = i + 1;
	}
	send_plain(tx, o, plain, o->n);
}

static inline void flush_outlet(struct tx *tx, struct outlet *o)
{
	uint16_t sent;

	if (unlikely(o->work || tx->captures != NULL)) {
		flush_slowly(tx, o);
		return;
	}
	sent = endpoint_tx(o->endpoint, tx->queue, o->m, o->n);
	count_sent(tx, o->receiver, sum_of(outlet_len(o, 0, sent), sent), sent);
	if (unlikely(sent < o->n)) {
		rte_pktmbuf_free_bulk(&o->m[sent], o->n - sent);
		count_dropped(tx, o->receiver, DROP_RING_FULL, o->n - sent);
	}
}

void tx_flush_outlet(struct tx *tx, struct outlet *o)
{
	flush_outlet(tx, o);
	o->n = 0;
	o->work = false;
}

void tx_flush(struct tx *tx)
{
	for (uint16_t i = 0; i < tx->n_outlets; i++) {
		struct outlet *o = &tx->outlets[i];

		flush_outlet(tx, o);
		tx->receivers[o->receiver].outlet = NULL;
	}
	tx->n_outlets = 0;
}

/* Most receivers' egresses are alike, so their frames are looked at once. */
static bool needs_work(struct tx_batch *b, uint32_t caps)
{
	if (likely(b->asked && b->caps == caps))
		return b->work;
	b->asked = true;
	b->caps = caps;
	b->work = false;
	for (uint16_t i = 0; i < b->n; i++)
		b->work |= offload_is_needed(b->m[i], caps);
	return b->work;
}

void tx_send_batch(struct tx *tx, uint32_t receiver, struct endpoint *ep, struct tx_batch *b)
{
	uint32_t caps = endpoint_caps(ep);
	struct rte_mbuf *m[BURST_MAX];
	uint16_t sent;

	if (unlikely(tx->receivers[receiver].outlet != NULL || tx->captures != NULL ||
		     needs_work(b, caps))) {
		tx_put_batch(tx, receiver, ep, b);
		return;
	}
	/* Drivers may write where they are given mbufs. */
	for (uint16_t i = 0; i < b->n; i++)
		m[i] = b->m[i];
	sent = endpoint_tx(ep, tx->queue, m, b->n);
	count_sent(tx, receiver, sent == b->n ? b->sum : sum_of(b->len, sent), sent);
	if (unlikely(sent < b->n)) {
		rte_pktmbuf_free_bulk(&m[sent], b->n - sent);
		count_dropped(tx, receiver, DROP_RING_FULL, b->n - sent);
	}
}
