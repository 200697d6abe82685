/* SPDX-License-Identifier: BSD-3-Clause */
/* The lookup that every frame of ipvlan takes; apart, so that ip_table.h reads as the contract. */
#ifndef FWD_IP_TABLE_INLINE_H
#define FWD_IP_TABLE_INLINE_H

struct ip_table {
	struct key_table *v4; /**< NULL, here and below: no address of the family */
	struct ip6_table *v6;
	size_t n;
	uint32_t refs;
};

static inline uint16_t ip_table_find(const struct ip_table *t, const struct ip_key *key, bool v6,
				     uint16_t missing)
{
	if (t == NULL)
		return missing;
	if (v6)
		return t->v6 != NULL ? ip6_table_find(t->v6, key, missing) : missing;
	return t->v4 != NULL ? key_table_find(t->v4, key->w[0], missing) : missing;
}

static inline bool ip_table_is_big(const struct ip_table *t)
{
	return t != NULL && ((t->v4 != NULL && key_table_is_big(t->v4)) ||
			     (t->v6 != NULL && ip6_table_is_big(t->v6)));
}

static __rte_always_inline void ip_table_prefetch(const struct ip_table *t,
						  const struct ip_key *key, bool v6)
{
	if (v6 && t->v6 != NULL)
		ip6_table_prefetch(t->v6, key);
	else if (!v6 && t->v4 != NULL)
		key_table_prefetch(t->v4, key->w[0]);
}

static __rte_always_inline uint16_t ip_table_place(const struct ip_table *t,
						   const struct ip_key *key, bool v6,
						   uint16_t missing)
{
	uint16_t place;

	if (!v6)
		return t->v4 != NULL ? key_table_find(t->v4, key->w[0], missing) : missing;
	if (t->v6 == NULL)
		return missing;
	place = ip6_table_place(t->v6, key);
	ip6_table_prefetch_place(t->v6, place);
	return place;
}

static inline uint16_t ip_table_value(const struct ip_table *t, const struct ip_key *key, bool v6,
				      uint16_t place, uint16_t missing)
{
	return v6 && t->v6 != NULL ? ip6_table_value(t->v6, key, place, missing) : place;
}

#endif /* FWD_IP_TABLE_INLINE_H */
