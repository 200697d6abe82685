/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of types and the calls of endpoint.h that go through it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <rte_malloc.h>

#include "endpoint/types.h"

static const struct endpoint_ops *const types[] = {
	[ENDPOINT_NONE] = &none_ops,
	[ENDPOINT_DEV] = &dev_ops,
	[ENDPOINT_TAP] = &tap_ops,
	[ENDPOINT_VHOST] = &vhost_ops,
};

struct endpoint *endpoint_alloc(size_t size, const struct endpoint_ops *ops,
				const struct endpoint_args *args, struct err *err)
{
	/* The worker reads its fields in its loop, so no line is shared with a stranger's writes. */
	struct endpoint *ep = rte_zmalloc("endpoint", size, RTE_CACHE_LINE_SIZE);

	if (ep == NULL) {
		err_set(err, ENOMEM, "no memory for endpoint %s", args->conf->spec);
		return NULL;
	}
	ep->ops = ops;
	snprintf(ep->name, sizeof(ep->name), "%s", args->name);
	ep->type = args->conf->type;
	ep->role = args->role;
	ep->socket = SOCKET_ID_ANY;
	return ep;
}

int endpoint_alloc_counts(struct endpoint *ep, uint16_t n, struct err *err)
{
	if (n == 0)
		return 0;
	ep->rx_counts = rte_zmalloc_socket("rx_counts", n * sizeof(*ep->rx_counts),
					   RTE_CACHE_LINE_SIZE, ep->socket);
	if (ep->rx_counts == NULL)
		return err_set(err, ENOMEM, "no memory for the counters of %u rx queues", n);
	ep->n_rx_counts = n;
	return 0;
}

void endpoint_free(struct endpoint *ep)
{
	if (ep == NULL)
		return;
	rte_free(ep->rx_counts);
	rte_free(ep);
}

int endpoint_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err)
{
	unsigned int type = args->conf->type;

	*ep = NULL;
	if (type >= RTE_DIM(types) || types[type] == NULL)
		return err_set(err, EINVAL, "%s: not an endpoint type", args->conf->spec);
	return types[type]->open(args, ep, err);
}

void endpoint_close(struct endpoint *ep)
{
	if (ep != NULL)
		ep->ops->close(ep);
}

void endpoint_close_many(struct endpoint **eps, size_t n)
{
	size_t n_taps = 0;

	/* What may stand on a tap's netdev (dev:net_af_packet0,iface=…) goes before the taps. */
	for (size_t i = 0; i < n; i++) {
		if (eps[i] != NULL && eps[i]->type == ENDPOINT_TAP)
			eps[n_taps++] = eps[i];
		else
			endpoint_close(eps[i]);
	}
	tap_close_many(eps, n_taps);
}

int endpoint_arm(struct endpoint *ep, uint16_t queue, int epoll, uint64_t event)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = event};
	int fd = endpoint_rx_fd(ep, queue);

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0 && errno != EEXIST)
		return -errno;
	if (ep->ops->armed != NULL)
		ep->ops->armed(ep, queue, epoll);
	return 0;
}

void endpoint_disarm(struct endpoint *ep, uint16_t queue, int epoll)
{
	epoll_ctl(epoll, EPOLL_CTL_DEL, endpoint_rx_fd(ep, queue), NULL);
	if (ep->ops->armed != NULL)
		ep->ops->armed(ep, queue, -1);
}

int endpoint_set_mac(struct endpoint *ep, uint64_t mac, struct err *err)
{
	return ep->ops->set_mac != NULL ? ep->ops->set_mac(ep, mac, err) : 0;
}

int endpoint_set_mtu(struct endpoint *ep, uint32_t mtu, struct err *err)
{
	return ep->ops->set_mtu != NULL ? ep->ops->set_mtu(ep, mtu, err) : 0;
}

int endpoint_set_up(struct endpoint *ep, bool up, struct err *err)
{
	return ep->ops->set_up != NULL ? ep->ops->set_up(ep, up, err) : 0;
}

int endpoint_set_addresses(struct endpoint *ep, const struct ip_range *a, size_t n, struct err *err)
{
	return ep->ops->set_addresses != NULL ? ep->ops->set_addresses(ep, a, n, err) : 0;
}

int endpoint_set_noarp(struct endpoint *ep, bool noarp, struct err *err)
{
	return ep->ops->set_noarp != NULL ? ep->ops->set_noarp(ep, noarp, err) : 0;
}

void endpoint_set_carrier(struct endpoint *ep, bool carrier)
{
	if (ep->ops->set_carrier != NULL)
		ep->ops->set_carrier(ep, carrier);
}

bool endpoint_set_filter(struct endpoint *ep, const struct endpoint_filter *f)
{
	/* A type without filters has nothing between the wire and us that could hold a frame back. */
	return ep->ops->set_filter != NULL && ep->ops->set_filter(ep, f);
}

void endpoint_get_state(const struct endpoint *ep, struct endpoint_state *state)
{
	ep->ops->get_state(ep, state);
}

bool endpoint_refresh(struct endpoint *ep)
{
	return ep->ops->refresh != NULL && ep->ops->refresh(ep);
}

void endpoint_describe(const struct endpoint *ep, char *buf, size_t len)
{
	if (len == 0)
		return;
	buf[0] = '\0';
	if (ep->ops->describe != NULL)
		ep->ops->describe(ep, buf, len);
}

void endpoint_get_rx_errors(const struct endpoint *ep, struct endpoint_rx_errors *e)
{
	*e = (struct endpoint_rx_errors){
		.no_buffer = __atomic_load_n(&ep->dev_no_buffer, __ATOMIC_RELAXED),
		.missed = __atomic_load_n(&ep->dev_missed, __ATOMIC_RELAXED),
	};
	for (uint16_t q = 0; q < ep->n_rx_counts; q++) {
		const struct endpoint_rx_count *c = &ep->rx_counts[q];

		e->malformed += __atomic_load_n(&c->malformed, __ATOMIC_RELAXED);
		e->bad_offload += __atomic_load_n(&c->bad_offload, __ATOMIC_RELAXED);
		e->no_buffer += __atomic_load_n(&c->no_buffer, __ATOMIC_RELAXED);
	}
}
