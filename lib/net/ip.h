/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IP addresses, prefixes and ranges as values, and their texts. Pure; any thread.
 */
#ifndef NET_IP_H
#define NET_IP_H

#include <stdbool.h>
#include <stdint.h>

#define IP_STR_LEN 64 /**< holds any address, prefix or route destination with its NUL */

/** An IPv4 or IPv6 address in network byte order; IPv4 in the first four bytes, the rest zero. */
struct ip_addr {
	uint8_t family; /**< 4 or 6; 0: none */
	uint8_t b[16];
};

/** An address with its prefix length: "10.0.0.2/24". */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len;
};

/** First to last, both included, of one family: "10.1.0.1-10.1.3.255"; a single address has first == last. */
struct ip_range {
	struct ip_addr first, last;
	uint8_t len; /**< prefix length to set on a netdev; 32 or 128 where none was written */
};

/**
 * "PREFIX via ADDR", or "PREFIX" for one on the link: an IP route. "default" is ::/0 or
 * 0.0.0.0/0 by the family of the gateway; on the link it is 0.0.0.0/0, as `ip route` has it.
 */
struct ip_route {
	struct ip_prefix dst;
	struct ip_addr via; /**< family 0: on the link */
};

/** Each reads the whole of @p text, or returns false and leaves the result untouched. */
bool ip_addr_parse(const char *text, struct ip_addr *a);
/** "10.0.0.2/24"; without "/LEN" the length is 32 or 128. */
bool ip_prefix_parse(const char *text, struct ip_prefix *p);
/** "A", "A/LEN" or "A-B" with A <= B in the same family. */
bool ip_range_parse(const char *text, struct ip_range *r);
/** "PREFIX", "default", each with " via ADDR" or without; bits beyond the prefix length are zero. */
bool ip_route_parse(const char *text, struct ip_route *r);

const char *ip_addr_format(const struct ip_addr *a, char buf[IP_STR_LEN]);
const char *ip_prefix_format(const struct ip_prefix *p, char buf[IP_STR_LEN]);

/** Addresses in @p r; saturates at UINT32_MAX. */
uint32_t ip_range_count(const struct ip_range *r);
/** @p a counted up by @p n as a number; wraps. */
struct ip_addr ip_addr_add(struct ip_addr a, uint32_t n);
/** Like memcmp: IPv4 before IPv6, then by value. */
int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b);
bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
/** fe80::/10 */
bool ip_addr_is_link_local(const struct ip_addr *a);
/** fe80:: and the modified EUI-64 of MAC key @p mac (RFC 4291, appendix A; Linux: addrconf_ifid_eui48()). */
struct ip_addr ip_link_local(uint64_t mac);
/** May a host have it? Neither multicast, broadcast, reserved (240/4), nor "this" (0/8, ::). */
bool ip_addr_is_unicast(const struct ip_addr *a);

#endif /* NET_IP_H */
