/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A busy guest beside another one that does what it likes: one worker serves both. The good one's
 * frames go to the worker and come back, numbered; none may be missing in the end.
 */
#ifndef TESTS_EAL_VHOST_BYSTANDER_H
#define TESTS_EAL_VHOST_BYSTANDER_H

#include <pthread.h>

#include "vhost_fixture.h"

#define PAUSE_US 50 /* the guests, and librte_vhost's thread, may be on this very core */

struct bystander {
	struct endpoint *good, *bad;
	struct front guest;
	pthread_t worker, driver;
	uint64_t n_sent, n_back, n_wrong;
	uint64_t n_bad; /**< frames from and to the other one */
	bool stop_driver, stop_worker;
};

/* As a worker's turns: both are asked, both are sent to. */
static inline void *bystander_work(void *arg)
{
	struct bystander *b = arg;
	uint8_t text[1000];

	fill(text, sizeof(text), 1);
	while (!__atomic_load_n(&b->stop_worker, __ATOMIC_RELAXED)) {
		struct rte_mbuf *m[32];
		uint16_t n = endpoint_rx(b->good, 0, m, 32), done;
		bool is_idle = n == 0;

		done = endpoint_tx(b->good, 0, m, n);
		rte_pktmbuf_free_bulk(&m[done], n - done);
		n = endpoint_rx(b->bad, 0, m, 32);
		b->n_bad += n;
		rte_pktmbuf_free_bulk(m, n);
		for (n = 0; n < 32; n++)
			m[n] = mbuf_of(b->bad, text, n % 4 == 0 ? sizeof(text) : 60);
		done = endpoint_tx(b->bad, 0, m, 32);
		b->n_bad += done;
		rte_pktmbuf_free_bulk(&m[done], 32 - done);
		if (is_idle)
			usleep(PAUSE_US);
	}
	return NULL;
}

static inline void bystander_receive(struct bystander *b)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	uint8_t in[300];
	int len;

	while ((len = front_receive(&b->guest, 0, &h, in, sizeof(in))) >= 0) {
		uint64_t number;

		memcpy(&number, in + 14, sizeof(number));
		b->n_wrong += len != 200 || number != b->n_back;
		b->n_back++;
	}
}

static inline void *bystander_drive(void *arg)
{
	struct bystander *b = arg;
	double end;

	while (!__atomic_load_n(&b->stop_driver, __ATOMIC_RELAXED)) {
		uint8_t out[200];

		fill(out, sizeof(out), 7);
		memcpy(out + 14, &b->n_sent, sizeof(b->n_sent));
		if (front_send(&b->guest, 0, NULL, out, sizeof(out)))
			b->n_sent++;
		else
			usleep(PAUSE_US);
		bystander_receive(b);
	}
	for (end = now_ms() + FOLLOW_MS; b->n_back < b->n_sent && now_ms() < end; usleep(PAUSE_US))
		bystander_receive(b);
	return NULL;
}

/* `good` and `bad` are sockets of these names in the folder. */
static inline void bystander_start(struct bystander *b)
{
	static const struct endpoint_conf conf;

	memset(b, 0, sizeof(*b));
	b->good = open_vhost(path_of("good"), conf, 1);
	b->bad = open_vhost(path_of("bad"), conf, 1);
	start_front(&b->guest, b->good, path_of("good"), 1, 2048, 0);
	assert_int_equal(pthread_create(&b->worker, NULL, bystander_work, b), 0);
	assert_int_equal(pthread_create(&b->driver, NULL, bystander_drive, b), 0);
}

/* Nothing of it was lost, and nothing changed. */
static inline void bystander_stop(struct bystander *b)
{
	__atomic_store_n(&b->stop_driver, true, __ATOMIC_RELAXED);
	pthread_join(b->driver, NULL);
	__atomic_store_n(&b->stop_worker, true, __ATOMIC_RELAXED);
	pthread_join(b->worker, NULL);
	print_message("# the bystander sent %lu frames; %lu from and to the other one\n", b->n_sent,
		      b->n_bad);
	assert_true(b->n_sent > 0);
	assert_int_equal(b->n_back, b->n_sent);
	assert_int_equal(b->n_wrong, 0);
	front_destroy(&b->guest);
}

#endif /* TESTS_EAL_VHOST_BYSTANDER_H */
