/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames by which the forwarder takes part in ARP and IPv6 neighbour discovery
 * itself: answers for others (ipvlan l3's vnics and what they route to), questions
 * for its neighbour table, announcements. Pure: bytes and values in, bytes out; any
 * thread. Who may be answered, and for whom, is the caller's decision.
 *
 * All write a whole frame, without padding to 60 bytes, and return its length; 0: no
 * such frame can be made, and nothing was written.
 */
#ifndef NET_ANSWER_H
#define NET_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ip.h"

#define ANSWER_MAX 90 /**< Ethernet with a tag, IPv6, NS or NA with one option */

/**
 * Answers the ARP request @p frame: its target address is at @p mac. The answer goes to
 * the asker's hardware address and keeps the request's VLAN tag. A probe (sender 0.0.0.0)
 * is answered as well: ask nd_parse() first where it mustn't be.
 * @return 42, or 46 with a tag; 0: no ARP request, malformed, or a gratuitous one, which asks nothing
 */
uint32_t answer_arp(const uint8_t *frame, uint32_t n, uint64_t mac, uint8_t out[ANSWER_MAX]);

/**
 * Answers the Neighbour Solicitation @p frame: its target is at @p mac (RFC 4861 §7.2.4).
 * Solicited, override, from the target to the asker; to who asks from `::` (DAD) it goes to
 * all nodes, override only, so that he notices the double (RFC 4862 §5.4.4).
 * @param is_dad_defence  somebody else than the asker has the target: a DAD NS is answered,
 *                        too. false: it gets none, for the asker would give up his own address
 * @return 86, or 90 with a tag; 0: no NS, malformed, or a DAD NS without @p is_dad_defence
 */
uint32_t answer_ns(const uint8_t *frame, uint32_t n, uint64_t mac, bool is_dad_defence,
		   uint8_t out[ANSWER_MAX]);

/**
 * An ARP request for @p target.
 * @param src  its sender address; NULL: 0.0.0.0, as Linux does on a device without one
 */
uint32_t solicit_arp(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		     const struct ip_addr *target);

/** The same to @p dst_mac alone: is the neighbour still there (RFC 1122 §2.3.2.1)? */
uint32_t solicit_arp_to(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
			const struct ip_addr *target, uint64_t dst_mac);

/**
 * A Neighbour Solicitation for @p target to its solicited-node group (RFC 4861 §7.2.2).
 * @param src  an own address, commonly the link-local; NULL or `::` makes it the DAD of @p target
 */
uint32_t solicit_ns(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		    const struct ip_addr *target);

/** The same to the target itself at @p dst_mac (RFC 4861 §7.3.3); @p src isn't NULL. */
uint32_t solicit_ns_to(uint8_t out[ANSWER_MAX], uint64_t src_mac, const struct ip_addr *src,
		       const struct ip_addr *target, uint64_t dst_mac);

/** Gratuitous ARP in its request form (RFC 5227 §3, "ARP Announcement"): @p ip is at @p mac. */
uint32_t announce_arp(uint8_t out[ANSWER_MAX], uint64_t mac, const struct ip_addr *ip);

/** An unsolicited NA to all nodes, override (RFC 4861 §7.2.6): @p ip is at @p mac. */
uint32_t announce_na(uint8_t out[ANSWER_MAX], uint64_t mac, const struct ip_addr *ip);

#endif /* NET_ANSWER_H */
