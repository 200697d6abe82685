/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "dp/assist.h"
#include "dp/deliver_ip.h"
#include "fwd/ip_table.h"

#define UDP_PORTS_LEN	 4
#define IPV4_PROTO	 9
#define PROTO_UDP	 17
#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

/* ---- budgets ---- */

static bool spend(struct worker *w, uint8_t *spent, unsigned int max)
{
	struct assist *a = w->assist;
	uint64_t now = w->cycles.turn;

	if (now - a->period >= rte_get_tsc_hz() / 1000 * ASSIST_PERIOD_MS) {
		a->period = now;
		a->n = 0;
		memset(a->vnics, 0, sizeof(a->vnics));
		memset(a->ports, 0, sizeof(a->ports));
	}
	if (a->n >= ASSIST_WORKER_MAX || *spent >= max)
		return false;
	a->n++;
	(*spent)++;
	return true;
}

static bool spend_vnic(struct worker *w, uint16_t id, unsigned int max)
{
	return spend(w, &w->assist->vnics[id % ASSIST_BUCKETS], max);
}

static struct told *told_of(struct assist *a, const struct letter *l)
{
	uint64_t h = (l->ip.w[0] ^ l->ip.w[1] * 31 ^ (uint64_t)l->id << 8 ^ l->kind) *
		     0x9e3779b97f4a7c15ULL;

	return &a->told[h >> 32 & (ASSIST_TOLD - 1)];
}

/* Writes @p l unless that was done in the last @p again milliseconds, or there is no budget for it. */
static void tell(struct worker *w, const struct letter *l, uint64_t again, unsigned int max)
{
	struct told *t = told_of(w->assist, l);
	uint64_t now = w->cycles.turn;

	if (t->when != 0 && t->id == l->id && t->kind == l->kind && t->v6 == l->v6 &&
	    ip_key_equal(&t->ip, &l->ip) && now - t->when < rte_get_tsc_hz() / 1000 * again)
		return;
	if (!spend_vnic(w, l->id, max) || !mailbox_write(w->mail, l))
		return;
	*t = (struct told){.ip = l->ip, .when = now, .id = l->id, .kind = l->kind, .v6 = l->v6};
}

void assist_tell_mac(struct worker *w, uint16_t id, uint64_t mac)
{
	const struct letter l = {.kind = LETTER_MAC, .id = id, .mac = mac};

	/* Not by MAC: who has many would bring about as many snapshots. */
	tell(w, &l, ASSIST_NEW_MS, ASSIST_VNIC_MAX);
}

/* ---- learning ---- */

/* What the vnic had no right to send tells nothing of what it has. */
static bool is_refused(const struct verdict *v)
{
	return v->op == VERDICT_DROP && (v->reason == DROP_SPOOFED || v->reason == DROP_VNIC_DOWN ||
					 v->reason == DROP_NO_CARRIER);
}

/* @p self says that it has address @p ip, and @p owner does. */
static void see(struct worker *w, const struct fwd_vnic *self, const struct ip_key *ip, bool v6,
		uint16_t owner)
{
	struct letter l = {.kind = LETTER_SEEN, .v6 = v6, .id = self->id, .ip = *ip};

	if (ip_key_is_unroutable(ip, v6))
		return;
	if (owner == self->id) {
		tell(w, &l, ASSIST_REFRESH_MS, ASSIST_VNIC_MAX / 2);
	} else if (owner == VNIC_NONE) {
		tell(w, &l, ASSIST_NEW_MS, ASSIST_VNIC_MAX);
	} else {
		l.kind = LETTER_CONFLICT;
		tell(w, &l, ASSIST_CONFLICT_MS, ASSIST_VNIC_MAX);
	}
}

/*
 * Who asks whether an address is free hasn't got it yet; and what a vnic sends to groups it
 * may send from anywhere. A tag hides the IP header on this side (docs/ipvlan.md, §3).
 */
static void learn(struct worker *w, const struct fwd_vnic *self, const struct pkt *p,
		  const struct pkt_ip *ip, uint16_t owner)
{
	const struct fwd_port *port = self->port;

	if (p->tagged || (ip->what != PKT_IP_ARP && ip->what != PKT_IP_V4 && ip->what != PKT_IP_V6))
		return;
	if (pkt_ip_is_dad(ip) || (ip->nd == PKT_ND_NONE && pkt_is_group(p)))
		return;
	see(w, self, &ip->src, ip->v6, owner);
	if (ip->nd == PKT_ND_ADVERTISE)
		see(w, self, &ip->target, true,
		    ip_table_find(port->addresses, &ip->target, true, VNIC_NONE));
}

/* ---- DHCP ---- */

static bool is_udp_to(const struct rte_mbuf *m, const struct pkt *p, const struct pkt_ip *ip,
		      uint16_t port)
{
	uint8_t copy[PKT_IPV4_LEN];
	const uint8_t *b;

	if (ip->what != PKT_IP_V4 || p->tagged)
		return false;
	b = rte_pktmbuf_read(m, ip->at, PKT_IPV4_LEN, copy);
	if (b == NULL || b[IPV4_PROTO] != PROTO_UDP)
		return false;
	b = rte_pktmbuf_read(m, ip->at + (b[0] & 15u) * 4, UDP_PORTS_LEN, copy);
	return b != NULL && pkt_load16(b + 2) == port;
}

void assist_from_vnic(struct worker *w, const struct fwd_vnic *self, const struct burst *b)
{
	bool dhcp = self->dhcp && self->port->mode == MODE_L2;

	for (uint16_t i = 0; i < b->n; i++) {
		if (is_refused(&b->v[i]))
			continue;
		if (self->learns)
			learn(w, self, &b->p[i], &b->ip[i], b->h[i].owner);
		if (dhcp && is_udp_to(b->m[i], &b->p[i], &b->ip[i], DHCP_SERVER_PORT) &&
		    spend_vnic(w, self->id, ASSIST_VNIC_MAX))
			deliver_letter(w, LETTER_DHCP_ASKED, self->id, b->m[i]);
	}
}

/* The port's own MAC as source: what a vnic sent came back. */
void assist_from_wire(struct worker *w, const struct fwd_port *port, struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->p[i];
		bool lost = !pkt_is_group(p) && b->h[i].dst == VNIC_NONE;

		if (p->src == port->mac || (lost && p->dst != port->mac) ||
		    !is_udp_to(b->m[i], p, &b->ip[i], DHCP_CLIENT_PORT) ||
		    !spend(w, &w->assist->ports[port->id], ASSIST_PORT_MAX))
			continue;
		if (deliver_letter(w, lost ? LETTER_DHCP_ANSWER : LETTER_DHCP_NOTED, port->id,
				   b->m[i]) &&
		    lost)
			b->v[i] = (struct verdict){.op = VERDICT_CONSUMED};
	}
}
