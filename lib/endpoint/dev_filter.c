/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "endpoint/dev.h"

static bool has_mac(const uint64_t *macs, size_t n, uint64_t mac)
{
	for (size_t i = 0; i < n; i++)
		if (macs[i] == mac)
			return true;
	return false;
}

static void remove_unwanted(struct dev *d, const struct endpoint_filter *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n_filter_macs; i++) {
		struct rte_ether_addr addr;

		if (has_mac(f->macs, f->n_macs, d->filter_macs[i])) {
			d->filter_macs[kept++] = d->filter_macs[i];
			continue;
		}
		mac_store(addr.addr_bytes, d->filter_macs[i]);
		rte_eth_dev_mac_addr_remove(d->port, &addr);
	}
	d->n_filter_macs = kept;
}

/* Brings the device's table to f->macs by the difference; false: not all are in it. */
static bool set_unicast(struct dev *d, const struct endpoint_filter *f)
{
	struct rte_eth_dev_info info;
	uint64_t *grown;

	if (rte_eth_dev_info_get(d->port, &info) != 0)
		return false;
	/* Its own address is one of them. Asking for more would only fill the log. */
	if (f->n_macs + 1 > info.max_mac_addrs)
		return f->n_macs == 0;
	remove_unwanted(d, f);
	if (f->n_macs == 0)
		return true;
	grown = reallocarray(d->filter_macs, f->n_macs, sizeof(*grown));
	if (grown == NULL)
		return false;
	d->filter_macs = grown;
	for (size_t i = 0; i < f->n_macs; i++) {
		struct rte_ether_addr addr;

		if (has_mac(d->filter_macs, d->n_filter_macs, f->macs[i]) || f->macs[i] == d->mac)
			continue;
		mac_store(addr.addr_bytes, f->macs[i]);
		if (rte_eth_dev_mac_addr_add(d->port, &addr, 0) != 0)
			return false;
		d->filter_macs[d->n_filter_macs++] = f->macs[i];
	}
	return true;
}

/* false: the device has no list of groups, or f's does not fit. */
static bool set_groups(struct dev *d, const struct endpoint_filter *f)
{
	struct rte_ether_addr *list;
	int rc;

	list = calloc(f->n_groups + 1, sizeof(*list));
	if (list == NULL)
		return false;
	for (size_t i = 0; i < f->n_groups; i++)
		mac_store(list[i].addr_bytes, f->groups[i]);
	rc = rte_eth_dev_set_mc_addr_list(d->port, list, (uint32_t)f->n_groups);
	free(list);
	return rc == 0;
}

static bool set_allmulti(struct dev *d, bool on)
{
	int rc = on ? rte_eth_allmulticast_enable(d->port) : rte_eth_allmulticast_disable(d->port);

	return rc == 0 || (!on && rc == -ENOTSUP);
}

static void set_promisc(struct dev *d, bool on)
{
	int rc = on ? rte_eth_promiscuous_enable(d->port) : rte_eth_promiscuous_disable(d->port);

	/* A device that has no such mode has no filter that would need it. */
	if (rc != 0 && rc != -ENOTSUP)
		LOG(WARNING, ENDPOINT, "%s: %s can't be set %spromiscuous: %s", d->ep.name,
		    d->device, on ? "" : "not ", strerror(-rc));
}

bool dev_set_filter(struct endpoint *ep, const struct endpoint_filter *f)
{
	struct dev *d = dev_of(ep);
	bool promisc = f->promisc, allmulti = f->allmulti;

	d->filters_unicast = false;
	if (d->quirks & DEV_HEARS_ALL || dev_is_removed(d))
		return false;
	if (d->quirks & DEV_NETDEV) {
		d->filters_unicast = netdev_set_filter(d, f);
		return d->filters_unicast;
	}
	/* What must be heard is opened before anything is closed. */
	if (!promisc)
		promisc = !set_unicast(d, f);
	if (!allmulti)
		allmulti = !set_groups(d, f) && f->n_groups > 0;
	if (!set_allmulti(d, allmulti) && allmulti)
		promisc = true;
	promisc = promisc && !f->never_promisc;
	d->filters_unicast = !promisc;
	set_promisc(d, promisc);
	return d->filters_unicast;
}

void dev_clear_filter(struct dev *d)
{
	static const struct endpoint_filter nothing;

	if (!(d->quirks & (DEV_HEARS_ALL | DEV_NETDEV)) && !dev_is_removed(d))
		dev_set_filter(&d->ep, &nothing);
	free(d->filter_macs);
	d->filter_macs = NULL;
	d->n_filter_macs = 0;
}
