/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user front end of the tests' own: the virtual machine's side of a socket. It
 * speaks the protocol, shares a memfd and fills split or packed rings by hand, so that it can
 * also do what no driver would. No hugepages, no DPDK. One thread at a time.
 */
#ifndef TESTS_VHOST_FRONT_H
#define TESTS_VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define FRONT_PAIRS 8
#define FRONT_RING  64 /**< descriptors, where front.size isn't set otherwise */
#define FRONT_SLOTS (FRONT_RING / 2) /**< frames: each has a descriptor for its header */

#define FRONT_P_RARP	 (1ULL << 2) /**< protocol features */
#define FRONT_P_MTU	 (1ULL << 4)
#define FRONT_V1	 (1ULL << 32)
#define FRONT_PACKED	 (1ULL << 34)
#define FRONT_LOG_ALL	 (1ULL << 26)
#define FRONT_EVENTS	 (1ULL << 29)
#define FRONT_PROTOCOL	 (1ULL << 30)
#define FRONT_MRG	 (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define FRONT_MQ	 (1ULL << VIRTIO_NET_F_MQ)
#define FRONT_CSUM	 (1ULL << VIRTIO_NET_F_CSUM)
#define FRONT_TSO	 (1ULL << VIRTIO_NET_F_HOST_TSO4 | 1ULL << VIRTIO_NET_F_HOST_TSO6)
#define FRONT_GUEST_CSUM (1ULL << VIRTIO_NET_F_GUEST_CSUM)
#define FRONT_GUEST_TSO	 (1ULL << VIRTIO_NET_F_GUEST_TSO4 | 1ULL << VIRTIO_NET_F_GUEST_TSO6)
#define FRONT_OFFLOADS	 (FRONT_CSUM | FRONT_TSO | FRONT_GUEST_CSUM | FRONT_GUEST_TSO)

#define FRONT_NEED_REPLY 8

/** Requests of the protocol. */
enum front_request {
	FRONT_GET_FEATURES = 1,
	FRONT_SET_FEATURES = 2,
	FRONT_SET_OWNER = 3,
	FRONT_SET_MEM_TABLE = 5,
	FRONT_RESET_OWNER = 4,
	FRONT_SET_LOG_BASE = 6,
	FRONT_SET_VRING_NUM = 8,
	FRONT_SET_VRING_ADDR = 9,
	FRONT_SET_VRING_BASE = 10,
	FRONT_GET_VRING_BASE = 11,
	FRONT_SET_VRING_KICK = 12,
	FRONT_SET_VRING_CALL = 13,
	FRONT_GET_PROTOCOL_FEATURES = 15,
	FRONT_SET_PROTOCOL_FEATURES = 16,
	FRONT_SET_VRING_ENABLE = 18,
	FRONT_SEND_RARP = 19,
	FRONT_NET_SET_MTU = 20,
	FRONT_POSTCOPY_ADVISE = 28,
	FRONT_SET_INFLIGHT_FD = 32,
};

/** The three areas of a ring are those of a split or of a packed one. */
struct front_ring {
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
	uint8_t *slots;
	uint16_t size; /**< descriptors */
	uint16_t seen; /**< of the used ring */
	uint16_t filled; /**< frames put in so far */
	int kick, call;
	uint16_t base; /**< front_pause(): how far the other side says that it came */

	/* packed rings only (vhost_front_packed.c) */
	uint16_t at, used_at;
	bool wrap, used_wrap;
	uint16_t done; /**< frames that came back */
	uint16_t chain[FRONT_RING]; /**< descriptors of a buffer, by its id */
};

struct front {
	int fd; /**< the connection; -1: none */
	int memfd;
	uint8_t *mem;
	size_t mem_len, slot_len;
	uint64_t offered, features;
	uint64_t omit; /**< requests, by bit, that are left out: not sent */
	uint32_t flags; /**< of each message: FRONT_NEED_REPLY */
	unsigned int life; /**< messages sent when it dies; 0: it doesn't */
	bool dies_early; /**< in the middle of the last one */
	bool is_legacy; /**< without mergeable buffers its headers have 10 bytes */
	uint16_t size; /**< of the rings; up to FRONT_RING */
	unsigned int n_pairs;
	uint32_t rx_len; /**< bytes of each receive buffer, header included */
	uint64_t
		protocol; /**< protocol features to negotiate besides MQ; tells if they were offered */
	uint16_t mtu; /**< to tell before the rings start; 0: none */
	struct front_ring rings[2 * FRONT_PAIRS]; /**< even: received on; odd: sent on */
};

/** Memory for @p n_pairs pairs of rings whose frames have up to @p slot_len bytes. */
void front_init(struct front *f, unsigned int n_pairs, size_t slot_len);
/** Closes the connection as a process that dies does, and gives the memory back. */
void front_destroy(struct front *f);

/** Connects to a server; 0 or -errno. */
int front_connect(struct front *f, const char *path);
void front_disconnect(struct front *f);
/** A server's socket; and the next connection to it within @p ms, 0 or -ETIMEDOUT. */
int front_listen(const char *path);
int front_accept(struct front *f, int listener, int ms);

/** Sends one message; with a descriptor unless @p fd is -1. 0 or -errno. */
int front_message(struct front *f, uint32_t request, const void *payload, uint32_t size, int fd);
/** The same with @p n descriptors. */
int front_message_fds(struct front *f, uint32_t request, const void *payload, uint32_t size,
		      const int *fds, unsigned int n);

/** A piece of memory of its own, as SET_MEM_TABLE tells of it. */
struct front_region {
	uint64_t guest, size, user, offset;
};

/** Shares @p n pieces of its memory file; what a table says needn't be true. 0 or -errno. */
int front_share(struct front *f, const struct front_region *r, unsigned int n);

/** Tells ring @p ring's size and where its tables are, and starts it; 0 or -errno. */
int front_place(struct front *f, unsigned int ring, uint64_t desc, uint64_t avail, uint64_t used);
/** Any bytes. */
int front_bytes(struct front *f, const void *b, size_t n);
/** A question that is answered with a number; false: the connection was closed. */
bool front_ask(struct front *f, uint32_t request, uint64_t *answer);
/** The next answer, to whatever was asked. */
bool front_answer(struct front *f, uint64_t *answer);

/** Negotiates the features @p wanted (what wasn't offered included) and starts all rings; false: it was closed. */
bool front_start(struct front *f, uint64_t wanted);
bool front_enable(struct front *f, unsigned int ring, bool on);
/** Asks the back end to announce @p mac on the guest's behalf, as after a migration. 0 or -errno. */
int front_announce(struct front *f, const uint8_t *mac);
/**
 * As a migration begins: from now on each page of 4 KiB that is written is a bit in @p memfd, of
 * @p len bytes; false: it was closed.
 */
bool front_log(struct front *f, int memfd, size_t len);
/** GET_VRING_BASE of all rings: the driver goes. */
bool front_stop(struct front *f);
/** A machine is paused, and goes on: GET_VRING_BASE of all rings, then all that is told of them, with what was answered. */
bool front_pause(struct front *f);
bool front_resume(struct front *f);

/** Does the other side want to hear of what is made available on @p ring? */
bool front_wants_kicks(const struct front *f, unsigned int ring);
/** Whether we want to hear of what is used on @p ring; at first we do. */
void front_want_calls(struct front *f, unsigned int ring, bool on);

/** Puts a frame into pair @p pair's send ring; false: it is full. */
bool front_send(struct front *f, unsigned int pair, const struct virtio_net_hdr *h,
		const void *frame, size_t len);
/** The next frame received on pair @p pair, its length, or -1; @p h as the first buffer has it. */
int front_receive(struct front *f, unsigned int pair, struct virtio_net_hdr_mrg_rxbuf *h, void *buf,
		  size_t len);

/**
 * Writes descriptor @p i of @p ring; and makes available the chain that begins at @p head. In a
 * packed ring @p next is of no importance: a chain goes on at the next place.
 */
void front_desc(struct front *f, unsigned int ring, uint16_t i, uint64_t addr, uint32_t len,
		uint16_t flags, uint16_t next);
void front_head(struct front *f, unsigned int ring, uint16_t head);

#endif /* TESTS_VHOST_FRONT_H */
