/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * macvlan and macvtap: who gets a frame. The rules are those of Linux 6.18,
 * drivers/net/macvlan.c, as docs/semantics.md tells them; the step names (G2, U3, T4 …)
 * are that page's.
 */
#include <rte_branch_prediction.h>

#include "fwd/kind.h"

/* G4, G6: the flood of a group frame, and the broadcast queue's first question. */
static inline void flood_from_wire(struct verdict *v, const struct fwd_port *port, struct hit h,
				   enum flood_span span, uint16_t except)
{
	bool queued = port->lists[h.list].queued;

	if (queued && port->bcqueuelen == 0) {
		verdict_drop(v, DROP_FLOOD_QUEUE_FULL);
		v->also = ALSO_HOST;
		return;
	}
	*v = (struct verdict){
		.way = verdict_way(VERDICT_FLOOD, ALSO_HOST),
		.span = (uint8_t)span,
		.flags = queued ? VERDICT_QUEUED : 0,
		.list = h.list,
		.except = except,
	};
}

static inline void group_from_wire(struct verdict *v, const struct fwd_port *port,
				   const struct pkt *p, struct hit h)
{
	enum flood_span span = SPAN_ALL;

	if (h.owner != VNIC_NONE) {
		switch (port->vnics[h.owner].mode) {
		case MODE_BRIDGE:
			span = SPAN_VEPA; /* bridge siblings had it when it was sent */
			break;
		case MODE_VEPA:
			span = SPAN_BRIDGE_VEPA;
			break;
		default: /* G3: back to the sender, for nobody else */
			verdict_vnic(v, h.owner);
			return;
		}
	}
	if (p->type == PKT_TYPE_PAUSE) /* G5 */
		verdict_pass(v, port, p);
	else
		flood_from_wire(v, port, h, span, h.owner);
}

/* Most ports have none, and then the vnic itself isn't looked at. */
static inline bool is_source(const struct fwd_port *port, uint16_t id)
{
	return port->has_source_mode && port->vnics[id].mode == MODE_SOURCE;
}

static inline void unicast_from_wire(struct verdict *v, const struct fwd_port *port,
				     const struct pkt *p, struct hit h)
{
	if (port->passthru != VNIC_NONE && !port->vnics[port->passthru].up) /* U2 */
		verdict_drop(v, DROP_VNIC_DOWN);
	else if (port->passthru != VNIC_NONE)
		verdict_vnic(v, port->passthru);
	else if (h.dst == VNIC_NONE || is_source(port, h.dst)) /* U3 */
		verdict_pass(v, port, p);
	else
		verdict_vnic(v, h.dst); /* U4 */
}

static inline void from_wire_one(struct verdict *v, const struct fwd_port *port,
				 const struct pkt *p, struct hit h)
{
	if (pkt_is_group(p))
		group_from_wire(v, port, p, h);
	else
		unicast_from_wire(v, port, p, h);
	if (h.sources == 0)
		return;
	/*
	 * G2, U1: the copies come first. nodst ends the frame with them; and what a source vnic
	 * got is not lost, even if nobody else wants it.
	 */
	if (port->sources[h.sources].nodst ||
	    (v->op == VERDICT_DROP && v->reason != DROP_FLOOD_QUEUE_FULL))
		*v = (struct verdict){.op = VERDICT_CONSUMED};
	v->copies = h.sources;
}

/* T4, and the host's floods where host-reach makes the host one of the bridge vnics. */
static inline void flood_local(struct verdict *v, const struct pkt *p, struct hit h,
			       uint16_t sender, uint8_t also)
{
	/* G5 on this side looks at the outer EtherType only. */
	if (p->type == PKT_TYPE_PAUSE && !p->tagged) {
		verdict_wire(v);
		return;
	}
	*v = (struct verdict){
		.way = verdict_way(VERDICT_FLOOD, also | ALSO_WIRE),
		.span = SPAN_BRIDGE,
		.flags = VERDICT_LOCAL,
		.list = h.list,
		.except = sender,
	};
}

/* T2: local unicast enters the port as if the wire had brought it, so source vnics see it. */
static inline void unicast_local(struct verdict *v, const struct fwd_port *port,
				 const struct pkt *p, struct hit h)
{
	if (p->len > port->mtu + FWD_MTU_OVERHEAD && !p->gso) {
		verdict_drop(v, DROP_TOO_LONG);
		v->flags = VERDICT_PORTS_DROP;
	} else {
		from_wire_one(v, port, p, h);
	}
}

/* T2: siblings in bridge mode reach each other. */
static inline bool is_bridge(const struct fwd_port *port, uint16_t id)
{
	return id != VNIC_NONE && port->vnics[id].mode == MODE_BRIDGE;
}

static inline void from_bridge_one(struct verdict *v, const struct fwd_vnic *self,
				   const struct pkt *p, struct hit h)
{
	const struct fwd_port *port = self->port;

	if (pkt_is_group(p))
		flood_local(v, p, h, self->id, port->host_reach ? ALSO_HOST : 0);
	else if (is_bridge(port, h.dst))
		unicast_local(v, port, p, h);
	else if (port->host_reach && p->dst == port->mac)
		verdict_pass(v, port, p);
	else
		verdict_wire(v); /* T3 */
}

static inline void from_vnic_one(struct verdict *v, const struct fwd_vnic *self,
				 const struct pkt *p, const struct pkt_ip *ip, struct hit h)
{
	if (self->spoofcheck != SPOOFCHECK_OFF &&
	    (p->src != self->mac || is_foreign_source(self, ip, h)))
		verdict_drop(v, DROP_SPOOFED);
	else if (self->mode == MODE_BRIDGE)
		from_bridge_one(v, self, p, h);
	else
		verdict_wire(v); /* T1 */
}

static inline void from_host_one(struct verdict *v, const struct fwd_port *port,
				 const struct pkt *p, struct hit h)
{
	if (!port->host_reach)
		verdict_wire(v);
	else if (pkt_is_group(p))
		flood_local(v, p, h, VNIC_NONE, 0);
	else if (is_bridge(port, h.dst))
		unicast_local(v, port, p, h);
	else
		verdict_wire(v);
}

/* Nobody takes frames whose address somebody else has. */
static inline bool is_plain(const struct fwd_port *port)
{
	return port->passthru == VNIC_NONE && !port->has_source_mode;
}

/*
 * Of all rules for unicast frames only U4 is left, where somebody has the address. A loop of its own
 * reads the receiver and nothing else of what was found: a third less for the stage.
 */
static void from_plain_wire(const struct fwd_port *port, struct burst *b)
{
	const uint32_t n = b->n;

	for (uint32_t i = 0; i < n; i++) {
		const uint16_t dst = b->h[i].dst;

		if (likely(dst != VNIC_NONE && !pkt_is_group(&b->p[i])))
			verdict_vnic(&b->v[i], dst);
		else
			from_wire_one(&b->v[i], port, &b->p[i], b->h[i]);
	}
}

static void from_wire(const struct fwd_port *port, struct burst *b)
{
	const uint32_t n = b->n;

	if (is_plain(port)) {
		from_plain_wire(port, b);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		from_wire_one(&b->v[i], port, &b->p[i], b->h[i]);
}

/* The same between bridge vnics: T2 and then U4. */
static void from_plain_bridge(const struct fwd_vnic *self, struct burst *b)
{
	const struct fwd_port *port = self->port;
	const uint32_t longest = port->mtu + FWD_MTU_OVERHEAD;
	const uint32_t n = b->n;

	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = &b->p[i];
		const uint16_t dst = b->h[i].dst;

		if (likely(!pkt_is_group(p) && p->len <= longest && is_bridge(port, dst)))
			verdict_vnic(&b->v[i], dst);
		else
			from_bridge_one(&b->v[i], self, p, b->h[i]);
	}
}

static void from_vnic(const struct fwd_vnic *self, struct burst *b)
{
	const uint32_t n = b->n;

	if (!self->up) {
		burst_drop(b, DROP_VNIC_DOWN);
	} else if (!self->carrier) { /* T0 */
		burst_drop(b, DROP_NO_CARRIER);
	} else if (self->mode == MODE_BRIDGE && self->spoofcheck == SPOOFCHECK_OFF &&
		   is_plain(self->port)) {
		from_plain_bridge(self, b);
	} else {
		for (uint32_t i = 0; i < n; i++)
			from_vnic_one(&b->v[i], self, &b->p[i], &b->ip[i], b->h[i]);
	}
}

static void from_host(const struct fwd_port *port, struct burst *b)
{
	const uint32_t n = b->n;

	if (!port->carrier) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		from_host_one(&b->v[i], port, &b->p[i], b->h[i]);
}

static bool needs_hits(const struct fwd_vnic *self)
{
	return self->mode == MODE_BRIDGE;
}

const struct kind macvlan_kind = {
	.name = "macvlan",
	.from_wire = from_wire,
	.from_vnic = from_vnic,
	.from_host = from_host,
	.needs_hits = needs_hits,
};
