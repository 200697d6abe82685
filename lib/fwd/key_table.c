/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of one cache line with eight slots. A slot is a key and its value plus one in 64
 * bits, 0 an empty one. A lookup multiplies, and compares a whole line without a branch; only
 * a line without an empty slot leads on to the rte_hash. The multiplier is drawn at random
 * for each table: who chooses addresses can't choose which of them meet (Dietzfelbinger et al.,
 * "A reliable randomized algorithm for the closest-pair problem", 1997: multiply-shift is
 * universal).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_malloc.h>

#include "fwd/hash.h"
#include "fwd/key_table.h"

#define SLOTS	8
#define VALUE	0xffffULL
#define MAX_KEY 0xffffffffffffULL

/* Keys of a line on average, at most: then one line in 50 has more than fit. */
#define MEAN_FILL 4

/* So many lines stay in the core's caches: asking for them ahead costs more than it saves. */
#define SMALL_BITS 8

/* As many slots as every machine that DPDK runs on compares at once. */
typedef uint64_t slots_t __attribute__((vector_size(16)));

union line {
	slots_t vectors[SLOTS / 2];
	uint64_t slots[SLOTS];
};

struct key_table {
	union line *lines;
	struct hash *rest; /* keys that don't fit their line; NULL: all do */
	uint64_t multiplier; /* odd */
	uint32_t shift;
	bool is_big;
};

static inline uint32_t line_of(const struct key_table *t, uint64_t key)
{
	return (uint32_t)(key * t->multiplier >> t->shift);
}

/* A key's value plus one, as the slots of @p l have it; 0: it isn't there. */
static inline uint32_t find(const union line *l, uint64_t key)
{
	const slots_t wanted = {key, key};
	slots_t found = {0};

	for (int i = 0; i < SLOTS / 2; i++)
		found |= l->vectors[i] & (slots_t)(l->vectors[i] >> 16 == wanted);
	return (uint32_t)((found[0] | found[1]) & VALUE);
}

static inline bool is_full(const union line *l)
{
	return l->slots[SLOTS - 1] != 0; /* they are filled from the front */
}

static inline uint16_t lookup(const struct key_table *t, uint64_t key, uint16_t missing)
{
	const union line *l = &t->lines[line_of(t, key)];
	uint32_t found = find(l, key);

	if (__builtin_expect(found == 0, 0)) {
		if (!is_full(l) || t->rest == NULL)
			return missing;
		return hash_lookup(t->rest, &key, missing);
	}
	return (uint16_t)(found - 1);
}

/* ---- filling ---- */

/* Into its line, unless its key is there. false: it doesn't fit. */
static bool put(struct key_table *t, const struct key_pair *p)
{
	union line *l = &t->lines[line_of(t, p->key)];

	for (int i = 0; i < SLOTS; i++) {
		if (l->slots[i] == 0)
			l->slots[i] = p->key << 16 | (p->value + 1u);
		if (l->slots[i] >> 16 == p->key)
			return true;
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

static int fill(struct key_table *t, const struct key_pairs *pairs, int socket, struct err *err)
{
	size_t n_rest = 0;

	if (getrandom(&t->multiplier, sizeof(t->multiplier), 0) != sizeof(t->multiplier))
		return err_set(err, EIO, "no random number for a table of addresses");
	t->multiplier |= 1;
	for (size_t i = 0; i < pairs->n; i++) {
		if (pairs->list[i].value == UINT16_MAX || pairs->list[i].key > MAX_KEY)
			return err_set(err, EINVAL, "a table can't hold one of its values");
		n_rest += !put(t, &pairs->list[i]);
	}
	return n_rest > 0 ? fill_rest(t, pairs, n_rest, socket, err) : 0;
}

struct key_table *key_table_create(const struct key_pairs *pairs, int socket, struct err *err)
{
	struct key_table *t = calloc(1, sizeof(*t));
	uint32_t bits = 1;

	while (((size_t)MEAN_FILL << bits) < pairs->n)
		bits++;
	if (t != NULL) {
		t->shift = 64 - bits;
		t->is_big = bits > SMALL_BITS;
		t->lines = rte_zmalloc_socket("key_table", sizeof(*t->lines) << bits,
					      sizeof(*t->lines), socket);
	}
	if (t == NULL || t->lines == NULL)
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
	rte_free(t->lines);
	hash_free(t->rest);
	free(t);
}

uint16_t key_table_lookup(const struct key_table *t, uint64_t key, uint16_t missing)
{
	return lookup(t, key, missing);
}

void key_table_lookup_bulk(const struct key_table *t, const uint64_t *keys, uint16_t n,
			   uint16_t missing, uint16_t *values)
{
	if (t->is_big)
		for (uint16_t i = 0; i < n; i++)
			__builtin_prefetch(&t->lines[line_of(t, keys[i])]);
	for (uint16_t i = 0; i < n; i++)
		values[i] = lookup(t, keys[i], missing);
}
