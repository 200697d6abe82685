/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address table: IPv4 and IPv6 addresses to 16-bit values. Filled once by main, then
 * only read, by any number of workers, without locks. Tables are shared between
 * snapshots for as long as nothing in them changes.
 */
#ifndef FWD_IP_TABLE_H
#define FWD_IP_TABLE_H

#include <stddef.h>

#include "base/err.h"
#include "net/ip.h"
#include "net/pkt_ip.h"

/** Frames that one bulk lookup can serve. */
#define IP_TABLE_BULK 64

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

/** What @p key maps to, or @p missing; so does all in a table that is NULL. */
uint16_t ip_table_lookup(const struct ip_table *t, const struct ip_key *key, bool v6,
			 uint16_t missing);

/**
 * The same for @p n keys of one family, interleaved so that cache misses overlap. Of IPv4 keys
 * it takes the first words, which are all there is to them.
 * @param n  at most IP_TABLE_BULK
 */
void ip_table_lookup4_bulk(const struct ip_table *t, const uint64_t *keys, uint16_t n,
			   uint16_t missing, uint16_t *values);
void ip_table_lookup6_bulk(const struct ip_table *t, const struct ip_key *const *keys, uint16_t n,
			   uint16_t missing, uint16_t *values);

#endif /* FWD_IP_TABLE_H */
