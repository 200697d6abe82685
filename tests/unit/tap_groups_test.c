/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups from the kernel's text, with all that an owner can do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "endpoint/tap_groups.h"
#include "net/mac.h"

static uint64_t mac(const char *text)
{
	uint64_t key = 0;

	assert_true(mac_parse(text, &key));
	return key;
}

/* Reads all of @p text, in a block of exactly its size. */
static size_t read_all(const char *text, int *ifindex, uint64_t *groups, size_t max)
{
	size_t len = strlen(text), n = 0;
	char *copy = malloc(len + 1);
	const char *at = copy;

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy = realloc(copy, len == 0 ? 1 : len);
	at = copy;
	while (n < max && tap_groups_next(&at, copy + len, &ifindex[n], &groups[n]))
		n++;
	free(copy);
	return n;
}

static void test_lines_of_the_kernel(void **state)
{
	uint64_t groups[8];
	int ifindex[8];

	(void)state;
	assert_int_equal(read_all("2    web0            1     0     333300000001\n"
				  "12345 averylongname15 12    1     01005E0000fb\n",
				  ifindex, groups, 8),
			 2);
	assert_int_equal(ifindex[0], 2);
	assert_true(groups[0] == mac("33:33:00:00:00:01"));
	assert_int_equal(ifindex[1], 12345);
	assert_true(groups[1] == mac("01:00:5e:00:00:fb"));
}

static void test_a_name_can_look_like_anything(void **state)
{
	uint64_t groups[8];
	int ifindex[8];

	(void)state;
	assert_int_equal(read_all("7    333300000009    1     0     01005e000001\n"
				  "8    1               1     0     01005e000002\n",
				  ifindex, groups, 8),
			 2);
	assert_int_equal(ifindex[0], 7);
	assert_true(groups[0] == mac("01:00:5e:00:00:01"));
	assert_int_equal(ifindex[1], 8);
}

static void test_nonsense_is_skipped(void **state)
{
	uint64_t groups[8];
	int ifindex[8];

	(void)state;
	assert_int_equal(read_all("\n"
				  "x    web0 1 0 333300000001\n"
				  "-2   web0 1 0 333300000001\n"
				  "0    web0 1 0 333300000001\n"
				  "99999999999999999999 web0 1 0 333300000001\n"
				  "2    ib0  1 0 00ffffffff12401bffff000000000000ffffffff\n"
				  "2    web0 1 0 33330000000\n"
				  "2    web0 1 0 33330000000g\n"
				  "2    web0 1 0 ffffffffffff\n"
				  "2    web0 1 0 020000000001\n"
				  "333300000001\n"
				  "2    web0 1 0 333300000001",
				  ifindex, groups, 8),
			 1);
	assert_true(groups[0] == mac("33:33:00:00:00:01"));
	assert_int_equal(read_all("", ifindex, groups, 8), 0);
}

static void test_sorted_without_doubles(void **state)
{
	uint64_t g[] = {9, 3, 9, 1, 3};
	uint64_t one[] = {5};

	(void)state;
	assert_int_equal(tap_groups_sort(g, 5), 3);
	assert_true(g[0] == 1 && g[1] == 3 && g[2] == 9);
	assert_int_equal(tap_groups_sort(one, 1), 1);
	assert_int_equal(tap_groups_sort(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_the_kernel),
		cmocka_unit_test(test_a_name_can_look_like_anything),
		cmocka_unit_test(test_nonsense_is_skipped),
		cmocka_unit_test(test_sorted_without_doubles),
	};

	return cmocka_run_group_tests_name("tap_groups", tests, NULL, NULL);
}
