/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A storm over ipvlan: reloads that change modes, flags, addresses and vnics, neighbours that come
 * and go, and ARP from the wire that fills the mailbox, while two workers forward without a
 * pause: one an l2 port, the other an l3 port and what one of its vnics sends. Vnics that stay must
 * not lose a frame; ThreadSanitizer must have nothing to say.
 *
 * Frames pass between threads here (letters, parcels), by way of mempools, whose rings aren't
 * instrumented: so the pools' own is exchanged for a stack that ThreadSanitizer sees through.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "ctl/control.h"
#include "ctl/l3.h"
#include "ctl/mail.h"
#include "net/answer.h"
#include "rig.h"

#define ROUNDS	100
#define WORKERS 2
#define VNICS	8
#define STEADY	3 /* of each port: the first ones are in every configuration */
#define PORT	0x010000004d02ULL /* 02:4d:00:00:00:01 */
#define GATEWAY 0x010000005202ULL

/* ---- a pool whose hands can be watched ---- */

struct stack {
	pthread_mutex_t lock;
	unsigned int n;
	void *objects[];
};

static int stack_alloc(struct rte_mempool *mp)
{
	struct stack *s = malloc(sizeof(*s) + mp->size * sizeof(void *));

	if (s == NULL)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->n = 0;
	mp->pool_data = s;
	return 0;
}

static void stack_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int stack_put(struct rte_mempool *mp, void *const *objects, unsigned int n)
{
	struct stack *s = mp->pool_data;

	pthread_mutex_lock(&s->lock);
	memcpy(&s->objects[s->n], objects, n * sizeof(*objects));
	s->n += n;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int stack_take(struct rte_mempool *mp, void **objects, unsigned int n)
{
	struct stack *s = mp->pool_data;
	int rc = -ENOBUFS;

	pthread_mutex_lock(&s->lock);
	if (s->n >= n) {
		s->n -= n;
		memcpy(objects, &s->objects[s->n], n * sizeof(*objects));
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static unsigned int stack_count(const struct rte_mempool *mp)
{
	struct stack *s = mp->pool_data;
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static const struct rte_mempool_ops stack_ops = {
	.name = "watched",
	.alloc = stack_alloc,
	.free = stack_free,
	.enqueue = stack_put,
	.dequeue = stack_take,
	.get_count = stack_count,
};

/* ---- captures that play in a circle ---- */

static char directory[] = "/tmp/ivstorm-XXXXXX";
static const char *const captures[] = {"l2", "l3", "sender"};

static FILE *capture(const char *name)
{
	const uint32_t head[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(head, sizeof(head), 1, f), 1);
	return f;
}

static void add(FILE *f, const uint8_t *b, uint32_t len)
{
	const uint32_t record[4] = {0, 0, len, len};

	assert_int_equal(fwrite(record, sizeof(record), 1, f), 1);
	assert_int_equal(fwrite(b, len, 1, f), 1);
}

/* A whole IPv4 header: l3s looks at its checksum. */
static void add_ip4(FILE *f, const uint8_t src[4], const uint8_t dst[4])
{
	uint8_t b[64] = {[12] = 8, [14] = 0x45, [17] = 50, [22] = 64, [23] = 17};
	uint32_t sum = 0;

	mac_store(b, PORT);
	mac_store(b + 6, src[3] == 200 ? GATEWAY : PORT);
	memcpy(b + 26, src, 4);
	memcpy(b + 30, dst, 4);
	for (int i = 14; i < 34; i += 2)
		sum += pkt_load16(b + i);
	sum = ~((sum & 0xffff) + (sum >> 16));
	b[24] = (uint8_t)(sum >> 8);
	b[25] = (uint8_t)sum;
	add(f, b, sizeof(b));
}

/* One frame for each vnic, and what a gateway says that moves all the time. */
static void write_wire(const char *name, uint8_t net, bool talks)
{
	const uint8_t from[4] = {10, net, 0, 200};
	struct ip_addr gw = {.family = 4, .b = {10, net, 0, 200}};
	struct ip_addr gw6 = {.family = 6, .b = {0x20, 1, 0xd, 0xb8, [15] = 200}};
	struct ip_addr own = {.family = 4, .b = {10, net, 0, 1}};
	uint8_t b[ANSWER_MAX];
	FILE *f = capture(name);

	for (uint8_t i = 0; i < VNICS; i++)
		add_ip4(f, from, (const uint8_t[]){10, net, 0, (uint8_t)(i + 10)});
	for (uint64_t i = 0; talks && i < 3; i++) {
		add(f, b, announce_arp(b, GATEWAY + (i << 32), &gw));
		add(f, b, announce_na(b, GATEWAY + (i << 40), &gw6));
		add(f, b, solicit_arp(b, GATEWAY, &gw, &own));
	}
	fclose(f);
}

/* To the gateway, to neighbours who never answer, to a sibling, to the host. */
static void write_sender(void)
{
	const uint8_t self[4] = {10, 2, 0, 10}, last[] = {200, 201, 202, 14, 1};
	FILE *f = capture("sender");

	for (size_t i = 0; i < sizeof(last); i++)
		add_ip4(f, self, (const uint8_t[]){10, 2, 0, last[i]});
	for (uint8_t i = 0; i < 8; i++)
		add_ip4(f, self, (const uint8_t[]){198, 51, 100, i});
	fclose(f);
}

static int set_up(void **state)
{
	if (rig_eal(state) != 0 || rte_mempool_register_ops(&stack_ops) < 0 ||
	    rte_mbuf_set_user_mempool_ops("watched") != 0 || mkdtemp(directory) == NULL)
		return -1;
	write_wire("l2", 1, false);
	write_wire("l3", 2, true);
	write_sender();
	return 0;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	for (size_t i = 0; i < RTE_DIM(captures); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, captures[i]);
		unlink(path);
	}
	return rmdir(directory);
}

/* ---- configurations ---- */

static void put_port(FILE *f, int i, unsigned int seed)
{
	fprintf(f,
		"[port p%d]\ndevice = dev:net_pcap%d,rx_pcap=%s/%s,infinite_rx=1\n"
		"mac = 02:4d:00:00:00:01\nhost = none\naddress = 10.%d.0.1/24\n"
		"routes = default via 10.%d.0.200\nmtu = %u\nproxy-arp = %s\n",
		i, i, directory, captures[i - 1], i, i, 1500 + seed % 3, seed % 2 ? "on" : "off");
}

static void put_vnics(FILE *f, int port, const char *mode, const char *flags, unsigned int seed)
{
	for (unsigned int i = 0; i < VNICS; i++) {
		if (i >= STEADY && (seed >> i & 1) != 0)
			continue;
		fprintf(f, "[vnic v%d%u]\ntype = ipvlan\nport = p%d\nmode = %s\nflags = %s\n", port,
			i, port, mode, flags);
		fprintf(f, "address = 10.%d.0.%u, 2001:db8:%d::%x-2001:db8:%d::%x\n", port, i + 10,
			port, i * 0x100, port, i * 0x100 + seed % 200);
		if (port == 2 && i == 0)
			fprintf(f, "endpoint = dev:net_pcap3,rx_pcap=%s/sender,infinite_rx=1\n",
				directory);
		if (i >= STEADY)
			fprintf(f, "state = %s\n", seed % 5 == 0 ? "down" : "up");
	}
}

static struct conf *make_conf(unsigned int seed)
{
	static const char *const modes[] = {"l3", "l3s", "l3", "l2"};
	static const char *const flags[] = {"bridge", "private", "vepa"};
	char path[] = "/tmp/ivstorm-XXXXXX";
	struct errors es = {.file = "storm.ini"};
	FILE *f = fdopen(mkstemp(path), "w");
	struct conf *conf;

	assert_non_null(f);
	put_port(f, 1, seed);
	put_port(f, 2, seed >> 1);
	put_vnics(f, 1, "l2", flags[seed % 3], seed >> 2);
	put_vnics(f, 2, modes[seed % 4], flags[(seed >> 4) % 3], seed >> 3);
	fclose(f);
	conf = control_load(path, &es);
	unlink(path);
	errors_print(&es, stderr);
	assert_non_null(conf);
	return conf;
}

/* ---- the storm ---- */

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

/* The captures play in a circle: steady vnics differ by the round that was cut off, no more. */
static void nothing_was_lost(struct runtime *rt, int port)
{
	struct iface_stats first = {0}, other;
	char name[16];

	for (int i = port - 1; i < STEADY; i++) {
		snprintf(name, sizeof(name), "v%d%d", port, i);
		runtime_vnic_stats(rt, runtime_vnic(rt, name), &other);
		assert_int_equal(other.rx_dropped, 0);
		if (first.rx_packets == 0)
			first = other;
		assert_true(other.rx_packets > ROUNDS);
		assert_in_range(other.rx_packets, first.rx_packets - 2, first.rx_packets + 2);
	}
}

/* Time goes on a second at each round: neighbours are asked for, age, fail and are forgotten. */
static void main_works(struct runtime *rt, unsigned int seed, uint64_t now)
{
	struct neigh_table *t = l3_neighbours(runtime_port(rt, "p2"));

	mail_run(rt);
	l3_tick(rt, now);
	if (t != NULL && seed % 7 == 0)
		neigh_flush(t);
	runtime_settle(rt);
}

static void test_storm(void **state)
{
	const struct pool_conf pools = {.n_mbufs = 16383, .mbuf_size = 2176};
	const unsigned int lcores[WORKERS] = {0, 0};
	struct runner runners[WORKERS];
	unsigned int seed = 4711;
	struct err err = {0};
	struct iface_stats s;
	struct runtime rt;

	(void)state;
	pools_configure(&pools);
	runtime_init(&rt, lcores, WORKERS);
	if (runtime_apply(&rt, make_conf(0), &err) != 0)
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < WORKERS; i++) {
		runners[i] = (struct runner){.dp = &rt.dp, .index = i};
		assert_int_equal(pthread_create(&runners[i].thread, NULL, run_worker, &runners[i]),
				 0);
	}
	for (unsigned int i = 0; i < ROUNDS; i++) {
		seed = seed * 1103515245 + 12345;
		if (runtime_apply(&rt, make_conf(seed >> 8 & 0xffff), &err) != 0)
			fail_msg("round %u: %s", i, err.text);
		for (unsigned int k = 0; k < 4; k++)
			main_works(&rt, seed >> (8 + k), mail_now() + 1000 * i);
	}
	dataplane_stop(&rt.dp);
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(runners[i].thread, NULL);
	nothing_was_lost(&rt, 1);
	nothing_was_lost(&rt, 2);
	runtime_port_stats(&rt, runtime_port(&rt, "p2"), &s);
	assert_true(s.tx_packets > ROUNDS);
	runtime_destroy(&rt);
	assert_int_equal(pools_in_use(), 0);
	pools_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests_name("ipvlan storm", tests, set_up, tear_down);
}
