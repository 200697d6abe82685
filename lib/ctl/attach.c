/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/attach.h"
#include "ctl/placement.h"

/* Whatever stands in for a port or an owner of frames must hear all that is sent to it. */
static void hear_everything(struct endpoint *ep)
{
	const struct endpoint_filter all = {.promisc = true, .allmulti = true};

	if (ep->type == ENDPOINT_DEV)
		endpoint_set_filter(ep, &all);
}

static int attach(struct runtime *rt, struct attachment *a, const struct endpoint_args *args,
		  const struct lcore_set *workers, struct err *err)
{
	int rc;

	if (!placement_possible(rt, workers))
		return err_set(err, EINVAL, "workers: none of them is a worker's lcore here");
	rc = endpoint_open(args, &a->endpoint, err);
	if (rc != 0)
		return rc;
	endpoint_refresh(a->endpoint);
	endpoint_get_state(a->endpoint, &a->state);
	placement_add(rt, a, workers);
	return 0;
}

int attach_wire(struct runtime *rt, struct port_rt *p, struct err *err)
{
	const struct port_conf *c = p->conf;
	const struct endpoint_args args = {
		.conf = &c->device,
		.role = ENDPOINT_PORT,
		.name = c->name,
		.mac = c->mac,
		.mtu = c->mtu,
		.up = true,
		.n_rx_queues = placement_queues(rt, &c->workers, c->queues),
		.n_tx_queues = (uint16_t)rt->n_workers,
	};
	int rc = attach(rt, &p->wire, &args, &c->workers, err);

	if (rc != 0)
		return rc;
	p->mac = c->mac;
	if (p->mac == 0 && p->wire.endpoint->type == ENDPOINT_DEV)
		p->mac = p->wire.state.mac;
	if (p->mac == 0) /* a tap's far end has the tap's MAC; the port needs one of its own */
		p->mac = mac_from_names(c->name, "port");
	p->auto_mac = p->own_mac = p->mac;
	p->mtu = c->mtu;
	return 0;
}

int attach_host(struct runtime *rt, const struct port_rt *p, const struct port_conf *conf,
		struct attachment *a, struct err *err)
{
	const struct endpoint_args args = {
		.conf = &conf->host,
		.role = ENDPOINT_HOST,
		.name = conf->name,
		.mac = conf->host.type == ENDPOINT_TAP ? p->mac : 0,
		.mtu = conf->mtu,
		.up = true,
		.n_rx_queues = conf->host.queues != 0 ? conf->host.queues : 1,
		.n_tx_queues = (uint16_t)rt->n_workers,
	};
	int rc = attach(rt, a, &args, &conf->workers, err);

	if (rc == 0)
		hear_everything(a->endpoint);
	return rc;
}

uint32_t wanted_mtu(const struct vnic_rt *v)
{
	if (v->conf->mtu != 0)
		return v->conf->mtu;
	return v->port != NULL ? v->port->mtu : 1500;
}

/* The kernel's l3 slaves neither ask nor announce (ipvlan_port_create(), IV-655). */
static bool is_noarp(const struct vnic_conf *c)
{
	return (c->mode == MODE_L3 || c->mode == MODE_L3S) && c->arp != ARP_ON;
}

int attach_vnic(struct runtime *rt, struct vnic_rt *v, struct err *err)
{
	const struct vnic_conf *c = v->conf;
	struct endpoint_args args = {
		.conf = &c->endpoint,
		.role = ENDPOINT_VNIC,
		.name = c->name,
		.mtu = wanted_mtu(v),
		.up = c->up,
		.n_rx_queues = c->queues,
		.n_tx_queues = (uint16_t)rt->n_workers,
		.addresses = c->addresses,
		.n_addresses = c->n_addresses,
		.noarp = is_noarp(c),
		.dev_id = vnic_is_ipvlan(c->type) ? (uint16_t)(v->id + 1) : 0,
	};
	int rc;

	if (vnic_is_ipvlan(c->type) && c->mac_policy != MAC_NAT)
		args.mac = v->port->mac;
	else if (c->endpoint.type == ENDPOINT_TAP)
		args.mac = c->mode == MODE_PASSTHRU ? v->port->mac : c->mac;
	v->told_mac = vnic_is_ipvlan(c->type) ? args.mac : 0;
	rc = attach(rt, &v->at, &args, &c->workers, err);
	if (rc == 0)
		hear_everything(v->at.endpoint);
	return rc;
}

static void add_leaving(struct leaving *l, struct endpoint *ep)
{
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct endpoint **grown =
			reallocarray(l->endpoints, room, sizeof(struct endpoint *));

		if (grown == NULL) {
			endpoint_close(ep);
			return;
		}
		l->endpoints = grown;
		l->room = room;
	}
	l->endpoints[l->n++] = ep;
}

void close_leaving(struct leaving *l)
{
	endpoint_close_many(l->endpoints, l->n);
	free(l->endpoints);
	*l = (struct leaving){0};
}

void detach(struct runtime *rt, struct attachment *a, struct leaving *l)
{
	if (a->endpoint == NULL)
		return;
	if (rt->running)
		placement_disarm(rt, a);
	placement_remove(rt, a);
	add_leaving(l, a->endpoint);
	*a = (struct attachment){0};
}

static bool same_addresses(const struct vnic_conf *a, const struct vnic_conf *b)
{
	return a->n_addresses == b->n_addresses &&
	       (a->n_addresses == 0 ||
		memcmp(a->addresses, b->addresses, a->n_addresses * sizeof(*a->addresses)) == 0);
}

/* A change concerns few vnics, and to ask the kernel about all others takes longer than it. */
static bool is_unchanged(const struct vnic_conf *c, const struct vnic_conf *old)
{
	return c->mode != MODE_PASSTHRU && c->mac == old->mac && c->up == old->up &&
	       is_noarp(c) == is_noarp(old) && same_addresses(c, old);
}

int attach_modify_vnic(struct vnic_rt *v, const struct vnic_conf *old, bool new_mtu,
		       struct err *err)
{
	const struct vnic_conf *c = v->conf;
	struct endpoint *ep = v->at.endpoint;
	int rc = 0;

	if (ep == NULL || ep->type == ENDPOINT_NONE || (!new_mtu && is_unchanged(c, old)))
		return 0;
	if (ep->type == ENDPOINT_TAP && c->mode == MODE_PASSTHRU)
		rc = endpoint_set_mac(ep, v->port->mac, err);
	else if (ep->type == ENDPOINT_TAP && c->mac != old->mac && !vnic_is_ipvlan(c->type))
		rc = endpoint_set_mac(ep, c->mac, err);
	if (rc == 0 && new_mtu)
		rc = endpoint_set_mtu(ep, wanted_mtu(v), err);
	if (rc == 0 && c->up != old->up)
		rc = endpoint_set_up(ep, c->up, err);
	if (rc == 0 && is_noarp(c) != is_noarp(old))
		rc = endpoint_set_noarp(ep, is_noarp(c), err);
	if (rc == 0 && !same_addresses(c, old))
		rc = endpoint_set_addresses(ep, c->addresses, c->n_addresses, err);
	endpoint_refresh(ep);
	if (rc != 0)
		err_prefix(err, "vnic %s", c->name);
	return rc;
}

int attach_modify_port(struct port_rt *p, const struct port_conf *old, struct err *err)
{
	const struct port_conf *c = p->conf;
	bool dev = p->wire.endpoint != NULL && p->wire.endpoint->type == ENDPOINT_DEV;
	int rc = 0;

	if (c->mac != old->mac) {
		p->mac = c->mac != 0 ? c->mac : p->auto_mac;
		p->own_mac = p->mac;
		if (dev)
			rc = endpoint_set_mac(p->wire.endpoint, p->mac, err);
		if (rc == 0 && p->host.endpoint != NULL && p->host.endpoint->type == ENDPOINT_TAP)
			rc = endpoint_set_mac(p->host.endpoint, p->mac, err);
	}
	if (rc == 0 && c->mtu != old->mtu) {
		p->mtu = c->mtu;
		if (p->wire.endpoint != NULL)
			rc = endpoint_set_mtu(p->wire.endpoint, c->mtu, err);
		if (rc == 0 && p->host.endpoint != NULL)
			rc = endpoint_set_mtu(p->host.endpoint, c->mtu, err);
	}
	if (p->wire.endpoint != NULL)
		endpoint_refresh(p->wire.endpoint);
	if (p->host.endpoint != NULL)
		endpoint_refresh(p->host.endpoint);
	if (rc != 0)
		err_prefix(err, "port %s", c->name);
	return rc;
}
