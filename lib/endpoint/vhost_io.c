/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's frames: which rings they are in. Workers. */
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_pause.h>

#include "endpoint/vhost.h"

/* Nothing more from or to this device until it starts anew. */
static __rte_noinline void give_up(struct vhost *v, enum vhost_fault fault)
{
	if (fault == VHOST_DEAF)
		__atomic_store_n(&v->deaf_until, vhost_now_ms() + VHOST_DEAF_MS, __ATOMIC_RELAXED);
	__atomic_store_n(&v->fault, fault, __ATOMIC_RELAXED);
	endpoint_hint_slow(&v->ep);
}

static __rte_noinline void tell_broken(struct vhost *v)
{
	if (!__atomic_exchange_n(&v->is_broken, true, __ATOMIC_RELAXED))
		endpoint_hint_slow(&v->ep);
}

static inline bool is_served(const struct vhost *v)
{
	return __atomic_load_n(&v->vid, __ATOMIC_RELAXED) >= 0 &&
	       likely(__atomic_load_n(&v->fault, __ATOMIC_RELAXED) == VHOST_SOUND);
}

static inline bool is_on(const uint64_t *words, uint16_t pair)
{
	return (__atomic_load_n(&words[pair / 64], __ATOMIC_ACQUIRE) >> pair % 64 & 1) != 0;
}

/* Pairs up to the last that is on. */
static inline uint16_t count_pairs(const uint64_t *words)
{
	for (int i = VHOST_WORDS - 1; i >= 0; i--) {
		uint64_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		if (w != 0)
			return (uint16_t)(i * 64 + 64 - __builtin_clzll(w));
	}
	return 0;
}

/* Behind a burst that came to @at before. The ring's lock is held. */
static inline void finish(struct vhost *v, struct vhost_ring *r, uint16_t at, bool wrap)
{
	if ((r->at != at || r->wrap != wrap) && unlikely(!vhost_ring_call(r)))
		give_up(v, VHOST_DEAF);
	if (unlikely(r->is_broken))
		tell_broken(v);
	if (unlikely(vhost_memory_was_cut()))
		give_up(v, VHOST_CUT);
}

/* ---- from the guest ------------------------------------------------------------------- */

static uint16_t receive(struct vhost *v, uint16_t pair, struct rte_mbuf **m, uint16_t n,
			struct endpoint_rx_count *count)
{
	struct vhost_ring *r = v->rings[2 * pair + 1];
	uint16_t got = 0;

	/* Who has it is changing it, or is the worker that served it a moment ago. */
	if (unlikely(rte_spinlock_trylock(&r->lock) == 0))
		return 0;
	if (likely(r->is_open)) {
		uint16_t at = r->at;
		bool wrap = r->wrap;

		vhost_memory_begin();
		got = vhost_ring_receive(r, v->ep.pool, m, n, count);
		finish(v, r, at, wrap);
	}
	rte_spinlock_unlock(&r->lock);
	return got;
}

/* What a migrated guest would have said itself. */
static __rte_noinline uint16_t announce(struct vhost *v, struct rte_mbuf **m)
{
	uint64_t address = __atomic_exchange_n(&v->announced, 0, __ATOMIC_RELAXED);
	struct rte_ether_addr mac;

	if (address == 0)
		return 0;
	memcpy(&mac, &address, sizeof(mac));
	m[0] = rte_net_make_rarp_packet(v->ep.pool, &mac);
	return m[0] != NULL;
}

uint16_t vhost_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct vhost *v = vhost_of(ep);
	uint16_t q = queue % ep->n_rx_queues;
	struct vhost_use *u = &v->rx_uses[q];
	uint16_t got = 0, pairs, pair;

	if (!is_served(v))
		return 0;
	if (unlikely(__atomic_load_n(&v->announced, __ATOMIC_RELAXED) != 0))
		got = announce(v, m);
	/* A guest may have more pairs than we have queues; each is somebody's. */
	pairs = count_pairs(v->from_guest);
	pair = u->next < pairs ? u->next : q;
	for (uint16_t i = q; i < pairs && got < n; i += ep->n_rx_queues) {
		if (is_on(v->from_guest, pair))
			got += receive(v, pair, &m[got], n - got, &ep->rx_counts[q]);
		pair += ep->n_rx_queues;
		if (pair >= pairs)
			pair = q;
	}
	u->next = pair;
	return got;
}

/* ---- to the guest ----------------------------------------------------------------------- */

/* The pair of this worker among those that the guest listens on; -1: there is none. */
static int choose_pair(const struct vhost *v, uint16_t queue)
{
	uint16_t pairs = count_pairs(v->to_guest), on = 0;

	if (likely(pairs == 1))
		return is_on(v->to_guest, 0) ? 0 : -1;
	for (int i = 0; i < VHOST_WORDS; i++)
		on += (uint16_t)__builtin_popcountll(
			__atomic_load_n(&v->to_guest[i], __ATOMIC_RELAXED));
	if (on == 0)
		return -1;
	queue %= on;
	for (uint16_t p = 0; p < pairs; p++)
		if (is_on(v->to_guest, p) && queue-- == 0)
			return p;
	return -1; /* changed meanwhile */
}

/* Who opens or closes a ring isn't waited for, only another worker that sends to it, too. */
static inline bool enter(const struct vhost *v, uint16_t pair, struct vhost_ring *r)
{
	while (unlikely(rte_spinlock_trylock(&r->lock) == 0)) {
		if (!is_on(v->to_guest, pair))
			return false;
		rte_pause();
	}
	return true;
}

uint16_t vhost_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct vhost *v = vhost_of(ep);
	struct vhost_use *u = &v->tx_uses[queue % ep->n_tx_queues];
	struct vhost_ring *r;
	uint16_t done = 0;
	int pair;

	if (!is_served(v))
		return 0;
	pair = choose_pair(v, queue);
	if (pair < 0)
		return 0;
	r = v->rings[2 * pair];
	if (!enter(v, (uint16_t)pair, r))
		return 0;
	if (likely(r->is_open)) {
		uint16_t at = r->at;
		bool wrap = r->wrap;

		vhost_memory_begin();
		done = vhost_ring_send(r, m, n, &u->refused);
		finish(v, r, at, wrap);
	}
	rte_spinlock_unlock(&r->lock);
	rte_pktmbuf_free_bulk(m, done);
	return done;
}
