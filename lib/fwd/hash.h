/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash of 8- or 16-byte keys to 16-bit values, on rte_hash: the only place that knows
 * it. It stands behind key_table.h and ip6_table.h, which answer for most keys. Filled once by
 * main, then only read, by any number of workers, without locks.
 */
#ifndef FWD_HASH_H
#define FWD_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct hash;

/**
 * Room for @p n keys of @p key_len bytes (8 or 16) on NUMA node @p socket.
 * @return NULL with @p err filled. Main.
 */
struct hash *hash_create(uint32_t key_len, size_t n, int socket, struct err *err);

/** NULL is fine. Main. */
void hash_free(struct hash *h);

/** Sets what @p key maps to. 0 or -errno with @p err. Main. */
int hash_set(struct hash *h, const void *key, uint16_t value, struct err *err);

/** What @p key maps to, or @p missing. */
uint16_t hash_lookup(const struct hash *h, const void *key, uint16_t missing);

#endif /* FWD_HASH_H */
