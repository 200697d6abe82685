/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests and front ends that lie, die or stall: nobody else notices, nothing is lost, and
 * who comes to his senses is served again.
 */
#include <pthread.h>

#include "vhost_fixture.h"
#include "vhost_front_packed.h"

static const struct endpoint_conf plain;
static struct frame frame;
static uint8_t bytes[FRAME_MAX];

/* ---- lies about frames ---------------------------------------------------------------- */

static void test_lying_offloads(void **state)
{
	/* Each contradicts the frame: TCP over IPv4, 14 + 20 + 20 + 3000 bytes. */
	static const struct virtio_net_hdr lies[] = {
		{.flags = 1,
		 .gso_type = VIRTIO_NET_HDR_GSO_UDP,
		 .gso_size = 1400,
		 .csum_start = 34,
		 .csum_offset = 16},
		{.flags = 0, .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 1},
	};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct endpoint_rx_errors e;
	struct spec s = {.udp = true, .payload = 3000};
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 70000, FRONT_OFFLOADS);
	for (size_t i = 0; i < RTE_DIM(lies); i++) {
		build(&frame, &s);
		assert_true(front_send(&f, 0, &lies[i], frame.bytes, frame.len));
		assert_null(rx_one(ep, 0, 5));
		endpoint_get_rx_errors(ep, &e);
		assert_int_equal(e.bad_offload, i + 1);
	}
	/* Whatever else a header says: no crash, and what comes out lies within its frame. */
	random_state = 1;
	for (unsigned int i = 0; i < 20000; i++) {
		struct spec any = {.v6 = one_in(2),
				   .udp = one_in(2),
				   .n_tags = random_below(3),
				   .payload = random_below(one_in(8) ? 60000 : 200)};
		struct virtio_net_hdr h;
		struct rte_mbuf *m;

		build(&frame, &any);
		for (uint8_t *p = (uint8_t *)&h; p < (uint8_t *)(&h + 1); p++)
			*p = (uint8_t)random_next();
		h.flags &= 3;
		h.gso_type &= one_in(4) ? 0xff : 0x85;
		if (one_in(2))
			h.csum_start = (uint16_t)random_below(80);
		if (one_in(8))
			h.csum_start = (uint16_t)(frame.len - random_below(4));
		if (one_in(2))
			h.csum_offset = (uint16_t)random_below(20);
		if (one_in(4))
			frame.len = 1 + random_below(frame.len);
		assert_true(front_send(&f, 0, &h, frame.bytes, frame.len));
		m = rx_one(ep, 0, 0);
		if (m == NULL)
			continue;
		if (m->ol_flags & RTE_MBUF_F_TX_L4_MASK)
			assert_true((uint32_t)m->l2_len + m->l3_len + 8 <= m->pkt_len);
		if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
			assert_true(m->tso_segsz > 0 &&
				    m->l2_len + m->l3_len + m->l4_len < m->data_len);
		rte_pktmbuf_free(m);
	}
	assert_works(ep, &f);
	front_destroy(&f);
}

static void test_short_frames(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct endpoint_rx_errors e;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	for (uint32_t len = 1; len < 14; len++) {
		fill(bytes, 14, 1);
		assert_true(front_send(&f, 0, NULL, bytes, len));
		assert_null(rx_one(ep, 0, 2));
		endpoint_get_rx_errors(ep, &e);
		assert_int_equal(e.malformed, len);
	}
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- lies about descriptors -------------------------------------------------------------- */

/* A header one byte at a time, and the frame after it. */
static void test_scattered_header(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct rte_mbuf *m;
	struct front f;
	uint64_t at;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_OFFLOADS);
	at = (uint64_t)(f.rings[1].slots - f.mem);
	fill(bytes, 50, 1);
	memset(f.mem + at, 0, 12);
	memcpy(f.mem + at + 12, bytes, 50);
	for (uint16_t i = 0; i < 62; i++)
		front_desc(&f, 1, i, at + i, 1, i < 61 ? VRING_DESC_F_NEXT : 0, (uint16_t)(i + 1));
	front_head(&f, 1, 0);
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_mbuf(m, bytes, 50);
	rte_pktmbuf_free(m);
	front_destroy(&f);
}

struct chain {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static void test_lying_descriptors(void **state)
{
	static const struct chain chains[] = {
		{0x30000, 64, VRING_DESC_F_NEXT, 0}, /* a loop */
		{1ULL << 40, 1000, 0, 0}, /* nowhere */
		{UINT64_MAX - 10, 1000, 0, 0},
		{0x30000, UINT32_MAX, 0, 0}, /* on and on */
		{0x30000, 0, 0, 0},
		{0x30000, 5, 0, 0}, /* half a header */
		{0x30000, 100, VRING_DESC_F_NEXT, 60000}, /* behind the table */
		{0x30000, 7, VRING_DESC_F_INDIRECT, 0}, /* half a descriptor */
		{1ULL << 50, 64, VRING_DESC_F_INDIRECT, 0},
		{0x30000, 1 << 20, VRING_DESC_F_INDIRECT, 0},
	};
	struct endpoint *good = open_vhost(path_of("good"), plain, 1);
	struct endpoint *bad = open_vhost(path_of("bad"), plain, 1);
	struct front g, f;

	(void)state;
	start_front(&g, good, path_of("good"), 1, 2048, 0);
	for (size_t i = 0; i < RTE_DIM(chains); i++) {
		for (unsigned int ring = 0; ring < 2; ring++) {
			const struct chain *c = &chains[i];

			start_front(&f, bad, path_of("bad"), 1, 70000, FRONT_OFFLOADS);
			/* In the place of those that were made available when it started. */
			packed_reset(&f.rings[ring]);
			for (uint16_t d = 0; d < FRONT_RING; d++) {
				front_desc(&f, ring, d, c->addr, c->len,
					   c->flags | (ring == 0 ? VRING_DESC_F_WRITE : 0),
					   c->next);
				front_head(&f, ring, d);
			}
			for (int n = 0; n < 100; n++) {
				struct rte_mbuf *m[32];

				rte_pktmbuf_free_bulk(m, endpoint_rx(bad, 0, m, 32));
				fill(bytes, 100, 1);
				tx_one(bad, 0, mbuf_of(bad, bytes, 100));
			}
			assert_works(good, &g);
			/* Its driver starts over. */
			assert_true(front_stop(&f));
			assert_true(front_start(&f, FRONT_OFFLOADS | fx.rings));
			wait_present(bad, true);
			assert_works(bad, &f);
			front_destroy(&f);
			wait_present(bad, false);
		}
	}
	front_destroy(&g);
}

/* One descriptor as long as memory is: a frame that would take every mbuf there is. */
static void test_giant_frames(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct endpoint_rx_errors e;
	struct front f;
	double start, worst = 0;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 600000, FRONT_OFFLOADS);
	for (uint16_t i = 0; i < 32; i++) {
		struct rte_mbuf *m[32];
		unsigned int before = pools_in_use(), most;
		uint16_t n;

		front_desc(&f, 1, i, 0x30000, 4000000, 0, 0);
		front_head(&f, 1, i);
		start = now_ms();
		n = endpoint_rx(ep, 0, m, 1);
		worst = RTE_MAX(worst, now_ms() - start);
		most = pools_in_use() - before;
		rte_pktmbuf_free_bulk(m, n);
		assert_int_equal(n, 0);
		assert_true(most < 64);
		endpoint_get_rx_errors(ep, &e);
		assert_int_equal(e.malformed, i + 1);
	}
	print_message("# a giant frame costs its worker at most %.3f ms\n", worst);
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- front ends that die ---------------------------------------------------------------------- */

static void test_100_connections(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct front f;

		front_init(&f, 1 + i % 2, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		/* At once after the former one: it must not be taken for a second client. */
		assert_true(front_start(&f, FRONT_MRG | (i % 2 ? FRONT_MQ : 0) | fx.rings));
		wait_present(ep, true);
		assert_works(ep, &f);
		front_destroy(&f);
	}
}

static void test_second_client(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f, second;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	front_init(&second, 1, 2048);
	assert_int_equal(front_connect(&second, path_of("s")), 0);
	assert_false(front_start(&second, 0));
	assert_works(ep, &f);
	front_destroy(&second);
	front_destroy(&f);
}

struct worker {
	struct endpoint *ep;
	pthread_t thread;
	uint64_t turns, rx, tx;
	bool stop;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint8_t b[1000];

	fill(b, sizeof(b), 1);
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		struct rte_mbuf *m[32];
		uint16_t n = endpoint_rx(w->ep, 0, m, 32);

		w->rx += n;
		rte_pktmbuf_free_bulk(m, n);
		for (n = 0; n < 32; n++)
			m[n] = mbuf_of(w->ep, b, sizeof(b));
		n = endpoint_tx(w->ep, 0, m, 32);
		w->tx += n;
		rte_pktmbuf_free_bulk(&m[n], 32 - n);
		w->turns++;
	}
	return NULL;
}

/* Connections end and drivers stop while a worker is in the middle of their bursts. */
static void test_death_in_mid_burst(void **state)
{
	struct worker w = {.ep = open_vhost(path_of("s"), plain, 1)};

	(void)state;
	assert_int_equal(pthread_create(&w.thread, NULL, work, &w), 0);
	for (int i = 0; i < 60; i++) {
		struct virtio_net_hdr_mrg_rxbuf h;
		double end = now_ms() + 20;
		struct front f;

		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		assert_true(front_start(&f, (i % 2 ? FRONT_MRG : 0) | fx.rings));
		fill(bytes, 500, 1);
		while (now_ms() < end) {
			front_send(&f, 0, NULL, bytes, 500);
			while (front_receive(&f, 0, &h, frame.bytes, FRAME_MAX) > 0)
				;
		}
		if (i % 3 == 0)
			assert_true(front_stop(&f));
		if (i % 3 == 1)
			front_enable(&f, i % 2, false);
		front_destroy(&f);
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(w.thread, NULL);
	assert_true(w.rx > 0 && w.tx > 0);
}

/* Its memory is a file, and gets shorter while we use it: that is its loss alone. */
static void test_memory_taken_away(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct endpoint *good = open_vhost(path_of("good"), plain, 1);
	struct front f, g;

	(void)state;
	start_front(&g, good, path_of("good"), 1, 2048, 0);
	for (int way = 0; way < 2; way++) {
		struct endpoint_state s;

		start_front(&f, ep, path_of("s"), 1, 2048, 0);
		assert_works(ep, &f);
		fill(bytes, 100, 1);
		assert_true(front_send(&f, 0, NULL, bytes, 100));
		/* Way 0: buffers only; 1: rings, too. */
		assert_int_equal(ftruncate(f.memfd, way == 0 ? 20480 : 0), 0);
		for (int i = 0; i < 10; i++) {
			struct rte_mbuf *m[32];

			rte_pktmbuf_free_bulk(m, endpoint_rx(ep, 0, m, 32));
			tx_one(ep, 0, mbuf_of(ep, bytes, 100));
		}
		s = wait_present(ep, false);
		assert_string_equal(s.reason,
				    "the client took its memory away; it must start anew");
		assert_works(good, &g);
		front_destroy(&f);
	}
	front_destroy(&g);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_lying_offloads),	   TEST_BOTH(test_short_frames),
		TEST_BOTH(test_scattered_header),  TEST_BOTH(test_lying_descriptors),
		TEST_BOTH(test_giant_frames),	   TEST_BOTH(test_100_connections),
		TEST(test_second_client),	   TEST_BOTH(test_death_in_mid_burst),
		TEST_BOTH(test_memory_taken_away),
	};

	return cmocka_run_group_tests_name("vhost_hostile", tests, group_setup, group_teardown);
}
