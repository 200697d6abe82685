/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp/assist.h"
#include "dp/route.h"
#include "dp/translate.h"
#include "dp/worker.h"
#include "net/dhcp.h"
#include "net/macnat.h"
#include "net/nd.h"

#define ETH_AND_TAG   (PKT_ETH_LEN + PKT_VLAN_LEN)
#define IPV6_PROTO    6
#define ND_WHOLE      1514u /* options may stand anywhere in such a message */
#define DHCP_WHOLE    1514u
#define DHCP_MIN_TEXT 278u /* Ethernet to BOOTP's fixed part */

/* How many bytes of @p m hold what is translated; and thus must be ours and in one piece. */
static uint32_t wanted(const struct rte_mbuf *m, bool dhcp)
{
	uint8_t copy[ETH_AND_TAG + PKT_IPV6_LEN];
	uint32_t n = RTE_MIN(m->pkt_len, (uint32_t)sizeof(copy)), want = PKT_ETH_LEN, l3;
	const uint8_t *b = rte_pktmbuf_read(m, 0, n, copy);
	struct pkt p;

	if (b == NULL || !pkt_parse(&p, b, n, n))
		return RTE_MIN(n, want);
	l3 = p.tagged ? ETH_AND_TAG : PKT_ETH_LEN;
	if (p.type == PKT_TYPE_ARP)
		want = l3 + ND_ARP_LEN;
	else if (p.type == PKT_TYPE_IPV6 && n > l3 + IPV6_PROTO &&
		 b[l3 + IPV6_PROTO] == PKT_PROTO_ICMP6)
		want = ND_WHOLE;
	else if (dhcp && p.type == PKT_TYPE_IPV4 && m->pkt_len >= DHCP_MIN_TEXT && b[l3 + 9] == 17)
		want = DHCP_WHOLE;
	return RTE_MIN(m->pkt_len, want);
}

static struct rte_mbuf *outbound(struct worker *w, const struct fwd_vnic *self, struct rte_mbuf *m)
{
	bool pending = (m->ol_flags & (offload_csum_flag | RTE_MBUF_F_TX_L4_MASK)) != 0;
	uint32_t n = wanted(m, self->dhcp);
	uint64_t mac;
	uint8_t *b;

	if (n < PKT_ETH_LEN)
		return m; /* malformed; parsing says so */
	m = route_own(m, n, self->endpoint->pool);
	if (unlikely(m == NULL))
		return NULL;
	b = rte_pktmbuf_mtod(m, uint8_t *);
	mac = mac_load(b + 6);
	if (mac == self->port->mac)
		return m;
	if (unlikely(mac != self->owner_mac) && mac_is_valid(mac))
		assist_tell_mac(w, self->id, mac);
	/* `spoofcheck` is about the owner's MAC here: a third one stays, and is found out. */
	if (self->spoofcheck != SPOOFCHECK_OFF && self->owner_mac != 0 && mac != self->owner_mac)
		return m;
	macnat_outbound(b, n, mac, self->port->mac, pending);
	/* The server would answer to chaddr, which is the owner's MAC: not one of this port. */
	if (self->dhcp)
		dhcp_set_broadcast(b, n, pending);
	return m;
}

void translate_outbound(struct worker *w, const struct fwd_vnic *self, struct burst *b)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = outbound(w, self, b->m[i]);

		if (likely(m != NULL))
			b->m[n++] = m;
	}
	if (unlikely(n < b->n))
		stats_drop_tx(&w->stats.vnics[self->id], DROP_NO_BUFFER, b->n - n);
	b->n = n;
}

struct rte_mbuf *translate_inbound(struct worker *w, const struct fwd_vnic *v, struct rte_mbuf *m)
{
	uint32_t n = RTE_MIN(m->pkt_len, (uint32_t)ETH_AND_TAG + ND_ARP_LEN);

	if (v->owner_mac == 0 || v->owner_mac == v->port->mac)
		return m;
	m = route_own(m, n, v->endpoint->pool);
	if (likely(m != NULL))
		macnat_inbound(rte_pktmbuf_mtod(m, uint8_t *), n, v->port->mac, v->owner_mac);
	else
		stats_drop_rx(&w->stats.vnics[v->id], DROP_NO_BUFFER, 1);
	return m;
}
