/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipvlan and ipvtap: who gets a frame. All vnics share the port's MAC and are told apart by IP
 * address. The rules are those of Linux, drivers/net/ipvlan/ipvlan_core.c (6.1 and 6.12), as
 * docs/ipvlan.md tells them with what a forwarder adds; section numbers are that page's.
 */
#include "fwd/kind.h"

/* ---- what all modes share ---- */

/* §4: what no vnic has is the host's. */
static inline void pass(struct verdict *v, const struct fwd_port *port, const struct pkt *p)
{
	bool group = pkt_is_group(p);

	if (port->has_host && (group || p->dst == port->mac || port->host_promisc))
		verdict_host(v);
	else if (port->has_host)
		verdict_drop(v, DROP_OTHER_HOST);
	else
		verdict_drop(v, group ? DROP_NO_LISTENER : DROP_NO_OWNER);
}

/* §5: a sibling's MTU holds, with room for a tag; the wire's frames are not measured. */
static inline void to_sibling(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
			      uint16_t id)
{
	if (p->len > port->vnics[id].mtu + FWD_MTU_OVERHEAD && !p->gso) {
		verdict_drop(v, DROP_TOO_LONG);
		v->flags = VERDICT_BOTH_DROP;
		v->vnic = id;
	} else {
		verdict_vnic(v, id);
	}
}

static inline bool is_arp_or_ns(const struct pkt_ip *ip)
{
	return ip->nd == PKT_ND_ARP_REQUEST || ip->nd == PKT_ND_SOLICIT;
}

/* Sender and target the same: an announcement, which no one answers. */
static inline bool is_gratuitous(const struct pkt_ip *ip)
{
	return ip->what == PKT_IP_ARP && ip_key_equal(&ip->src, &ip->dst);
}

/* Who asks has no address yet, and asks whether somebody else has this one. */
static inline bool is_probe(const struct pkt_ip *ip)
{
	return ip->what == PKT_IP_ARP ? ip_key_is_zero(&ip->src) : pkt_ip_is_dad(ip);
}

/* ---- from the wire ---- */

/* §6, l2 */
static inline void from_wire_l2(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
				struct hit h)
{
	bool reflected = p->src == port->mac && h.owner != VNIC_NONE;

	if (!pkt_is_group(p) && h.dst != VNIC_NONE)
		verdict_vnic(v, h.dst);
	else if (!pkt_is_group(p) || p->type == PKT_TYPE_PAUSE || reflected)
		pass(v, port, p);
	else
		*v = (struct verdict){
			.way = verdict_way(VERDICT_FLOOD, ALSO_HOST),
			.span = SPAN_ALL,
			.flags = VERDICT_QUEUED,
			.list = h.list,
			.except = VNIC_NONE,
		};
}

/* §9: is it about the port's own addresses, or ours to answer for a vnic? */
static inline bool is_for_port(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
			       const struct pkt_ip *ip, struct hit h)
{
	bool asks = is_arp_or_ns(ip) && !is_gratuitous(ip) && p->src != port->mac;
	bool ours = h.next == NEXT_HOST;

	if (asks && (ours || (port->proxy_arp && h.owner != VNIC_NONE))) {
		*v = (struct verdict){.op = VERDICT_ANSWER, .also = ours ? ALSO_HOST : 0};
		if (ours && !is_probe(ip))
			v->also |= ALSO_MAIN;
		return true;
	}
	return false;
}

/* l3s: what the lower's own IP input would have taken first (ip_rcv_core()). */
static inline bool is_taken_l3s(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
				const struct pkt_ip *ip)
{
	if (ip->bad && !ip->vlan) {
		verdict_drop(v, DROP_BAD_HEADER);
		return true;
	}
	if ((ip->what == PKT_IP_V4 || ip->what == PKT_IP_V6) && !pkt_ip_is_dad(ip) && !ip->vlan &&
	    (p->dst == port->mac || pkt_is_group(p)))
		return false;
	pass(v, port, p);
	return true;
}

/* §6, l3 and l3s */
static inline void from_wire_l3(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
				const struct pkt_ip *ip, struct hit h)
{
	if (ip->nd != PKT_ND_NONE && is_for_port(v, port, p, ip, h))
		return;
	if (port->mode == MODE_L3S && is_taken_l3s(v, port, p, ip)) {
		/* done */
	} else if (h.dst != VNIC_NONE) {
		verdict_vnic(v, h.dst);
	} else {
		pass(v, port, p);
	}
	/* An answer that main waits for is no loss, host or not. */
	if (ip->nd == PKT_ND_NONE || h.next == NEXT_NONE)
		return;
	if (v->op == VERDICT_DROP)
		*v = (struct verdict){.op = VERDICT_CONSUMED};
	v->also |= ALSO_MAIN;
}

static inline void from_wire_one(struct verdict *v, const struct fwd_port *port,
				 const struct pkt *p, const struct pkt_ip *ip, struct hit h)
{
	if (port->mode == MODE_L2)
		from_wire_l2(v, port, p, h);
	else
		from_wire_l3(v, port, p, ip, h);
}

static void from_wire(const struct fwd_port *port, struct burst *b)
{
	const uint32_t n = b->n;

	for (uint32_t i = 0; i < n; i++)
		from_wire_one(&b->v[i], port, &b->p[i], &b->ip[i], b->h[i]);
}

/* ---- from a vnic ---- */

/*
 * §7, l2. The kernel looks at both MACs of the frame, not at the port's: a frame to its own
 * source address is for a sibling, or for the lower device, as if the wire had brought it. A
 * tag hides the IP header on this side only, so such a frame takes the second way.
 */
static inline void from_vnic_l2(struct verdict *v, const struct fwd_vnic *self, const struct pkt *p,
				const struct pkt_ip *ip, struct hit h)
{
	const struct fwd_port *port = self->port;

	if (p->dst == p->src && (port->flags & VNIC_F_VEPA) == 0) {
		if (p->tagged || h.dst == VNIC_NONE)
			from_wire_one(v, port, p, ip, h);
		else if (port->flags & VNIC_F_PRIVATE)
			verdict_drop(v, DROP_PRIVATE);
		else
			to_sibling(v, port, p, h.dst);
	} else if (!pkt_is_group(p)) {
		verdict_wire(v);
	} else if (p->type == PKT_TYPE_PAUSE && !p->tagged) {
		*v = (struct verdict){.op = VERDICT_CONSUMED};
	} else {
		*v = (struct verdict){
			.way = verdict_way(VERDICT_FLOOD, ALSO_WIRE),
			.span = SPAN_ALL,
			.flags = VERDICT_QUEUED | VERDICT_LOCAL,
			.list = h.list,
			.except = self->id,
		};
	}
}

/* §10: an endpoint that asks is told that everything is at the port's MAC, as the kernel's
 * NOARP slaves assume without asking. True: it was such a question. */
static inline bool is_question(struct verdict *v, const struct fwd_vnic *self, const struct pkt *p,
			       const struct pkt_ip *ip, struct hit h)
{
	bool other = h.dst != self->id && (h.dst != VNIC_NONE || h.next == NEXT_HOST);

	if (p->tagged || (ip->what != PKT_IP_ARP && ip->nd != PKT_ND_SOLICIT))
		return false;
	if (!is_arp_or_ns(ip) || is_gratuitous(ip) || (is_probe(ip) && !other) ||
	    (ip->what == PKT_IP_ARP && h.dst == self->id))
		verdict_drop(v, DROP_NOT_ROUTED);
	else
		*v = (struct verdict){.op = VERDICT_ANSWER};
	return true;
}

/* §8: what the kernel would route in the lower device's namespace. */
static inline void route(struct verdict *v, const struct fwd_port *port, const struct pkt *p,
			 const struct pkt_ip *ip, struct hit h)
{
	bool cut = p->len > port->mtu + PKT_ETH_LEN && !p->gso;

	if (ip_key_is_no_source(&ip->src, ip->v6)) {
		verdict_drop(v, DROP_NO_ROUTE);
	} else if (h.next == NEXT_HOST) {
		*v = (struct verdict){.op = VERDICT_HOST, .flags = VERDICT_OWN_MAC};
		if (!port->has_host)
			verdict_drop(v, DROP_NO_HOST);
	} else if (h.next == NEXT_NONE || h.next == NEXT_BROADCAST ||
		   ip_key_is_unroutable(&ip->dst, ip->v6)) {
		verdict_drop(v, DROP_NO_ROUTE);
	} else if (cut && !ip->fragmentable) {
		verdict_drop(v, DROP_TOO_LONG);
	} else {
		*v = (struct verdict){
			.op = h.next == NEXT_WAIT ? VERDICT_WAIT : VERDICT_ROUTE,
			.flags = cut ? VERDICT_FRAGMENT : 0,
			.next = (uint16_t)(h.next - NEXT_FIRST),
		};
	}
}

/* §8, l3 and l3s */
static inline void from_vnic_l3(struct verdict *v, const struct fwd_vnic *self, const struct pkt *p,
				const struct pkt_ip *ip, struct hit h)
{
	const struct fwd_port *port = self->port;
	bool is_ip = p->type == PKT_TYPE_IPV4 || p->type == PKT_TYPE_IPV6;

	if (!self->arp_off && is_question(v, self, p, ip, h))
		return;
	if (!p->tagged && h.dst != VNIC_NONE && (port->flags & VNIC_F_VEPA) == 0) {
		if (port->flags & VNIC_F_PRIVATE)
			verdict_drop(v, DROP_PRIVATE);
		else
			to_sibling(v, port, p, h.dst);
	} else if (pkt_is_group(p) || p->tagged || !is_ip || pkt_ip_is_dad(ip)) {
		verdict_drop(v, DROP_NOT_ROUTED);
	} else if (ip->what == PKT_IP_NONE) {
		verdict_drop(v, DROP_BAD_HEADER);
	} else {
		route(v, port, p, ip, h);
	}
}

/* §11 */
static inline bool is_spoofed(const struct fwd_vnic *self, const struct pkt *p,
			      const struct pkt_ip *ip, struct hit h)
{
	return (self->strict && p->src != self->mac) || is_foreign_source(self, ip, h);
}

static void from_vnic(const struct fwd_vnic *self, struct burst *b)
{
	const uint32_t n = b->n;

	bool l2 = self->port->mode == MODE_L2;

	if (!self->up) {
		burst_drop(b, DROP_VNIC_DOWN);
		return;
	}
	if (!self->carrier) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (is_spoofed(self, &b->p[i], &b->ip[i], b->h[i]))
			verdict_drop(&b->v[i], DROP_SPOOFED);
		else if (l2)
			from_vnic_l2(&b->v[i], self, &b->p[i], &b->ip[i], b->h[i]);
		else
			from_vnic_l3(&b->v[i], self, &b->p[i], &b->ip[i], b->h[i]);
	}
}

/* ---- from the host ---- */

/* What the lower device itself sends, its vnics don't see. */
static void from_host(const struct fwd_port *port, struct burst *b)
{
	const uint32_t n = b->n;

	if (!port->carrier) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		verdict_wire(&b->v[i]);
}

static bool needs_hits(const struct fwd_vnic *self)
{
	(void)self;
	return true;
}

const struct kind ipvlan_kind = {
	.name = "ipvlan",
	.by_ip = true,
	.from_wire = from_wire,
	.from_vnic = from_vnic,
	.from_host = from_host,
	.needs_hits = needs_hits,
};
