/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>

#include "fwd/hash.h"
#include "fwd/ip6_table.h"
#include "fwd/ip_table.h"
#include "fwd/key_table.h"

#define NOWHERE UINT16_MAX
#define PLACES	UINT16_MAX

struct ip6_table {
	struct key_table *tags; /* tag → place of the first key that has it */
	struct ip_key *keys;
	uint16_t *values;
	struct hash *rest; /* keys whose tag another one has; NULL: none */
	uint64_t secret[2];
};

__extension__ typedef unsigned __int128 wide_t;

/* The product's halves folded: every bit of both words reaches every bit of a tag. */
static inline uint64_t tag_of(const struct ip6_table *t, const struct ip_key *key)
{
	wide_t product = (wide_t)(key->w[0] ^ t->secret[0]) * (key->w[1] ^ t->secret[1]);

	return ((uint64_t)product ^ (uint64_t)(product >> 64)) >> 16;
}

/* @p at: where the tag of @p key leads. */
static inline uint16_t verify(const struct ip6_table *t, const struct ip_key *key, uint16_t at,
			      uint16_t missing)
{
	if (likely(at != NOWHERE && ip_key_equal(&t->keys[at], key)))
		return t->values[at];
	return t->rest != NULL ? hash_lookup(t->rest, key, missing) : missing;
}

/* ---- filling ---- */

static bool is_placed(const struct ip6_table *t, const struct ip_pair *p)
{
	uint16_t at = key_table_lookup(t->tags, tag_of(t, &p->key), NOWHERE);

	return at != NOWHERE && ip_key_equal(&t->keys[at], &p->key);
}

static int fill_rest(struct ip6_table *t, const struct ip_pair *pairs, size_t n, size_t n_rest,
		     int socket, struct err *err)
{
	int rc = 0;

	t->rest = hash_create(sizeof(pairs->key), n_rest, socket, err);
	if (t->rest == NULL)
		return -err->code;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!is_placed(t, &pairs[i]))
			rc = hash_set(t->rest, &pairs[i].key, pairs[i].value, err);
	return rc;
}

static int fill_tags(struct ip6_table *t, const struct ip_pair *pairs, size_t n, int socket,
		     struct err *err)
{
	struct key_pairs tags = {.list = malloc(n * sizeof(*tags.list)), .n = n};

	if (tags.list == NULL)
		return err_set(err, ENOMEM, "no memory for a table of %zu addresses", n);
	for (size_t i = 0; i < n; i++) {
		tags.list[i] = (struct key_pair){tag_of(t, &pairs[i].key), (uint16_t)i};
		t->keys[i] = pairs[i].key;
		t->values[i] = pairs[i].value;
	}
	t->tags = key_table_create(&tags, socket, err);
	free(tags.list);
	return t->tags != NULL ? 0 : -err->code;
}

static int fill(struct ip6_table *t, const struct ip_pair *pairs, size_t n, int socket,
		struct err *err)
{
	int rc = fill_tags(t, pairs, RTE_MIN(n, (size_t)PLACES), socket, err);
	size_t n_rest = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		n_rest += !is_placed(t, &pairs[i]);
	return rc == 0 && n_rest > 0 ? fill_rest(t, pairs, n, n_rest, socket, err) : rc;
}

struct ip6_table *ip6_table_create(const struct ip_pair *pairs, size_t n, const uint64_t secret[2],
				   int socket, struct err *err)
{
	struct ip6_table *t = calloc(1, sizeof(*t));
	size_t places = RTE_MIN(n, (size_t)PLACES);

	if (t != NULL) {
		t->secret[0] = secret[0];
		t->secret[1] = secret[1];
		t->keys = rte_malloc_socket("ip6_table", places * sizeof(*t->keys),
					    RTE_CACHE_LINE_SIZE, socket);
		t->values = rte_malloc_socket("ip6_table", places * sizeof(*t->values),
					      RTE_CACHE_LINE_SIZE, socket);
	}
	if (t == NULL || t->keys == NULL || t->values == NULL)
		err_set(err, ENOMEM, "no memory for a table of %zu addresses", n);
	else if (fill(t, pairs, n, socket, err) == 0)
		return t;
	ip6_table_free(t);
	return NULL;
}

void ip6_table_free(struct ip6_table *t)
{
	if (t == NULL)
		return;
	key_table_free(t->tags);
	hash_free(t->rest);
	rte_free(t->keys);
	rte_free(t->values);
	free(t);
}

/* ---- lookup ---- */

uint16_t ip6_table_lookup(const struct ip6_table *t, const struct ip_key *key, uint16_t missing)
{
	return verify(t, key, key_table_lookup(t->tags, tag_of(t, key), NOWHERE), missing);
}

void ip6_table_lookup_bulk(const struct ip6_table *t, const struct ip_key *const *keys, uint16_t n,
			   uint16_t missing, uint16_t *values)
{
	uint64_t tags[IP6_TABLE_BULK];
	uint16_t at[IP6_TABLE_BULK];

	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++)
		tags[i] = tag_of(t, keys[i]);
	key_table_lookup_bulk(t->tags, tags, n, NOWHERE, at);
	for (uint16_t i = 0; i < n; i++) /* harmless, what NOWHERE names: nothing is read */
		__builtin_prefetch(&t->keys[at[i]]);
	for (uint16_t i = 0; i < n; i++)
		values[i] = verify(t, keys[i], at[i], missing);
}
