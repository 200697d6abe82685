/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a port with ipvlan vnics in l3 or l3s needs besides decisions: routes, and neighbours
 * that are resolved from the port's own addresses. Workers ask and tell by letters
 * (lib/dp/mailbox.h), this answers with snapshots. Main.
 */
#ifndef CTL_L3_H
#define CTL_L3_H

#include "ctl/neigh.h"
#include "ctl/runtime.h"
#include "dp/mailbox.h"
#include "endpoint/host_routes.h"

/** Brings every port's routes, own addresses and next hops up to date, before a snapshot is built. */
void l3_update(struct runtime *rt);

/** LETTER_WANTED and LETTER_ND; the letter's frame stays the caller's. */
void l3_read(struct runtime *rt, const struct letter *l, uint64_t now);

/** Repeats, gives up, ages; a few times a second. */
void l3_tick(struct runtime *rt, uint64_t now);

/** Did usable neighbours change since the last l3_update()? Then something is to be published. */
bool l3_is_changed(const struct runtime *rt);

/** What workers are to see of port @p p. NULLs where it has no l3 vnics. */
struct routes *l3_routes(const struct port_rt *p);
struct next_hops *l3_next_hops(const struct port_rt *p);

/** The port's neighbours, to be shown or flushed; NULL: it has no l3 vnics. */
struct neigh_table *l3_neighbours(const struct port_rt *p);

/** How many neighbours of @p p are in each state, by enum neigh_state. Permanent ones are there without l3, too. */
void l3_count(const struct port_rt *p, uint32_t counts[NEIGH_N_STATES]);

/** What a port with `host-routes` has of its host; empty without. Until the next turn of the loop. */
struct host_view l3_host(const struct port_rt *p);

void l3_free(struct port_rt *p);

#endif /* CTL_L3_H */
