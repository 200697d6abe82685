/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vhost`: a vhost-user socket on librte_vhost as an endpoint. One struct, and a file
 * for each part of its life:
 *   vhost.c         open, close, what main asks
 *   vhost_dev.c     what librte_vhost calls back: connections, devices, rings
 *   vhost_message.c what front ends say, and what they had better not
 *   vhost_io.c      rx and tx, the workers' part
 *   vhost_memory.c  what if a front end takes its memory back
 *   vhost_pool.c    how many mbufs one burst of a guest may take
 *   vhost_socket.c  the socket's file, and the sockets of connections
 *   vhost_room.c    how many of those librte_vhost can watch
 *   vhost_wake.c    having it notice new ones at once
 *
 * Threads: main; workers; and librte_vhost's own (one for all sockets' events, one
 * that connects), whose callbacks wait for nobody but a worker in the middle of a
 * burst. A worker announces itself in its `struct vhost_use` and looks at `vid` then;
 * who takes the device away clears `vid` and waits for all uses to end. It can't
 * be a deadlock: librte_vhost holds no ring's lock when it takes a device away.
 */
#ifndef ENDPOINT_VHOST_H
#define ENDPOINT_VHOST_H

#include <pthread.h>
#include <sys/queue.h>
#include <time.h>

#include <rte_vhost.h>

#include "endpoint/types.h"

/** Pairs of rings that a guest can have; librte_vhost's own limit. */
#define VHOST_MAX_PAIRS 128
#define VHOST_WORDS	(VHOST_MAX_PAIRS / 64)
/** Listening sockets and connections, together, that librte_vhost can watch (vhost_room.c). */
#define VHOST_ROOM 1016
/** The longest frame taken from a guest: 64 KiB of IP behind an Ethernet header with tags. */
#define VHOST_MAX_FRAME (65536 + 128)

/** A place where one worker is, or isn't, inside librte_vhost with this device. */
struct __rte_cache_aligned vhost_use {
	uint32_t busy;
	uint16_t next; /**< rx: of the pairs that this queue serves, the one to begin with */
	uint64_t
		refused; /**< tx: frames that this guest can't take; worker: w, any: ro (relaxed) */
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
	bool cut; /**< VHOST_RUNNING: its memory was taken away */
};

/** What the front end told of a ring so far. */
struct vhost_ring {
	uint16_t size; /**< 0: not told, or none that could be used */
	bool has_addr, has_base; /**< since then */
};

struct vhost {
	struct endpoint ep; /**< first */

	/* callbacks: w, worker: ro; all atomic */
	int vid; /**< -1: no device to send to or receive from */
	uint32_t dev_caps; /**< ENDPOINT_CAP_…, valid while vid is */
	uint64_t from_guest[VHOST_WORDS]; /**< pairs whose tx ring is enabled */
	uint64_t to_guest[VHOST_WORDS];
	bool cut; /**< its front end took memory away; worker: sets, callbacks: clear */
	uint64_t loud[VHOST_WORDS]; /**< pairs whose guest still kicks; worker: clears */

	struct rte_mempool *budget_pool; /**< vhost_pool.h */
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

	/* the event thread's own: vhost_message.c */
	struct vhost_ring rings[2 * VHOST_MAX_PAIRS];
	bool is_packed;

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

/* ---- vhost_dev.c --------------------------------------------------------------- */

/** Has librte_vhost serve v->path; 0, or -errno with @p err and nothing left behind. Main. */
int vhost_dev_register(struct vhost *v, const struct endpoint_conf *conf, struct err *err);

/** Closes the connection and the socket; when it returns nobody calls back for @p v any more. */
void vhost_dev_unregister(struct vhost *v);

/** No ring, or not this one, is open until on_ring() says so. */
void vhost_rings_off(struct vhost *v);
void vhost_ring_off(struct vhost *v, uint16_t ring);

/** May a worker be at @p ring? */
bool vhost_ring_is_used(struct vhost *v, uint16_t ring);

/* ---- vhost_message.c: librte_vhost's threads ---------------------------------------- */

/** A new connection: nothing was told yet. */
void vhost_message_begin(struct vhost *v);

/** A message came, @p msg as librte_vhost has it. */
enum rte_vhost_msg_result vhost_message_check(struct vhost *v, void *msg);

/** Has the front end told all of @p ring that it takes to use it? */
bool vhost_message_is_sound(const struct vhost *v, uint16_t ring);

/* ---- vhost_io.c: workers --------------------------------------------------------- */

uint16_t vhost_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t vhost_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);

/* ---- vhost_memory.c -------------------------------------------------------------- */

/** Has SIGBUS survived where a front end shortened its memory. Main. 0 or -errno. */
int vhost_memory_guard(void);

/** Worker: did that happen to this thread since vhost_memory_begin()? */
void vhost_memory_begin(void);
bool vhost_memory_was_cut(void);

/* ---- vhost_pool.c ---------------------------------------------------------------- */

/**
 * A view of @p real that gives a thread no more mbufs than vhost_pool_allow() said. A
 * guest decides how long a descriptor is, and librte_vhost would fill the whole pool with
 * it: buffers that its neighbours need. One view a pool, shared. NULL with @p err. Main.
 */
struct rte_mempool *vhost_pool_get(struct rte_mempool *real, struct err *err);
void vhost_pool_put(struct rte_mempool *view);

/** How many mbufs this thread may take from views from now on. */
void vhost_pool_allow(uint32_t n);

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
