/* SPDX-License-Identifier: BSD-3-Clause */
/* Which waiting sources are read without an event, and that epoll is never forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dp/warm.h"

#define PERIOD 1000

static struct warm w;

static int setup(void **state)
{
	(void)state;
	warm_reset(&w, 1);
	return 0;
}

static bool is_warm(uint64_t event)
{
	for (uint32_t i = 0; i < w.n; i++)
		if (w.sources[i].event == event)
			return true;
	return false;
}

static void test_who_is_silent_is_soon_cold(void **state)
{
	unsigned int idle = 0, busy = 0;

	(void)state;
	for (warm_add(&w, 7); is_warm(7); idle++)
		warm_learn(&w, 0, false, false);
	for (warm_add(&w, 7); is_warm(7); busy++)
		warm_learn(&w, 0, false, true);
	assert_int_equal(idle, WARM_PATIENCE);
	/* Where others wait, no more is spent on reads than an event or two would cost. */
	assert_in_range(busy, 2, 6);
}

static void test_pauses_of_who_speaks_are_forgiven(void **state)
{
	(void)state;
	warm_add(&w, 7);
	for (int t = 1; t <= 1000; t++) {
		warm_learn(&w, 0, t % (WARM_PATIENCE - 1) == 0, false);
		assert_true(is_warm(7));
	}
}

static void test_one_place_each_and_no_more_than_there_are(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 2; round++)
		for (uint64_t e = 0; e < 3ULL * WARM_MAX; e++)
			warm_add(&w, e);
	assert_int_equal(w.n, WARM_MAX);
	for (uint64_t e = 0; e < WARM_MAX; e++)
		assert_true(is_warm(e));
	/* Who leaves makes a place; the others stay. */
	while (w.n == WARM_MAX)
		warm_learn(&w, 2, false, true);
	assert_false(is_warm(2));
	warm_add(&w, 99);
	assert_true(is_warm(99) && is_warm(0) && is_warm(WARM_MAX - 1));
}

static void test_epoll_is_asked_every_turn_while_nothing_is_known(void **state)
{
	(void)state;
	for (uint64_t now = 1; now < 100; now++)
		assert_true(warm_asks_epoll(&w, false, now, PERIOD));
}

static void test_epoll_is_asked_soon_whoever_is_warm(void **state)
{
	uint64_t asked = 0;
	unsigned int turns = 0;

	(void)state;
	warm_add(&w, 7);
	/* Turns without work are short. */
	for (uint64_t now = 1; now < 100; now++, turns++)
		if (warm_asks_epoll(&w, false, now, PERIOD)) {
			assert_in_range(turns, 0, WARM_EMPTY);
			turns = 0;
			asked = now;
		}
	/* Turns with work are as long as they are. */
	for (uint64_t now = 100; now < 100000; now += 130) {
		if (warm_asks_epoll(&w, true, now, PERIOD))
			asked = now;
		else
			assert_in_range(now - asked, 0, PERIOD - 1);
	}
	assert_in_range(asked, 100000 - PERIOD - 130, 100000);
}

/* An epoll call in each of a busy guest's turns is what idle TAPs beside it would cost. */
static void test_busy_turns_do_without_epoll(void **state)
{
	unsigned int asked = 0;

	(void)state;
	for (uint64_t now = 1; now <= 100ULL * PERIOD; now += PERIOD / 10)
		asked += warm_asks_epoll(&w, true, now, PERIOD);
	assert_in_range(asked, 90, 110);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_who_is_silent_is_soon_cold),
		T(test_pauses_of_who_speaks_are_forgiven),
		T(test_one_place_each_and_no_more_than_there_are),
		T(test_epoll_is_asked_every_turn_while_nothing_is_known),
		T(test_epoll_is_asked_soon_whoever_is_warm),
		T(test_busy_turns_do_without_epoll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
