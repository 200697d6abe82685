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

#include "base/err.h"
#include "net/pkt_ip.h"

/** Keys that one bulk lookup can serve. */
#define IP6_TABLE_BULK 64

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

/** What @p key maps to, or @p missing. */
uint16_t ip6_table_lookup(const struct ip6_table *t, const struct ip_key *key, uint16_t missing);

/**
 * The same for @p n keys, interleaved so that cache misses overlap.
 * @param n  at most IP6_TABLE_BULK
 */
void ip6_table_lookup_bulk(const struct ip6_table *t, const struct ip_key *const *keys, uint16_t n,
			   uint16_t missing, uint16_t *values);

#endif /* FWD_IP6_TABLE_H */
