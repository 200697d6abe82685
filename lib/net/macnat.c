/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/csum.h"
#include "net/macnat.h"
#include "net/nd.h"
#include "net/pkt.h"

#define ARP_SENDER_MAC 8
#define ARP_TARGET_MAC 18

/* Exchanges the address at @b; false: another one stands there. */
static bool swap(uint8_t *b, uint64_t from, uint64_t to)
{
	if (mac_load(b) != from)
		return false;
	mac_store(b, to);
	return true;
}

/* RFC 1624, equation 3. @b lies at an even distance from the checksum. */
static void swap_summed(uint8_t *b, uint64_t from, uint64_t to, uint8_t *csum)
{
	uint8_t old[6];
	uint64_t sum = 0;
	uint16_t field;

	mac_store(old, from);
	if (!swap(b, from, to))
		return;
	for (int i = 0; i < 6; i++)
		old[i] = (uint8_t)~old[i];
	memcpy(&field, csum, 2);
	sum = csum_add(sum + (uint16_t)~field, old, 6);
	field = (uint16_t)~csum_fold(csum_add(sum, b, 6));
	memcpy(csum, &field, 2);
}

/* Bytes in front of the options (RFC 4861 §4); 0: a message without any that concerns us. */
static uint32_t fixed_len(uint8_t type)
{
	switch (type) {
	case ND_RS:
		return 8;
	case ND_RA:
		return 16;
	case ND_NS:
	case ND_NA:
		return ND_MSG_LEN;
	case ND_REDIRECT:
		return 40;
	default:
		return 0;
	}
}

/* @b: the IPv6 header, @n bytes from there. Who can't be read to the end is left as it is from there on. */
static void outbound_nd(uint8_t *b, uint32_t n, uint64_t own, uint64_t port, bool csum_pending)
{
	uint8_t *icmp = b + ND_IP6_LEN, scratch[2] = {0};
	uint8_t *csum = csum_pending ? scratch : icmp + 2;
	uint32_t at, end;

	if (n < ND_IP6_LEN + 4 || b[0] >> 4 != 6 || b[6] != ND_PROTO_ICMP6)
		return;
	end = pkt_load16(b + 4);
	if (end > n - ND_IP6_LEN)
		end = n - ND_IP6_LEN;
	at = fixed_len(icmp[0]);
	if (at == 0)
		return;
	while (at + ND_OPT_LEN <= end && icmp[at + 1] != 0) {
		uint8_t *opt = icmp + at;

		if ((opt[0] == ND_OPT_SOURCE_LL || opt[0] == ND_OPT_TARGET_LL) && opt[1] == 1)
			swap_summed(opt + 2, own, port, csum);
		at += opt[1] * 8u;
	}
}

static bool is_arp(const uint8_t *b, uint32_t n)
{
	return n >= ND_ARP_LEN && pkt_load16(b) == 1 && b[4] == 6 && b[5] == 4;
}

void macnat_outbound(uint8_t *frame, uint32_t n, uint64_t own, uint64_t port, bool csum_pending)
{
	struct pkt p;
	uint32_t l3;

	if (n < PKT_ETH_LEN)
		return;
	swap(frame + 6, own, port);
	if (!pkt_parse(&p, frame, n, n))
		return;
	l3 = p.tagged ? PKT_ETH_LEN + PKT_VLAN_LEN : PKT_ETH_LEN;
	if (p.type == PKT_TYPE_ARP && is_arp(frame + l3, n - l3))
		swap(frame + l3 + ARP_SENDER_MAC, own, port);
	else if (p.type == PKT_TYPE_IPV6)
		outbound_nd(frame + l3, n - l3, own, port, csum_pending);
}

void macnat_inbound(uint8_t *frame, uint32_t n, uint64_t port, uint64_t own)
{
	struct pkt p;
	uint32_t l3;

	if (n < PKT_ETH_LEN)
		return;
	swap(frame, port, own);
	if (!pkt_parse(&p, frame, n, n) || p.type != PKT_TYPE_ARP)
		return;
	l3 = p.tagged ? PKT_ETH_LEN + PKT_VLAN_LEN : PKT_ETH_LEN;
	if (is_arp(frame + l3, n - l3))
		swap(frame + l3 + ARP_TARGET_MAC, port, own);
}
