/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "net/csum.h"
#include "net/nd.h"
#include "net/pkt.h"

static struct ip_addr ip4(const uint8_t *b)
{
	struct ip_addr a = {.family = 4};

	memcpy(a.b, b, 4);
	return a;
}

static struct ip_addr ip6(const uint8_t *b)
{
	struct ip_addr a = {.family = 6};

	memcpy(a.b, b, 16);
	return a;
}

static bool is_zero(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, sizeof(zero)) == 0;
}

/*
 * Whose address is a group's, or missing, would be a neighbour that floods; Linux'
 * arp_process() lets the hardware address pass, which is of no use to anybody.
 */
static bool parse_arp(struct nd *m, const uint8_t *b, uint32_t n)
{
	static const uint8_t head[6] = {0, 1, PKT_TYPE_IPV4 >> 8, PKT_TYPE_IPV4 & 0xff, 6, 4};
	uint16_t op;

	if (n < ND_ARP_LEN || memcmp(b, head, sizeof(head)) != 0)
		return false;
	op = pkt_load16(b + 6);
	if (op != ND_ARP_REQUEST && op != ND_ARP_REPLY)
		return false;
	m->op = (enum nd_op)op;
	m->sender_mac = mac_load(b + 8);
	m->sender = ip4(b + 14);
	m->target_mac = mac_load(b + 18);
	m->target = ip4(b + 24);
	m->is_probe = is_zero(&m->sender);
	m->is_gratuitous = ip_addr_cmp(&m->sender, &m->target) == 0;
	if (!mac_is_valid(m->sender_mac))
		return false;
	if (op == ND_ARP_REPLY)
		return ip_addr_is_unicast(&m->sender) &&
		       (is_zero(&m->target) || ip_addr_is_unicast(&m->target));
	return ip_addr_is_unicast(&m->target) && (m->is_probe || ip_addr_is_unicast(&m->sender));
}

bool nd_is_solicited_node(const struct ip_addr *a)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	return a->family == 6 && memcmp(a->b, prefix, sizeof(prefix)) == 0;
}

/*
 * The first option of @type counts, as in Linux (ndisc_parse_options()). RFC 4861 §7.1: an
 * option of length 0 spoils the message; others of any type are passed over.
 */
static bool parse_options(const uint8_t *b, uint32_t n, uint8_t type, uint64_t *mac)
{
	*mac = 0;
	while (n != 0) {
		uint32_t len;

		if (n < 2)
			return false;
		len = b[1] * 8u;
		if (len == 0 || len > n)
			return false;
		if (b[0] == type && *mac == 0) {
			if (len != ND_OPT_LEN || !mac_is_valid(mac_load(b + 2)))
				return false;
			*mac = mac_load(b + 2);
		}
		b += len;
		n -= len;
	}
	return true;
}

/* RFC 4861 §7.1.1. A source must be somebody: what is told of it may be learnt. */
static bool parse_ns(struct nd *m, const uint8_t *icmp, uint32_t n)
{
	if (!parse_options(icmp + ND_MSG_LEN, n - ND_MSG_LEN, ND_OPT_SOURCE_LL, &m->sender_mac))
		return false;
	if (!is_zero(&m->sender))
		return true;
	m->is_probe = m->is_dad = true;
	return nd_is_solicited_node(&m->dst) && m->sender_mac == 0;
}

/* RFC 4861 §7.1.2; §4.4: the source is an address of the sender. */
static bool parse_na(struct nd *m, const uint8_t *icmp, uint32_t n)
{
	m->router = (icmp[4] & 0x80) != 0;
	m->solicited = (icmp[4] & 0x40) != 0;
	m->override = (icmp[4] & 0x20) != 0;
	m->is_gratuitous = !m->solicited;
	if (is_zero(&m->sender) || (m->solicited && m->dst.b[0] == 0xff))
		return false;
	return parse_options(icmp + ND_MSG_LEN, n - ND_MSG_LEN, ND_OPT_TARGET_LL, &m->target_mac);
}

/* What §7.1.1 and §7.1.2 of RFC 4861 have in common. */
static bool parse_icmp6(struct nd *m, const uint8_t *b, uint32_t n)
{
	const uint8_t *icmp = b + ND_IP6_LEN;
	uint32_t len;

	if (n < ND_IP6_LEN + ND_MSG_LEN || b[0] >> 4 != 6 || b[6] != ND_PROTO_ICMP6 || b[7] != 255)
		return false;
	len = pkt_load16(b + 4);
	if (len < ND_MSG_LEN || len > n - ND_IP6_LEN)
		return false;
	if ((icmp[0] != ND_NS && icmp[0] != ND_NA) || icmp[1] != 0)
		return false;
	m->op = (enum nd_op)icmp[0];
	m->sender = ip6(b + 8);
	m->dst = ip6(b + 24);
	m->target = ip6(icmp + 8);
	if (m->sender.b[0] == 0xff || !ip_addr_is_unicast(&m->target))
		return false;
	if (csum_icmp6(b + 8, icmp, len) != UINT16_MAX)
		return false;
	return m->op == ND_NS ? parse_ns(m, icmp, len) : parse_na(m, icmp, len);
}

bool nd_parse(struct nd *out, const uint8_t *frame, uint32_t n)
{
	struct pkt p;

	if (!pkt_parse(&p, frame, n, n) || !mac_is_valid(p.src))
		return false;
	*out = (struct nd){.eth_dst = p.dst, .eth_src = p.src};
	out->l3 = p.tagged ? PKT_ETH_LEN + PKT_VLAN_LEN : PKT_ETH_LEN;
	if (p.type == PKT_TYPE_ARP)
		return parse_arp(out, frame + out->l3, n - out->l3);
	if (p.type == PKT_TYPE_IPV6)
		return parse_icmp6(out, frame + out->l3, n - out->l3);
	return false;
}
