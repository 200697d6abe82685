/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "fwd/hash.h"
#include "fwd/ip_table.h"

_Static_assert(IP_TABLE_BULK <= HASH_BULK, "a bulk is one call");

struct ip_table {
	struct hash *v4, *v6; /* NULL: no address of the family */
	uint32_t refs;
};

int ip_pair_compare(const void *a, const void *b)
{
	const struct ip_pair *x = a, *y = b;

	if (x->v6 != y->v6)
		return x->v6 ? 1 : -1;
	if (x->key.w[0] != y->key.w[0])
		return x->key.w[0] < y->key.w[0] ? -1 : 1;
	return x->key.w[1] < y->key.w[1] ? -1 : x->key.w[1] > y->key.w[1];
}

static int fill(struct ip_table *t, const struct ip_pair *pairs, size_t n, int socket,
		struct err *err)
{
	size_t n4 = 0;
	int rc = 0;

	while (n4 < n && !pairs[n4].v6)
		n4++;
	if (n4 > 0)
		t->v4 = hash_create(8, n4, socket, err);
	if (n4 < n)
		t->v6 = hash_create(16, n - n4, socket, err);
	if ((n4 > 0 && t->v4 == NULL) || (n4 < n && t->v6 == NULL))
		return -err->code;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = hash_set(i < n4 ? t->v4 : t->v6, &pairs[i].key, pairs[i].value, err);
	return rc;
}

struct ip_table *ip_table_create(struct ip_pair *pairs, size_t n, int socket, struct err *err)
{
	struct ip_table *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL) {
		free(pairs);
		err_set(err, ENOMEM, "no memory for a table of addresses");
		return NULL;
	}
	t->refs = 1;
	rc = fill(t, pairs, n, socket, err);
	free(pairs);
	if (rc != 0) {
		ip_table_put(t);
		return NULL;
	}
	return t;
}

struct ip_table *ip_table_get(struct ip_table *t)
{
	if (t != NULL)
		t->refs++;
	return t;
}

void ip_table_put(struct ip_table *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	hash_free(t->v4);
	hash_free(t->v6);
	free(t);
}

uint16_t ip_table_lookup(const struct ip_table *t, const struct ip_key *key, bool v6,
			 uint16_t missing)
{
	const struct hash *h = v6 ? t->v6 : t->v4;

	return h != NULL ? hash_lookup(h, key, missing) : missing;
}

void ip_table_lookup_bulk(const struct ip_table *t, const struct ip_key *const *keys, bool v6,
			  uint16_t n, uint16_t missing, uint16_t *values)
{
	const struct hash *h = v6 ? t->v6 : t->v4;
	const void *list[IP_TABLE_BULK];

	if (unlikely(h == NULL)) {
		for (uint16_t i = 0; i < n; i++)
			values[i] = missing;
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		list[i] = keys[i];
	hash_lookup_bulk(h, list, n, missing, values);
}
