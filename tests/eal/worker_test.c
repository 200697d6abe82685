/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running forwarder turn by turn: frames that hostile senders make, floods that
 * have to wait, counters, changes of configuration in between. net_ring at every
 * end; each test ends with all mbufs back (rig_stop()).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static const char lab[] = "[port eth0]\n"
			  "device = dev:net_ring_wire\n"
			  "mac = 02:4c:00:00:00:01\n"
			  "host = dev:net_ring_host\n"
			  "[vnic web]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:01\n"
			  "endpoint = dev:net_ring_web\n"
			  "[vnic db]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:02\n"
			  "endpoint = dev:net_ring_db\n";

/* Lengths at which a frame is none, just one, and one with a tag. */
#define LAB_WEB "\x02\x00\x00\x00\x00\x01"
#define LAB_DB	"\x02\x00\x00\x00\x00\x02"
#define OUTSIDE "\x02\x58\x00\x00\x00\x01"
#define ALL	"\xff\xff\xff\xff\xff\xff"

static size_t frame(uint8_t *b, const char *dst, const char *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)i;
	memcpy(b, dst, 6);
	memcpy(b + 6, src, 6);
	b[12] = 0x88;
	b[13] = 0xb5;
	return len;
}

static void expect(struct rig *r, const char *end, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m = rig_take(r, end);
	uint8_t *copy = malloc(len);

	assert_non_null(m);
	assert_int_equal(m->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_read(m, 0, (uint32_t)len, copy), bytes, len);
	free(copy);
	rte_pktmbuf_free(m);
}

static void expect_nothing(struct rig *r, const char *end)
{
	assert_int_equal(rig_drain(r, end), 0);
}

/* ---- frames that are hardly any ---- */

static const char *const entrances[] = {"wire", "web", "host"};

static void runts_are_counted(void **state)
{
	static const char *const owners[] = {"eth0", "web", "eth0"};
	uint8_t b[64];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	for (int e = 0; e < 3; e++) {
		uint64_t before = rig_drops(&r, owners[e], DROP_MALFORMED);

		for (size_t len = 0; len < 14; len++)
			rig_send(&r, entrances[e], b, frame(b, LAB_DB, OUTSIDE, 14) - 14 + len, 0);
		rig_turn(&r, 2);
		assert_int_equal(rig_drops(&r, owners[e], DROP_MALFORMED) - before, 14);
	}
	expect_nothing(&r, "db");
	expect_nothing(&r, "wire");
	rig_stop(&r);
}

static void a_bare_header_is_a_frame(void **state)
{
	uint8_t b[64];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	rig_send(&r, "wire", b, frame(b, LAB_DB, OUTSIDE, 14), 0);
	rig_turn(&r, 1);
	expect(&r, "db", b, 14);
	rig_stop(&r);
}

static void a_cut_off_tag_is_malformed(void **state)
{
	uint8_t b[64];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	frame(b, LAB_DB, OUTSIDE, 18);
	b[12] = 0x81;
	b[13] = 0x00;
	for (size_t len = 14; len < 18; len++)
		rig_send(&r, "wire", b, len, 0);
	rig_send(&r, "wire", b, 18, 0);
	rig_turn(&r, 1);
	assert_int_equal(rig_drops(&r, "eth0", DROP_MALFORMED), 4);
	expect(&r, "db", b, 18);
	rig_stop(&r);
}

/* Headers cut anywhere, down to one byte a segment, at every entrance. */
static void split_headers_are_read(void **state)
{
	static const char *const exits[] = {"db", "db", "wire"};
	uint8_t b[200];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	for (size_t seg = 1; seg <= 20; seg++) {
		for (int e = 0; e < 3; e++) {
			frame(b, LAB_DB, OUTSIDE, 150);
			rig_send(&r, entrances[e], b, 150, seg);
			rig_turn(&r, 1);
			expect(&r, exits[e], b, 150);
		}
	}
	rig_stop(&r);
}

/* Longer than an mbuf, longer than the MTU: §10 of docs/semantics.md. */
static void giants(void **state)
{
	static uint8_t b[70000];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	/* The wire is not checked. */
	rig_send(&r, "wire", b, frame(b, LAB_DB, OUTSIDE, 9000), 2000);
	rig_turn(&r, 1);
	expect(&r, "db", b, 9000);
	rig_send(&r, "wire", b, frame(b, LAB_DB, OUTSIDE, 66000), 2000);
	rig_turn(&r, 1);
	expect(&r, "db", b, 66000);
	/* Siblings: the port's MTU and 18, and the port counts the drop. */
	rig_send(&r, "web", b, frame(b, LAB_DB, LAB_WEB, 1518), 0);
	rig_turn(&r, 1);
	expect(&r, "db", b, 1518);
	rig_send(&r, "web", b, frame(b, LAB_DB, LAB_WEB, 1519), 0);
	rig_turn(&r, 1);
	expect_nothing(&r, "db");
	assert_int_equal(rig_drops(&r, "eth0", DROP_TOO_LONG), 1);
	/* To the wire the same; the sender's own counters show it as sent. */
	rig_send(&r, "web", b, frame(b, OUTSIDE, LAB_WEB, 1519), 0);
	rig_turn(&r, 1);
	expect_nothing(&r, "wire");
	assert_int_equal(rig_drops(&r, "eth0", DROP_TOO_LONG), 2);
	rig_stop(&r);
}

/* What a ring's peer left in the mbuf is no order to the forwarder. */
static void offload_flags_of_a_device_are_ignored(void **state)
{
	struct rte_mbuf *m;
	uint8_t b[200];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	m = rte_pktmbuf_alloc(r.pool);
	assert_non_null(m);
	frame(b, LAB_DB, OUTSIDE, 200);
	memcpy(rte_pktmbuf_append(m, 200), b, 200);
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6;
	m->tso_segsz = 1;
	m->l2_len = 127;
	rig_send_mbuf(&r, "wire", m);
	rig_turn(&r, 1);
	expect(&r, "db", b, 200);
	rig_stop(&r);
}

/* MAC control frames are the host's; a port may have none (it is the default). */
static void a_pause_frame_without_a_host(void **state)
{
	char ini[sizeof(lab)], *at;
	uint8_t b[64];
	struct rig r;

	(void)state;
	memcpy(ini, lab, sizeof(lab));
	at = strstr(ini, "host = ");
	memmove(at, strstr(at, "[vnic web]"), strlen(strstr(at, "[vnic web]")) + 1);
	rig_start(&r, ini);
	frame(b, "\x01\x80\xc2\x00\x00\x01", OUTSIDE, 64);
	b[12] = 0x88;
	b[13] = 0x08;
	rig_send(&r, "wire", b, 64, 0);
	rig_turn(&r, 1);
	assert_int_equal(rig_drops(&r, "eth0", DROP_NO_LISTENER), 1);
	rig_stop(&r);
}

/* ---- copies ---- */

static void every_copy_is_its_own(void **state)
{
	uint8_t b[100], *bytes;
	struct rte_mbuf *m;
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	rig_send(&r, "wire", b, frame(b, ALL, OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	/* A ring's reader may write into what it got: the others must not see it. */
	m = rig_take(&r, "web");
	assert_non_null(m);
	bytes = rte_pktmbuf_mtod(m, uint8_t *);
	memset(bytes, 0xee, 100);
	rte_pktmbuf_free(m);
	expect(&r, "db", b, 100);
	expect(&r, "host", b, 100);
	rig_stop(&r);
}

/* What came out of db: as many frames and bytes as its counters say. */
static void expect_counted(struct rig *r, unsigned int sent)
{
	uint64_t packets = 0, bytes = 0;
	struct iface_stats db;
	struct rte_mbuf *m;

	while ((m = rig_take(r, "db")) != NULL) {
		packets++;
		bytes += m->pkt_len;
		rte_pktmbuf_free(m);
	}
	runtime_vnic_stats(&r->rt, runtime_vnic(&r->rt, "db"), &db);
	assert_in_range(packets, 1000, RIG_RING_SIZE);
	assert_int_equal(db.rx_packets, packets);
	assert_int_equal(db.rx_bytes, bytes);
	assert_int_equal(rig_drops(r, "db", DROP_RING_FULL), sent - packets);
}

/*
 * No two frames of a burst have one length, so those that were taken and those that weren't can't be
 * mixed up. What somebody else holds, too, can't be handed to a ring: it is copied first, and goes by itself.
 */
static void a_full_ring_drops_and_counts(void **state)
{
	static const unsigned int bursts[] = {32, 30}; /* the ring is full within one of either */
	uint8_t b[1100];

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct rte_mbuf *held[40 * 32 / 5];
		unsigned int n = bursts[shared], n_held = 0;
		struct rig r;

		rig_start(&r, lab);
		for (unsigned int i = 0; i < 40 * n; i++) {
			size_t len = 100 + 31 * (i % n);
			struct rte_mbuf *m = rig_mbuf(&r, b, frame(b, LAB_DB, OUTSIDE, len), 0);

			if (shared && i % 5 == 0) {
				rte_mbuf_refcnt_update(m, 1);
				held[n_held++] = m;
			}
			rig_send_mbuf(&r, "wire", m);
			if (i % n == n - 1)
				rig_turn(&r, 1);
		}
		expect_counted(&r, 40 * n);
		for (unsigned int i = 0; i < n_held; i++)
			rte_pktmbuf_free(held[i]);
		rig_stop(&r);
	}
}

/* ---- spoofcheck, host-reach, veth ---- */

static void spoofcheck_holds_senders_to_their_mac(void **state)
{
	char ini[sizeof(lab) + 64];
	uint8_t b[100];
	struct rig r;

	(void)state;
	snprintf(ini, sizeof(ini), "%sspoofcheck = mac\n", lab);
	rig_start(&r, ini);
	rig_send(&r, "db", b, frame(b, LAB_WEB, OUTSIDE, 100), 0);
	rig_send(&r, "db", b, frame(b, ALL, LAB_WEB, 100), 0);
	rig_turn(&r, 1);
	expect_nothing(&r, "web");
	expect_nothing(&r, "wire");
	assert_int_equal(rig_drops(&r, "db", DROP_SPOOFED), 2);
	rig_send(&r, "db", b, frame(b, LAB_WEB, LAB_DB, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "web", b, 100);
	rig_stop(&r);
}

static void host_reach_makes_the_host_a_sibling(void **state)
{
	static const char host_mac[] = "\x02\x4c\x00\x00\x00\x01";
	char ini[sizeof(lab) + 64];
	uint8_t b[100];
	struct rig r;

	(void)state;
	snprintf(ini, sizeof(ini), "[port eth0]\nhost-reach = on\n%s",
		 lab + strlen("[port eth0]\n"));
	rig_start(&r, ini);
	rig_send(&r, "web", b, frame(b, host_mac, LAB_WEB, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "host", b, 100);
	expect_nothing(&r, "wire");
	rig_send(&r, "host", b, frame(b, LAB_WEB, host_mac, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "web", b, 100);
	expect_nothing(&r, "wire");
	rig_send(&r, "host", b, frame(b, ALL, host_mac, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "web", b, 100);
	expect(&r, "db", b, 100);
	expect(&r, "wire", b, 100);
	expect_nothing(&r, "host");
	rig_send(&r, "web", b, frame(b, ALL, LAB_WEB, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "db", b, 100);
	expect(&r, "host", b, 100);
	expect(&r, "wire", b, 100);
	rig_stop(&r);
}

static const char pair[] =
	"[vnic a]\ntype = veth\npeer = b\nmac = 02:00:00:00:00:0a\nendpoint = dev:net_ring_a\n"
	"[vnic b]\ntype = veth\npeer = a\nmac = 02:00:00:00:00:0b\nmtu = 1000\n"
	"endpoint = dev:net_ring_b\n";

/* VE-001 … VE-008 as far as they show at an endpoint. */
static void veth_joins_two(void **state)
{
	static const char *const dsts[] = {"\x02\x00\x00\x00\x00\x0b", "\x02\x55\x00\x00\x00\x01",
					   ALL, "\x01\x80\xc2\x00\x00\x01",
					   "\x00\x00\x00\x00\x00\x00"};
	uint8_t b[1100];
	struct rig r;

	(void)state;
	rig_start(&r, pair);
	for (int i = 0; i < 5; i++) {
		rig_send(&r, "a", b, frame(b, dsts[i], ALL, 100), 0);
		rig_turn(&r, 1);
		expect(&r, "b", b, 100);
	}
	rig_send(&r, "a", b, frame(b, OUTSIDE, OUTSIDE, 1018), 0);
	rig_send(&r, "a", b, frame(b, OUTSIDE, OUTSIDE, 1019), 0);
	rig_turn(&r, 1);
	assert_int_equal(rig_drain(&r, "b"), 1);
	assert_int_equal(rig_drops(&r, "a", DROP_TOO_LONG), 1); /* VE-007: both count it */
	assert_int_equal(rig_drops(&r, "b", DROP_TOO_LONG), 1);
	rig_send(&r, "b", b, frame(b, OUTSIDE, OUTSIDE, 1019), 0); /* the ends are independent */
	rig_turn(&r, 1);
	assert_int_equal(rig_drain(&r, "a"), 1);
	rig_stop(&r);
}

static void veth_needs_both_ends_up(void **state)
{
	char ini[sizeof(pair) + 32];
	struct iface_stats sum;
	uint8_t b[100];
	struct rig r;

	(void)state;
	snprintf(ini, sizeof(ini), "%sstate = down\n", pair);
	rig_start(&r, ini);
	rig_send(&r, "a", b, frame(b, ALL, OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	expect_nothing(&r, "b");
	runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, "a"), &sum);
	assert_int_equal(sum.tx_packets, 0); /* VE-005 */
	assert_int_equal(sum.tx_dropped, 1);
	rig_stop(&r);
}

/* ---- counters: MV-700 and following ---- */

static void counters_are_the_kernels(void **state)
{
	struct iface_stats web, db, port;
	uint8_t b[104];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	rig_send(&r, "wire", b, frame(b, LAB_WEB, OUTSIDE, 100), 0); /* MV-700 */
	rig_send(&r, "wire", b, frame(b, ALL, OUTSIDE, 100), 0); /* MV-701 */
	rig_send(&r, "web", b, frame(b, LAB_DB, LAB_WEB, 100), 0); /* MV-707 */
	rig_send(&r, "web", b, frame(b, OUTSIDE, LAB_WEB, 100), 0); /* MV-706 */
	frame(b, LAB_WEB, OUTSIDE, 104);
	b[12] = 0x81;
	b[13] = 0x00;
	rig_send(&r, "wire", b, 104, 0); /* MV-709: without its tag */
	rig_turn(&r, 2);
	runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, "web"), &web);
	runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, "db"), &db);
	runtime_port_stats(&r.rt, runtime_port(&r.rt, "eth0"), &port);
	assert_int_equal(web.rx_packets, 3);
	assert_int_equal(web.rx_bytes, 300);
	assert_int_equal(web.rx_multicast, 1);
	assert_int_equal(web.tx_packets, 2);
	assert_int_equal(web.tx_bytes, 200);
	assert_int_equal(db.rx_packets, 2);
	assert_int_equal(db.rx_bytes, 200);
	assert_int_equal(port.rx_packets, 3);
	assert_int_equal(port.rx_multicast, 1);
	assert_int_equal(port.tx_packets, 1);
	assert_int_equal(port.tx_bytes, 100);
	rig_drain(&r, "host");
	rig_stop(&r);
}

/* ---- change ---- */

static void a_reload_touches_only_the_difference(void **state)
{
	static const char third[] = "[vnic extra]\ntype = macvlan\nport = eth0\nmode = vepa\n"
				    "mac = 02:00:00:00:00:03\nendpoint = dev:net_ring_extra\n";
	char ini[sizeof(lab) + sizeof(third)];
	struct iface_stats before, after;
	const struct endpoint *endpoint;
	struct err err = {0};
	uint8_t b[100];
	uint16_t id;
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	rig_send(&r, "wire", b, frame(b, LAB_WEB, OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "web", b, 100);
	id = runtime_vnic(&r.rt, "web")->id;
	endpoint = runtime_vnic(&r.rt, "web")->at.endpoint;
	runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, "web"), &before);

	snprintf(ini, sizeof(ini), "%s%s", lab, third);
	assert_int_equal(rig_reload(&r, ini, &err), 0);
	assert_int_equal(runtime_vnic(&r.rt, "web")->id, id);
	assert_ptr_equal(runtime_vnic(&r.rt, "web")->at.endpoint, endpoint);
	runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, "web"), &after);
	assert_memory_equal(&before, &after, sizeof(before));
	rig_send(&r, "wire", b, frame(b, "\x02\x00\x00\x00\x00\x03", OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "extra", b, 100);

	assert_int_equal(rig_reload(&r, lab, &err), 0);
	assert_null(runtime_vnic(&r.rt, "extra"));
	rig_send(&r, "wire", b, frame(b, "\x02\x00\x00\x00\x00\x03", OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "host", b, 100); /* unknown again */
	rig_stop(&r);
}

static void a_failed_change_changes_nothing(void **state)
{
	static const char bad[] = "[vnic extra]\ntype = macvlan\nport = eth0\nmode = bridge\n"
				  "endpoint = dev:net_pcap0,rx_pcap=/nonexistent.pcap\n";
	char ini[sizeof(lab) + sizeof(bad)];
	struct err err = {0};
	uint8_t b[100];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	snprintf(ini, sizeof(ini), "%s%s", lab, bad);
	assert_true(rig_reload(&r, ini, &err) < 0);
	assert_non_null(strstr(err.text, "vnic extra"));
	assert_null(runtime_vnic(&r.rt, "extra"));
	rig_send(&r, "web", b, frame(b, LAB_DB, LAB_WEB, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "db", b, 100);
	rig_stop(&r);
}

/* The device of one vnic becomes another's: it has to be let go first. */
static void an_endpoint_can_change_hands(void **state)
{
	char ini[sizeof(lab) + 16], *at;
	struct err err = {0};
	uint8_t b[100];
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	memcpy(ini, lab, sizeof(lab));
	at = strstr(ini, "[vnic db]");
	memcpy(at, "[vnic dx]", 9);
	assert_int_equal(rig_reload(&r, ini, &err), 0);
	assert_null(runtime_vnic(&r.rt, "db"));
	rig_send(&r, "wire", b, frame(b, LAB_DB, OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	assert_non_null(runtime_vnic(&r.rt, "dx"));
	rig_stop(&r);
}

/* Evicting one endpoint while others that hold nothing go, too. */
static void many_leave_while_one_changes_hands(void **state)
{
	static const char nothings[] = "[port n1]\ndevice = none\n[port n2]\ndevice = none\n"
				       "[port n3]\ndevice = none\n[port n4]\ndevice = none\n";
	char ini[sizeof(lab) + sizeof(nothings)], *at;
	struct err err = {0};
	struct rig r;

	(void)state;
	snprintf(ini, sizeof(ini), "%s%s", lab, nothings);
	rig_start(&r, ini);
	memcpy(ini, lab, sizeof(lab));
	at = strstr(ini, "[vnic db]");
	memcpy(at, "[vnic dx]", 9);
	assert_int_equal(rig_reload(&r, ini, &err), 0);
	assert_null(runtime_port(&r.rt, "n4"));
	rig_stop(&r);
}

static void a_worker_must_exist(void **state)
{
	static const char nobody[] = "[vnic extra]\ntype = macvlan\nport = eth0\nworkers = 77\n";
	char ini[sizeof(lab) + sizeof(nobody)];
	struct err err = {0};
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	snprintf(ini, sizeof(ini), "%s%s", lab, nobody);
	assert_true(rig_reload(&r, ini, &err) < 0);
	assert_non_null(strstr(err.text, "workers"));
	rig_stop(&r);
}

/* A source vnic's copy is a delivery: the port has dropped nothing. */
static void a_frame_that_a_source_vnic_got_is_no_drop(void **state)
{
	static const char ini[] =
		"[port eth0]\ndevice = dev:net_ring_wire\nmac = 02:4c:00:00:00:01\n"
		"[vnic s]\ntype = macvlan\nport = eth0\nmode = source\n"
		"sources = 02:58:00:00:00:01\nendpoint = dev:net_ring_s\n";
	uint8_t b[100];
	struct rig r;

	(void)state;
	rig_start(&r, ini);
	rig_send(&r, "wire", b, frame(b, LAB_DB, OUTSIDE, 100), 0);
	rig_turn(&r, 1);
	expect(&r, "s", b, 100);
	assert_int_equal(rig_drops(&r, "eth0", DROP_NO_OWNER), 0);
	rig_stop(&r);
}

/*
 * A flood to more vnics than references are taken at a time, some of which hand their copy on: each
 * gets one, unharmed, and at the end (rig_stop()) nobody holds a reference too many, or frees one too early.
 */
static void floods_to_many(void **state)
{
	static const unsigned int sizes[] = {1, 30, 31, 32, 33, 62, 63, 64, 65, 200};
	uint8_t b[100];

	(void)state;
	frame(b, ALL, OUTSIDE, sizeof(b));
	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		struct iface_stats sum;
		struct rig r;
		char ini[1000];

		snprintf(ini, sizeof(ini),
			 "%s[vnic n]\ntype = macvlan\nport = eth0\nmode = bridge\n"
			 "mac = 02:00:00:01:00:00\nendpoint = none\ncount = %u\n",
			 lab, sizes[i]);
		rig_start(&r, ini);
		for (int k = 0; k < 3; k++)
			rig_send(&r, "wire", b, sizeof(b), k * 10);
		rig_turn(&r, 1);
		for (int k = 0; k < 3; k++) {
			expect(&r, "web", b, sizeof(b));
			expect(&r, "db", b, sizeof(b));
		}
		expect_nothing(&r, "web");
		snprintf(ini, sizeof(ini), "n%u", sizes[i] - 1);
		runtime_vnic_stats(&r.rt, runtime_vnic(&r.rt, sizes[i] > 1 ? ini : "n"), &sum);
		assert_int_equal(sum.rx_packets, 3);
		rig_stop(&r);
	}
}

/* ---- floods that wait ---- */

/* Endpoints of rings are quick; here they are declared slow, as taps are. */
static void declare_slow(struct rig *r, const char *vnic)
{
	runtime_vnic(&r->rt, vnic)->at.endpoint->slow = true;
}

static const char crowd[] =
	"[port eth0]\ndevice = dev:net_ring_wire\nmac = 02:4c:00:00:00:01\n"
	"[vnic a]\ntype = macvlan\nport = eth0\nmode = bridge\nendpoint = dev:net_ring_a\n"
	"[vnic b]\ntype = macvlan\nport = eth0\nmode = bridge\nendpoint = dev:net_ring_b\n"
	"[vnic c]\ntype = macvlan\nport = eth0\nmode = vepa\nendpoint = dev:net_ring_c\n"
	"[vnic d]\ntype = macvlan\nport = eth0\nmode = private\nendpoint = dev:net_ring_d\n";

static const char *const crowd_names[] = {"a", "b", "c", "d"};

static void send_numbered_to(struct rig *r, const char *dst, unsigned int from, unsigned int to)
{
	uint8_t b[100];

	for (unsigned int i = from; i < to; i++) {
		frame(b, dst, OUTSIDE, 100);
		b[50] = (uint8_t)i;
		rig_send(r, "wire", b, 100, 0);
	}
}

static void send_numbered(struct rig *r, unsigned int from, unsigned int to)
{
	send_numbered_to(r, ALL, from, to);
}

static void expect_numbered(struct rig *r, const char *end, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		struct rte_mbuf *m = rig_take(r, end);

		assert_non_null(m);
		assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[50], (uint8_t)i);
		rte_pktmbuf_free(m);
	}
	expect_nothing(r, end);
}

static void floods_wait_in_order(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, crowd);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	send_numbered(&r, 0, 32); /* 128 copies, 32 a turn */
	rig_turn(&r, 1);
	assert_int_equal(rte_ring_count(r.ends[1].out), SLOW_COPIES_MAX / 4);
	rig_turn(&r, 4);
	for (int i = 0; i < 4; i++)
		expect_numbered(&r, crowd_names[i], 0, 32);
	rig_stop(&r);
}

static void waiting_floods_survive_a_reload(void **state)
{
	char ini[sizeof(crowd)], *at;
	struct err err = {0};
	struct rig r;

	(void)state;
	rig_start(&r, crowd);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	send_numbered(&r, 0, 30);
	rig_turn(&r, 1);
	/* b goes, from the middle of the list, while floods wait in front of it. */
	memcpy(ini, crowd, sizeof(crowd));
	at = strstr(ini, "[vnic b]");
	memmove(at, strstr(ini, "[vnic c]"), strlen(strstr(ini, "[vnic c]")) + 1);
	assert_int_equal(rig_reload(&r, ini, &err), 0);
	rig_turn(&r, 8);
	expect_numbered(&r, "a", 0, 30);
	expect_numbered(&r, "c", 0, 30);
	expect_numbered(&r, "d", 0, 30);
	rig_stop(&r);
}

/* Who hears all has had it or will, whether or not somebody else joins the group meanwhile. */
static void nobody_gets_a_waiting_flood_twice(void **state)
{
	char before[sizeof(crowd) + 64], after[sizeof(crowd) + 64];
	const char *const inis[] = {after, before, after};
	struct err err = {0};
	struct rig r;

	(void)state;
	snprintf(before, sizeof(before), "%smulticast = 01:00:5e:00:00:09\n", crowd);
	snprintf(after, sizeof(after), "%smulticast = 01:00:5e:00:00:08\n", crowd);
	rig_start(&r, before);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	send_numbered_to(&r, "\x01\x00\x5e\x00\x00\x08", 0, 30);
	rig_turn(&r, 1);
	/* d joins, leaves and joins: each time some frame is half on its way. */
	for (size_t i = 0; i < RTE_DIM(inis); i++) {
		assert_int_equal(rig_reload(&r, inis[i], &err), 0);
		rig_turn(&r, i == RTE_DIM(inis) - 1 ? 8 : 1);
	}
	for (int i = 0; i < 3; i++)
		expect_numbered(&r, crowd_names[i], 0, 30);
	rig_drain(&r, "d");
	rig_stop(&r);
}

static void an_overfull_flood_queue_counts(void **state)
{
	char ini[2 * sizeof(crowd)] = "", *s = ini;
	uint64_t dropped;
	unsigned int got;
	struct rig r;

	(void)state;
	/* every vnic asks for 5: the longest of all counts */
	for (const char *from = crowd; *from != '\0'; from++) {
		*s++ = *from;
		if (*from == '\n' && strncmp(from + 1, "endpoint", 8) == 0)
			s += sprintf(s, "bcqueuelen = 5\n");
	}
	*s = '\0';
	rig_start(&r, ini);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	send_numbered(&r, 0, 32);
	rig_turn(&r, 1);
	dropped = rig_drops(&r, "eth0", DROP_FLOOD_QUEUE_FULL);
	rig_turn(&r, 8);
	got = rig_drain(&r, "a");
	assert_int_equal(got + dropped, 32);
	assert_int_equal(dropped, 32 - SLOW_COPIES_MAX / 4 - 5);
	for (int i = 1; i < 4; i++)
		assert_int_equal(rig_drain(&r, crowd_names[i]), got);
	rig_stop(&r);
}

/* A storm on one port leaves the other its turn. */
static void waiting_floods_take_turns(void **state)
{
	static const char second[] =
		"[port eth1]\ndevice = dev:net_ring_wire1\nmac = 02:4c:00:00:00:02\n"
		"[vnic e]\ntype = macvlan\nport = eth1\nmode = bridge\nendpoint = dev:net_ring_e\n";
	char ini[sizeof(crowd) + sizeof(second)];
	uint8_t b[100];
	struct rig r;

	(void)state;
	snprintf(ini, sizeof(ini), "%s%s", crowd, second);
	rig_start(&r, ini);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	declare_slow(&r, "e");
	for (int turn = 0; turn < 20; turn++) {
		send_numbered(&r, 0, 32);
		rig_send(&r, "wire1", b, frame(b, ALL, OUTSIDE, 100), 0);
		rig_turn(&r, 1);
	}
	rig_turn(&r, 4);
	assert_int_equal(rig_drain(&r, "e"), 20);
	for (int i = 0; i < 4; i++)
		rig_drain(&r, crowd_names[i]);
	rig_stop(&r);
}

/* Mbufs are everybody's: chained frames count by what they hold. */
static void waiting_floods_hold_few_mbufs(void **state)
{
	uint8_t b[6000];
	struct rig r;

	(void)state;
	rig_start(&r, crowd);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < 32; i++)
			rig_send(&r, "wire", b, frame(b, ALL, OUTSIDE, 6000), 300);
		rig_turn(&r, 1);
		for (int i = 0; i < 4; i++)
			rig_drain(&r, crowd_names[i]);
	}
	assert_true(rte_mempool_in_use_count(r.pool) <= FLOOD_QUEUE_MAX_MBUFS + 32 * 20);
	assert_true(rig_drops(&r, "eth0", DROP_FLOOD_QUEUE_FULL) > 0);
	rig_stop(&r);
}

static void floods_left_waiting_are_freed(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, crowd);
	for (int i = 0; i < 4; i++)
		declare_slow(&r, crowd_names[i]);
	send_numbered(&r, 0, 32);
	rig_turn(&r, 1);
	rig_stop(&r); /* asserts that all mbufs are back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runts_are_counted),
		cmocka_unit_test(a_bare_header_is_a_frame),
		cmocka_unit_test(a_cut_off_tag_is_malformed),
		cmocka_unit_test(split_headers_are_read),
		cmocka_unit_test(giants),
		cmocka_unit_test(offload_flags_of_a_device_are_ignored),
		cmocka_unit_test(a_pause_frame_without_a_host),
		cmocka_unit_test(every_copy_is_its_own),
		cmocka_unit_test(a_full_ring_drops_and_counts),
		cmocka_unit_test(spoofcheck_holds_senders_to_their_mac),
		cmocka_unit_test(host_reach_makes_the_host_a_sibling),
		cmocka_unit_test(veth_joins_two),
		cmocka_unit_test(veth_needs_both_ends_up),
		cmocka_unit_test(counters_are_the_kernels),
		cmocka_unit_test(a_reload_touches_only_the_difference),
		cmocka_unit_test(a_failed_change_changes_nothing),
		cmocka_unit_test(an_endpoint_can_change_hands),
		cmocka_unit_test(many_leave_while_one_changes_hands),
		cmocka_unit_test(a_worker_must_exist),
		cmocka_unit_test(a_frame_that_a_source_vnic_got_is_no_drop),
		cmocka_unit_test(floods_to_many),
		cmocka_unit_test(floods_wait_in_order),
		cmocka_unit_test(waiting_floods_survive_a_reload),
		cmocka_unit_test(nobody_gets_a_waiting_flood_twice),
		cmocka_unit_test(an_overfull_flood_queue_counts),
		cmocka_unit_test(waiting_floods_take_turns),
		cmocka_unit_test(waiting_floods_hold_few_mbufs),
		cmocka_unit_test(floods_left_waiting_are_freed),
	};

	return cmocka_run_group_tests_name("worker", tests, rig_eal, NULL);
}
