/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptors of one frame, or of one buffer, in the order that its driver chained them: in the ring itself or in a table of its own
 * (indirect), of a split or a packed ring. Inside of vhost_rx.c and vhost_tx.c only. Each
 * function with `packed` is compiled for both.
 */
#ifndef ENDPOINT_VHOST_CHAIN_H
#define ENDPOINT_VHOST_CHAIN_H

#include <string.h>

#include <rte_atomic.h>
#include <rte_prefetch.h>

#include "endpoint/vhost_ring.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED  (1u << VRING_PACKED_DESC_F_USED)

/** One descriptor. */
struct vhost_buffer {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

struct vhost_chain {
	const struct vhost_ring *r;
	uint16_t next; /**< descriptor of the ring or of the table */
	uint16_t left; /**< descriptors that may follow */
	bool has_next;
	uint16_t id; /**< what to call it when it is used */
	uint16_t n_places; /**< packed: of the ring, gone through so far */
	uint64_t table; /**< indirect: its address */
	uint16_t table_len; /**< in descriptors; 0: none */
	uint64_t addr; /**< of vhost_chain_single() */
};

/** Reads what a guest may write at the same moment: once. */
static __rte_always_inline void vhost_fetch(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	rte_compiler_barrier();
}

/** The same at guest address @p addr, which may be in two regions; false: nowhere. */
static inline bool vhost_fetch_guest(const struct vhost_map *memory, uint64_t addr, void *to,
				     uint64_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		uint64_t part = len;
		const uint8_t *from = vhost_at(memory, addr, &part);

		if (unlikely(from == NULL))
			return false;
		vhost_fetch(at, from, part);
		addr += part;
		at += part;
		len -= part;
	}
	return true;
}

/** Begins with descriptor @p head: split: as the ring of available ones has it; packed: the next place. */
static __rte_always_inline void vhost_chain_begin(struct vhost_chain *c, const struct vhost_ring *r,
						  uint16_t head)
{
	c->r = r;
	c->next = head;
	c->left = RTE_MIN(r->size, VHOST_MAX_CHAIN);
	c->has_next = true;
	c->id = head;
	c->n_places = 0;
	c->table = 0;
	c->table_len = 0;
}

/* The table that @b is; false: it is none. */
static inline bool vhost_chain_enter(struct vhost_chain *c, const struct vhost_buffer *b)
{
	_Static_assert(sizeof(struct vring_desc) == sizeof(struct vring_packed_desc), "tables");
	if (c->table_len != 0 || b->len == 0 || b->len % sizeof(struct vring_desc) != 0 ||
	    b->len > VHOST_MAX_CHAIN * sizeof(struct vring_desc))
		return false;
	c->table = b->addr;
	c->table_len = (uint16_t)(b->len / sizeof(struct vring_desc));
	c->left = c->table_len;
	c->next = 0;
	c->has_next = true;
	return true;
}

static inline bool vhost_chain_fetch_split(struct vhost_chain *c, struct vhost_buffer *b)
{
	struct vring_desc d;

	if (c->table_len != 0) {
		if (c->next >= c->table_len ||
		    !vhost_fetch_guest(c->r->memory, c->table + c->next * sizeof(d), &d, sizeof(d)))
			return false;
	} else {
		if (unlikely(c->next >= c->r->size))
			return false;
		vhost_fetch(&d, &c->r->desc[c->next], sizeof(d));
	}
	c->next = d.next;
	c->has_next = d.flags & VRING_DESC_F_NEXT;
	*b = (struct vhost_buffer){d.addr, d.len, d.flags};
	return true;
}

static inline bool vhost_chain_fetch_packed(struct vhost_chain *c, struct vhost_buffer *b)
{
	struct vring_packed_desc d;

	if (c->table_len != 0) {
		/* Of a table, each in turn. */
		if (!vhost_fetch_guest(c->r->memory, c->table + c->next * sizeof(d), &d, sizeof(d)))
			return false;
		c->next++;
		c->has_next = c->next < c->table_len;
	} else {
		vhost_fetch(&d, &c->r->packed[c->next], sizeof(d));
		c->next = c->next + 1u < c->r->size ? c->next + 1u : 0;
		c->has_next = d.flags & VRING_DESC_F_NEXT;
		c->id = d.id;
		c->n_places++;
	}
	*b = (struct vhost_buffer){d.addr, d.len, d.flags};
	return true;
}

/** The next one; 1, or 0: there is none, or -1: that can't be. */
static __rte_always_inline int vhost_chain_next(struct vhost_chain *c, struct vhost_buffer *b,
						bool packed)
{
	do {
		if (!c->has_next)
			return 0;
		if (unlikely(c->left-- == 0))
			return -1;
		if (unlikely(packed ? !vhost_chain_fetch_packed(c, b)
				    : !vhost_chain_fetch_split(c, b)))
			return -1;
		if (likely(!(b->flags & VRING_DESC_F_INDIRECT)))
			return 1;
	} while (vhost_chain_enter(c, b));
	return -1;
}

/**
 * The first descriptor if it is the whole chain, with these flags of NEXT, INDIRECT and WRITE, and lies in one region; NULL:
 * it isn't, and the chain is as it was. Then it is read anew, and checked as if it hadn't been.
 */
static __rte_always_inline uint8_t *vhost_chain_single(struct vhost_chain *c, uint32_t *len,
						       uint16_t wanted, bool packed)
{
	const uint16_t all = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	uint16_t flags, id = c->id;
	uint64_t addr, whole;
	uint8_t *at;

	if (packed) {
		struct vring_packed_desc d;

		vhost_fetch(&d, &c->r->packed[c->next], sizeof(d));
		addr = d.addr;
		*len = d.len;
		flags = d.flags;
		id = d.id;
	} else {
		struct vring_desc d;

		if (unlikely(c->next >= c->r->size))
			return NULL;
		vhost_fetch(&d, &c->r->desc[c->next], sizeof(d));
		addr = d.addr;
		*len = d.len;
		flags = d.flags;
	}
	if (unlikely((flags & all) != wanted))
		return NULL;
	whole = *len;
	at = vhost_at(c->r->memory, addr, &whole);
	if (unlikely(at == NULL || whole != *len))
		return NULL;
	c->addr = addr;
	c->id = id;
	c->n_places = packed;
	return at;
}

/** Packed: has the driver made place @p at available, in the round whose counter is @p wrap? */
static __rte_always_inline bool vhost_packed_is_ready(const struct vhost_ring *r, uint16_t at,
						      bool wrap)
{
	uint16_t flags = __atomic_load_n(&r->packed[at].flags, __ATOMIC_ACQUIRE);

	return !!(flags & PACKED_AVAIL) == wrap && !!(flags & PACKED_USED) != wrap;
}

/** Packed: goes on by @p n places. */
static __rte_always_inline void vhost_packed_advance(const struct vhost_ring *r, uint16_t *at,
						     bool *wrap, uint16_t n)
{
	uint32_t next = (uint32_t)*at + n;

	if (next >= r->size) {
		next -= r->size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

/*
 * The other core wrote, or wrote last, what the next @n frames are in: they are asked for before the first of
 * them is needed. What stands in a descriptor at this moment is no more than a hint.
 */

/** Asks for the line of @p p as its only writer: if it came for reading, the first write would wait once more. */
static __rte_always_inline void vhost_prefetch_write(const uint8_t *p)
{
#ifdef RTE_ARCH_X86_64
	/* The compiler says it this way only to processors that it was told of. */
	asm volatile("prefetchw %0" : : "m"(*p));
#else
	__builtin_prefetch(p, 1);
#endif
}

/* Two lines: drivers for speed have the header in the one before the frame. */
static __rte_always_inline void vhost_prefetch_place(const struct vhost_ring *r, uint64_t addr,
						     bool writes)
{
	uint64_t len = 2 * RTE_CACHE_LINE_SIZE;
	const uint8_t *p = vhost_at(r->memory, addr, &len);

	if (unlikely(p == NULL))
		return;
	if (writes) {
		vhost_prefetch_write(p);
		vhost_prefetch_write(p + RTE_CACHE_LINE_SIZE);
	} else {
		rte_prefetch0(p);
		rte_prefetch0(p + RTE_CACHE_LINE_SIZE);
	}
}

static __rte_always_inline void vhost_split_prefetch(const struct vhost_ring *r, uint16_t n,
						     bool writes)
{
	uint16_t mask = r->size - 1;

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(&r->desc[r->avail->ring[(uint16_t)(r->at + i) & mask] & mask]);
	for (uint16_t i = 0; i < n; i++)
		vhost_prefetch_place(
			r, r->desc[r->avail->ring[(uint16_t)(r->at + i) & mask] & mask].addr,
			writes);
}

static __rte_always_inline void vhost_packed_prefetch(const struct vhost_ring *r, uint16_t n,
						      bool writes)
{
	uint32_t at = r->at;

	for (uint16_t i = 0; i < n; i++) {
		vhost_prefetch_place(r, r->packed[at].addr, writes);
		at = at + 1 < r->size ? at + 1 : 0;
	}
}

/** Packed: what is to be told of a place. */
struct vhost_used {
	uint16_t at, id, flags;
	uint32_t len;
};

static __rte_always_inline uint16_t vhost_packed_used_flags(bool wrap)
{
	return wrap ? PACKED_AVAIL | PACKED_USED : 0;
}

/** Packed: tells of @p n places; the first one last, so that the driver finds all or nothing. */
static inline void vhost_packed_use(struct vhost_ring *r, const struct vhost_used *u, uint16_t n)
{
	while (n-- > 0) {
		struct vring_packed_desc *d = &r->packed[u[n].at];

		d->id = u[n].id;
		d->len = u[n].len;
		__atomic_store_n(&d->flags, u[n].flags, __ATOMIC_RELEASE);
		vhost_log_host(r, d, sizeof(*d));
	}
}

/**
 * Split: tells of @p n entries behind the last that was told. All at once: the driver reads those before them in the
 * same lines meanwhile.
 */
static inline void vhost_split_use(struct vhost_ring *r, const struct vring_used_elem *u,
				   uint16_t n)
{
	uint16_t mask = r->size - 1;

	for (uint16_t i = 0; i < n; i++) {
		struct vring_used_elem *to = &r->used->ring[(uint16_t)(r->used_at + i) & mask];

		*to = u[i];
		vhost_log_host(r, to, sizeof(*to));
	}
	r->used_at += n;
	__atomic_store_n(&r->used->idx, r->used_at, __ATOMIC_RELEASE);
	vhost_log_host(r, &r->used->idx, sizeof(r->used->idx));
}

#endif /* ENDPOINT_VHOST_CHAIN_H */
