/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kind: the semantics of a vnic, one file each. A burst has one kind and one
 * side, so a worker makes one indirect call a burst; inside, the kind's loop
 * runs its inlined decision over plain values. Decisions see no mbuf, hash, lock
 * or clock.
 */
#ifndef FWD_KIND_H
#define FWD_KIND_H

#include "fwd/fwd.h"

#define BURST_MAX 96

/** Frames on their way through a turn: mbufs for the stages before and after, values for the decision. */
struct burst {
	uint32_t n;
	bool plain; /**< every frame is fit for every egress (offload_doubts()) */
	struct rte_mbuf *m[BURST_MAX];
	struct pkt p[BURST_MAX];
	struct pkt_ip ip[BURST_MAX]; /**< for kinds that decide by IP address */
	struct hit h[BURST_MAX];
	struct verdict v[BURST_MAX];
};

struct kind {
	const char *name;
	bool by_ip; /**< classified by IP address: decisions read b->ip */
	/** Frames that the port received. Writes b->v. Worker. */
	void (*from_wire)(const struct fwd_port *port, struct burst *b);
	/** Frames that the owner of @p self sent. */
	void (*from_vnic)(const struct fwd_vnic *self, struct burst *b);
	/** Frames that the port's own stack sent. */
	void (*from_host)(const struct fwd_port *port, struct burst *b);
	/** Does from_vnic() for @p self read hits? Asked when the snapshot is built; main. */
	bool (*needs_hits)(const struct fwd_vnic *self);
};

extern const struct kind ipvlan_kind;
extern const struct kind macvlan_kind;
extern const struct kind veth_kind;

/** The kind that vnics of @p type follow; NULL: not in this version. */
const struct kind *kind_of(enum vnic_type type);

/** The verdict of a whole burst. */
static inline void burst_drop(struct burst *b, enum drop_reason reason)
{
	for (uint32_t i = 0; i < b->n; i++)
		verdict_drop(&b->v[i], reason);
}

/**
 * Does `spoofcheck = ip` forbid the frame's source address? h.owner is who has it. Who has none
 * yet may ask for one: from 0.0.0.0 or `::`, but not, by DAD, whether another vnic's is free.
 */
static inline bool is_foreign_source(const struct fwd_vnic *self, const struct pkt_ip *ip,
				     struct hit h)
{
	if (self->spoofcheck != SPOOFCHECK_IP || ip->what == PKT_IP_NONE ||
	    ip->what == PKT_IP_V6_UNKEYED || ip_key_is_zero(&ip->src) || h.owner == self->id)
		return false;
	return h.owner != VNIC_NONE || !pkt_ip_is_dad(ip);
}

/** The kind of a port without vnics: everything is the host's. */
extern const struct kind none_kind;

/** What no vnic takes is the host's (Linux: RX_HANDLER_PASS), if it has an endpoint and wants it. */
static inline void verdict_pass(struct verdict *v, const struct fwd_port *port, const struct pkt *p)
{
	bool own = p->dst == port->mac;

	if (port->has_host && (own || port->host_promisc || pkt_is_group(p)))
		verdict_host(v);
	else if (pkt_is_group(p))
		verdict_drop(v, DROP_NO_LISTENER);
	else if (port->has_host)
		verdict_drop(v, DROP_OTHER_HOST);
	else
		verdict_drop(v, own ? DROP_NO_HOST : DROP_NO_OWNER);
}

/**
 * Refusals of the kernel that concern several vnics of a configuration: passthru
 * exclusive, MAC in use, kinds mixed on a port. Adds to @p es with the kernel's errno.
 * Pure; main.
 */
void kinds_check(const struct conf *c, struct errors *es);

#endif /* FWD_KIND_H */
