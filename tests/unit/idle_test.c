/* SPDX-License-Identifier: BSD-3-Clause */
/* When a worker sleeps and what wakes it, with a clock of the test's own: a cycle is a µs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "dp/idle.h"

#define HZ	1000000
#define FOREVER 60000000 /* µs: who isn't woken fails by the test's time limit */

static struct idle make(void)
{
	struct idle i;

	assert_int_equal(idle_open(&i, HZ), 0);
	return i;
}

static void it_does_not_sleep_at_once(void **state)
{
	struct idle i = make();

	(void)state;
	assert_int_equal(idle_after_turn(&i, true, true, 1000), 0);
	assert_int_equal(idle_after_turn(&i, false, true, 1010), 0);
	assert_int_equal(idle_after_turn(&i, false, true, 1010 + IDLE_SPIN_US - 1), 0);
	assert_true(idle_after_turn(&i, false, true, 1010 + IDLE_SPIN_US) > 0);
	idle_close(&i);
}

/* No frame waits longer than the queue was silent before, nor a millisecond. */
static void slices_grow(void **state)
{
	struct idle i = make();

	(void)state;
	idle_after_turn(&i, false, true, 1000);
	for (uint64_t us = IDLE_SPIN_US; us < 5000; us += 50) {
		uint32_t slice = idle_after_turn(&i, false, true, 1000 + us);

		assert_true(slice > 0 && slice <= us && slice < 900);
	}
	assert_int_equal(idle_after_turn(&i, false, true, 900000000), IDLE_SLICE_US);
	idle_close(&i);
}

static void who_is_woken_sleeps_long(void **state)
{
	struct idle i = make();

	(void)state;
	idle_after_turn(&i, false, false, 1000);
	assert_int_equal(idle_after_turn(&i, false, false, 1000 + IDLE_SPIN_US), IDLE_LONG_US);
	idle_close(&i);
}

static void work_begins_it_anew(void **state)
{
	struct idle i = make();

	(void)state;
	idle_after_turn(&i, false, true, 1000);
	assert_true(idle_after_turn(&i, false, true, 9000) > 0);
	assert_int_equal(idle_after_turn(&i, true, true, 9010), 0);
	assert_int_equal(idle_after_turn(&i, false, true, 9020), 0);
	assert_int_equal(idle_after_turn(&i, false, true, 9021), 0);
	idle_close(&i);
}

static void a_stream_brings_naps(void **state)
{
	struct idle i = make();

	(void)state;
	idle_received(&i, IDLE_NAP_BYTES - 1);
	assert_int_equal(idle_after_turn(&i, false, false, 1000), 0); /* not so much yet */
	idle_received(&i, 1);
	assert_int_equal(idle_after_turn(&i, true, false, 1010), 0); /* there may be more */
	assert_int_equal(idle_after_turn(&i, false, false, 1020), IDLE_NAP_US);
	assert_true(i.nap);
	idle_sleep(&i, -1, IDLE_NAP_US);
	assert_false(i.nap);
	/* One for so many bytes; what the stream's end is, too, leads to a sleep that frames end. */
	assert_int_equal(idle_after_turn(&i, false, false, 1020 + IDLE_SPIN_US - 1), 0);
	assert_int_equal(idle_after_turn(&i, false, false, 1020 + IDLE_SPIN_US), IDLE_LONG_US);
	assert_false(i.nap);
	idle_close(&i);
}

/* Its queues fill up, and nobody tells. */
static void who_polls_does_not_nap(void **state)
{
	struct idle i = make();

	(void)state;
	idle_received(&i, 10 * IDLE_NAP_BYTES);
	assert_int_equal(idle_after_turn(&i, false, true, 1000), 0);
	assert_int_equal(idle_after_turn(&i, false, true, 1001), 0);
	idle_close(&i);
}

/* What called it during a nap ends the sleep behind it. */
static void a_nap_hears_nobody(void **state)
{
	struct idle i = make();

	(void)state;
	idle_received(&i, IDLE_NAP_BYTES);
	assert_int_equal(idle_after_turn(&i, false, false, 1000), IDLE_NAP_US);
	idle_wake(&i);
	idle_sleep(&i, -1, IDLE_NAP_US);
	idle_sleep(&i, -1, FOREVER);
	assert_int_equal(read(i.wake, &(uint64_t){0}, 8), -1);
	idle_close(&i);
}

struct sleeper {
	struct idle idle;
	int epoll;
	pthread_t thread;
};

static void *sleep_long(void *arg)
{
	struct sleeper *s = arg;

	idle_sleep(&s->idle, s->epoll, FOREVER);
	return NULL;
}

static void main_wakes_it(void **state)
{
	struct sleeper s = {.idle = make(), .epoll = epoll_create1(0)};

	(void)state;
	assert_int_equal(pthread_create(&s.thread, NULL, sleep_long, &s), 0);
	usleep(1000);
	idle_wake(&s.idle);
	pthread_join(s.thread, NULL);
	/* Before it sleeps is as good; many calls are one. */
	for (int i = 0; i < 3; i++)
		idle_wake(&s.idle);
	idle_sleep(&s.idle, s.epoll, FOREVER);
	assert_int_equal(read(s.idle.wake, &(uint64_t){0}, 8), -1);
	idle_sleep(&s.idle, s.epoll, 1); /* time ends it, too */
	close(s.epoll);
	idle_close(&s.idle);
}

static void a_frame_wakes_it(void **state)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 7}, got = {0};
	struct sleeper s = {.idle = make(), .epoll = epoll_create1(0)};
	int queue = eventfd(0, 0);

	(void)state;
	assert_int_equal(epoll_ctl(s.epoll, EPOLL_CTL_ADD, queue, &e), 0);
	assert_int_equal(pthread_create(&s.thread, NULL, sleep_long, &s), 0);
	usleep(1000);
	assert_int_equal(write(queue, &(uint64_t){1}, 8), 8);
	pthread_join(s.thread, NULL);
	/* The turn that follows finds which queue it was. */
	assert_int_equal(epoll_wait(s.epoll, &got, 1, 0), 1);
	assert_int_equal(got.data.u64, 7);
	close(queue);
	close(s.epoll);
	idle_close(&s.idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_not_sleep_at_once),
		cmocka_unit_test(slices_grow),
		cmocka_unit_test(who_is_woken_sleeps_long),
		cmocka_unit_test(work_begins_it_anew),
		cmocka_unit_test(a_stream_brings_naps),
		cmocka_unit_test(who_polls_does_not_nap),
		cmocka_unit_test(a_nap_hears_nobody),
		cmocka_unit_test(main_wakes_it),
		cmocka_unit_test(a_frame_wakes_it),
	};

	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
