/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding state that decisions read: vnics, ports, and the lists that
 * floods and copies follow. Plain values, made by snapshot_build() on main,
 * immutable from the moment that they are published; workers only read.
 */
#ifndef FWD_FWD_H
#define FWD_FWD_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "fwd/verdict.h"
#include "net/pkt.h"

struct endpoint;
struct fwd_port;
struct kind;
struct mac_table;

/** Ethernet header and one VLAN tag: what the kernel grants a frame over the MTU (is_skb_forwardable(), net/core/dev.c). */
#define FWD_MTU_OVERHEAD (PKT_ETH_LEN + PKT_VLAN_LEN)

struct fwd_vnic {
	const struct kind *kind; /**< NULL: no vnic has this id */
	const struct fwd_port *port; /**< NULL: veth */
	const struct fwd_vnic *peer; /**< veth: the other end */
	uint64_t mac;
	uint32_t mtu;
	uint16_t id;
	uint8_t mode; /**< enum vnic_mode */
	uint8_t spoofcheck; /**< enum spoofcheck */
	bool up; /**< administratively */
	bool carrier; /**< the port's link; veth: both ends up */
	bool nodst;
	bool needs_hits; /**< its kind looks at hits of frames that it sent */
	struct endpoint *endpoint; /**< opaque here */
};

/** The vnics that hear a group, sorted by mode: bridge, vepa, private, passthru. */
struct flood_list {
	const uint16_t *ids;
	uint32_t end_bridge; /**< ids[0 … end_bridge) are in bridge mode … */
	uint32_t end_vepa; /**< … then vepa … */
	uint32_t n; /**< … then private and passthru */
	bool queued; /**< the kernel would queue frames to it (docs/semantics.md §8) */
};

/** The source-mode vnics that list one source MAC. */
struct source_list {
	const uint16_t *ids;
	uint32_t n;
	bool nodst; /**< one of them takes the frame away from everybody else */
};

/** `list` in hits and verdicts. */
#define FLOOD_EVERYONE 0 /**< broadcast */
#define FLOOD_OPEN \
	1 /**< vnics whose filter is open for all groups; they belong to every group besides */
#define FLOOD_FIRST_GROUP 2 /**< the first group that somebody joined */

struct fwd_port {
	const struct fwd_vnic *vnics; /**< all vnics of the snapshot, by id */
	bool used; /**< false: no port has this id */
	uint64_t mac;
	uint32_t mtu;
	uint16_t id;
	uint16_t passthru; /**< the passthru vnic's id, up or down, or VNIC_NONE */
	bool carrier; /**< administratively up and with a link */
	bool has_host;
	bool host_promisc; /**< the host's netdev wants other stations' frames, too */
	bool host_reach;
	uint32_t bcqueuelen;
	const struct kind *kind; /**< never NULL; none_kind where no vnic is */
	const struct flood_list *lists;
	uint32_t n_lists;
	const struct source_list *sources; /**< [0] is unused: list 0 means none */
	uint32_t n_sources;
	struct mac_table *vnic_table; /**< MAC → id of an up vnic */
	struct mac_table *group_table; /**< group MAC → flood list; NULL: nobody joined any */
	struct mac_table *source_table; /**< source MAC → source list; NULL: no source-mode vnic */
	struct endpoint *wire; /**< opaque here */
	struct endpoint *host; /**< NULL: none */
};

/** What classification found for a frame. */
struct hit {
	uint16_t dst; /**< unicast: the up vnic with the destination MAC, or VNIC_NONE */
	uint16_t owner; /**< group: the up vnic with the source MAC, or VNIC_NONE */
	uint16_t list; /**< group: the flood list */
	uint16_t sources; /**< source list, 0: none */
};

/** Members of a flood list stand in this order. */
static inline uint32_t flood_order(uint8_t mode, uint16_t id)
{
	uint32_t rank = mode == MODE_BRIDGE ? 0 : mode == MODE_VEPA ? 1 : 2;

	return rank << 16 | id;
}

/** A run of vnic ids. */
struct id_run {
	const uint16_t *ids;
	uint32_t n;
};

static inline struct id_run flood_run(const struct flood_list *l, enum flood_span span)
{
	switch (span) {
	case SPAN_BRIDGE:
		return (struct id_run){l->ids, l->end_bridge};
	case SPAN_BRIDGE_VEPA:
		return (struct id_run){l->ids, l->end_vepa};
	case SPAN_VEPA:
		return (struct id_run){l->ids + l->end_bridge, l->end_vepa - l->end_bridge};
	default:
		return (struct id_run){l->ids, l->n};
	}
}

/**
 * The receivers that a FLOOD names: at most two runs, together without doubles.
 * `except` may still be among them.
 */
static inline void flood_runs(const struct fwd_port *port, const struct verdict *v,
			      struct id_run runs[2])
{
	runs[0] = flood_run(&port->lists[v->list], (enum flood_span)v->span);
	runs[1] = (struct id_run){NULL, 0};
	if (v->list >= FLOOD_FIRST_GROUP)
		runs[1] = flood_run(&port->lists[FLOOD_OPEN], (enum flood_span)v->span);
}

#endif /* FWD_FWD_H */
