/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "ctl/l3.h"
#include "ctl/mail.h"
#include "fwd/next_hops.h"
#include "fwd/routes.h"

struct l3 {
	struct runtime *rt;
	struct port_rt *port;
	struct neigh_table *neigh;
	uint64_t generation; /* of `neigh` that `next_hops` shows */
	struct next_hops *next_hops;
	struct next_hop_in *list; /* what it was made of */
	struct routes *routes;
	struct ip_prefix *own; /* addresses that `routes` and `neigh` were made with */
	size_t n_own;
	struct ip_route *via; /* and routes */
	size_t n_via;
	uint64_t mac;
};

/* ---- life ---- */

static void emit(void *arg, const uint8_t *frame, uint32_t len)
{
	struct l3 *l = arg;

	mail_send(l->rt, TX_WIRE(l->port->id), &l->port->wire, frame, len);
}

static struct l3 *create(struct runtime *rt, struct port_rt *p)
{
	struct l3 *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->rt = rt;
	l->port = p;
	l->neigh = neigh_create(NEIGH_DEFAULT_MAX, emit, l);
	l->list = calloc(NEIGH_DEFAULT_MAX, sizeof(*l->list));
	if (l->neigh != NULL && l->list != NULL)
		return l;
	neigh_free(l->neigh);
	free(l->list);
	free(l);
	return NULL;
}

void l3_free(struct port_rt *p)
{
	struct l3 *l = p->l3;

	if (l == NULL)
		return;
	neigh_free(l->neigh);
	next_hops_put(l->next_hops);
	routes_put(l->routes);
	free(l->list);
	free(l->own);
	free(l->via);
	free(l);
	p->l3 = NULL;
}

/* ---- routes and own addresses ---- */

/* RFC 4291, appendix A: the address that everybody expects a port with this MAC to have. */
static struct ip_prefix link_local(uint64_t mac)
{
	struct ip_prefix p = {.addr = {.family = 6}, .len = 64};
	uint8_t m[6];

	mac_store(m, mac);
	p.addr.b[0] = 0xfe;
	p.addr.b[1] = 0x80;
	p.addr.b[8] = m[0] ^ 2;
	p.addr.b[9] = m[1];
	p.addr.b[10] = m[2];
	p.addr.b[11] = 0xff;
	p.addr.b[12] = 0xfe;
	memcpy(&p.addr.b[13], &m[3], 3);
	return p;
}

static bool is_link_local(const struct ip_addr *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* What is configured, what the host's netdev has, and a link-local address in any case. */
static size_t gather_own(const struct port_rt *p, struct ip_prefix **out)
{
	const struct endpoint_state *host = &p->host.state;
	size_t n_host = p->host.endpoint != NULL && host->present ? host->n_addresses : 0;
	struct ip_prefix *list = calloc(p->conf->n_addresses + n_host + 1, sizeof(*list));
	bool has_link_local = false;
	size_t n = 0;

	*out = list;
	if (list == NULL)
		return 0;
	for (size_t i = 0; i < p->conf->n_addresses; i++)
		list[n++] = p->conf->addresses[i];
	for (size_t i = 0; i < n_host; i++) {
		const struct ip_addr *a = &host->addresses[i];

		list[n++] = (struct ip_prefix){*a, a->family == 6 ? 128 : 32};
	}
	for (size_t i = 0; i < n; i++)
		has_link_local |= is_link_local(&list[i].addr);
	if (!has_link_local)
		list[n++] = link_local(p->mac);
	return n;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_addr_cmp(&a->addr, &b->addr) == 0;
}

static bool is_same(const struct l3 *l, const struct port_rt *p, const struct ip_prefix *own,
		    size_t n_own)
{
	if (l->routes == NULL || l->mac != p->mac || l->n_own != n_own ||
	    l->n_via != p->conf->n_routes)
		return false;
	for (size_t i = 0; i < n_own; i++)
		if (!same_prefix(&l->own[i], &own[i]))
			return false;
	for (size_t i = 0; i < l->n_via; i++)
		if (!same_prefix(&l->via[i].dst, &p->conf->routes[i].dst) ||
		    ip_addr_cmp(&l->via[i].via, &p->conf->routes[i].via) != 0)
			return false;
	return true;
}

static void keep_routes(struct l3 *l, const struct port_rt *p)
{
	free(l->via);
	l->via = calloc(p->conf->n_routes + 1, sizeof(*l->via));
	l->n_via = l->via != NULL ? p->conf->n_routes : 0;
	if (l->n_via > 0)
		memcpy(l->via, p->conf->routes, l->n_via * sizeof(*l->via));
}

static void update_routes(struct l3 *l)
{
	struct port_rt *p = l->port;
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	struct ip_prefix *own;
	size_t n = gather_own(p, &own);
	struct err err = {0};
	struct routes *r;

	if (own == NULL || is_same(l, p, own, n)) {
		free(own);
		return;
	}
	r = routes_create(p->conf->routes, p->conf->n_routes, own, n, socket, &err);
	if (r == NULL || neigh_set_port(l->neigh, p->mac, own, n) != 0) {
		LOG(ERR, CTL, "port %s: %s; its routes stay as they were", p->conf->name,
		    r == NULL ? err.text : "no memory for its addresses");
		routes_put(r);
		free(own);
		return;
	}
	routes_put(l->routes);
	l->routes = r;
	free(l->own);
	l->own = own;
	l->n_own = n;
	l->mac = p->mac;
	keep_routes(l, p);
}

/* ---- next hops ---- */

struct gathering {
	struct next_hop_in *list;
	uint16_t n;
};

static void gather_usable(void *arg, const struct neigh *e)
{
	struct gathering *g = arg;

	if (neigh_is_usable(e) && g->n < NEIGH_DEFAULT_MAX)
		g->list[g->n++] = (struct next_hop_in){e->ip, e->mac};
}

/* What workers noted in the old list goes to the neighbours before it is forgotten. */
static void collect_used(struct l3 *l, uint64_t now)
{
	const struct next_hops *h = l->next_hops;

	for (uint16_t i = 0; h != NULL && i < h->n; i++)
		if (__atomic_exchange_n(&h->used[i], 0, __ATOMIC_RELAXED) != 0)
			neigh_used(l->neigh, &l->list[i].ip, now);
}

static void update_next_hops(struct l3 *l)
{
	const struct port_rt *p = l->port;
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	uint64_t generation = neigh_generation(l->neigh);
	struct gathering g = {.list = l->list};
	struct err err = {0};
	struct next_hops *h;

	if (l->next_hops != NULL && generation == l->generation)
		return;
	neigh_foreach(l->neigh, gather_usable, &g);
	h = next_hops_create(g.list, g.n, socket, &err);
	if (h == NULL) {
		LOG(ERR, CTL, "port %s: %s", p->conf->name, err.text);
		return;
	}
	next_hops_put(l->next_hops);
	l->next_hops = h;
	l->generation = generation;
}

/* ---- all ports ---- */

static bool is_l3(const struct vnic_rt *v)
{
	return v->port != NULL && (v->conf->mode == MODE_L3 || v->conf->mode == MODE_L3S);
}

void l3_update(struct runtime *rt)
{
	bool wanted[CONF_MAX_PORTS] = {false};

	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		if (is_l3(rt->vnics[i]))
			wanted[rt->vnics[i]->port->id] = true;
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct port_rt *p = rt->ports[i];

		if (!wanted[p->id]) {
			l3_free(p);
			continue;
		}
		if (p->l3 == NULL)
			p->l3 = create(rt, p);
		if (p->l3 == NULL)
			continue;
		collect_used(p->l3, mail_now());
		update_routes(p->l3);
		update_next_hops(p->l3);
	}
}

static struct ip_addr addr_of(const struct ip_key *k, bool v6)
{
	struct ip_addr a = {.family = v6 ? 6 : 4};

	memcpy(a.b, k, v6 ? 16 : 4);
	return a;
}

void l3_read(struct runtime *rt, const struct letter *l, uint64_t now)
{
	struct port_rt *p = NULL;
	uint8_t copy[256];
	struct nd m;

	for (size_t i = 0; i < rt->conf->n_ports; i++)
		if (rt->ports[i]->id == l->id)
			p = rt->ports[i];
	if (p == NULL || p->l3 == NULL)
		return;
	if (l->kind == LETTER_WANTED) {
		struct ip_addr ip = addr_of(&l->ip, l->v6);

		neigh_wanted(p->l3->neigh, &ip, now);
	} else if (l->m != NULL) {
		uint32_t n = RTE_MIN(l->m->pkt_len, (uint32_t)sizeof(copy));
		const uint8_t *b = rte_pktmbuf_read(l->m, 0, n, copy);

		if (b != NULL && nd_parse(&m, b, n))
			neigh_learn(p->l3->neigh, &m, now);
	}
}

void l3_tick(struct runtime *rt, uint64_t now)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct l3 *l = rt->ports[i]->l3;

		if (l == NULL)
			continue;
		collect_used(l, now);
		neigh_tick(l->neigh, now);
	}
}

bool l3_is_changed(const struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		const struct l3 *l = rt->ports[i]->l3;

		if (l != NULL && neigh_generation(l->neigh) != l->generation)
			return true;
	}
	return false;
}

struct routes *l3_routes(const struct port_rt *p)
{
	return p->l3 != NULL ? p->l3->routes : NULL;
}

struct next_hops *l3_next_hops(const struct port_rt *p)
{
	return p->l3 != NULL ? p->l3->next_hops : NULL;
}

struct neigh_table *l3_neighbours(const struct port_rt *p)
{
	return p->l3 != NULL ? p->l3->neigh : NULL;
}
