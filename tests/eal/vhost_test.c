/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost endpoints and guests that behave: states, frames, offloads, queues, the socket's file. */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <rte_cycles.h>

#include "vhost_fixture.h"

static const struct endpoint_conf plain;
static struct frame frame;
static uint8_t bytes[FRAME_MAX];

/* ---- states ------------------------------------------------------------------------- */

static void test_reasons(void **state)
{
	const char *path = path_of("s");
	struct endpoint *ep = open_vhost(path, plain, 1);
	struct endpoint_state s;
	struct front f;
	char wanted[160];

	(void)state;
	endpoint_get_state(ep, &s);
	snprintf(wanted, sizeof(wanted), "no vhost-user client has connected to %s yet", path);
	assert_false(s.present);
	assert_string_equal(s.reason, wanted);
	start_front(&f, ep, path, 1, 2048, 0);
	endpoint_get_state(ep, &s);
	assert_string_equal(s.reason, "");
	assert_false(s.groups_known);
	assert_true(front_stop(&f));
	s = wait_present(ep, false);
	assert_non_null(strstr(s.reason, "its driver isn't ready"));
	/* The guest reboots on the same connection. */
	assert_true(front_start(&f, fx.rings));
	wait_present(ep, true);
	assert_works(ep, &f);
	front_destroy(&f);
	wait_present(ep, false);
	for (int i = 0; i < FOLLOW_MS; i++) {
		unsigned int told = 0;

		endpoint_watch_run(count_told, &told);
		endpoint_get_state(ep, &s);
		if (strstr(s.reason, "the client went away at ") != NULL)
			return;
		usleep(1000);
	}
	fail_msg("%s", s.reason);
}

static void test_refused_feature(void **state)
{
	struct endpoint *ep =
		open_vhost(path_of("s"), (struct endpoint_conf){.no_offload = true}, 1);
	struct endpoint_state s = {0};
	struct front f;

	(void)state;
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	assert_false(front_start(&f, FRONT_CSUM | 1ULL << VIRTIO_NET_F_HOST_UFO));
	assert_int_equal(f.offered & FRONT_OFFLOADS, 0);
	for (int i = 0; i < FOLLOW_MS && strstr(s.reason, "refused") == NULL; i++) {
		unsigned int told = 0;

		endpoint_watch_run(count_told, &told);
		endpoint_get_state(ep, &s);
		usleep(1000);
	}
	assert_non_null(strstr(s.reason, "feature csum, host_ufo refused"));
	front_destroy(&f);
}

static void test_notes(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;
	char text[400];

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_CSUM | FRONT_GUEST_CSUM);
	endpoint_describe(ep, text, sizeof(text));
	assert_non_null(strstr(text, "the client negotiated no TSO; frames are segmented here"));
	assert_int_equal(ep->caps & (ENDPOINT_CAP_CSUM | ENDPOINT_CAP_TSO4 | ENDPOINT_CAP_TSO6),
			 ENDPOINT_CAP_CSUM);
	front_destroy(&f);
}

/* ---- frames ---------------------------------------------------------------------------- */

static void test_both_ways(void **state)
{
	static const uint64_t features[] = {0, FRONT_MRG, FRONT_OFFLOADS,
					    FRONT_MRG | FRONT_OFFLOADS};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);

	(void)state;
	for (size_t i = 0; i < RTE_DIM(features); i++) {
		struct front f;

		start_front(&f, ep, path_of("s"), 1, 2048, features[i]);
		for (int n = 0; n < 500; n++)
			assert_works(ep, &f);
		front_destroy(&f);
		wait_present(ep, false);
	}
}

static void test_jumbo_to_mergeable_buffers(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct rte_mbuf *m;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 10000, FRONT_MRG);
	fill(bytes, 9014, 1);
	assert_true(front_send(&f, 0, NULL, bytes, 9014));
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_mbuf(m, bytes, 9014);
	assert_int_equal(tx_one(ep, 0, m), 1);
	assert_int_equal(front_receive(&f, 0, &h, frame.bytes, FRAME_MAX), 9014);
	assert_int_equal(h.num_buffers, 5);
	assert_memory_equal(frame.bytes, bytes, 9014);
	front_destroy(&f);
}

/* One that no buffer of the guest holds costs those behind it nothing. */
static void test_too_long_for_the_guest(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct rte_mbuf *m[4];
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	fill(bytes, 4000, 1);
	for (int i = 0; i < 4; i++)
		m[i] = mbuf_of(ep, bytes, i == 1 ? 4000 : 100);
	assert_int_equal(endpoint_tx(ep, 0, m, 4), 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), 100);
	assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), -1);
	front_destroy(&f);
}

static void test_full_ring(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct rte_mbuf *m[FRONT_RING + 6];
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	fill(bytes, 100, 1);
	for (size_t i = 0; i < RTE_DIM(m); i++)
		m[i] = mbuf_of(ep, bytes, 100);
	assert_int_equal(endpoint_tx(ep, 0, m, RTE_DIM(m)), FRONT_RING);
	rte_pktmbuf_free_bulk(&m[FRONT_RING], 6);
	for (int i = 0; i < FRONT_RING; i++)
		assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), 100);
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- offloads ------------------------------------------------------------------------------ */

static struct virtio_net_hdr header_of(uint8_t gso, uint16_t size)
{
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso,
		.gso_size = size,
		.hdr_len = (uint16_t)frame_hdr_len(&frame),
		.csum_start = (uint16_t)frame_l4(&frame),
		.csum_offset = frame.udp ? 6 : 16,
	};
}

static void test_checksums_from_the_guest(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 70000, FRONT_OFFLOADS);
	for (unsigned int i = 0; i < 64; i++) {
		struct spec s = {.v6 = i & 1,
				 .udp = i & 2,
				 .n_tags = i / 4 % 3,
				 .payload = 1000,
				 .ip_opts = i & 32 ? 2 : 0,
				 .tcp_opts = 3};
		struct virtio_net_hdr h;
		struct rte_mbuf *m;
		uint64_t l4;

		build(&frame, &s);
		h = header_of(VIRTIO_NET_HDR_GSO_NONE, 0);
		assert_true(front_send(&f, 0, &h, frame.bytes, frame.len));
		m = rx_one(ep, 0, FOLLOW_MS);
		assert_non_null(m);
		l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
		assert_int_equal(l4, s.udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM);
		assert_int_equal(m->l2_len, frame.l2_len);
		assert_int_equal(m->l3_len, frame.l3_len);
		assert_true(m->ol_flags & (s.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
		assert_mbuf(m, frame.bytes, frame.len);
		rte_pktmbuf_free(m);
	}
	front_destroy(&f);
}

/* The checksum of an inner header can't be said in flags; another guest completes it as well. */
static void test_checksum_anywhere(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct spec s = {.udp = true, .payload = 600};
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 200, .csum_offset = 16};
	struct virtio_net_hdr_mrg_rxbuf back;
	struct rte_mbuf *m;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_OFFLOADS);
	build(&frame, &s);
	assert_true(front_send(&f, 0, &h, frame.bytes, frame.len));
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, 0);
	assert_true(m->ol_flags & offload_csum_flag);
	assert_int_equal(csum_field(m)->start, 200);
	assert_int_equal(csum_field(m)->offset, 16);
	assert_mbuf(m, frame.bytes, frame.len);
	assert_true(ep->caps & ENDPOINT_CAP_CSUM_ANY);
	assert_int_equal(tx_one(ep, 0, m), 1);
	assert_int_equal(front_receive(&f, 0, &back, bytes, FRAME_MAX), frame.len);
	assert_memory_equal(bytes, frame.bytes, frame.len);
	assert_int_equal(back.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(back.hdr.csum_start, 200);
	assert_int_equal(back.hdr.csum_offset, 16);
	front_destroy(&f);
}

static void test_super_frames_from_the_guest(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 70000, FRONT_OFFLOADS);
	for (unsigned int i = 0; i < 40; i++) {
		struct spec s = {.v6 = i & 1, .n_tags = i / 2 % 2, .payload = 3000 + i * 1500};
		uint8_t gso = s.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		struct virtio_net_hdr h;
		struct rte_mbuf *m;

		build(&frame, &s);
		h = header_of(gso, 1448);
		assert_true(front_send(&f, 0, &h, frame.bytes, frame.len));
		m = rx_one(ep, 0, FOLLOW_MS);
		assert_non_null(m);
		assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
		assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
		assert_true(m->ol_flags & (s.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IP_CKSUM));
		assert_int_equal(m->tso_segsz, 1448);
		assert_int_equal(m->l4_len, frame.l4_len);
		assert_mbuf(m, frame.bytes, frame.len);
		rte_pktmbuf_free(m);
	}
	front_destroy(&f);
}

static struct rte_mbuf *with_work(struct endpoint *ep, uint16_t tso)
{
	struct rte_mbuf *m = mbuf_of(ep, frame.bytes, frame.len);

	m->l2_len = frame.l2_len;
	m->l3_len = frame.l3_len;
	m->ol_flags |= frame.udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
	m->ol_flags |= frame.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	if (tso == 0)
		return m;
	m->l4_len = frame.l4_len;
	m->tso_segsz = tso;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (frame.v6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
	return m;
}

/* The guest gets the sum of the whole pseudo header, which it needs to pass the frame on. */
static void check_to_guest(struct endpoint *ep, struct front *f, const struct spec *s, uint16_t tso)
{
	struct virtio_net_hdr_mrg_rxbuf h;

	build(&frame, s);
	assert_int_equal(tx_one(ep, 0, with_work(ep, tso)), 1);
	assert_int_equal(front_receive(f, 0, &h, bytes, FRAME_MAX), frame.len);
	assert_memory_equal(bytes, frame.bytes, frame.len);
	assert_int_equal(h.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.hdr.csum_start, frame_l4(&frame));
	assert_int_equal(h.hdr.csum_offset, s->udp ? 6 : 16);
	assert_int_equal(h.hdr.gso_size, tso);
	assert_int_equal(h.hdr.gso_type, tso == 0 ? VIRTIO_NET_HDR_GSO_NONE
					 : s->v6  ? VIRTIO_NET_HDR_GSO_TCPV6
						  : VIRTIO_NET_HDR_GSO_TCPV4);
}

static void test_work_to_the_guest(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_MRG | FRONT_OFFLOADS);
	for (unsigned int i = 0; i < 64; i++) {
		struct spec s = {.v6 = i & 1,
				 .udp = i & 2,
				 .n_tags = i / 4 % 3,
				 .payload = 1000,
				 .ip_opts = i & 32 ? 2 : 0};

		check_to_guest(ep, &f, &s, 0);
		s.udp = false;
		s.payload = 3000 + i * 900;
		check_to_guest(ep, &f, &s, 1400);
	}
	front_destroy(&f);
}

/* Behind a source route the pseudo header has the last address, not the IP header's. */
static void test_source_route_to_the_guest(void **state)
{
	static const uint8_t route[8] = {131, 7, 4, 192, 0, 2, 99, 0};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct spec s = {.payload = 1000, .ip_opts = 2};
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_OFFLOADS);
	build(&frame, &s);
	memcpy(frame.bytes + 14 + 20, route, sizeof(route));
	memcpy(frame.addresses + 4, route + 3, 4);
	oracle_ip_csum(&frame);
	put16(frame.bytes + frame_csum_at(&frame), oracle_pseudo(&frame));
	assert_int_equal(tx_one(ep, 0, with_work(ep, 0)), 1);
	assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), frame.len);
	assert_memory_equal(bytes, frame.bytes, frame.len);
	assert_int_equal(h.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	front_destroy(&f);
}

/* A frame that was made fit for the guest's former driver must not reach one that can't complete it. */
static void test_work_that_the_guest_refused(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct spec s = {.payload = 1000};
	struct front f;
	char text[400];

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	build(&frame, &s);
	assert_int_equal(tx_one(ep, 0, with_work(ep, 0)), 1);
	assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), -1);
	endpoint_describe(ep, text, sizeof(text));
	assert_non_null(strstr(text, "tx_refused=1 "));
	assert_works(ep, &f);
	front_destroy(&f);
}

/* ---- queues ---------------------------------------------------------------------------------- */

/* Four pairs on two queues of ours: each pair is served by one of them. */
static void test_queues(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 2);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct rte_mbuf *m;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 4, 2048, FRONT_MQ);
	fill(bytes, 100, 1);
	for (unsigned int pair = 0; pair < 4; pair++) {
		assert_true(front_send(&f, pair, NULL, bytes, 100));
		assert_null(rx_one(ep, (pair + 1) % 2, 5));
		m = rx_one(ep, pair % 2, FOLLOW_MS);
		assert_non_null(m);
		rte_pktmbuf_free(m);
	}
	/* Worker 1 uses pair 1 until the guest closes it; then another. */
	assert_int_equal(tx_one(ep, 1, mbuf_of(ep, bytes, 100)), 1);
	assert_int_equal(front_receive(&f, 1, &h, bytes, FRAME_MAX), 100);
	assert_true(front_enable(&f, 2, false));
	assert_int_equal(tx_one(ep, 1, mbuf_of(ep, bytes, 100)), 1);
	assert_int_equal(front_receive(&f, 1, &h, bytes, FRAME_MAX), -1);
	assert_int_equal(front_receive(&f, 2, &h, bytes, FRAME_MAX), 100);
	/* What the guest sends on a closed ring waits there until it is opened. */
	assert_true(front_enable(&f, 3, false));
	assert_true(front_send(&f, 1, NULL, bytes, 100));
	assert_null(rx_one(ep, 1, 5));
	assert_true(front_enable(&f, 3, true));
	m = rx_one(ep, 1, FOLLOW_MS);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	front_destroy(&f);
}

/* A guest isn't asked to kick, and is interrupted only if it wants to be. */
static void test_notifications(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;
	uint64_t n;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_null(rx_one(ep, 0, 1));
	assert_false(front_wants_kicks(&f, 1));
	assert_false(front_wants_kicks(&f, 0));
	front_want_calls(&f, 0, false);
	while (read(f.rings[0].call, &n, sizeof(n)) > 0)
		;
	fill(bytes, 100, 1);
	assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 100)), 1);
	assert_int_equal(read(f.rings[0].call, &n, sizeof(n)), -1);
	front_want_calls(&f, 0, true);
	assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 100)), 1);
	assert_int_equal(read(f.rings[0].call, &n, sizeof(n)), sizeof(n));
	front_destroy(&f);
}

/* ---- the log of a migration --------------------------------------------------------------------- */

static bool is_dirty(const uint8_t *log, const struct front *f, const void *p)
{
	size_t page = (size_t)((const uint8_t *)p - f->mem) / 4096;

	return log[page / 8] >> page % 8 & 1;
}

static void test_dirty_log(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	int memfd = memfd_create("log", MFD_CLOEXEC);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct front f;
	uint8_t *log;

	(void)state;
	assert_int_equal(ftruncate(memfd, 4096), 0);
	log = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	assert_ptr_not_equal(log, MAP_FAILED);
	start_front(&f, ep, path_of("s"), 1, 4096, FRONT_MRG);
	assert_works(ep, &f); /* the guest's first buffer is used, and not logged */
	assert_true(front_log(&f, memfd, 4096));
	/* Frames from the guest are read; of its memory only the ring is written. */
	fill(bytes, 200, 1);
	assert_true(front_send(&f, 0, NULL, bytes, 200));
	rte_pktmbuf_free(rx_one(ep, 0, FOLLOW_MS));
	assert_true(is_dirty(log, &f, fx.rings ? (void *)f.rings[1].packed : f.rings[1].used));
	assert_false(is_dirty(log, &f, f.rings[1].slots));
	assert_false(is_dirty(log, &f, f.rings[0].slots + f.slot_len));
	/* One to the guest, in two buffers: they, and no others. */
	fill(bytes, 3000, 2);
	assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 3000)), 1);
	assert_int_equal(front_receive(&f, 0, &h, frame.bytes, FRAME_MAX), 3000);
	assert_int_equal(h.num_buffers, 2);
	assert_true(is_dirty(log, &f, fx.rings ? (void *)f.rings[0].packed : f.rings[0].used));
	assert_false(is_dirty(log, &f, f.rings[0].slots));
	assert_true(is_dirty(log, &f, f.rings[0].slots + f.slot_len));
	assert_true(is_dirty(log, &f, f.rings[0].slots + 2 * f.slot_len));
	assert_false(is_dirty(log, &f, f.rings[0].slots + 3 * f.slot_len));
	assert_works(ep, &f);
	front_destroy(&f);
	wait_present(ep, false);
	munmap(log, 4096);
	close(memfd);
}

/* ---- client mode ------------------------------------------------------------------------------- */

static void test_client(void **state)
{
	struct endpoint *ep = open_vhost(path_of("far"), (struct endpoint_conf){.client = true}, 1);
	struct endpoint_state s;
	struct front f;
	int listener;

	(void)state;
	endpoint_get_state(ep, &s);
	assert_non_null(strstr(s.reason, "no vhost-user server listens on "));
	listener = front_listen(path_of("far"));
	assert_true(listener >= 0);
	for (int i = 0; i < 3; i++) {
		front_init(&f, 1, 2048);
		assert_int_equal(front_accept(&f, listener, 2000), 0);
		assert_true(front_start(&f, FRONT_MRG | fx.rings));
		wait_present(ep, true);
		assert_works(ep, &f);
		front_destroy(&f);
		wait_present(ep, false);
	}
	close(listener);
	/* The path is the server's: it stays. */
	close_vhost(ep);
	assert_int_equal(access(path_of("far"), F_OK), 0);
	unlink(path_of("far"));
}

/*
 * A vnic that is removed just as its server goes is gone: librte_vhost connects no more for it. What
 * this looks for happens at one moment, so it is removed a little later each time.
 */
static void test_client_removed_as_its_server_goes(void **state)
{
	struct front f;
	int listener;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct endpoint *ep;

		listener = front_listen(path_of("far"));
		assert_true(listener >= 0);
		ep = open_vhost(path_of("far"), (struct endpoint_conf){.client = true}, 1);
		front_init(&f, 1, 2048);
		assert_int_equal(front_accept(&f, listener, 2000), 0);
		assert_true(front_start(&f, FRONT_MRG));
		wait_present(ep, true);
		close(listener);
		unlink(path_of("far"));
		front_destroy(&f);
		wait_present(ep, false);
		rte_delay_us_block((unsigned int)i / 2);
		close_vhost(ep);
	}
	listener = front_listen(path_of("far"));
	/* It tries once a second. */
	assert_int_equal(front_accept(&f, listener, 1500), -ETIMEDOUT);
	close(listener);
	unlink(path_of("far"));
}

/* ---- the socket's file --------------------------------------------------------------------------- */

static void test_stale_socket(void **state)
{
	struct endpoint *ep;
	struct front f;
	int listener = front_listen(path_of("s"));

	(void)state;
	close(listener);
	assert_int_equal(access(path_of("s"), F_OK), 0);
	ep = open_vhost(path_of("s"), plain, 1);
	start_front(&f, ep, path_of("s"), 1, 2048, 0);
	assert_works(ep, &f);
	front_destroy(&f);
	close_vhost(ep);
	assert_int_equal(access(path_of("s"), F_OK), -1);
}

static void test_others_are_left_alone(void **state)
{
	struct endpoint *ep;
	struct err err = {0};
	int listener = front_listen(path_of("live"));
	struct front f;
	FILE *file;

	(void)state;
	assert_int_equal(try_open(path_of("live"), plain, 1, &ep, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "somebody listens there already"));
	front_init(&f, 1, 2048);
	assert_int_equal(front_connect(&f, path_of("live")), 0);
	front_destroy(&f);
	close(listener);
	unlink(path_of("live"));
	file = fopen(path_of("file"), "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(try_open(path_of("file"), plain, 1, &ep, &err), -EEXIST);
	assert_int_equal(unlink(path_of("file")), 0);
	assert_int_equal(try_open(path_of("no/s"), plain, 1, &ep, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no: No such file or directory"));
	/* Our own, too. */
	open_vhost(path_of("twice"), plain, 1);
	assert_int_equal(try_open(path_of("twice"), plain, 1, &ep, &err), -EADDRINUSE);
}

static void test_mode_and_owner(void **state)
{
	struct endpoint *ep;
	struct stat st;
	struct err err = {0};

	(void)state;
	ep = open_vhost(path_of("s"), plain, 1);
	assert_int_equal(stat(path_of("s"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	close_vhost(ep);
	ep = open_vhost(path_of("s"),
			(struct endpoint_conf){.has_mode = true, .mode = 0606, .owner = "daemon:7"},
			1);
	assert_int_equal(stat(path_of("s"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0606);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 7);
	close_vhost(ep);
	assert_int_equal(try_open(path_of("s"), (struct endpoint_conf){.owner = "nobody-such"}, 1,
				  &ep, &err),
			 -ENOENT);
	assert_string_equal(err.text, "owner: there is no user 'nobody-such'");
	assert_int_equal(access(path_of("s"), F_OK), -1);
}

/* ---- what other threads tell main ------------------------------------------------------------- */

#define HINTS_MS 1000

static bool hints_end;

/* Hints again as soon as the last one was looked at: at any moment of main's look. */
static void *hint_all_the_time(void *arg)
{
	struct endpoint *ep = arg;

	while (!__atomic_load_n(&hints_end, __ATOMIC_RELAXED))
		if (__atomic_load_n(&ep->hint, __ATOMIC_ACQUIRE) == 0)
			endpoint_hint_slow(ep);
	return NULL;
}

/* One that is lost is lost for good: while it stands nobody wakes main for another. */
static void test_no_hint_is_lost(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	double start = now_ms();
	unsigned int told = 0;
	pthread_t thread;

	(void)state;
	hints_end = false;
	assert_int_equal(pthread_create(&thread, NULL, hint_all_the_time, ep), 0);
	while (now_ms() - start < HINTS_MS)
		endpoint_watch_run(count_told, &told);
	__atomic_store_n(&hints_end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		endpoint_watch_run(count_told, &told);
	assert_int_equal(ep->hint, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_reasons),
		TEST(test_refused_feature),
		TEST(test_notes),
		TEST_BOTH(test_both_ways),
		TEST_BOTH(test_jumbo_to_mergeable_buffers),
		TEST_BOTH(test_too_long_for_the_guest),
		TEST_BOTH(test_full_ring),
		TEST_BOTH(test_checksums_from_the_guest),
		TEST_BOTH(test_checksum_anywhere),
		TEST_BOTH(test_super_frames_from_the_guest),
		TEST_BOTH(test_work_to_the_guest),
		TEST_BOTH(test_source_route_to_the_guest),
		TEST_BOTH(test_work_that_the_guest_refused),
		TEST_BOTH(test_queues),
		TEST_BOTH(test_notifications),
		TEST_BOTH(test_dirty_log),
		TEST_BOTH(test_client),
		TEST(test_client_removed_as_its_server_goes),
		TEST(test_stale_socket),
		TEST(test_others_are_left_alone),
		TEST(test_no_hint_is_lost),
		TEST(test_mode_and_owner),
	};

	return cmocka_run_group_tests_name("vhost", tests, group_setup, group_teardown);
}
