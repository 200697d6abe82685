/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address table: IPv4 and IPv6 addresses to 16-bit values. Filled once by main, then
 * only read, by any number of workers, without locks. Tables are shared between
 * snapshots for as long as nothing in them changes.
 */
#ifndef FWD_IP_TABLE_H
#define FWD_IP_TABLE_H

#include <stddef.h>

#include <rte_common.h>

#include "base/err.h"
#include "fwd/ip6_table.h"
#include "fwd/key_table.h"
#include "net/ip.h"
#include "net/pkt_ip.h"

/** A row of a table to be. */
struct ip_pair {
	struct ip_key key;
	uint16_t value;
	bool v6;
};

struct ip_table;

/** The key of an address. */
static inline struct ip_key ip_key_of(const struct ip_addr *a)
{
	return a->family == 6 ? ip_key6(a->b) : ip_key4(a->b);
}

/** Orders pairs by family and key; what ip_table_create() wants. */
int ip_pair_compare(const void *a, const void *b);

/**
 * Makes a table of @p n pairs, sorted, without doubles, on NUMA node @p socket.
 * Takes over @p pairs (malloc()ed), also on failure.
 * @return NULL with @p err. Main.
 */
struct ip_table *ip_table_create(struct ip_pair *pairs, size_t n, int socket, struct err *err);

/** Takes and drops a reference; NULL is fine. Main. */
struct ip_table *ip_table_get(struct ip_table *t);
void ip_table_put(struct ip_table *t);

/** Its rows. NULL: 0. */
size_t ip_table_count(const struct ip_table *t);

/** What @p key maps to, or @p missing; so does all in a table that is NULL. Any thread. */
static inline uint16_t ip_table_find(const struct ip_table *t, const struct ip_key *key, bool v6,
				     uint16_t missing);

/**
 * The same in three steps, for who looks up many keys in a big table (not NULL) and wants cache misses to
 * overlap: each is taken for all keys before the next one.
 */
static inline bool ip_table_is_big(const struct ip_table *t);
static __rte_always_inline void ip_table_prefetch(const struct ip_table *t,
						  const struct ip_key *key, bool v6);
/** What the third step wants to know. */
static __rte_always_inline uint16_t ip_table_place(const struct ip_table *t,
						   const struct ip_key *key, bool v6,
						   uint16_t missing);
/** What ip_table_find() would tell. */
static inline uint16_t ip_table_value(const struct ip_table *t, const struct ip_key *key, bool v6,
				      uint16_t place, uint16_t missing);

#include "fwd/ip_table_inline.h"

#endif /* FWD_IP_TABLE_H */
