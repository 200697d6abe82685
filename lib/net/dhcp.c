/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "net/csum.h"
#include "net/dhcp.h"
#include "net/pkt.h"

#define IP4_LEN	     20
#define UDP_LEN	     8
#define BOOTP_LEN    236 /* RFC 951: up to where `vend` or DHCP's cookie begins */
#define OPT_PAD	     0
#define OPT_END	     255
#define OPT_LEASE    51
#define OPT_TYPE     53
#define OPT_CLIENT   61
#define PORT_SERVER  67
#define PORT_CLIENT  68
#define FLAG_BCAST   0x80
#define PROTO_UDP    17
#define IP4_FRAGMENT 0x3fff /* more to come, or not the first */

static uint32_t load32(const uint8_t *b)
{
	return (uint32_t)pkt_load16(b) << 16 | pkt_load16(b + 2);
}

/* One option of @len bytes at @b; false: it can't be of that length (RFC 2132). */
static bool take_option(struct dhcp *d, uint8_t code, const uint8_t *b, uint8_t len)
{
	switch (code) {
	case OPT_TYPE:
		if (len != 1)
			return false;
		if (d->type == DHCP_NONE)
			d->type = b[0];
		return true;
	case OPT_LEASE:
		if (len != 4)
			return false;
		if (!d->has_lease)
			d->lease = load32(b);
		d->has_lease = true;
		return true;
	case OPT_CLIENT:
		if (len < 2)
			return false;
		if (d->client_id_len == 0) {
			d->client_id = b;
			d->client_id_len = len;
		}
		return true;
	default:
		return true;
	}
}

/* A missing end mark is forgiven, as common servers and clients do. */
static bool parse_options(struct dhcp *d, const uint8_t *b, uint32_t n)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};

	if (n < sizeof(cookie) || memcmp(b, cookie, sizeof(cookie)) != 0)
		return true; /* plain BOOTP */
	b += sizeof(cookie);
	n -= sizeof(cookie);
	while (n != 0 && b[0] != OPT_END) {
		uint32_t len = 1;

		if (b[0] != OPT_PAD) {
			if (n < 2 || b[1] > n - 2)
				return false;
			if (!take_option(d, b[0], b + 2, b[1]))
				return false;
			len = 2u + b[1];
		}
		b += len;
		n -= len;
	}
	return true;
}

static bool parse_bootp(struct dhcp *d, const uint8_t *b, uint32_t n)
{
	if (n < BOOTP_LEN || b[0] != d->op || b[1] != 1 || b[2] != 6)
		return false;
	d->xid = load32(b + 4);
	d->broadcast = (b[10] & FLAG_BCAST) != 0;
	d->ciaddr.family = d->yiaddr.family = 4;
	memcpy(d->ciaddr.b, b + 12, 4);
	memcpy(d->yiaddr.b, b + 16, 4);
	d->chaddr = mac_load(b + 28);
	return parse_options(d, b + BOOTP_LEN, n - BOOTP_LEN);
}

static bool parse_udp(struct dhcp *d, const uint8_t *b, uint32_t n)
{
	uint16_t port, len;

	if (n < UDP_LEN)
		return false;
	port = pkt_load16(b + 2);
	len = pkt_load16(b + 4);
	if (len < UDP_LEN || len > n || (port != PORT_SERVER && port != PORT_CLIENT))
		return false;
	d->op = port == PORT_SERVER ? DHCP_REQUEST : DHCP_REPLY;
	return parse_bootp(d, b + UDP_LEN, len - UDP_LEN);
}

bool dhcp_parse(struct dhcp *out, const uint8_t *frame, uint32_t n)
{
	struct pkt p;
	const uint8_t *b;
	uint32_t head, total;

	if (!pkt_parse(&p, frame, n, n) || p.type != PKT_TYPE_IPV4)
		return false;
	*out = (struct dhcp){.l3 = p.tagged ? PKT_ETH_LEN + PKT_VLAN_LEN : PKT_ETH_LEN};
	b = frame + out->l3;
	n -= out->l3;
	if (n < IP4_LEN || b[0] >> 4 != 4 || b[9] != PROTO_UDP)
		return false;
	head = (b[0] & 0xfu) * 4;
	total = pkt_load16(b + 2);
	if (head < IP4_LEN || head > total || total > n || (pkt_load16(b + 6) & IP4_FRAGMENT) != 0)
		return false;
	return parse_udp(out, b + head, total - head);
}

void dhcp_set_broadcast(uint8_t *frame, uint32_t n, bool csum_pending)
{
	uint8_t *udp, *flags, *csum;
	uint16_t field, old, new;
	struct dhcp d;

	if (!dhcp_parse(&d, frame, n) || d.op != DHCP_REQUEST || d.broadcast)
		return;
	udp = frame + d.l3 + (frame[d.l3] & 0xfu) * 4;
	flags = udp + UDP_LEN + 10;
	csum = udp + 6;
	memcpy(&old, flags, 2);
	flags[0] |= FLAG_BCAST;
	memcpy(&new, flags, 2);
	memcpy(&field, csum, 2);
	if (csum_pending || field == 0)
		return;
	/* RFC 1624, equation 3; 0 would mean that there is none (RFC 768). */
	field = (uint16_t)~csum_fold((uint64_t)(uint16_t)~field + (uint16_t)~old + new);
	if (field == 0)
		field = 0xffff;
	memcpy(csum, &field, 2);
}
