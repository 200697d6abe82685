/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Front ends that mean harm, beside a busy guest that must not lose a frame: what they can say to
 * librte_vhost, when they can say it, and when they can die.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include <rte_malloc.h>

#include "vhost_bystander.h"

static const struct endpoint_conf plain;
static struct frame frame;
static uint8_t bytes[FRAME_MAX];

/* A guest at `bad`, which was let in; other test's workers are in its rings. */
static void start_bad(struct front *f, uint64_t features)
{
	front_init(f, 1, 2048);
	assert_int_equal(front_connect(f, path_of("bad")), 0);
	assert_true(front_start(f, features | fx.rings));
}

/* Frames both ways for a moment. */
static void play(struct front *f, double ms)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	double end = now_ms() + ms;

	fill(bytes, 500, 1);
	while (now_ms() < end) {
		front_send(f, 0, NULL, bytes, 500);
		while (front_receive(f, 0, &h, frame.bytes, FRAME_MAX) > 0)
			;
		usleep(PAUSE_US);
	}
}

/* Anybody who behaves is let in, and served, after all that happened. */
static void assert_next_is_served(struct bystander *b)
{
	uint64_t before;
	struct front f;

	start_bad(&f, FRONT_MRG);
	wait_present(b->bad, true);
	before = __atomic_load_n(&b->n_bad, __ATOMIC_RELAXED);
	for (double end = now_ms() + FOLLOW_MS;
	     __atomic_load_n(&b->n_bad, __ATOMIC_RELAXED) < before + 100;) {
		assert_true(now_ms() < end);
		play(&f, 5);
	}
	front_destroy(&f);
}

/* ---- dying ------------------------------------------------------------------------------- */

/* At each message's end, and in the middle of each: while it starts, while frames flow, while it stops. */
static void test_dies_at_any_message(void **state)
{
	struct bystander b;
	bool done = false;

	(void)state;
	bystander_start(&b);
	for (unsigned int k = 1; !done; k++) {
		for (int early = 0; early < 2; early++) {
			struct front f;

			front_init(&f, 2, 2048);
			assert_int_equal(front_connect(&f, path_of("bad")), 0);
			f.life = k;
			f.dies_early = early;
			done = front_start(&f, FRONT_MRG | FRONT_MQ | fx.rings);
			if (done) {
				play(&f, 5);
				done = front_enable(&f, 2, false) && front_enable(&f, 2, true) &&
				       front_pause(&f) && front_resume(&f) && front_stop(&f);
			}
			front_destroy(&f);
		}
	}
	assert_next_is_served(&b);
	bystander_stop(&b);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* One table of memory after the other, right and wrong, while frames flow: the worker waits for none. */
static void test_storm_of_tables(void **state)
{
	struct bystander b;
	struct front f;

	(void)state;
	bystander_start(&b);
	start_bad(&f, FRONT_MRG);
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t half = RTE_ALIGN(f.mem_len / 2, 4096);
		struct front_region r[2] = {
			{0, half, (uintptr_t)f.mem, 0},
			{half, f.mem_len - half, (uintptr_t)f.mem + half, half},
		};

		/* Two pieces, one, and one that lacks what the rings' addresses are in. */
		if (i % 3 == 1)
			r[0].size = f.mem_len;
		if (i % 3 == 2)
			r[0].user += 1 << 20;
		assert_int_equal(front_share(&f, r, i % 3 == 0 ? 2 : 1), 0);
		if (i % 50 == 0)
			play(&f, 1);
	}
	assert_true(front_ask(&f, FRONT_GET_FEATURES, &f.offered));
	front_destroy(&f);
	assert_next_is_served(&b);
	bystander_stop(&b);
}

/* A table that can't be mapped, of one who wants to be told of it instead of being sent away. */
static void test_bad_table_with_reply(void **state)
{
	static const struct front_region bad[] = {
		{0, UINT64_MAX, 0, 4096},
		{0, 1ULL << 46, 0, 0},
		{0, 4096, 0, 1ULL << 46},
		{0, 0, 0, 0},
	};
	struct bystander b;

	(void)state;
	bystander_start(&b);
	for (size_t i = 0; i < 2 * RTE_DIM(bad); i++) {
		struct front f;
		uint64_t ack;

		start_bad(&f, FRONT_MRG);
		play(&f, 2);
		f.flags = FRONT_NEED_REPLY;
		if (i % 2 == 1)
			assert_int_equal(ftruncate(f.memfd, 0), 0);
		assert_int_equal(front_share(&f, &bad[i / 2], 1), 0);
		/* Sent away, or told that all is well: nothing in between. */
		if (front_answer(&f, &ack))
			assert_int_equal(ack, 0);
		play(&f, 2);
		front_destroy(&f);
	}
	assert_next_is_served(&b);
	bystander_stop(&b);
}

/* Eight regions of terabytes: others need address space, too. */
static void test_huge_regions(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front_region r[8];
	struct front f;

	(void)state;
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	for (uint64_t i = 0; i < 8; i++)
		r[i] = (struct front_region){i << 46, 14ULL << 40, i << 46, 0};
	front_share(&f, r, 8);
	assert_false(front_ask(&f, FRONT_GET_FEATURES, &f.offered));
	front_destroy(&f);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
}

static size_t heap_in_use(void)
{
	struct rte_malloc_socket_stats s = {0};

	rte_malloc_get_socket_stats(0, &s);
	return s.heap_allocsz_bytes;
}

/* What librte_vhost keeps for rings is everybody's memory: there is an end to what one can have of it. */
static void test_memory_for_rings(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	size_t before = heap_in_use();
	unsigned int n = 0;
	struct front f;
	uint64_t ack;

	(void)state;
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	f.flags = FRONT_NEED_REPLY;
	for (; n < 256; n++) {
		const uint32_t size[2] = {n, 32768};

		front_message(&f, FRONT_SET_VRING_NUM, size, sizeof(size), -1);
		if (!front_answer(&f, &ack))
			break;
		assert_int_equal(ack, 0);
	}
	assert_true(n > 0 && n < 256);
	front_destroy(&f);
	/* All that is asked for at once is there: 128 pairs of 1,024. */
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	f.flags = FRONT_NEED_REPLY;
	for (n = 0; n < 256; n++) {
		const uint32_t size[2] = {n, 1024};

		front_message(&f, FRONT_SET_VRING_NUM, size, sizeof(size), -1);
		assert_true(front_answer(&f, &ack));
		assert_int_equal(ack, 0);
	}
	print_message("# 256 rings take %zu KiB\n", (heap_in_use() - before) / 1024);
	assert_in_range(heap_in_use(), 0, before + (16 << 20));
	front_destroy(&f);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
}

/* "Forget all", again and again: it is ignored, and nothing is kept. */
static void test_reset_owner(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	size_t before = 0;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	for (unsigned int i = 0; i < 200; i++) {
		const uint32_t size[2] = {5, 32768};

		front_message(&f, FRONT_SET_VRING_NUM, size, sizeof(size), -1);
		front_message(&f, FRONT_RESET_OWNER, NULL, 0, -1);
		assert_true(front_ask(&f, FRONT_GET_FEATURES, &f.offered));
		assert_works(ep, &f);
		if (i == 2)
			before = heap_in_use();
	}
	assert_int_equal(heap_in_use(), before);
	front_destroy(&f);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Who wants to be told gets one answer to each message, and what it asked for. */
static void test_acknowledgements(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front_region all;
	uint64_t answer;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	f.flags = FRONT_NEED_REPLY;
	all = (struct front_region){0, f.mem_len, (uintptr_t)f.mem, 0};
	for (int i = 0; i < 10; i++) {
		const uint64_t mtu = 1500;
		const uint32_t on[2] = {0, 1};

		assert_int_equal(front_share(&f, &all, 1), 0);
		assert_true(front_answer(&f, &answer));
		assert_int_equal(answer, 0);
		front_message(&f, FRONT_NET_SET_MTU, &mtu, sizeof(mtu), -1);
		assert_true(front_answer(&f, &answer));
		assert_int_equal(answer, 0);
		front_message(&f, FRONT_SET_VRING_ENABLE, on, sizeof(on), -1);
		assert_true(front_answer(&f, &answer));
		assert_int_equal(answer, 0);
		front_message(&f, FRONT_RESET_OWNER, NULL, 0, -1);
		assert_true(front_answer(&f, &answer));
		assert_int_equal(answer, 0);
		assert_true(front_ask(&f, FRONT_GET_FEATURES, &answer));
		assert_int_equal(answer, f.offered);
		assert_works(ep, &f);
	}
	front_destroy(&f);
}

/* ---- stalls ---------------------------------------------------------------------------------- */

/* Who calls for @ring has to wait: its counter is full, and its flag doesn't say "don't wait" any more. */
static void make_callers_wait(struct front *f, unsigned int ring)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = f->rings[ring].call;
	uint64_t n;

	/* It may be called just now. */
	while (write(fd, &full, sizeof(full)) < 0)
		if (read(fd, &n, sizeof(n)) < 0)
			usleep(10);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

static void test_call_that_waits(void **state)
{
	struct endpoint_state s;
	struct bystander b;
	struct front f;
	uint64_t sent;

	(void)state;
	bystander_start(&b);
	start_bad(&f, 0);
	for (unsigned int ring = 0; ring < 2; ring++)
		make_callers_wait(&f, ring);
	fill(bytes, 500, 1);
	front_send(&f, 0, NULL, bytes, 500);
	s = wait_present(b.bad, false);
	assert_non_null(strstr(s.reason, "who calls the client has to wait for it"));
	/* The worker goes on. */
	sent = __atomic_load_n(&b.n_sent, __ATOMIC_RELAXED);
	for (double end = now_ms() + FOLLOW_MS;
	     __atomic_load_n(&b.n_sent, __ATOMIC_RELAXED) < sent + 1000;)
		assert_true(now_ms() < end);
	front_destroy(&f);
	/* At once again: he may wait himself. */
	start_bad(&f, 0);
	for (int i = 0; i < 20; i++) {
		unsigned int told = 0;

		usleep(1000);
		endpoint_watch_run(count_told, &told);
		endpoint_get_state(b.bad, &s);
		assert_false(s.present);
	}
	front_destroy(&f);
	bystander_stop(&b);
}

/* A descriptor for interrupts that is none, and full, costs nobody anything. */
static void test_call_without_eventfd(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], bytes, 4096) > 0)
		;
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	front_init(&f, 1, 2048);
	for (unsigned int ring = 0; ring < 2; ring++) {
		close(f.rings[ring].call);
		f.rings[ring].call = dup(ends[1]);
	}
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	assert_true(front_start(&f, fx.rings));
	wait_present(ep, true);
	for (int i = 0; i < 100; i++)
		assert_works(ep, &f);
	front_destroy(&f);
	close(ends[0]);
	close(ends[1]);
}

struct dribbler {
	pthread_t thread;
	bool reads_answers, stop;
};

/* Takes as long over each message as it may; or doesn't read what it asked for. */
static void *dribble(void *arg)
{
	static const uint32_t header[3] = {FRONT_NET_SET_MTU, 1, 8}, question[3] = {1, 1, 0};
	const uint64_t mtu = 1500;
	struct dribbler *d = arg;

	while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED)) {
		struct front f;
		int ret = 0;

		front_init(&f, 1, 2048);
		assert_int_equal(front_connect(&f, path_of("bad")), 0);
		while (ret == 0 && !__atomic_load_n(&d->stop, __ATOMIC_RELAXED)) {
			if (d->reads_answers) {
				front_bytes(&f, header, sizeof(header));
				usleep(10000);
				ret = front_bytes(&f, &mtu, sizeof(mtu));
			} else {
				send(f.fd, question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT);
			}
		}
		front_destroy(&f);
	}
	return NULL;
}

/* librte_vhost has one thread for all messages: who is slow slows others, but not for long. */
static void test_slow_front_ends(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct dribbler d = {0};
	struct front f;

	(void)state;
	open_vhost(path_of("bad"), plain, 1);
	for (int way = 0; way < 2; way++) {
		double start;

		d = (struct dribbler){.reads_answers = way == 0};
		assert_int_equal(pthread_create(&d.thread, NULL, dribble, &d), 0);
		usleep(200000);
		start = now_ms();
		start_front(&f, ep, path_of("s"), 1, 2048, 0);
		print_message("# a guest starts in %.0f ms beside one that %s\n", now_ms() - start,
			      way == 0 ? "takes its time" : "reads no answers");
		assert_works(ep, &f);
		front_destroy(&f);
		__atomic_store_n(&d.stop, true, __ATOMIC_RELAXED);
		pthread_join(d.thread, NULL);
		wait_present(ep, false);
	}
}

/* ---- features ------------------------------------------------------------------------------- */

/* Others than those it started with, while frames flow: sent away, or it goes on with the old ones. */
static void test_features_change(void **state)
{
	static const uint64_t others[] = {0, FRONT_PACKED, FRONT_EVENTS, FRONT_OFFLOADS, FRONT_MQ};
	struct bystander b;

	(void)state;
	bystander_start(&b);
	for (size_t i = 0; i < 2 * RTE_DIM(others); i++) {
		uint64_t features = others[i / 2] | FRONT_V1 | FRONT_PROTOCOL;
		struct front f;

		start_bad(&f, FRONT_MRG);
		play(&f, 2);
		if (i % 2 == 1) /* once it has stopped */
			front_stop(&f);
		front_message(&f, FRONT_SET_FEATURES, &features, 8, -1);
		/* And on with the rings as they were. */
		for (unsigned int ring = 0; ring < 2; ring++) {
			struct front_ring *r = &f.rings[ring];

			front_place(&f, ring, (uintptr_t)r->desc, (uintptr_t)r->avail,
				    (uintptr_t)r->used);
		}
		play(&f, 2);
		front_destroy(&f);
	}
	assert_next_is_served(&b);
	bystander_stop(&b);
}

/* Queues come and go while frames flow: those of the others, and its own, arrive. */
static void test_queues_come_and_go(void **state)
{
	struct bystander b;
	struct front f;

	(void)state;
	bystander_start(&b);
	front_init(&f, 4, 2048);
	assert_int_equal(front_connect(&f, path_of("bad")), 0);
	assert_true(front_start(&f, FRONT_MRG | FRONT_MQ | fx.rings));
	for (unsigned int i = 0; i < 100; i++) {
		assert_true(front_enable(&f, i % 8, false));
		for (unsigned int pair = 0; pair < 4; pair++) {
			struct virtio_net_hdr_mrg_rxbuf h;

			front_send(&f, pair, NULL, bytes, 500);
			while (front_receive(&f, pair, &h, frame.bytes, FRAME_MAX) > 0)
				;
		}
		assert_true(front_enable(&f, i % 8, true));
	}
	front_destroy(&f);
	assert_next_is_served(&b);
	bystander_stop(&b);
}

/* One that never takes what it gets costs others nothing. */
static void test_never_reads(void **state)
{
	struct bystander b;
	struct front f;

	(void)state;
	bystander_start(&b);
	start_bad(&f, FRONT_MRG);
	usleep(300000);
	front_destroy(&f);
	bystander_stop(&b);
}

/* Its memory gets shorter while frames flow, at any place. */
static void test_memory_shrinks(void **state)
{
	struct bystander b;

	(void)state;
	bystander_start(&b);
	for (unsigned int i = 0; i < 30; i++) {
		struct front f;

		start_bad(&f, i % 2 ? FRONT_MRG : 0);
		play(&f, 2);
		assert_int_equal(ftruncate(f.memfd, (off_t)(f.mem_len / 30 * i)), 0);
		usleep(2000);
		front_destroy(&f);
	}
	assert_next_is_served(&b);
	bystander_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_dies_at_any_message),  TEST_BOTH(test_storm_of_tables),
		TEST_BOTH(test_bad_table_with_reply), TEST(test_huge_regions),
		TEST_BOTH(test_memory_for_rings),     TEST_BOTH(test_reset_owner),
		TEST_BOTH(test_acknowledgements),     TEST_BOTH(test_call_that_waits),
		TEST_BOTH(test_call_without_eventfd), TEST(test_slow_front_ends),
		TEST_BOTH(test_features_change),      TEST_BOTH(test_queues_come_and_go),
		TEST_BOTH(test_never_reads),	      TEST_BOTH(test_memory_shrinks),
	};

	return cmocka_run_group_tests_name("vhost_attack", tests, group_setup, group_teardown);
}
