/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include "fwd/mac_table.h"

struct mac_table {
	struct rte_hash *hash;
};

static uint32_t hash_mac(const void *key, uint32_t len, uint32_t seed)
{
	(void)len;
	return rte_hash_crc_8byte(*(const uint64_t *)key, seed);
}

static struct rte_hash *hash_create(size_t n, int socket)
{
	static unsigned int number;
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters p = {
		.name = name,
		.entries = (uint32_t)(n < 8 ? 8 : n + n / 8),
		.key_len = sizeof(uint64_t),
		.hash_func = hash_mac,
		.socket_id = socket,
		/* A cuckoo table may refuse a key before it is full; the extension takes it. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	snprintf(name, sizeof(name), "vnic_mac_%u", number++);
	return rte_hash_create(&p);
}

struct mac_table *mac_table_create(const struct mac_pairs *pairs, int socket, struct err *err)
{
	struct mac_table *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->hash = hash_create(pairs->n, socket);
	if (t == NULL || t->hash == NULL) {
		err_set(err, ENOMEM, "no memory for a table of %zu MAC addresses (%s)", pairs->n,
			rte_strerror(rte_errno));
		mac_table_free(t);
		return NULL;
	}
	for (size_t i = pairs->n; i-- > 0;) { /* backwards: the first of doubles is written last */
		const struct mac_pair *p = &pairs->list[i];

		if (rte_hash_add_key_data(t->hash, &p->mac, (void *)(uintptr_t)p->value) != 0) {
			err_set(err, ENOSPC, "a table of %zu MAC addresses is full", pairs->n);
			mac_table_free(t);
			return NULL;
		}
	}
	return t;
}

void mac_table_free(struct mac_table *t)
{
	if (t == NULL)
		return;
	rte_hash_free(t->hash);
	free(t);
}

uint16_t mac_table_lookup(const struct mac_table *t, uint64_t mac, uint16_t missing)
{
	void *value;

	if (rte_hash_lookup_data(t->hash, &mac, &value) < 0)
		return missing;
	return (uint16_t)(uintptr_t)value;
}

void mac_table_lookup_bulk(const struct mac_table *t, const uint64_t *macs, uint16_t n,
			   uint16_t missing, uint16_t *values)
{
	const void *keys[RTE_HASH_LOOKUP_BULK_MAX];
	void *data[RTE_HASH_LOOKUP_BULK_MAX];
	uint64_t hits = 0;

	for (uint16_t i = 0; i < n; i++)
		keys[i] = &macs[i];
	rte_hash_lookup_bulk_data(t->hash, keys, n, &hits, data);
	for (uint16_t i = 0; i < n; i++)
		values[i] = hits >> i & 1 ? (uint16_t)(uintptr_t)data[i] : missing;
}
