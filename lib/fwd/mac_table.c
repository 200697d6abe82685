/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buckets of one cache line with eight slots. A slot is a key and its value plus one in 64
 * bits, 0 an empty one. A lookup multiplies, and compares a whole line without a branch; only
 * a bucket without an empty slot leads on to the next. The multiplier is drawn at random for each table: who
 * chooses addresses can't choose which of them meet (Dietzfelbinger et al., "A reliable randomized
 * algorithm for the closest-pair problem", 1997: multiply-shift is universal).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_malloc.h>

#include "fwd/mac_table.h"

#define SLOTS 8
#define VALUE 0xffffULL

/* Keys of a bucket on average, at most: then one in 50 has more than fit. */
#define MEAN_FILL 4

/* Multipliers are drawn until no key is further than this from its bucket; so often at most. */
#define NEAR  3
#define DRAWS 32

/* As many slots as every machine that DPDK runs on compares at once. */
typedef uint64_t slots_t __attribute__((vector_size(16)));

union bucket {
	slots_t vectors[SLOTS / 2];
	uint64_t slots[SLOTS];
};

struct mac_table {
	union bucket *buckets;
	uint64_t multiplier; /* odd */
	uint32_t mask; /* of a bucket's number */
	uint32_t shift;
};

static inline uint32_t bucket_of(const struct mac_table *t, uint64_t mac)
{
	return (uint32_t)(mac * t->multiplier >> t->shift);
}

/* A key's value plus one, as the slots of @p b have it; 0: it isn't there. */
static inline uint32_t find(const union bucket *b, uint64_t mac)
{
	const slots_t key = {mac, mac};
	slots_t found = {0};

	for (int i = 0; i < SLOTS / 2; i++)
		found |= b->vectors[i] & (slots_t)(b->vectors[i] >> 16 == key);
	return (uint32_t)((found[0] | found[1]) & VALUE);
}

static inline bool is_full(const union bucket *b)
{
	return b->slots[SLOTS - 1] != 0; /* they are filled from the front */
}

static uint32_t walk(const struct mac_table *t, uint32_t at, uint64_t mac)
{
	uint32_t found = 0;

	while (found == 0 && is_full(&t->buckets[at])) {
		at = (at + 1) & t->mask;
		found = find(&t->buckets[at], mac);
	}
	return found;
}

static inline uint16_t lookup(const struct mac_table *t, uint64_t mac, uint16_t missing)
{
	uint32_t at = bucket_of(t, mac);
	uint32_t found = find(&t->buckets[at], mac);

	if (__builtin_expect(found == 0, 0))
		found = walk(t, at, mac);
	return found != 0 ? (uint16_t)(found - 1) : missing;
}

static void clear(struct mac_table *t)
{
	for (uint32_t i = 0; i <= t->mask; i++)
		t->buckets[i] = (union bucket){0};
}

/* Puts a pair where it belongs, unless its key is there. How many buckets further that is. */
static uint32_t put(struct mac_table *t, const struct mac_pair *p)
{
	uint32_t at = bucket_of(t, p->mac), steps = 0;

	for (;; steps++, at = (at + 1) & t->mask) {
		union bucket *b = &t->buckets[at];

		for (int i = 0; i < SLOTS; i++) {
			if (b->slots[i] != 0 && b->slots[i] >> 16 != p->mac)
				continue;
			if (b->slots[i] == 0)
				b->slots[i] = p->mac << 16 | (p->value + 1u);
			return steps;
		}
	}
}

/* With the multiplier that @p t has. false: some key is too far away. */
static bool fill(struct mac_table *t, const struct mac_pairs *pairs, uint32_t most)
{
	clear(t);
	for (size_t i = 0; i < pairs->n; i++)
		if (put(t, &pairs->list[i]) > most)
			return false;
	return true;
}

static int draw(uint64_t *multiplier)
{
	if (getrandom(multiplier, sizeof(*multiplier), 0) != sizeof(*multiplier))
		return -EIO;
	*multiplier |= 1;
	return 0;
}

static int build(struct mac_table *t, const struct mac_pairs *pairs)
{
	for (int i = 1; i <= DRAWS; i++) {
		int rc = draw(&t->multiplier);

		if (rc != 0)
			return rc;
		if (fill(t, pairs, i < DRAWS ? NEAR : UINT32_MAX))
			break;
	}
	return 0;
}

/* What a slot can't hold. */
static bool is_legal(const struct mac_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->list[i].value == UINT16_MAX || pairs->list[i].mac > MAC_MASK)
			return false;
	return true;
}

struct mac_table *mac_table_create(const struct mac_pairs *pairs, int socket, struct err *err)
{
	struct mac_table *t = calloc(1, sizeof(*t));
	uint32_t bits = 1;

	while (((size_t)MEAN_FILL << bits) < pairs->n)
		bits++;
	if (t != NULL) {
		t->mask = (1u << bits) - 1;
		t->shift = 64 - bits;
		t->buckets = rte_malloc_socket("mac_table", sizeof(*t->buckets) << bits,
					       sizeof(*t->buckets), socket);
	}
	if (t == NULL || t->buckets == NULL) {
		err_set(err, ENOMEM, "no memory for a table of %zu MAC addresses", pairs->n);
	} else if (!is_legal(pairs)) {
		err_set(err, EINVAL, "a table of MAC addresses can't hold one of its values");
	} else {
		int rc = build(t, pairs);

		if (rc == 0)
			return t;
		err_set(err, -rc, "no random number for a table of MAC addresses");
	}
	mac_table_free(t);
	return NULL;
}

void mac_table_free(struct mac_table *t)
{
	if (t == NULL)
		return;
	rte_free(t->buckets);
	free(t);
}

uint16_t mac_table_lookup(const struct mac_table *t, uint64_t mac, uint16_t missing)
{
	return lookup(t, mac, missing);
}

void mac_table_lookup_bulk(const struct mac_table *t, const uint64_t *macs, uint16_t n,
			   uint16_t missing, uint16_t *values)
{
	for (uint16_t i = 0; i < n; i++)
		__builtin_prefetch(&t->buckets[bucket_of(t, macs[i])]);
	for (uint16_t i = 0; i < n; i++)
		values[i] = lookup(t, macs[i], missing);
}
