/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/addresses.h"
#include "ctl/signature.h"
#include "fwd/ip_table.h"

/** One address that a vnic was learnt to have. */
struct learned {
	struct ip_addr ip;
	uint64_t seen; /* ms */
};

/* ---- what a vnic has ---- */

/* A netdev's own list is the truth, once there is one: its owner may have taken ours away. */
static bool is_followed(const struct vnic_rt *v)
{
	return v->at.endpoint != NULL && v->at.endpoint->type == ENDPOINT_TAP &&
	       v->at.state.present && v->at.state.addresses_known;
}

size_t addresses_count(const struct vnic_rt *v)
{
	size_t n = is_followed(v) ? v->at.state.n_addresses : v->conf->n_addresses;

	return n + v->n_learned;
}

struct ip_range addresses_get(const struct vnic_rt *v, size_t i)
{
	struct ip_addr a;

	if (i < v->n_learned)
		a = v->learned[i].ip;
	else if (is_followed(v))
		a = v->at.state.addresses[i - v->n_learned];
	else
		return v->conf->addresses[i - v->n_learned];
	return (struct ip_range){a, a, a.family == 6 ? 128 : 32};
}

/* Only these are told apart by address. */
static bool is_listed(const struct vnic_rt *v)
{
	return v->port != NULL &&
	       (vnic_is_ipvlan(v->conf->type) || v->conf->spoofcheck == SPOOFCHECK_IP);
}

/* ---- has anything changed? ---- */

static uint64_t signature(const struct vnic_rt *v, uint64_t h)
{
	size_t n = addresses_count(v);

	h = signature_add(h, &v->id, sizeof(v->id));
	for (size_t i = 0; i < n; i++) {
		struct ip_range r = addresses_get(v, i);

		h = signature_add_ip(h, &r.first, 0);
		h = signature_add_ip(h, &r.last, 0);
	}
	return h;
}

/* ---- the table ---- */

/** Claims of one port; sorted, those to one address lie together. */
struct claims {
	struct ip_pair *list;
	size_t n, room;
};

static int claim(struct claims *c, const struct ip_range *r, uint16_t id)
{
	uint32_t n = ip_range_count(r);

	if (c->n + n > c->room) {
		size_t room = 2 * (c->n + n);
		struct ip_pair *list = reallocarray(c->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		c->list = list;
		c->room = room;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct ip_addr a = ip_addr_add(r->first, i);

		c->list[c->n++] = (struct ip_pair){ip_key_of(&a), id, a.family == 6};
	}
	return 0;
}

static int claim_all(struct claims *c, const struct runtime *rt, const struct port_rt *p)
{
	int rc = 0;

	for (size_t i = 0; i < rt->conf->n_vnics && rc == 0; i++) {
		const struct vnic_rt *v = rt->vnics[i];
		size_t n;

		if (v->port != p || !is_listed(v) || !v->active)
			continue;
		n = addresses_count(v);
		for (size_t k = 0; k < n && rc == 0; k++) {
			struct ip_range r = addresses_get(v, k);

			rc = claim(c, &r, v->id);
		}
	}
	return rc;
}

static void tell_conflict(const struct runtime *rt, const struct ip_pair *has,
			  const struct ip_pair *wants)
{
	struct vnic_rt *loser = rt->by_id[wants->value];
	const struct vnic_rt *owner = rt->by_id[has->value];
	struct ip_addr a = {.family = has->v6 ? 6 : 4};
	char text[IP_STR_LEN];

	memcpy(a.b, &has->key, has->v6 ? 16 : 4);
	loser->conflicts++;
	LOG(WARNING, CTL, "vnic %s: address %s is that of vnic %s, which keeps it (EADDRINUSE)",
	    loser->conf->name, ip_addr_format(&a, text), owner->conf->name);
}

/* Of several with one address: who has it already, else the first vnic. */
static void settle(const struct runtime *rt, const struct port_rt *p, struct claims *c)
{
	size_t n = 0;

	for (size_t i = 0, end; i < c->n; i = end) {
		struct ip_pair best = c->list[i];
		uint16_t had = p->addresses != NULL ? ip_table_lookup(p->addresses, &best.key,
								      best.v6, VNIC_NONE)
						    : VNIC_NONE;

		for (end = i + 1; end < c->n && ip_pair_compare(&c->list[i], &c->list[end]) == 0;
		     end++)
			if (c->list[end].value == had ||
			    (best.value != had && c->list[end].value < best.value))
				best = c->list[end];
		for (size_t k = i; k < end; k++)
			if (c->list[k].value != best.value)
				tell_conflict(rt, &best, &c->list[k]);
		c->list[n++] = best;
	}
	c->n = n;
}

static void rebuild(struct runtime *rt, struct port_rt *p)
{
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	struct claims c = {0};
	struct ip_table *t;
	struct err err = {0};

	if (claim_all(&c, rt, p) != 0) {
		free(c.list);
		LOG(ERR, CTL, "port %s: no memory for its vnics' addresses", p->conf->name);
		return;
	}
	if (c.n > 0)
		qsort(c.list, c.n, sizeof(*c.list), ip_pair_compare);
	settle(rt, p, &c);
	t = ip_table_create(c.list, c.n, socket, &err);
	if (t == NULL) {
		LOG(ERR, CTL, "port %s: %s; its addresses stay as they were", p->conf->name,
		    err.text);
		return;
	}
	ip_table_put(p->addresses);
	p->addresses = t;
}

void addresses_update(struct runtime *rt)
{
	uint64_t signatures[CONF_MAX_PORTS] = {0};
	bool listed[CONF_MAX_PORTS] = {false};

	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		const struct vnic_rt *v = rt->vnics[i];

		if (!is_listed(v))
			continue;
		listed[v->port->id] = true;
		if (v->active)
			signatures[v->port->id] = signature(v, signatures[v->port->id]);
	}
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct port_rt *p = rt->ports[i];

		if (!listed[p->id]) {
			addresses_free_port(p);
		} else if (p->addresses == NULL || p->addresses_signature != signatures[p->id]) {
			rebuild(rt, p);
			p->addresses_signature = signatures[p->id];
		}
	}
}

void addresses_free_port(struct port_rt *p)
{
	ip_table_put(p->addresses);
	p->addresses = NULL;
}

/* ---- learning ---- */

void addresses_free_vnic(struct vnic_rt *v)
{
	free(v->learned);
	v->learned = NULL;
	v->n_learned = 0;
}

static struct learned *find_learned(const struct vnic_rt *v, const struct ip_addr *ip)
{
	for (size_t i = 0; i < v->n_learned; i++)
		if (ip_addr_cmp(&v->learned[i].ip, ip) == 0)
			return &v->learned[i];
	return NULL;
}

/* A new place, or that of the family's longest unseen one. */
static struct learned *place(struct vnic_rt *v, uint8_t family)
{
	struct learned *oldest = NULL, *grown;
	size_t n = 0;

	for (size_t i = 0; i < v->n_learned; i++) {
		struct learned *l = &v->learned[i];

		if (l->ip.family != family)
			continue;
		n++;
		if (oldest == NULL || l->seen < oldest->seen)
			oldest = l;
	}
	if (n >= v->conf->learn)
		return oldest;
	grown = reallocarray(v->learned, v->n_learned + 1, sizeof(*grown));
	if (grown == NULL)
		return oldest;
	v->learned = grown;
	return &v->learned[v->n_learned++];
}

bool addresses_learn(struct vnic_rt *v, const struct ip_addr *ip, uint64_t now)
{
	struct ip_key key = ip_key_of(ip);
	struct learned *l = find_learned(v, ip);
	uint16_t owner;

	if (l != NULL) {
		l->seen = now;
		return false;
	}
	if (v->port == NULL || v->port->addresses == NULL || !ip_addr_is_unicast(ip))
		return false;
	owner = ip_table_lookup(v->port->addresses, &key, ip->family == 6, VNIC_NONE);
	if (owner != VNIC_NONE)
		return false;
	l = place(v, ip->family);
	if (l == NULL)
		return false;
	*l = (struct learned){*ip, now};
	return true;
}
