/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_errno.h>
#include <rte_hash.h>

#include "fwd/hash.h"

struct hash {
	struct rte_hash *hash;
	size_t n; /* it was made for */
};

/*
 * Owners choose keys: 65,536 addresses with one CRC are easily computed, whatever its seed, and
 * would make one chain that every lookup in it walks. So what is multiplied is unknown to them.
 */
static uint64_t secret[2];

static void make_secret(void)
{
	while (secret[0] == 0)
		if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
			secret[0] = 0;
}

__extension__ typedef unsigned __int128 wide;

static inline uint32_t fold(wide x)
{
	uint64_t y = (uint64_t)x ^ (uint64_t)(x >> 64);

	return (uint32_t)(y ^ y >> 32);
}

static uint32_t hash_8(const void *key, uint32_t len, uint32_t seed)
{
	uint64_t w = *(const uint64_t *)key;

	(void)len;
	(void)seed;
	return fold((wide)(w ^ secret[0]) * secret[1]);
}

static uint32_t hash_16(const void *key, uint32_t len, uint32_t seed)
{
	const uint64_t *w = key;

	(void)len;
	(void)seed;
	return fold((wide)(w[0] ^ secret[0]) * (w[1] ^ secret[1]));
}

static struct rte_hash *create(uint32_t key_len, size_t n, int socket)
{
	static unsigned int number;
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters p = {
		.name = name,
		.entries = (uint32_t)(n < 8 ? 8 : n + n / 8),
		.key_len = key_len,
		.hash_func = key_len == 8 ? hash_8 : hash_16,
		.socket_id = socket,
		/* A cuckoo table may refuse a key before it is full; the extension takes it. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	make_secret();
	snprintf(name, sizeof(name), "vnic_%u", number++);
	return rte_hash_create(&p);
}

struct hash *hash_create(uint32_t key_len, size_t n, int socket, struct err *err)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->hash = create(key_len, n, socket);
	if (h == NULL || h->hash == NULL) {
		err_set(err, ENOMEM, "no memory for a table of %zu addresses (%s)", n,
			rte_strerror(rte_errno));
		hash_free(h);
		return NULL;
	}
	h->n = n;
	return h;
}

void hash_free(struct hash *h)
{
	if (h == NULL)
		return;
	rte_hash_free(h->hash);
	free(h);
}

int hash_set(struct hash *h, const void *key, uint16_t value, struct err *err)
{
	if (rte_hash_add_key_data(h->hash, key, (void *)(uintptr_t)value) != 0)
		return err_set(err, ENOSPC, "a table of %zu addresses is full", h->n);
	return 0;
}

uint16_t hash_lookup(const struct hash *h, const void *key, uint16_t missing)
{
	void *value;

	if (rte_hash_lookup_data(h->hash, key, &value) < 0)
		return missing;
	return (uint16_t)(uintptr_t)value;
}
