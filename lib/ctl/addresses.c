/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/addresses.h"
#include "ctl/l3.h"
#include "ctl/signature.h"
#include "fwd/ip_table.h"
#include "fwd/routes.h"

/** A learned address that wasn't seen for so long is forgotten. */
#define LEARN_AGE_MS 300000
/** One that was seen so lately isn't forgotten for a new one: who sprays makes a snapshot a second, not more. */
#define LEARN_KEEP_MS 1000
/** Leases of one vnic. */
#define LEASES_MAX 16

/** One address that a vnic was learnt, or given by DHCP, to have. */
struct learned {
	struct ip_addr ip;
	uint64_t seen; /* ms */
	uint64_t until; /* a lease ends then; 0: learnt */
	uint64_t client; /* of a lease: whose */
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
	struct ip_prefix p;

	if (i < v->n_learned) {
		p.addr = v->learned[i].ip;
		p.len = p.addr.family == 6 ? 128 : 32;
	} else if (is_followed(v)) {
		p = v->at.state.addresses[i - v->n_learned];
	} else {
		return v->conf->addresses[i - v->n_learned];
	}
	return (struct ip_range){p.addr, p.addr, p.len};
}

/* Only these are told apart by address. */
static bool is_listed(const struct vnic_rt *v)
{
	return v->port != NULL &&
	       (vnic_is_ipvlan(v->conf->type) || v->conf->spoofcheck == SPOOFCHECK_IP);
}

/* The first address of @v's netdev that is in @r; they are sorted. NULL: none. */
static const struct ip_addr *find_followed(const struct vnic_rt *v, const struct ip_range *r)
{
	const struct endpoint_state *s = &v->at.state;
	size_t lo = 0, hi = is_followed(v) ? s->n_addresses : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ip_addr_cmp(&s->addresses[mid].addr, &r->first) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!is_followed(v) || lo == s->n_addresses ||
	    ip_addr_cmp(&s->addresses[lo].addr, &r->last) > 0)
		return NULL;
	return &s->addresses[lo].addr;
}

const struct vnic_rt *addresses_find(const struct runtime *rt, const struct vnic_rt *v,
				     const struct ip_range *r, struct ip_addr *which)
{
	for (size_t i = 0; is_listed(v) && i < rt->conf->n_vnics; i++) {
		const struct vnic_rt *x = rt->vnics[i];
		const struct ip_addr *a = x != v && x->port == v->port ? find_followed(x, r) : NULL;

		if (a != NULL) {
			*which = *a;
			return x;
		}
	}
	return NULL;
}

/* ---- has anything changed? ---- */

uint64_t addresses_signature(const struct vnic_rt *v, uint64_t h)
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

static bool claims_any(const struct vnic_rt *v, const struct port_rt *p)
{
	return v->port == p && is_listed(v) && v->active;
}

/* What was configured, and what netdevs have. */
static int claim_all(struct claims *c, const struct runtime *rt, const struct port_rt *p)
{
	int rc = 0;

	for (size_t i = 0; i < rt->conf->n_vnics && rc == 0; i++) {
		const struct vnic_rt *v = rt->vnics[i];
		size_t n;

		if (!claims_any(v, p))
			continue;
		n = addresses_count(v);
		for (size_t k = v->n_learned; k < n && rc == 0; k++) {
			struct ip_range r = addresses_get(v, k);

			rc = claim(c, &r, v->id);
		}
	}
	return rc;
}

static const struct ip_pair *find_claim(const struct claims *c, size_t n, const struct ip_addr *ip)
{
	const struct ip_pair wanted = {.key = ip_key_of(ip), .v6 = ip->family == 6};

	return n > 0 ? bsearch(&wanted, c->list, n, sizeof(*c->list), ip_pair_compare) : NULL;
}

/* What a vnic was learnt to have it has if nobody has been given it. */
static int claim_learned(struct claims *c, const struct runtime *rt, const struct port_rt *p)
{
	size_t given = c->n;
	int rc = 0;

	for (size_t i = 0; i < rt->conf->n_vnics && rc == 0; i++) {
		const struct vnic_rt *v = rt->vnics[i];

		for (size_t k = 0; claims_any(v, p) && k < v->n_learned && rc == 0; k++) {
			struct ip_range r = addresses_get(v, k);

			if (find_claim(c, given, &r.first) == NULL)
				rc = claim(c, &r, v->id);
		}
	}
	return rc;
}

/*
 * An owner may claim thousands of addresses of others, and change one of them as often as he
 * likes: only more of them than there were is news, and all together are one line.
 */
static void tell_conflicts(const struct runtime *rt, const struct port_rt *p)
{
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];
		char text[IP_STR_LEN], more[32] = "";

		if (v->port != p)
			continue;
		if (v->lost.n > 1)
			snprintf(more, sizeof(more), ", and %u more", v->lost.n - 1);
		if (v->lost.n > v->lost.told) {
			v->conflicts += v->lost.n - v->lost.told;
			LOG(WARNING, CTL,
			    "vnic %s: address %s%s is that of vnic %s, which keeps it (EADDRINUSE)",
			    v->conf->name, ip_addr_format(&v->lost.first, text), more,
			    rt->by_id[v->lost.owner]->conf->name);
		}
		v->lost.told = v->lost.n;
		v->lost.n = 0;
	}
}

static void lose(struct vnic_rt *v, const struct ip_pair *has)
{
	if (v->lost.n++ > 0)
		return;
	v->lost.owner = has->value;
	v->lost.first = (struct ip_addr){.family = has->v6 ? 6 : 4};
	memcpy(v->lost.first.b, &has->key, has->v6 ? 16 : 4);
}

/* Of several with one address: who has it already, else the first vnic. */
static void settle(const struct runtime *rt, const struct port_rt *p, struct claims *c)
{
	size_t n = 0;

	for (size_t i = 0, end; i < c->n; i = end) {
		struct ip_pair best = c->list[i];
		uint16_t had = p->addresses != NULL
				       ? ip_table_find(p->addresses, &best.key, best.v6, VNIC_NONE)
				       : VNIC_NONE;

		for (end = i + 1; end < c->n && ip_pair_compare(&c->list[i], &c->list[end]) == 0;
		     end++)
			if (c->list[end].value == had ||
			    (best.value != had && c->list[end].value < best.value))
				best = c->list[end];
		for (size_t k = i; k < end; k++)
			if (c->list[k].value != best.value)
				lose(rt->by_id[c->list[k].value], &best);
		c->list[n++] = best;
	}
	c->n = n;
}

static void forget(struct vnic_rt *v, size_t i)
{
	v->learned[i] = v->learned[--v->n_learned];
}

/* Who lost an address to another vnic is not to claim it again by and by. */
static void forget_lost(const struct runtime *rt, const struct port_rt *p, const struct claims *c)
{
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		for (size_t k = 0; claims_any(v, p) && k < v->n_learned;) {
			const struct ip_pair *has = find_claim(c, c->n, &v->learned[k].ip);

			if (has != NULL && has->value == v->id) {
				k++;
				continue;
			}
			v->conflicts++;
			forget(v, k);
		}
	}
}

static void sort(struct claims *c)
{
	if (c->n > 0)
		qsort(c->list, c->n, sizeof(*c->list), ip_pair_compare);
}

static int gather(const struct runtime *rt, const struct port_rt *p, struct claims *c)
{
	size_t given;
	int rc = claim_all(c, rt, p);

	if (rc != 0)
		return rc;
	sort(c);
	settle(rt, p, c);
	given = c->n;
	rc = claim_learned(c, rt, p);
	if (rc == 0 && c->n > given) {
		sort(c);
		settle(rt, p, c);
	}
	tell_conflicts(rt, p);
	return rc;
}

static int rebuild(struct runtime *rt, struct port_rt *p)
{
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	struct claims c = {0};
	struct ip_table *t;
	struct err err = {0};

	if (gather(rt, p, &c) != 0) {
		free(c.list);
		LOG(ERR, CTL, "port %s: no memory for its vnics' addresses", p->conf->name);
		return -ENOMEM;
	}
	forget_lost(rt, p, &c);
	t = ip_table_create(c.list, c.n, socket, &err);
	if (t == NULL) {
		LOG(ERR, CTL, "port %s: %s; its addresses stay as they were", p->conf->name,
		    err.text);
		return -err.code;
	}
	ip_table_put(p->addresses);
	p->addresses = t;
	return 0;
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
			signatures[v->port->id] = addresses_signature(v, signatures[v->port->id]);
	}
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct port_rt *p = rt->ports[i];

		if (!listed[p->id]) {
			addresses_free_port(p);
		} else if (p->addresses == NULL || p->addresses_signature != signatures[p->id]) {
			if (rebuild(rt, p) == 0)
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

/* The port's own, its networks' broadcast addresses, and those of its gateways and other neighbours. */
static bool is_of_port(const struct port_rt *p, const struct ip_addr *ip)
{
	const struct endpoint_state *host = &p->host.state;
	const struct neigh_table *neighbours = l3_neighbours(p);
	const struct neigh *n = neighbours != NULL ? neigh_find(neighbours, ip) : NULL;
	struct ip_key key = ip_key_of(ip), hop;

	if (n != NULL && neigh_is_usable(n))
		return true;
	for (size_t i = 0; i < p->conf->n_addresses; i++)
		if (ip_addr_cmp(&p->conf->addresses[i].addr, ip) == 0)
			return true;
	for (size_t i = 0; i < p->conf->n_routes; i++)
		if (ip_addr_cmp(&p->conf->routes[i].via, ip) == 0)
			return true;
	for (size_t i = 0; p->host.endpoint != NULL && host->present && i < host->n_addresses; i++)
		if (ip_addr_cmp(&host->addresses[i].addr, ip) == 0)
			return true;
	if (l3_routes(p) == NULL)
		return false;
	switch (routes_lookup(l3_routes(p), &key, ip->family == 6, &hop)) {
	case ROUTE_LOCAL:
	case ROUTE_BROADCAST:
		return true;
	default:
		return false;
	}
}

/* Who has it: @p v itself, nobody (VNIC_NONE), or somebody else, which is counted. */
static bool may_have(struct vnic_rt *v, const struct ip_addr *ip, uint16_t *owner)
{
	struct ip_key key = ip_key_of(ip);

	if (v->port == NULL || v->port->addresses == NULL || !ip_addr_is_unicast(ip) ||
	    ip_key_is_unroutable(&key, ip->family == 6))
		return false;
	*owner = ip_table_find(v->port->addresses, &key, ip->family == 6, VNIC_NONE);
	if ((*owner == VNIC_NONE && !is_of_port(v->port, ip)) || *owner == v->id)
		return true;
	v->conflicts++;
	return false;
}

static struct learned *grow(struct vnic_rt *v)
{
	struct learned *grown = reallocarray(v->learned, v->n_learned + 1, sizeof(*grown));

	if (grown == NULL)
		return NULL;
	v->learned = grown;
	return &v->learned[v->n_learned++];
}

/* A new place, or that of the family's longest unseen one. */
static struct learned *place(struct vnic_rt *v, uint8_t family, uint64_t now)
{
	struct learned *oldest = NULL;
	size_t n = 0;

	for (size_t i = 0; i < v->n_learned; i++) {
		struct learned *l = &v->learned[i];

		if (l->ip.family != family || l->until != 0)
			continue;
		n++;
		if (oldest == NULL || l->seen < oldest->seen)
			oldest = l;
	}
	if (n < v->conf->learn)
		return grow(v);
	return oldest != NULL && now - oldest->seen >= LEARN_KEEP_MS ? oldest : NULL;
}

bool addresses_learn(struct vnic_rt *v, const struct ip_addr *ip, uint64_t now)
{
	struct learned *l = find_learned(v, ip);
	uint16_t owner;

	if (l != NULL) {
		l->seen = now;
		return false;
	}
	if (!may_have(v, ip, &owner) || owner == v->id)
		return false;
	l = place(v, ip->family, now);
	if (l == NULL)
		return false;
	*l = (struct learned){.ip = *ip, .seen = now};
	return true;
}

/* ---- leases ---- */

static struct learned *place_lease(struct vnic_rt *v)
{
	struct learned *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < v->n_learned; i++) {
		struct learned *l = &v->learned[i];

		if (l->until == 0)
			continue;
		n++;
		if (first == NULL || l->until < first->until)
			first = l;
	}
	return n < LEASES_MAX ? grow(v) : first;
}

bool addresses_lease(struct vnic_rt *v, const struct ip_addr *ip, uint64_t client, uint64_t until,
		     uint64_t now)
{
	struct learned *l = find_learned(v, ip);
	bool is_new = l == NULL;
	uint16_t owner;

	if (is_new) {
		if (!may_have(v, ip, &owner) || owner == v->id)
			return false;
		l = place_lease(v);
	}
	if (l == NULL)
		return false;
	*l = (struct learned){*ip, now, until, client};
	return is_new;
}

bool addresses_release(struct vnic_rt *v, const struct ip_addr *ip, uint64_t client)
{
	bool changed = false;

	for (size_t i = 0; i < v->n_learned;) {
		const struct learned *l = &v->learned[i];

		if (l->until == 0 || l->client != client ||
		    (ip != NULL && ip_addr_cmp(&l->ip, ip) != 0)) {
			i++;
			continue;
		}
		forget(v, i);
		changed = true;
	}
	return changed;
}

/* ---- time ---- */

/* Is it over, or does the configuration no longer have it? */
static bool is_over(const struct vnic_rt *v, const struct learned *l, uint64_t now)
{
	if (l->until != 0)
		return l->until <= now || !v->conf->dhcp;
	return now - l->seen >= LEARN_AGE_MS || v->conf->learn == 0;
}

bool addresses_age(struct runtime *rt, uint64_t now)
{
	bool changed = false;

	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		for (size_t k = 0; k < v->n_learned;) {
			if (!is_over(v, &v->learned[k], now)) {
				k++;
				continue;
			}
			forget(v, k);
			changed = true;
		}
	}
	return changed;
}
