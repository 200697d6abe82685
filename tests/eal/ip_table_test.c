/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address tables: every address is found, with its value, and nothing else is, compared with a
 * search through the whole list; also where tags of IPv6 addresses are all the same, and where
 * addresses are more than tags have places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>

#include "fwd/ip6_table.h"
#include "fwd/ip_table.h"

#define MISSING 0xfffe
#define MOST	70000
#define KEYS	64

static struct ip_pair pairs[MOST];
static uint64_t x = 0x9e3779b97f4a7c15;

static uint64_t random_word(void)
{
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static struct ip_pair pair6(uint64_t high, uint64_t low, uint16_t value)
{
	return (struct ip_pair){{{high, low}}, value, true};
}

static uint16_t find(const struct ip_pair *list, size_t n, const struct ip_key *key, bool v6)
{
	const struct ip_pair wanted = {.key = *key, .v6 = v6};
	const struct ip_pair *p = bsearch(&wanted, list, n, sizeof(*list), ip_pair_compare);

	return p != NULL ? p->value : MISSING;
}

/** Sorts the first @p n pairs and takes doubles out. */
static size_t in_order(size_t n)
{
	size_t kept = 0;

	qsort(pairs, n, sizeof(pairs[0]), ip_pair_compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || ip_pair_compare(&pairs[kept - 1], &pairs[i]) != 0)
			pairs[kept++] = pairs[i];
	return kept;
}

static void assert_same(const struct ip_table *t, size_t n, const struct ip_key *keys, bool v6)
{
	uint16_t places[KEYS];

	for (int i = 0; i < KEYS; i++)
		ip_table_prefetch(t, &keys[i], v6);
	for (int i = 0; i < KEYS; i++)
		places[i] = ip_table_place(t, &keys[i], v6, MISSING);
	for (int i = 0; i < KEYS; i++) {
		uint16_t wanted = find(pairs, n, &keys[i], v6);

		assert_int_equal(ip_table_find(t, &keys[i], v6, MISSING), wanted);
		assert_int_equal(ip_table_value(t, &keys[i], v6, places[i], MISSING), wanted);
	}
}

/* Keys, those beside them, and keys of the other family. */
static void assert_table(size_t n)
{
	struct ip_pair *list = malloc(n * sizeof(*list));
	struct err err = {0};
	struct ip_table *t;

	memcpy(list, pairs, n * sizeof(*list));
	t = ip_table_create(list, n, -1, &err);
	if (t == NULL)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ip_table_find(t, &pairs[i].key, pairs[i].v6, MISSING),
				 pairs[i].value);
	for (int turn = 0; turn < 500; turn++) {
		struct ip_key keys[2][KEYS];

		for (int i = 0; i < KEYS; i++) {
			const struct ip_pair *p = &pairs[random_word() % n];
			struct ip_key *k = &keys[p->v6][i];

			keys[!p->v6][i] = (struct ip_key){{p->key.w[0], 0}};
			*k = p->key;
			if (i % 3 == 1)
				k->w[0] ^= UINT64_C(1) << random_word() % (p->v6 ? 64 : 32);
			else if (i % 3 == 2 && p->v6)
				k->w[1] ^= UINT64_C(1) << random_word() % 64;
			keys[0][i] = (struct ip_key){{keys[0][i].w[0] & UINT32_MAX, 0}};
		}
		assert_same(t, n, keys[0], false);
		assert_same(t, n, keys[1], true);
	}
	ip_table_put(t);
}

static void random_addresses(void **state)
{
	static const size_t sizes[] = {1, 2, 17, 1000, 20000};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t i = 0; i < sizes[s]; i++) {
			uint64_t high = random_word(), low = random_word();

			pairs[i] = i % 2 == 0 ? (struct ip_pair){{{high & 0xffffff0f, 0}},
								 (uint16_t)(i & 0x7fff),
								 false}
					      : pair6(high & 0xff, low, (uint16_t)(i & 0x7fff));
		}
		assert_table(in_order(sizes[s]));
	}
}

/* As a network has them: the last bytes count up. More than 16 bits can number, too. */
static void counted_addresses(void **state)
{
	static const size_t sizes[] = {60000, 65535, 65536, MOST};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (uint64_t i = 0; i < sizes[s]; i++)
			pairs[i] =
				pair6(0xb80d0120, __builtin_bswap64(i + 1), (uint16_t)(i & 0x7fff));
		assert_table(in_order(sizes[s]));
	}
}

/* Without a secret all addresses of ::/64 have one tag: only comparing tells them apart. */
static void equal_tags(void **state)
{
	static const uint64_t none[2] = {0, 0};
	const size_t n = 500;
	struct err err = {0};
	struct ip6_table *t;

	(void)state;
	for (size_t i = 0; i < n; i++)
		pairs[i] = pair6(i % 5 == 0 ? i : 0, i + 1, (uint16_t)i);
	assert_int_equal(in_order(n), n);
	t = ip6_table_create(pairs, n, none, -1, &err);
	assert_non_null(t);
	for (size_t i = 0; i < n; i++) {
		struct ip_key beside = {{0, n + 1 + i}};
		assert_int_equal(ip6_table_find(t, &pairs[i].key, MISSING), pairs[i].value);
		assert_int_equal(ip6_table_find(t, &beside, MISSING), MISSING);
	}
	ip6_table_free(t);
	/* One alone: a stranger with its tag must not be taken for it. */
	pairs[0] = pair6(0, 1, 7);
	t = ip6_table_create(pairs, 1, none, -1, &err);
	assert_non_null(t);
	assert_int_equal(ip6_table_find(t, &pairs[0].key, MISSING), 7);
	assert_int_equal(ip6_table_find(t, &(struct ip_key){{0, 2}}, MISSING), MISSING);
	ip6_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_addresses),
		cmocka_unit_test(counted_addresses),
		cmocka_unit_test(equal_tags),
	};
	char line[200], *words[16], *rest = line;
	int n = 0, rc;

	snprintf(line, sizeof(line),
		 "ip_table --no-huge -m 64 --no-pci -l 0 --no-telemetry --no-shconf "
		 "--file-prefix=vit%d",
		 (int)getpid());
	while (n < 15 && (words[n] = strsep(&rest, " ")) != NULL)
		n++;
	if (rte_eal_init(n, words) < 0)
		return 2;
	snprintf(line, sizeof(line), "%s", rte_eal_get_runtime_dir());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rte_eal_cleanup();
	rmdir(line);
	return rc;
}
