/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_branch_prediction.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dp/classify.h"
#include "dp/classify_ip.h"
#include "fwd/ip_table.h"
#include "fwd/next_hops.h"
#include "fwd/routes.h"

/* ---- parse ---- */

/* The whole header counts, options too; it may be split over segments. */
static bool is_bad_sum(const struct rte_mbuf *m, const struct pkt_ip *ip)
{
	uint8_t copy[60];
	const uint8_t *b = rte_pktmbuf_read(m, ip->at, PKT_IPV4_LEN, copy);
	uint32_t len;

	if (b == NULL)
		return true;
	len = (uint32_t)(b[0] & 15) * 4;
	b = rte_pktmbuf_read(m, ip->at, len, copy);
	return b == NULL || rte_raw_cksum(b, len) != 0xffff;
}

/* The payload is all there; a jumbogram's length is elsewhere (RFC 2675). */
static bool is_cut_short(const struct rte_mbuf *m, const struct pkt_ip *ip)
{
	uint8_t copy[PKT_IPV6_LEN];
	const uint8_t *b = rte_pktmbuf_read(m, ip->at, PKT_IPV6_LEN, copy);

	return b == NULL || pkt_load16(b + 4) > m->pkt_len - ip->at - PKT_IPV6_LEN;
}

static bool is_bad(const struct rte_mbuf *m, const struct pkt_ip *ip)
{
	if (ip->what == PKT_IP_V4)
		return (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0 && is_bad_sum(m, ip);
	return ip->what == PKT_IP_V6 && is_cut_short(m, ip);
}

/* Tags, headers that are split, and whatever else isn't common. */
static __attribute__((noinline)) void parse_ip_any(struct pkt_ip *ip, const struct pkt *p,
						   const struct rte_mbuf *m)
{
	uint8_t copy[PKT_IP_PARSE_LEN];
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)PKT_IP_PARSE_LEN);
	const uint8_t *bytes = rte_pktmbuf_mtod(m, const uint8_t *);

	if (unlikely(m->data_len < want)) {
		bytes = rte_pktmbuf_read(m, 0, want, copy);
		if (bytes == NULL)
			want = 0;
	}
	pkt_ip_parse(ip, p, bytes, want);
}

void parse_ip(struct burst *b, bool closely)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->m[i];

		if (unlikely(!pkt_ip_parse_common(&b->ip[i], &b->p[i],
						  rte_pktmbuf_mtod(m, const uint8_t *),
						  m->data_len)))
			parse_ip_any(&b->ip[i], &b->p[i], m);
	}
	if (likely(!closely))
		return;
	for (uint32_t i = 0; i < b->n; i++)
		b->ip[i].bad = is_bad(b->m[i], &b->ip[i]);
}

/* ---- look up ---- */

static inline bool has_key(const struct pkt_ip *ip)
{
	return ip->what == PKT_IP_V4 || ip->what == PKT_IP_ARP || ip->what == PKT_IP_V6;
}

/*
 * Does somebody's having the destination matter? In l2 not for group frames, and of those that a
 * vnic sent only for the ones to its own MAC.
 */
static inline bool is_looked_up(bool l2, const struct pkt *p, bool sent)
{
	return !l2 || (sent ? p->dst == p->src : !pkt_is_group(p));
}

/* Many addresses aren't in the core's cache: what is wanted of all is on its way before the first is compared. */
static __rte_noinline void find_among_many(const struct ip_table *t, const struct burst *b,
					   uint16_t *found)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (has_key(&b->ip[i]))
			ip_table_prefetch(t, &b->ip[i].dst, b->ip[i].v6);
	for (uint32_t i = 0; i < b->n; i++)
		if (has_key(&b->ip[i]))
			found[i] = ip_table_place(t, &b->ip[i].dst, b->ip[i].v6, VNIC_NONE);
	for (uint32_t i = 0; i < b->n; i++)
		if (has_key(&b->ip[i]))
			found[i] =
				ip_table_value(t, &b->ip[i].dst, b->ip[i].v6, found[i], VNIC_NONE);
}

/* True: some frames are group frames (l2), or neighbour discovery (l3, l3s). */
static inline bool find_destinations(const struct fwd_port *port, struct burst *b, bool sent)
{
	const struct ip_table *t = port->addresses;
	const bool l2 = port->mode == MODE_L2;
	const bool big = ip_table_is_big(t);
	const uint32_t n = b->n;
	uint16_t found[BURST_MAX];
	bool special = false;

	if (big)
		find_among_many(t, b, found);
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt_ip *ip = &b->ip[i];
		uint16_t dst = VNIC_NONE;

		special |= l2 ? pkt_is_group(&b->p[i]) : ip->nd != PKT_ND_NONE;
		if (likely(has_key(ip) && is_looked_up(l2, &b->p[i], sent)))
			dst = big ? found[i] : ip_table_find(t, &ip->dst, ip->v6, VNIC_NONE);
		b->h[i] = (struct hit){.dst = dst, .owner = VNIC_NONE};
	}
	return special;
}

static uint16_t owner_of(const struct fwd_port *port, const struct ip_key *key, bool v6)
{
	return ip_table_find(port->addresses, key, v6, VNIC_NONE);
}

static bool is_ours(const struct fwd_port *port, const struct ip_key *key, bool v6)
{
	struct ip_key hop;

	return port->routes != NULL && routes_lookup(port->routes, key, v6, &hop) == ROUTE_LOCAL;
}

/* A port without an IPv4 address asks from 0.0.0.0, and is answered there (IV-652). */
static bool is_answer_to_nobody(const struct pkt_ip *ip)
{
	return ip->nd == PKT_ND_ARP_OTHER && ip_key_is_zero(&ip->dst);
}

/* A question about an address of the port, whomever it was sent to; an answer to one. */
static bool is_about_port(const struct fwd_port *port, const struct pkt_ip *ip)
{
	bool asks = ip->nd == PKT_ND_ARP_REQUEST || ip->nd == PKT_ND_SOLICIT;

	return is_ours(port, asks ? &ip->target : &ip->dst, ip->v6) || is_answer_to_nobody(ip);
}

/* Rare: neighbour discovery, which concerns the port itself or its proxy. */
static void classify_nd(const struct fwd_port *port, const struct pkt_ip *ip, struct hit *h)
{
	h->owner = owner_of(port, &ip->target, ip->v6);
	if (is_about_port(port, ip))
		h->next = NEXT_HOST;
	else if (port->next_hops != NULL)
		h->next = ip_table_find(port->next_hops->by_ip,
					ip->nd == PKT_ND_ADVERTISE ? &ip->target : &ip->src, ip->v6,
					UINT16_MAX - NEXT_FIRST) +
			  NEXT_FIRST;
	if (h->next == UINT16_MAX)
		h->next = NEXT_NONE;
}

void classify_ip_from_wire(const struct fwd_port *port, struct burst *b)
{
	if (likely(!find_destinations(port, b, false)))
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->p[i];
		const struct pkt_ip *ip = &b->ip[i];

		if (likely(port->mode == MODE_L2 ? !pkt_is_group(p) : ip->nd == PKT_ND_NONE))
			continue;
		if (port->mode != MODE_L2) {
			/* Who speaks of addresses in a VLAN means others than the port's. */
			if (!ip->vlan)
				classify_nd(port, ip, &b->h[i]);
			continue;
		}
		b->h[i].list = classify_group(port, p->dst);
		if (p->src == port->mac && has_key(ip))
			b->h[i].owner = owner_of(port, &ip->src, ip->v6);
	}
}

uint16_t classify_next(const struct fwd_port *port, const struct ip_key *dst, bool v6,
		       struct ip_key *hop)
{
	uint16_t i;

	if (port->routes == NULL)
		return NEXT_NONE;
	switch (routes_lookup(port->routes, dst, v6, hop)) {
	case ROUTE_NONE:
		return NEXT_NONE;
	case ROUTE_LOCAL:
		return NEXT_HOST;
	case ROUTE_BROADCAST:
		return NEXT_BROADCAST;
	case ROUTE_ON_LINK:
	case ROUTE_VIA:
		break;
	}
	if (port->next_hops == NULL)
		return NEXT_WAIT;
	i = ip_table_find(port->next_hops->by_ip, hop, v6, UINT16_MAX);
	return i == UINT16_MAX ? NEXT_WAIT : (uint16_t)(i + NEXT_FIRST);
}

void classify_claims(const struct fwd_vnic *self, struct burst *b)
{
	if (!self->kind->by_ip)
		parse_ip(b, false);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt_ip *ip = &b->ip[i];
		uint16_t *owner = &b->h[i].owner;

		*owner = VNIC_NONE;
		if (!has_key(ip))
			continue;
		*owner = owner_of(self->port, &ip->src, ip->v6);
		if (*owner == self->id && ip->nd == PKT_ND_ADVERTISE)
			*owner = owner_of(self->port, &ip->target, true);
	}
}

void classify_ip_from_vnic(const struct fwd_vnic *self, struct burst *b)
{
	const struct fwd_port *port = self->port;

	find_destinations(port, b, true);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt_ip *ip = &b->ip[i];
		struct hit *h = &b->h[i];
		struct ip_key hop;

		if (self->learns && has_key(ip))
			h->owner = owner_of(port, &ip->src, ip->v6);
		if (port->mode == MODE_L2) {
			if (pkt_is_group(&b->p[i]))
				h->list = classify_group(port, b->p[i].dst);
		} else if ((has_key(ip) && (h->dst == VNIC_NONE || port->flags & VNIC_F_VEPA)) ||
			   ip->what == PKT_IP_V6_UNKEYED) {
			h->next = classify_next(port, &ip->dst, ip->v6, &hop);
		}
	}
}
