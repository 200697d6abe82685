/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Front ends that don't keep to the protocol: messages that stop in the middle, that are junk, that
 * come in no sensible order. librte_vhost believes more of them than is good for it.
 */
#include <dirent.h>

#include <rte_malloc.h>

#include "vhost_fixture.h"

static const struct endpoint_conf plain;
static uint8_t bytes[FRAME_MAX];

/* ---- messages ------------------------------------------------------------------------- */

/* Others connect and work within a moment, however long one takes over its message. */
static void test_half_a_message(void **state)
{
	static const uint32_t header[3] = {2, 1, 8}; /* SET_FEATURES, and its number never comes */
	struct endpoint *stuck = open_vhost(path_of("stuck"), plain, 1);
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	static const size_t parts[] = {5, sizeof(header)};

	(void)state;
	(void)stuck;
	for (size_t i = 0; i < RTE_DIM(parts); i++) {
		struct front half, f;
		double start;

		front_init(&half, 1, 2048);
		assert_int_equal(front_connect(&half, path_of("stuck")), 0);
		assert_int_equal(front_bytes(&half, header, parts[i]), 0);
		usleep(20000);
		start = now_ms();
		start_front(&f, ep, path_of("s"), 1, 2048, 0);
		print_message("# %zu bytes of a message: the next client runs after %.0f ms\n",
			      parts[i], now_ms() - start);
		assert_true(now_ms() - start < FOLLOW_MS);
		assert_works(ep, &f);
		front_destroy(&f);
		front_destroy(&half);
		wait_present(ep, false);
	}
}

static void test_junk_messages(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	random_state = 7;
	for (int i = 0; i < 300; i++) {
		uint32_t message[40];

		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		if (one_in(2) && !front_start(&f, fx.rings))
			fail_msg("connection %d", i);
		for (int n = 0; n < 4; n++) {
			for (size_t j = 0; j < RTE_DIM(message); j++)
				message[j] = one_in(2) ? random_below(20) : (uint32_t)random_next();
			front_message(&f, 1 + random_below(45), message,
				      8 * random_below(RTE_DIM(message) / 2),
				      one_in(2) ? f.memfd : -1);
		}
		front_destroy(&f);
	}
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Each brings a descriptor where none belongs, or one that is of no use. */
static void send_one_too_many(struct front *f, unsigned int way)
{
	static const uint8_t zeros[288];
	const uint64_t no_fd = 1 << 8, log[2] = {4096, 0}, bad_log[2] = {4096, UINT64_MAX};

	switch (way % 8) {
	case 0:
		front_message(f, FRONT_SET_FEATURES, &no_fd, 8, f->memfd);
		break;
	case 1:
		front_message(f, 60, NULL, 0, f->memfd);
		break;
	case 2:
		front_message(f, FRONT_SET_VRING_CALL, &no_fd, 8, f->memfd);
		break;
	case 3:
		front_message(f, FRONT_SET_VRING_CALL, zeros, 8, -1);
		break;
	case 4:
		front_message(f, FRONT_SET_LOG_BASE, log, 16, f->memfd);
		front_message(f, FRONT_SET_LOG_BASE, bad_log, 16, f->memfd);
		break;
	case 5:
		front_message(f, FRONT_SET_MEM_TABLE, zeros, 8, f->memfd);
		break;
	case 6:
		front_message(f, FRONT_GET_FEATURES, zeros, 280, f->memfd);
		break;
	default:
		front_message(f, FRONT_SET_VRING_KICK, zeros, 8, f->memfd);
		front_message(f, FRONT_SET_VRING_KICK, zeros, 8, f->memfd);
	}
}

static unsigned int wait_fds(unsigned int most)
{
	double end = now_ms() + FOLLOW_MS;

	while (count_fds() > most && now_ms() < end)
		usleep(1000);
	return count_fds();
}

/* However many come and go: no descriptor stays, and no memory that isn't used again. */
static void test_nothing_stays(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct rte_malloc_socket_stats before = {0}, after = {0};
	unsigned int fds = 0;
	struct front f;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		if (i % 3 == 0)
			assert_true(front_start(&f, fx.rings));
		send_one_too_many(&f, i);
		front_destroy(&f);
		if (i == 100) {
			fds = wait_fds(0);
			rte_malloc_get_socket_stats(0, &before);
		}
	}
	assert_in_range(wait_fds(fds), 1, fds);
	rte_malloc_get_socket_stats(0, &after);
	print_message("# 2900 connections: %zd bytes more in use\n",
		      (ssize_t)(after.heap_allocsz_bytes - before.heap_allocsz_bytes));
	assert_in_range(after.heap_allocsz_bytes, 0, before.heap_allocsz_bytes + 65536);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- rings ----------------------------------------------------------------------------- */

/* Works at the ring as a worker does who doesn't know better. */
static void try_frames(struct endpoint *ep)
{
	for (int i = 0; i < 4; i++) {
		struct rte_mbuf *m[32];

		rte_pktmbuf_free_bulk(m, endpoint_rx(ep, 0, m, 32));
		fill(bytes, 100, 1);
		tx_one(ep, 0, mbuf_of(ep, bytes, 100));
	}
}

static void tell_ring(struct front *f, uint32_t request, uint32_t ring, uint32_t n)
{
	const uint32_t state[2] = {ring, n};
	uint64_t sync;

	assert_int_equal(front_message(f, request, state, sizeof(state), -1), 0);
	front_ask(f, FRONT_GET_FEATURES, &sync); /* it may have been closed */
}

/* Who starts in the right way is served on the same socket. */
static void check_next(struct endpoint *ep, struct front *f)
{
	try_frames(ep);
	front_destroy(f);
	start_front(f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, f);
	front_destroy(f);
	wait_present(ep, false);
}

/* Rings whose size was never told, or has gone: librte_vhost would use tables that it doesn't have. */
static void test_rings_without_size(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	f.omit = 1ULL << FRONT_SET_VRING_NUM;
	front_start(&f, fx.rings);
	check_next(ep, &f);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_true(front_stop(&f));
	f.omit = 1ULL << FRONT_SET_VRING_NUM;
	front_start(&f, fx.rings);
	fill(bytes, 100, 1);
	front_send(&f, 0, NULL, bytes, 100);
	check_next(ep, &f);
}

/* The other kind of ring than when its tables were made. */
static void test_kind_of_ring_changes(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (int way = 0; way < 2; way++) {
		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		f.omit = 1ULL << FRONT_SET_VRING_ENABLE;
		assert_true(front_start(&f, way == 0 ? 0 : FRONT_PACKED));
		f.omit = 1ULL << FRONT_SET_VRING_NUM;
		front_start(&f, way == 0 ? FRONT_PACKED : 0);
		fill(bytes, 100, 1);
		front_send(&f, 0, NULL, bytes, 100);
		check_next(ep, &f);
	}
}

/* Larger than its memory, or a place outside of it, while it is in use. */
static void test_ring_grows(void **state)
{
	static const struct {
		uint32_t request, n;
	} lies[] = {
		{FRONT_SET_VRING_NUM, 32768},	{FRONT_SET_VRING_NUM, 0},
		{FRONT_SET_VRING_BASE, 0xffff}, {FRONT_SET_VRING_BASE, 0x7fff7fff},
		{FRONT_SET_VRING_NUM, 1 << 20},
	};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(lies); i++) {
		for (uint32_t ring = 0; ring < 2; ring++) {
			start_front(&f, ep, path_of("s"), 1, 2048, 0);
			tell_ring(&f, lies[i].request, ring, lies[i].n);
			try_frames(ep);
			/* And started anew with it. */
			f.omit = 1ULL << FRONT_SET_VRING_NUM | 1ULL << FRONT_SET_VRING_BASE;
			front_start(&f, fx.rings);
			check_next(ep, &f);
		}
	}
}

/* One ring is open, the other isn't yet: no device, but the first one's size is in use already. */
static void test_ring_grows_early(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (uint32_t ring = 0; ring < 2; ring++) {
		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		f.omit = 1ULL << FRONT_SET_VRING_ENABLE;
		assert_true(front_start(&f, fx.rings));
		f.omit = 0;
		assert_true(front_enable(&f, ring, true));
		tell_ring(&f, FRONT_SET_VRING_NUM, ring, 32768);
		front_enable(&f, !ring, true);
		front_send(&f, 0, NULL, bytes, 100);
		check_next(ep, &f);
	}
}

/* A log of dirty pages that begins behind its mapping. */
static void test_log_with_offset(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	const uint64_t log[2] = {4096, 1ULL << 30};
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_LOG_ALL);
	assert_int_equal(ftruncate(f.memfd, (1LL << 30) + 4096), 0);
	front_message(&f, FRONT_SET_LOG_BASE, log, sizeof(log), f.memfd);
	check_next(ep, &f);
}

/* Post-copy would have workers wait for pages that the front end never brings. */
static void test_post_copy(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;
	uint64_t answer;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_false(front_ask(&f, FRONT_POSTCOPY_ADVISE, &answer));
	check_next(ep, &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_half_a_message),
		TEST_BOTH(test_junk_messages),
		TEST_BOTH(test_nothing_stays),
		TEST_BOTH(test_rings_without_size),
		TEST(test_kind_of_ring_changes),
		TEST_BOTH(test_ring_grows),
		TEST_BOTH(test_ring_grows_early),
		TEST_BOTH(test_log_with_offset),
		TEST(test_post_copy),
	};

	return cmocka_run_group_tests_name("vhost_protocol", tests, group_setup, group_teardown);
}
