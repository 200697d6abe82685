/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vhost`: a vhost-user socket on librte_vhost as an endpoint. One struct, and a file
 * for each part of its life:
 *   vhost.c         open, close, what main asks
 *   vhost_dev.c     what librte_vhost calls back: connections, devices, rings
 *   vhost_message.c what front ends say, and what they had better not
 *   vhost_io.c      rx and tx, the workers' part, on
 *   vhost_ring.h    one ring
 *   vhost_memory.c  what if a front end takes its memory back
 *   vhost_socket.c  the socket's file, and the sockets of connections
 *   vhost_room.c    how many of those librte_vhost can watch
 *   vhost_wake.c    having it notice new ones at once
 *
 * Threads: main; workers; and librte_vhost's own (one for all sockets' events, one
 * that connects), whose callbacks wait for nobody but a worker in the middle of a
 * burst: a ring is closed under its lock before librte_vhost changes anything of it, and opened again
 * afterwards. It can't be a deadlock: workers take no lock of librte_vhost's.
 */
#ifndef ENDPOINT_VHOST_H
#define ENDPOINT_VHOST_H

#include <pthread.h>
#include <sys/queue.h>
#include <time.h>

#include "endpoint/types.h"
#include "endpoint/vhost_ring.h"

/** Pairs of rings that a guest can have; librte_vhost's own limit. */
#define VHOST_MAX_PAIRS 128
#define VHOST_WORDS	(VHOST_MAX_PAIRS / 64)
/** Listening sockets and connections, together, that librte_vhost can watch (vhost_room.c). */
#define VHOST_ROOM 1016
/** How long nothing is done for who made a worker wait. */
#define VHOST_DEAF_MS 10000

/** What one queue of ours has of its own; its worker's. */
struct __rte_cache_aligned vhost_use {
	uint16_t next; /**< rx: of the pairs that this queue serves, the one to begin with */
	uint64_t
		refused; /**< tx: frames that this guest can't take; worker: w, any: ro (relaxed) */
};

/** Why workers have nothing to do with a device that runs, until it starts anew. */
enum vhost_fault {
	VHOST_SOUND,
	VHOST_CUT, /**< its front end took memory away */
	VHOST_DEAF, /**< its front end makes who calls it wait */
};

enum vhost_phase {
	VHOST_NEVER, /**< nobody has connected */
	VHOST_CONNECTED, /**< the guest's driver isn't ready */
	VHOST_RUNNING,
	VHOST_GONE, /**< the last client went away */
	VHOST_FULL, /**< the last client was sent away: VHOST_ROOM is exhausted */
};

/** What callbacks know and main tells. */
struct vhost_facts {
	enum vhost_phase phase;
	uint64_t features; /**< negotiated; VHOST_RUNNING only */
	uint64_t refused; /**< features that the last client wanted though they weren't offered */
	uint16_t mtu; /**< VIRTIO_NET_F_MTU; 0: none */
	time_t since;
	uint64_t n_connections; /**< so far */
	enum vhost_fault fault; /**< VHOST_RUNNING only */
	bool is_broken; /**< VHOST_RUNNING: a ring was found so and is left alone */
};

struct vhost {
	struct endpoint ep; /**< first */

	/* callbacks: w, worker: ro; all atomic */
	int vid; /**< -1: no device to send to or receive from */
	uint64_t from_guest[VHOST_WORDS]; /**< pairs whose tx ring is open */
	uint64_t to_guest[VHOST_WORDS];

	/* worker: sets, callbacks: clear; atomic */
	enum vhost_fault fault;
	bool is_broken;
	uint64_t deaf_until; /**< ms of CLOCK_MONOTONIC */

	/** What is announced for the guest next, an address; 0: nothing. Event thread: sets, worker: takes; atomic. */
	uint64_t announced;

	struct vhost_use *rx_uses; /**< [ep.n_rx_queues] */
	struct vhost_use *tx_uses; /**< [ep.n_tx_queues] */

	/* main */
	char path[108];
	bool client;
	bool registered; /**< with librte_vhost */
	bool listed; /**< where callbacks find it */
	bool has_room; /**< vhost_room.c: its socket is counted */
	uint64_t rested; /**< vhost_room.c: when it last left a place */
	uint64_t offered; /**< features; constant once registered */
	struct vhost_facts told; /**< as of the last refresh */

	/* callbacks; a worker looks at a ring whose bit above is set */
	struct vhost_ring
		*rings[2 * VHOST_MAX_PAIRS]; /**< each made when first needed; freed by main */
	bool is_ready[2 * VHOST_MAX_PAIRS]; /**< librte_vhost says that all of it was told */
	struct vhost_map memory;
	uint16_t sizes[2 * VHOST_MAX_PAIRS]; /**< of rings, as told */
	uint32_t n_descriptors; /**< their sum */
	bool wants_ack; /**< vhost_message.c */

	/* callbacks and main, under `lock`, held for a few instructions */
	pthread_mutex_t lock;
	struct vhost_facts facts;
	int conn_vid; /**< of the one connection; -1: none */
	int conn_fd; /**< librte_vhost's; -1: none, or not found */
	LIST_ENTRY(vhost) next; /**< vhost_dev.c */
};

static inline struct vhost *vhost_of(struct endpoint *ep)
{
	return (struct vhost *)ep;
}

static inline const struct vhost *vhost_of_const(const struct endpoint *ep)
{
	return (const struct vhost *)ep;
}

static inline uint64_t vhost_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- vhost_dev.c --------------------------------------------------------------- */

/** Has librte_vhost serve v->path; 0, or -errno with @p err and nothing left behind. Main. */
int vhost_dev_register(struct vhost *v, const struct endpoint_conf *conf, struct err *err);

/** Closes the connection and the socket; when it returns nobody calls back for @p v any more. */
void vhost_dev_unregister(struct vhost *v);

/** What a guest with these features takes: ENDPOINT_CAP_…. */
uint32_t vhost_caps_of(uint64_t features);

/** librte_vhost's threads: no worker is in a ring, or in this one, until vhost_rings_open(). */
void vhost_rings_close(struct vhost *v);
void vhost_ring_pause(struct vhost *v, uint32_t ring);

/** Opens those that can be used. */
void vhost_rings_open(struct vhost *v);

/* ---- vhost_message.c: librte_vhost's threads ---------------------------------------- */

/** A new connection: nothing was told yet. */
void vhost_message_begin(struct vhost *v);

/** A message came, @p msg as librte_vhost has it. */
enum rte_vhost_msg_result vhost_message_check(struct vhost *v, void *msg);

/** Device @p vid has what the message says. */
void vhost_message_done(struct vhost *v, int vid, void *msg);

/* ---- vhost_io.c: workers --------------------------------------------------------- */

uint16_t vhost_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t vhost_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);

/* ---- vhost_call.c: main, and see there ----------------------------------------------- */

/** Has somebody look after workers that call guests. 0 or -errno; again: no harm. */
int vhost_call_guard(void);

/** When no socket is left. */
void vhost_call_leave(void);

/**
 * Is @p fd an eventfd? Others, a file of a file system that the front end serves for instance, may make
 * who writes wait so that no signal helps. librte_vhost's threads.
 */
bool vhost_call_is_possible(int fd);

/* ---- vhost_memory.c -------------------------------------------------------------- */

/** Has SIGBUS survived where a front end shortened its memory. Main. 0 or -errno. */
int vhost_memory_guard(void);

/** Worker: did that happen to this thread since vhost_memory_begin()? */
void vhost_memory_begin(void);
bool vhost_memory_was_cut(void);

/* ---- vhost_socket.c -------------------------------------------------------------- */

/**
 * Makes room for a socket of ours at @p path: removes one that nobody listens on.
 * -EADDRINUSE: somebody does; -EEXIST: something that is no socket; -ENOENT: no folder.
 */
int vhost_socket_clear(const char *path, struct err *err);

/** The numbers of `owner=`; -1: as it is. 0 or -ENOENT with @p err. */
int vhost_socket_owner(const char *owner, uid_t *uid, gid_t *gid, struct err *err);

/**
 * The descriptor of the living connection at @p path, other than @p but; -1: not found. Those
 * that ended may be open still, and their numbers are soon somebody else's.
 * librte_vhost, whose own it is, doesn't tell it.
 */
int vhost_socket_find(const char *path, bool client, int but);

/** Is @p fd such a connection, and its other end not closed? */
bool vhost_socket_is_alive(int fd, const char *path, bool client);

/**
 * Limits how long the other end of @p fd may take over the rest of a message: the one thread
 * that reads them all would wait for it for ever. -1 is fine.
 */
void vhost_socket_limit(int fd);

/* ---- vhost_room.c ---------------------------------------------------------------- */

/** Takes a place for @p v's listening socket; 0 or -ENOSPC with @p err. Main. */
int vhost_room_listen(struct vhost *v, struct err *err);

/** A connection takes a place; false: there is none. librte_vhost's threads. */
bool vhost_room_enter(struct vhost *v, int vid);
/** It ended; harmless where it had none. */
void vhost_room_leave(int vid);

/** @p v's socket and connections are gone. Main. */
void vhost_room_close(struct vhost *v);

/* ---- vhost_wake.c: main ------------------------------------------------------------ */

/** Has librte_vhost hear a socket that was added just now, instead of up to a second later. */
void vhost_wake(void);

/** Waits until its thread has gone through all that happened so far; a second at most a round. */
void vhost_wake_wait(void);

/** When no socket is left. */
void vhost_wake_close(void);

#endif /* ENDPOINT_VHOST_H */
