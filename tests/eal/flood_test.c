/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts in which floods of several lists, unicasts and copies stand in any order: each receiver
 * gets exactly one copy of what is its, in the order in which it was sent, whether its list is short
 * or longer than there are outlets, and whatever of it is slow. What is whose is told by
 * a model of a few lines (docs/semantics.md §3, §4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define ROUNDS	  400
#define MAX_SENT  100 /* in a round: more than a burst */
#define N_SILENT  70 /* vnics on `none`: with the others more than OUTLETS */
#define SMALL_MTU 600

/* Destinations, and who they are besides vnics. */
enum { TO_ALL = 100, TO_G1, TO_G2, TO_PORT, TO_OUTSIDE };
enum { SRC_OUTSIDE = 200, SRC_LISTED };

static const struct member {
	const char *name;
	uint8_t mac; /* the last byte */
	enum vnic_mode mode;
	const char *multicast;
	bool g1, g2;
	bool small; /* MTU */
} members[] = {
	{"b0", 0x10, MODE_BRIDGE, "01:00:5e:00:00:01", .g1 = true},
	{"b1", 0x11, MODE_BRIDGE, "all", .g1 = true, .g2 = true, .small = true},
	{"b2", 0x12, MODE_BRIDGE, "01:00:5e:00:00:01, 01:00:5e:00:00:02", .g1 = true, .g2 = true},
	{"b3", 0x13, MODE_BRIDGE, "01:00:5e:00:00:02", .g2 = true},
	{"v0", 0x20, MODE_VEPA, "01:00:5e:00:00:02", .g2 = true},
	{"v1", 0x21, MODE_VEPA, "all", .g1 = true, .g2 = true},
	{"p0", 0x30, MODE_PRIVATE, "01:00:5e:00:00:01", .g1 = true},
	{"s0", 0x40, MODE_SOURCE, "all", .g1 = true, .g2 = true},
};

#define N_MEMBERS ((int)RTE_DIM(members))
#define B0	  0
#define V0	  4
#define V1	  5
#define S0	  7
#define WIRE	  N_MEMBERS
#define HOST	  (N_MEMBERS + 1)
#define N_ENDS	  (N_MEMBERS + 2)
#define SILENT	  N_ENDS /* any of them: bridge mode, all groups */

struct sent {
	int src, dst; /* a member, or one of the words above */
	uint32_t len;
};

struct lab {
	struct rig r;
	unsigned int n_silent;
	uint64_t random;
	uint64_t silent_packets, silent_floods; /* what each of them must have had */
};

static const char *end_name(int end)
{
	return end == WIRE ? "wire" : end == HOST ? "host" : members[end].name;
}

static uint32_t below(struct lab *l, uint32_t n)
{
	l->random = l->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(l->random >> 33) % n;
}

static void start(struct lab *l, unsigned int n_silent, uint64_t seed)
{
	static char ini[8192];
	size_t n = 0;

	l->n_silent = n_silent;
	l->random = seed;
	l->silent_packets = l->silent_floods = 0;
	n += (size_t)snprintf(ini, sizeof(ini),
			      "[port eth0]\ndevice = dev:net_ring_wire\nmac = 02:4c:00:00:00:01\n"
			      "host = dev:net_ring_host\n");
	for (int i = 0; i < N_MEMBERS; i++) {
		static const char *const modes[] = {[MODE_BRIDGE] = "bridge",
						    [MODE_VEPA] = "vepa",
						    [MODE_PRIVATE] = "private",
						    [MODE_SOURCE] = "source"};
		const struct member *x = &members[i];

		n += (size_t)snprintf(
			ini + n, sizeof(ini) - n,
			"[vnic %s]\ntype = macvlan\nport = eth0\nmode = %s\n"
			"mac = 02:00:00:00:00:%02x\nmulticast = %s\nmtu = %d\n"
			"endpoint = dev:net_ring_%s\n%s",
			x->name, modes[x->mode], x->mac, x->multicast, x->small ? SMALL_MTU : 1500,
			x->name, x->mode == MODE_SOURCE ? "sources = 02:58:00:00:00:02\n" : "");
	}
	if (n_silent > 0)
		snprintf(ini + n, sizeof(ini) - n,
			 "[vnic n]\ntype = macvlan\nport = eth0\nmode = bridge\n"
			 "mac = 02:00:00:00:01:00\nmulticast = all\ncount = %u\nendpoint = none\n",
			 n_silent);
	rig_start(&l->r, ini);
}

/* ---- the model ---- */

static bool is_flood(const struct sent *s)
{
	return s->dst >= TO_ALL && s->dst <= TO_G2;
}

static bool hears(int who, int dst)
{
	if (who == SILENT)
		return true;
	if (members[who].mode == MODE_SOURCE)
		return false;
	return dst == TO_ALL || (dst == TO_G1 ? members[who].g1 : members[who].g2);
}

static enum vnic_mode mode_of(int who)
{
	return who == SILENT ? MODE_BRIDGE : members[who].mode;
}

/* From the wire; whose MAC is the source had it from a bridge or vepa vnic already. */
static bool gets_from_wire(int who, const struct sent *s)
{
	if (who == WIRE)
		return false;
	if (who == HOST)
		return is_flood(s) || s->dst == TO_PORT;
	if (who == S0)
		return s->src == SRC_LISTED;
	if (!is_flood(s))
		return who == s->dst;
	if (s->src == B0 && mode_of(who) != MODE_VEPA)
		return false;
	if ((s->src == V0 || s->src == V1) && (who == s->src || mode_of(who) == MODE_PRIVATE))
		return false;
	return hears(who, s->dst);
}

static bool gets_from_b0(int who, const struct sent *s)
{
	if (who == WIRE)
		return is_flood(s) || s->dst == TO_OUTSIDE;
	if (who == HOST || who == B0 || mode_of(who) != MODE_BRIDGE)
		return false;
	if (!is_flood(s))
		return who == s->dst;
	return hears(who, s->dst) && (who == SILENT || !members[who].small || s->len < SMALL_MTU);
}

static bool gets(int who, const struct sent *s, int from)
{
	return from == WIRE ? gets_from_wire(who, s) : gets_from_b0(who, s);
}

/* ---- frames ---- */

static void put_mac(uint8_t *b, int what)
{
	static const struct {
		int what;
		uint8_t mac[6];
	} others[] = {
		{TO_ALL, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{TO_G1, {1, 0, 0x5e, 0, 0, 1}},
		{TO_G2, {1, 0, 0x5e, 0, 0, 2}},
		{TO_PORT, {2, 0x4c, 0, 0, 0, 1}},
		{TO_OUTSIDE, {2, 0x58, 0, 0, 0, 1}},
		{SRC_OUTSIDE, {2, 0x58, 0, 0, 0, 1}},
		{SRC_LISTED, {2, 0x58, 0, 0, 0, 2}},
	};

	for (size_t i = 0; i < RTE_DIM(others); i++)
		if (others[i].what == what)
			memcpy(b, others[i].mac, 6);
	if (what < N_MEMBERS)
		memcpy(b, (const uint8_t[]){2, 0, 0, 0, 0, members[what].mac}, 6);
}

static void choose(struct lab *l, struct sent *s, const struct sent *before, int from)
{
	static const int wire_dst[] = {TO_ALL, TO_ALL, TO_G1, TO_G2, TO_PORT, 0, 1, 2, 3, 4, 5, 6};
	static const int b0_dst[] = {TO_ALL, TO_ALL, TO_G1, TO_G2, TO_OUTSIDE, 1, 2, 3};
	static const int wire_src[] = {SRC_OUTSIDE, SRC_OUTSIDE, SRC_OUTSIDE, SRC_LISTED,
				       B0,	    V0,		 V1};

	/* Runs are what it is about: mostly as the one before. */
	if (before != NULL && below(l, 4) != 0) {
		*s = *before;
	} else if (from == WIRE) {
		s->dst = wire_dst[below(l, RTE_DIM(wire_dst))];
		s->src = wire_src[below(l, RTE_DIM(wire_src))];
	} else {
		s->dst = b0_dst[below(l, RTE_DIM(b0_dst))];
		s->src = B0;
	}
	s->len = is_flood(s) && below(l, 3) == 0 ? SMALL_MTU + 100 : 60;
}

static void send_one(struct lab *l, const struct sent *s, uint32_t number, int from)
{
	uint8_t b[SMALL_MTU + 100] = {[12] = 0x88, [13] = 0xb5};

	put_mac(b, s->dst);
	put_mac(b + 6, s->src);
	memcpy(b + 14, &number, sizeof(number));
	rig_send(&l->r, end_name(from), b, s->len, below(l, 8) == 0 ? 40 : 0);
}

/* ---- what came ---- */

static void check_bearable(struct lab *l, int end, const struct rte_mbuf *m)
{
	uint32_t caps = runtime_vnic(&l->r.rt, end_name(end))->at.endpoint->caps;

	assert_true(caps & ENDPOINT_CAP_SHARED || rte_mbuf_refcnt_read(m) == 1);
	assert_true(caps & ENDPOINT_CAP_MULTI_SEGS || m->nb_segs == 1);
}

static uint32_t take(struct lab *l, int end, const struct sent *sent, uint32_t n)
{
	struct rte_mbuf *m = rig_take(&l->r, end_name(end));
	uint32_t number, copy;

	if (m == NULL)
		return UINT32_MAX;
	memcpy(&number, rte_pktmbuf_read(m, 14, sizeof(copy), &copy), sizeof(number));
	assert_true(number < n);
	assert_int_equal(m->pkt_len, sent[number].len);
	if (end < N_MEMBERS)
		check_bearable(l, end, m);
	rte_pktmbuf_free(m);
	return number;
}

/* Each exactly once; in order, but unicasts may overtake floods that wait. */
static void check_end(struct lab *l, int end, const struct sent *sent, uint32_t n, int from,
		      bool slow)
{
	uint32_t number, next[2] = {0, 0};

	while ((number = take(l, end, sent, n)) != UINT32_MAX) {
		bool flood = is_flood(&sent[number]);
		uint32_t *at = &next[slow && flood];

		for (; *at < number; (*at)++)
			if (gets(end, &sent[*at], from) && (!slow || is_flood(&sent[*at]) == flood))
				fail_msg("%s missed %u of %u, or got it behind %u", end_name(end),
					 *at, n, number);
		if (*at > number || !gets(end, &sent[number], from))
			fail_msg("%s got %u of %u, and should not", end_name(end), number, n);
		(*at)++;
	}
	for (uint32_t i = 0; i < n; i++)
		if (gets(end, &sent[i], from) && i >= next[slow && is_flood(&sent[i])])
			fail_msg("%s missed %u of %u", end_name(end), i, n);
}

static void play_round(struct lab *l, bool slow)
{
	int from = below(l, 3) == 0 ? B0 : WIRE;
	uint32_t n = 1 + below(l, MAX_SENT);
	struct sent sent[MAX_SENT];

	for (uint32_t i = 0; i < n; i++) {
		choose(l, &sent[i], i > 0 ? &sent[i - 1] : NULL, from);
		send_one(l, &sent[i], i, from);
		l->silent_packets += gets(SILENT, &sent[i], from);
		l->silent_floods += is_flood(&sent[i]) && gets(SILENT, &sent[i], from);
	}
	rig_turn(&l->r, 4);
	for (int i = 0; i < 1000 && l->r.rt.dp.workers[0]->floods.n > 0; i++)
		rig_turn(&l->r, 1);
	for (int end = 0; end < N_ENDS; end++)
		check_end(l, end, sent, n, from, slow);
}

/* What an egress bears differs, so some get the mbufs that others have, and some copies. */
static void change_ends(struct lab *l, bool slow)
{
	for (size_t i = 0; i < l->r.rt.conf->n_vnics; i++) {
		struct endpoint *ep = l->r.rt.vnics[i]->at.endpoint;

		/* From the first slow one on it goes frame by frame, and they may have to wait. */
		ep->slow = slow && below(l, 4) == 0;
		ep->caps &= ~(ENDPOINT_CAP_SHARED | ENDPOINT_CAP_MULTI_SEGS);
		ep->caps |= below(l, 4) != 0 ? ENDPOINT_CAP_SHARED : 0;
		ep->caps |= below(l, 2) != 0 ? ENDPOINT_CAP_MULTI_SEGS : 0;
	}
}

static void check_silent(struct lab *l)
{
	for (size_t i = 0; i < l->r.rt.conf->n_vnics; i++) {
		struct vnic_rt *v = l->r.rt.vnics[i];
		struct iface_stats sum;

		if (v->at.endpoint->type != ENDPOINT_NONE)
			continue;
		runtime_vnic_stats(&l->r.rt, v, &sum);
		assert_int_equal(sum.rx_packets, l->silent_packets);
		assert_int_equal(sum.rx_multicast, l->silent_floods);
		assert_int_equal(sum.rx_dropped, 0);
	}
}

static void play(unsigned int n_silent, bool slow)
{
	struct lab l;

	start(&l, n_silent, 42 + n_silent + slow);
	for (int i = 0; i < ROUNDS; i++) {
		change_ends(&l, slow);
		play_round(&l, slow);
	}
	check_silent(&l);
	rig_stop(&l.r);
}

static void short_lists(void **state)
{
	(void)state;
	play(0, false);
}

static void long_lists(void **state)
{
	(void)state;
	play(N_SILENT, false);
}

static void short_lists_with_slow_ones(void **state)
{
	(void)state;
	play(0, true);
}

static void long_lists_with_slow_ones(void **state)
{
	(void)state;
	play(N_SILENT, true);
}

/* Who doesn't take his frames loses those that don't fit, and nobody else loses one. */
static void a_full_ring_is_its_own_loss(void **state)
{
	const struct sent s = {.src = SRC_OUTSIDE, .dst = TO_ALL, .len = 60};
	const unsigned int bursts = RIG_RING_SIZE / 60 + 1, n = 60 * bursts;
	struct iface_stats sum;
	struct lab l;

	(void)state;
	start(&l, N_SILENT, 1);
	runtime_vnic(&l.r.rt, "b0")->at.endpoint->caps |= ENDPOINT_CAP_SHARED;
	for (unsigned int i = 0; i < bursts; i++) {
		for (uint32_t k = 0; k < 60; k++)
			send_one(&l, &s, k, WIRE);
		rig_turn(&l.r, 2);
		for (int end = 0; end < N_ENDS; end++)
			if (end != B0)
				assert_int_equal(rig_drain(&l.r, end_name(end)),
						 gets(end, &s, WIRE) ? 60 : 0);
	}
	l.silent_packets = l.silent_floods = n;
	check_silent(&l);
	assert_int_equal(rig_drain(&l.r, "b0"), RIG_RING_SIZE - 1);
	assert_int_equal(rig_drops(&l.r, "b0", DROP_RING_FULL), n - (RIG_RING_SIZE - 1));
	runtime_vnic_stats(&l.r.rt, runtime_vnic(&l.r.rt, "b0"), &sum);
	assert_int_equal(sum.rx_bytes, (RIG_RING_SIZE - 1) * s.len);
	assert_int_equal(sum.rx_multicast, RIG_RING_SIZE - 1);
	rig_stop(&l.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_lists),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(short_lists_with_slow_ones),
		cmocka_unit_test(long_lists_with_slow_ones),
		cmocka_unit_test(a_full_ring_is_its_own_loss),
	};

	return cmocka_run_group_tests_name("flood", tests, rig_eal, NULL);
}
