/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "net/answer.h"
#include "net/csum.h"
#include "net/nd.h"
#include "net/pkt.h"

#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20

static const struct ip_addr all_nodes = {.family = 6, .b = {0xff, 0x02, [15] = 1}};
static const struct ip_addr unspecified = {.family = 6};

static bool is_zero(const struct ip_addr *a)
{
	return memcmp(a->b, unspecified.b, sizeof(a->b)) == 0;
}

static void store16(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

/* The Ethernet header; with the tag of @asked, if that isn't NULL and has one. Its length. */
static uint32_t put_eth(uint8_t *out, uint64_t dst, uint64_t src, const uint8_t *asked,
			const struct nd *m, uint16_t type)
{
	uint32_t len = asked != NULL ? m->l3 : PKT_ETH_LEN;

	mac_store(out, dst);
	mac_store(out + 6, src);
	if (len > PKT_ETH_LEN)
		memcpy(out + 12, asked + 12, PKT_VLAN_LEN);
	store16(out + len - 2, type);
	return len;
}

struct arp {
	enum nd_op op;
	uint64_t from_mac, to_mac;
	const uint8_t *from, *to;
};

static uint32_t put_arp(uint8_t *b, const struct arp *a)
{
	store16(b, 1);
	store16(b + 2, PKT_TYPE_IPV4);
	b[4] = 6;
	b[5] = 4;
	store16(b + 6, a->op);
	mac_store(b + 8, a->from_mac);
	memcpy(b + 14, a->from, 4);
	mac_store(b + 18, a->to_mac);
	memcpy(b + 24, a->to, 4);
	return ND_ARP_LEN;
}

struct icmp6 {
	enum nd_op op;
	uint8_t flags;
	const struct ip_addr *src, *dst, *target;
	uint64_t mac; /* of the option; 0: none */
};

static uint32_t put_icmp6(uint8_t *b, const struct icmp6 *m)
{
	uint32_t len = ND_MSG_LEN + (m->mac != 0 ? ND_OPT_LEN : 0);
	uint8_t *icmp = b + ND_IP6_LEN;
	uint16_t sum;

	memset(b, 0, ND_IP6_LEN + len);
	b[0] = 0x60;
	store16(b + 4, len);
	b[6] = ND_PROTO_ICMP6;
	b[7] = 255;
	memcpy(b + 8, m->src->b, 16);
	memcpy(b + 24, m->dst->b, 16);
	icmp[0] = (uint8_t)m->op;
	icmp[4] = m->flags;
	memcpy(icmp + 8, m->target->b, 16);
	if (m->mac != 0) {
		icmp[ND_MSG_LEN] = m->op == ND_NS ? ND_OPT_SOURCE_LL : ND_OPT_TARGET_LL;
		icmp[ND_MSG_LEN + 1] = 1;
		mac_store(icmp + ND_MSG_LEN + 2, m->mac);
	}
	sum = ~csum_icmp6(b + 8, icmp, len) & UINT16_MAX;
	memcpy(icmp + 2, &sum, 2);
	return ND_IP6_LEN + len;
}

/* RFC 2464 §7: 33:33 and the group's last four bytes. */
static uint64_t group_mac(const struct ip_addr *group)
{
	uint8_t b[6] = {0x33, 0x33};

	memcpy(b + 2, group->b + 12, 4);
	return mac_load(b);
}

uint32_t answer_arp(const uint8_t *frame, uint32_t n, uint64_t mac, uint8_t out[ANSWER_MAX])
{
	struct nd m;
	struct arp a = {.op = ND_ARP_REPLY, .from_mac = mac};
	uint32_t len;

	if (!nd_parse(&m, frame, n) || m.op != ND_ARP_REQUEST || m.is_gratuitous)
		return 0;
	a.to_mac = m.sender_mac;
	a.from = m.target.b;
	a.to = m.sender.b;
	len = put_eth(out, m.sender_mac, mac, frame, &m, PKT_TYPE_ARP);
	return len + put_arp(out + len, &a);
}

uint32_t answer_ns(const uint8_t *frame, uint32_t n, uint64_t mac, bool is_dad_defence,
		   uint8_t out[ANSWER_MAX])
{
	struct nd m;
	struct icmp6 na = {.op = ND_NA, .src = &m.target, .target = &m.target, .mac = mac};
	uint64_t to;
	uint32_t len;

	if (!nd_parse(&m, frame, n) || m.op != ND_NS || (m.is_dad && !is_dad_defence))
		return 0;
	if (m.is_dad) {
		na.flags = FLAG_OVERRIDE;
		na.dst = &all_nodes;
		to = group_mac(&all_nodes);
	} else {
		na.flags = FLAG_SOLICITED | FLAG_OVERRIDE;
		na.dst = &m.sender;
		to = m.sender_mac != 0 ? m.sender_mac : m.eth_src;
	}
	len = put_eth(out, to, mac, frame, &m, PKT_TYPE_IPV6);
	return len + put_icmp6(out + len, &na);
}

uint32_t solicit_arp_to(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
			const struct ip_addr *target, uint64_t dst_mac)
{
	struct arp a = {.op = ND_ARP_REQUEST, .from_mac = src_mac, .to = target->b};
	uint32_t len;

	if (target->family != 4 || (src != NULL && src->family != 4))
		return 0;
	a.from = src != NULL ? src->b : unspecified.b;
	len = put_eth(out, dst_mac, src_mac, NULL, NULL, PKT_TYPE_ARP);
	return len + put_arp(out + len, &a);
}

uint32_t solicit_arp(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		     const struct ip_addr *target)
{
	return solicit_arp_to(out, src_mac, src, target, MAC_BROADCAST);
}

static uint32_t put_ns(uint8_t *out, uint64_t dst_mac, const struct icmp6 *ns, uint64_t src_mac)
{
	uint32_t len;

	if (ns->target->family != 6 || ns->src->family != 6)
		return 0;
	len = put_eth(out, dst_mac, src_mac, NULL, NULL, PKT_TYPE_IPV6);
	return len + put_icmp6(out + len, ns);
}

uint32_t solicit_ns(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		    const struct ip_addr *target)
{
	struct ip_addr group = {.family = 6, .b = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
	struct icmp6 ns = {.op = ND_NS, .dst = &group, .target = target};

	memcpy(group.b + 13, target->b + 13, 3);
	ns.src = src != NULL ? src : &unspecified;
	ns.mac = is_zero(ns.src) ? 0 : src_mac; /* RFC 4861 §4.3: none from :: */
	return put_ns(out, group_mac(&group), &ns, src_mac);
}

uint32_t solicit_ns_to(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		       const struct ip_addr *target, uint64_t dst_mac)
{
	const struct icmp6 ns = {
		.op = ND_NS, .src = src, .dst = target, .target = target, .mac = src_mac};

	return put_ns(out, dst_mac, &ns, src_mac);
}

uint32_t announce_arp(uint8_t out[ANSWER_MAX], uint64_t mac, const struct ip_addr *ip)
{
	return solicit_arp(out, mac, ip, ip);
}

uint32_t announce_na(uint8_t out[ANSWER_MAX], uint64_t mac, const struct ip_addr *ip)
{
	const struct icmp6 na = {.op = ND_NA,
				 .flags = FLAG_OVERRIDE,
				 .src = ip,
				 .dst = &all_nodes,
				 .target = ip,
				 .mac = mac};
	uint32_t len;

	if (ip->family != 6)
		return 0;
	len = put_eth(out, group_mac(&all_nodes), mac, NULL, NULL, PKT_TYPE_IPV6);
	return len + put_icmp6(out + len, &na);
}
