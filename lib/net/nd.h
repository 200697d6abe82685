/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a frame says of neighbours: ARP requests and replies, and the Neighbour
 * Solicitations and Advertisements of IPv6, as one value. A frame that a receiver
 * must not believe (RFC 826, 5227, 4861 §7.1) is none. Pure: bytes in, a value out;
 * any thread.
 *
 * Ethernet II, untagged or behind one VLAN tag. An NS or NA behind extension
 * headers isn't seen: nobody sends such, and RFC 6980 forbids the fragmented ones.
 */
#ifndef NET_ND_H
#define NET_ND_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ip.h"

#define ND_ARP_LEN	 28 /**< an ARP message for Ethernet and IPv4 */
#define ND_IP6_LEN	 40
#define ND_MSG_LEN	 24 /**< an NS or NA without options */
#define ND_OPT_LEN	 8 /**< a link-layer address option of Ethernet (RFC 2464 §6) */
#define ND_OPT_SOURCE_LL 1
#define ND_OPT_TARGET_LL 2
#define ND_PROTO_ICMP6	 58

/** Values are ICMPv6's own types where there is one (RFC 4861 §4). */
enum nd_op {
	ND_ARP_REQUEST = 1,
	ND_ARP_REPLY = 2,
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
};

/** One message; nd_parse() makes requests, replies, NS and NA only. */
struct nd {
	enum nd_op op;
	uint64_t eth_dst, eth_src; /**< MAC keys of the frame */
	struct ip_addr sender; /**< ARP's sender, IPv6's source; all zero in a probe */
	struct ip_addr dst; /**< IPv6's destination; family 0 in ARP */
	struct ip_addr target; /**< never a group; zero only in the ARP reply to a probe */
	uint64_t sender_mac; /**< ARP's sender, the source option of an NS; 0: not told */
	uint64_t
		target_mac; /**< ARP's target (anything), the target option of an NA; 0: not told */
	uint16_t l3; /**< where ARP or IPv6 begins: 14, or 18 behind a tag */
	bool router, solicited, override; /**< of an NA */
	bool is_probe; /**< asks whether the target is free: ARP probe (RFC 5227) or DAD NS */
	bool is_dad; /**< such an NS (RFC 4862 §5.4) */
	bool is_gratuitous; /**< unasked for: ARP about its own sender, NA that isn't solicited */
};

/**
 * Reads the frame at @p frame, of which the first @p n bytes are contiguous there; the
 * message must be whole within them.
 * @return false: no such message, or a malformed one; @p out is then undefined
 */
bool nd_parse(struct nd *out, const uint8_t *frame, uint32_t n);

/** Is @p a one of ff02::1:ff00:0/104, the solicited-node groups (RFC 4291 §2.7.1)? */
bool nd_is_solicited_node(const struct ip_addr *a);

#endif /* NET_ND_H */
