/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 addresses to 16-bit values under 65535, on a key table: an address is found by a tag
 * of 48 bits, a hash with a secret, and then compared whole. Addresses whose tag another one
 * has already (in one table of 130,000, where they are 65,536), and those that are more than
 * a tag's 16-bit place can tell apart, are in an rte_hash behind it. Filled once by main, then
 * only read, by any number of workers, without locks.
 */
#ifndef FWD_IP6_TABLE_H
#define FWD_IP6_TABLE_H

#include <stddef.h>

#include <rte_common.h>

#include "base/err.h"
#include "fwd/key_table.h"
#include "net/pkt_ip.h"

struct ip_pair;
struct ip6_table;

/**
 * Makes a table of @p n pairs without doubles on NUMA node @p socket.
 * @param secret  two random words, so that who chooses addresses can't choose which tags are the same
 * @return NULL with @p err. Main.
 */
struct ip6_table *ip6_table_create(const struct ip_pair *pairs, size_t n, const uint64_t secret[2],
				   int socket, struct err *err);

/** NULL is fine. Main. */
void ip6_table_free(struct ip6_table *t);

/** What @p key maps to, or @p missing. Any thread. */
static inline uint16_t ip6_table_find(const struct ip6_table *t, const struct ip_key *key,
				      uint16_t missing);

/**
 * The same in steps, for who looks up many keys in a big table and wants cache misses to overlap: each is
 * taken for all keys before the next one.
 */
static inline bool ip6_table_is_big(const struct ip6_table *t);
static __rte_always_inline void ip6_table_prefetch(const struct ip6_table *t,
						   const struct ip_key *key);
/** Where its tag leads. */
static inline uint16_t ip6_table_place(const struct ip6_table *t, const struct ip_key *key);
static __rte_always_inline void ip6_table_prefetch_place(const struct ip6_table *t, uint16_t place);
/** What ip6_table_find() would tell. */
static inline uint16_t ip6_table_value(const struct ip6_table *t, const struct ip_key *key,
				       uint16_t place, uint16_t missing);

#include "fwd/ip6_table_inline.h"

#endif /* FWD_IP6_TABLE_H */
