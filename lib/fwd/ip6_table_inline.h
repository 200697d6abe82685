/* SPDX-License-Identifier: BSD-3-Clause */
/* The lookup that every IPv6 frame takes; apart, so that ip6_table.h reads as the contract. */
#ifndef FWD_IP6_TABLE_INLINE_H
#define FWD_IP6_TABLE_INLINE_H

struct hash;

/** An address, whole, and what it maps to. */
struct __rte_aligned(32) ip6_place
{
	struct ip_key key;
	uint16_t value;
};

struct ip6_table {
	struct key_table *tags; /**< tag → index of the first place that has it */
	struct ip6_place *places;
	struct hash *rest; /**< keys whose tag another one has; NULL: none */
	uint64_t secret[2];
};

#define IP6_TABLE_NOWHERE UINT16_MAX

__extension__ typedef unsigned __int128 ip6_table_wide;

/** The product's halves folded: every bit of both words reaches every bit of a tag. */
static inline uint64_t ip6_table_tag(const struct ip6_table *t, const struct ip_key *key)
{
	ip6_table_wide product =
		(ip6_table_wide)(key->w[0] ^ t->secret[0]) * (key->w[1] ^ t->secret[1]);

	return ((uint64_t)product ^ (uint64_t)(product >> 64)) >> 16;
}

/** ip6_table_find() where it isn't at its tag's place. */
uint16_t ip6_table_search(const struct ip6_table *t, const struct ip_key *key, uint16_t missing);

static inline uint16_t ip6_table_place(const struct ip6_table *t, const struct ip_key *key)
{
	return key_table_find(t->tags, ip6_table_tag(t, key), IP6_TABLE_NOWHERE);
}

static inline uint16_t ip6_table_value(const struct ip6_table *t, const struct ip_key *key,
				       uint16_t place, uint16_t missing)
{
	if (__builtin_expect(place != IP6_TABLE_NOWHERE && ip_key_equal(&t->places[place].key, key),
			     1))
		return t->places[place].value;
	return ip6_table_search(t, key, missing);
}

static inline uint16_t ip6_table_find(const struct ip6_table *t, const struct ip_key *key,
				      uint16_t missing)
{
	return ip6_table_value(t, key, ip6_table_place(t, key), missing);
}

static inline bool ip6_table_is_big(const struct ip6_table *t)
{
	return key_table_is_big(t->tags);
}

static __rte_always_inline void ip6_table_prefetch(const struct ip6_table *t,
						   const struct ip_key *key)
{
	key_table_prefetch(t->tags, ip6_table_tag(t, key));
}

static __rte_always_inline void ip6_table_prefetch_place(const struct ip6_table *t, uint16_t place)
{
	__builtin_prefetch(&t->places[place]); /* harmless, what NOWHERE names: nothing is read */
}

#endif /* FWD_IP6_TABLE_INLINE_H */
