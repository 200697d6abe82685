/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "fwd/hash.h"
#include "fwd/mac_table.h"

struct mac_table {
	struct hash *hash;
};

struct mac_table *mac_table_create(const struct mac_pairs *pairs, int socket, struct err *err)
{
	struct mac_table *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (t == NULL) {
		err_set(err, ENOMEM, "no memory for a table of MAC addresses");
		return NULL;
	}
	t->hash = hash_create(sizeof(uint64_t), pairs->n, socket, err);
	if (t->hash == NULL)
		rc = -1;
	/* Backwards: the first of doubles is written last. */
	for (size_t i = pairs->n; i-- > 0 && rc == 0;)
		rc = hash_set(t->hash, &pairs->list[i].mac, pairs->list[i].value, err);
	if (rc != 0) {
		mac_table_free(t);
		return NULL;
	}
	return t;
}

void mac_table_free(struct mac_table *t)
{
	if (t == NULL)
		return;
	hash_free(t->hash);
	free(t);
}

uint16_t mac_table_lookup(const struct mac_table *t, uint64_t mac, uint16_t missing)
{
	return hash_lookup(t->hash, &mac, missing);
}

void mac_table_lookup_bulk(const struct mac_table *t, const uint64_t *macs, uint16_t n,
			   uint16_t missing, uint16_t *values)
{
	const void *keys[HASH_BULK];

	for (uint16_t i = 0; i < n; i++)
		keys[i] = &macs[i];
	hash_lookup_bulk(t->hash, keys, n, missing, values);
}
