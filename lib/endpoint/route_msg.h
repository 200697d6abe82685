/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Routes and neighbours as rtnetlink tells them, as far as they go out through one
 * netdev. Pure; any thread.
 *
 * A route counts if a frame could take it: unicast, in table main, for every source
 * and type of service, without encapsulation, and through the netdev, be it as one of several next
 * hops (the first of ours is taken). What the kernel would rather send through other
 * netdevs isn't looked at: spec of ipvlan's l3, where the lower device is given.
 */
#ifndef ENDPOINT_ROUTE_MSG_H
#define ENDPOINT_ROUTE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "net/ip.h"

/** A neighbour whose MAC is known. */
struct host_neigh {
	struct ip_addr ip;
	uint64_t mac; /**< MAC key */
};

struct route_told {
	struct ip_route route; /**< via.family 0: on-link; else of either family */
	uint32_t metric;
};

/** What a message means for who follows netdev @p ifindex. */
enum route_sense {
	ROUTE_OTHER, /**< nothing: it is another's, or makes no sense */
	ROUTE_OURS, /**< *@p r is (or was) a route of ours */
	ROUTE_REPLACES, /**< it takes the place of whatever led to r->route.dst */
};

/** Reads an RTM_NEWROUTE or RTM_DELROUTE message; @p r is filled unless ROUTE_OTHER. */
enum route_sense route_parse(const struct nlmsghdr *nlh, int ifindex, struct route_told *r);

/**
 * Reads an RTM_NEWNEIGH or RTM_DELNEIGH message.
 * @return true: it is about an IP neighbour on netdev @p ifindex. n->mac is 0 where there is none, or none to
 * be used any more.
 */
bool neigh_parse(const struct nlmsghdr *nlh, int ifindex, struct host_neigh *n);

/** Each writes into @p buf a request for all of @p family (AF_INET, AF_INET6) at netdev @p ifindex, or more than that. */
struct nlmsghdr *route_put_get(void *buf, uint8_t family, int ifindex);
struct nlmsghdr *neigh_put_get(void *buf, uint8_t family, int ifindex);

/** Sorts by destination and length, and keeps the lowest metric of each; the new count. */
size_t routes_sort(struct route_told *list, size_t n);
/** Sorts by address; each once. */
size_t neighs_sort(struct host_neigh *list, size_t n);

/** Is there a route to exactly @p dst in @p list, which is sorted? */
bool routes_have(const struct ip_route *list, size_t n, const struct ip_prefix *dst);

#endif /* ENDPOINT_ROUTE_MSG_H */
