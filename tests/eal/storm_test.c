/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reload storm: configurations follow each other as fast as they can be applied
 * while two workers forward without a pause. Vnics that are in all of them must not
 * lose a frame; ThreadSanitizer (build with -Db_sanitize=thread) must have nothing to say.
 *
 * The wire replays a capture without end, so frames are made and freed on the
 * worker's thread alone: DPDK's own libraries are not instrumented, and what passes
 * between threads inside them would be reported although it is right.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_lcore.h>

#include "ctl/control.h"
#include "rig.h"

#define ROUNDS	120
#define WORKERS 2
#define VNICS	12
#define STEADY	4 /* the first ones are in every configuration */

static char pcap_path[64];

/** What workers do meanwhile. */
struct storm {
	bool endless; /* the capture plays in a circle; otherwise once, and then they're idle */
	bool adaptive; /* they may sleep; from one reload to the next it changes */
};

static void put(FILE *f, const void *bytes, size_t n)
{
	assert_int_equal(fwrite(bytes, 1, n, f), n);
}

/* One frame to each vnic, one broadcast, one to nobody. */
static int write_pcap(void **state)
{
	const uint32_t head[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	FILE *f;

	snprintf(pcap_path, sizeof(pcap_path), "/tmp/storm-%d.pcap", (int)getpid());
	f = fopen(pcap_path, "w");
	assert_non_null(f);
	put(f, head, sizeof(head));
	for (int i = 0; i < VNICS + 2; i++) {
		const uint32_t record[4] = {0, 0, 64, 64};
		uint8_t b[64] = {2, 0, 0, 0, 1, (uint8_t)i, 2, 0x58, 0, 0, 0, 1, 0x88, 0xb5};

		if (i == VNICS)
			memset(b, 0xff, 6);
		put(f, record, sizeof(record));
		put(f, b, sizeof(b));
	}
	fclose(f);
	return rig_eal(state);
}

static int remove_pcap(void **state)
{
	(void)state;
	unlink(pcap_path);
	return 0;
}

static struct conf *make_conf(const struct storm *storm, unsigned int seed)
{
	static const char *const modes[] = {"bridge", "vepa", "private"};
	char path[] = "/tmp/storm-XXXXXX";
	struct errors es = {.file = "storm.ini"};
	FILE *f = fdopen(mkstemp(path), "w");
	struct conf *conf;

	assert_non_null(f);
	if (storm->adaptive && seed % 4 != 3)
		fputs("[global]\nidle = adaptive\n", f);
	fprintf(f,
		"[port eth0]\ndevice = dev:net_pcap0,rx_pcap=%s%s\n"
		"mac = 02:4c:00:00:00:01\n",
		pcap_path, storm->endless ? ",infinite_rx=1" : "");
	fprintf(f, "mtu = %u\nhost-reach = %s\n", 1500 + seed % 3, seed % 2 ? "on" : "off");
	for (unsigned int i = 0; i < VNICS; i++) {
		if (i >= STEADY && (seed >> i & 1) != 0)
			continue;
		fprintf(f, "[vnic v%u]\ntype = macvlan\nport = eth0\nmac = 02:00:00:00:01:%02x\n",
			i, i);
		fprintf(f, "mode = %s\n", modes[i < STEADY ? 0 : (seed >> 4) % 3]);
		if (i >= STEADY)
			fprintf(f, "state = %s\n", seed % 5 == 0 ? "down" : "up");
	}
	fprintf(f, "[vnic x]\ntype = veth\npeer = y\n[vnic y]\ntype = veth\npeer = x\n");
	fclose(f);
	conf = control_load(path, &es);
	unlink(path);
	errors_print(&es, stderr);
	assert_non_null(conf);
	return conf;
}

/** A worker on a thread of the test's own. */
struct runner {
	struct dataplane *dp;
	uint32_t index;
	pthread_t thread;
};

static void *run_worker(void *arg)
{
	struct runner *r = arg;

	dataplane_run_worker(r->dp, r->index);
	return NULL;
}

/* The capture plays in a circle: steady vnics differ by the round that was cut off, no more. */
static void nothing_was_lost(const struct runtime *rt, const struct storm *storm)
{
	struct iface_stats first, other;

	runtime_vnic_stats(rt, rt->vnics[0], &first);
	assert_true(first.rx_packets > (storm->endless ? ROUNDS : 0));
	for (int i = 1; i < STEADY; i++) {
		runtime_vnic_stats(rt, rt->vnics[i], &other);
		assert_in_range(other.rx_packets, first.rx_packets - 2, first.rx_packets + 2);
		assert_int_equal(other.rx_dropped, 0);
	}
}

/* The second worker has no queue at all: it sleeps whenever it may. */
static void they_slept(const struct runtime *rt, const struct storm *storm)
{
	struct cycles_counts c;

	for (uint32_t i = 0; i < WORKERS; i++) {
		cycles_read(&rt->dp.workers[i]->cycles, &c);
		if (!storm->adaptive)
			assert_int_equal(c.sleeps, 0);
		else if (!storm->endless || i > 0)
			assert_true(c.sleeps > 0);
	}
}

static void run_storm(const struct storm *storm)
{
	const struct pool_conf pools = {.n_mbufs = 16383, .mbuf_size = 2176};
	const unsigned int lcores[WORKERS] = {0, 0};
	struct runner runners[WORKERS];
	struct err err = {0};
	struct iface_stats first;
	struct runtime rt;
	unsigned int seed = 12345;

	pools_configure(&pools);
	runtime_init(&rt, lcores, WORKERS);
	assert_int_equal(runtime_apply(&rt, make_conf(storm, 0), &err), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		runners[i] = (struct runner){.dp = &rt.dp, .index = i};
		assert_int_equal(pthread_create(&runners[i].thread, NULL, run_worker, &runners[i]),
				 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		seed = seed * 1103515245 + 12345;
		if (runtime_apply(&rt, make_conf(storm, seed >> 8 & 0xffff), &err) != 0)
			fail_msg("round %d: %s", i, err.text);
		runtime_vnic_stats(&rt, rt.vnics[0], &first);
	}
	dataplane_stop(&rt.dp);
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(runners[i].thread, NULL);

	nothing_was_lost(&rt, storm);
	they_slept(&rt, storm);
	runtime_destroy(&rt);
	assert_int_equal(pools_in_use(), 0);
	pools_free();
}

static void a_reload_storm(void **state)
{
	(void)state;
	run_storm(&(struct storm){.endless = true});
}

/* As busy as before, beside a worker that sleeps. */
static void a_storm_over_a_sleeper(void **state)
{
	(void)state;
	run_storm(&(struct storm){.endless = true, .adaptive = true});
}

static void a_storm_over_sleepers(void **state)
{
	(void)state;
	run_storm(&(struct storm){.adaptive = true});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_storm),
		cmocka_unit_test(a_storm_over_a_sleeper),
		cmocka_unit_test(a_storm_over_sleepers),
	};

	return cmocka_run_group_tests_name("storm", tests, write_pcap, remove_pcap);
}
