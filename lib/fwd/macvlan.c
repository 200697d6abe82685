/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * macvlan and macvtap: who gets a frame. The rules are those of Linux 6.18,
 * drivers/net/macvlan.c, as docs/semantics.md tells them; the step names (G2, U3, T4 …)
 * are that page's.
 */
#include "fwd/kind.h"

/* G4, G6: the flood of a group frame, and the broadcast queue's first question. */
static inline struct verdict flood_from_wire(const struct fwd_port *port, struct hit h,
					     enum flood_span span, uint16_t except)
{
	bool queued = port->lists[h.list].queued;

	if (queued && port->bcqueuelen == 0) {
		struct verdict v = verdict_drop(DROP_FLOOD_QUEUE_FULL);

		v.also = ALSO_HOST;
		return v;
	}
	return (struct verdict){
		.op = VERDICT_FLOOD,
		.also = ALSO_HOST,
		.span = (uint8_t)span,
		.flags = queued ? VERDICT_QUEUED : 0,
		.list = h.list,
		.except = except,
	};
}

static inline struct verdict group_from_wire(const struct fwd_port *port, const struct pkt *p,
					     struct hit h)
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
			return verdict_vnic(h.owner);
		}
	}
	if (p->type == PKT_TYPE_PAUSE) /* G5 */
		return verdict_pass(port, p);
	return flood_from_wire(port, h, span, h.owner);
}

static inline struct verdict unicast_from_wire(const struct fwd_port *port, const struct pkt *p,
					       struct hit h)
{
	if (port->passthru != VNIC_NONE) /* U2 */
		return port->vnics[port->passthru].up ? verdict_vnic(port->passthru)
						      : verdict_drop(DROP_VNIC_DOWN);
	if (h.dst == VNIC_NONE || port->vnics[h.dst].mode == MODE_SOURCE) /* U3 */
		return verdict_pass(port, p);
	return verdict_vnic(h.dst); /* U4 */
}

static inline struct verdict from_wire_one(const struct fwd_port *port, const struct pkt *p,
					   struct hit h)
{
	struct verdict v;

	if (h.sources != 0 && port->sources[h.sources].nodst) /* G2, U1 */
		v = (struct verdict){.op = VERDICT_CONSUMED};
	else if (pkt_is_group(p))
		v = group_from_wire(port, p, h);
	else
		v = unicast_from_wire(port, p, h);
	/* What a source vnic got is not lost, even if nobody else wants it. */
	if (h.sources != 0 && v.op == VERDICT_DROP && v.reason != DROP_FLOOD_QUEUE_FULL)
		v = (struct verdict){.op = VERDICT_CONSUMED};
	v.copies = h.sources;
	return v;
}

static inline struct verdict to_wire(void)
{
	return (struct verdict){.op = VERDICT_WIRE};
}

/* T4, and the host's floods where host-reach makes the host one of the bridge vnics. */
static inline struct verdict flood_local(const struct pkt *p, struct hit h, uint16_t sender,
					 uint8_t also)
{
	/* G5 on this side looks at the outer EtherType only. */
	if (p->type == PKT_TYPE_PAUSE && !p->tagged)
		return to_wire();
	return (struct verdict){
		.op = VERDICT_FLOOD,
		.also = also | ALSO_WIRE,
		.span = SPAN_BRIDGE,
		.flags = VERDICT_LOCAL,
		.list = h.list,
		.except = sender,
	};
}

/* T2: local unicast enters the port as if the wire had brought it, so source vnics see it. */
static inline struct verdict unicast_local(const struct fwd_port *port, const struct pkt *p,
					   struct hit h)
{
	if (p->len > port->mtu + FWD_MTU_OVERHEAD && !p->gso) {
		struct verdict v = verdict_drop(DROP_TOO_LONG);

		v.flags = VERDICT_PORTS_DROP;
		return v;
	}
	return from_wire_one(port, p, h);
}

static inline struct verdict from_bridge_one(const struct fwd_vnic *self, const struct pkt *p,
					     struct hit h)
{
	const struct fwd_port *port = self->port;

	if (pkt_is_group(p))
		return flood_local(p, h, self->id, port->host_reach ? ALSO_HOST : 0);
	if (h.dst != VNIC_NONE && port->vnics[h.dst].mode == MODE_BRIDGE)
		return unicast_local(port, p, h);
	if (port->host_reach && p->dst == port->mac)
		return verdict_pass(port, p);
	return to_wire();
}

static inline struct verdict from_vnic_one(const struct fwd_vnic *self, const struct pkt *p,
					   struct hit h)
{
	if (self->spoofcheck != SPOOFCHECK_OFF && p->src != self->mac)
		return verdict_drop(DROP_SPOOFED);
	return self->mode == MODE_BRIDGE ? from_bridge_one(self, p, h) : to_wire(); /* T1 */
}

static inline struct verdict from_host_one(const struct fwd_port *port, const struct pkt *p,
					   struct hit h)
{
	if (!port->host_reach)
		return to_wire();
	if (pkt_is_group(p))
		return flood_local(p, h, VNIC_NONE, 0);
	if (h.dst != VNIC_NONE && port->vnics[h.dst].mode == MODE_BRIDGE)
		return unicast_local(port, p, h);
	return to_wire();
}

static void from_wire(const struct fwd_port *port, struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		b->v[i] = from_wire_one(port, &b->p[i], b->h[i]);
}

static void from_vnic(const struct fwd_vnic *self, struct burst *b)
{
	if (!self->up) {
		burst_drop(b, DROP_VNIC_DOWN);
	} else if (!self->carrier) { /* T0 */
		burst_drop(b, DROP_NO_CARRIER);
	} else {
		for (uint16_t i = 0; i < b->n; i++)
			b->v[i] = from_vnic_one(self, &b->p[i], b->h[i]);
	}
}

static void from_host(const struct fwd_port *port, struct burst *b)
{
	if (!port->carrier) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	for (uint16_t i = 0; i < b->n; i++)
		b->v[i] = from_host_one(port, &b->p[i], b->h[i]);
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
