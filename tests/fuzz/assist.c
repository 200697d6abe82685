/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "assist.h"
#include "net/answer.h"
#include "net/csum.h"
#include "net/dhcp.h"
#include "net/macnat.h"
#include "net/nd.h"
#include "net/pkt.h"

#define PORT 0x010000004d02ULL /* 02:4d:00:00:00:01 */

static void expect(bool true_that)
{
	if (!true_that)
		__builtin_trap();
}

/* A fuzzer doesn't guess checksums. */
static void mend(uint8_t *b, uint32_t n)
{
	uint32_t len;
	uint16_t sum;

	if (n < PKT_ETH_LEN + ND_IP6_LEN + 4 || pkt_load16(b + 12) != PKT_TYPE_IPV6)
		return;
	b += PKT_ETH_LEN;
	len = pkt_load16(b + 4);
	if (b[6] != ND_PROTO_ICMP6 || len < 4 || len > n - PKT_ETH_LEN - ND_IP6_LEN)
		return;
	memset(b + ND_IP6_LEN + 2, 0, 2);
	sum = (uint16_t)~csum_icmp6(b + 8, b + ND_IP6_LEN, len);
	memcpy(b + ND_IP6_LEN + 2, &sum, 2);
}

/* What we say ourselves, we would believe. */
static void answer(const uint8_t *b, uint32_t n)
{
	uint8_t out[ANSWER_MAX];
	struct nd m;
	uint32_t len = answer_arp(b, n, PORT, out);

	if (len != 0)
		expect(nd_parse(&m, out, len) && m.op == ND_ARP_REPLY && m.sender_mac == PORT);
	len = answer_ns(b, n, PORT, true, out);
	if (len != 0)
		expect(nd_parse(&m, out, len) && m.op == ND_NA && m.target_mac == PORT);
}

/* Translated, it says the same of another MAC. */
static void translate(uint8_t *b, uint32_t n)
{
	uint64_t own = n < PKT_ETH_LEN ? 0 : mac_load(b + 6);
	struct nd before, after;
	bool valid = nd_parse(&before, b, n);

	macnat_outbound(b, n, own, PORT, false);
	if (valid) {
		expect(nd_parse(&after, b, n) && after.op == before.op && after.eth_src == PORT);
		expect(after.sender_mac == (before.sender_mac == own ? PORT : before.sender_mac));
	}
	macnat_inbound(b, n, PORT, own);
}

static void dhcp(const uint8_t *b, uint32_t n)
{
	struct dhcp d;

	if (dhcp_parse(&d, b, n) && d.client_id_len != 0)
		expect(d.client_id >= b && d.client_id + d.client_id_len <= b + n);
}

/* The flag, and nothing that would make it another message. */
static void broadcast(uint8_t *b, uint32_t n)
{
	struct dhcp before, after;
	bool valid = dhcp_parse(&before, b, n);

	dhcp_set_broadcast(b, n, false);
	expect(dhcp_parse(&after, b, n) == valid);
	if (valid)
		expect(after.broadcast == (before.broadcast || before.op == DHCP_REQUEST) &&
		       after.xid == before.xid && after.type == before.type);
}

void fuzz_assist(const uint8_t *frame, uint32_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	if (copy == NULL)
		return;
	memcpy(copy, frame, len);
	dhcp(copy, len);
	answer(copy, len);
	mend(copy, len);
	answer(copy, len);
	translate(copy, len);
	broadcast(copy, len);
	free(copy);
}
