/* SPDX-License-Identifier: BSD-3-Clause */
/* How many copies a turn makes to endpoints that cost a system call: as many as fit its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dp/slow_copies.h"

#define TSC_PER_US 2000

static struct slow_copies s;
static uint64_t last; /* cycles of the turn before */

static int set_up(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	last = 0;
	return 0;
}

/* A turn in which @wanted copies wait, each takes @us and all else @other: how many it makes. */
static uint32_t turn(uint32_t wanted, double us, double other)
{
	uint32_t made;

	slow_copies_begin(&s, last, TSC_PER_US);
	made = wanted < s.left ? wanted : s.left;
	s.left -= made;
	last = (uint64_t)((made * us + other) * TSC_PER_US);
	return made;
}

static uint32_t settle(double us)
{
	for (int i = 0; i < 2 * SLOW_COPIES_TURNS; i++)
		turn(1000, us, 1);
	return turn(1000, us, 1);
}

static void quick_calls_are_limited_by_number(void **state)
{
	(void)state;
	assert_int_equal(turn(1000, 0.7, 1), SLOW_COPIES_MAX);
	assert_int_equal(settle(0.7), SLOW_COPIES_MAX);
}

static void slow_calls_are_limited_by_time(void **state)
{
	(void)state;
	assert_int_equal(turn(1000, 2.5, 1), SLOW_COPIES_MAX); /* nothing is known yet */
	assert_in_range(settle(2.5), SLOW_COPIES_US / 2.5 - 2, SLOW_COPIES_US / 2.5);
	assert_int_equal(settle(20), SLOW_COPIES_MIN);
	assert_int_equal(settle(0.7), SLOW_COPIES_MAX); /* and it is forgotten again */
}

static void interrupted_turns_do_not_count(void **state)
{
	(void)state;
	settle(1);
	for (int i = 0; i < SLOW_COPIES_TURNS - 1; i++)
		turn(1000, 1, 4000);
	assert_int_equal(turn(1000, 1, 1), SLOW_COPIES_MAX);
}

static void turns_with_few_copies_do_not_count(void **state)
{
	(void)state;
	settle(1);
	for (int i = 0; i < 2 * SLOW_COPIES_TURNS; i++)
		turn(SLOW_COPIES_MIN - 1, 1, 90);
	assert_int_equal(turn(1000, 1, 1), SLOW_COPIES_MAX);
}

/* What an earlier turn used up, the next one has again. */
static void each_turn_has_them_all(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(turn(20, 1, 1), 20);
		assert_int_equal(turn(SLOW_COPIES_MAX, 1, 1), SLOW_COPIES_MAX);
		assert_int_equal(turn(0, 1, 1), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quick_calls_are_limited_by_number, set_up),
		cmocka_unit_test_setup(slow_calls_are_limited_by_time, set_up),
		cmocka_unit_test_setup(interrupted_turns_do_not_count, set_up),
		cmocka_unit_test_setup(turns_with_few_copies_do_not_count, set_up),
		cmocka_unit_test_setup(each_turn_has_them_all, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
