/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "dp/capture.h"
#include "dp/classify_ip.h"
#include "dp/deliver_ip.h"
#include "dp/route.h"
#include "dp/translate.h"
#include "fwd/next_hops.h"

static void drop(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		 enum drop_reason reason)
{
	stats_drop_tx(&w->stats.ports[port->id], reason, 1);
	if (m == NULL)
		return;
	if (unlikely(w->tx.captures != NULL))
		capture_drop(w->tx.captures, w->tx.queue, TX_WIRE(port->id), true, reason, m);
	rte_pktmbuf_free(m);
}

static void put_fragments(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m)
{
	struct rte_mbuf *out[ROUTE_MAX_FRAGMENTS];
	int n = route_fragment(m, port->mtu, port->wire->pool, out);

	if (n < 0)
		drop(w, port, NULL, DROP_NO_BUFFER);
	for (int i = 0; i < n; i++)
		tx_put(&w->tx, TX_WIRE(port->id), port->wire, out[i], out[i]->pkt_len);
}

void deliver_routed(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		    const struct pkt *p, uint16_t next, bool fragment)
{
	next_hops_use(port->next_hops, next);
	m = route_rewrite(m, port->next_hops->macs[next], port->mac, port->wire->pool);
	if (unlikely(m == NULL))
		drop(w, port, NULL, DROP_NO_BUFFER);
	else if (unlikely(fragment))
		put_fragments(w, port, m);
	else
		tx_put(&w->tx, TX_WIRE(port->id), port->wire, m, p->len);
}

#define IPV6_HOP_LIMIT (PKT_ETH_LEN + 7)
#define HOP_LIMIT_ND   255

/*
 * Neighbour discovery and redirects are believed because no router lets 255 pass (RFC 4861 §7.1).
 * The kernel's vnics reach its host by its loopback, where nobody listens to them; here the
 * host's netdev would, and a vnic could tell it where the gateway is.
 */
static struct rte_mbuf *disarm_nd(struct rte_mbuf *m, struct rte_mempool *pool)
{
	uint8_t copy;
	const uint8_t *limit = rte_pktmbuf_read(m, IPV6_HOP_LIMIT, 1, &copy);

	if (limit == NULL || *limit != HOP_LIMIT_ND)
		return m;
	m = route_own(m, IPV6_HOP_LIMIT + 1, pool);
	if (m != NULL)
		*rte_pktmbuf_mtod_offset(m, uint8_t *, IPV6_HOP_LIMIT) = HOP_LIMIT_ND - 1;
	return m;
}

struct rte_mbuf *deliver_own_mac(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
				 const struct pkt *p)
{
	if (p->dst != port->mac || p->src != port->mac)
		m = route_rewrite(m, port->mac, port->mac, port->host->pool);
	if (m != NULL && p->type == PKT_TYPE_IPV6)
		m = disarm_nd(m, port->host->pool);
	if (m == NULL)
		drop(w, port, NULL, DROP_NO_BUFFER);
	return m;
}

/* ---- frames that wait ---- */

static void tell_main(struct worker *w, struct waiting_hop *h)
{
	const struct letter l = {.kind = LETTER_WANTED, .id = h->port, .v6 = h->v6, .ip = h->ip};

	if (!h->told)
		h->told = mailbox_write(w->mail, &l);
}

void deliver_later(struct worker *w, const struct fwd_port *port, uint16_t vnic, struct rte_mbuf *m,
		   const struct pkt *p, const struct pkt_ip *ip, bool fragment)
{
	const struct waiting_frame f = {.m = m, .p = *p, .fragment = fragment};
	struct ip_key hop = ip->dst;
	struct waiting_hop *h;
	struct rte_mbuf *out;

	classify_next(port, &ip->dst, ip->v6, &hop);
	h = neighbour_queue_of(w->neighbours, port->id, vnic, &hop, ip->v6, rte_rdtsc());
	if (h == NULL) {
		drop(w, port, m, DROP_NEIGHBOUR_QUEUE_FULL);
		return;
	}
	tell_main(w, h);
	out = neighbour_queue_add(w->neighbours, h, &f);
	if (out != NULL)
		drop(w, port, out, DROP_NEIGHBOUR_QUEUE_FULL);
}

/* @p next: where they go; VNIC_NONE: nowhere. */
static void end_wait(struct worker *w, const struct fwd_port *port, struct waiting_hop *h,
		     uint16_t next)
{
	struct waiting_frame f;

	while (neighbour_queue_take(w->neighbours, h, &f)) {
		if (port == NULL)
			rte_pktmbuf_free(f.m);
		else if (next == VNIC_NONE)
			drop(w, port, f.m, DROP_NO_NEIGHBOUR);
		else
			deliver_routed(w, port, f.m, &f.p, next, f.fragment);
	}
}

static void look_at(struct worker *w, struct waiting_hop *h, uint64_t now, bool is_new)
{
	const struct snapshot *s = w->snapshot;
	const struct fwd_port *port = NULL;
	uint16_t next = VNIC_NONE;
	bool routes;

	if (h->port < s->n_ports && s->ports[h->port].used)
		port = &s->ports[h->port];
	/* In l2 nobody resolves; should it be l3 again, main won't remember who was wanted. */
	routes = port != NULL && port->next_hops != NULL;
	if (is_new && routes)
		next = ip_table_find(port->next_hops->by_ip, &h->ip, h->v6, VNIC_NONE);
	if (!routes || next != VNIC_NONE ||
	    now - h->since > rte_get_tsc_hz() / 1000 * NEIGHBOUR_QUEUE_MS)
		end_wait(w, port, h, next);
	else
		tell_main(w, h);
}

static void look_at_all(struct worker *w)
{
	struct neighbour_queues *q = w->neighbours;
	bool is_new = q->generation != w->snapshot->generation;
	uint64_t now = rte_rdtsc();

	if (!is_new && now - q->looked < rte_get_tsc_hz() / 1000)
		return;
	q->looked = now;
	q->generation = w->snapshot->generation;
	for (uint32_t i = 0; i < NEIGHBOUR_QUEUE_HOPS && q->n > 0; i++)
		if (q->hops[i].used)
			look_at(w, &q->hops[i], now, is_new);
}

/* ---- answers, letters, parcels ---- */

/* Main's frames and answers name the port's MAC, as everybody's do. */
static void put(struct worker *w, uint32_t receiver, struct endpoint *ep, struct rte_mbuf *m)
{
	const struct fwd_vnic *v =
		receiver < STATS_MAX_VNICS ? &w->snapshot->vnics[receiver] : NULL;

	if (v != NULL && v->macnat)
		m = translate_inbound(w, v, m);
	if (m != NULL)
		tx_put(&w->tx, receiver, ep, m, m->pkt_len);
}

void deliver_answer(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		    uint32_t receiver, struct endpoint *ep)
{
	struct rte_mbuf *answer = route_answer(m, port->mac, port->wire->pool);

	/* None for what is malformed: no answer is the answer. */
	if (answer != NULL)
		put(w, receiver, ep, answer);
}

#define LETTER_BYTES 2048u /* at most: a whole DHCP message; of ND the begin suffices */

bool deliver_letter(struct worker *w, enum letter_kind kind, uint16_t id, struct rte_mbuf *m)
{
	struct letter l = {.kind = (uint8_t)kind, .id = id};

	/*
	 * Letters are many where somebody floods: one mbuf each, however long his frames are. And a
	 * frame that main held, too, couldn't be written or handed on by who receives it.
	 */
	l.m = rte_pktmbuf_copy(m, m->pool, 0, LETTER_BYTES);
	if (l.m == NULL)
		return false;
	if (mailbox_write(w->mail, &l))
		return true;
	rte_pktmbuf_free(l.m);
	return false;
}

static struct endpoint *endpoint_of(const struct snapshot *s, uint32_t receiver)
{
	uint32_t port;

	if (receiver < STATS_MAX_VNICS)
		return receiver < s->n_vnics && s->vnics[receiver].kind != NULL
			       ? s->vnics[receiver].endpoint
			       : NULL;
	port = (receiver - STATS_MAX_VNICS) / 2;
	if (port >= s->n_ports || !s->ports[port].used)
		return NULL;
	return receiver == TX_WIRE(port) ? s->ports[port].wire : s->ports[port].host;
}

/* What main hands back to a host that isn't there has nobody, as if it had never been asked. */
static void lose(struct worker *w, const struct parcel *parcel)
{
	uint32_t port = (parcel->receiver - STATS_MAX_VNICS) / 2;

	if (parcel->receiver >= STATS_MAX_VNICS && parcel->receiver == TX_HOST(port))
		stats_drop_rx(&w->stats.ports[port], DROP_NO_OWNER, 1);
	rte_pktmbuf_free(parcel->m);
}

static void send_parcels(struct worker *w)
{
	struct parcel parcel;

	while (mailbox_unpack(w->mail, &parcel)) {
		struct endpoint *ep = endpoint_of(w->snapshot, parcel.receiver);

		if (ep == NULL)
			lose(w, &parcel);
		else
			put(w, parcel.receiver, ep, parcel.m);
	}
}

void deliver_mail(struct worker *w)
{
	if (w->neighbours->n > 0)
		look_at_all(w);
	send_parcels(w);
}
