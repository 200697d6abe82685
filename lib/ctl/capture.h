/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures that clients of the control socket ask for (docs/rpc.md, capture.start):
 * the connection becomes a pcapng stream.
 *
 * Main starts and ends them. Each has a thread that takes copies from workers' rings
 * (dp/capture.h) and writes them to its client, who may be as slow as he likes. A
 * capture ends when its client goes, or ends his sending half, or has the frames that it
 * asked for; when its vnic or port goes; or with the daemon. What was captured by then is
 * still written, but in the first case.
 */
#ifndef CTL_CAPTURE_H
#define CTL_CAPTURE_H

#include <event2/event.h>
#include <jansson.h>

#include "base/err.h"

struct captures;
struct rpc;
struct runtime;

/** None yet. @p base and @p rt outlive it. NULL with @p err. */
struct captures *captures_create(struct event_base *base, struct runtime *rt, struct err *err);

/** Ends all within about a second; workers may have ended already. NULL is fine. */
void captures_destroy(struct captures *cs);

/** The method capture.start; it takes the connection of @p r that is calling. */
json_t *captures_start(struct captures *cs, struct rpc *r, const json_t *params, struct err *err);

/** The method capture.show: those that run. */
json_t *captures_show(const struct captures *cs, const json_t *params, struct err *err);

/** To be called when a new snapshot has been published: names may mean other ids, or nothing. */
void captures_follow(struct captures *cs);

#endif /* CTL_CAPTURE_H */
