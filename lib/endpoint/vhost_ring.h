/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring between a guest and us, split or packed. librte_vhost negotiates it and maps the guest's
 * memory; frames are moved here (vhost_rx.c, vhost_tx.c), because librte_vhost's own calls believe more of what a guest
 * writes than is good for a forwarder that others use, too: in 22.11 and 23.11 an index that jumps, or a header that
 * is spread over descriptors, makes them write outside of their tables and of the guest's memory.
 *
 * What a guest can write counts as it was copied, since it may change at any moment. Nothing of the copy is used as a place before it was
 * compared with the size of the ring or looked up in the guest's memory; who reads again compares again. Who breaks the rules of a ring
 * (`is_broken`) is left alone until its driver starts anew.
 *
 * Threads: a ring belongs to who has its lock. A worker takes it for a burst; librte_vhost's event
 * thread takes it to open and to close the ring (vhost_ring.c), and waits for no longer than that.
 */
#ifndef ENDPOINT_VHOST_RING_H
#define ENDPOINT_VHOST_RING_H

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <rte_mbuf.h>
#include <rte_spinlock.h>
#include <rte_vhost.h>

#include "endpoint/types.h"

#define VHOST_MAX_REGIONS 8 /* librte_vhost's own limit */
/** Descriptors of one frame, and of all that a frame's buffers have; Linux sends 20, and no driver needs many more. */
#define VHOST_MAX_CHAIN	 256
#define VHOST_MAX_CHAINS 1024

#ifndef VIRTIO_F_RING_PACKED
#define VIRTIO_F_RING_PACKED 34
#endif

/** A guest's memory as librte_vhost mapped it. */
struct vhost_map {
	uint32_t n;
	struct vhost_area {
		uint64_t guest, size; /**< in the guest's addresses */
		uint8_t *host;
	} regions[VHOST_MAX_REGIONS];
};

struct __rte_cache_aligned vhost_ring {
	rte_spinlock_t lock;
	/* constant while the ring is open */
	uint16_t size;
	uint8_t header_len;
	bool is_open, is_packed, is_mergeable, has_events;
	bool reads_headers; /**< the guest's: what it says of checksums and segments counts */
	bool logs; /**< a migration wants to know of each page that is written */
	int vid, call_fd;
	uint16_t index;
	uint32_t takes; /**< ENDPOINT_CAP_…: work that may be left to the guest */
	bool takes_ecn;
	const struct vhost_map *memory;
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};

	/* who has the lock */
	uint16_t at; /**< what the guest makes available next; in packed rings a place */
	uint16_t used_at; /**< split: the next index to be used; in packed rings that is `at` */
	bool wrap; /**< packed: of the round that `at` is in */
	bool is_broken;
	bool was_called;
	uint16_t called_at; /**< where it was when the guest was last called */
};

/* ---- vhost_ring.c: librte_vhost's threads, which hold no other ring's lock -------------- */

/**
 * Opens @p r, whose lock is free, on ring @p index of device @p vid as librte_vhost has it now; false: the front end
 * told nothing that could be used without harm.
 */
bool vhost_ring_open(struct vhost_ring *r, int vid, uint16_t index, const struct vhost_map *memory);

/** No worker is in @p r when this returns, and none enters; librte_vhost is told how far it came. */
void vhost_ring_close(struct vhost_ring *r, bool tell);

/** Copies the memory of device @p vid, which has one. */
void vhost_map_read(struct vhost_map *memory, int vid);

/* ---- workers, with the ring's lock -------------------------------------------------------- */

/** vhost_rx.c: up to @p n frames of the guest. */
uint16_t vhost_ring_receive(struct vhost_ring *r, struct rte_mempool *pool, struct rte_mbuf **m,
			    uint16_t n, struct endpoint_rx_count *count);

/**
 * vhost_tx.c: copies frames to the guest; they stay the caller's.
 * @return how many of @p m are dealt with: sent, or in @p refused, since the guest can't take them ever
 */
uint16_t vhost_ring_send(struct vhost_ring *r, struct rte_mbuf **m, uint16_t n, uint64_t *refused);

/**
 * vhost_call.c: interrupts the guest for what was used, if it wants to be. False: it would have been a wait for ever.
 */
bool vhost_ring_call(struct vhost_ring *r);

/** Where guest address @p addr is, and how much of *@p len goes on from there; NULL: nowhere. */
static inline uint8_t *vhost_at(const struct vhost_map *memory, uint64_t addr, uint64_t *len)
{
	for (uint32_t i = 0; i < memory->n; i++) {
		const struct vhost_area *g = &memory->regions[i];
		uint64_t off = addr - g->guest;

		if (off < g->size) {
			*len = RTE_MIN(*len, g->size - off);
			return g->host + off;
		}
	}
	return NULL;
}

/**
 * Tells a migration that [@p addr, @p addr + @p len) of the guest's memory was written: afterwards, because it may copy
 * the page at once.
 */
static inline void vhost_log(const struct vhost_ring *r, uint64_t addr, uint64_t len)
{
	if (unlikely(r->logs))
		rte_vhost_log_write(r->vid, addr, len);
}

/** The region that @p p, in our addresses, is in, and at which offset; NULL: none. */
static inline const struct vhost_area *vhost_area_of(const struct vhost_map *memory, const void *p,
						     uint64_t *off)
{
	for (uint32_t i = 0; i < memory->n; i++) {
		const struct vhost_area *g = &memory->regions[i];

		*off = (uint64_t)((uintptr_t)p - (uintptr_t)g->host);
		if (*off < g->size)
			return g;
	}
	return NULL;
}

/** vhost_log() of what is at @p p in our addresses; in one region. */
static inline void vhost_log_host(const struct vhost_ring *r, const void *p, uint64_t len)
{
	const struct vhost_area *g;
	uint64_t off;

	if (likely(!r->logs))
		return;
	g = vhost_area_of(r->memory, p, &off);
	if (g != NULL)
		rte_vhost_log_write(r->vid, g->guest + off, len);
}

#endif /* ENDPOINT_VHOST_RING_H */
