/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture's ring: what goes in comes out, in order and whole, however it wraps; what has no
 * room is counted; what was taken back is never seen.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dp/capture_ring.h"

#define SIZE (1u << 16)

/* Length and content follow from the number, so that a mix-up can't go unseen. */
static uint32_t length_of(uint64_t number)
{
	return (uint32_t)((number * 2654435761u >> 7) % 9000);
}

static bool put(struct capture_ring *r, uint64_t number)
{
	uint32_t n = length_of(number);
	struct capture_record *rec = capture_ring_add(r, n);

	if (rec == NULL)
		return false;
	rec->tsc = number;
	memset(rec->bytes, (int)(number & 0xff), n);
	return true;
}

static void check(const struct capture_record *rec, uint64_t number)
{
	assert_non_null(rec);
	assert_int_equal(rec->tsc, number);
	assert_int_equal(rec->caplen, length_of(number));
	for (uint32_t i = 0; i < rec->caplen; i++)
		assert_int_equal(rec->bytes[i], number & 0xff);
}

static void one_by_one(void **state)
{
	struct capture_ring r;

	(void)state;
	assert_int_equal(capture_ring_open(&r, SIZE), 0);
	assert_null(capture_ring_first(&r));
	for (uint64_t i = 0; i < 2000; i++) {
		assert_true(put(&r, i));
		assert_null(capture_ring_first(&r)); /* not shown yet */
		capture_ring_show(&r);
		check(capture_ring_first(&r), i);
		capture_ring_remove_first(&r);
		assert_null(capture_ring_first(&r));
	}
	assert_int_equal(r.lost, 0);
	capture_ring_close(&r);
}

static void full(void **state)
{
	struct capture_ring r;
	uint64_t n = 0, next = 0;

	(void)state;
	assert_int_equal(capture_ring_open(&r, SIZE), 0);
	while (put(&r, n))
		n++;
	assert_true(n > 3);
	assert_int_equal(r.lost, 1);
	/* Longer than the ring, whatever is in it. */
	assert_null(capture_ring_add(&r, SIZE));
	assert_null(capture_ring_add(&r, UINT32_MAX));
	assert_int_equal(r.lost, 3);
	capture_ring_show(&r);
	check(capture_ring_first(&r), next++);
	capture_ring_remove_first(&r);
	while (next < n) {
		check(capture_ring_first(&r), next++);
		capture_ring_remove_first(&r);
	}
	assert_null(capture_ring_first(&r));
	/* The one behind what was lost tells how many. */
	assert_true(put(&r, 7));
	capture_ring_show(&r);
	assert_int_equal(capture_ring_first(&r)->lost, 3);
	capture_ring_close(&r);
}

/* At every position of the ring, so at its end, too. */
static void taken_back(void **state)
{
	struct capture_ring r;
	uint64_t next = 0;

	(void)state;
	assert_int_equal(capture_ring_open(&r, SIZE), 0);
	for (uint64_t i = 0; i < 3000; i += 3) {
		struct capture_record *rec;
		uint64_t at = r.head, back;

		assert_true(put(&r, i) && put(&r, i + 1) && put(&r, i + 2));
		rec = capture_ring_hidden(&r, &at);
		check(rec, i);
		back = at;
		check(capture_ring_hidden(&r, &at), i + 1);
		check(capture_ring_hidden(&r, &at), i + 2);
		assert_null(capture_ring_hidden(&r, &at));
		capture_ring_rewind(&r, back);
		capture_ring_show(&r);
		check(capture_ring_first(&r), i);
		capture_ring_remove_first(&r);
		assert_null(capture_ring_first(&r));
		next++;
	}
	assert_int_equal(next, 1000);
	capture_ring_close(&r);
}

#define MANY 200000

static void *produce(void *arg)
{
	struct capture_ring *r = arg;

	for (uint64_t i = 0; i < MANY; i++) {
		if (!put(r, i))
			sched_yield();
		if (i % 3 == 0 || i == MANY - 1)
			capture_ring_show(r);
	}
	return NULL;
}

/* Two threads: what isn't lost comes whole and in order, and the losses are told exactly. */
static void two_threads(void **state)
{
	struct capture_ring r;
	uint64_t next = 0, seen = 0;
	bool over = false;
	pthread_t t;

	(void)state;
	assert_int_equal(capture_ring_open(&r, SIZE), 0);
	assert_int_equal(pthread_create(&t, NULL, produce, &r), 0);
	for (;;) {
		const struct capture_record *rec = capture_ring_first(&r);

		if (rec == NULL) {
			if (over)
				break;
			over = pthread_tryjoin_np(t, NULL) == 0;
			continue;
		}
		assert_true(rec->tsc >= next);
		check(rec, rec->tsc);
		assert_int_equal(rec->lost, rec->tsc - seen);
		next = rec->tsc + 1;
		seen++;
		capture_ring_remove_first(&r);
	}
	assert_int_equal(seen + r.lost, MANY);
	assert_true(seen > 0);
	capture_ring_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(full),
		cmocka_unit_test(taken_back),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
