/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has it changed? A signature of values, to be compared with that of last time, so that
 * large tables are built anew only where they differ. Main.
 */
#ifndef CTL_SIGNATURE_H
#define CTL_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/ip.h"

/** Adds @p n bytes to signature @p h. */
static inline uint64_t signature_add(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (; n >= 8; n -= 8, b += 8) {
		uint64_t w;

		memcpy(&w, b, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	for (; n > 0; n--, b++) {
		h = (h ^ *b) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	return h;
}

static inline uint64_t signature_add_ip(uint64_t h, const struct ip_addr *a, uint8_t len)
{
	const uint8_t family[2] = {a->family, len};

	return signature_add(signature_add(h, family, sizeof(family)), a->b, sizeof(a->b));
}

#endif /* CTL_SIGNATURE_H */
