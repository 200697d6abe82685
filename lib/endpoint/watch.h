/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watch over taps: what their owners do to them, and what becomes of their
 * namespaces. endpoint.h has what main calls; this is what tap.c needs besides.
 *
 * A *place* is where the configuration says that a namespace is to be found: a name,
 * a PID, a path. What is found there is a *namespace* (watch_ns.h); it can be
 * missing, or be replaced by another. All taps of a place share it.
 *
 * Our own descriptors keep a namespace alive after `ip netns del`, so nothing in the
 * kernel tells that one is gone: places are looked at, on inotify's word and every 250 ms.
 *
 * Threads: main, but for watch_remove(), which the reaper may call, too. One recursive lock covers everything; it is held while endpoint_watch_run()
 * works and calls back, so a tap that the reaper is about to close stays whole
 * until then.
 */
#ifndef ENDPOINT_WATCH_H
#define ENDPOINT_WATCH_H

#include "endpoint/tap.h"

#define WATCH_TICK_MS 250

/**
 * Gives @p t its place in namespace @p netns and, if there is one now, its netdev.
 * @return 0, the netdev may be absent for want of a namespace; or -errno with @p err: it
 * can't be made, and @p t is not watched
 */
int watch_add(struct tap *t, const char *netns, struct err *err);

/** Forgets @p t; its queues' descriptors are the caller's to close. Harmless when it isn't watched. */
void watch_remove(struct tap *t);

/** Makes a netdev that its owner deleted again, if its namespace is there. 0 or -errno with @p err. */
int watch_make_again(struct tap *t, struct err *err);

/** Asks the kernel all about @p t; true: something differs from what was told. */
bool watch_refresh(struct tap *t);

/** Reads what became of its addresses by what we did, so that it isn't told as another's doing. */
void watch_hear_addresses(struct tap *t);

/** The namespace of @p t as it was written; NULL: our own. */
const char *watch_netns(const struct tap *t);

/** The watch's one lock. */
void watch_lock(void);
void watch_unlock(void);

/** Has endpoint_watch_run() look at worker's hints. Any thread. */
void watch_wake(void);

/** A harmless descriptor to duplicate where none could be opened. */
int watch_spare_fd(void);

/**
 * Has endpoint_watch_run() refresh @p ep, and tell of it if that changed anything, after
 * each endpoint_hint_slow(). For types that hear news on threads of their own (vhost).
 */
int watch_listen(struct endpoint *ep);
void watch_unlisten(struct endpoint *ep);

#endif /* ENDPOINT_WATCH_H */
