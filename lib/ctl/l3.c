/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "ctl/l3.h"
#include "ctl/mail.h"
#include "ctl/signature.h"
#include "ctl/static_neigh.h"
#include "fwd/next_hops.h"
#include "fwd/routes.h"

struct l3 {
	struct runtime *rt;
	struct port_rt *port;
	struct neigh_table *neigh;
	struct next_hops *next_hops;
	struct next_hop_in *list; /* what it was made of; the port's own first */
	uint16_t n_own_hops;
	uint64_t
		hops_signature; /* of `neigh` and the host's neighbours, as `next_hops` shows them */
	struct routes *routes;
	uint64_t routes_signature; /* of what they were made of */
	struct host_routes *host; /* host-routes = on: the mirror of … */
	struct endpoint *host_endpoint; /* … this one */
};

/* Own neighbours, and as many of the host's. */
#define MAX_HOPS (2 * NEIGH_DEFAULT_MAX)

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
	l->list = calloc(MAX_HOPS, sizeof(*l->list));
	if (l->neigh != NULL && l->list != NULL) {
		static_neigh_fill(p, l->neigh, mail_now());
		return l;
	}
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
	host_routes_close(l->host);
	neigh_free(l->neigh);
	next_hops_put(l->next_hops);
	routes_put(l->routes);
	free(l->list);
	free(l);
	p->l3 = NULL;
}

/* ---- routes and own addresses ---- */

/* What is configured, first; what the host's netdev has; and a link-local address in any case. */
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
	for (size_t i = 0; i < n_host; i++)
		list[n++] = host->addresses[i];
	for (size_t i = 0; i < n; i++)
		has_link_local |= ip_addr_is_link_local(&list[i].addr);
	if (!has_link_local)
		list[n++] = (struct ip_prefix){ip_link_local(p->mac), 64};
	return n;
}

/* The mirror belongs to an endpoint, which a change of configuration may exchange. */
static void update_host(struct l3 *l)
{
	const struct port_rt *p = l->port;
	struct endpoint *ep = p->conf->host_routes ? p->host.endpoint : NULL;
	struct err err = {0};

	if (l->host_endpoint == ep)
		return;
	host_routes_close(l->host);
	l->host = NULL;
	l->host_endpoint = ep;
	if (ep != NULL && host_routes_open(ep, &l->host, &err) != 0)
		LOG(WARNING, CTL, "port %s: host-routes: %s", p->conf->name, err.text);
}

static struct host_view host_view(const struct l3 *l)
{
	struct host_view view = {0};

	if (l->host != NULL)
		host_routes_get(l->host, &view);
	return view;
}

/* What is configured comes first, and so wins. */
static struct ip_route *gather_routes(const struct l3 *l, size_t *n)
{
	const struct port_conf *c = l->port->conf;
	struct host_view host = host_view(l);
	struct ip_route *list = calloc(c->n_routes + host.n_routes + 1, sizeof(*list));

	*n = 0;
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < c->n_routes; i++)
		list[(*n)++] = c->routes[i];
	for (size_t i = 0; i < host.n_routes; i++)
		list[(*n)++] = host.routes[i];
	return list;
}

static uint64_t routes_signature(const struct l3 *l, const struct ip_prefix *own, size_t n_own,
				 const struct ip_route *routes, size_t n)
{
	uint64_t h = signature_add(1, &l->port->mac, sizeof(l->port->mac));

	for (size_t i = 0; i < n_own; i++)
		h = signature_add_ip(h, &own[i].addr, own[i].len);
	for (size_t i = 0; i < n; i++) {
		h = signature_add_ip(h, &routes[i].dst.addr, routes[i].dst.len);
		h = signature_add_ip(h, &routes[i].via, 0);
	}
	return h;
}

static int make_routes(struct l3 *l, const struct ip_prefix *own, size_t n_own,
		       const struct ip_route *routes, size_t n, struct err *err)
{
	const struct port_rt *p = l->port;
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	struct routes *r = routes_create(routes, n, own, n_own, p->conf->n_addresses, socket, err);

	if (r == NULL)
		return -err->code;
	if (neigh_set_port(l->neigh, p->mac, own, n_own) != 0) {
		routes_put(r);
		return err_set(err, ENOMEM, "no memory for its addresses");
	}
	routes_put(l->routes);
	l->routes = r;
	return 0;
}

static void update_routes(struct l3 *l)
{
	struct ip_prefix *own;
	size_t n_own = gather_own(l->port, &own), n;
	struct ip_route *routes = gather_routes(l, &n);
	struct err err = {0};
	uint64_t signature;

	if (own != NULL && routes != NULL) {
		signature = routes_signature(l, own, n_own, routes, n);
		if (l->routes != NULL && l->routes_signature == signature) {
			/* as they were */
		} else if (make_routes(l, own, n_own, routes, n, &err) == 0) {
			l->routes_signature = signature;
		} else {
			LOG(ERR, CTL, "port %s: %s; its routes stay as they were",
			    l->port->conf->name, err.text);
		}
	}
	free(own);
	free(routes);
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

	for (uint16_t i = 0; h != NULL && i < l->n_own_hops; i++)
		if (__atomic_exchange_n(&h->used[i], 0, __ATOMIC_RELAXED) != 0)
			neigh_used(l->neigh, &l->list[i].ip, now);
}

/* The host's, but for those that the port has found itself. */
static void gather_host(struct gathering *g, const struct l3 *l)
{
	struct host_view host = host_view(l);

	for (size_t i = 0; i < host.n_neighs && g->n < MAX_HOPS; i++) {
		const struct neigh *own = neigh_find(l->neigh, &host.neighs[i].ip);

		if (own == NULL || !neigh_is_usable(own))
			g->list[g->n++] =
				(struct next_hop_in){host.neighs[i].ip, host.neighs[i].mac};
	}
}

static uint64_t hops_signature(const struct l3 *l)
{
	uint64_t generation = neigh_generation(l->neigh);
	uint64_t h = signature_add(1, &generation, sizeof(generation));
	struct host_view host = host_view(l);

	for (size_t i = 0; i < host.n_neighs; i++) {
		h = signature_add_ip(h, &host.neighs[i].ip, 0);
		h = signature_add(h, &host.neighs[i].mac, sizeof(host.neighs[i].mac));
	}
	return h;
}

static void update_next_hops(struct l3 *l)
{
	const struct port_rt *p = l->port;
	int socket = p->wire.endpoint != NULL ? p->wire.endpoint->socket : -1;
	uint64_t signature = hops_signature(l);
	struct gathering g = {.list = l->list};
	struct err err = {0};
	struct next_hops *h;

	if (l->next_hops != NULL && signature == l->hops_signature)
		return;
	neigh_foreach(l->neigh, gather_usable, &g);
	l->n_own_hops = g.n;
	gather_host(&g, l);
	h = next_hops_create(g.list, g.n, socket, &err);
	if (h == NULL) {
		LOG(ERR, CTL, "port %s: %s", p->conf->name, err.text);
		return;
	}
	next_hops_put(l->next_hops);
	l->next_hops = h;
	l->hops_signature = signature;
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
		update_host(p->l3);
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

		if (l != NULL && hops_signature(l) != l->hops_signature)
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

struct host_view l3_host(const struct port_rt *p)
{
	return p->l3 != NULL ? host_view(p->l3) : (struct host_view){0};
}

static void count(void *arg, const struct neigh *e)
{
	uint32_t *counts = arg;

	counts[e->state]++;
}

void l3_count(const struct port_rt *p, uint32_t counts[NEIGH_N_STATES])
{
	memset(counts, 0, NEIGH_N_STATES * sizeof(*counts));
	if (p->l3 != NULL)
		neigh_foreach(p->l3->neigh, count, counts);
	else
		counts[NEIGH_PERMANENT] = (uint32_t)p->n_neighs;
}
