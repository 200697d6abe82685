/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port's routes, for what ipvlan l3 sends to the wire: the longest prefix says whether a
 * destination is on the link, behind a gateway, the port's own, or nowhere. IPv4 and IPv6.
 *
 * Made by main with EAL up, immutable afterwards, read by any number of workers without
 * locks, shared between snapshots.
 *
 * On rte_rib and rte_rib6, binary trees: a port has few routes. rte_lpm and rte_fib's DIR24
 * take 64 MB a table, and there would be two of them (old and new) while one is exchanged.
 */
#ifndef FWD_ROUTES_H
#define FWD_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"
#include "net/pkt_ip.h"

enum route {
	ROUTE_NONE, /**< nowhere to send it */
	ROUTE_ON_LINK, /**< the next hop is the destination itself */
	ROUTE_VIA, /**< the next hop is a gateway on the link */
	ROUTE_LOCAL, /**< an address of the port: for its host */
	ROUTE_BROADCAST, /**< the broadcast address of one of the port's IPv4 subnets */
};

struct routes;

/**
 * Makes a table. As Linux does for an interface's addresses (net/ipv4/fib_frontend.c,
 * fib_add_ifaddr()), each of @p own is local and, if its prefix is shorter than 31
 * bits, that one's last address a broadcast. The prefix is on-link for the first @p n_linked; the others' are
 * among @p routes where they should be. Where there is any IPv6, fe80::/64 is on-link.
 * A gateway is taken as on-link whether or not a prefix says so. Of several routes for one prefix the first counts,
 * and what comes of @p own comes before @p routes.
 * @param routes  `via` of family 0: on-link
 * @param own     the port's addresses, with host bits
 * @param socket  NUMA node
 * @return NULL: no memory, with @p err filled
 */
struct routes *routes_create(const struct ip_route *routes, size_t n, const struct ip_prefix *own,
			     size_t n_own, size_t n_linked, int socket, struct err *err);

/** Takes and drops a reference; NULL is fine. Main. */
struct routes *routes_get(struct routes *r);
void routes_put(struct routes *r);

/**
 * The route to @p dst, in host order. Groups and 255.255.255.255 have none of their own: the default route's
 * answer, if there is one, so the caller sorts them out before.
 * @param via  the next hop (ROUTE_ON_LINK: @p dst itself); untouched by other answers
 */
enum route routes_lookup4(const struct routes *r, uint32_t dst, struct ip_addr *via);

/** The same for IPv6; @p dst: 16 bytes as in the header. */
enum route routes_lookup6(const struct routes *r, const uint8_t *dst, struct ip_addr *via);

/** The same for an address as frames have it; @p next: the next hop. */
enum route routes_lookup(const struct routes *r, const struct ip_key *dst, bool v6,
			 struct ip_key *next);

#endif /* FWD_ROUTES_H */
