/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MAC address translation, in place: a vnic whose owner insists on a MAC Z of its own
 * shares the port's M with the others (ipvlan's `macnat` policy). Outbound Z becomes M
 * where a receiver would learn from it, inbound M becomes Z where the owner compares.
 * Pure: bytes; any thread; frames that others hold are copied by the caller before.
 *
 * Fields that don't hold the address in question stay as they are: what an owner sends
 * under a third MAC is `strict`'s business, not this file's. Untagged or one VLAN tag.
 * Not translated: chaddr in DHCP (dhcp.h matches replies without it), payloads that name a MAC,
 * neighbour discovery behind IPv6 extension headers.
 */
#ifndef NET_MACNAT_H
#define NET_MACNAT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * To the wire or a sibling: source MAC, ARP's sender hardware address, and the link-layer
 * address options of RS, RA, NS, NA and redirects, @p own → @p port. ICMPv6's checksum is
 * brought up to date (RFC 1624), so a wrong one stays wrong.
 * @param frame         the first @p n bytes, contiguous and writable; what lies beyond isn't translated.
 *                      14 at least, else nothing is done
 * @param csum_pending  ICMPv6's checksum is still to be computed by an egress, and the field
 *                      holds the pseudo header's sum: it is left alone
 */
void macnat_outbound(uint8_t *frame, uint32_t n, uint64_t own, uint64_t port, bool csum_pending);

/** To the vnic: destination MAC and ARP's target hardware address, @p port → @p own. */
void macnat_inbound(uint8_t *frame, uint32_t n, uint64_t port, uint64_t own);

#endif /* NET_MACNAT_H */
