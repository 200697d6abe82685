/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places: where the configuration says that a namespace is to be found, and which
 * one was found there last. Taps come and go with what a place holds.
 *
 * Main, and the reaper where the last tap of a place is closed; under the watch's lock.
 */
#ifndef ENDPOINT_WATCH_PLACE_H
#define ENDPOINT_WATCH_PLACE_H

#include "endpoint/watch_ns.h"

TAILQ_HEAD(tap_list, tap);

struct watch_place {
	LIST_ENTRY(watch_place) next;
	struct tap_list taps;
	struct watch_ns *ns; /**< with a reference; NULL: none there, `code` and `reason` say why */
	enum netns_kind kind;
	bool ended; /**< a PID's process is gone for good, whoever gets its number next */
	int code; /**< positive errno */
	char reason[200];
	char *spec; /**< NULL: our own */
	char path[NETNS_PATH_LEN];
};

/** What watch.c does when a place gets or loses its namespace; each is called once a change. */
struct watch_place_events {
	void (*appeared)(struct watch_place *p, int nsfd);
	void (*gone)(struct watch_place *p);
};

/** The place that @p spec means, to be looked at; NULL with @p err. watch_place_put() when @p taps is empty again. */
struct watch_place *watch_place_get(const char *spec, struct err *err);

/** Frees @p p if it has no taps. */
void watch_place_put(struct watch_place *p);

/**
 * Looks whether the namespace there still is the same.
 * @return true: it went. Whether there is another one is for the next look, so that
 * everybody hears first that this one is gone.
 */
bool watch_place_look(struct watch_place *p, int epoll, const struct watch_place_events *on);

struct watch_place *watch_place_first(void);

#endif /* ENDPOINT_WATCH_PLACE_H */
