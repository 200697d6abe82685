/* SPDX-License-Identifier: BSD-3-Clause */
/* The `dev` and `none` endpoints on rings, null devices and capture files; and the mempools. No privileges. */
#include "dev_fixture.h"

#include <pcap/pcap.h>
#include <pthread.h>
#include <time.h>
#include <rte_eth_ring.h>
#include <rte_ip.h>
#include <rte_ring.h>

#include "endpoint/dev.h"

static char dir[] = "/tmp/vnic_dev_test.XXXXXX";

/* ---- capture files ------------------------------------------------------- */

static void write_pcap(const char *path, const uint32_t *lens, size_t n)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *d = pcap_dump_open(p, path);
	static uint8_t bytes[16384];

	assert_non_null(d);
	for (size_t i = 0; i < n; i++) {
		struct pcap_pkthdr h = {.caplen = lens[i], .len = lens[i]};

		for (uint32_t at = 0; at < lens[i]; at++)
			bytes[at] = at < 6 ? 0xff : (uint8_t)(at * 7 + i);
		pcap_dump((u_char *)d, &h, bytes);
	}
	pcap_dump_close(d);
	pcap_close(p);
}

static void test_pcap_file_is_received_and_runts_are_counted(void **state)
{
	static const uint32_t lens[] = {60, 1514, 9000, 10};
	char spec[200], path[100];
	struct endpoint_rx_errors errors;
	struct rte_mbuf *m[4];
	struct endpoint *ep;

	(void)state;
	snprintf(path, sizeof(path), "%s/in.pcap", dir);
	write_pcap(path, lens, RTE_DIM(lens));
	snprintf(spec, sizeof(spec), "net_pcap0,rx_pcap=%s", path);
	ep = open_port(spec, 9000);
	assert_int_equal(receive(ep, m, 3), 3);
	for (uint8_t i = 0; i < 3; i++)
		assert_frame(m[i], lens[i], i);
	assert_true(m[2]->nb_segs > 1);
	assert_int_equal(endpoint_rx(ep, 0, m + 3, 1), 0);
	endpoint_get_rx_errors(ep, &errors);
	assert_int_equal(errors.malformed, 1);
	rte_pktmbuf_free_bulk(m, 3);
	endpoint_close(ep);
}

static void test_pcap_file_is_written_whole(void **state)
{
	char spec[200], path[100], reason[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr h;
	struct endpoint *ep;
	const u_char *p;
	pcap_t *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/out.pcap", dir);
	snprintf(spec, sizeof(spec), "net_pcap1,tx_pcap=%s", path);
	ep = open_port(spec, 9000);
	assert_true(ep->caps & ENDPOINT_CAP_MULTI_SEGS);
	send_frame(ep, 60, 3);
	send_frame(ep, 9014, 4);
	endpoint_close(ep);

	file = pcap_open_offline(path, reason);
	assert_non_null(file);
	p = pcap_next(file, &h);
	assert_non_null(p);
	assert_int_equal(h.caplen, 60);
	assert_true(bytes_match(p, 60, 3));
	p = pcap_next(file, &h);
	assert_non_null(p);
	assert_int_equal(h.caplen, 9014);
	assert_true(bytes_match(p, 9014, 4));
	assert_null(pcap_next(file, &h));
	pcap_close(file);
}

/* infinite_rx keeps the file's frames in mbufs; EAL was given this one on its command line. */
static void test_given_device_opens_again_with_its_arguments(void **state)
{
	struct rte_mbuf *m[32];

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct endpoint *ep = open_port("net_pcap7", 1500);

		assert_int_equal(receive(ep, m, 32), 32);
		rte_pktmbuf_free_bulk(m, 32);
		endpoint_close(ep);
	}
	for (int i = 0; i < 5; i++) {
		struct endpoint *ep = open_port("net_null7", 1500);

		/* no-rx=1 was given to EAL: without it each poll would bring a burst. */
		assert_int_equal(endpoint_rx(ep, 0, m, 32), 0);
		endpoint_close(ep);
	}
}

/* ---- rings --------------------------------------------------------------- */

struct ring_pair {
	struct rte_ring *to_a, *to_b;
	struct endpoint *a, *b;
};

static struct ring_pair rings;

/* Ports A and B, each one's tx the other's rx; made once, for rte_eth_from_rings() takes a name for ever. */
static void open_rings(void)
{
	if (rings.to_a == NULL) {
		rings.to_a = rte_ring_create("to_a", 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		rings.to_b = rte_ring_create("to_b", 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_true(rte_eth_from_rings("A", &rings.to_a, 1, &rings.to_b, 1, 0) >= 0);
		assert_true(rte_eth_from_rings("B", &rings.to_b, 1, &rings.to_a, 1, 0) >= 0);
	}
	rings.a = open_port("net_ring_A", 1500);
	rings.b = open_port("net_ring_B", 1500);
}

static void close_rings(void)
{
	endpoint_close(rings.a);
	endpoint_close(rings.b);
}

static void test_rings_carry_frames_both_ways(void **state)
{
	struct rte_mbuf *m[2];

	(void)state;
	for (int i = 0; i < 20; i++) {
		open_rings();
		send_frame(rings.a, 60, 1);
		send_frame(rings.b, 1514, 2);
		send_frame(rings.b, 5000, 3);
		assert_int_equal(receive(rings.b, m, 1), 1);
		assert_frame(m[0], 60, 1);
		rte_pktmbuf_free(m[0]);
		assert_int_equal(receive(rings.a, m, 2), 2);
		assert_frame(m[0], 1514, 2);
		assert_frame(m[1], 5000, 3);
		rte_pktmbuf_free_bulk(m, 2);
		close_rings();
	}
}

/* Whoever reads the ring gets the mbuf itself. */
static void test_ring_takes_chains_but_not_shared_mbufs(void **state)
{
	(void)state;
	open_rings();
	assert_true(rings.a->caps & ENDPOINT_CAP_MULTI_SEGS);
	assert_false(rings.a->caps & ENDPOINT_CAP_SHARED);
	assert_false(rings.a->caps & ENDPOINT_CAP_CSUM);
	close_rings();
}

static void test_received_frame_carries_no_claims_of_the_other_side(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	open_rings();
	m = make_frame(rings.a->pool, 100, 5);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 |
		       offload_csum_flag;
	assert_int_equal(rte_ring_enqueue(rings.to_a, m), 0);
	assert_int_equal(receive(rings.a, &m, 1), 1);
	assert_int_equal(m->ol_flags & (RTE_MBUF_F_TX_OFFLOAD_MASK | offload_csum_flag), 0);
	rte_pktmbuf_free(m);
	close_rings();
}

/* Two holders: it arrives as it is, and freeing it leaves the other's alone. */
static void test_shared_chain_is_received(void **state)
{
	struct rte_mbuf *m, *got;

	(void)state;
	open_rings();
	m = make_frame(rings.a->pool, 4000, 6);
	for (struct rte_mbuf *s = m; s != NULL; s = s->next)
		rte_mbuf_refcnt_update(s, 1);
	assert_int_equal(rte_ring_enqueue(rings.to_a, m), 0);
	assert_int_equal(receive(rings.a, &got, 1), 1);
	assert_frame(got, 4000, 6);
	rte_pktmbuf_free(got);
	assert_frame(m, 4000, 6);
	rte_pktmbuf_free(m);
	close_rings();
}

static void test_lying_lengths_are_counted_drops(void **state)
{
	struct endpoint_rx_errors errors;
	struct rte_mbuf *m[5], *got[8];

	(void)state;
	open_rings();
	for (int i = 0; i < 5; i++)
		m[i] = make_frame(rings.a->pool, i == 2 || i == 3 ? 4000 : 64, 7);
	m[0]->data_len = m[0]->pkt_len = 60000; /* past the buffer */
	m[1]->pkt_len = 1000; /* more than there is */
	m[2]->pkt_len = 100; /* less than there is */
	m[3]->nb_segs = 3; /* one too many */
	m[4]->data_len = m[4]->pkt_len = 13; /* no Ethernet header */
	assert_int_equal(rte_ring_enqueue_bulk(rings.to_a, (void **)m, 5, NULL), 5);
	send_frame(rings.b, 80, 8);
	assert_int_equal(receive(rings.a, got, 1), 1);
	assert_frame(got[0], 80, 8);
	rte_pktmbuf_free(got[0]);
	endpoint_get_rx_errors(rings.a, &errors);
	assert_int_equal(errors.malformed, 5);
	close_rings();
}

static void test_full_ring_leaves_the_rest_to_the_caller(void **state)
{
	struct rte_mbuf *m[1100];
	uint16_t sent = 0, got, n;

	(void)state;
	open_rings();
	for (int i = 0; i < 1100; i++)
		m[i] = make_frame(rings.a->pool, 64, 9);
	sent = endpoint_tx(rings.a, 0, m, 1100);
	assert_int_equal(sent, 1023);
	rte_pktmbuf_free_bulk(m + sent, 1100 - sent);
	for (got = 0; (n = endpoint_rx(rings.b, 0, m, 64)) > 0; got += n)
		rte_pktmbuf_free_bulk(m, n);
	assert_int_equal(got, 1023);
	close_rings();
}

#define N_SENDERS  3
#define N_CIRCLING 600 /* fewer than the ring holds: it is never full */
#define N_PASSES   20000000

struct sender {
	pthread_t thread;
	uint16_t queue;
	struct rte_ring *feed; /* from the main thread, which gets the frames back */
	uint64_t sent;
};

static bool senders_stop;

static void *send_all(void *arg)
{
	struct sender *s = arg;
	cpu_set_t all;
	void *m;

	memset(&all, 0xff, sizeof(all));
	pthread_setaffinity_np(pthread_self(), sizeof(all),
			       &all); /* EAL has pinned us to one core */
	while (!__atomic_load_n(&senders_stop, __ATOMIC_RELAXED)) {
		if (rte_ring_dequeue(s->feed, &m) == 0)
			s->sent += endpoint_tx(rings.a, s->queue, (struct rte_mbuf **)&m, 1);
		else
			sched_yield();
	}
	while (rte_ring_dequeue(s->feed, &m) == 0)
		s->sent += endpoint_tx(rings.a, s->queue, (struct rte_mbuf **)&m, 1);
	return NULL;
}

/* Feeds what comes from B to the senders in turn, for N_PASSES frames or five seconds. */
static uint64_t circulate(struct sender *senders)
{
	time_t end = time(NULL) + 5;
	struct rte_mbuf *m[64];
	uint64_t got = 0;

	while (got < N_PASSES && time(NULL) < end) {
		uint16_t n = endpoint_rx(rings.b, 0, m, 64);

		for (uint16_t i = 0; i < n; i++)
			rte_ring_enqueue(senders[got++ % N_SENDERS].feed, m[i]);
		if (n == 0)
			sched_yield();
	}
	return got;
}

/* The rings bear one producer; three workers share the one tx queue, so the endpoint must keep them apart. */
static void test_workers_share_a_tx_queue(void **state)
{
	static struct sender senders[N_SENDERS];
	uint64_t got, sent = 0;
	struct rte_mbuf *m[64];
	uint16_t n;

	(void)state;
	open_rings();
	endpoint_close(rings.a);
	assert_int_equal(try_open("net_ring_A", ENDPOINT_PORT, 1500, 1, N_SENDERS, &rings.a), 0);
	assert_int_equal(rings.a->n_tx_queues, 1);
	for (uint16_t i = 0; i < N_SENDERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "feed%u", i);
		senders[i].queue = i;
		senders[i].feed = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_non_null(senders[i].feed);
	}
	for (int i = 0; i < N_CIRCLING; i++)
		rte_ring_enqueue(senders[i % N_SENDERS].feed, make_frame(rings.a->pool, 64, 1));
	for (int i = 0; i < N_SENDERS; i++)
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]),
				 0);
	got = circulate(senders);
	__atomic_store_n(&senders_stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < N_SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		sent += senders[i].sent;
		rte_ring_free(senders[i].feed);
	}
	while ((n = endpoint_rx(rings.b, 0, m, 64)) > 0) {
		got += n;
		rte_pktmbuf_free_bulk(m, n);
	}
	assert_true(sent > N_CIRCLING);
	assert_int_equal(got, sent);
	close_rings();
}

static void test_own_ring_is_a_loop_and_empties_when_closed(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct endpoint *ep = NULL;
		struct rte_mbuf *m;

		assert_int_equal(try_open("net_ring0", ENDPOINT_PORT, 1500, 2, 4, &ep), 0);
		assert_int_equal(ep->n_rx_queues, 2);
		send_frame(ep, 60, 1);
		send_frame(ep, 70, 2);
		m = make_frame(ep->pool, 80, 3);
		assert_int_equal(endpoint_tx(ep, 3, &m, 1), 1);
		assert_int_equal(receive(ep, &m, 1), 1);
		assert_frame(m, 60, 1);
		rte_pktmbuf_free(m);
		endpoint_close(ep); /* with two frames in it */
	}
}

/* ---- null and what all have ---------------------------------------------- */

static void test_null_is_a_source_and_a_sink(void **state)
{
	struct endpoint *ep = open_port("net_null0,size=128", 1500);
	struct rte_mbuf *m[32];

	(void)state;
	assert_int_equal(endpoint_rx(ep, 0, m, 32), 32);
	assert_int_equal(m[31]->pkt_len, 128);
	assert_int_equal(endpoint_tx(ep, 0, m, 32), 32);
	endpoint_close(ep);
	ep = open_port("net_null0,no-rx=1", 1500);
	assert_int_equal(endpoint_rx(ep, 0, m, 32), 0);
	assert_int_equal(endpoint_rx_fd(ep, 0), -1);
	endpoint_close(ep);
}

static void test_queues_as_wanted(void **state)
{
	struct endpoint *ep = NULL;
	struct rte_mbuf *m[4];

	(void)state;
	assert_int_equal(try_open("net_null0", ENDPOINT_PORT, 1500, 4, 3, &ep), 0);
	assert_int_equal(ep->n_rx_queues, 4);
	assert_int_equal(ep->n_tx_queues, 3);
	for (uint16_t q = 0; q < 4; q++) {
		assert_int_equal(endpoint_rx(ep, q, m, 4), 4);
		assert_int_equal(endpoint_tx(ep, q % 3, m, 4), 4);
	}
	endpoint_close(ep);
}

static void test_wrong_devices_say_what_is_wrong(void **state)
{
	(void)state;
	assert_refused("bogus0", 1500, EINVAL, "bogus0");
	assert_refused("", 1500, EINVAL, "device");
	assert_refused("net_pcap0,rx_pcap=/nonexistent.pcap", 1500, ENOENT, "/nonexistent.pcap");
	assert_refused("net_af_packet0", 1500, EINVAL, "iface=");
	assert_refused("net_af_packet0,iface=nope", 1500, ENODEV, "nope");
	assert_refused("net_af_xdp0,iface=nope", 1500, ENODEV, "nope");
	assert_refused("0000:fe:1f.6", 1500, ENODEV, "0000:fe:1f.6");
	assert_refused("net_null0,size=9000", 1500, EINVAL, "size=9000");
	/* None of them is in the way of a right one. */
	endpoint_close(open_port("net_null0,no-rx=1", 1500));
}

static void test_device_has_one_user(void **state)
{
	struct endpoint *ep = open_port("net_null0,no-rx=1", 1500);

	(void)state;
	assert_refused("net_null0,no-rx=1", 1500, EBUSY, "in use by p0");
	endpoint_close(ep);
	endpoint_close(open_port("net_null0,no-rx=1", 1500));
}

static void test_too_many_ethdevs_name_the_limit(void **state)
{
	struct endpoint *ep[RTE_MAX_ETHPORTS];
	size_t n = 0;
	char name[40];

	(void)state;
	while (rte_eth_dev_count_total() < RTE_MAX_ETHPORTS) {
		snprintf(name, sizeof(name), "net_null_%zu,no-rx=1", n);
		ep[n++] = open_port(name, 1500);
	}
	assert_true(n > 20);
	assert_refused("net_null_one_more", 1500, ENOSPC, "RTE_MAX_ETHPORTS");
	while (n > 0)
		endpoint_close(ep[--n]);
	endpoint_close(open_port("net_null_one_more,no-rx=1", 1500));
}

static void test_port_has_a_mac_and_keeps_what_it_is_given(void **state)
{
	struct endpoint_state s;
	uint64_t first;

	(void)state;
	open_rings();
	endpoint_get_state(rings.a, &s);
	first = s.mac;
	assert_true(mac_is_valid(first));
	assert_true(s.present && s.up && s.carrier);
	assert_int_equal(s.mtu, 1500);
	close_rings();
	open_rings();
	endpoint_get_state(rings.a, &s);
	assert_int_equal(s.mac, first);
	assert_int_equal(endpoint_set_mac(rings.a, 0x060504030202, &error), 0);
	assert_int_equal(endpoint_set_mtu(rings.a, 9000, &error), 0);
	assert_true(endpoint_refresh(rings.a));
	assert_false(endpoint_refresh(rings.a));
	endpoint_get_state(rings.a, &s);
	assert_int_equal(s.mac, 0x060504030202);
	assert_int_equal(s.mtu, 9000);
	close_rings();
}

/* A vnic's owner is beyond the device: the device's own MAC is not his. */
static void test_vnic_device_tells_nothing_of_its_owner(void **state)
{
	struct endpoint *ep = NULL;
	struct endpoint_state s;

	(void)state;
	assert_int_equal(try_open("net_null0,no-rx=1", ENDPOINT_VNIC, 1500, 1, 1, &ep), 0);
	endpoint_get_state(ep, &s);
	assert_int_equal(s.mac, 0);
	assert_int_equal(s.mtu, 0);
	assert_true(s.carrier);
	assert_false(s.groups_known);
	endpoint_close(ep);
}

static void test_describe_names_the_device_and_bears_a_short_buffer(void **state)
{
	struct endpoint *ep = open_port("net_null0,no-rx=1", 1500);
	char buf[200];

	(void)state;
	endpoint_describe(ep, buf, sizeof(buf));
	assert_non_null(strstr(buf, "driver=net_null device=net_null0"));
	for (size_t len = 1; len < sizeof(buf); len++) {
		memset(buf, 'x', sizeof(buf));
		endpoint_describe(ep, buf, len);
		assert_true(strlen(buf) < len);
	}
	endpoint_close(ep);
}

static void test_ring_does_not_filter(void **state)
{
	const uint64_t mac = 0x0a0000000002;
	struct endpoint_filter f = {.macs = &mac, .n_macs = 1};
	struct rte_mbuf *m;

	(void)state;
	open_rings();
	assert_false(endpoint_set_filter(rings.a, &f));
	m = make_frame(rings.b->pool, 60, 1);
	*rte_pktmbuf_mtod(m, uint8_t *) = 0x02; /* to a stranger */
	assert_int_equal(endpoint_tx(rings.b, 0, &m, 1), 1);
	assert_int_equal(receive(rings.a, &m, 1), 1);
	rte_pktmbuf_free(m);
	close_rings();
}

static struct rte_mbuf *tso_frame(struct rte_mempool *pool, uint8_t l3_len)
{
	static const uint8_t ip[20] = {0x45, 0, 0,  100, 0, 0, 0,  0, 64, 6,
				       0,    0, 10, 0,	 0, 1, 10, 0, 0,  2};
	struct rte_mbuf *m = make_frame(pool, 200, 1);

	memcpy(rte_pktmbuf_mtod_offset(m, void *, 14), ip, sizeof(ip));
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM |
		       RTE_MBUF_F_TX_TCP_SEG;
	m->l2_len = 14;
	m->l3_len = l3_len;
	m->l4_len = 20;
	m->tso_segsz = 60;
	return m;
}

/*
 * virtio does TSO but no IPv4 header checksum, so we do; metadata that can't be true costs
 * its own frame and no other. No driver without hardware has such offloads: a ring is told to.
 */
static void test_offloads_are_prepared_and_refused_frame_by_frame(void **state)
{
	struct rte_mbuf *m[4], *got[4];

	(void)state;
	open_rings();
	dev_of(rings.a)->looks = true;
	m[0] = make_frame(rings.a->pool, 60, 2);
	m[1] = tso_frame(rings.a->pool, 64 - 4);
	m[1]->data_len = m[1]->pkt_len = 60; /* the header is said to end beyond the frame */
	m[2] = tso_frame(rings.a->pool, 20);
	m[3] = tso_frame(rings.a->pool, 4);
	assert_int_equal(endpoint_tx(rings.a, 0, m, 4), 4);
	assert_int_equal(described(rings.a, "tx_refused="), 2);
	assert_int_equal(receive(rings.b, got, 2), 2);
	assert_frame(got[0], 60, 2);
	assert_int_equal(rte_raw_cksum(rte_pktmbuf_mtod_offset(got[1], void *, 14), 20), 0xffff);
	rte_pktmbuf_free_bulk(got, 2);
	close_rings();
}

/* ---- other types, and pools ---------------------------------------------- */

static void test_none_takes_everything(void **state)
{
	struct endpoint_conf conf = {.type = ENDPOINT_NONE, .spec = "none", .target = ""};
	struct endpoint_args args = {
		.conf = &conf, .name = "n", .n_rx_queues = 1, .n_tx_queues = 2};
	struct endpoint_state s;
	struct endpoint *ep;
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(endpoint_open(&args, &ep, &error), 0);
	m = make_frame(ep->pool, 9000, 1);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
	assert_int_equal(endpoint_tx(ep, 1, &m, 1), 1);
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 0);
	endpoint_get_state(ep, &s);
	assert_true(s.present && s.up && s.carrier);
	assert_false(endpoint_refresh(ep));
	endpoint_close(ep);
	endpoint_close(NULL);
}

static void test_a_pool_that_does_not_fit_says_how_much(void **state)
{
	const struct pool_conf huge = {.n_mbufs = 1 << 20, .mbuf_size = 2176};
	const struct pool_conf right = {.n_mbufs = 16384, .mbuf_size = 2176};

	(void)state;
	pools_free();
	pools_configure(&huge);
	error = (struct err){0};
	assert_null(pool_get(SOCKET_ID_ANY, &error));
	assert_non_null(strstr(error.text, "MiB"));
	assert_non_null(strstr(error.text, "mbufs="));
	pools_configure(&right);
	assert_non_null(pool_get(SOCKET_ID_ANY, &error));
	assert_ptr_equal(pool_get(SOCKET_ID_ANY, &error), pool_get(0, &error));
}

int main(void)
{
	static const uint32_t lens[] = {64, 128, 256};
	const struct CMUnitTest tests[] = {
		TEST(test_pcap_file_is_received_and_runts_are_counted),
		TEST(test_pcap_file_is_written_whole),
		TEST(test_given_device_opens_again_with_its_arguments),
		TEST(test_rings_carry_frames_both_ways),
		TEST(test_ring_takes_chains_but_not_shared_mbufs),
		TEST(test_received_frame_carries_no_claims_of_the_other_side),
		TEST(test_shared_chain_is_received),
		TEST(test_lying_lengths_are_counted_drops),
		TEST(test_full_ring_leaves_the_rest_to_the_caller),
		TEST(test_workers_share_a_tx_queue),
		TEST(test_own_ring_is_a_loop_and_empties_when_closed),
		TEST(test_null_is_a_source_and_a_sink),
		TEST(test_queues_as_wanted),
		TEST(test_wrong_devices_say_what_is_wrong),
		TEST(test_device_has_one_user),
		TEST(test_too_many_ethdevs_name_the_limit),
		TEST(test_port_has_a_mac_and_keeps_what_it_is_given),
		TEST(test_vnic_device_tells_nothing_of_its_owner),
		TEST(test_describe_names_the_device_and_bears_a_short_buffer),
		TEST(test_ring_does_not_filter),
		TEST(test_offloads_are_prepared_and_refused_frame_by_frame),
		TEST(test_none_takes_everything),
		TEST(test_a_pool_that_does_not_fit_says_how_much),
	};
	char path[100], vdev[200], command[200];
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/given.pcap", dir);
	write_pcap(path, lens, RTE_DIM(lens));
	snprintf(vdev, sizeof(vdev), "net_pcap7,rx_pcap=%s,infinite_rx=1", path);
	if (eal_up(vdev, "net_null7,no-rx=1") != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	eal_down();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) != 0 || rc != 0;
}
