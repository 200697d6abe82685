/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The routes of a port, IPv4 and IPv6, longest prefix first: where an l3 vnic's frame goes
 * next. Made by main, immutable, read by any number of workers, shared between
 * snapshots. On rte_rib, a binary tree: a port has a handful of routes, and the tables of
 * rte_lpm and rte_fib take 64 MiB each however few they hold.
 */
#ifndef FWD_ROUTES_H
#define FWD_ROUTES_H

#include <stddef.h>

#include "base/err.h"
#include "net/ip.h"
#include "net/pkt_ip.h"

enum route_type {
	ROUTE_NONE, /**< nothing leads there; also: an unreachable route */
	ROUTE_HOST, /**< an address of the port itself */
	ROUTE_BROADCAST, /**< the broadcast address of one of its networks */
	ROUTE_ON_LINK, /**< a neighbour */
	ROUTE_VIA, /**< behind the neighbour `via` */
};

/** A route of a table to be. Of two to one prefix the first counts. */
struct route_in {
	struct ip_prefix dst;
	enum route_type type;
	struct ip_addr via; /**< ROUTE_VIA */
};

struct routes;

/** NULL with @p err. Main. */
struct routes *routes_create(const struct route_in *list, size_t n, int socket, struct err *err);

/** Takes and drops a reference; NULL is fine. Main. */
struct routes *routes_get(struct routes *r);
void routes_put(struct routes *r);

/**
 * Where @p dst is reached.
 * @param next  ROUTE_ON_LINK and ROUTE_VIA: the neighbour to send it to
 */
enum route_type routes_lookup(const struct routes *r, const struct ip_key *dst, bool v6,
			      struct ip_key *next);

#endif /* FWD_ROUTES_H */
