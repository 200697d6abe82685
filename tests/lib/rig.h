/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rig: the whole forwarder in one thread, with net_ring at every endpoint. The test
 * is the wire, the host, each vnic's owner and the worker: it puts a frame in,
 * takes a turn and sees what came out where. `dev:net_ring_NAME` in a configuration is
 * the rig's own end called NAME.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <rte_ring.h>

#include "ctl/runtime.h"

#define RIG_MAX_ENDS  20
#define RIG_RING_SIZE 1024

struct rig_end {
	char name[24];
	struct rte_ring *in; /* to the forwarder */
	struct rte_ring *out; /* from it */
};

struct rig {
	struct runtime rt;
	struct rig_end ends[RIG_MAX_ENDS];
	size_t n_ends;
	struct rte_mempool *pool; /* the frames that the test makes */
	unsigned int made; /* of them, in use before */
};

/** EAL without hugepages, once a program; cmocka's group setup. 0 or -1. */
int rig_eal(void **state);

/** Starts a forwarder on @p ini; fails the test where it doesn't. */
void rig_start(struct rig *r, const char *ini);

/** Another configuration, as SIGHUP would bring it. 0 or -errno with @p err. */
int rig_reload(struct rig *r, const char *ini, struct err *err);

/** Stops, and asserts that every mbuf is back in its pool. */
void rig_stop(struct rig *r);

/** A frame of @p len bytes, cut into segments of @p seg bytes (0: one). */
struct rte_mbuf *rig_mbuf(struct rig *r, const void *bytes, size_t len, size_t seg);

/** Puts a frame of @p len bytes into the end @p name, cut into segments of @p seg bytes (0: one). */
void rig_send(struct rig *r, const char *name, const void *bytes, size_t len, size_t seg);

/** The same with an mbuf of the test's own making; it is consumed. */
void rig_send_mbuf(struct rig *r, const char *name, struct rte_mbuf *m);

/** @p n worker turns. */
void rig_turn(struct rig *r, unsigned int n);

/** What came out of @p name next, or NULL; to be freed. */
struct rte_mbuf *rig_take(struct rig *r, const char *name);

/** How many wait there; they are freed. */
unsigned int rig_drain(struct rig *r, const char *name);

/** Drops counted at a vnic or port. */
uint64_t rig_drops(struct rig *r, const char *name, enum drop_reason reason);

#endif /* TESTS_RIG_H */
