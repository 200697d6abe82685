/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the forwarder knows of a frame: `struct pkt`, made from its first bytes.
 * Pure: bytes in, values out; any thread. Bytes of a hostile sender are the
 * normal case, so nothing is read beyond the length that the caller names.
 */
#ifndef NET_PKT_H
#define NET_PKT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#include "net/mac.h"

#define PKT_ETH_LEN   14
#define PKT_VLAN_LEN  4
#define PKT_PARSE_LEN 18 /**< bytes that pkt_parse() wants to see at most */

/** EtherTypes that decisions look at. */
#define PKT_TYPE_IPV4  0x0800
#define PKT_TYPE_ARP   0x0806
#define PKT_TYPE_VLAN  0x8100
#define PKT_TYPE_QINQ  0x88a8
#define PKT_TYPE_IPV6  0x86dd
#define PKT_TYPE_PAUSE 0x8808 /**< MAC control; macvlan never floods it (docs/semantics.md, G5) */

/** A parsed frame header. */
struct pkt {
	uint64_t dst; /**< MAC key */
	uint64_t src; /**< MAC key */
	uint32_t len; /**< the whole frame's, from the destination MAC to the end, without FCS */
	uint16_t type; /**< host order; the one behind the outer VLAN tag, if there is one */
	bool tagged; /**< an 802.1Q or 802.1ad tag stands in front of `type` */
	bool gso; /**< a super-frame that is cut at the egress: exempt from MTU checks */
};

static inline bool pkt_is_group(const struct pkt *p)
{
	return mac_is_group(p->dst);
}

/** Reads a big-endian 16-bit value at any alignment. */
static inline uint16_t pkt_load16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/**
 * Reads the Ethernet header.
 * @param b      the first @p n bytes of the frame, contiguous; PKT_PARSE_LEN or the whole frame suffice
 * @param len    length of the whole frame
 * @return false: too short to be a frame (under 14 bytes); @p p is then not written
 */
static inline bool pkt_parse(struct pkt *p, const uint8_t *b, uint32_t n, uint32_t len)
{
	uint64_t dst, src;

	if (n < PKT_ETH_LEN)
		return false;
	/* Eight bytes are one load; of the header's fourteen two of them are enough. */
	memcpy(&dst, b, sizeof(dst));
	memcpy(&src, b + 6, sizeof(src));
	p->dst = dst & MAC_MASK;
	p->src = src & MAC_MASK;
	p->len = len;
	p->type = pkt_load16(b + 12);
	p->tagged = false;
	p->gso = false;
	if (__builtin_expect(p->type != PKT_TYPE_VLAN && p->type != PKT_TYPE_QINQ, 1))
		return true;
	if (n < PKT_ETH_LEN + PKT_VLAN_LEN)
		return false;
	p->tagged = true;
	p->type = pkt_load16(b + 16);
	return true;
}

#endif /* NET_PKT_H */
