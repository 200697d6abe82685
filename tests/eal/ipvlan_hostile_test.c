/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile guests and hostile machines on the wire of an ipvlan port: floods and lies of ARP and
 * neighbour discovery, scans, malformed headers in every cut, changes while frames wait. Main's
 * part and its clock are played by hand. Each test ends with all counters adding up, and with
 * all mbufs back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_cycles.h>

#include "ctl/l3.h"
#include "ctl/mail.h"
#include "net/answer.h"
#include "net/csum.h"
#include "net/nd.h"
#include "rig.h"

#define M	0x010000004d02ULL /* the port's, 02:4d:00:00:00:01, as a MAC key */
#define GATEWAY 0x010000005202ULL /* 02:52:00:00:00:01 */
#define ROGUE	0x660000006602ULL
#define MAX_LEN 9000

#define VNIC(name, end, mode, host)                                              \
	"[vnic " name "]\ntype = ipvlan\nport = p\nmode = " mode "\narp = off\n" \
	"endpoint = dev:net_ring_" end "\naddress = 10.0.0." host "/24, 2001:db8::" host "/64\n"
#define PORT                                                                             \
	"[port p]\ndevice = dev:net_ring_W\nmac = 02:4d:00:00:00:01\n"                   \
	"host = dev:net_ring_H\naddress = 10.0.0.1/24, 2001:db8::1/64\nproxy-arp = on\n" \
	"routes = default via 10.0.0.254, default via 2001:db8::fe\n"
#define ALL(mode) PORT VNIC("a", "A", mode, "2") VNIC("b", "B", mode, "3")

static struct rig rig;
static struct rig *const r = &rig;
static uint64_t now; /* main's clock */

/** What was put in and what came out, by end. */
static struct {
	char end;
	const char *vnic;
	uint64_t in, out;
} ends[] = {{'W', NULL, 0, 0}, {'H', NULL, 0, 0}, {'A', "a", 0, 0}, {'B', "b", 0, 0}};

#define N_ENDS (sizeof(ends) / sizeof(ends[0]))

/* ---- the rig ---- */

static void start(const char *ini)
{
	for (size_t i = 0; i < N_ENDS; i++)
		ends[i].in = ends[i].out = 0;
	rig_start(r, ini);
	now = mail_now();
}

static void put(char end, struct rte_mbuf *m)
{
	const char name[2] = {end, '\0'};

	for (size_t i = 0; i < N_ENDS; i++)
		ends[i].in += ends[i].end == end;
	rig_send_mbuf(r, name, m);
}

static void put_bytes(char end, const void *b, size_t len, size_t seg)
{
	put(end, rig_mbuf(r, b, len, seg));
}

static struct rte_mbuf *take(char end)
{
	const char name[2] = {end, '\0'};
	struct rte_mbuf *m = NULL;

	for (size_t i = 0; i < r->n_ends && m == NULL; i++)
		if (strcmp(r->ends[i].name, name) == 0)
			m = rig_take(r, name);
	for (size_t i = 0; i < N_ENDS; i++)
		ends[i].out += m != NULL && ends[i].end == end;
	return m;
}

static unsigned int drain(char end)
{
	struct rte_mbuf *m;
	unsigned int n = 0;

	for (; (m = take(end)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

static void drain_all(void)
{
	for (size_t i = 0; i < N_ENDS; i++)
		drain(ends[i].end);
}

/* Workers and main, until nothing is under way but what waits. */
static void run(void)
{
	for (int i = 0; i < 3; i++) {
		rig_turn(r, 4);
		mail_run(&r->rt);
		runtime_settle(&r->rt);
	}
}

static struct neighbour_queues *waiting(void)
{
	return r->rt.dp.workers[0]->neighbours;
}

/* Seconds pass, for main and for what waits. */
static void pass(unsigned int seconds)
{
	while (seconds-- > 0) {
		now += 1000;
		for (int i = 0; i < NEIGHBOUR_QUEUE_HOPS; i++)
			waiting()->hops[i].since -= rte_get_tsc_hz();
		waiting()->looked = 0;
		l3_tick(&r->rt, now);
		run();
	}
}

static uint64_t reasons_of(const struct iface_stats *s)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_N_REASONS; i++)
		sum += s->drops[i];
	return sum;
}

/* Every frame is sent, received, or dropped with a name; and nothing is held for nobody. */
static void all_adds_up(void)
{
	struct iface_stats s;

	drain_all();
	for (size_t i = 0; i < N_ENDS; i++) {
		struct vnic_rt *v =
			ends[i].vnic != NULL ? runtime_vnic(&r->rt, ends[i].vnic) : NULL;

		if (v == NULL)
			continue;
		runtime_vnic_stats(&r->rt, v, &s);
		assert_int_equal(s.tx_packets + s.tx_dropped, ends[i].in);
		assert_int_equal(s.rx_packets, ends[i].out);
		assert_int_equal(reasons_of(&s), s.tx_dropped + s.rx_dropped);
	}
	runtime_port_stats(&r->rt, runtime_port(&r->rt, "p"), &s);
	assert_int_equal(reasons_of(&s), s.tx_dropped + s.rx_dropped);
	assert_int_equal(s.tx_packets, ends[0].out);
	assert_in_range(s.rx_packets, ends[0].in - s.drops[DROP_MALFORMED], ends[0].in);
}

static void stop(void)
{
	pass(5);
	assert_int_equal(waiting()->n, 0);
	assert_int_equal(waiting()->mbufs, 0);
	all_adds_up();
	rig_stop(r);
}

/* ---- frames ---- */

static uint8_t buf[MAX_LEN + 100];

static struct ip_addr v4(uint8_t host)
{
	return (struct ip_addr){.family = 4, .b = {10, 0, 0, host}};
}

static struct ip_addr v6(uint8_t host)
{
	return (struct ip_addr){.family = 6, .b = {0x20, 1, 0xd, 0xb8, [15] = host}};
}

static void sum4(uint8_t *ip)
{
	uint32_t sum = 0, n = (ip[0] & 15u) * 4u;

	memset(ip + 10, 0, 2);
	for (uint32_t i = 0; i < n; i += 2)
		sum += pkt_load16(ip + i);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* IPv4 from vnic a with @len bytes behind Ethernet, to @dst. */
static size_t ip4(const uint8_t dst[4], size_t len)
{
	memset(buf, 0, sizeof(buf));
	mac_store(buf, M);
	mac_store(buf + 6, M);
	buf[12] = 8;
	buf[14] = 0x45;
	buf[16] = (uint8_t)(len >> 8);
	buf[17] = (uint8_t)len;
	buf[22] = 64;
	buf[23] = 17;
	memcpy(buf + 26, (const uint8_t[]){10, 0, 0, 2}, 4);
	memcpy(buf + 30, dst, 4);
	for (size_t i = 20; i < len; i++)
		buf[14 + i] = (uint8_t)i;
	sum4(buf + 14);
	return 14 + len;
}

static size_t to_far(uint8_t last, size_t len)
{
	return ip4((const uint8_t[]){198, 51, 100, last}, len);
}

static size_t arp_reply(uint64_t from_mac, struct ip_addr from, struct ip_addr to)
{
	size_t n = solicit_arp_to(buf, from_mac, &from, &to, M);

	buf[21] = 2;
	mac_store(buf + 32, M);
	return n;
}

/* An NA about @target, from it to the port's address, that says @mac. */
static size_t na(struct ip_addr target, uint64_t mac, uint8_t flags, uint64_t eth_src)
{
	size_t n = announce_na(buf, mac, &target);
	struct ip_addr own = v6(1);
	uint16_t sum;

	mac_store(buf, M);
	mac_store(buf + 6, eth_src);
	memcpy(buf + 38, own.b, 16);
	buf[58] = flags;
	memset(buf + 56, 0, 2);
	sum = (uint16_t)~csum_icmp6(buf + 22, buf + 54, (uint32_t)n - 54);
	memcpy(buf + 56, &sum, 2);
	return n;
}

static const struct neigh *neighbour(struct ip_addr ip)
{
	return neigh_find(l3_neighbours(runtime_port(&r->rt, "p")), &ip);
}

static void count_one(void *arg, const struct neigh *e)
{
	(void)e;
	++*(unsigned int *)arg;
}

static unsigned int n_neighbours(void)
{
	unsigned int n = 0;

	neigh_foreach(l3_neighbours(runtime_port(&r->rt, "p")), count_one, &n);
	return n;
}

/* The gateway is asked for, and found. */
static void find_gateway(uint64_t mac)
{
	put_bytes('A', buf, to_far(1, 40), 0);
	run();
	put_bytes('W', buf, arp_reply(mac, v4(254), v4(1)), 0);
	run();
	drain_all();
	assert_int_equal(neighbour(v4(254))->mac, mac);
}

/* Where does a frame of vnic a to the far side go? 0: nowhere, yet. */
static uint64_t way_out(void)
{
	struct rte_mbuf *m;
	uint64_t to = 0;

	run();
	drain_all();
	put_bytes('A', buf, to_far(1, 40), 0);
	run();
	while ((m = take('W')) != NULL) {
		const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

		if (b[12] == 8 && b[13] == 0)
			to = mac_load(b);
		rte_pktmbuf_free(m);
	}
	return to;
}

/* ---- lies ---- */

/* Nothing that nobody asked for becomes a neighbour, from whichever side. */
static void test_unasked(void **state)
{
	static const char from[] = "WAB";

	(void)state;
	start(ALL("l3"));
	for (unsigned int i = 0; i < 3 * 300; i++) {
		uint8_t host = (uint8_t)(10 + i % 240);
		char end = from[i / 300];

		put_bytes(end, buf, arp_reply(ROGUE, v4(host), v4(1)), 0);
		put_bytes(end, buf, na(v6(host), ROGUE, 0x60, ROGUE), 0);
		if (i % 50 == 49)
			run();
		if (i % 50 == 49)
			drain_all();
	}
	assert_int_equal(n_neighbours(), 0);
	find_gateway(GATEWAY);
	assert_int_equal(n_neighbours(), 1);
	stop();
}

/* The frame in buf, behind a tag. */
static size_t in_vlan(uint16_t vid, size_t n)
{
	memmove(buf + PKT_ETH_LEN + 2, buf + PKT_ETH_LEN - 2, n - PKT_ETH_LEN + 2);
	buf[12] = PKT_TYPE_VLAN >> 8;
	buf[13] = PKT_TYPE_VLAN & 0xff;
	buf[14] = (uint8_t)(vid >> 8);
	buf[15] = (uint8_t)vid;
	return n + PKT_VLAN_LEN;
}

static unsigned int answers_to(size_t n)
{
	put_bytes('W', buf, n, 0);
	run();
	return drain('W');
}

/* In a VLAN others may have the same addresses: the port neither believes nor answers them. */
static void test_other_vlans(void **state)
{
	struct ip_addr gw = v4(254);

	(void)state;
	start(ALL("l3"));
	for (uint8_t host = 1; host <= 2; host++) {
		struct ip_addr whose = v4(host);

		assert_int_equal(answers_to(in_vlan(5, solicit_arp(buf, GATEWAY, &gw, &whose))), 0);
		assert_int_equal(answers_to(in_vlan(0, solicit_arp(buf, GATEWAY, &gw, &whose))), 1);
		assert_int_equal(answers_to(solicit_arp(buf, GATEWAY, &gw, &whose)), 1);
	}
	assert_int_equal(way_out(), 0);
	put_bytes('W', buf, in_vlan(5, arp_reply(ROGUE, gw, v4(1))), 0);
	assert_int_equal(way_out(), 0);
	put_bytes('W', buf, in_vlan(0, arp_reply(GATEWAY, gw, v4(1))), 0);
	assert_int_equal(way_out(), GATEWAY);
	put_bytes('W', buf, in_vlan(5, arp_reply(ROGUE, gw, gw)), 0);
	assert_int_equal(way_out(), GATEWAY);
	stop();
}

/* A vnic's word about the gateway isn't believed, whatever it says. */
static void test_vnics_lies(void **state)
{
	struct ip_addr gw = v4(254);

	(void)state;
	start(ALL("l3"));
	find_gateway(GATEWAY);
	put_bytes('B', buf, arp_reply(ROGUE, gw, v4(1)), 0);
	put_bytes('B', buf, announce_arp(buf, ROGUE, &gw), 0);
	put_bytes('B', buf, arp_reply(ROGUE, gw, v4(2)), 0);
	assert_int_equal(way_out(), GATEWAY);
	stop();
}

/* Linux keeps the first of several answers for a second; an announcement counts at once. */
static void test_flapping_gateway(void **state)
{
	struct ip_addr gw = v4(254);

	(void)state;
	start(ALL("l3"));
	find_gateway(GATEWAY);
	put_bytes('W', buf, arp_reply(ROGUE, gw, v4(1)), 0);
	assert_int_equal(way_out(), GATEWAY);
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t mac = GATEWAY + (i << 32);

		put_bytes('W', buf, announce_arp(buf, mac, &gw), 0);
		assert_int_equal(way_out(), mac);
	}
	assert_int_equal(n_neighbours(), 1);
	stop();
}

/* RFC 4861, 7.2.5: without override an NA doesn't move a neighbour; with it, it does. */
static void test_override(void **state)
{
	struct ip_addr gw = v6(0xfe), self = v6(2);
	uint8_t far[54] = {0};

	(void)state;
	start(ALL("l3"));
	mac_store(far, M);
	mac_store(far + 6, M);
	memcpy(far + 12, (const uint8_t[]){0x86, 0xdd, 0x60}, 3);
	far[20] = 59;
	memcpy(far + 22, self.b, 16);
	memcpy(far + 38, (const uint8_t[]){0x20, 1, 0xd, 0xb9}, 4);
	put_bytes('A', far, sizeof(far), 0);
	run();
	put_bytes('W', buf, na(gw, GATEWAY, 0x40, GATEWAY), 0);
	run();
	assert_int_equal(neighbour(gw)->mac, GATEWAY);
	put_bytes('W', buf, na(gw, ROGUE, 0x40, ROGUE), 0);
	run();
	assert_int_equal(neighbour(gw)->mac, GATEWAY);
	put_bytes('W', buf, na(gw, ROGUE, 0x20, ROGUE), 0);
	run();
	assert_int_equal(neighbour(gw)->mac, ROGUE);
	/* Our own MAC would be a neighbour that gets nothing. */
	put_bytes('W', buf, na(gw, M, 0x20, ROGUE), 0);
	run();
	assert_int_equal(neighbour(gw)->mac, ROGUE);
	stop();
}

/* The wire's questions are answered one for one, and its flood stops nobody's next hop. */
static void test_flood_of_questions(void **state)
{
	struct ip_addr asker = v4(77), own = v4(1);
	unsigned int answers = 0;

	(void)state;
	start(ALL("l3"));
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 500; k++)
			put_bytes('W', buf, solicit_arp(buf, ROGUE, &asker, &own), 0);
		rig_turn(r, 20);
		answers += drain('W');
	}
	assert_int_equal(answers, 2000);
	assert_int_equal(n_neighbours(), 0);
	/* Main hasn't read a letter yet, and what vnic a wants still finds its place. */
	put_bytes('A', buf, to_far(1, 40), 0);
	rig_turn(r, 1);
	mail_run(&r->rt);
	rig_turn(r, 1);
	assert_int_equal(neighbour(v4(254))->state, NEIGH_INCOMPLETE);
	stop();
}

/* A chain of mbufs is not held for a letter. */
static void test_letters_are_short(void **state)
{
	struct ip_addr asker = v4(77), own = v4(1);
	unsigned int n;

	(void)state;
	start(ALL("l3"));
	memset(buf, 0, sizeof(buf));
	solicit_arp(buf, ROGUE, &asker, &own);
	for (int i = 0; i < 100; i++) {
		put_bytes('W', buf, 1500, 50);
		rig_turn(r, 1);
	}
	drain_all();
	n = rte_mempool_in_use_count(r->pool);
	assert_in_range(n, 0, 100);
	stop();
}

/* A port without an IPv4 address asks from 0.0.0.0, and must hear who answers there. */
static void test_unnumbered(void **state)
{
	static const struct ip_addr nobody = {.family = 4};

	(void)state;
	start("[port p]\ndevice = dev:net_ring_W\nmac = 02:4d:00:00:00:01\n"
	      "host = dev:net_ring_H\nroutes = default via 10.0.0.254\n" VNIC("a", "A", "l3", "2"));
	put_bytes('A', buf, to_far(1, 40), 0);
	run();
	put_bytes('W', buf, arp_reply(GATEWAY, v4(254), nobody), 0);
	assert_int_equal(way_out(), GATEWAY);
	stop();
}

/* ---- cut and bent ---- */

/* Each message at every length and with every byte spoilt: whole or nothing, and no neighbour. */
static void play_bent(const uint8_t *whole, size_t len)
{
	static const char from[] = "WA";
	uint8_t b[160];

	for (int side = 0; side < 2; side++) {
		for (size_t n = 0; n <= len; n++) {
			if (n > 0)
				put_bytes(from[side], whole, n, 0);
			put_bytes(from[side], whole, len, n + 1);
		}
		run();
		drain_all();
		for (size_t at = 0; at < len; at++) {
			memcpy(b, whole, len);
			b[at] ^= (uint8_t)(at % 3 == 0 ? 0xff : 1 << at % 8);
			put_bytes(from[side], b, len, at % 4 * 7);
		}
		run();
		drain_all();
	}
}

static size_t tagged(uint8_t *out, const uint8_t *b, size_t len)
{
	memcpy(out, b, 12);
	memcpy(out + 12, (const uint8_t[]){0x81, 0, 0, 7}, 4);
	memcpy(out + 16, b + 12, len - 12);
	return len + 4;
}

static void test_bent(void **state)
{
	static const char *const modes[] = {ALL("l2"), ALL("l3"), ALL("l3s")};
	struct ip_addr a4 = v4(2), a6 = v6(2), w4 = v4(77), w6 = v6(77), own6 = v6(1);
	uint8_t b[7][160], t[160];
	size_t len[7];

	(void)state;
	len[0] = solicit_arp(b[0], ROGUE, &w4, &a4);
	len[1] = solicit_ns(b[1], ROGUE, &w6, &a6);
	len[2] = solicit_ns(b[2], ROGUE, NULL, &a6);
	len[3] = announce_na(b[3], ROGUE, &w6);
	len[4] = solicit_ns_to(b[4], ROGUE, &w6, &own6, M);
	len[5] = to_far(7, 60);
	memcpy(b[5], buf, len[5]);
	buf[14] = 0x4f; /* all of it options */
	sum4(buf + 14);
	len[6] = len[5];
	memcpy(b[6], buf, len[6]);
	for (int mode = 0; mode < 3; mode++) {
		start(modes[mode]);
		for (int i = 0; i < 7; i++) {
			play_bent(b[i], len[i]);
			play_bent(t, tagged(t, b[i], len[i]));
		}
		if (mode > 0)
			assert_in_range(n_neighbours(), 0, NEIGHBOUR_QUEUE_SHARE * 2);
		stop();
	}
}

/* ---- what waits ---- */

/* Who scans a network keeps the others from nothing. */
static void test_scan(void **state)
{
	unsigned int used;

	(void)state;
	start(ALL("l3"));
	for (int i = 0; i < 3000; i++) {
		uint8_t dst[4] = {10, 0, 0, (uint8_t)(10 + i % 200)};

		put_bytes('A', buf, ip4(dst, 1400), 60);
		rig_turn(r, 1);
		if (i % 100 == 99)
			run();
		drain('W');
	}
	used = rte_mempool_in_use_count(r->pool);
	assert_in_range(used, 1, NEIGHBOUR_QUEUE_VNIC_MBUFS);
	/* b, from its own address: asked for, and sent when it is found, the first frame too. */
	to_far(9, 40);
	buf[29] = 3;
	sum4(buf + 14);
	put_bytes('B', buf, 54, 0);
	run();
	drain('W');
	put_bytes('W', buf, arp_reply(GATEWAY, v4(254), v4(1)), 0);
	run();
	assert_int_equal(drain('W'), 1);
	pass(5);
	drain_all();
	assert_int_equal(rte_mempool_in_use_count(r->pool), 0);
	stop();
}

/* Long chains push out short frames, and still they are not more mbufs than were promised. */
static void test_chains(void **state)
{
	(void)state;
	start(ALL("l3"));
	for (unsigned int len = 40; len <= 1440; len += 1400)
		for (int i = 0; i < 1600; i++) {
			uint8_t dst[4] = {10, 0, 0, (uint8_t)(10 + i % 16)};

			put_bytes('A', buf, ip4(dst, len), 50);
			if (i % 32 == 31)
				rig_turn(r, 1);
		}
	run();
	assert_in_range(rte_mempool_in_use_count(r->pool), 1, NEIGHBOUR_QUEUE_VNIC_MBUFS);
	stop();
}

/* Three questions, and then what waited is dropped, counted, and back in its pool. */
static void test_silent_gateway(void **state)
{
	unsigned int questions;

	(void)state;
	start(ALL("l3"));
	for (int i = 0; i < 10; i++)
		put_bytes('A', buf, to_far((uint8_t)i, 100), 0);
	run();
	questions = drain('W');
	for (int i = 0; i < 5; i++) {
		pass(1);
		questions += drain('W');
	}
	assert_int_equal(questions, 3);
	assert_int_equal(rig_drops(r, "p", DROP_NO_NEIGHBOUR), 10);
	assert_int_equal(rte_mempool_in_use_count(r->pool), 0);
	/* And it is asked for again, when somebody wants it again. */
	find_gateway(GATEWAY);
	assert_int_equal(way_out(), GATEWAY);
	stop();
}

/* What is taken away while frames wait and letters lie unread takes them with it, and no more. */
static void test_changes_meanwhile(void **state)
{
	static const char *const next[] = {
		ALL("l2"),
		PORT VNIC("b", "B", "l3", "3"),
		PORT,
		ALL("l3s"),
		"[port q]\ndevice = dev:net_ring_Q\naddress = 10.0.0.1/24\n"
		"routes = default via 10.0.0.254\n",
		PORT "mtu = 600\n" VNIC("a", "A", "l3", "2") VNIC("b", "B", "l3", "3"),
	};
	struct ip_addr asker = v4(77), own = v4(1);
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(next); i++) {
		start(ALL("l3"));
		for (int k = 0; k < 40; k++) {
			put_bytes('A', buf, to_far(1, 1000), 0);
			put_bytes('W', buf, solicit_arp(buf, ROGUE, &asker, &own), 0);
		}
		rig_turn(r, 4);
		assert_int_equal(waiting()->n, 1);
		assert_int_equal(rig_reload(r, next[i], &err), 0);
		run();
		drain_all();
		assert_int_equal(rig_reload(r, ALL("l3"), &err), 0);
		find_gateway(GATEWAY);
		assert_int_equal(way_out(), GATEWAY);
		pass(5);
		assert_int_equal(waiting()->n, 0);
		rig_stop(r);
	}
}

/* A reload that changes something else has what waits go on waiting. */
static void test_reload_meanwhile(void **state)
{
	struct err err = {0};

	(void)state;
	start(ALL("l3"));
	for (int i = 0; i < 10; i++)
		put_bytes('A', buf, to_far(1, 100), 0);
	run();
	drain('W');
	assert_int_equal(rig_reload(r,
				    ALL("l3") "[vnic x]\ntype = veth\npeer = y\n"
					      "[vnic y]\ntype = veth\npeer = x\n",
				    &err),
			 0);
	run();
	put_bytes('W', buf, arp_reply(GATEWAY, v4(254), v4(1)), 0);
	run();
	assert_int_equal(drain('W'), 10);
	stop();
}

/* ---- what is too long, or a part ---- */

/* What came out on the wire: IPv4 fragments of one packet. */
struct parts {
	unsigned int n, bytes, last;
};

static struct parts take_parts(uint32_t mtu)
{
	struct parts p = {0};
	struct rte_mbuf *m;

	while ((m = take('W')) != NULL) {
		uint8_t copy[80];
		const uint8_t *b = rte_pktmbuf_read(m, 0, 34, copy);
		uint32_t header = (b[14] & 15u) * 4u;

		assert_in_range(m->pkt_len, 34, mtu + 14);
		assert_int_equal(pkt_load16(b + 16), m->pkt_len - 14);
		p.n++;
		p.bytes += m->pkt_len - 14 - header;
		p.last += (b[20] & 0x20) == 0;
		rte_pktmbuf_free(m);
	}
	return p;
}

static void test_too_long(void **state)
{
	static const size_t segs[] = {0, 1400, 100};
	struct parts p;

	(void)state;
	start(PORT "mtu = 600\n" VNIC("a", "A", "l3", "2") VNIC("b", "B", "l3", "3"));
	find_gateway(GATEWAY);
	for (size_t i = 0; i < RTE_DIM(segs); i++) {
		size_t seg = segs[i] != 0 ? segs[i] : 2000;

		/* DF clear: cut. */
		put_bytes('A', buf, to_far(1, 1500), seg);
		run();
		p = take_parts(600);
		assert_int_equal(p.bytes, 1480);
		assert_int_equal(p.last, 1);
		/* A fragment: cut again, and it stays one that more will follow. */
		to_far(1, 1500);
		buf[20] = 0x20;
		buf[21] = 100;
		sum4(buf + 14);
		put_bytes('A', buf, 1514, seg);
		run();
		p = take_parts(600);
		assert_int_equal(p.bytes, 1480);
		assert_int_equal(p.last, 0);
		/* Padding, of which the segments are the sender's choice, isn't sent. */
		to_far(1, 100);
		put_bytes('A', buf, 1514, seg);
		run();
		p = take_parts(600);
		assert_int_equal(p.n, 1);
		assert_int_equal(p.bytes, 80);
		/* Options, the longest. */
		to_far(1, 1500);
		buf[14] = 0x4f;
		memset(buf + 34, 1, 40);
		sum4(buf + 14);
		put_bytes('A', buf, 1514, seg);
		run();
		assert_int_equal(take_parts(600).bytes, 1440);
	}
	/* DF set: dropped. */
	to_far(1, 1500);
	buf[20] = 0x40;
	sum4(buf + 14);
	put_bytes('A', buf, 1514, 0);
	run();
	assert_int_equal(take_parts(600).n, 0);
	assert_int_equal(rig_drops(r, "a", DROP_TOO_LONG), 1);
	stop();
}

/* To itself, in its own name, and in the port's from the wire. */
static void test_own_name(void **state)
{
	uint8_t self[4] = {10, 0, 0, 2};
	struct ip_addr own = v4(1), a = v4(2);

	(void)state;
	start(ALL("l3"));
	put_bytes('A', buf, ip4(self, 40), 0);
	run();
	assert_int_equal(drain('A'), 1);
	/* Our own question come back: no answer, or a loop would feed itself. */
	put_bytes('W', buf, solicit_arp(buf, M, &own, &own), 0);
	put_bytes('W', buf, solicit_arp(buf, M, &a, &own), 0);
	put_bytes('W', buf, solicit_arp(buf, M, &own, &a), 0);
	run();
	assert_int_equal(drain('W'), 0);
	assert_int_equal(n_neighbours(), 0);
	stop();
}

/* ---- everything at once ---- */

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static size_t any_frame(void)
{
	struct ip_addr to4 = v4((uint8_t)rnd(6)), to6 = v6((uint8_t)rnd(6));
	struct ip_addr from4 = v4((uint8_t)rnd(6)), from6 = v6((uint8_t)rnd(6));
	uint8_t *ip = to4.b, copy[160];
	uint64_t mac = rnd(3) == 0 ? M : ROGUE;
	size_t len;

	switch (rnd(7)) {
	case 0:
		len = solicit_arp(buf, mac, &from4, &to4);
		break;
	case 1:
		len = arp_reply(mac, from4, to4);
		break;
	case 2:
		len = solicit_ns(buf, mac, rnd(2) == 0 ? NULL : &from6, &to6);
		break;
	case 3:
		len = na(from6, mac, (uint8_t)rnd(256), mac);
		break;
	case 4:
		len = to_far((uint8_t)rnd(256), 20 + rnd(1500));
		break;
	default:
		len = ip4(ip, 20 + rnd(1500));
		break;
	}
	if (len < 150 && rnd(4) == 0) {
		memcpy(copy, buf, len);
		len = tagged(buf, copy, len);
	}
	for (uint32_t i = rnd(4); i > 0; i--)
		buf[rnd(4) == 0 ? rnd((uint32_t)len) : rnd(40)] = (uint8_t)rnd(256);
	return rnd(8) == 0 ? 1 + rnd((uint32_t)len) : len;
}

static void test_anything(void **state)
{
	static const char *const setups[] = {ALL("l2"), ALL("l3"), ALL("l3s"),
					     PORT VNIC("a", "A", "l3", "2") "flags = private\n"};

	(void)state;
	for (size_t s = 0; s < RTE_DIM(setups); s++) {
		seed = 4711 + (uint32_t)s;
		start(setups[s]);
		for (int i = 0; i < 20000; i++) {
			char end = ends[rnd(s == 3 ? 3 : N_ENDS)].end;

			if (end == 'H' && rnd(4) != 0)
				continue;
			put_bytes(end, buf, any_frame(), rnd(3) == 0 ? 1 + rnd(80) : 0);
			if (rnd(40) == 0)
				rig_turn(r, 1 + rnd(3));
			if (rnd(100) == 0) {
				run();
				drain_all();
			}
			if (rnd(2000) == 0)
				pass(1);
		}
		run();
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_other_vlans),
		cmocka_unit_test(test_vnics_lies),
		cmocka_unit_test(test_flapping_gateway),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_flood_of_questions),
		cmocka_unit_test(test_letters_are_short),
		cmocka_unit_test(test_unnumbered),
		cmocka_unit_test(test_bent),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_silent_gateway),
		cmocka_unit_test(test_changes_meanwhile),
		cmocka_unit_test(test_reload_meanwhile),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_own_name),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests_name("hostile ipvlan", tests, rig_eal, NULL);
}
