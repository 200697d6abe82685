/* SPDX-License-Identifier: BSD-3-Clause */
/* A tap's frames, offloads, queues and errors, against real netdevs in namespaces of our own. Root. */
#include "tap_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "endpoint/pools.h"

#define MAC_A 0x0a0000000002ULL /* 02:00:00:00:00:0a */
#define MAC_B 0x0b0000000002ULL

/* ---- frames ------------------------------------------------------------------- */

static void test_frames_of_all_sizes_both_ways(void **state)
{
	static const uint32_t lens[] = {14, 60, 2047, 2048, 2049, 4096, 9014};
	static uint8_t sent[10000], got[10000];
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;
	int s;

	(void)state;
	args.mac = MAC_A;
	args.mtu = 9000;
	ep = tap_open_args(&args);
	assert_true(ep->slow);
	s = packet_socket(ns, "web0", TEST_TYPE, false);
	for (size_t i = 0; i < RTE_DIM(lens); i++) {
		struct rte_mbuf *m = make_frame(ep->pool, MAC_A, MAC_B, lens[i]);

		if (lens[i] > 14) { /* the kernel wants a byte of payload */
			assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
			assert_int_equal(recv(s, got, sizeof(got), 0), lens[i]);
			assert_filled(got, lens[i]);
		} else {
			rte_pktmbuf_free(m);
		}
		fill_frame(sent, MAC_B, MAC_A, lens[i]);
		assert_int_equal(send(s, sent, lens[i], 0), lens[i]);
		m = rx_one(ep, 0, 1000);
		assert_non_null(m);
		assert_int_equal(m->pkt_len, lens[i]);
		assert_int_equal(m->nb_segs, lens[i] > 2048 ? 2 : 1);
		assert_int_equal(m->data_off, RTE_PKTMBUF_HEADROOM);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(rte_mbuf_check(m, 1, &(const char *){NULL}), 0);
		assert_filled(rte_pktmbuf_read(m, 0, lens[i], got), lens[i]);
		rte_pktmbuf_free(m);
	}
}

static void test_bursts_keep_order_and_mbufs(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	struct rte_mbuf *m[32];
	uint8_t b[1514];
	unsigned int before = pools_in_use();
	uint16_t most = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		fill_frame(b, MAC_B, MAC_A, 60 + i * 14);
		assert_int_equal(send(s, b, 60 + i * 14, 0), 60 + i * 14);
	}
	for (uint32_t i = 0; i < 100;) {
		uint16_t n = endpoint_rx(ep, 0, m, 32);

		assert_in_range(n, 1, 32);
		most = RTE_MAX(most, n);
		assert_int_equal(pools_in_use(), before + n);
		for (uint16_t j = 0; j < n; j++, i++)
			assert_int_equal(m[j]->pkt_len, 60 + i * 14);
		rte_pktmbuf_free_bulk(m, n);
	}
	assert_int_equal(endpoint_rx(ep, 0, m, 32), 0);
	assert_in_range(most, 8, 32); /* where many wait, calls give many */
	for (uint16_t i = 0; i < 32; i++)
		m[i] = make_frame(ep->pool, MAC_A, MAC_B, 100u + i);
	assert_int_equal(endpoint_tx(ep, 0, m, 32), 32);
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(recv(s, b, sizeof(b), 0), 100 + i);
	assert_int_equal(pools_in_use(), before);
}

static void test_a_shared_frame_is_not_written_to(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	struct rte_mbuf *m = make_frame(ep->pool, MAC_A, MAC_B, 5000);
	struct rte_mbuf *same[1] = {m};
	static uint8_t got[5000];

	(void)state;
	rte_pktmbuf_refcnt_update(m, 1);
	assert_int_equal(endpoint_tx(ep, 0, same, 1), 1);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	assert_int_equal(m->nb_segs, 3);
	assert_filled(rte_pktmbuf_read(m, 0, 5000, got), 5000);
	rte_pktmbuf_free(m);
}

static void test_no_one_takes_frames_while_down(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;
	struct rte_mbuf *m[2];

	(void)state;
	args.up = false;
	ep = tap_open_args(&args);
	assert_false(state_of(ep).up);
	assert_non_null(strstr(state_of(ep).reason, "down"));
	m[0] = make_frame(ep->pool, MAC_A, MAC_B, 60);
	m[1] = make_frame(ep->pool, MAC_A, MAC_B, 60);
	assert_int_equal(endpoint_tx(ep, 0, m, 2), 0);
	rte_pktmbuf_free_bulk(m, 2);
}

static void test_a_frame_that_cannot_be_sent_does_not_hold_up_others(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	struct rte_mbuf *m[3];
	uint8_t got[200];
	char text[300];

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		m[i] = make_frame(ep->pool, MAC_A, MAC_B, 100u + i);
	m[1]->ol_flags = offload_csum_flag;
	*csum_field(m[1]) = (struct csum_field){60000, 60000};
	assert_int_equal(endpoint_tx(ep, 0, m, 3), 3);
	assert_int_equal(recv(s, got, sizeof(got), 0), 100);
	assert_int_equal(recv(s, got, sizeof(got), 0), 102);
	endpoint_describe(ep, text, sizeof(text));
	assert_non_null(strstr(text, "tx_refused=1"));
	assert_non_null(strstr(text, "ifname=web0"));
}

static void test_queues_share_the_load(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;
	unsigned int used = 0, total = 0;
	uint8_t got[100];
	int s;

	(void)state;
	args.n_rx_queues = 4;
	args.n_tx_queues = 7;
	ep = tap_open_args(&args);
	assert_int_equal(ep->n_rx_queues, 4);
	assert_int_equal(ep->n_tx_queues, 7);
	s = packet_socket(ns, "web0", TEST_TYPE, false);
	for (uint16_t q = 0; q < 7; q++) {
		struct rte_mbuf *m = make_frame(ep->pool, MAC_A, MAC_B, 60u + q);

		assert_int_equal(endpoint_tx(ep, q, &m, 1), 1);
		assert_int_equal(recv(s, got, sizeof(got), 0), 60 + q);
	}
	sh("ip -n %s addr add 10.0.0.1/24 dev web0", ns);
	sh("ip -n %s neigh add 10.0.0.2 lladdr 02:00:00:00:00:0b dev web0", ns);
	/* As many flows as ports. */
	sh("ip netns exec %s bash -c 'for p in {1..64}; do echo > /dev/udp/10.0.0.2/$p; done'", ns);
	for (uint16_t q = 0; q < 4; q++) {
		struct rte_mbuf *m[64];
		unsigned int n = 0, udp = 0;

		for (uint16_t k; (k = endpoint_rx(ep, q, m, 64)) > 0; n += k) {
			for (uint16_t i = 0; i < k; i++)
				udp += rte_pktmbuf_mtod_offset(m[i], uint8_t *, 23)[0] == 17;
			rte_pktmbuf_free_bulk(m, k);
		}
		used += udp > 0;
		total += udp;
	}
	assert_int_equal(total, 64);
	assert_in_range(used, 2, 4);
}

/* ---- offloads ------------------------------------------------------------------- */

struct l4_frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	union {
		struct rte_tcp_hdr tcp;
		struct rte_udp_hdr udp;
	};
} __attribute__((packed, aligned(2)));

/* IPv4 with the pseudo header's sum where the checksum belongs. */
static void fill_l4(struct l4_frame *h, uint8_t proto, uint16_t payload)
{
	uint16_t l4 = proto == 6 ? sizeof(h->tcp) : sizeof(h->udp);

	memset(h, 0, sizeof(*h));
	mac_store((uint8_t *)&h->eth, MAC_A);
	mac_store((uint8_t *)&h->eth + 6, MAC_B);
	h->eth.ether_type = htons(0x0800);
	h->ip.version_ihl = 0x45;
	h->ip.total_length = htons((uint16_t)(20 + l4 + payload));
	h->ip.time_to_live = 64;
	h->ip.next_proto_id = proto;
	h->ip.src_addr = htonl(0x0a000002);
	h->ip.dst_addr = htonl(0x0a000001);
	h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
	if (proto == 6) {
		h->tcp.data_off = 0x50;
		h->tcp.tcp_flags = RTE_TCP_ACK_FLAG;
		h->tcp.cksum = rte_ipv4_phdr_cksum(&h->ip, 0);
	} else {
		h->udp.dst_port = htons(7);
		h->udp.dgram_len = htons((uint16_t)(8 + payload));
		h->udp.dgram_cksum = rte_ipv4_phdr_cksum(&h->ip, 0);
	}
}

/* The header in front of what the tap's owner got, as the kernel understood it. */
static void assert_owner_sees(int s, size_t len, uint8_t gso_type, uint16_t gso_size,
			      uint16_t start, uint16_t offset)
{
	static uint8_t got[70000];
	struct virtio_net_hdr h;

	assert_int_equal(recv(s, got, sizeof(got), 0), (ssize_t)(sizeof(h) + len));
	memcpy(&h, got, sizeof(h));
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.gso_type, gso_type);
	assert_int_equal(h.gso_size, gso_size);
	assert_int_equal(h.csum_start, start);
	assert_int_equal(h.csum_offset, offset);
}

static void test_work_is_left_to_the_owner(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct l4_frame *h;
	struct endpoint *ep;
	struct rte_mbuf *m;
	int s;

	(void)state;
	args.mac = MAC_A;
	ep = tap_open_args(&args);
	s = packet_socket(ns, "web0", 0x0800, true);

	m = make_frame(ep->pool, 0, 0, 42 + 100);
	h = rte_pktmbuf_mtod(m, struct l4_frame *);
	fill_l4(h, 17, 100);
	m->l2_len = 14;
	m->l3_len = 20;
	m->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
	assert_owner_sees(s, 142, VIRTIO_NET_HDR_GSO_NONE, 0, 34, 6);

	m = make_frame(ep->pool, 0, 0, 54 + 6000);
	h = rte_pktmbuf_mtod(m, struct l4_frame *);
	fill_l4(h, 6, 6000);
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 1000;
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 |
		      RTE_MBUF_F_TX_IP_CKSUM;
	assert_int_equal(m->nb_segs, 3);
	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
	assert_owner_sees(s, 6054, VIRTIO_NET_HDR_GSO_TCPV4, 1000, 34, 16);

	m = make_frame(ep->pool, 0, 0, 42 + 100);
	fill_l4(rte_pktmbuf_mtod(m, struct l4_frame *), 17, 100);
	m->ol_flags = offload_csum_flag;
	*csum_field(m) = (struct csum_field){50, 16};
	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
	assert_owner_sees(s, 142, VIRTIO_NET_HDR_GSO_NONE, 0, 50, 16);
}

/* Sends through a packet socket what @p h says of the frame at @p b. */
static void owner_sends(int s, const struct virtio_net_hdr *h, const void *b, size_t len)
{
	static uint8_t buf[70000];

	memcpy(buf, h, sizeof(*h));
	memcpy(buf + sizeof(*h), b, len);
	assert_int_equal(send(s, buf, sizeof(*h) + len, 0), (ssize_t)(sizeof(*h) + len));
}

static void test_work_of_the_owner_is_understood(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", 0x0800, true);
	static uint8_t b[6054];
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34};
	struct rte_mbuf *m;

	(void)state;
	fill_l4((struct l4_frame *)b, 17, 100);
	h.csum_offset = 6;
	owner_sends(s, &h, b, 142);
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 1);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 20);
	rte_pktmbuf_free(m);

	fill_l4((struct l4_frame *)b, 6, 6000);
	h.csum_offset = 16;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 1000;
	h.hdr_len = 54;
	owner_sends(s, &h, b, 6054);
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 1);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
					      RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
	assert_int_equal(m->pkt_len, 6054);
	assert_int_equal(m->l4_len, 20);
	assert_int_equal(m->tso_segsz, 1000);
	rte_pktmbuf_free(m);

	fill_l4((struct l4_frame *)b, 17, 100);
	h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 50, .csum_offset = 16};
	owner_sends(s, &h, b, 142);
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 1);
	assert_true(m->ol_flags == offload_csum_flag);
	assert_int_equal(csum_field(m)->start, 50);
	assert_int_equal(csum_field(m)->offset, 16);
	rte_pktmbuf_free(m);
}

/* The kernel doesn't lie, so another file takes its place behind the queue's number. */
static void test_lies_and_giants_are_counted_and_dropped(void **state)
{
	struct endpoint *ep = tap_open_up("web0", ns_add(false));
	struct endpoint_rx_errors e;
	static uint8_t b[80000];
	struct virtio_net_hdr h = {0};
	struct rte_mbuf *m[8];
	int pair[2], size = 1 << 20;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_true(dup3(pair[0], endpoint_rx_fd(ep, 0), O_CLOEXEC) >= 0);
	close(pair[0]);

	owner_sends(pair[1], &h, b, 13);
	owner_sends(pair[1], &h, b, 0);
	owner_sends(pair[1], &h, b, 69900);
	fill_l4((struct l4_frame *)b, 6, 3000);
	h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 3053, .csum_offset = 16};
	owner_sends(pair[1], &h, b, 3054);
	h = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100};
	owner_sends(pair[1], &h, b, 3054);
	h = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = 5,
				    .gso_size = 100,
				    .csum_start = 34,
				    .csum_offset = 16};
	owner_sends(pair[1], &h, b, 3054);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	owner_sends(pair[1], &h, b, 3054);
	assert_int_equal(endpoint_rx(ep, 0, m, 8), 1);
	assert_int_equal(m[0]->pkt_len, 3054);
	assert_int_equal(m[0]->tso_segsz, 100);
	assert_int_equal(rte_mbuf_check(m[0], 1, &(const char *){NULL}), 0);
	rte_pktmbuf_free(m[0]);
	endpoint_get_rx_errors(ep, &e);
	assert_int_equal(e.malformed, 3);
	assert_int_equal(e.bad_offload, 3);
	assert_int_equal(e.no_buffer, 0);
	close(pair[1]);
}

static void test_an_empty_pool_is_counted_and_loses_nothing(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	static struct rte_mbuf *all[8191];
	struct endpoint_rx_errors e;
	struct rte_mbuf *m;
	unsigned int n = 0;
	uint8_t b[60];

	(void)state;
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(ep->pool)) != NULL)
		n++;
	fill_frame(b, MAC_B, MAC_A, sizeof(b));
	assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 0);
	endpoint_get_rx_errors(ep, &e);
	assert_int_equal(e.no_buffer, 1);
	rte_pktmbuf_free_bulk(all, n);
	m = rx_one(ep, 0, 100);
	assert_non_null(m);
	rte_pktmbuf_free(m);
}

/* ---- TCP between two namespaces, this test being the wire ----------------------------- */

#define STREAM (32u << 20)

struct stream {
	int family;
	uint32_t sum; /* of what came */
	uint32_t len;
	int listening;
	char to[40];
};

static socklen_t stream_address(const struct stream *st, const char *host,
				struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)st->family;
	if (st->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_port = htons(5001);
		inet_pton(AF_INET, host, &in->sin_addr);
		return sizeof(*in);
	}
	((struct sockaddr_in6 *)ss)->sin6_port = htons(5001);
	inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)ss)->sin6_addr);
	return sizeof(struct sockaddr_in6);
}

static int start_listening(void *arg)
{
	struct stream *st = arg;
	struct sockaddr_storage ss;
	socklen_t len = stream_address(st, st->family == AF_INET ? "0.0.0.0" : "::", &ss);
	int s = socket(st->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&ss, len) != 0 || listen(s, 1) != 0)
		return -errno;
	st->listening = s;
	return 0;
}

static void *receive_stream(void *arg)
{
	static uint8_t buf[1 << 16];
	struct stream *st = arg;
	struct timeval patience = {.tv_sec = 20};
	int s = accept(st->listening, NULL, NULL);
	ssize_t n;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((n = recv(s, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			st->sum = st->sum * 31 + buf[i];
		st->len += (uint32_t)n;
	}
	close(s);
	return NULL;
}

static uint8_t stream_byte(uint32_t i)
{
	return (uint8_t)(i * 2654435761u >> 24);
}

static int start_sending(void *arg)
{
	struct stream *st = arg;
	struct timeval patience = {.tv_sec = 10};
	int s = socket(st->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return s;
}

struct sending {
	struct stream *st;
	int s;
	int done;
};

static void *send_stream(void *arg)
{
	static uint8_t buf[1 << 16];
	struct sending *sd = arg;
	struct sockaddr_storage ss;
	socklen_t len = stream_address(sd->st, sd->st->to, &ss);

	if (connect(sd->s, (struct sockaddr *)&ss, len) == 0) {
		for (uint32_t at = 0; at < STREAM; at += sizeof(buf)) {
			for (uint32_t i = 0; i < sizeof(buf); i++)
				buf[i] = stream_byte(at + i);
			if (send(sd->s, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf))
				break;
		}
	}
	close(sd->s);
	__atomic_store_n(&sd->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

struct wire_count {
	unsigned int super, csum;
};

static void cross(struct endpoint *from, struct endpoint *to, struct wire_count *c)
{
	struct rte_mbuf *m[32];
	uint16_t n = endpoint_rx(from, 0, m, 32);
	uint16_t sent;

	for (uint16_t i = 0; i < n; i++) {
		c->super += (m[i]->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
		c->csum += (m[i]->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0;
	}
	sent = endpoint_tx(to, 0, m, n);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
}

static void run_stream(struct endpoint *a, struct endpoint *b, const char *ns_a, const char *ns_b,
		       struct stream *st, struct wire_count *c)
{
	struct pollfd p[2] = {{.fd = endpoint_rx_fd(a, 0), .events = POLLIN},
			      {.fd = endpoint_rx_fd(b, 0), .events = POLLIN}};
	struct sending sd = {.st = st};
	pthread_t rx, tx;
	double end = now_ms() + 25000;

	assert_int_equal(ns_run(ns_b, start_listening, st), 0);
	sd.s = ns_run(ns_a, start_sending, st);
	assert_true(sd.s >= 0);
	pthread_create(&rx, NULL, receive_stream, st);
	pthread_create(&tx, NULL, send_stream, &sd);
	while (now_ms() < end && (__atomic_load_n(&sd.done, __ATOMIC_ACQUIRE) == 0 ||
				  __atomic_load_n(&st->len, __ATOMIC_RELAXED) < STREAM)) {
		poll(p, 2, 20);
		cross(a, b, c);
		cross(b, a, c);
	}
	pthread_join(tx, NULL);
	for (double last = now_ms() + 300; now_ms() < last;) {
		cross(a, b, c);
		cross(b, a, c);
	}
	pthread_join(rx, NULL);
	close(st->listening);
}

static void stream_over(int family, const char *host_a, const char *host_b, uint8_t len)
{
	const char *ns_a = ns_add(true), *ns_b = ns_add(true);
	struct endpoint *a = tap_open_up("web0", ns_a), *b = tap_open_up("web0", ns_b);
	struct stream st = {.family = family};
	struct wire_count c = {0};
	uint32_t sum = 0;
	double began;

	sh("ip -n %s addr add %s/%u dev web0 %s", ns_a, host_a, len, len > 32 ? "nodad" : "");
	sh("ip -n %s addr add %s/%u dev web0 %s", ns_b, host_b, len, len > 32 ? "nodad" : "");
	snprintf(st.to, sizeof(st.to), "%s", host_b);
	began = now_ms();
	run_stream(a, b, ns_a, ns_b, &st, &c);
	print_message("# %u MiB in %.0f ms, %u super-frames\n", STREAM >> 20, now_ms() - began,
		      c.super);
	assert_int_equal(st.len, STREAM);
	for (uint32_t i = 0; i < STREAM; i++)
		sum = sum * 31 + stream_byte(i);
	assert_int_equal(st.sum, sum);
	/* If checksums or segments had been made on the way, there'd be none of these. */
	assert_in_range(c.super, 100, 1000000);
	assert_in_range(c.csum, c.super, 1000000);
}

/* Wide mbufs are few: who finds none receives into ordinary ones, and into wide ones as soon as there are some. */
static void test_long_frames_without_wide_mbufs(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	static struct rte_mbuf *all[1024];
	static uint8_t b[9000], got[9000];
	struct rte_mempool *wide;
	struct endpoint *ep;
	unsigned int n = 0;
	int s;

	(void)state;
	args.mtu = 9000;
	ep = tap_open_args(&args);
	s = packet_socket(ns, "web0", TEST_TYPE, false);
	wide = pool_get_wide(ep->socket);
	assert_non_null(wide);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(wide)) != NULL)
		n++;
	assert_in_range(n, 1, RTE_DIM(all) - 1);
	fill_frame(b, MAC_B, MAC_A, sizeof(b));
	for (int i = 0; i < 4; i++) {
		struct rte_mbuf *m;

		assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
		if (i == 2)
			rte_pktmbuf_free_bulk(all, n);
		m = rx_one(ep, 0, 1000);
		assert_non_null(m);
		assert_int_equal(m->pkt_len, sizeof(b));
		assert_int_equal(m->nb_segs, i < 2 ? 5 : 2);
		assert_int_equal(rte_mbuf_check(m, 1, &(const char *){NULL}), 0);
		assert_filled(rte_pktmbuf_read(m, 0, sizeof(b), got), sizeof(b));
		rte_pktmbuf_free(m);
	}
}

static void test_tcp_over_ipv4_crosses_in_super_frames(void **state)
{
	(void)state;
	stream_over(AF_INET, "10.0.0.1", "10.0.0.2", 24);
}

static void test_tcp_over_ipv6_crosses_in_super_frames(void **state)
{
	(void)state;
	stream_over(AF_INET6, "2001:db8::1", "2001:db8::2", 64);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TAP_TEST(test_frames_of_all_sizes_both_ways),
		TAP_TEST(test_bursts_keep_order_and_mbufs),
		TAP_TEST(test_a_shared_frame_is_not_written_to),
		TAP_TEST(test_no_one_takes_frames_while_down),
		TAP_TEST(test_a_frame_that_cannot_be_sent_does_not_hold_up_others),
		TAP_TEST(test_queues_share_the_load),
		TAP_TEST(test_work_is_left_to_the_owner),
		TAP_TEST(test_work_of_the_owner_is_understood),
		TAP_TEST(test_lies_and_giants_are_counted_and_dropped),
		TAP_TEST(test_an_empty_pool_is_counted_and_loses_nothing),
		TAP_TEST(test_long_frames_without_wide_mbufs),
		TAP_TEST(test_tcp_over_ipv4_crosses_in_super_frames),
		TAP_TEST(test_tcp_over_ipv6_crosses_in_super_frames),
	};

	return cmocka_run_group_tests_name("tap", tests, tap_group_setup, tap_group_teardown);
}

int main(void)
{
	return tap_main("tap", run);
}
