/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port's neighbours: which MAC address has the next hop of what ipvlan l3 sends to the
 * wire. RFC 826 and RFC 4861 §7.3 as a state machine without a clock, a socket or a frame of
 * its own: the caller passes the time in milliseconds of a monotonic clock and what
 * nd_parse() made of a frame, and gets questions to send through `emit`.
 *
 * Main thread. A table owns its entries; nothing returned outlives the next call that isn't
 * const. Workers get a copy by the snapshot: when neigh_generation() changed, what is
 * usable changed.
 *
 * Bounded against peers and vnics: no frame makes an entry, only neigh_wanted() does; all
 * entries are allocated at once; unanswered questions fill half of the table at most, and
 * nobody who was used in the last five seconds is evicted for them.
 *
 * As Linux has it (net/core/neighbour.c, net/ipv4/arp.c, net/ipv6/ndisc.c) but for three things:
 * no DELAY, because nobody here hears TCP confirm a neighbour; a failed one may still answer late; the times
 * aren't spread at random.
 */
#ifndef CTL_NEIGH_H
#define CTL_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"
#include "net/nd.h"

#define NEIGH_DEFAULT_MAX  1024 /**< Linux: gc_thresh3 */
#define NEIGH_TRIES	   3 /**< Linux: mcast_solicit, ucast_solicit */
#define NEIGH_RETRY_MS	   1000 /**< RFC 4861 §10: RETRANS_TIMER */
#define NEIGH_REACHABLE_MS 30000 /**< RFC 4861 §10: REACHABLE_TIME */
#define NEIGH_UNUSED_MS	   60000 /**< Linux: gc_stale_time */
#define NEIGH_FAILED_MS	   5000 /**< who failed is told of for so long, and then forgotten */
#define NEIGH_EVICT_MS	   5000 /**< Linux: neigh_forced_gc() spares who was used since */
#define NEIGH_N_STATES	   (NEIGH_PERMANENT + 1)
#define NEIGH_LOCK_MS	   1000 /**< Linux: locktime; the first of two ARP replies counts */

enum neigh_state {
	NEIGH_NONE, /**< no entry; never seen outside */
	NEIGH_INCOMPLETE, /**< asked for, no answer yet */
	NEIGH_REACHABLE, /**< confirmed in the last 30 s */
	NEIGH_STALE, /**< usable; the next use has it probed */
	NEIGH_PROBE, /**< usable; asked by unicast whether it is still there */
	NEIGH_FAILED, /**< three questions without an answer */
	NEIGH_PERMANENT, /**< set by the operator; nothing that is received changes it */
};

struct neigh {
	struct ip_addr ip;
	uint64_t mac; /**< 0: not known */
	enum neigh_state state;
	uint8_t tries; /**< questions sent in this state */
	uint64_t used_ms; /**< last wanted or used */
	uint64_t updated_ms; /**< when `mac` was learnt */
	uint64_t due_ms; /**< when neigh_tick() has something to do with it */
};

struct neigh_table;

/** May frames be sent to `mac`? */
static inline bool neigh_is_usable(const struct neigh *e)
{
	return e->state == NEIGH_REACHABLE || e->state == NEIGH_STALE || e->state == NEIGH_PROBE ||
	       e->state == NEIGH_PERMANENT;
}

/**
 * @param max   entries, static ones included; at least 2
 * @param emit  sends @p frame from the port to its wire; the bytes are the table's. It must not
 *              call back into the table
 * @return NULL: no memory
 */
struct neigh_table *
neigh_create(uint32_t max, void (*emit)(void *arg, const uint8_t *frame, uint32_t len), void *arg);

/** @p t may be NULL. */
void neigh_free(struct neigh_table *t);

/**
 * The port's MAC address and own addresses, which are copied: whom questions come from.
 * @return 0 or -ENOMEM; then nothing changed
 */
int neigh_set_port(struct neigh_table *t, uint64_t mac, const struct ip_prefix *addresses,
		   size_t n_addresses);

/**
 * The own address from which @p target is asked for: of IPv4 one in the same subnet, else the
 * first, else NULL (0.0.0.0, Linux does so); of IPv6 the link-local, or the one that RFC 4291
 * makes of the MAC address. Who is asked from it asks for it: somebody must answer for it.
 */
const struct ip_addr *neigh_source(const struct neigh_table *t, const struct ip_addr *target);

/**
 * A frame waits for @p ip: resolves it, if that isn't done. Counts as a use.
 * @return 0; -EINVAL: no unicast address; -ENOSPC: too many are waited for, or none can be evicted
 */
int neigh_wanted(struct neigh_table *t, const struct ip_addr *ip, uint64_t now);

/** Frames went to @p ip since the last time. Workers' hint; without it an entry dies after a minute. */
void neigh_used(struct neigh_table *t, const struct ip_addr *ip, uint64_t now);

/**
 * What a frame from the wire says; from anywhere else it must not be believed. An entry is
 * changed by it and never made; what the port itself says is passed over.
 * An NS is for an address that we answer for (RFC 4861 §7.2.3): the caller looks.
 */
void neigh_learn(struct neigh_table *t, const struct nd *m, uint64_t now);

/**
 * Repeats questions, gives up, ages. Cheap: a walk of the table.
 * @return when it wants to be called again; UINT64_MAX: there is nothing to wait for
 */
uint64_t neigh_tick(struct neigh_table *t, uint64_t now);

/** NULL: no entry. */
const struct neigh *neigh_find(const struct neigh_table *t, const struct ip_addr *ip);

/** Calls @p fn for every entry, in no order. */
void neigh_foreach(const struct neigh_table *t, void (*fn)(void *arg, const struct neigh *e),
		   void *arg);

/** Differs from an earlier value when the set of usable {ip, mac} may have changed since. */
uint64_t neigh_generation(const struct neigh_table *t);

/**
 * `ip neigh replace IP lladdr MAC nud permanent`.
 * @return 0; -EINVAL: not unicast addresses; -ENOSPC: the table is full
 */
int neigh_add_static(struct neigh_table *t, const struct ip_addr *ip, uint64_t mac, uint64_t now);

/** @return 0 or -ENOENT */
int neigh_del(struct neigh_table *t, const struct ip_addr *ip);

/** Forgets all but the permanent ones, as `ip neigh flush` does. */
void neigh_flush(struct neigh_table *t);

/** "REACHABLE": the kernel's words, as `ip neigh` has them; a static string. */
const char *neigh_state_name(enum neigh_state state);

#endif /* CTL_NEIGH_H */
