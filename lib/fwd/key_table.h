/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key table: 48-bit keys (MAC and IPv4 addresses, tags of IPv6 addresses) to 16-bit
 * values under 65535. Filled once by main, then only read, by any number of workers,
 * without locks.
 *
 * It is rte_hash with slots in front, each a key and its value. Most keys are in the slot that a
 * multiplication names: one load, one comparison. The others are in the same line, and those that
 * don't fit there, some 1 in 100, in an rte_hash behind it. rte_hash alone reads a bucket of
 * signatures, then the key in another line, and then compares by a call.
 */
#ifndef FWD_KEY_TABLE_H
#define FWD_KEY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/err.h"

/** One row of a table to be. */
struct key_pair {
	uint64_t key;
	uint16_t value;
};

struct key_pairs {
	struct key_pair *list;
	size_t n;
};

struct key_table;

/**
 * Makes a table of @p pairs on NUMA node @p socket. Of pairs with one key the first counts.
 * @return NULL with @p err filled
 */
struct key_table *key_table_create(const struct key_pairs *pairs, int socket, struct err *err);

/** NULL is fine. */
void key_table_free(struct key_table *t);

/** What @p key maps to, or @p missing. Any thread. */
static inline uint16_t key_table_find(const struct key_table *t, uint64_t key, uint16_t missing);

/**
 * Is it more than the core's caches hold for certain? Who looks up many keys then asks for all of them
 * ahead, so that cache misses overlap. Where it isn't, asking costs more than it saves.
 */
static inline bool key_table_is_big(const struct key_table *t);
static __rte_always_inline void key_table_prefetch(const struct key_table *t, uint64_t key);

#include "fwd/key_table_inline.h"

#endif /* FWD_KEY_TABLE_H */
