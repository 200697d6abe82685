/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_mbuf.h>

#include "ctl/addresses.h"
#include "ctl/dhcp_asks.h"
#include "ctl/dhcp_assist.h"
#include "ctl/mail.h"

#define WHOLE 2048 /* longer ones nobody sends */

/* The message in @p l, read in place or from @p copy. */
static bool read(struct dhcp *d, const struct letter *l, uint8_t copy[WHOLE])
{
	uint32_t n = RTE_MIN(l->m->pkt_len, (uint32_t)WHOLE);
	const uint8_t *b = rte_pktmbuf_read(l->m, 0, n, copy);

	return b != NULL && dhcp_parse(d, b, n);
}

void dhcp_assist_asked(struct runtime *rt, const struct letter *l, uint64_t now)
{
	struct vnic_rt *v = rt->by_id[l->id];
	uint8_t copy[WHOLE];
	struct dhcp d;

	if (v == NULL || v->port == NULL || !v->conf->dhcp || !read(&d, l, copy) ||
	    d.op != DHCP_REQUEST)
		return;
	if (rt->dhcp == NULL)
		rt->dhcp = dhcp_asks_create();
	if (d.type == DHCP_RELEASE)
		rt->dirty |= addresses_release(v, &d.ciaddr, dhcp_client(&d));
	else if (d.type == DHCP_DECLINE)
		rt->dirty |= addresses_release(v, NULL, dhcp_client(&d));
	else if (rt->dhcp != NULL && !dhcp_asks_add(rt->dhcp, v->port->id, v->id, &d, now))
		v->conflicts++;
}

/* What a reply to @p v says of its address; plain BOOTP's, which has no type, is for ever. */
static void note(struct runtime *rt, struct vnic_rt *v, const struct dhcp *d, uint64_t client,
		 uint64_t now)
{
	uint64_t until = UINT64_MAX;

	if (d->type == DHCP_NAK)
		rt->dirty |= addresses_release(v, NULL, client);
	if (d->type != DHCP_ACK && d->type != DHCP_NONE)
		return;
	if (d->has_lease && d->lease != UINT32_MAX)
		until = now + (uint64_t)d->lease * 1000;
	rt->dirty |= addresses_lease(v, &d->yiaddr, client, until, now);
}

static struct port_rt *port_of(const struct runtime *rt, uint16_t id)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		if (rt->ports[i]->id == id)
			return rt->ports[i];
	return NULL;
}

/* As if the frame had just come: to the host, or to nobody, which a worker counts. */
static void hand_back(struct runtime *rt, struct port_rt *p, struct rte_mbuf *m)
{
	mail_forward(rt, TX_HOST(p->id), p->host.endpoint != NULL ? &p->host : &p->wire, m);
}

void dhcp_assist_answered(struct runtime *rt, struct letter *l, uint64_t now)
{
	struct port_rt *p = port_of(rt, l->id);
	const struct dhcp_ask *ask = NULL;
	struct vnic_rt *v = NULL;
	uint8_t copy[WHOLE];
	struct dhcp d;

	if (p == NULL)
		return;
	if (rt->dhcp != NULL && read(&d, l, copy) && d.op == DHCP_REPLY)
		ask = dhcp_asks_find(rt->dhcp, p->id, &d, now);
	if (ask != NULL)
		v = rt->by_id[ask->vnic];
	if (v != NULL && (v->port != p || !v->conf->dhcp || !v->active))
		v = NULL;
	if (v != NULL)
		note(rt, v, &d, dhcp_ask_client(ask), now);
	if (l->kind != LETTER_DHCP_ANSWER)
		return;
	if (v != NULL)
		mail_forward(rt, TX_VNIC(v->id), &v->at, l->m);
	else
		hand_back(rt, p, l->m);
	l->m = NULL;
}
