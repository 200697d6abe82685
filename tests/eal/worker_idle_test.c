/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers that sleep (`idle = adaptive`), and what they tell of their time. Turn by turn
 * where the order matters; on a thread of its own where sleeping does.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_rcu_qsbr.h>

#include "ctl/workers.h"
#include "rig.h"

#define ADAPTIVE "[global]\nidle = adaptive\n"
#define LAB                                                                  \
	"[port eth0]\ndevice = dev:net_ring_wire\nmac = 02:4c:00:00:00:01\n" \
	"[vnic a]\ntype = macvlan\nport = eth0\nmode = bridge\n"             \
	"mac = 02:00:00:00:00:01\nendpoint = dev:net_ring_a\n"               \
	"[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\n"             \
	"mac = 02:00:00:00:00:02\nendpoint = dev:net_ring_b\n"
#define THIRD                                                    \
	"[vnic c]\ntype = macvlan\nport = eth0\nmode = bridge\n" \
	"mac = 02:00:00:00:00:03\nendpoint = dev:net_ring_c\n"

static void send_frames(struct rig *r, uint8_t to, unsigned int n)
{
	uint8_t b[100] = {2, 0, 0, 0, 0, to, 2, 0x58, 0, 0, 0, 1, 0x88, 0xb5};

	if (to == 0xff)
		memset(b, 0xff, 6);
	for (unsigned int i = 0; i < n; i++)
		rig_send(r, "wire", b, sizeof(b), 0);
}

static struct worker *worker(struct rig *r)
{
	return r->rt.dp.workers[0];
}

static struct cycles_counts counts(struct rig *r)
{
	struct cycles_counts c;

	cycles_read(&worker(r)->cycles, &c);
	return c;
}

/* ---- turn by turn ---- */

static uint64_t sum_of_stages(const struct cycles_counts *c)
{
	uint64_t sum = 0;

	for (int s = 0; s < N_STAGES; s++)
		sum += c->stages[s];
	return sum;
}

static void cycles_add_up(void **state)
{
	unsigned int sent = 0, turns = 0;
	struct cycles_counts c;
	struct rig r;

	(void)state;
	rig_start(&r, LAB);
	worker_begin(worker(&r));
	rig_turn(&r, 10); /* with nothing to do */
	assert_int_equal(counts(&r).busy_turns, 0);
	do {
		send_frames(&r, 1, 5);
		rig_turn(&r, 1);
		sent += 5;
		turns++;
		assert_int_equal(rig_drain(&r, "a"), 5);
		assert_true(turns < 100000);
	} while (counts(&r).sampled_frames == 0);
	rig_turn(&r, 1); /* the last one is counted when the next begins */
	c = counts(&r);
	assert_int_equal(c.frames, sent);
	assert_int_equal(c.bursts, turns);
	assert_int_equal(c.busy_turns, turns);
	assert_true(turns >= CYCLES_SAMPLE);
	assert_int_equal(c.sampled_frames, 5);
	for (int s = 0; s < N_STAGES; s++)
		assert_true(c.stages[s] > 0);
	/* One turn's stages are a part of all turns' time, which is a part of all time. */
	assert_true(sum_of_stages(&c) < c.busy_cycles);
	assert_true(c.busy_cycles < rte_rdtsc() - c.began);
	rig_stop(&r);
}

static uint64_t longest(struct rig *r)
{
	const struct cycles_counts c = counts(r);

	return cycles_longest(&c, rte_rdtsc(), worker(r)->cycles.late);
}

/* A turn lasts until the next begins. Others may want this core: then it isn't counted. */
static void take_turns(struct rig *r, uint64_t cycles)
{
	uint64_t from;

	send_frames(r, 1, 1);
	rig_turn(r, 1);
	for (from = rte_rdtsc(); rte_rdtsc() - from < cycles;)
		rte_pause();
	rig_turn(r, 1);
	rig_drain(r, "a");
}

static void the_longest_turn_is_told_and_forgotten(void **state)
{
	const uint64_t ms = rte_get_tsc_hz() / 1000;
	struct rig r;

	(void)state;
	rig_start(&r, LAB);
	worker_begin(worker(&r));
	worker(&r)->cycles.late = 200 * ms;
	for (int i = 0; i < 1000 && longest(&r) < 3 * ms; i++)
		take_turns(&r, 3 * ms);
	assert_true(longest(&r) >= 3 * ms);
	/* An empty one is none, however long. */
	for (int i = 0; i < 3; i++) {
		rig_turn(&r, 1);
		usleep(20000);
	}
	rig_turn(&r, 1);
	assert_true(longest(&r) < 20 * ms);
	/* Shorter ones take its place, and with none at all there is none. */
	for (int i = 0; i < 1000 && (longest(&r) == 0 || longest(&r) >= 3 * ms); i++) {
		take_turns(&r, ms / 10);
		usleep(2000);
	}
	assert_in_range(longest(&r), ms / 10, 3 * ms - 1);
	usleep(450000);
	assert_int_equal(longest(&r), 0);
	rig_stop(&r);
}

static json_t *shown(struct rig *r, const char *params)
{
	json_t *p = json_loads(params, 0, NULL), *list;
	struct err err = {0};

	assert_non_null(p);
	list = workers_show(&r->rt, p, &err);
	json_decref(p);
	if (list == NULL)
		assert_true(err.code != 0);
	return list;
}

static json_int_t number(const json_t *o, const char *key)
{
	assert_true(json_is_number(json_object_get(o, key)));
	return (json_int_t)json_number_value(json_object_get(o, key));
}

static void worker_show_tells_it(void **state)
{
	const json_t *w, *totals;
	unsigned int lcore;
	char params[64];
	struct rig r;
	json_t *list;

	(void)state;
	rig_start(&r, ADAPTIVE LAB);
	worker_begin(worker(&r));
	for (int i = 0; i < 3 * CYCLES_SAMPLE; i++) {
		send_frames(&r, 2, 4);
		rig_turn(&r, 1);
		rig_drain(&r, "b");
		if (i % 40 == 0)
			workers_tick(&r.rt); /* samples are there, and are not the start */
	}
	rig_turn(&r, 1);
	list = shown(&r, "{}");
	assert_int_equal(json_array_size(list), 1);
	w = json_array_get(list, 0);
	lcore = (unsigned int)number(w, "lcore");
	assert_int_equal(lcore, r.rt.lcores[0]);
	assert_string_equal(json_string_value(json_object_get(w, "idle")), "adaptive");
	assert_int_equal(number(w, "n_polled"), 3);
	assert_int_equal(number(w, "n_waiting"), 0);
	assert_int_equal(json_array_size(json_object_get(w, "queues")), 3);
	assert_int_equal(number(w, "frames_per_burst"), 4);
	assert_true(number(w, "cycles_per_frame") > 0);
	assert_true(number(w, "frames_per_second") > 0);
	assert_true(json_number_value(json_object_get(w, "longest_us")) > 0);
	assert_true(json_number_value(json_object_get(w, "busy_ratio")) > 0);
	assert_true(json_number_value(json_object_get(w, "busy_ratio")) <= 1);
	totals = json_object_get(w, "totals");
	assert_int_equal(number(totals, "frames"), 3 * CYCLES_SAMPLE * 4);
	assert_int_equal(number(totals, "bursts"), 3 * CYCLES_SAMPLE);
	assert_true(number(totals, "busy_cycles") <= number(totals, "cycles"));
	assert_true(number(totals, "sampled_cycles") <= number(totals, "busy_cycles"));
	json_decref(list);

	snprintf(params, sizeof(params), "{\"lcore\":%u}", lcore);
	list = shown(&r, params);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	assert_null(shown(&r, "{\"lcore\":127}"));
	assert_null(shown(&r, "{\"lcore\":-1}"));
	assert_null(shown(&r, "{\"core\":1}"));
	rig_stop(&r);
}

/* Turns until it may sleep; how many µs then. */
static uint32_t turns_to_sleep(struct rig *r)
{
	uint32_t us = 0;

	for (int i = 0; i < 10000000 && us == 0; i++) {
		rig_turn(r, 1);
		us = worker_may_sleep(worker(r));
	}
	return us;
}

static void work_keeps_it_awake(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, LAB);
	assert_in_range(turns_to_sleep(&r), 1, IDLE_SLICE_US);
	send_frames(&r, 1, 1);
	rig_turn(&r, 1);
	assert_int_equal(worker_may_sleep(worker(&r)), 0);
	rig_turn(&r, 1);
	assert_int_equal(worker_may_sleep(worker(&r)), 0); /* a frame came just now */
	assert_in_range(turns_to_sleep(&r), 1, IDLE_SLICE_US);
	rig_drain(&r, "a");
	rig_stop(&r);
}

/* A worker's own loop: the turn after one with work doesn't end asleep. Whoever lost the core there tries again. */
static void work_keeps_the_loop_awake(void **state)
{
	unsigned int awake = 0;
	struct dataplane *dp;
	struct rig r;

	(void)state;
	rig_start(&r, ADAPTIVE LAB);
	dp = &r.rt.dp;
	rte_rcu_qsbr_thread_register(dp->qsbr, 0);
	rte_rcu_qsbr_thread_online(dp->qsbr, 0);
	for (int i = 0; i < 100 && awake == 0; i++) {
		uint64_t sleeps = counts(&r).sleeps;

		while (counts(&r).sleeps == sleeps)
			dataplane_turn(dp, 0);
		send_frames(&r, 1, 1);
		dataplane_turn(dp, 0);
		assert_int_equal(rig_drain(&r, "a"), 1);
		sleeps = counts(&r).sleeps;
		dataplane_turn(dp, 0);
		awake += counts(&r).sleeps == sleeps;
	}
	rte_rcu_qsbr_thread_offline(dp->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(dp->qsbr, 0);
	assert_int_equal(awake, 1);
	rig_stop(&r);
}

/* What waits in a flood queue doesn't wait for a sleeper. */
static void floods_keep_it_awake(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, LAB);
	runtime_vnic(&r.rt, "a")->at.endpoint->slow = true;
	runtime_vnic(&r.rt, "b")->at.endpoint->slow = true;
	send_frames(&r, 0xff, 32);
	for (int left = 32 * 2 / SLOW_COPIES_MAX; left > 0; left--) {
		rig_turn(&r, 1);
		assert_int_equal(worker_may_sleep(worker(&r)), 0);
	}
	assert_true(turns_to_sleep(&r) > 0);
	assert_int_equal(rig_drain(&r, "a"), 32);
	assert_int_equal(rig_drain(&r, "b"), 32);
	rig_stop(&r);
}

/* ---- on a thread ---- */

static void *run(void *arg)
{
	dataplane_run_worker(arg, 0);
	return NULL;
}

static void await_sleeps(struct rig *r, uint64_t more)
{
	uint64_t from = counts(r).sleeps;

	for (int i = 0; i < 20000 && counts(r).sleeps < from + more; i++)
		usleep(1000);
	assert_true(counts(r).sleeps >= from + more);
}

static void await_frames(struct rig *r, const char *end, unsigned int n)
{
	unsigned int got = 0;

	for (int i = 0; i < 20000 && got < n; i++) {
		got += rig_drain(r, end);
		usleep(1000);
	}
	assert_int_equal(got, n);
}

static void a_sleeper_misses_nothing(void **state)
{
	struct err err = {0};
	pthread_t thread;
	struct rig r;

	(void)state;
	rig_start(&r, ADAPTIVE LAB);
	assert_int_equal(pthread_create(&thread, NULL, run, &r.rt.dp), 0);
	for (int i = 0; i < 20; i++) {
		await_sleeps(&r, 2);
		send_frames(&r, 1, 3);
		await_frames(&r, "a", 3);
	}
	/* Main doesn't wait for who sleeps, and he sees what was published meanwhile. */
	await_sleeps(&r, 2);
	assert_int_equal(rig_reload(&r, ADAPTIVE LAB THIRD, &err), 0);
	send_frames(&r, 3, 2);
	await_frames(&r, "c", 2);
	await_sleeps(&r, 2);
	assert_int_equal(rig_reload(&r, ADAPTIVE LAB, &err), 0);
	dataplane_stop(&r.rt.dp);
	pthread_join(thread, NULL);
	assert_int_equal(counts(&r).frames, 20 * 3 + 2);
	rig_stop(&r);
}

/* With waiting queues alone, or none, it sleeps until it is woken. */
static void stop_wakes_it(void **state)
{
	struct err err = {0};
	pthread_t thread;
	struct rig r;

	(void)state;
	rig_start(&r, ADAPTIVE "[port eth0]\ndevice = none\n");
	assert_int_equal(pthread_create(&thread, NULL, run, &r.rt.dp), 0);
	await_sleeps(&r, 1);
	/* From no queue at all to polled ones. */
	assert_int_equal(rig_reload(&r, ADAPTIVE LAB, &err), 0);
	send_frames(&r, 1, 1);
	await_frames(&r, "a", 1);
	dataplane_stop(&r.rt.dp);
	pthread_join(thread, NULL);
	rig_stop(&r);
}

static void a_reload_changes_it(void **state)
{
	struct err err = {0};
	uint64_t sleeps;
	pthread_t thread;
	struct rig r;

	(void)state;
	rig_start(&r, LAB);
	assert_int_equal(pthread_create(&thread, NULL, run, &r.rt.dp), 0);
	send_frames(&r, 1, 1);
	await_frames(&r, "a", 1);
	usleep(10000);
	assert_int_equal(counts(&r).sleeps, 0);
	assert_int_equal(rig_reload(&r, ADAPTIVE LAB, &err), 0);
	await_sleeps(&r, 3);
	assert_int_equal(rig_reload(&r, LAB, &err), 0);
	send_frames(&r, 1, 1);
	await_frames(&r, "a", 1); /* it is awake, and knows */
	sleeps = counts(&r).sleeps;
	usleep(10000);
	assert_int_equal(counts(&r).sleeps, sleeps);
	dataplane_stop(&r.rt.dp);
	pthread_join(thread, NULL);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycles_add_up),
		cmocka_unit_test(the_longest_turn_is_told_and_forgotten),
		cmocka_unit_test(worker_show_tells_it),
		cmocka_unit_test(work_keeps_it_awake),
		cmocka_unit_test(work_keeps_the_loop_awake),
		cmocka_unit_test(floods_keep_it_awake),
		cmocka_unit_test(a_sleeper_misses_nothing),
		cmocka_unit_test(stop_wakes_it),
		cmocka_unit_test(a_reload_changes_it),
	};

	return cmocka_run_group_tests_name("worker_idle", tests, rig_eal, NULL);
}
