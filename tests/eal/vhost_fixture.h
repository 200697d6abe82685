/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost endpoints for tests: EAL without hugepages, sockets in a folder that goes with the
 * program, what a test opened is closed behind it and every mbuf is back then. Included by
 * the test files, each of which is a program of its own.
 */
#ifndef TESTS_EAL_VHOST_FIXTURE_H
#define TESTS_EAL_VHOST_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "endpoint/csum_field.h"
#include "endpoint/endpoint.h"
#include "endpoint/vhost.h"
#include "offload_frames.h"
#include "vhost_front.h"

#define N_MBUFS	  8191
#define FOLLOW_MS 5000 /* an end of waiting, on a machine that others use, too */
#define SLOW_MS	  500 /* worth telling */
#define MAX_EPS	  1100

static struct {
	char dir[64];
	struct endpoint *eps[MAX_EPS];
	size_t n_eps;
	unsigned int mbufs;
	uint64_t rings; /**< FRONT_PACKED, or 0: what start_front() adds */
} fx;

static inline double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static inline int group_setup(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "test",
			(char *)(uintptr_t) "--no-huge",
			(char *)(uintptr_t) "-m",
			(char *)(uintptr_t) "512",
			(char *)(uintptr_t) "--no-pci",
			(char *)(uintptr_t) "--no-telemetry",
			(char *)(uintptr_t) "--no-shconf",
			(char *)(uintptr_t) "-l0",
			(char *)(uintptr_t) "--log-level=error"};
	struct pool_conf pools = {.n_mbufs = N_MBUFS, .mbuf_size = 2176};
	struct rlimit files = {8192, 8192};
	struct err err = {0};

	(void)state;
	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(fx.dir, sizeof(fx.dir), "/tmp/vhost-test-XXXXXX");
	if (mkdtemp(fx.dir) == NULL || rte_eal_init((int)RTE_DIM(argv), argv) < 0 ||
	    csum_field_register() != 0)
		return -1;
	pools_configure(&pools);
	return endpoint_watch_open(&err);
}

static inline int group_teardown(void **state)
{
	(void)state;
	endpoint_watch_close();
	pools_free();
	if (rmdir(fx.dir) != 0)
		print_error("something was left in %s\n", fx.dir);
	return rte_eal_cleanup();
}

static inline int setup(void **state)
{
	(void)state;
	fx.mbufs = pools_in_use();
	return 0;
}

static inline int setup_packed(void **state)
{
	fx.rings = FRONT_PACKED;
	return setup(state);
}

static inline int teardown(void **state)
{
	(void)state;
	fx.rings = 0;
	while (fx.n_eps > 0)
		endpoint_close(fx.eps[--fx.n_eps]);
	if (pools_in_use() == fx.mbufs)
		return 0;
	print_error("%u mbufs are missing\n", pools_in_use() - fx.mbufs);
	return -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
/** The same on packed rings. */
#define TEST_PACKED(f)                                        \
	{                                                     \
#f "_packed", f, setup_packed, teardown, NULL \
	}
#define TEST_BOTH(f) TEST(f), TEST_PACKED(f)

/** A path in the folder; valid until the next but one. */
static inline const char *path_of(const char *name)
{
	static char paths[2][100];
	static unsigned int i;

	i = !i;
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", fx.dir, name);
	return paths[i];
}

static inline int try_open(const char *path, struct endpoint_conf conf, uint16_t queues,
			   struct endpoint **ep, struct err *err)
{
	struct endpoint_args args = {
		.conf = &conf,
		.role = ENDPOINT_VNIC,
		.name = "web",
		.mtu = 1500,
		.up = true,
		.n_rx_queues = queues,
		.n_tx_queues = 2,
	};

	conf.type = ENDPOINT_VHOST;
	conf.spec = path;
	conf.target = path;
	return endpoint_open(&args, ep, err);
}

/** Opens, or fails the test; closed after it. */
static inline struct endpoint *open_vhost(const char *path, struct endpoint_conf conf,
					  uint16_t queues)
{
	struct endpoint *ep;
	struct err err = {0};

	if (try_open(path, conf, queues, &ep, &err) != 0)
		fail_msg("%s", err.text);
	fx.eps[fx.n_eps++] = ep;
	return ep;
}

static inline void close_vhost(struct endpoint *ep)
{
	for (size_t i = 0; i < fx.n_eps; i++)
		if (fx.eps[i] == ep)
			fx.eps[i] = fx.eps[--fx.n_eps];
	endpoint_close(ep);
}

static inline void count_told(struct endpoint *ep, void *arg)
{
	(void)ep;
	++*(unsigned int *)arg;
}

/** Runs the watch as main does until the endpoint is present, or isn't; fails after FOLLOW_MS. */
static inline struct endpoint_state wait_present(struct endpoint *ep, bool present)
{
	double start = now_ms();
	struct endpoint_state s;
	unsigned int told = 0;

	for (;;) {
		endpoint_watch_run(count_told, &told);
		endpoint_get_state(ep, &s);
		if (s.present == present) {
			if (now_ms() - start > SLOW_MS)
				print_message("# %s after %.0f ms\n", present ? "present" : "gone",
					      now_ms() - start);
			return s;
		}
		if (now_ms() - start > FOLLOW_MS)
			fail_msg("not %s: '%s'", present ? "present" : "gone", s.reason);
		usleep(1000);
	}
}

/** A connected and running guest, or the test fails. */
static inline void start_front(struct front *f, struct endpoint *ep, const char *path,
			       unsigned int n_pairs, size_t slot_len, uint64_t features)
{
	front_init(f, n_pairs, slot_len);
	assert_int_equal(front_connect(f, path), 0);
	assert_true(front_start(f, features | fx.rings));
	wait_present(ep, true);
}

/** One frame received from the guest within @p ms, or NULL. */
static inline struct rte_mbuf *rx_one(struct endpoint *ep, uint16_t queue, int ms)
{
	double end = now_ms() + ms;
	struct rte_mbuf *m;

	do {
		if (endpoint_rx(ep, queue, &m, 1) == 1)
			return m;
	} while (now_ms() < end);
	return NULL;
}

/** The frame in as many segments as its mbufs need. */
static inline struct rte_mbuf *mbuf_of(struct endpoint *ep, const uint8_t *b, uint32_t len)
{
	struct rte_mbuf *head = NULL, *last = NULL;

	for (uint32_t at = 0; at < len;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(ep->pool);
		uint32_t part;

		assert_non_null(m);
		part = RTE_MIN(len - at, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), b + at, part);
		at += part;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += part;
		}
		last = m;
	}
	return head;
}

static inline uint16_t tx_one(struct endpoint *ep, uint16_t queue, struct rte_mbuf *m)
{
	uint16_t n = endpoint_tx(ep, queue, &m, 1);

	if (n == 0)
		rte_pktmbuf_free(m);
	return n;
}

static inline void assert_mbuf(const struct rte_mbuf *m, const uint8_t *b, uint32_t len)
{
	static uint8_t copy[FRAME_MAX];
	const uint8_t *p;

	assert_int_equal(m->pkt_len, len);
	p = rte_pktmbuf_read(m, 0, len, copy);
	assert_non_null(p);
	assert_memory_equal(p, b, len);
}

/** Any bytes but of an Ethernet frame. */
static inline void fill(uint8_t *b, uint32_t len, uint8_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		b[i] = (uint8_t)(i * 7 + seed);
	put16(b + 12, 0x88b5);
}

/** From the guest to us and back: it works. */
static inline void assert_works(struct endpoint *ep, struct front *f)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	uint8_t out[200], in[300];
	struct rte_mbuf *m;

	fill(out, sizeof(out), 3);
	assert_true(front_send(f, 0, NULL, out, sizeof(out)));
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_mbuf(m, out, sizeof(out));
	assert_int_equal(tx_one(ep, 0, m), 1);
	assert_int_equal(front_receive(f, 0, &h, in, sizeof(in)), sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
}

#endif /* TESTS_EAL_VHOST_FIXTURE_H */
