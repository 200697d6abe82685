/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running state as JSON, in iproute2's shape (docs/rpc.md). Main. Each returns
 * a new reference.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>

#include "ctl/runtime.h"

/** What a client wants to see of an interface; the less, the cheaper. */
struct show_what {
	bool statistics; /**< stats64 and drops */
	bool details; /**< endpoint.detail */
};

/** "UP", "DOWN", "LOWERLAYERDOWN"; a static string. Any thread. */
const char *show_operstate(bool up, bool carrier, bool has_lower);

json_t *show_link(const struct runtime *rt, const struct vnic_rt *v, const struct show_what *w);
json_t *show_port(const struct runtime *rt, const struct port_rt *p, const struct show_what *w);

/** Appends one object for each reason that the interface's counters know; those at 0 only if @p all. */
void show_drops(json_t *list, const char *ifname, const struct iface_stats *sum, bool all);

#endif /* CTL_SHOW_H */
