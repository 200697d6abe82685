/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Equality of configurations: what a reload leaves alone. Lines don't count, nor
 * whether a default was written out.
 */
#include <string.h>

#include "conf/conf.h"

static bool text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool lcore_set_equal(const struct lcore_set *a, const struct lcore_set *b)
{
	if (a->all || b->all)
		return a->all == b->all;
	return memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

static bool macs_equal(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0);
}

static bool prefixes_equal(const struct port_conf *a, const struct port_conf *b)
{
	if (a->n_addresses != b->n_addresses)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!ip_prefix_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

static bool routes_equal(const struct port_conf *a, const struct port_conf *b)
{
	if (a->n_routes != b->n_routes)
		return false;
	for (size_t i = 0; i < a->n_routes; i++)
		if (!ip_prefix_equal(&a->routes[i].dst, &b->routes[i].dst) ||
		    ip_addr_cmp(&a->routes[i].via, &b->routes[i].via) != 0)
			return false;
	return true;
}

static bool ranges_equal(const struct vnic_conf *a, const struct vnic_conf *b)
{
	if (a->n_addresses != b->n_addresses)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (a->addresses[i].len != b->addresses[i].len ||
		    ip_addr_cmp(&a->addresses[i].first, &b->addresses[i].first) != 0 ||
		    ip_addr_cmp(&a->addresses[i].last, &b->addresses[i].last) != 0)
			return false;
	return true;
}

bool endpoint_conf_equal(const struct endpoint_conf *a, const struct endpoint_conf *b)
{
	return a->type == b->type && text_equal(a->target, b->target) &&
	       text_equal(a->netns, b->netns) && a->queues == b->queues && a->client == b->client &&
	       a->has_mode == b->has_mode && a->mode == b->mode && text_equal(a->owner, b->owner) &&
	       a->no_packed == b->no_packed && a->no_mrg == b->no_mrg &&
	       a->no_offload == b->no_offload;
}

bool port_conf_equal(const struct port_conf *a, const struct port_conf *b)
{
	return text_equal(a->name, b->name) && endpoint_conf_equal(&a->device, &b->device) &&
	       a->mac == b->mac && a->mtu == b->mtu && a->queues == b->queues &&
	       lcore_set_equal(&a->workers, &b->workers) && a->promisc == b->promisc &&
	       a->has_host == b->has_host && endpoint_conf_equal(&a->host, &b->host) &&
	       a->host_reach == b->host_reach && a->proxy_arp == b->proxy_arp &&
	       a->host_routes == b->host_routes && prefixes_equal(a, b) && routes_equal(a, b);
}

bool vnic_conf_equal(const struct vnic_conf *a, const struct vnic_conf *b)
{
	return text_equal(a->name, b->name) && text_equal(a->port, b->port) && a->type == b->type &&
	       a->mode == b->mode && a->flags == b->flags && a->mac == b->mac && a->mtu == b->mtu &&
	       ranges_equal(a, b) &&
	       macs_equal(a->sources, a->n_sources, b->sources, b->n_sources) &&
	       text_equal(a->peer, b->peer) && endpoint_conf_equal(&a->endpoint, &b->endpoint) &&
	       a->queues == b->queues && lcore_set_equal(&a->workers, &b->workers) &&
	       a->up == b->up && a->spoofcheck == b->spoofcheck && a->multicast == b->multicast &&
	       macs_equal(a->groups, a->n_groups, b->groups, b->n_groups) &&
	       a->bcqueuelen == b->bcqueuelen && a->bclim == b->bclim && a->arp == b->arp &&
	       a->mac_policy == b->mac_policy && a->learn == b->learn && a->dhcp == b->dhcp &&
	       a->announce == b->announce;
}

bool global_conf_equal(const struct global_conf *a, const struct global_conf *b)
{
	return text_equal(a->control, b->control) && text_equal(a->metrics, b->metrics) &&
	       a->idle_adaptive == b->idle_adaptive && a->mbufs == b->mbufs &&
	       a->mbuf_size == b->mbuf_size;
}
