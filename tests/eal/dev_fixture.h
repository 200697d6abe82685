/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the `dev` endpoint share: EAL without hugepages in a network
 * namespace of the test's own, opening by spec, and frames. One thread.
 */
#ifndef TESTS_EAL_DEV_FIXTURE_H
#define TESTS_EAL_DEV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "endpoint/csum_field.h"
#include "endpoint/types.h"

static struct err error;
static unsigned int in_use_before;

/* EAL with up to two devices on its command line. Its files bear our PID: tests may run side by side. */
static inline int eal_up(const char *vdev1, const char *vdev2)
{
	static char args[16][300];
	char *argv[16];
	int argc = 0;

	snprintf(args[9], sizeof(args[9]), "--file-prefix=vnic_dev_%d", (int)getpid());
	for (const char *const *a = (const char *const[]){"dev_test", "--no-huge", "-m", "256",
							  "--no-pci", "--no-telemetry", "-l", "0",
							  "--log-level=6", args[9], NULL};
	     *a != NULL; a++, argc++)
		argv[argc] = memmove(args[argc], *a, strlen(*a) + 1);
	for (const char *const *v = (const char *const[]){vdev1, vdev2, NULL}; *v != NULL; v++) {
		snprintf(args[argc], sizeof(args[argc]), "--vdev=%s", *v);
		argv[argc] = args[argc];
		argc++;
	}
	log_open();
	if (rte_eal_init(argc, argv) < 0)
		return -1;
	return csum_field_register();
}

static inline void eal_down(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", rte_eal_get_runtime_dir());
	pools_free();
	rte_eal_cleanup();
	if (system(command) != 0)
		print_error("%s\n", command);
}

/* dev:… as interface.md has it, opened in @p role. */
static inline int try_open(const char *devargs, enum endpoint_role role, uint32_t mtu,
			   uint16_t n_rx, uint16_t n_tx, struct endpoint **ep)
{
	char spec[300];
	struct endpoint_conf conf = {.type = ENDPOINT_DEV, .spec = spec, .target = devargs};
	struct endpoint_args args = {.conf = &conf,
				     .role = role,
				     .name = "p0",
				     .mtu = mtu,
				     .up = true,
				     .n_rx_queues = n_rx,
				     .n_tx_queues = n_tx};

	snprintf(spec, sizeof(spec), "dev:%s", devargs);
	error = (struct err){0};
	return endpoint_open(&args, ep, &error);
}

static inline struct endpoint *open_port(const char *devargs, uint32_t mtu)
{
	struct endpoint *ep = NULL;

	if (try_open(devargs, ENDPOINT_PORT, mtu, 1, 1, &ep) != 0)
		fail_msg("%s: %s", devargs, error.text);
	return ep;
}

/* Opening @p devargs must fail with @p code, and its text must hold @p word. */
static inline void assert_refused(const char *devargs, uint32_t mtu, int code, const char *word)
{
	struct endpoint *ep = NULL;
	int rc = try_open(devargs, ENDPOINT_PORT, mtu, 1, 1, &ep);

	if (rc != -code || strstr(error.text, word) == NULL)
		fail_msg("%s: %d '%s'; wanted %d with '%s'", devargs, rc, error.text, -code, word);
	assert_null(ep);
	assert_int_equal(error.code, code);
}

/* A frame of @p len bytes that begins with broadcast and ends in a pattern of @p seed; chained where it must be. */
static inline struct rte_mbuf *make_frame(struct rte_mempool *pool, uint32_t len, uint8_t seed)
{
	struct rte_mbuf *head = NULL, *tail = NULL;
	uint32_t at = 0;

	while (at < len) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t part;
		uint8_t *p;

		assert_non_null(m);
		part = (uint16_t)RTE_MIN(len - at, (uint32_t)rte_pktmbuf_tailroom(m));
		p = (uint8_t *)rte_pktmbuf_append(m, part);
		for (uint16_t i = 0; i < part; i++, at++)
			p[i] = at < 6	  ? 0xff
			       : at == 12 ? 0x88
			       : at == 13 ? 0xb5
					  : (uint8_t)(at * 7 + seed);
		if (head == NULL) {
			head = tail = m;
			continue;
		}
		tail->next = m;
		tail = m;
		head->nb_segs++;
		head->pkt_len += part;
	}
	return head;
}

static inline bool bytes_match(const uint8_t *p, uint32_t len, uint8_t seed)
{
	for (uint32_t at = 14; at < len; at++)
		if (p[at] != (uint8_t)(at * 7 + seed))
			return false;
	return true;
}

static inline void assert_frame(const struct rte_mbuf *m, uint32_t len, uint8_t seed)
{
	uint8_t copy[16384];
	const uint8_t *p;

	assert_int_equal(m->pkt_len, len);
	p = rte_pktmbuf_read(m, 0, len, copy);
	assert_non_null(p);
	assert_true(bytes_match(p, len, seed));
}

/* Receives until @p want frames came or a second has passed. */
static inline uint16_t receive(struct endpoint *ep, struct rte_mbuf **m, uint16_t want)
{
	uint16_t got = 0;

	for (int i = 0; i < 1000 && got < want; i++) {
		got += endpoint_rx(ep, 0, m + got, want - got);
		if (got < want)
			usleep(1000);
	}
	return got;
}

static inline void send_frame(struct endpoint *ep, uint32_t len, uint8_t seed)
{
	struct rte_mbuf *m = make_frame(ep->pool, len, seed);

	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
}

/* The number after "@p key=" in the endpoint's description. */
static inline unsigned long described(struct endpoint *ep, const char *key)
{
	char buf[300], *p;

	endpoint_describe(ep, buf, sizeof(buf));
	p = strstr(buf, key);
	if (p == NULL)
		fail_msg("%s: no %s", buf, key);
	return strtoul(p + strlen(key), NULL, 10);
}

static inline int note_pools(void **state)
{
	(void)state;
	in_use_before = pools_in_use();
	return 0;
}

static inline int check_pools(void **state)
{
	(void)state;
	if (pools_in_use() != in_use_before)
		print_error("%u mbufs in use, %u before\n", pools_in_use(), in_use_before);
	return pools_in_use() != in_use_before;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, note_pools, check_pools)

#endif /* TESTS_EAL_DEV_FIXTURE_H */
