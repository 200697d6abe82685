/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ctl/addresses.h"
#include "ctl/attach.h"
#include "ctl/effective.h"
#include "ctl/l3.h"

static void refresh(struct attachment *a)
{
	if (a->endpoint != NULL)
		endpoint_get_state(a->endpoint, &a->state);
	else
		a->state = (struct endpoint_state){.reason = "being replaced"};
}

/* Only a kernel netdev has an owner who gives it a MAC, an MTU, up and down of his own. */
static bool is_owned(const struct attachment *a)
{
	return a->endpoint != NULL && a->endpoint->type == ENDPOINT_TAP && a->state.present;
}

static bool is_passthru(const struct vnic_rt *v)
{
	return v->conf->mode == MODE_PASSTHRU;
}

/* ---- ports ---- */

static void tell_mac(struct attachment *a, uint64_t mac, const char *name)
{
	struct err err = {0};

	if (!is_owned(a) || a->state.mac == mac)
		return;
	if (endpoint_set_mac(a->endpoint, mac, &err) != 0)
		LOG(WARNING, CTL, "%s: %s", name, err.text);
	endpoint_refresh(a->endpoint);
	refresh(a);
}

static void set_device_mac(struct port_rt *p)
{
	struct err err = {0};

	if (p->wire.endpoint != NULL && p->wire.endpoint->type == ENDPOINT_DEV &&
	    endpoint_set_mac(p->wire.endpoint, p->mac, &err) != 0)
		LOG(WARNING, CTL, "port %s: %s", p->conf->name, err.text);
}

/*
 * The lower's address: whoever shares it and changed it, changes it for all. What its host chose is
 * its own; what a passthru vnic changed goes with that, also where another comes in the same
 * step (MV-521, MV-522).
 */
static void update_port_mac(struct port_rt *p, struct vnic_rt *passthru)
{
	uint64_t mac = p->mac;

	if (is_owned(&p->host) && p->host.state.mac != p->mac)
		p->own_mac = mac = p->host.state.mac;
	else if (passthru == NULL || passthru != p->passthru)
		mac = p->own_mac;
	else if (is_owned(&passthru->at))
		mac = passthru->at.state.mac;
	p->passthru = passthru;
	if (mac != p->mac) {
		p->mac = mac;
		set_device_mac(p);
	}
	tell_mac(&p->host, mac, p->conf->name);
	if (passthru != NULL)
		tell_mac(&passthru->at, mac, passthru->conf->name);
}

int effective_set_lower_mac(struct vnic_rt *v, uint64_t mac, struct err *err)
{
	struct port_rt *p = v->port;
	int rc = 0;

	if (p->wire.endpoint != NULL && p->wire.endpoint->type == ENDPOINT_DEV)
		rc = endpoint_set_mac(p->wire.endpoint, mac, err);
	if (rc != 0)
		return rc;
	p->mac = mac;
	/* Else the next update would take theirs for the newer one. */
	tell_mac(&p->host, mac, p->conf->name);
	tell_mac(&v->at, mac, v->conf->name);
	return 0;
}

/* The host's owner sets the lower's MTU, as far as the device follows. */
static void update_port_mtu(struct port_rt *p)
{
	struct err err = {0};

	if (!is_owned(&p->host) || p->host.state.mtu == p->mtu)
		return;
	if (p->wire.endpoint != NULL && p->wire.endpoint->type == ENDPOINT_DEV &&
	    endpoint_set_mtu(p->wire.endpoint, p->host.state.mtu, &err) != 0) {
		LOG(WARNING, CTL, "port %s: %s; its host is set back to %u", p->conf->name,
		    err.text, p->mtu);
		endpoint_set_mtu(p->host.endpoint, p->mtu, &err);
		endpoint_refresh(p->host.endpoint);
		refresh(&p->host);
		return;
	}
	p->mtu = p->host.state.mtu;
}

static void update_port(struct runtime *rt, struct port_rt *p)
{
	struct vnic_rt *passthru = NULL;

	refresh(&p->wire);
	refresh(&p->host);
	for (size_t i = 0; i < rt->conf->n_vnics && passthru == NULL; i++)
		if (rt->vnics[i]->port == p && is_passthru(rt->vnics[i]))
			passthru = rt->vnics[i];
	if (passthru != NULL)
		refresh(&passthru->at);
	update_port_mac(p, passthru);
	update_port_mtu(p);
	p->down = is_owned(&p->host) && !p->host.state.up;
	p->carrier = !p->down && p->wire.endpoint != NULL && p->wire.state.present &&
		     p->wire.state.carrier;
}

/* ---- vnics ---- */

static void clamp_mtu(struct vnic_rt *v)
{
	struct err err = {0};

	if (endpoint_set_mtu(v->at.endpoint, v->port->mtu, &err) != 0)
		LOG(WARNING, CTL, "vnic %s: %s", v->conf->name, err.text);
	endpoint_refresh(v->at.endpoint);
	refresh(&v->at);
}

/*
 * A vnic's MTU is at most its port's. Where the port shrank, vnics are clamped; where the
 * vnic's owner asks for more, it is refused (MV-601, MV-602), and v->mtu stays what it was.
 */
static void update_mtu(struct vnic_rt *v)
{
	uint32_t limit = v->port != NULL ? v->port->mtu : CONF_MAX_MTU;
	uint32_t mtu = is_owned(&v->at) ? v->at.state.mtu : wanted_mtu(v);

	if (mtu > limit && (mtu == v->mtu || !is_owned(&v->at))) {
		if (is_owned(&v->at))
			clamp_mtu(v);
		mtu = limit;
	} else if (mtu > limit) {
		err_set(&v->refused, EINVAL, "MTU %u is more than the %u of port %s (EINVAL)", mtu,
			limit, v->port->conf->name);
		return;
	}
	v->mtu = mtu;
}

static bool is_ipvlan(const struct vnic_rt *v)
{
	return vnic_is_ipvlan(v->conf->type);
}

/*
 * All ipvlan vnics have their port's MAC, and follow it (IV-628). An owner can't change it
 * (IV-627: EOPNOTSUPP), but where mac-policy lets him keep one of his own.
 */
static void update_shared_mac(struct vnic_rt *v)
{
	v->mac = v->port->mac;
	if (!is_owned(&v->at))
		return;
	if (v->conf->mac_policy == MAC_NAT) {
		v->owner_mac = v->at.state.mac;
		return;
	}
	if (v->at.state.mac == v->told_mac || v->told_mac == 0)
		tell_mac(&v->at, v->mac, v->conf->name);
	if (v->at.state.mac == v->mac)
		v->told_mac = v->mac;
	else
		err_set(&v->refused, EOPNOTSUPP,
			"its MAC address is that of port %s and can't be changed (EOPNOTSUPP)",
			v->port->conf->name);
}

static void update_vnic(struct vnic_rt *v)
{
	v->refused = (struct err){0};
	refresh(&v->at);
	if (is_ipvlan(v))
		update_shared_mac(v);
	else if (v->port != NULL && is_passthru(v))
		v->mac = v->port->mac;
	else
		v->mac = is_owned(&v->at) ? v->at.state.mac : v->conf->mac;
	v->up = v->at.endpoint != NULL && v->at.state.present && v->conf->up;
	if (is_owned(&v->at))
		v->up = v->at.state.up;
	update_mtu(v);
}

/* Came up with this address earlier, and still has it. */
static bool holds_mac(const struct vnic_rt *v)
{
	return v->active && v->held_mac == v->mac;
}

/* Vnics of one port and MAC next to each other; who has the address first, then the order of the file. */
static int compare_claims(const void *a, const void *b)
{
	const struct vnic_rt *x = *(struct vnic_rt *const *)a;
	const struct vnic_rt *y = *(struct vnic_rt *const *)b;

	if (x->port != y->port)
		return x->port->id < y->port->id ? -1 : 1;
	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	if (holds_mac(x) != holds_mac(y))
		return holds_mac(x) ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void refuse_mac(struct vnic_rt *v, const char *whose, const char *name)
{
	char mac[MAC_STR_LEN];

	if (v->refused.code == 0)
		err_set(&v->refused, EADDRINUSE, "MAC address %s is that of %s %s (EADDRINUSE)",
			mac_format(v->mac, mac), whose, name);
}

/* One address has one up vnic on a port, and it isn't the port's own (macvlan_open()). */
static void settle_macs(struct runtime *rt)
{
	struct vnic_rt **claims = calloc(rt->conf->n_vnics + 1, sizeof(struct vnic_rt *));
	size_t n = 0;

	if (claims == NULL)
		return;
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		if (v->port != NULL && v->up && !is_passthru(v) && !is_ipvlan(v))
			claims[n++] = v;
	}
	qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 0; i < n; i++) {
		struct vnic_rt *v = claims[i];

		if (i > 0 && claims[i - 1]->port == v->port && claims[i - 1]->mac == v->mac)
			refuse_mac(v, "vnic", claims[i - 1]->conf->name);
		else if (!holds_mac(v) && v->mac == v->port->mac)
			refuse_mac(v, "port", v->port->conf->name);
	}
	free(claims);
}

static void update_carrier(struct vnic_rt *v)
{
	if (v->port != NULL)
		v->carrier = v->port->carrier && v->refused.code == 0;
	else
		v->carrier = v->up && v->peer->up;
	v->active = v->up && v->refused.code == 0;
	v->held_mac = v->mac;
}

/* ---- what the device is asked for (docs/semantics.md, §14) ---- */

struct wanted {
	uint64_t *macs, *groups;
	size_t n_macs, n_groups, room;
	bool promisc, allmulti;
};

static void want_groups(struct wanted *w, const uint64_t *groups, size_t n)
{
	if (n == 0)
		return;
	if (w->n_groups + n > w->room) {
		size_t room = 2 * (w->n_groups + n);
		uint64_t *grown = reallocarray(w->groups, room, sizeof(*grown));

		if (grown == NULL) {
			w->allmulti = true;
			return;
		}
		w->groups = grown;
		w->room = room;
	}
	memcpy(&w->groups[w->n_groups], groups, n * sizeof(*groups));
	w->n_groups += n;
}

/* A promiscuous ipvlan hears all that is there, and asks its lower for nothing (IV-632). */
static bool asks_all_groups(const struct vnic_rt *v)
{
	const struct endpoint_state *s = &v->at.state;

	return v->conf->multicast == MULTICAST_ALL ||
	       (v->conf->multicast == MULTICAST_AUTO && (!s->groups_known || s->allmulti));
}

static void want_vnic(struct wanted *w, const struct vnic_rt *v)
{
	struct vnic_in in;

	if (!v->active)
		return;
	effective_vnic(v, &in);
	want_groups(w, in.groups, in.n_groups);
	if (is_ipvlan(v)) {
		/* The port's own address is enough. */
		w->allmulti |= asks_all_groups(v);
		return;
	}
	if (is_passthru(v)) {
		w->promisc |= !(v->conf->flags & VNIC_F_NOPROMISC);
	} else {
		w->macs[w->n_macs++] = v->mac;
		w->promisc |= v->at.state.promisc;
	}
	w->allmulti |= in.all_groups;
}

static int compare_keys(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void ask_filter(struct port_rt *p, struct wanted *w)
{
	struct endpoint_filter f;
	size_t n = 0;

	if (w->n_groups > 1)
		qsort(w->groups, w->n_groups, sizeof(*w->groups), compare_keys);
	for (size_t i = 0; i < w->n_groups; i++)
		if (n == 0 || w->groups[n - 1] != w->groups[i])
			w->groups[n++] = w->groups[i];
	if (p->host.endpoint != NULL && p->host.state.present) {
		w->promisc |= p->host.state.promisc;
		w->allmulti |= p->host.state.allmulti;
	}
	if (p->conf->promisc != PROMISC_AUTO)
		w->promisc = p->conf->promisc == PROMISC_ON;
	f = (struct endpoint_filter){
		.macs = w->macs,
		.n_macs = w->n_macs,
		.groups = w->groups,
		.n_groups = n,
		.promisc = w->promisc,
		.allmulti = w->allmulti,
		.never_promisc = p->conf->promisc == PROMISC_OFF,
	};
	p->filtered = endpoint_set_filter(p->wire.endpoint, &f);
	/* Asked for no address but its own, no device has a reason to go promiscuous. */
	p->filtered = !f.promisc && (p->filtered || f.n_macs == 0);
	p->allmulti = f.allmulti;
}

static void update_filter(struct runtime *rt, struct port_rt *p)
{
	struct wanted w = {.macs = calloc(rt->conf->n_vnics + 1, sizeof(uint64_t))};

	if (p->wire.endpoint == NULL || w.macs == NULL) {
		free(w.macs);
		return;
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		if (rt->vnics[i]->port == p)
			want_vnic(&w, rt->vnics[i]);
	if (p->host.endpoint != NULL && p->host.state.present)
		want_groups(&w, p->host.state.groups, p->host.state.n_groups);
	ask_filter(p, &w);
	free(w.macs);
	free(w.groups);
}

void effective_update(struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		update_port(rt, rt->ports[i]);
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		update_vnic(rt->vnics[i]);
	settle_macs(rt);
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		update_carrier(rt->vnics[i]);
	addresses_update(rt);
	l3_update(rt);
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		update_filter(rt, rt->ports[i]);
}

static void tell_carrier(struct attachment *a, bool carrier)
{
	if (a->endpoint == NULL || (a->told && a->carrier_told == carrier))
		return;
	endpoint_set_carrier(a->endpoint, carrier);
	a->told = true;
	a->carrier_told = carrier;
}

void effective_tell_carriers(struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct port_rt *p = rt->ports[i];

		tell_carrier(&p->host, p->wire.endpoint != NULL && p->wire.state.present &&
					       p->wire.state.carrier);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		/* A veth's carrier is its peer's doing; its own down is seen by its owner anyway. */
		tell_carrier(&v->at, v->port != NULL ? v->carrier : v->peer->up);
	}
}

/* ---- for the snapshot ---- */

void effective_port(const struct port_rt *p, struct port_in *in)
{
	bool host = p->host.endpoint != NULL && p->host.state.present;

	*in = (struct port_in){
		.port =
			{
				.used = true,
				.mac = p->mac,
				.mtu = p->mtu,
				.carrier = p->carrier,
				.down = p->down,
				.has_host = host,
				.host_promisc =
					host && (!is_owned(&p->host) || p->host.state.promisc),
				.host_reach = p->conf->host_reach,
				.proxy_arp = p->conf->proxy_arp,
				.addresses = p->addresses,
				.routes = l3_routes(p),
				.next_hops = l3_next_hops(p),
				.wire = p->wire.endpoint,
				.host = p->host.endpoint,
			},
		.promisc = !p->filtered || p->allmulti,
	};
}

static void vnic_groups(const struct vnic_rt *v, struct vnic_in *in)
{
	const struct endpoint_state *s = &v->at.state;

	switch (v->conf->multicast) {
	case MULTICAST_ALL:
		in->all_groups = true;
		break;
	case MULTICAST_LIST:
		in->all_groups = s->promisc;
		in->groups = v->conf->groups;
		in->n_groups = v->conf->n_groups;
		break;
	case MULTICAST_AUTO:
		in->all_groups = !s->groups_known || s->promisc || s->allmulti;
		in->groups = s->groups;
		in->n_groups = s->groups_known ? s->n_groups : 0;
		break;
	}
}

void effective_vnic(const struct vnic_rt *v, struct vnic_in *in)
{
	*in = (struct vnic_in){
		.vnic =
			{
				.kind = kind_of(v->conf->type),
				.mac = v->mac,
				.mtu = v->mtu,
				.id = v->id,
				.mode = (uint8_t)v->conf->mode,
				.spoofcheck = (uint8_t)v->conf->spoofcheck,
				.up = v->active,
				.carrier = v->carrier,
				.nodst = (v->conf->flags & VNIC_F_NODST) != 0,
				.flags = v->conf->flags,
				.arp_off = v->conf->arp == ARP_OFF ||
					   (v->conf->arp == ARP_AUTO &&
					    v->conf->endpoint.type == ENDPOINT_TAP),
				.strict = v->conf->mac_policy == MAC_STRICT ||
					  v->conf->spoofcheck != SPOOFCHECK_OFF,
				.learns = v->conf->learn != 0,
				.dhcp = v->conf->dhcp,
				.macnat = v->conf->mac_policy == MAC_NAT,
				.owner_mac = v->owner_mac,
				.endpoint = v->at.endpoint,
			},
		.port = v->port != NULL ? v->port->id : -1,
		.peer = v->peer != NULL ? v->peer->id : VNIC_NONE,
		.sources = v->conf->sources,
		.n_sources = v->conf->n_sources,
		.bcqueuelen = v->conf->bcqueuelen,
		.bclim = v->conf->bclim,
	};
	vnic_groups(v, in);
}
