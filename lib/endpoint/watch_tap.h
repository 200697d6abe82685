/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of a tap when its owner or its namespace does something: made, lost,
 * moved, changed. watch.c finds out that something happened; here is what follows.
 *
 * Main, under the watch's lock.
 */
#ifndef ENDPOINT_WATCH_TAP_H
#define ENDPOINT_WATCH_TAP_H

#include "endpoint/watch_place.h"

struct watch_taps {
	int epoll; /**< namespaces found are added to it */
	uint64_t n_ticks; /**< since the watch was opened */
	bool look_again; /**< a place lost its namespace and may have another */
	struct tap_list all;
	struct tap_list changed; /**< to be told of */
	struct tap *cursor; /**< of `all`: next to be asked; NULL: start over */
};

extern struct watch_taps watch_taps;

/** Puts @p t on the list of those to be told of; and takes it off. Again: no harm. */
void watch_tap_mark(struct tap *t);
void watch_tap_unmark(struct tap *t);

/** Makes the netdev of @p t in @p ns. 0 or -errno with @p err. */
int watch_tap_make(struct tap *t, struct watch_ns *ns, struct err *err);

/** The netdev of @p t isn't in its namespace any more. A watch_ns_lost. */
void watch_tap_lost(struct tap *t);

/** Takes over what was heard of its link. */
void watch_tap_apply_link(struct tap *t, const struct tap_link *l);

/** Reads the groups of all taps in @p ns if it is time (0: at any rate), and takes them over. */
void watch_tap_read_groups(struct watch_ns *ns, uint64_t now_ms);

/** Asks how a moved one is; it may have come home, or be gone. */
void watch_tap_ask_moved(struct tap *t);

/** Looks at a place, does what follows for its taps, and tries again what failed. */
void watch_tap_look_at(struct watch_place *p);

#endif /* ENDPOINT_WATCH_TAP_H */
