/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071) over short runs of bytes: neighbour discovery that
 * the forwarder reads and writes itself. What it forwards is lib/dp/offload.c's.
 * Pure; any thread.
 *
 * Sums are of 16-bit words as they lie in memory, so they hold on either byte
 * order as long as what is stored comes from csum_fold() by memcpy().
 */
#ifndef NET_CSUM_H
#define NET_CSUM_H

#include <stdint.h>
#include <string.h>

/** @p sum and the @p n bytes at @p b, as if followed by a zero where @p n is odd. */
static inline uint64_t csum_add(uint64_t sum, const uint8_t *b, uint32_t n)
{
	uint16_t w;

	for (; n >= 2; b += 2, n -= 2) {
		memcpy(&w, b, 2);
		sum += w;
	}
	if (n != 0) {
		w = 0;
		memcpy(&w, b, 1);
		sum += w;
	}
	return sum;
}

/** Folds to 16 bits; the complement is what a header carries. */
static inline uint16_t csum_fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

/**
 * The folded sum of an ICMPv6 message of @p n bytes at @p icmp and its pseudo header
 * (RFC 4443 §2.3, RFC 8200 §8.1); @p addrs: source and destination, 32 bytes. 0xffff:
 * the checksum in the message is right.
 */
static inline uint16_t csum_icmp6(const uint8_t *addrs, const uint8_t *icmp, uint32_t n)
{
	const uint8_t rest[8] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				 (uint8_t)n, [7] = 58};

	return csum_fold(csum_add(csum_add(csum_add(0, addrs, 32), rest, 8), icmp, n));
}

#endif /* NET_CSUM_H */
