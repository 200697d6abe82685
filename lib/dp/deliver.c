/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp/deliver.h"
#include "dp/deliver_flood.h"
#include "dp/deliver_count.h"
#include "dp/deliver_ip.h"
#include "dp/translate.h"

/** What all frames of a burst have in common. */
struct origin {
	struct worker *w;
	const struct fwd_vnic *vnics;
	struct endpoint *const *endpoints;
	const struct fwd_port *port; /* NULL: veth */
	struct iface_stats *sender; /* FROM_VNIC: the sender's row, else NULL */
	uint16_t sender_id;
	bool from_host;
	bool macnat; /* receivers may want frames translated */
	uint64_t sent, sent_bytes; /* FROM_VNIC: not yet added to that row */
};

/* @p plain: it is known that nobody translates it, and the same as in tx_put_known(). */
static inline void to_vnic_known(struct origin *o, uint16_t id, struct rte_mbuf *m, uint32_t len,
				 bool plain)
{
	if (!plain && unlikely(o->macnat) && o->vnics[id].macnat && (len & TX_GROUP) == 0) {
		m = translate_inbound(o->w, &o->vnics[id], m);
		if (m == NULL)
			return;
	}
	tx_put_known(&o->w->tx, TX_VNIC(id), o->endpoints[id], m, len, plain);
}

static inline void to_vnic(struct origin *o, uint16_t id, struct rte_mbuf *m, uint32_t len)
{
	to_vnic_known(o, id, m, len, false);
}

static inline void to_host(struct origin *o, struct rte_mbuf *m, const struct pkt *p)
{
	tx_put(&o->w->tx, TX_HOST(o->port->id), o->port->host, m, rx_len(p));
}

/* A longer frame would be dropped at the other end of the link (is_skb_forwardable()). */
static inline void to_wire(struct origin *o, struct rte_mbuf *m, const struct pkt *p)
{
	if (unlikely(p->len > o->port->mtu + FWD_MTU_OVERHEAD && !p->gso)) {
		stats_drop_tx(&o->w->stats.ports[o->port->id], DROP_TOO_LONG, 1);
		tell_drop(o->w, TX_WIRE(o->port->id), true, DROP_TOO_LONG, m);
		rte_pktmbuf_free(m);
		return;
	}
	tx_put(&o->w->tx, TX_WIRE(o->port->id), o->port->wire, m, p->len);
}

static void drop(struct origin *o, struct rte_mbuf *m, const struct pkt *p, const struct verdict *v)
{
	enum drop_reason reason = (enum drop_reason)v->reason;

	if (o->from_host) {
		stats_drop_tx(&o->w->stats.ports[o->port->id], reason, 1);
		tell_drop(o->w, TX_WIRE(o->port->id), true, reason, m);
	} else if (o->sender == NULL || v->flags & VERDICT_PORTS_DROP) {
		stats_drop_rx(&o->w->stats.ports[o->port->id], reason, 1);
		tell_drop(o->w, TX_WIRE(o->port->id), false, reason, m);
	} else {
		stats_drop_tx(o->sender, reason, 1);
		tell_drop(o->w, TX_VNIC(o->sender_id), true, reason, m);
		o->sent--;
		o->sent_bytes -= p->len;
	}
	if (v->flags & VERDICT_BOTH_DROP) {
		stats_drop_rx(&o->w->stats.vnics[v->vnic], reason, 1);
		tell_drop(o->w, TX_VNIC(v->vnic), false, reason, m);
	}
	rte_pktmbuf_free(m);
}

/* Back to who asked. */
static void answer(const struct origin *o, struct rte_mbuf *m)
{
	if (o->sender != NULL)
		deliver_answer(o->w, o->port, m, TX_VNIC(o->sender_id),
			       o->vnics[o->sender_id].endpoint);
	else
		deliver_answer(o->w, o->port, m, TX_WIRE(o->port->id), o->port->wire);
}

/* A copy is a reference; whoever must write gets a copy of its own at the egress. */
static inline void to_vnic_shared(struct origin *o, uint16_t id, struct rte_mbuf *m, uint32_t len)
{
	rte_pktmbuf_refcnt_update(m, 1);
	to_vnic(o, id, m, len);
}

/* Who gets the frame besides what `op` says; @p m stays ours. true: an interface was among them. */
static bool to_others(struct origin *o, struct rte_mbuf *m, const struct pkt *p,
		      const struct verdict *v)
{
	const struct source_list *copies = v->copies ? &o->port->sources[v->copies] : NULL;
	bool host = v->also & ALSO_HOST && o->port->has_host;

	for (uint32_t i = 0; copies != NULL && i < copies->n; i++)
		to_vnic_shared(o, copies->ids[i], m, rx_len(p) & ~TX_GROUP);
	if (host) {
		rte_pktmbuf_refcnt_update(m, 1);
		to_host(o, m, p);
	}
	if (v->also & ALSO_WIRE) {
		rte_pktmbuf_refcnt_update(m, 1);
		to_wire(o, m, p);
	}
	if (unlikely(v->also & ALSO_MAIN))
		deliver_letter(o->w, LETTER_ND, o->port->id, m);
	return host || copies != NULL || v->also & ALSO_WIRE;
}

static void drop_unheard(struct origin *o, struct rte_mbuf *m, const struct pkt *p)
{
	struct verdict nobody;

	verdict_drop(&nobody, DROP_NO_LISTENER);
	drop(o, m, p, &nobody);
}

/*
 * The frames from @p at on that go the same way. Hosts, wires and source-mode vnics, who are on no
 * flood's list, may have theirs before any of the list has. How many frames that were.
 */
static uint32_t flood(struct origin *o, struct burst *b, uint32_t at)
{
	const struct verdict *v = &b->v[at];
	bool nobody = deliver_flood_is_empty(o->port, v);
	uint16_t n = 0;

	for (; at + n < b->n && deliver_is_same_flood(v, &b->v[at + n]); n++) {
		struct rte_mbuf *m = b->m[at + n];
		const struct pkt *p = &b->p[at + n];
		bool heard = to_others(o, m, p, &b->v[at + n]);

		if (unlikely(nobody && heard))
			rte_pktmbuf_free(m);
		else if (unlikely(nobody))
			drop_unheard(o, m, p);
	}
	if (likely(!nobody))
		deliver_floods(o->w, o->port, &b->m[at], &b->p[at], v, n);
	return n;
}

/* More than one receiver: every delivery takes a reference, ours is dropped last. */
static void deliver_many(struct origin *o, struct rte_mbuf *m, const struct pkt *p,
			 const struct pkt_ip *ip, const struct verdict *v)
{
	to_others(o, m, p, v);
	switch ((enum verdict_op)v->op) {
	case VERDICT_VNIC:
		to_vnic(o, v->vnic, m, rx_len(p));
		return;
	case VERDICT_WIRE:
		to_wire(o, m, p);
		return;
	case VERDICT_HOST:
		if (unlikely(v->flags & VERDICT_OWN_MAC))
			m = deliver_own_mac(o->w, o->port, m, p);
		if (likely(m != NULL))
			to_host(o, m, p);
		return;
	case VERDICT_ROUTE:
		deliver_routed(o->w, o->port, m, p, v->next, v->flags & VERDICT_FRAGMENT);
		return;
	case VERDICT_WAIT:
		deliver_later(o->w, o->port, o->sender_id, m, p, ip, v->flags & VERDICT_FRAGMENT);
		return;
	case VERDICT_ANSWER:
		answer(o, m);
		return;
	case VERDICT_DROP:
		drop(o, m, p, v);
		return;
	case VERDICT_FLOOD: /* not here: flood() */
	case VERDICT_CONSUMED:
		break;
	}
	rte_pktmbuf_free(m);
}

static uint32_t deliver_rarer(struct origin *o, struct burst *b, uint32_t i)
{
	if (b->v[i].op == VERDICT_FLOOD)
		return flood(o, b, i);
	deliver_many(o, b->m[i], &b->p[i], &b->ip[i], &b->v[i]);
	return 1;
}

/* The frame @p i, perhaps with some that follow it: how many they were. */
static inline uint32_t deliver_some(struct origin *o, struct burst *b, uint32_t i, bool plain)
{
	const struct verdict *v = &b->v[i];

	if (likely(v->way == verdict_way(VERDICT_VNIC, 0)))
		to_vnic_known(o, v->vnic, b->m[i], rx_len(&b->p[i]), plain);
	else if (v->way == verdict_way(VERDICT_WIRE, 0))
		to_wire(o, b->m[i], &b->p[i]);
	else
		return deliver_rarer(o, b, i);
	return 1;
}

/* Inlined twice: what is known of all frames needn't be asked of each. */
static inline void deliver_all(struct origin *o, struct burst *b, bool plain)
{
	const uint32_t n = b->n;

	for (uint32_t i = 0; i < n;)
		i += deliver_some(o, b, i, plain);
}

void deliver(struct worker *w, const struct source *src, struct burst *b)
{
	struct origin o = {
		.w = w, .vnics = w->snapshot->vnics, .endpoints = w->snapshot->endpoints};

	if (src->side == FROM_VNIC) {
		o.port = o.vnics[src->id].port;
		o.sender = &w->stats.vnics[src->id];
		o.sender_id = src->id;
		o.sent = b->n;
		for (uint32_t i = 0; i < b->n; i++)
			o.sent_bytes += b->p[i].len;
	} else {
		o.port = &w->snapshot->ports[src->id];
		o.from_host = src->side == FROM_HOST;
	}
	o.macnat = o.port != NULL && o.port->macnat;
	if (likely(b->plain && !o.macnat))
		deliver_all(&o, b, true);
	else
		deliver_all(&o, b, false);
	if (o.sender != NULL) {
		stats_add(&o.sender->tx_packets, o.sent);
		stats_add(&o.sender->tx_bytes, o.sent_bytes);
	}
}
