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
#include "net/pkt_ip.h"

struct endpoint;
struct fwd_port;
struct ip_table;
struct kind;
struct key_table;
struct next_hops;
struct routes;

/** Ethernet header and one VLAN tag: what the kernel grants a frame over the MTU (is_skb_forwardable(), net/core/dev.c). */
#define FWD_MTU_OVERHEAD (PKT_ETH_LEN + PKT_VLAN_LEN)

/** As decisions and delivery read it: one cache line, of which many thousands are in use. */
struct fwd_vnic {
	const struct kind *kind; /**< NULL: no vnic has this id */
	const struct fwd_port *port; /**< NULL: veth */
	const struct fwd_vnic *peer; /**< veth: the other end */
	uint64_t mac;
	uint32_t mtu;
	uint16_t id;
	uint8_t mode; /**< enum vnic_mode */
	uint8_t spoofcheck; /**< enum spoofcheck */
	uint32_t flags; /**< VNIC_F_… */
	bool up : 1; /**< administratively */
	bool carrier : 1; /**< the port's link; veth: both ends up */
	bool nodst : 1;
	bool needs_hits : 1; /**< its kind looks at hits of frames that it sent */
	bool arp_off : 1; /**< ipvlan: its owner never asks; else its ARP and ND are answered here */
	bool strict : 1; /**< ipvlan: frames with another source MAC than the port's are dropped */
	bool learns : 1; /**< ipvlan: main is told of source addresses that nobody has */
	bool dhcp : 1; /**< ipvlan: DHCP replies are matched to who asked */
	bool macnat : 1; /**< ipvlan: its owner has a MAC of its own, exchanged for the port's */
	uint64_t owner_mac; /**< macnat: that MAC; 0: not seen yet */
	struct endpoint *endpoint; /**< opaque here */
};

/** A snapshot's are aligned so, too. */
#define FWD_VNIC_LEN 64
_Static_assert(sizeof(struct fwd_vnic) == FWD_VNIC_LEN, "a vnic is one cache line");

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
	bool down; /**< administratively: its host's netdev is, and nothing is received either */
	bool has_host;
	bool host_promisc; /**< the host's netdev wants other stations' frames, too */
	bool host_reach;
	bool proxy_arp; /**< ipvlan l3: the wire's questions for vnics are answered here */
	bool dhcp; /**< some vnic wants DHCP matched */
	bool macnat; /**< some vnic's frames are translated */
	bool has_source_mode; /**< macvlan: some vnic is in that mode */
	uint8_t mode; /**< ipvlan: enum vnic_mode of all its vnics */
	uint8_t flags; /**< ipvlan: VNIC_F_BRIDGE, _PRIVATE or _VEPA, of all its vnics */
	uint32_t bcqueuelen;
	const struct kind *kind; /**< never NULL; none_kind where no vnic is */
	const struct flood_list *lists;
	uint32_t n_lists;
	const struct source_list *sources; /**< [0] is unused: list 0 means none */
	uint32_t n_sources;
	struct key_table *vnic_table; /**< MAC → id of an up vnic */
	struct key_table *group_table; /**< group MAC → flood list; NULL: nobody joined any */
	struct key_table *source_table; /**< source MAC → source list; NULL: no source-mode vnic */
	struct ip_table
		*addresses; /**< IP address → id of an up vnic; ipvlan, or spoofcheck = ip */
	struct routes *routes; /**< ipvlan l3, l3s; NULL: none */
	struct next_hops *next_hops; /**< ipvlan l3, l3s: neighbours; NULL: none */
	struct endpoint *wire; /**< opaque here */
	struct endpoint *host; /**< NULL: none */
};

/** What classification found for a frame. */
struct hit {
	uint16_t dst; /**< unicast: the up vnic with the destination MAC, or VNIC_NONE */
	uint16_t owner; /**< group: the up vnic with the source MAC, or VNIC_NONE */
	uint16_t list; /**< group: the flood list */
	union {
		uint16_t sources; /**< macvlan: source list, 0: none */
		uint16_t next; /**< ipvlan: NEXT_… */
	};
};

/**
 * `next` of a frame that an l3 vnic sent: what the port's routes say of its destination. Of
 * neighbour discovery from the wire: NEXT_HOST where it concerns the port's own addresses,
 * from NEXT_FIRST on where its sender is a known neighbour.
 */
#define NEXT_NONE      0 /**< no route */
#define NEXT_HOST      1 /**< the port's own address */
#define NEXT_BROADCAST 2 /**< a broadcast address of its networks */
#define NEXT_WAIT      3 /**< the next hop's MAC isn't known yet */
#define NEXT_FIRST     4 /**< index of the next hop + NEXT_FIRST */

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
 * Those who hear all groups are always the second, so that a flood that waits finds its
 * place again whether or not somebody has joined its group meanwhile.
 * `except` may still be among them.
 */
static inline void flood_runs(const struct fwd_port *port, const struct verdict *v,
			      struct id_run runs[2])
{
	runs[0] = runs[1] = (struct id_run){NULL, 0};
	if (v->list != FLOOD_OPEN)
		runs[0] = flood_run(&port->lists[v->list], (enum flood_span)v->span);
	if (v->list != FLOOD_EVERYONE)
		runs[1] = flood_run(&port->lists[FLOOD_OPEN], (enum flood_span)v->span);
}

#endif /* FWD_FWD_H */
