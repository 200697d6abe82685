/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "fwd/hash.h"
#include "fwd/ip6_table.h"
#include "fwd/ip_table.h"
#include "fwd/key_table.h"

#define PLACES UINT16_MAX /* a tag's value is under that */

/* ---- filling ---- */

static bool is_placed(const struct ip6_table *t, const struct ip_pair *p)
{
	uint16_t at = key_table_find(t->tags, ip6_table_tag(t, &p->key), IP6_TABLE_NOWHERE);

	return at != IP6_TABLE_NOWHERE && ip_key_equal(&t->places[at].key, &p->key);
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
		tags.list[i] = (struct key_pair){ip6_table_tag(t, &pairs[i].key), (uint16_t)i};
		t->places[i] = (struct ip6_place){pairs[i].key, pairs[i].value};
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
		t->places = rte_malloc_socket("ip6_table", places * sizeof(*t->places),
					      RTE_CACHE_LINE_SIZE, socket);
	}
	if (t == NULL || t->places == NULL)
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
	rte_free(t->places);
	free(t);
}

uint16_t ip6_table_search(const struct ip6_table *t, const struct ip_key *key, uint16_t missing)
{
	return t->rest != NULL ? hash_lookup(t->rest, key, missing) : missing;
}
