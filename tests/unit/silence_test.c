/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a worker looks at sources that have nothing to say: counted, for many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dp/silence.h"

#define N    501
#define BUSY 77

static uint32_t looks[N], gap[N], worst[N];

/* One turn of a worker in which source @p busy has frames. */
static void turn(struct silence *s, uint32_t n, uint32_t busy)
{
	silence_next_turn(s);
	for (uint32_t i = 0; i < n; i++) {
		gap[i]++;
		if (!silence_is_due(s, i))
			continue;
		silence_note(s, i, i == busy);
		looks[i]++;
		worst[i] = gap[i] > worst[i] ? gap[i] : worst[i];
		gap[i] = 0;
	}
}

static void count_anew(void)
{
	for (uint32_t i = 0; i < N; i++) {
		looks[i] = 0;
		gap[i] = 0;
		worst[i] = 0;
	}
}

static void test_idle_ones_cost_little(void **state)
{
	struct silence s = {0};
	uint32_t sum = 0;

	(void)state;
	for (int i = 0; i < SILENCE_LONG; i++)
		turn(&s, N, BUSY);
	assert_int_equal(looks[0], SILENCE_LONG); /* not idle for long enough yet */
	count_anew();
	for (int i = 0; i < 800; i++)
		turn(&s, N, BUSY);
	assert_int_equal(looks[BUSY], 800);
	for (uint32_t i = 0; i < N; i++) {
		sum += looks[i];
		if (i != BUSY)
			assert_int_equal(looks[i], 100);
		assert_in_range(worst[i], 1, SILENCE_PERIOD); /* and nobody waits for longer */
	}
	assert_int_equal(sum, 800 + 500 * 100);
}

/* In each turn the same part of them: no turn is long. */
static void test_spread_evenly(void **state)
{
	struct silence s = {0};

	(void)state;
	for (int i = 0; i < SILENCE_LONG; i++)
		turn(&s, N, N);
	for (int t = 0; t < 16; t++) {
		uint32_t sum = 0;

		count_anew();
		turn(&s, N, N);
		for (uint32_t i = 0; i < N; i++)
			sum += looks[i];
		assert_in_range(sum, N / SILENCE_PERIOD, N / SILENCE_PERIOD + 1);
	}
}

static void test_who_speaks_is_heard(void **state)
{
	struct silence s = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		turn(&s, N, N);
	for (int i = 0; i < SILENCE_PERIOD; i++)
		turn(&s, N, 5);
	count_anew();
	for (int i = 0; i < 10; i++)
		turn(&s, N, 5);
	assert_int_equal(looks[5], 10);
	silence_forget(&s);
	count_anew();
	turn(&s, N, N);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(looks[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_ones_cost_little),
		cmocka_unit_test(test_spread_evenly),
		cmocka_unit_test(test_who_speaks_is_heard),
	};

	return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
