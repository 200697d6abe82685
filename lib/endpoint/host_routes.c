/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "endpoint/host_routes.h"
#include "endpoint/watch.h"
#include "endpoint/watch_routes.h"
#include "endpoint/watch_tap.h"

#define MIN_READ_MS 20 /* between two readings */
#define READ_COST   20 /* and so many times what one takes */
#define RETRY_MS    1000 /* after one that failed */

/* Being read, and longer than what is told while there are several routes to one place. */
struct reading {
	int ifindex;
	struct route_told *routes;
	struct host_neigh *neighs;
	size_t n_routes, cap_routes, n_neighs, cap_neighs;
	bool is_over, is_out_of_memory;
};

struct host_routes {
	LIST_ENTRY(host_routes) next;
	struct tap *tap;
	struct watch_ns *
		ns; /**< with a reference, when its messages are listened to; NULL: the tap isn't home */
	struct rtnl rtnl; /**< in that namespace */
	uint64_t n_turns; /**< of the tap, when it was read last */
	uint64_t ready_ms; /**< not read before */
	bool is_dirty;
	bool is_known, is_over;
	struct ip_route *routes;
	struct host_neigh *neighs;
	size_t n_routes, n_neighs;
};

static LIST_HEAD(, host_routes) mirrors = LIST_HEAD_INITIALIZER(mirrors);

/* ---- reading ------------------------------------------------------------------------ */

static bool grow(void *list, size_t n, size_t *cap, size_t size)
{
	void *old, *bigger;

	if (n < *cap)
		return true;
	memcpy(&old, list, sizeof(old));
	bigger = realloc(old, (*cap == 0 ? 16 : 2 * *cap) * size);
	if (bigger == NULL)
		return false;
	memcpy(list, &bigger, sizeof(bigger));
	*cap = *cap == 0 ? 16 : 2 * *cap;
	return true;
}

static void take_route(const struct nlmsghdr *nlh, void *arg)
{
	struct reading *r = arg;
	struct route_told route;

	if (nlh->nlmsg_type != RTM_NEWROUTE || route_parse(nlh, r->ifindex, &route) != ROUTE_OURS)
		return;
	if (r->n_routes >= 2 * (size_t)HOST_MAX_ROUTES)
		r->is_over = true;
	else if (grow(&r->routes, r->n_routes, &r->cap_routes, sizeof(*r->routes)))
		r->routes[r->n_routes++] = route;
	else
		r->is_out_of_memory = true;
}

static void take_neigh(const struct nlmsghdr *nlh, void *arg)
{
	struct reading *r = arg;
	struct host_neigh neigh;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || !neigh_parse(nlh, r->ifindex, &neigh) ||
	    neigh.mac == 0)
		return;
	if (r->n_neighs >= 2 * (size_t)HOST_MAX_NEIGHS)
		r->is_over = true;
	else if (grow(&r->neighs, r->n_neighs, &r->cap_neighs, sizeof(*r->neighs)))
		r->neighs[r->n_neighs++] = neigh;
	else
		r->is_out_of_memory = true;
}

/* No table main yet, or no IPv6 in this kernel: then there is nothing in it. */
static int nothing_is_fine(int ret)
{
	return ret == -ENOENT || ret == -EOPNOTSUPP || ret == -EAFNOSUPPORT ? 0 : ret;
}

static int read_family(struct rtnl *rtnl, uint8_t family, struct reading *r)
{
	char buf[256];
	int ret = nothing_is_fine(
		rtnl_dump(rtnl, route_put_get(buf, family, r->ifindex), take_route, r));

	if (ret == 0)
		ret = nothing_is_fine(
			rtnl_dump(rtnl, neigh_put_get(buf, family, r->ifindex), take_neigh, r));
	return ret;
}

/* Sorted, and not too many. */
static void tidy(struct reading *r)
{
	r->n_routes = routes_sort(r->routes, r->n_routes);
	r->n_neighs = neighs_sort(r->neighs, r->n_neighs);
	r->is_over |= r->n_routes > HOST_MAX_ROUTES || r->n_neighs > HOST_MAX_NEIGHS;
	r->n_routes = RTE_MIN(r->n_routes, (size_t)HOST_MAX_ROUTES);
	r->n_neighs = RTE_MIN(r->n_neighs, (size_t)HOST_MAX_NEIGHS);
}

static bool is_as_told(const struct host_routes *h, const struct reading *r)
{
	if (!h->is_known || h->is_over != r->is_over || h->n_routes != r->n_routes ||
	    h->n_neighs != r->n_neighs)
		return false;
	for (size_t i = 0; i < r->n_routes; i++)
		if (memcmp(&h->routes[i], &r->routes[i].route, sizeof(h->routes[i])) != 0)
			return false;
	for (size_t i = 0; i < r->n_neighs; i++)
		if (ip_addr_cmp(&h->neighs[i].ip, &r->neighs[i].ip) != 0 ||
		    h->neighs[i].mac != r->neighs[i].mac)
			return false;
	return true;
}

static void set_told(struct host_routes *h, struct ip_route *routes, size_t n_routes,
		     struct host_neigh *neighs, size_t n_neighs)
{
	free(h->routes);
	free(h->neighs);
	h->routes = routes;
	h->n_routes = n_routes;
	h->neighs = neighs;
	h->n_neighs = n_neighs;
}

/* Takes over what was read; true: it differs. */
static bool take_over(struct host_routes *h, struct reading *r)
{
	struct ip_route *routes;

	tidy(r);
	if (is_as_told(h, r))
		return false;
	routes = calloc(r->n_routes + 1, sizeof(*routes));
	if (routes == NULL) {
		h->is_dirty = true;
		return false;
	}
	for (size_t i = 0; i < r->n_routes; i++)
		routes[i] = r->routes[i].route;
	set_told(h, routes, r->n_routes, r->neighs, r->n_neighs);
	r->neighs = NULL;
	h->is_known = true;
	h->is_over = r->is_over;
	return true;
}

static bool read_all(struct host_routes *h)
{
	struct reading r = {.ifindex = h->tap->link.ifindex};
	uint64_t began = watch_now_us();
	bool differs = false;
	int ret;

	h->is_dirty = false;
	h->n_turns = h->tap->n_turns;
	ret = read_family(&h->rtnl, AF_INET, &r);
	if (ret == 0)
		ret = read_family(&h->rtnl, AF_INET6, &r);
	if (ret == 0 && !r.is_out_of_memory)
		differs = take_over(h, &r);
	else
		h->is_dirty = true;
	free(r.routes);
	free(r.neighs);
	h->ready_ms = watch_now_ms() +
		      RTE_MAX((uint64_t)MIN_READ_MS, (watch_now_us() - began) * READ_COST / 1000);
	/* Torn by a change is read again soon; what else fails will go on failing for a while. */
	if ((ret != 0 && ret != -EAGAIN) || r.is_out_of_memory)
		h->ready_ms += RETRY_MS;
	return differs;
}

/* ---- where the tap is ------------------------------------------------------------------ */

static bool forget(struct host_routes *h)
{
	bool differs = h->is_known;

	set_told(h, NULL, 0, NULL, 0);
	h->is_known = h->is_over = false;
	return differs;
}

static void leave(struct host_routes *h)
{
	if (h->ns == NULL)
		return;
	rtnl_close(&h->rtnl);
	watch_ns_listen(h->ns, false);
	watch_ns_put(h->ns);
	h->ns = NULL;
}

static int open_inside(void *arg)
{
	return rtnl_open(arg);
}

static void enter(struct host_routes *h)
{
	struct watch_ns *ns = h->tap->ns;
	int nsfd = watch_ns_open(ns);

	if (nsfd < 0)
		return;
	h->ready_ms = watch_now_ms() + RETRY_MS;
	if (netns_run(nsfd, open_inside, &h->rtnl) == 0) {
		h->ns = ns;
		ns->n_refs++;
		/* Before anything is read, so that what changes after it is heard. */
		watch_ns_listen(ns, true);
		h->is_dirty = true;
		h->ready_ms = 0;
	}
	close(nsfd);
}

/* Follows the tap to where it is; true: what was told isn't so any more. */
static bool follow(struct host_routes *h, uint64_t now_ms)
{
	if (h->ns == h->tap->ns)
		return false;
	if (h->ns != NULL)
		h->ready_ms = 0;
	leave(h);
	if (h->tap->ns != NULL && now_ms >= h->ready_ms)
		enter(h);
	return forget(h);
}

static bool bring_up_to_date(struct host_routes *h, uint64_t now_ms)
{
	bool differs = follow(h, now_ms);

	if (h->ns == NULL)
		return differs;
	h->is_dirty |= h->n_turns != h->tap->n_turns;
	if (h->is_dirty && now_ms >= h->ready_ms)
		differs |= read_all(h);
	return differs;
}

/* ---- for the watch ------------------------------------------------------------------------ */

static bool concerns(const struct host_routes *h, const struct nlmsghdr *nlh)
{
	int ifindex = h->tap->link.ifindex;
	struct route_told r;
	struct host_neigh n;

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		switch (route_parse(nlh, ifindex, &r)) {
		case ROUTE_OURS:
			return true;
		case ROUTE_REPLACES:
			return routes_have(h->routes, h->n_routes, &r.route.dst);
		default:
			return false;
		}
	default:
		return neigh_parse(nlh, ifindex, &n);
	}
}

void watch_routes_message(const struct watch_ns *ns, const struct nlmsghdr *nlh)
{
	struct host_routes *h;

	LIST_FOREACH (h, &mirrors, next)
		if (h->ns == ns && !h->is_dirty)
			h->is_dirty = concerns(h, nlh);
}

void watch_routes_lost(const struct watch_ns *ns)
{
	struct host_routes *h;

	LIST_FOREACH (h, &mirrors, next)
		h->is_dirty |= h->ns == ns;
}

uint64_t watch_routes_run(uint64_t now_ms)
{
	uint64_t soonest = UINT64_MAX;
	struct host_routes *h;

	LIST_FOREACH (h, &mirrors, next) {
		/* That it is marked is no reason to read again. */
		if (bring_up_to_date(h, now_ms)) {
			watch_tap_mark(h->tap);
			h->n_turns++;
		}
		if (h->ns != NULL && h->is_dirty)
			soonest = RTE_MIN(soonest, h->ready_ms);
	}
	return soonest;
}

/* ---- for its owner -------------------------------------------------------------------------- */

int host_routes_open(struct endpoint *ep, struct host_routes **h, struct err *err)
{
	*h = NULL;
	if (ep->type != ENDPOINT_TAP)
		return err_set(
			err, EOPNOTSUPP,
			"%s: only a tap has a stack behind it whose routes could be followed",
			ep->name);
	*h = calloc(1, sizeof(**h));
	if (*h == NULL)
		return err_set(err, ENOMEM, "%s: no memory for its host's routes", ep->name);
	(*h)->tap = tap_of(ep);
	watch_lock();
	LIST_INSERT_HEAD(&mirrors, *h, next);
	bring_up_to_date(*h, UINT64_MAX);
	watch_unlock();
	return 0;
}

void host_routes_close(struct host_routes *h)
{
	if (h == NULL)
		return;
	watch_lock();
	LIST_REMOVE(h, next);
	leave(h);
	watch_unlock();
	forget(h);
	free(h);
}

bool host_routes_refresh(struct host_routes *h)
{
	bool differs;

	watch_lock();
	h->is_dirty = true;
	differs = bring_up_to_date(h, UINT64_MAX);
	watch_unlock();
	return differs;
}

void host_routes_get(const struct host_routes *h, struct host_view *view)
{
	*view = (struct host_view){
		.is_known = h->is_known,
		.is_over = h->is_over,
		.routes = h->routes,
		.n_routes = h->n_routes,
		.neighs = h->neighs,
		.n_neighs = h->n_neighs,
	};
}
