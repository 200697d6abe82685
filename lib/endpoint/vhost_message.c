/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a front end says, before librte_vhost (22.11: lib/vhost/vhost_user.c) acts on it: it takes
 * the order and the numbers of some messages on trust, and then works on tables that it has not, or
 * outside of them. A message is refused by making it one that it refuses itself, because only then are
 * the descriptors that came with it closed. Its event thread, with all rings' locks held.
 */
#include <string.h>

#include "endpoint/vhost.h"

#ifndef VIRTIO_F_RING_PACKED
#define VIRTIO_F_RING_PACKED 34
#endif

#define MAX_RING_SIZE 32768
#define BASE_INDEX    0x7fff /* SET_VRING_BASE of a packed ring; the bit above wraps */
#define BASE_START    0x8000

/* Numbers of the protocol. */
enum {
	SET_FEATURES = 2,
	RESET_OWNER = 4,
	SET_LOG_BASE = 6,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	POSTCOPY_ADVISE = 28,
	POSTCOPY_LISTEN = 29,
	POSTCOPY_END = 30,
	GET_INFLIGHT_FD = 31,
	SET_INFLIGHT_FD = 32,
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t ring, n;
		} state;
		uint32_t ring; /* of SET_VRING_ADDR */
		struct {
			uint64_t size, offset;
		} log;
	};
} __attribute__((packed));

void vhost_message_begin(struct vhost *v)
{
	memset(v->rings, 0, sizeof(v->rings));
	v->is_packed = false;
}

bool vhost_message_is_sound(const struct vhost *v, uint16_t ring)
{
	const struct vhost_ring *r = &v->rings[ring];

	return r->size != 0 && r->has_addr && (!v->is_packed || r->has_base);
}

/* Tables are made for one kind of ring and one size, and all else is looked at with them. */
static void on_features(struct vhost *v, const struct message *m)
{
	bool packed = m->u64 >> VIRTIO_F_RING_PACKED & 1;

	/* librte_vhost sends the client away without telling us why. */
	pthread_mutex_lock(&v->lock);
	v->facts.refused = m->u64 & ~v->offered;
	pthread_mutex_unlock(&v->lock);
	if (packed == v->is_packed || (m->u64 & ~v->offered) != 0 ||
	    __atomic_load_n(&v->vid, __ATOMIC_RELAXED) >= 0)
		return; /* it refuses that of a running device */
	memset(v->rings, 0, sizeof(v->rings));
	v->is_packed = packed;
	vhost_rings_off(v);
}

/* It is not to be used before it was told anew. No worker is there, or the device goes. */
static void forget_ring(struct vhost *v, uint32_t ring)
{
	v->rings[ring] = (struct vhost_ring){0};
	vhost_ring_off(v, (uint16_t)ring);
}

static void on_size(struct vhost *v, struct message *m)
{
	struct vhost_ring *r = &v->rings[m->state.ring];
	uint32_t n = m->state.n;

	if (vhost_ring_is_used(v, (uint16_t)m->state.ring)) {
		m->state.n = UINT32_MAX;
		return;
	}
	forget_ring(v, m->state.ring);
	if (n <= MAX_RING_SIZE && (v->is_packed || (n & (n - 1)) == 0))
		r->size = (uint16_t)n;
	else
		m->state.n = UINT32_MAX;
}

static void on_base(struct vhost *v, struct message *m)
{
	struct vhost_ring *r = &v->rings[m->state.ring];

	if (!v->is_packed)
		return;
	/* It takes any number and can't be made to refuse: one that does no harm. */
	if ((m->state.n & BASE_INDEX) >= r->size || vhost_ring_is_used(v, (uint16_t)m->state.ring))
		m->state.n = BASE_START;
	r->has_base = r->size != 0;
}

enum rte_vhost_msg_result vhost_message_check(struct vhost *v, void *msg)
{
	struct message *m = msg;

	if (m->request >= SET_VRING_NUM && m->request <= GET_VRING_BASE &&
	    m->ring >= RTE_DIM(v->rings))
		return RTE_VHOST_MSG_RESULT_ERR;
	switch (m->request) {
	case SET_FEATURES:
		if (m->size == sizeof(m->u64))
			on_features(v, m);
		break;
	case RESET_OWNER:
		vhost_message_begin(v);
		break;
	case SET_LOG_BASE:
		/* It maps from the offset on, and adds it once more. */
		if (m->log.offset != 0)
			m->size = 0;
		break;
	case SET_VRING_NUM:
		on_size(v, m);
		break;
	case SET_VRING_BASE:
		on_base(v, m);
		break;
	case SET_VRING_ADDR:
		v->rings[m->ring].has_addr = v->rings[m->ring].size != 0;
		break;
	case GET_VRING_BASE:
		forget_ring(v, m->state.ring);
		break;
	case GET_INFLIGHT_FD:
	case SET_INFLIGHT_FD:
		/*
		 * In-flight tables aren't offered, but made and cleared on the event thread for
		 * who asks, as large as he likes. Of the wrong length, they are refused.
		 */
		m->size = 0;
		break;
	case POSTCOPY_ADVISE:
	case POSTCOPY_LISTEN:
	case POSTCOPY_END:
		/* Isn't offered either: workers would wait for pages, for as long as he likes. */
		return RTE_VHOST_MSG_RESULT_ERR;
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}
