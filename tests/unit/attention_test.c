/* SPDX-License-Identifier: BSD-3-Clause */
/* Which sources a turn asks: nobody is forgotten, who is busy never waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dp/attention.h"

#define N 500

static struct attention a;
static unsigned int asked[N]; /* this turn */
static bool busy[N];

static void ask(uint32_t source)
{
	assert_in_range(source, 0, N - 1);
	asked[source]++;
	assert_int_equal(asked[source], 1);
}

/* As worker.c does; how many were asked. */
static unsigned int turn(void)
{
	unsigned int n = 0;
	uint32_t visits, source;

	memset(asked, 0, sizeof(asked));
	for (uint32_t i = a.n_warm; i-- > 0; n++) {
		source = a.warm[i];
		ask(source);
		attention_learn(&a, i, busy[source]);
	}
	/* One that has just become silent may be met again. */
	for (visits = attention_visits(&a); visits > 0; visits--) {
		if (!attention_next(&a, &source) || asked[source])
			continue;
		ask(source);
		n++;
		if (busy[source])
			attention_warm(&a, source);
	}
	return n;
}

static int setup(void **state)
{
	(void)state;
	memset(busy, 0, sizeof(busy));
	attention_reset(&a, 1, N);
	return 0;
}

static void test_silent_ones_cost_little_and_are_not_forgotten(void **state)
{
	static unsigned int last[N];

	(void)state;
	assert_int_equal(turn(), N);
	busy[7] = true;
	for (int t = 0; t < ATTENTION_SILENT; t++)
		turn();
	memset(last, 0, sizeof(last));
	for (unsigned int t = 1; t <= 1000; t++) {
		assert_in_range(turn(), 1, 1 + N / ATTENTION_ROUND + 1);
		assert_int_equal(asked[7], 1);
		for (int i = 0; i < N; i++) {
			if (asked[i])
				last[i] = t;
			assert_in_range(t - last[i], 0, ATTENTION_ROUND);
		}
	}
}

static void test_who_speaks_is_asked_every_turn(void **state)
{
	unsigned int waited = 0;

	(void)state;
	for (int t = 0; t < 200; t++)
		turn();
	busy[123] = true;
	do {
		turn();
		assert_in_range(++waited, 1, ATTENTION_ROUND);
	} while (!asked[123]);
	for (int t = 0; t < 200; t++) {
		turn();
		assert_int_equal(asked[123], 1);
	}
	/* A pause shorter than the limit changes nothing. */
	for (int t = 0; t < 1000; t++) {
		busy[123] = t % (ATTENTION_SILENT - 1) == 0;
		turn();
		assert_int_equal(asked[123], 1);
	}
}

static void test_all_are_asked_after_a_sleep(void **state)
{
	(void)state;
	for (int t = 0; t < 200; t++)
		turn();
	a.all = true;
	assert_int_equal(turn(), N);
	assert_in_range(turn(), 1, N / ATTENTION_ROUND + 1);
}

static void test_all_busy(void **state)
{
	(void)state;
	memset(busy, true, sizeof(busy));
	for (int t = 0; t < 200; t++)
		assert_int_equal(turn(), N);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_silent_ones_cost_little_and_are_not_forgotten),
		T(test_who_speaks_is_asked_every_turn),
		T(test_all_are_asked_after_a_sleep),
		T(test_all_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
