/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A MAC table: 48-bit keys to 16-bit values under 65535. Filled once by main,
 * then only read, by any number of workers, without locks. It costs half of what
 * rte_hash did, and one cache line a lookup instead of two or three.
 */
#ifndef FWD_MAC_TABLE_H
#define FWD_MAC_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "fwd/lists.h"

struct mac_table;

/**
 * Makes a table of @p pairs on NUMA node @p socket. Of pairs with one MAC the first counts.
 * @return NULL with @p err filled
 */
struct mac_table *mac_table_create(const struct mac_pairs *pairs, int socket, struct err *err);

void mac_table_free(struct mac_table *t);

/** What @p mac maps to, or @p missing. */
uint16_t mac_table_lookup(const struct mac_table *t, uint64_t mac, uint16_t missing);

/** The same for @p n MACs, interleaved so that cache misses overlap. */
void mac_table_lookup_bulk(const struct mac_table *t, const uint64_t *macs, uint16_t n,
			   uint16_t missing, uint16_t *values);

#endif /* FWD_MAC_TABLE_H */
