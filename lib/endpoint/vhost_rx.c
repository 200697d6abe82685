/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames out of a guest's ring. Workers. */
#include <rte_ether.h>
#include <rte_memcpy.h>

#include "endpoint/vhost_chain.h"
#include "endpoint/vnet_mbuf.h"

#define BURST 64

enum outcome {
	FRAME,
	NO_FRAME, /**< one that can't be: counted, and used up */
	NO_MBUF, /**< it stays in the ring */
	LIE,
	PIECES, /**< take_frame() knows how */
};

/** A frame that comes out of its descriptors. */
struct taking {
	struct rte_mbuf *head, *tail;
	struct rte_mempool *pool;
	union {
		struct virtio_net_hdr header;
		uint8_t header_bytes[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
	};
	uint8_t header_left, header_len;
	bool too_long;
};

static bool add_mbuf(struct taking *t)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->pool);

	if (m == NULL)
		return false;
	t->tail->next = m;
	t->tail = m;
	t->head->nb_segs++;
	return true;
}

/* @len bytes of the frame; false: there are no mbufs. */
static __rte_always_inline bool take_bytes(struct taking *t, const uint8_t *b, uint64_t len)
{
	if (unlikely(t->head->pkt_len + len > ENDPOINT_MAX_FRAME)) {
		t->too_long = true;
		return true;
	}
	while (len > 0) {
		uint16_t room = rte_pktmbuf_tailroom(t->tail);
		uint16_t part = (uint16_t)RTE_MIN(len, room);

		if (unlikely(room == 0)) {
			if (!add_mbuf(t))
				return false;
			continue;
		}
		rte_memcpy(rte_pktmbuf_mtod_offset(t->tail, uint8_t *, t->tail->data_len), b, part);
		t->tail->data_len += part;
		t->head->pkt_len += part;
		b += part;
		len -= part;
	}
	return true;
}

/* One descriptor, which may lie in two regions. */
static __rte_always_inline enum outcome
take_buffer(struct taking *t, const struct vhost_map *memory, struct vhost_buffer *b)
{
	while (b->len > 0) {
		uint64_t len = b->len;
		const uint8_t *from = vhost_at(memory, b->addr, &len);
		uint8_t part;

		if (unlikely(from == NULL))
			return LIE;
		part = (uint8_t)RTE_MIN(len, t->header_left);
		if (part > 0) {
			memcpy(t->header_bytes + t->header_len - t->header_left, from, part);
			t->header_left -= part;
		}
		if (!t->too_long && !take_bytes(t, from + part, len - part))
			return NO_MBUF;
		b->addr += len;
		b->len -= (uint32_t)len;
	}
	return FRAME;
}

static enum outcome count_malformed(struct endpoint_rx_count *count)
{
	endpoint_count(&count->malformed, 1);
	return NO_FRAME;
}

static enum outcome count_bad_offload(struct endpoint_rx_count *count)
{
	endpoint_count(&count->bad_offload, 1);
	return NO_FRAME;
}

/* What the guest left undone; false: it says what can't be. */
static __rte_always_inline bool take_work(const struct vhost_ring *r,
					  const struct virtio_net_hdr *h, struct rte_mbuf *m)
{
	struct vnet_work w;

	if (!r->reads_headers ||
	    (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && h->gso_type == VIRTIO_NET_HDR_GSO_NONE))
		return true;
	if (vnet_hdr_read(h, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, m->pkt_len, &w) !=
	    0)
		return false;
	vnet_work_to_mbuf(m, &w);
	return true;
}

/* All of chain @c into @m, an empty mbuf. */
static __rte_always_inline enum outcome take_frame(const struct vhost_ring *r,
						   struct vhost_chain *c, struct rte_mempool *pool,
						   struct rte_mbuf *m,
						   struct endpoint_rx_count *count, bool packed)
{
	struct taking t = {
		.head = m,
		.tail = m,
		.pool = pool,
		.header_left = r->header_len,
		.header_len = r->header_len,
	};
	struct vhost_buffer b;
	enum outcome o;
	int more;

	while ((more = vhost_chain_next(c, &b, packed)) > 0) {
		if (unlikely(b.flags & VRING_DESC_F_WRITE))
			return LIE;
		o = take_buffer(&t, r->memory, &b);
		if (unlikely(o != FRAME))
			return o;
	}
	if (unlikely(more < 0))
		return LIE;
	if (unlikely(t.too_long || m->pkt_len < RTE_ETHER_HDR_LEN))
		return count_malformed(count);
	if (unlikely(!take_work(r, &t.header, m)))
		return count_bad_offload(count);
	return FRAME;
}

static __rte_noinline enum outcome take_split_frame(const struct vhost_ring *r,
						    struct vhost_chain *c, struct rte_mempool *pool,
						    struct rte_mbuf *m,
						    struct endpoint_rx_count *count)
{
	return take_frame(r, c, pool, m, count, false);
}

static __rte_noinline enum outcome take_packed_frame(const struct vhost_ring *r,
						     struct vhost_chain *c,
						     struct rte_mempool *pool, struct rte_mbuf *m,
						     struct endpoint_rx_count *count)
{
	return take_frame(r, c, pool, m, count, true);
}

/* What most frames are: header and all in one descriptor, and no longer than an mbuf. */
static __rte_always_inline enum outcome take_single(const struct vhost_ring *r,
						    struct vhost_chain *c, struct rte_mbuf *m,
						    struct endpoint_rx_count *count, bool packed)
{
	struct virtio_net_hdr header;
	const uint8_t *from;
	uint32_t len;

	from = vhost_chain_single(c, &len, 0, packed);
	if (unlikely(from == NULL || len < r->header_len + (uint32_t)RTE_ETHER_HDR_LEN ||
		     len - r->header_len > rte_pktmbuf_tailroom(m))) {
		c->n_places = 0;
		return PIECES;
	}
	len -= r->header_len;
	vhost_fetch(&header, from, sizeof(header));
	rte_memcpy(rte_pktmbuf_mtod(m, void *), from + r->header_len, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return likely(take_work(r, &header, m)) ? FRAME : count_bad_offload(count);
}

static __rte_always_inline enum outcome take_next(const struct vhost_ring *r, struct vhost_chain *c,
						  struct rte_mempool *pool, struct rte_mbuf *m,
						  struct endpoint_rx_count *count, bool packed)
{
	enum outcome o = take_single(r, c, m, count, packed);

	if (likely(o != PIECES))
		return o;
	return packed ? take_packed_frame(r, c, pool, m, count)
		      : take_split_frame(r, c, pool, m, count);
}

/* Of an mbuf whose frame came to nothing, an empty one again. */
static void empty(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	m->pkt_len = 0;
	m->data_len = 0;
	m->ol_flags = 0;
}

/** What a burst has come to. */
struct burst {
	uint16_t n_frames; /**< whole, in front of @p m */
	uint16_t n_used; /**< buffers */
	uint32_t bytes;
	bool ends;
};

/* What becomes of a frame's mbuf; false: the frame is not used up. */
static __rte_always_inline bool settle(struct vhost_ring *r, struct burst *b, enum outcome o,
				       struct rte_mbuf *m, struct endpoint_rx_count *count)
{
	if (likely(o == FRAME)) {
		b->n_frames++;
		b->bytes += m->pkt_len;
		b->ends = b->bytes >= ENDPOINT_BURST_BYTES;
		return true;
	}
	empty(m);
	if (o == NO_FRAME)
		return true;
	if (o == LIE)
		r->is_broken = true;
	else
		endpoint_count(&count->no_buffer, 1);
	b->ends = true;
	return false;
}

static uint16_t receive_split(struct vhost_ring *r, struct rte_mempool *pool, struct rte_mbuf **m,
			      uint16_t n, struct endpoint_rx_count *count)
{
	uint16_t mask = r->size - 1;
	uint16_t ready = (uint16_t)(__atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE) - r->at);
	struct vring_used_elem used[BURST];
	struct burst b = {0};

	if (ready == 0)
		return 0;
	if (unlikely(ready > r->size)) {
		r->is_broken = true;
		return 0;
	}
	n = RTE_MIN(n, ready);
	if (unlikely(rte_pktmbuf_alloc_bulk(pool, m, n) != 0)) {
		endpoint_count(&count->no_buffer, 1);
		return 0;
	}
	vhost_split_prefetch(r, n, false);
	while (b.n_used < n && !b.ends) {
		uint16_t head = __atomic_load_n(
			&r->avail->ring[(uint16_t)(r->at + b.n_used) & mask], __ATOMIC_RELAXED);
		struct vhost_chain c;
		enum outcome o;

		vhost_chain_begin(&c, r, head);
		o = take_next(r, &c, pool, m[b.n_frames], count, false);
		if (unlikely(!settle(r, &b, o, m[b.n_frames], count)))
			break;
		used[b.n_used++] = (struct vring_used_elem){.id = head};
	}
	rte_pktmbuf_free_bulk(&m[b.n_frames], n - b.n_frames);
	if (b.n_used > 0) {
		r->at += b.n_used;
		vhost_split_use(r, used, b.n_used);
	}
	return b.n_frames;
}

/* Descriptors that are ready, @n at most: there are no more frames than that. */
static uint16_t count_ready(const struct vhost_ring *r, uint16_t n)
{
	uint16_t at = r->at, ready = 0;
	bool wrap = r->wrap;

	for (; ready < n && vhost_packed_is_ready(r, at, wrap); ready++)
		vhost_packed_advance(r, &at, &wrap, 1);
	return ready;
}

static uint16_t receive_packed(struct vhost_ring *r, struct rte_mempool *pool, struct rte_mbuf **m,
			       uint16_t n, struct endpoint_rx_count *count)
{
	struct vhost_used used[BURST];
	struct burst b = {0};
	uint32_t places = 0;

	n = count_ready(r, n);
	if (n == 0)
		return 0;
	if (unlikely(rte_pktmbuf_alloc_bulk(pool, m, n) != 0)) {
		endpoint_count(&count->no_buffer, 1);
		return 0;
	}
	vhost_packed_prefetch(r, n, false);
	while (b.n_used < n && !b.ends && vhost_packed_is_ready(r, r->at, r->wrap)) {
		struct vhost_chain c;
		enum outcome o;

		vhost_chain_begin(&c, r, r->at);
		o = take_next(r, &c, pool, m[b.n_frames], count, true);
		places += c.n_places;
		/* More than once around before anything was used. */
		if (unlikely(places > r->size))
			o = LIE;
		if (unlikely(!settle(r, &b, o, m[b.n_frames], count)))
			break;
		used[b.n_used++] = (struct vhost_used){
			.at = r->at, .id = c.id, .flags = vhost_packed_used_flags(r->wrap)};
		vhost_packed_advance(r, &r->at, &r->wrap, c.n_places);
	}
	rte_pktmbuf_free_bulk(&m[b.n_frames], n - b.n_frames);
	vhost_packed_use(r, used, b.n_used);
	return b.n_frames;
}

uint16_t vhost_ring_receive(struct vhost_ring *r, struct rte_mempool *pool, struct rte_mbuf **m,
			    uint16_t n, struct endpoint_rx_count *count)
{
	n = RTE_MIN(n, BURST);
	if (unlikely(r->is_broken))
		return 0;
	return r->is_packed ? receive_packed(r, pool, m, n, count)
			    : receive_split(r, pool, m, n, count);
}
