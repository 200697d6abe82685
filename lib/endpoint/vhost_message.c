/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a front end says, before librte_vhost (22.11: lib/vhost/vhost_user.c) acts on it, and when it has. Workers are kept
 * out of what a message changes meanwhile. A message is refused by making it one that
 * librte_vhost refuses itself, because only then are the descriptors that came with it closed. Its event thread.
 */
#include <string.h>

#include "endpoint/vhost.h"

/*
 * librte_vhost keeps 32 to 48 bytes for each descriptor of a ring, in memory that all share. So many have 128 pairs of
 * rings of 1,024, which is more than QEMU makes; or 4 of the longest that there are.
 */
#define MAX_DESCRIPTORS (256 * 1024)
#define MAX_RING_SIZE	32768
/* Of the 128 TiB that a process can map, a guest may have a few. */
#define MAX_MEMORY (4ULL << 40)

#define NEED_REPLY 8 /* flags of a message */
#define IS_REPLY   4

/* Numbers of the protocol. */
enum {
	SET_FEATURES = 2,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_LOG_BASE = 6,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ENABLE = 18,
	SEND_RARP = 19,
	POSTCOPY_ADVISE = 28,
	POSTCOPY_LISTEN = 29,
	POSTCOPY_END = 30,
	GET_INFLIGHT_FD = 31,
	SET_INFLIGHT_FD = 32,
	ADD_MEM_REG = 37,
	REM_MEM_REG = 38,
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t ring, n;
		} state;
		uint32_t ring; /* of SET_VRING_ADDR; of SET_VRING_KICK and CALL the lowest byte */
		struct {
			uint64_t size, offset;
		} log;
		struct {
			uint32_t n, padding;
			struct {
				uint64_t guest, size, user, offset;
			} regions[VHOST_MAX_REGIONS];
		} memory;
	};
} __attribute__((packed));

void vhost_message_begin(struct vhost *v)
{
	memset(v->is_ready, 0, sizeof(v->is_ready));
	memset(v->sizes, 0, sizeof(v->sizes));
	v->n_descriptors = 0;
	v->memory.n = 0;
	v->wants_ack = false;
	__atomic_store_n(&v->announced, 0, __ATOMIC_RELAXED);
}

static void on_features(struct vhost *v, const struct message *m)
{
	vhost_rings_close(v);
	/* librte_vhost sends the client away without telling us why. */
	pthread_mutex_lock(&v->lock);
	v->facts.refused = m->u64 & ~v->offered;
	pthread_mutex_unlock(&v->lock);
}

static void on_memory(struct vhost *v, struct message *m)
{
	uint64_t sum = 0;

	vhost_rings_close(v);
	for (uint32_t i = 0; i < m->memory.n && i < VHOST_MAX_REGIONS; i++) {
		uint64_t size = m->memory.regions[i].size, offset = m->memory.regions[i].offset;

		sum += RTE_MIN(size, MAX_MEMORY) + RTE_MIN(offset, MAX_MEMORY);
	}
	if (sum >= MAX_MEMORY)
		m->memory.n = UINT32_MAX;
}

static void on_size(struct vhost *v, struct message *m)
{
	uint16_t *size = &v->sizes[m->state.ring];
	uint32_t n = m->state.n;

	vhost_ring_pause(v, m->state.ring);
	if (n > MAX_RING_SIZE || v->n_descriptors - *size + n > MAX_DESCRIPTORS) {
		m->state.n = UINT32_MAX;
		return;
	}
	v->n_descriptors += n - *size;
	*size = (uint16_t)n;
}

/*
 * After an error librte_vhost has what is left of the old state and of the new; it closes such a connection, but for a front
 * end that wants to be told. So that is left to us, where all went well.
 */
static void take_wish(struct vhost *v, struct message *m)
{
	v->wants_ack = m->flags & NEED_REPLY;
	m->flags &= ~(uint32_t)NEED_REPLY;
}

enum rte_vhost_msg_result vhost_message_check(struct vhost *v, void *msg)
{
	struct message *m = msg;

	take_wish(v, m);
	if (((m->request >= SET_VRING_NUM && m->request <= GET_VRING_BASE) ||
	     m->request == SET_VRING_ENABLE) &&
	    m->ring >= RTE_DIM(v->rings))
		return RTE_VHOST_MSG_RESULT_ERR;
	switch (m->request) {
	case SET_FEATURES:
		on_features(v, m);
		break;
	case RESET_OWNER:
		/*
		 * Nobody needs it any more, and the protocol recommends to ignore it; librte_vhost would
		 * forget memory that it has for the rings.
		 */
		return RTE_VHOST_MSG_RESULT_OK;
	case SET_MEM_TABLE:
		on_memory(v, m);
		break;
	case SET_LOG_BASE:
		vhost_rings_close(v);
		/* It maps from the offset on, and adds it once more. */
		if (m->log.offset != 0)
			m->size = 0;
		break;
	case SET_VRING_NUM:
		on_size(v, m);
		break;
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
	case SET_VRING_ENABLE:
		vhost_ring_pause(v, m->ring);
		break;
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		vhost_ring_pause(v, m->ring & UINT8_MAX);
		break;
	case SEND_RARP:
		__atomic_store_n(&v->announced, m->u64, __ATOMIC_RELAXED);
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
	case ADD_MEM_REG:
	case REM_MEM_REG:
		/* Nor is memory in slots, which library versions behind 24.11 know. */
		return RTE_VHOST_MSG_RESULT_ERR;
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

void vhost_message_done(struct vhost *v, int vid, void *msg)
{
	struct message *m = msg;

	if (m->request == SET_MEM_TABLE)
		vhost_map_read(&v->memory, vid);
	vhost_rings_open(v);
	/* What has an answer of its own has no other. */
	if (v->wants_ack && !(m->flags & IS_REPLY))
		m->flags |= NEED_REPLY;
}
