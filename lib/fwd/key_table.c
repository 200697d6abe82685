/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of one cache line with eight slots. A slot is a key and its value plus one in 64 bits, 0 an empty
 * one. A key times the multiplier is the number of a slot, where most keys are; those who found it
 * taken are elsewhere in its line, and where the line was full, in the rte_hash. The multiplier is drawn at random
 * for each table: who chooses addresses can't choose which of them meet (Dietzfelbinger et al.,
 * "A reliable randomized algorithm for the closest-pair problem", 1997: multiply-shift is
 * universal).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_malloc.h>

#include "fwd/hash.h"
#include "fwd/key_table.h"

#define SLOT_BITS 3
#define SLOTS	  (1 << SLOT_BITS)
#define VALUE	  0xffffULL
#define MAX_KEY	  0xffffffffffffULL

/* Keys of a line on average, at most: one line in 50 then has more than fit. */
#define MEAN_FILL 4
/* Where lines are few there is room: most keys then are in their own slot. */
#define SPARSE_FILL 1
#define SPARSE_BITS 8
/* Multipliers that are tried for a table, for the one that has most keys in their own slots. */
#define TRIES 8

/* So many lines stay in the core's caches: asking for them ahead costs more than it saves. */
#define SMALL_BITS 10

/* As many slots as every machine that DPDK runs on compares at once. */
typedef uint64_t slots_t __attribute__((vector_size(16)));

union line {
	slots_t vectors[SLOTS / 2];
	uint64_t slots[SLOTS];
};

static inline union line *line_of(const struct key_table *t, uint64_t key)
{
	return (union line *)&t->slots[key_table_slot(t, key) & ~(SLOTS - 1)];
}

/* A key's value plus one, as the slots of @p l have it; 0: it isn't there. */
static inline uint32_t find(const union line *l, uint64_t key)
{
	const slots_t wanted = {key, key};
	slots_t found = {0};

	for (int i = 0; i < SLOTS / 2; i++)
		found |= l->vectors[i] & (slots_t)(l->vectors[i] >> 16 == wanted);
	return (uint32_t)((found[0] | found[1]) & KEY_TABLE_VALUE);
}

static bool is_full(const union line *l)
{
	const slots_t zero = {0};
	slots_t empty = {0};

	for (int i = 0; i < SLOTS / 2; i++)
		empty |= (slots_t)(l->vectors[i] == zero);
	return (empty[0] | empty[1]) == 0;
}

uint16_t key_table_search(const struct key_table *t, uint64_t key, uint16_t missing)
{
	const union line *l = line_of(t, key);
	uint32_t found = find(l, key);

	if (found != 0)
		return (uint16_t)(found - 1);
	return t->rest != NULL && is_full(l) ? hash_lookup(t->rest, &key, missing) : missing;
}

/* ---- filling ---- */

/* Into its own slot. false: another key has it. */
static bool put_first(struct key_table *t, const struct key_pair *p)
{
	uint64_t *own = &t->slots[key_table_slot(t, p->key)];

	if (*own == 0)
		*own = p->key << 16 | (p->value + 1u);
	return *own >> 16 == p->key;
}

/* Into its line, unless its key is there. false: it doesn't fit. */
static bool put(struct key_table *t, const struct key_pair *p)
{
	union line *l = line_of(t, p->key);

	if (find(l, p->key) != 0)
		return true;
	for (int i = 0; i < SLOTS; i++) {
		if (l->slots[i] == 0) {
			l->slots[i] = p->key << 16 | (p->value + 1u);
			return true;
		}
	}
	return false;
}

static int put_rest(struct key_table *t, const struct key_pair *p, struct err *err)
{
	/* No table has this value. */
	if (hash_lookup(t->rest, &p->key, UINT16_MAX) != UINT16_MAX)
		return 0;
	return hash_set(t->rest, &p->key, p->value, err);
}

/* A second time over all pairs, with the rte_hash; those in their lines stay there. */
static int fill_rest(struct key_table *t, const struct key_pairs *pairs, size_t n, int socket,
		     struct err *err)
{
	int rc = 0;

	t->rest = hash_create(sizeof(pairs->list[0].key), n, socket, err);
	if (t->rest == NULL)
		return -err->code;
	for (size_t i = 0; i < pairs->n && rc == 0; i++)
		if (!put(t, &pairs->list[i]))
			rc = put_rest(t, &pairs->list[i], err);
	return rc;
}

/* How many keys are not in their own slot. */
static size_t fill_first(struct key_table *t, const struct key_pairs *pairs)
{
	size_t n = 0;

	memset(t->slots, 0, sizeof(union line) * t->n_lines);
	for (size_t i = 0; i < pairs->n; i++)
		n += !put_first(t, &pairs->list[i]);
	return n;
}

/* A few multipliers, and then the best again. */
static size_t choose_multiplier(struct key_table *t, const struct key_pairs *pairs,
				const uint64_t *random, size_t n_random)
{
	size_t best = SIZE_MAX;
	uint64_t multiplier = 0;

	for (size_t i = 0; i < n_random && best > 0; i++) {
		size_t others;

		t->multiplier = random[i] | 1;
		others = fill_first(t, pairs);
		if (others < best) {
			best = others;
			multiplier = t->multiplier;
		}
	}
	if (t->multiplier != multiplier) {
		t->multiplier = multiplier;
		fill_first(t, pairs);
	}
	return best;
}

static int fill(struct key_table *t, const struct key_pairs *pairs, int socket, struct err *err)
{
	uint64_t random[TRIES];
	size_t n_rest = 0;

	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->list[i].value == UINT16_MAX || pairs->list[i].key > MAX_KEY)
			return err_set(err, EINVAL, "a table can't hold one of its values");
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_set(err, EIO, "no random number for a table of addresses");
	if (choose_multiplier(t, pairs, random, t->is_big ? 1 : TRIES) > 0)
		for (size_t i = 0; i < pairs->n; i++)
			n_rest += !put(t, &pairs->list[i]);
	return n_rest > 0 ? fill_rest(t, pairs, n_rest, socket, err) : 0;
}

/* The least number of bits for lines that have so many keys each. */
static uint32_t bits_for(size_t n, size_t mean_fill)
{
	uint32_t bits = 1;

	while ((mean_fill << bits) < n)
		bits++;
	return bits;
}

struct key_table *key_table_create(const struct key_pairs *pairs, int socket, struct err *err)
{
	struct key_table *t = calloc(1, sizeof(*t));
	uint32_t bits = bits_for(pairs->n, SPARSE_FILL);

	if (bits > SPARSE_BITS)
		bits = bits_for(pairs->n, MEAN_FILL);
	if (t != NULL) {
		t->n_lines = (size_t)1 << bits;
		t->shift = 64 - SLOT_BITS - bits;
		t->is_big = bits > SMALL_BITS;
		t->slots = rte_malloc_socket("key_table", sizeof(union line) * t->n_lines,
					     sizeof(union line), socket);
	}
	if (t == NULL || t->slots == NULL)
		err_set(err, ENOMEM, "no memory for a table of %zu addresses", pairs->n);
	else if (fill(t, pairs, socket, err) == 0)
		return t;
	key_table_free(t);
	return NULL;
}

void key_table_free(struct key_table *t)
{
	if (t == NULL)
		return;
	rte_free(t->slots);
	hash_free(t->rest);
	free(t);
}
