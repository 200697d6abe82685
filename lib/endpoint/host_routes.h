/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mirror of what the stack behind a tap knows of the way on: the routes through the
 * tap's netdev (table main) and its neighbours, followed by netlink. For the tap of a port's host,
 * so that an ipvlan port of mode l3 may route as its host does. The netdev's addresses
 * are in its endpoint_state.
 *
 * Events only say that something changed; the lists are then asked for anew, a fraction of the
 * time and 20 ms apart at least. For routes go in more ways than the kernel announces: of IPv4,
 * those of a netdev that goes down, or of an address that is deleted, vanish unsaid.
 *
 * Changes are told as changes of the endpoint, by endpoint_watch_run(). Main; a mirror is
 * closed before its endpoint.
 */
#ifndef ENDPOINT_HOST_ROUTES_H
#define ENDPOINT_HOST_ROUTES_H

#include "endpoint/endpoint.h"
#include "endpoint/route_msg.h"

/** More than so many aren't mirrored: the lowest are. */
#define HOST_MAX_ROUTES 65536
#define HOST_MAX_NEIGHS 65536

struct host_routes;

/** The mirror's own lists, until the next endpoint_watch_run(), endpoint_refresh() or host_routes_refresh(). */
struct host_view {
	bool is_known; /**< false: the netdev isn't there, or in another namespace, or nothing was read yet */
	bool is_over; /**< there are more than are mirrored */
	const struct ip_route
		*routes; /**< sorted by destination, then length; via.family 0: on-link */
	size_t n_routes;
	const struct host_neigh *neighs; /**< sorted by address; those that frames may be sent to */
	size_t n_neighs;
};

/**
 * Mirrors what is behind @p ep, a tap; it may be absent and come back.
 * @return 0 with *@p h, which the caller closes; -EOPNOTSUPP with @p err: another type of endpoint
 */
int host_routes_open(struct endpoint *ep, struct host_routes **h, struct err *err);

/** NULL is fine. */
void host_routes_close(struct host_routes *h);

/** Asks the kernel now. True: something differs from what was told. */
bool host_routes_refresh(struct host_routes *h);

void host_routes_get(const struct host_routes *h, struct host_view *view);

#endif /* ENDPOINT_HOST_ROUTES_H */
