/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames into a guest's ring. Workers. */
#include <rte_memcpy.h>

#include "endpoint/vhost_chain.h"
#include "endpoint/vnet_mbuf.h"

#define N_BUFFERS_AT offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)

enum outcome {
	SENT,
	REFUSED, /**< too long for the guest's next buffer, which has to hold it alone; or work that it can't do */
	NO_ROOM, /**< for now */
	LIE,
};

/** A frame on its way into its buffers: the header, then the bytes. */
struct giving {
	const struct rte_mbuf *m;
	uint32_t off; /**< in @p m */
	uint32_t left; /**< of all */
	uint8_t header_left;
	uint8_t header_len;
	struct virtio_net_hdr_mrg_rxbuf header;
	uint8_t *n_buffers[2]; /**< where its two bytes are; they are known last */
};

/** Buffers taken in this burst, of which the guest wasn't told yet. */
struct burst {
	uint16_t at; /**< of the ring, behind them */
	bool wrap;
	uint16_t left; /**< split: available ones */
	uint16_t n_used;
	uint16_t places; /**< packed: of the ring; with those that the guest was told of */
	bool was_told; /**< of some already; it may have put new ones in their places */
	union {
		struct vring_used_elem split[2 * VHOST_MAX_CHAINS];
		struct vhost_used packed[2 * VHOST_MAX_CHAINS];
	} used;
};

static __rte_always_inline void give_header(struct giving *g, uint8_t *to, uint8_t n)
{
	uint8_t at = g->header_len - g->header_left;

	memcpy(to, (const uint8_t *)&g->header + at, n);
	for (uint8_t i = 0; i < 2; i++)
		if (at <= N_BUFFERS_AT + i && N_BUFFERS_AT + i < (size_t)at + n)
			g->n_buffers[i] = to + N_BUFFERS_AT + i - at;
	g->header_left -= n;
}

/* As much as fits into @len bytes at @to; how much. */
static __rte_always_inline uint32_t give_bytes(struct giving *g, uint8_t *to, uint64_t len)
{
	uint32_t room = (uint32_t)RTE_MIN(len, g->left), done = 0;

	if (g->header_left > 0) {
		done = RTE_MIN(room, g->header_left);
		give_header(g, to, (uint8_t)done);
	}
	while (done < room) {
		uint32_t part = RTE_MIN(room - done, g->m->data_len - g->off);

		rte_memcpy(to + done, rte_pktmbuf_mtod_offset(g->m, const uint8_t *, g->off), part);
		done += part;
		g->off += part;
		if (g->off < g->m->data_len)
			continue;
		if (unlikely(g->m->next == NULL))
			break;
		g->m = g->m->next;
		g->off = 0;
	}
	g->left -= done;
	return done;
}

/* Fills one buffer: chain @c. Bytes written, or -1: it is a lie. */
static __rte_always_inline int64_t give_chain(const struct vhost_ring *r, struct vhost_chain *c,
					      struct giving *g, bool packed)
{
	struct vhost_buffer b;
	uint32_t written = 0;
	int more;

	while ((more = vhost_chain_next(c, &b, packed)) > 0) {
		if (unlikely(!(b.flags & VRING_DESC_F_WRITE)))
			return -1;
		while (b.len > 0 && g->left > 0) {
			uint64_t len = b.len;
			uint8_t *to = vhost_at(r->memory, b.addr, &len);
			uint32_t n;

			if (unlikely(to == NULL))
				return -1;
			n = give_bytes(g, to, len);
			vhost_log(r, b.addr, n);
			written += n;
			b.addr += len;
			b.len -= (uint32_t)len;
		}
		/* Of a split chain nothing more needs to be known. */
		if (!packed && g->left == 0)
			return written;
	}
	return more < 0 ? -1 : (int64_t)written;
}

/* Is there one more buffer, and which? */
static __rte_always_inline bool next_chain(const struct vhost_ring *r, struct burst *b,
					   struct vhost_chain *c, bool packed)
{
	uint16_t head = b->at;

	if (packed) {
		if (!vhost_packed_is_ready(r, b->at, b->wrap))
			return false;
	} else {
		if (b->left == 0)
			return false;
		b->left--;
		head = __atomic_load_n(&r->avail->ring[b->at & (r->size - 1)], __ATOMIC_RELAXED);
		b->at++;
	}
	vhost_chain_begin(c, r, head);
	return true;
}

/* Notes that chain @c has @len bytes; false: it would be once around and more, and the guest's event missed. */
static __rte_always_inline bool use_chain(struct vhost_ring *r, struct burst *b,
					  const struct vhost_chain *c, uint32_t len, bool packed)
{
	if (packed) {
		if (unlikely(c->n_places > r->size - b->places))
			return false;
		b->used.packed[b->n_used] = (struct vhost_used){
			.at = b->at,
			.id = c->id,
			.flags = vhost_packed_used_flags(b->wrap) |
				 (len > 0 ? VRING_DESC_F_WRITE : 0),
			.len = len,
		};
		b->places += c->n_places;
		vhost_packed_advance(r, &b->at, &b->wrap, c->n_places);
	} else {
		b->used.split[b->n_used] = (struct vring_used_elem){c->id, len};
	}
	b->n_used++;
	return true;
}

/* The rest of the frame's buffers, until it is in them. */
static __rte_always_inline enum outcome give_frame(struct vhost_ring *r, struct burst *b,
						   struct giving *g, bool packed)
{
	uint16_t n = 0;

	do {
		struct vhost_chain c;
		int64_t written;

		if (unlikely(n == VHOST_MAX_CHAINS))
			return LIE;
		if (!next_chain(r, b, &c, packed))
			return NO_ROOM;
		written = give_chain(r, &c, g, packed);
		if (unlikely(written < 0))
			return LIE;
		if (unlikely(!use_chain(r, b, &c, (uint32_t)written, packed)))
			return b->was_told ? NO_ROOM : LIE;
		if (unlikely(g->left > 0 && !r->is_mergeable))
			return REFUSED;
		n++;
	} while (g->left > 0);
	for (int i = 0; n > 1 && i < 2; i++) {
		*g->n_buffers[i] = (uint8_t)(n >> 8 * i);
		vhost_log_host(r, g->n_buffers[i], 1);
	}
	return SENT;
}

static inline bool has_work(const struct rte_mbuf *m)
{
	return (m->ol_flags & offload_work_flags()) != 0;
}

/* What the guest has to finish; false: it can't. Its driver may be another one than the frame was made fit for. */
static __rte_always_inline bool give_work(const struct vhost_ring *r, const struct rte_mbuf *m,
					  struct virtio_net_hdr *h)
{
	struct vnet_work w;
	uint32_t needs = ENDPOINT_CAP_CSUM;

	if (likely(!has_work(m)))
		return true;
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		needs |= m->ol_flags & RTE_MBUF_F_TX_IPV4 ? ENDPOINT_CAP_TSO4 : ENDPOINT_CAP_TSO6;
	if ((r->takes & needs) != needs ||
	    (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM)
		return false;
	vnet_work_of_mbuf(m, &w);
	w.ecn &= r->takes_ecn;
	vnet_hdr_write(h, &w);
	return true;
}

/* One frame. What it took of the ring is in @b if it was sent, and else as it was. */
static __rte_always_inline enum outcome send_one(struct vhost_ring *r, struct burst *b,
						 const struct rte_mbuf *m, bool packed)
{
	struct giving g = {
		.m = m,
		.left = m->pkt_len + r->header_len,
		.header_left = r->header_len,
		.header_len = r->header_len,
		.header = {.num_buffers = 1},
	};
	uint16_t at = b->at, left = b->left, n_used = b->n_used, places = b->places;
	bool wrap = b->wrap;
	enum outcome o;

	if (unlikely(!give_work(r, m, &g.header.hdr)))
		return REFUSED;
	o = give_frame(r, b, &g, packed);
	if (unlikely(o != SENT)) {
		b->at = at;
		b->left = left;
		b->n_used = n_used;
		b->places = places;
		b->wrap = wrap;
	}
	return o;
}

static __rte_noinline enum outcome send_split(struct vhost_ring *r, struct burst *b,
					      const struct rte_mbuf *m)
{
	return send_one(r, b, m, false);
}

static __rte_noinline enum outcome send_packed(struct vhost_ring *r, struct burst *b,
					       const struct rte_mbuf *m)
{
	return send_one(r, b, m, true);
}

/* The header of a frame without work, of either length. */
static __rte_always_inline void write_bare_header(uint8_t *to, uint8_t len)
{
	static const struct virtio_net_hdr_mrg_rxbuf bare = {.num_buffers = 1};

	if (likely(len == sizeof(bare)))
		memcpy(to, &bare, sizeof(bare));
	else
		memcpy(to, &bare, sizeof(bare.hdr));
}

/*
 * What most frames are: in one piece, without work, for a buffer that is one descriptor. False: this one isn't, or
 * there is no room; nothing has changed.
 */
static __rte_always_inline bool send_single(struct vhost_ring *r, struct burst *b,
					    const struct rte_mbuf *m, bool packed)
{
	struct vhost_chain c;
	uint32_t room, len = m->data_len + (uint32_t)r->header_len;
	uint8_t *to;

	if (unlikely(m->nb_segs != 1 || has_work(m)))
		return false;
	if (packed ? b->places == r->size || !vhost_packed_is_ready(r, b->at, b->wrap)
		   : b->left == 0)
		return false;
	vhost_chain_begin(
		&c, r,
		packed ? b->at
		       : __atomic_load_n(&r->avail->ring[b->at & (r->size - 1)], __ATOMIC_RELAXED));
	to = vhost_chain_single(&c, &room, VRING_DESC_F_WRITE, packed);
	if (unlikely(to == NULL || room < len))
		return false;
	write_bare_header(to, r->header_len);
	rte_memcpy(to + r->header_len, rte_pktmbuf_mtod(m, const void *), m->data_len);
	vhost_log(r, c.addr, len);
	if (!packed) {
		b->left--;
		b->at++;
	}
	return use_chain(r, b, &c, len, packed);
}

/* As many of @m as are like that. */
static __rte_always_inline uint16_t send_singles(struct vhost_ring *r, struct burst *b,
						 struct rte_mbuf **m, uint16_t n, bool packed)
{
	uint16_t done = 0;

	while (done < n && b->n_used <= VHOST_MAX_CHAINS && send_single(r, b, m[done], packed))
		done++;
	return done;
}

static inline enum outcome send(struct vhost_ring *r, struct burst *b, const struct rte_mbuf *m)
{
	return r->is_packed ? send_packed(r, b, m) : send_split(r, b, m);
}

/* Tells the guest of what was used so far. */
static void publish(struct vhost_ring *r, struct burst *b)
{
	if (b->n_used == 0)
		return;
	if (r->is_packed)
		vhost_packed_use(r, b->used.packed, b->n_used);
	else
		vhost_split_use(r, b->used.split, b->n_used);
	r->at = b->at;
	r->wrap = b->wrap;
	b->n_used = 0;
	b->was_told = true;
}

/*
 * There is no room for the first of @m, or never will be. In that case those behind it shall not pay for it: a shorter one
 * is tried. How many are dealt with then.
 */
static uint16_t get_past(struct vhost_ring *r, struct burst *b, struct rte_mbuf **m, uint16_t n,
			 uint64_t *refused)
{
	uint16_t i = 1;

	while (i < n && m[i]->pkt_len >= m[0]->pkt_len)
		i++;
	if (i == n || send(r, b, m[i]) != SENT)
		return 0;
	endpoint_count(refused, i);
	return i + 1;
}

static uint16_t send_all(struct vhost_ring *r, struct burst *b, struct rte_mbuf **m, uint16_t n,
			 uint64_t *refused)
{
	uint16_t done = 0, past;

	while (done < n) {
		enum outcome o;

		if (unlikely(b->n_used > VHOST_MAX_CHAINS))
			publish(r, b);
		done += r->is_packed ? send_singles(r, b, &m[done], n - done, true)
				     : send_singles(r, b, &m[done], n - done, false);
		if (likely(done == n))
			break;
		o = send(r, b, m[done]);
		if (likely(o == SENT)) {
			done++;
			continue;
		}
		if (o == REFUSED) {
			endpoint_count(refused, 1);
			done++;
			continue;
		}
		r->is_broken = o == LIE;
		past = o == LIE ? 0 : get_past(r, b, &m[done], n - done, refused);
		if (past == 0)
			break;
		done += past;
	}
	publish(r, b);
	return done;
}

uint16_t vhost_ring_send(struct vhost_ring *r, struct rte_mbuf **m, uint16_t n, uint64_t *refused)
{
	struct burst b;

	if (unlikely(r->is_broken))
		return 0;
	b.at = r->at;
	b.wrap = r->wrap;
	b.left = 0;
	b.n_used = 0;
	b.places = 0;
	b.was_told = false;
	if (!r->is_packed)
		b.left = (uint16_t)(__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) - r->at);
	if (unlikely(b.left > r->size)) {
		r->is_broken = true;
		return 0;
	}
	if (r->is_packed)
		vhost_packed_prefetch(r, RTE_MIN(n, r->size), true);
	else
		vhost_split_prefetch(r, RTE_MIN(n, b.left), true);
	return send_all(r, &b, m, n, refused);
}
