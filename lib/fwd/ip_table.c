/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "fwd/ip_table.h"

int ip_pair_compare(const void *a, const void *b)
{
	const struct ip_pair *x = a, *y = b;

	if (x->v6 != y->v6)
		return x->v6 ? 1 : -1;
	if (x->key.w[0] != y->key.w[0])
		return x->key.w[0] < y->key.w[0] ? -1 : 1;
	return x->key.w[1] < y->key.w[1] ? -1 : x->key.w[1] > y->key.w[1];
}

static int fill_v4(struct ip_table *t, const struct ip_pair *pairs, size_t n, int socket,
		   struct err *err)
{
	struct key_pairs list = {.list = malloc(n * sizeof(*list.list)), .n = n};

	if (list.list == NULL)
		return err_set(err, ENOMEM, "no memory for a table of %zu addresses", n);
	for (size_t i = 0; i < n; i++)
		list.list[i] = (struct key_pair){pairs[i].key.w[0], pairs[i].value};
	t->v4 = key_table_create(&list, socket, err);
	free(list.list);
	return t->v4 != NULL ? 0 : -err->code;
}

static int fill_v6(struct ip_table *t, const struct ip_pair *pairs, size_t n, int socket,
		   struct err *err)
{
	uint64_t secret[2];

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return err_set(err, EIO, "no random number for a table of addresses");
	t->v6 = ip6_table_create(pairs, n, secret, socket, err);
	return t->v6 != NULL ? 0 : -err->code;
}

static int fill(struct ip_table *t, const struct ip_pair *pairs, size_t n, int socket,
		struct err *err)
{
	size_t n4 = 0;
	int rc = 0;

	while (n4 < n && !pairs[n4].v6)
		n4++;
	if (n4 > 0)
		rc = fill_v4(t, pairs, n4, socket, err);
	if (n4 < n && rc == 0)
		rc = fill_v6(t, pairs + n4, n - n4, socket, err);
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
	t->n = n;
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
	key_table_free(t->v4);
	ip6_table_free(t->v6);
	free(t);
}

size_t ip_table_count(const struct ip_table *t)
{
	return t != NULL ? t->n : 0;
}
