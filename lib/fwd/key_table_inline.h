/* SPDX-License-Identifier: BSD-3-Clause */
/* The lookup that every frame takes; apart, so that key_table.h reads as the contract. */
#ifndef FWD_KEY_TABLE_INLINE_H
#define FWD_KEY_TABLE_INLINE_H

struct hash;

/** Its lines are told of in key_table.c. */
struct key_table {
	uint64_t *slots; /**< each 0, or a key and its value plus one */
	size_t n_lines;
	struct hash *rest; /**< keys that don't fit their line; NULL: all do */
	uint64_t multiplier; /**< odd */
	uint32_t shift;
	bool is_big;
};

#define KEY_TABLE_VALUE 0xffffULL

/** The number of the slot that @p key would like to have. */
static inline uint32_t key_table_slot(const struct key_table *t, uint64_t key)
{
	return (uint32_t)(key * t->multiplier >> t->shift);
}

/** key_table_find() where it isn't in that slot. */
uint16_t key_table_search(const struct key_table *t, uint64_t key, uint16_t missing);

static inline uint16_t key_table_find(const struct key_table *t, uint64_t key, uint16_t missing)
{
	/* Its value; where the slot is empty or another key's, more than any value. */
	uint64_t value = t->slots[key_table_slot(t, key)] - (key << 16) - 1;

	if (__builtin_expect(value < KEY_TABLE_VALUE, 1))
		return (uint16_t)value;
	return key_table_search(t, key, missing);
}

static inline bool key_table_is_big(const struct key_table *t)
{
	return t->is_big;
}

/* Always: gcc 12 takes a function that does nothing else for one without effect, and drops its calls. */
static __rte_always_inline void key_table_prefetch(const struct key_table *t, uint64_t key)
{
	__builtin_prefetch(&t->slots[key_table_slot(t, key)]);
}

#endif /* FWD_KEY_TABLE_INLINE_H */
