/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the watch and the mirrors of host_routes.h have to do with each other. Main,
 * under the watch's lock.
 */
#ifndef ENDPOINT_WATCH_ROUTES_H
#define ENDPOINT_WATCH_ROUTES_H

#include "endpoint/watch_ns.h"

/** A message about routes or neighbours came. */
void watch_routes_message(const struct watch_ns *ns, const struct nlmsghdr *nlh);

/** Messages were lost. */
void watch_routes_lost(const struct watch_ns *ns);

/**
 * Brings mirrors up to date, if it is time; taps whose mirror changed are marked.
 * @return when it is time for the rest; UINT64_MAX: there is none
 */
uint64_t watch_routes_run(uint64_t now_ms);

#endif /* ENDPOINT_WATCH_ROUTES_H */
