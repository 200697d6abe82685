/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations of endpoint.h on a tap. Main; tap_close() on the reaper, too. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "endpoint/pools.h"
#include "endpoint/tap.h"
#include "endpoint/watch.h"
#include "endpoint/watch_closer.h"

/** Of one range; a longer one says what belongs to the vnic, not what to configure. */
#define MAX_RANGE 256

/* As the kernel's dev_valid_name(); '%' would make it choose a number. */
static bool is_ifname(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len >= IFNAMSIZ || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s != '\0'; s++)
		if (*s == '/' || *s == ':' || *s == '%' || isspace((unsigned char)*s))
			return false;
	return true;
}

/* ---- opening and closing ----------------------------------------------------- */

static int expand_addresses(const struct ip_range *a, size_t n, struct ip_prefix **list,
			    size_t *n_list, struct err *err)
{
	size_t total = 0;

	*list = NULL;
	*n_list = 0;
	for (size_t i = 0; i < n; i++)
		if (ip_range_count(&a[i]) <= MAX_RANGE)
			total += ip_range_count(&a[i]);
	if (total == 0)
		return 0;
	*list = calloc(total, sizeof(**list));
	if (*list == NULL)
		return err_set(err, ENOMEM, "no memory for %zu addresses", total);
	for (size_t i = 0; i < n; i++) {
		uint32_t count = ip_range_count(&a[i]);

		for (uint32_t j = 0; count <= MAX_RANGE && j < count; j++)
			(*list)[(*n_list)++] = (struct ip_prefix){
				.addr = ip_addr_add(a[i].first, j), .len = a[i].len};
	}
	return 0;
}

static int alloc_queue(struct tap_queue *q, uint16_t room, uint16_t wide_room, struct err *err)
{
	uint32_t n = ENDPOINT_MAX_FRAME / room + 1;

	q->room = room;
	q->n_chain = (uint16_t)n;
	if (wide_room > room) {
		q->wide_room = wide_room;
		q->n_wide = (uint16_t)((ENDPOINT_MAX_FRAME - room) / wide_room + 1);
	}
	q->iov = calloc(n, sizeof(*q->iov));
	q->chain = calloc(n, sizeof(*q->chain));
	if (q->iov == NULL || q->chain == NULL)
		return err_set(err, ENOMEM, "no memory for a tap's queue");
	return 0;
}

static uint16_t room_of(struct rte_mempool *pool)
{
	uint16_t room = pool == NULL ? 0 : rte_pktmbuf_data_room_size(pool);

	return room > RTE_PKTMBUF_HEADROOM ? room - RTE_PKTMBUF_HEADROOM : 0;
}

static int alloc_queues(struct tap *t, struct err *err)
{
	uint32_t room = room_of(t->ep.pool);

	t->wide_pool = pool_get_wide(t->ep.socket);
	if (room == 0 || ENDPOINT_MAX_FRAME / room + 2 > IOV_MAX)
		return err_set(err, EINVAL,
			       "tap %s: mbuf-size leaves %u bytes for a frame: too few",
			       t->want.ifname, room);
	t->queues = rte_zmalloc("tap", t->n_queues * sizeof(*t->queues), RTE_CACHE_LINE_SIZE);
	if (t->queues == NULL)
		return err_set(err, ENOMEM, "no memory for a tap's queues");
	for (uint16_t i = 0; i < t->n_queues; i++)
		t->queues[i].fd = t->queues[i].epoll = -1;
	for (uint16_t i = 0; i < t->n_queues; i++)
		if (alloc_queue(&t->queues[i], (uint16_t)room, room_of(t->wide_pool), err) != 0)
			return -err->code;
	return 0;
}

static void tap_close(struct endpoint *ep)
{
	struct tap *t = tap_of(ep);

	watch_remove(t);
	for (uint16_t i = 0; t->queues != NULL && i < t->n_queues; i++) {
		if (t->queues[i].fd >= 0)
			close(t->queues[i].fd);
		free(t->queues[i].iov);
		free(t->queues[i].chain);
	}
	rte_free(t->queues);
	free(t->want.addresses);
	free(t->groups);
	free(t->gather);
	tap_addrs_free(&t->addrs);
	endpoint_free(ep);
}

/* The last descriptor of a netdev takes 20 ms to close, nearly all of it waiting: so those go first, together. */
void tap_close_many(struct endpoint **eps, size_t n)
{
	size_t n_fds = 0, n_room = 0;
	int *fds;

	for (size_t i = 0; i < n; i++)
		n_room += tap_of(eps[i])->n_queues;
	fds = calloc(n_room + 1, sizeof(*fds));
	for (size_t i = 0; i < n && fds != NULL; i++) {
		struct tap *t = tap_of(eps[i]);

		watch_remove(t);
		for (uint16_t q = 0; q < t->n_queues; q++) {
			fds[n_fds++] = t->queues[q].fd;
			t->queues[q].fd = -1;
		}
	}
	watch_closer_close_all(fds, n_fds);
	free(fds);
	for (size_t i = 0; i < n; i++)
		tap_close(eps[i]);
}

static int setup(struct tap *t, const struct endpoint_args *args, struct err *err)
{
	t->ep.pool = pool_get(SOCKET_ID_ANY, err);
	if (t->ep.pool == NULL || alloc_queues(t, err) != 0 ||
	    endpoint_alloc_counts(&t->ep, t->n_queues, err) != 0 ||
	    expand_addresses(args->addresses, args->n_addresses, &t->want.addresses,
			     &t->want.n_addresses, err) != 0 ||
	    tap_park_new(t, err) != 0)
		return -err->code;
	return watch_add(t, args->conf->netns, err);
}

static int tap_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err)
{
	uint16_t queues = args->n_rx_queues != 0 ? args->n_rx_queues : args->conf->queues;
	struct err own = {0};
	struct tap *t;

	*ep = NULL;
	if (err == NULL)
		err = &own;
	if (!is_ifname(args->conf->target))
		return err_set(err, EINVAL,
			       "'%s' can't be the name of a netdev (1 to %d characters)",
			       args->conf->target, IFNAMSIZ - 1);
	t = (struct tap *)endpoint_alloc(sizeof(*t), &tap_ops, args, err);
	if (t == NULL)
		return -err->code;
	t->n_queues = queues == 0 ? 1 : (uint16_t)RTE_MIN(queues, TAP_MAX_QUEUES);
	t->ep.n_rx_queues = t->n_queues;
	/* Any worker may write to any queue at any time, so there are as many as they like. */
	t->ep.n_tx_queues = args->n_tx_queues;
	t->ep.slow = true;
	t->ep.caps = ENDPOINT_CAP_CSUM | ENDPOINT_CAP_CSUM_ANY | ENDPOINT_CAP_TSO4 |
		     ENDPOINT_CAP_TSO6 | ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_SHARED |
		     ENDPOINT_CAP_IP_OPTS;
	snprintf(t->want.ifname, sizeof(t->want.ifname), "%s", args->conf->target);
	/* Behind a port's tap is the wire: its netdev is another station than the port. */
	t->want.mac = args->role == ENDPOINT_PORT ? 0 : args->mac;
	t->want.mtu = args->mtu;
	t->want.up = args->up;
	t->want.carrier = true;
	t->want.noarp = args->noarp;
	t->want.dev_id = args->dev_id;
	if (setup(t, args, err) != 0) {
		tap_close(&t->ep);
		return -err->code;
	}
	*ep = &t->ep;
	return 0;
}

static int tap_rx_fd(const struct endpoint *ep, uint16_t queue)
{
	const struct tap *t = tap_of_const(ep);

	return t->queues[queue % t->n_queues].fd;
}

static void tap_armed(struct endpoint *ep, uint16_t queue, int epoll)
{
	struct tap *t = tap_of(ep);

	t->queues[queue % t->n_queues].epoll = epoll;
}

/* ---- changing ------------------------------------------------------------------ */

/*
 * What is wanted is remembered for a netdev that isn't there, or is made anew. What
 * was done is also what is known from now on, so netlink's echo is no change.
 */
static int tap_set_mac(struct endpoint *ep, uint64_t mac, struct err *err)
{
	struct tap *t = tap_of(ep);

	if (ep->role == ENDPOINT_PORT || mac == 0)
		return 0;
	if (t->where != TAP_ABSENT) {
		int ret = tap_apply_mac(t, mac, err);

		if (ret != 0)
			return ret;
		t->link.mac = mac;
	}
	t->want.mac = mac;
	return 0;
}

static int tap_set_mtu(struct endpoint *ep, uint32_t mtu, struct err *err)
{
	struct tap *t = tap_of(ep);

	if (t->where != TAP_ABSENT) {
		int ret = tap_apply_mtu(t, mtu, err);

		if (ret != 0)
			return ret;
		t->link.mtu = mtu;
	}
	t->want.mtu = mtu;
	return 0;
}

static int tap_set_up(struct endpoint *ep, bool up, struct err *err)
{
	struct tap *t = tap_of(ep);
	bool old = t->want.up;
	int ret = 0;

	t->want.up = up;
	if (t->where != TAP_ABSENT)
		ret = tap_apply_up(t, up, err);
	else if (up && t->deleted)
		ret = watch_make_again(t, err);
	if (ret != 0)
		t->want.up = old;
	else if (t->where != TAP_ABSENT)
		t->link.up = up;
	return ret;
}

static int tap_set_addresses(struct endpoint *ep, const struct ip_range *a, size_t n,
			     struct err *err)
{
	struct tap *t = tap_of(ep);
	struct ip_prefix *list;
	size_t n_list;
	int ret = expand_addresses(a, n, &list, &n_list, err);

	if (ret == 0 && t->where != TAP_ABSENT)
		ret = tap_apply_addresses(t, t->want.addresses, t->want.n_addresses, list, n_list,
					  err);
	if (ret != 0) {
		free(list);
		return ret;
	}
	free(t->want.addresses);
	t->want.addresses = list;
	t->want.n_addresses = n_list;
	watch_hear_addresses(t);
	return 0;
}

static int tap_set_noarp(struct endpoint *ep, bool noarp, struct err *err)
{
	struct tap *t = tap_of(ep);

	if (t->where != TAP_ABSENT) {
		int ret = tap_apply_noarp(t, noarp, err);

		if (ret != 0)
			return ret;
		t->link.noarp = noarp;
	}
	t->want.noarp = noarp;
	return 0;
}

static void tap_set_carrier(struct endpoint *ep, bool carrier)
{
	struct tap *t = tap_of(ep);

	if (t->want.carrier == carrier)
		return;
	t->want.carrier = carrier;
	if (t->where != TAP_ABSENT)
		tap_apply_carrier(t);
}

/* Behind a port's tap is a station, not a filter: it sends what it sends, and we hear all of it. */
static bool tap_set_filter(struct endpoint *ep, const struct endpoint_filter *f)
{
	(void)ep;
	(void)f;
	return true;
}

/* ---- telling -------------------------------------------------------------------- */

static bool tap_refresh(struct endpoint *ep)
{
	return watch_refresh(tap_of(ep));
}

static void tap_get_state(const struct endpoint *ep, struct endpoint_state *state)
{
	const struct tap *t = tap_of_const(ep);
	const char *netns = watch_netns(t);

	*state = (struct endpoint_state){
		.present = t->where != TAP_ABSENT,
		.up = t->link.up,
		.carrier = true,
		.mac = t->link.mac,
		.mtu = t->link.mtu,
		.promisc = t->link.promisc,
		.allmulti = t->link.allmulti || t->all_groups,
		.groups_known = t->where == TAP_HOME && !t->all_groups,
		.n_groups = t->n_groups,
		.groups = t->groups,
		.noarp = t->link.noarp,
		.addresses_known = t->addrs_known,
		.n_addresses = t->addrs.n_told,
		.addresses = tap_addrs_show(&tap_of((struct endpoint *)(uintptr_t)ep)->addrs),
	};
	if (ep->role == ENDPOINT_PORT)
		state->carrier = state->present && state->up;
	if (!state->present)
		snprintf(state->reason, sizeof(state->reason), "%s", t->reason);
	else if (!state->up && t->where == TAP_MOVED)
		snprintf(state->reason, sizeof(state->reason),
			 "%s is down in the namespace that its owner moved it to", t->link.name);
	else if (!state->up)
		snprintf(state->reason, sizeof(state->reason), "%s is down in %s %.80s",
			 t->link.name, netns != NULL ? "namespace" : "our own namespace",
			 netns != NULL ? netns : "");
}

static void tap_describe(const struct endpoint *ep, char *buf, size_t len)
{
	static const char *const where[] = {
		[TAP_ABSENT] = "absent", [TAP_HOME] = "home", [TAP_MOVED] = "moved"};
	const struct tap *t = tap_of_const(ep);
	const char *netns = watch_netns(t);

	snprintf(buf, len,
		 "ifname=%s ifindex=%d netns=%s where=%s queues=%u vnet_hdr=10 "
		 "offloads=csum,tso4,tso6 "
		 "groups=%zu addresses=%zu tx_refused=%" PRIu64,
		 t->where != TAP_ABSENT ? t->link.name : t->want.ifname, t->link.ifindex,
		 netns != NULL ? netns : "own", where[t->where], t->n_queues, t->n_groups,
		 t->addrs.n_told, __atomic_load_n(&t->tx_refused, __ATOMIC_RELAXED));
}

const struct endpoint_ops tap_ops = {
	.type = "tap",
	.open = tap_open,
	.close = tap_close,
	.rx = tap_rx,
	.tx = tap_tx,
	.rx_fd = tap_rx_fd,
	.armed = tap_armed,
	.set_mac = tap_set_mac,
	.set_mtu = tap_set_mtu,
	.set_up = tap_set_up,
	.set_addresses = tap_set_addresses,
	.set_noarp = tap_set_noarp,
	.set_carrier = tap_set_carrier,
	.set_filter = tap_set_filter,
	.refresh = tap_refresh,
	.get_state = tap_get_state,
	.describe = tap_describe,
};
