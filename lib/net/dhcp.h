/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BOOTP and DHCPv4 (RFC 951, 2131, 2132) in a frame, as far as it takes to give a reply to
 * the vnic that asked: vnics that share a MAC can't be told apart by chaddr. Pure: bytes in, a
 * value out; any thread.
 *
 * Untagged or one VLAN tag; IPv4 unfragmented, with options or without. Checksums aren't
 * looked at: nothing is decided by this but who gets the frame, and his stack will look.
 * Options in `file` and `sname` (overload, option 52) aren't read; what is needed here is
 * never put there by servers, whose message type comes first in the options proper.
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ip.h"

#define DHCP_REQUEST 1 /**< `op`: from a client */
#define DHCP_REPLY   2 /**< `op`: from a server */

/** Message types (RFC 2132 §9.6); 0 in plain BOOTP. */
enum dhcp_type {
	DHCP_NONE,
	DHCP_DISCOVER,
	DHCP_OFFER,
	DHCP_REQUESTED, /**< DHCPREQUEST */
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

struct dhcp {
	uint8_t op; /**< DHCP_REQUEST or DHCP_REPLY */
	uint8_t type; /**< enum dhcp_type, or a later one's number */
	bool broadcast; /**< a request's flag: answer by broadcast */
	bool has_lease;
	uint8_t client_id_len; /**< 0: none */
	uint16_t l3; /**< where IPv4 begins: 14, or 18 behind a tag */
	uint32_t xid; /**< host order */
	uint32_t lease; /**< seconds; UINT32_MAX: for ever */
	uint64_t chaddr; /**< MAC key */
	struct ip_addr ciaddr, yiaddr; /**< all zero: none */
	const uint8_t *client_id; /**< option 61, type byte included; inside the frame */
};

/**
 * Reads the frame at @p frame, of which the first @p n bytes are contiguous there; the
 * datagram must be whole within them. Of an option that is there twice the first counts.
 * @return false: no request to port 67 or reply to port 68, another hardware than Ethernet, or
 *         malformed; @p out is then undefined
 */
bool dhcp_parse(struct dhcp *out, const uint8_t *frame, uint32_t n);

/**
 * Sets the broadcast flag (RFC 2131 §2) of the request @p frame, in place, and brings UDP's
 * checksum up to date: for a client that couldn't be reached at its chaddr. Other frames stay.
 * @param csum_pending  the checksum is still to be computed, and is left alone
 */
void dhcp_set_broadcast(uint8_t *frame, uint32_t n, bool csum_pending);

#endif /* NET_DHCP_H */
