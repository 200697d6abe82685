/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing rings: what librte_vhost knows of them, and whether it can be used. It
 * looks ring addresses up in the guest's memory, but leaves those behind that didn't
 * fit, or that fitted another size, another kind of ring, another memory: so all is compared here, when a ring is opened.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_pause.h>

#include "endpoint/vhost.h"

#define BASE_INDEX \
	0x7fff /* of a packed ring, as librte_vhost tells it; the bit above is the round's */

void vhost_map_read(struct vhost_map *memory, int vid)
{
	struct rte_vhost_memory *m = NULL;

	memory->n = 0;
	if (rte_vhost_get_mem_table(vid, &m) != 0)
		return;
	for (uint32_t i = 0; i < m->nregions && i < VHOST_MAX_REGIONS; i++)
		memory->regions[memory->n++] = (struct vhost_area){
			.guest = m->regions[i].guest_phys_addr,
			.size = m->regions[i].size,
			.host = (uint8_t *)(uintptr_t)m->regions[i].host_user_addr,
		};
	free(m);
}

/* Are @len bytes at @p the guest's, and does a table of such entries begin there? */
static bool is_table(const struct vhost_map *memory, const void *p, uint64_t len, size_t align)
{
	const struct vhost_area *g;
	uint64_t off;

	if (p == NULL || (uintptr_t)p % align != 0)
		return false;
	g = vhost_area_of(memory, p, &off);
	return g != NULL && len <= g->size - off;
}

static bool open_split(struct vhost_ring *r, const struct rte_vhost_vring *v, uint16_t avail,
		       uint16_t used)
{
	uint64_t event = r->has_events ? sizeof(uint16_t) : 0;
	uint64_t n = r->size;
	uint16_t far = (uint16_t)(avail - 1);

	if ((n & (n - 1)) != 0 ||
	    !is_table(r->memory, v->desc, n * sizeof(*r->desc), sizeof(uint64_t)) ||
	    !is_table(r->memory, v->avail, sizeof(*r->avail) + n * sizeof(uint16_t) + event,
		      sizeof(uint16_t)) ||
	    !is_table(r->memory, v->used,
		      sizeof(*r->used) + n * sizeof(struct vring_used_elem) + event,
		      sizeof(uint32_t)))
		return false;
	r->desc = v->desc;
	r->avail = v->avail;
	r->used = v->used;
	r->at = avail;
	r->used_at = used;
	/* We poll: a kick would cost the guest an exit, and nobody would hear it. */
	if (r->has_events) {
		memcpy(&r->used->ring[n], &far, sizeof(far));
		vhost_log_host(r, &r->used->ring[n], sizeof(far));
	} else {
		r->used->flags = VRING_USED_F_NO_NOTIFY;
		vhost_log_host(r, &r->used->flags, sizeof(r->used->flags));
	}
	return true;
}

static bool open_packed(struct vhost_ring *r, const struct rte_vhost_vring *v, uint16_t avail)
{
	if (!is_table(r->memory, v->desc_packed, r->size * sizeof(*r->packed), sizeof(uint64_t)) ||
	    !is_table(r->memory, v->driver_event, sizeof(*r->driver_event), sizeof(uint32_t)) ||
	    !is_table(r->memory, v->device_event, sizeof(*r->device_event), sizeof(uint32_t)) ||
	    (avail & BASE_INDEX) >= r->size)
		return false;
	r->packed = v->desc_packed;
	r->driver_event = v->driver_event;
	r->device_event = v->device_event;
	r->at = avail & BASE_INDEX;
	r->wrap = avail > BASE_INDEX;
	r->device_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	vhost_log_host(r, r->device_event, sizeof(*r->device_event));
	return true;
}

static void take_features(struct vhost_ring *r, uint64_t features)
{
	const uint64_t long_header = 1ULL << VIRTIO_NET_F_MRG_RXBUF | 1ULL << VIRTIO_F_VERSION_1 |
				     1ULL << VIRTIO_F_RING_PACKED;

	r->is_packed = features >> VIRTIO_F_RING_PACKED & 1;
	r->is_mergeable = features >> VIRTIO_NET_F_MRG_RXBUF & 1;
	r->has_events = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	r->logs = features >> VHOST_F_LOG_ALL & 1;
	r->reads_headers = features >> VIRTIO_NET_F_CSUM & 1;
	r->takes = vhost_caps_of(features);
	r->takes_ecn = features >> VIRTIO_NET_F_GUEST_ECN & 1;
	r->header_len = features & long_header ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
					       : sizeof(struct virtio_net_hdr);
}

static bool open_ring(struct vhost_ring *r, int vid)
{
	uint16_t avail, used;
	struct rte_vhost_vring v;
	uint64_t features;

	if (rte_vhost_get_negotiated_features(vid, &features) != 0 ||
	    rte_vhost_get_vhost_vring(vid, r->index, &v) != 0 ||
	    rte_vhost_get_vring_base(vid, r->index, &avail, &used) != 0 || v.size == 0)
		return false;
	take_features(r, features);
	r->vid = vid;
	r->size = v.size;
	r->call_fd = vhost_call_is_possible(v.callfd) ? v.callfd : -1;
	r->is_broken = false;
	r->was_called = false;
	return r->is_packed ? open_packed(r, &v, avail) : open_split(r, &v, avail, used);
}

static void lock(struct vhost_ring *r)
{
	for (unsigned int spins = 0; rte_spinlock_trylock(&r->lock) == 0; spins++) {
		if (spins < 1000)
			rte_pause();
		else
			usleep(10); /* its worker was interrupted in its burst */
	}
}

bool vhost_ring_open(struct vhost_ring *r, int vid, uint16_t index, const struct vhost_map *memory)
{
	bool is_open;

	lock(r);
	r->index = index;
	r->memory = memory;
	is_open = open_ring(r, vid);
	r->is_open = is_open;
	rte_spinlock_unlock(&r->lock);
	return is_open;
}

void vhost_ring_close(struct vhost_ring *r, bool tell)
{
	uint16_t base;

	lock(r);
	if (r->is_open && tell) {
		base = r->is_packed && r->wrap ? r->at | (BASE_INDEX + 1) : r->at;
		rte_vhost_set_vring_base(r->vid, r->index, base, r->is_packed ? base : r->used_at);
	}
	r->is_open = false;
	rte_spinlock_unlock(&r->lock);
}
