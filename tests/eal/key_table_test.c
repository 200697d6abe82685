/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key tables: every key of a table is found, with its value, and nothing else is; also
 * where lines overflow, and beside the addresses that an empty slot could be taken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>

#include "fwd/key_table.h"
#include "net/mac.h"

#define MISSING 0xfffe
#define BULK	64

static struct key_pair pairs[65534];

static struct key_table *table(size_t n)
{
	const struct key_pairs all = {.list = pairs, .n = n};
	struct err err = {0};
	struct key_table *t = key_table_create(&all, -1, &err);

	if (t == NULL)
		fail_msg("%s", err.text);
	return t;
}

static void assert_found(const struct key_table *t, const uint64_t *macs, uint16_t n,
			 const uint16_t *wanted)
{
	for (uint16_t i = 0; i < n; i++)
		key_table_prefetch(t, macs[i]);
	for (uint16_t i = 0; i < n; i++)
		assert_int_equal(key_table_find(t, macs[i], MISSING), wanted[i]);
}

/* Each pair is found, in bursts of any size; its neighbours, which are no keys, aren't. */
static void assert_exactly(const struct key_table *t, size_t n, uint64_t beside)
{
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		uint64_t macs[BULK], others[BULK];
		uint16_t wanted[BULK], nothing[BULK];

		step = 1 + i % BULK;
		if (step > n - i)
			step = n - i;
		for (size_t k = 0; k < step; k++) {
			macs[k] = pairs[i + k].key;
			wanted[k] = pairs[i + k].value;
			others[k] = macs[k] ^ beside;
			nothing[k] = MISSING;
		}
		assert_found(t, macs, (uint16_t)step, wanted);
		assert_found(t, others, (uint16_t)step, nothing);
	}
}

static void assert_table(size_t n, uint64_t beside)
{
	struct key_table *t = table(n);

	assert_exactly(t, n, beside);
	key_table_free(t);
}

static void counted_macs(void **state)
{
	static const size_t sizes[] = {1, 7, 8, 9, 16, 100, 1000, 4097, 65534};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t i = 0; i < sizes[s]; i++)
			pairs[i] = (struct key_pair){mac_add(0x010000000002, (uint32_t)i),
						     (uint16_t)i};
		assert_table(sizes[s], 0x0400);
	}
}

/* Addresses that differ in few high bits, as vendors' do, or only in low ones. */
static void strided_macs(void **state)
{
	(void)state;
	for (unsigned int shift = 1; shift <= 36; shift += 5) {
		for (size_t i = 0; i < 2048; i++)
			pairs[i] = (struct key_pair){(uint64_t)i << shift | UINT64_C(1) << 47,
						     (uint16_t)i};
		assert_table(2048, UINT64_C(1) << 47);
	}
}

static void random_macs(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	(void)state;
	for (int turn = 0; turn < 20; turn++) {
		size_t n = 1 + (size_t)(x % 5000);

		for (size_t i = 0; i < n; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* Even ones are keys, odd ones are asked for in vain. */
			pairs[i] =
				(struct key_pair){x & MAC_MASK & ~UINT64_C(1), (uint16_t)(x >> 48)};
			if (pairs[i].value == UINT16_MAX)
				pairs[i].value = 0;
		}
		assert_table(n, 1);
	}
}

/* Frames may carry them, whatever a configuration may not. */
static void zero_and_broadcast(void **state)
{
	const uint64_t asked[] = {0, MAC_MASK};
	const uint16_t nothing[] = {MISSING, MISSING};
	const uint16_t both[] = {1, 2};
	struct key_table *t;

	(void)state;
	t = table(0);
	assert_found(t, asked, 2, nothing);
	key_table_free(t);
	pairs[0] = (struct key_pair){0x010000000002, 0};
	t = table(1);
	assert_found(t, asked, 2, nothing);
	key_table_free(t);
	pairs[1] = (struct key_pair){0, 1};
	pairs[2] = (struct key_pair){MAC_MASK, 2};
	t = table(3);
	assert_found(t, asked, 2, both);
	key_table_free(t);
}

static void first_of_doubles(void **state)
{
	struct key_table *t;

	(void)state;
	for (size_t i = 0; i < 300; i++)
		pairs[i] = (struct key_pair){0x020000000000 + i % 3, (uint16_t)i};
	t = table(300);
	assert_exactly(t, 3, 0x10);
	key_table_free(t);
}

static void value_that_cannot_be(void **state)
{
	const struct key_pairs all = {.list = pairs, .n = 1};
	struct err err = {0};

	(void)state;
	pairs[0] = (struct key_pair){0x020000000000, UINT16_MAX};
	assert_null(key_table_create(&all, -1, &err));
	assert_int_not_equal(err.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_macs),	    cmocka_unit_test(strided_macs),
		cmocka_unit_test(random_macs),	    cmocka_unit_test(zero_and_broadcast),
		cmocka_unit_test(first_of_doubles), cmocka_unit_test(value_that_cannot_be),
	};
	char line[200], *words[16], *rest = line;
	int n = 0, rc;

	snprintf(line, sizeof(line),
		 "key_table --no-huge -m 64 --no-pci -l 0 --no-telemetry --no-shconf "
		 "--file-prefix=vkt%d",
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
