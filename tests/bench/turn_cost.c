/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker's turns cost between two vnics on TAPs: TSC cycles from the moment that frames wait at one until all
 * were written to the other.
 *
 *   bench_turn_cost
 *
 * In a network namespace of its own, which goes with it. One thread does all, so what else runs on the machine disturbs
 * only single rounds: the median of many is told. `warm`: the TAP had frames a few turns ago; `cold`: long ago.
 */
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_cycles.h>

#include "dp/worker.h"
#include "rig.h"
#include "tap_sender.h"

#define ROUNDS	 400
#define WARM	 20 /* turns between two rounds */
#define COLD	 400
#define PATIENCE 10000 /* turns, and a frame is lost */
#define VNIC(name, last)                                                \
	"[vnic " name "]\ntype = macvlan\nport = eth0\nmode = bridge\n" \
	"mac = 02:00:00:00:00:0" last "\nendpoint = tap:" name "\n"

static struct rig rig;

static uint64_t delivered(void)
{
	const struct receiver *got = rig.rt.dp.workers[0]->tx.receivers;

	return got[TX_VNIC(0)].packets + got[TX_VNIC(1)].packets;
}

static double round_of(int sender, const char *b, size_t len, int n, unsigned int pause)
{
	static uint64_t rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before, begin;
		int turns = 0;

		rig_turn(&rig, pause);
		before = delivered();
		sender_offer(sender, b, len, n);
		begin = rte_rdtsc();
		while (delivered() < before + (uint64_t)n && turns++ < PATIENCE)
			rig_turn(&rig, 1);
		rounds[i] = rte_rdtsc() - begin;
		assert_true(turns <= PATIENCE);
	}
	return (double)sender_median(rounds, ROUNDS) / n;
}

static uint64_t empty_turn(int sender, const char *b, size_t len, bool warm)
{
	static uint64_t rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begin;

		rig_turn(&rig, COLD);
		if (warm) {
			sender_offer(sender, b, len, 1);
			rig_turn(&rig, 5);
		}
		begin = rte_rdtsc();
		rig_turn(&rig, WARM);
		rounds[i] = (rte_rdtsc() - begin) / WARM;
	}
	return sender_median(rounds, ROUNDS);
}

static void measure(void **state)
{
	static const size_t lens[] = {60, 1514, 9014, SENDER_HEADERS + 44 * 1460};
	static char b[SENDER_MAX_FRAME];
	size_t len;
	int fd;

	(void)state;
	rig_start(&rig, "[port eth0]\ndevice = none\n" VNIC("turna", "2") VNIC("turnb", "1"));
	fd = sender_open("turna");
	printf("%8s %10s %10s %10s %10s\n", "bytes", "1, warm", "1, cold", "2", "32");
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		len = sender_make(b, lens[i]);
		printf("%8zu", lens[i]);
		printf(" %10.0f", round_of(fd, b, len, 1, WARM));
		printf(" %10.0f", round_of(fd, b, len, 1, COLD));
		printf(" %10.0f", round_of(fd, b, len, 2, WARM));
		printf(" %10.0f\n", round_of(fd, b, len, 32, WARM));
	}
	len = sender_make(b, lens[0]);
	printf("a turn without frames: %lu warm, %lu cold\n", empty_turn(fd, b, len, true),
	       empty_turn(fd, b, len, false));
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};

	if (unshare(CLONE_NEWNET) != 0) {
		perror("unshare");
		return 1;
	}
	return cmocka_run_group_tests(tests, rig_eal, NULL);
}
