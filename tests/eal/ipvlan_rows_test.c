/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's answers about ipvlan again (tests/data/ipvlan-cases.tsv), this time asked of the
 * running forwarder: configuration, tables, routes, neighbours and delivery included, with net_ring
 * at every end. What comes out is compared byte for byte, and what doesn't is counted, once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipvlan_rig.h"

/** A row, its frame and what came of it. */
struct play {
	const struct iv_row *row;
	struct iv_rig rig;
	uint8_t bytes[IV_MAX_FRAME];
	size_t len;
	struct iv_words got;
};

static struct play play;

/* ---- a copy in words ---- */

static void add_macs(struct iv_words *w, const struct iv_copy *c, const uint8_t *sent)
{
	if (memcmp(c->bytes, sent, 6) != 0)
		iv_add(w, "%c.eth.dst=%s", c->end, iv_mac_name(mac_load(c->bytes)));
	if (memcmp(c->bytes + 6, sent + 6, 6) != 0)
		iv_add(w, "%c.eth.src=%s", c->end, iv_mac_name(mac_load(c->bytes + 6)));
}

/* The answer to ARP request @asked: its target is at M. */
static bool is_arp_answer(const struct iv_copy *c, const uint8_t *asked)
{
	uint8_t want[42];

	memcpy(want, asked, sizeof(want));
	memcpy(want, asked + 22, 6);
	mac_store(want + 6, iv_mac("M"));
	want[21] = 2;
	memcpy(want + 28, asked + 38, 4);
	mac_store(want + 22, iv_mac("M"));
	memcpy(want + 32, asked + 22, 10);
	return c->len == sizeof(want) && memcmp(c->bytes, want, sizeof(want)) == 0;
}

/* RFC 4861 §7.2.4; to who asks before he has an address, RFC 4862 §5.4.4 has it sent to all. */
static bool is_na_answer(const struct iv_copy *c, const struct nd *asked)
{
	struct ip_addr to = asked->is_dad ? iv_addr("AN6") : asked->sender;
	struct nd m;

	return nd_parse(&m, c->bytes, c->len) && m.op == ND_NA &&
	       m.eth_dst == (asked->is_dad ? iv_mac("MAN6") : asked->sender_mac) &&
	       m.eth_src == iv_mac("M") && m.target_mac == iv_mac("M") &&
	       ip_addr_cmp(&m.target, &asked->target) == 0 &&
	       ip_addr_cmp(&m.sender, &asked->target) == 0 && ip_addr_cmp(&m.dst, &to) == 0 &&
	       m.solicited == !asked->is_dad && m.override && !m.router;
}

static bool is_answer(const struct play *p, const struct iv_copy *c)
{
	struct nd asked;

	if (!nd_parse(&asked, p->bytes, (uint32_t)p->len))
		return false;
	return asked.op == ND_ARP_REQUEST ? is_arp_answer(c, p->bytes) : is_na_answer(c, &asked);
}

static bool is_fragment(const struct play *p, const struct iv_copy *c)
{
	return pkt_load16(p->bytes + 12) == PKT_TYPE_IPV4 && c->len > 34 && c->len < p->len &&
	       pkt_load16(c->bytes + 12) == PKT_TYPE_IPV4 &&
	       (pkt_load16(c->bytes + 20) & 0x3fff) != 0 &&
	       memcmp(c->bytes + 18, p->bytes + 18, 2) == 0;
}

#define IPV6_HOP_LIMIT 21

static bool is_all_but_hop_limit(const struct play *p, const struct iv_copy *c)
{
	const size_t rest = IPV6_HOP_LIMIT + 1;

	return pkt_load16(p->bytes + 12) == PKT_TYPE_IPV6 && c->len == p->len &&
	       c->bytes[IPV6_HOP_LIMIT] != p->bytes[IPV6_HOP_LIMIT] &&
	       memcmp(c->bytes + 12, p->bytes + 12, IPV6_HOP_LIMIT - 12) == 0 &&
	       memcmp(c->bytes + rest, p->bytes + rest, p->len - rest) == 0;
}

static void add_copy(struct play *p, const struct iv_copy *c)
{
	if (is_answer(p, c)) {
		iv_add(&p->got, "%c:answer", c->end);
		return;
	}
	iv_add(&p->got, "%c", c->end);
	add_macs(&p->got, c, p->bytes);
	if (is_fragment(p, c))
		iv_add(&p->got, "%c.fragmented", c->end);
	else if (is_all_but_hop_limit(p, c))
		iv_add(&p->got, "%c.ip6.hl=%u", c->end, c->bytes[IPV6_HOP_LIMIT]);
	else if (c->len != p->len || memcmp(c->bytes + 12, p->bytes + 12, p->len - 12) != 0)
		iv_add(&p->got, "%c.other", c->end);
}

/* ---- fragments ---- */

static uint16_t ip_sum(const uint8_t *b)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < (b[0] & 15u) * 4; i += 2)
		sum += pkt_load16(b + i);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* All of the packet is there, in pieces that the wire takes, and each has a header that holds. */
static void check_fragments(const struct play *p)
{
	const size_t payload = p->len - 34;
	size_t total = 0;

	for (size_t i = 0; i < p->rig.n; i++) {
		const struct iv_copy *c = &p->rig.copies[i];
		const uint8_t *ip = c->bytes + 14;
		size_t at = (pkt_load16(ip + 6) & 0x1fffu) * 8, n = c->len - 34;

		assert_true(c->len <= 1514);
		assert_int_equal(pkt_load16(ip + 2), c->len - 14);
		assert_int_equal(ip_sum(ip), 0xffff);
		assert_int_equal(ip[8], p->bytes[22]);
		assert_memory_equal(ip + 12, p->bytes + 26, 8);
		assert_true(at + n <= payload);
		assert_memory_equal(ip + 20, p->bytes + 34 + at, n);
		assert_int_equal((pkt_load16(ip + 6) & 0x2000) != 0, at + n < payload);
		total += n;
	}
	assert_int_equal(total, payload);
}

/* ---- drops ---- */

/* Rows that nobody gets, and where that is counted. Others: in no counter of drops. */
static const struct {
	const char *id, *drops;
} lost[] = {
	{"IV-136", "a:too_long b:too_long"},
	{"IV-138", "a:too_long b:too_long"},
	{"IV-146", "p:too_long"},
	{"IV-203", "a:private"},
	{"IV-209", "a:private"},
	{"IV-421", "a:not_routed"},
	{"IV-423", "a:not_routed"},
	{"IV-425", "a:not_routed"},
	{"IV-426", "a:not_routed"},
	{"IV-427", "a:not_routed"},
	{"IV-428", "a:no_route"},
	{"IV-429", "a:no_route"},
	{"IV-430", "a:no_route"},
	{"IV-431", "a:not_routed"},
	{"IV-433", "a:no_route"},
	{"IV-436", "a:not_routed"},
	{"IV-441", "a:too_long"},
	{"IV-449", "a:bad_header"},
	{"IV-450", "a:too_long b:too_long"},
	{"IV-453", "a:no_route"},
	{"IV-454", "a:no_route"},
	{"IV-461", "a:private"},
	{"IV-464", "a:private"},
	{"IV-485", "a:no_route"},
	{"IV-486", "a:no_route"},
	{"IV-511", "p:bad_header"},
	{"IV-534", "a:not_routed"},
	{"IV-535", "a:not_routed"},
	{"IV-541", "a:private"},
	{"IV-903", "a:not_routed"},
	{"IV-904", "a:not_routed"},
	{"IV-907", "a:not_routed"},
	{"IV-912", "a:no_route"},
	{"IV-1002", "a:not_routed"},
	{"IV-1003", "a:no_route"},
	{"IV-1004", "a:no_route"},
	{"IV-1005", "a:no_route"},
	{"IV-1006", "a:no_route"},
	{"IV-1009", "p:bad_header"},
	{"IV-913", "a:spoofed"},
	{"IV-916", "p:no_owner"},
};

static void add_drops(struct rig *r, const char *name, struct iv_words *w)
{
	for (int reason = DROP_NONE + 1; reason < DROP_N_REASONS; reason++) {
		uint64_t n = rig_drops(r, name, (enum drop_reason)reason);

		for (; n > 0; n--)
			iv_add(w, "%s:%s", name, drop_reason_name((enum drop_reason)reason));
	}
}

static void check_drops(struct play *p)
{
	struct iv_words w = {.n = 0};
	const char *want = "-";
	char text[256];

	add_drops(&p->rig.rig, "a", &w);
	add_drops(&p->rig.rig, "b", &w);
	add_drops(&p->rig.rig, "c", &w);
	add_drops(&p->rig.rig, "p", &w);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (strcmp(lost[i].id, p->row->id) == 0)
			want = lost[i].drops;
	assert_string_equal(iv_join(&w, text, sizeof(text)), want);
}

/* Rows in which the next hop isn't R or X, who answer: these frames wait. */
static void check_waiting(struct play *p)
{
	static const struct {
		const char *id, *asked;
	} waits[] = {{"IV-438", "N4"}, {"IV-471", "B4"}, {"IV-546", "B4"}};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		char text[64];

		if (strcmp(waits[i].id, p->row->id) == 0)
			assert_string_equal(iv_join(&p->rig.asked, text, sizeof(text)),
					    waits[i].asked);
	}
}

/* ---- rows ---- */

static void one_row(void **state)
{
	char got_text[512], want_text[512];
	struct iv_words want = {.n = 0};

	play.row = *state;
	play.got.n = 0;
	play.len = iv_frame(play.row, play.bytes);
	iv_start(&play.rig, play.row);
	iv_send(&play.rig, play.row->ingress, play.bytes, play.len);
	iv_run(&play.rig);
	for (size_t i = 0; i < play.rig.n; i++)
		add_copy(&play, &play.rig.copies[i]);
	iv_expected(play.row, &want);
	if (strstr(play.row->changes, "fragmented") != NULL)
		check_fragments(&play);
	check_drops(&play);
	check_waiting(&play);
	iv_stop(&play.rig);
	assert_string_equal(iv_join(&play.got, got_text, sizeof(got_text)),
			    iv_join(&want, want_text, sizeof(want_text)));
}

/* ---- counters ---- */

static void add_count(char *text, size_t size, const char *name, uint64_t n)
{
	size_t at = strlen(text);

	if (n != 0)
		snprintf(text + at, size - at, "%s%s+%lu", text[0] != '\0' ? "," : "", name,
			 (unsigned long)n);
}

/* "A:rxb+66,rxp+1"; rxe, the kernel's errors, are none here: every loss is a drop. */
static void add_counts(char *out, size_t size, char name, const struct iface_stats *s)
{
	char text[128] = "";
	size_t at = strlen(out);

	add_count(text, sizeof(text), "rxb", s->rx_bytes);
	add_count(text, sizeof(text), "rxd", s->rx_dropped);
	add_count(text, sizeof(text), "rxm", s->rx_multicast);
	add_count(text, sizeof(text), "rxp", s->rx_packets);
	add_count(text, sizeof(text), "txb", s->tx_bytes);
	add_count(text, sizeof(text), "txd", s->tx_dropped);
	add_count(text, sizeof(text), "txp", s->tx_packets);
	if (text[0] != '\0')
		snprintf(out + at, size - at, "%s%c:%s", at > 0 ? " " : "", name, text);
}

static void subtract(struct iface_stats *s, const struct iface_stats *before)
{
	s->rx_bytes -= before->rx_bytes;
	s->rx_dropped -= before->rx_dropped;
	s->rx_multicast -= before->rx_multicast;
	s->rx_packets -= before->rx_packets;
	s->tx_bytes -= before->tx_bytes;
	s->tx_dropped -= before->tx_dropped;
	s->tx_packets -= before->tx_packets;
}

/* The frame twice: resolving next hops isn't the row's matter, so only the second counts. */
static void counters_row(void **state)
{
	struct iface_stats before[4], after[4] = {0};
	char text[256] = "";

	play.row = *state;
	play.len = iv_frame(play.row, play.bytes);
	iv_start(&play.rig, play.row);
	for (int round = 0; round < 2; round++) {
		struct runtime *rt = &play.rig.rig.rt;

		memcpy(before, after, sizeof(before));
		iv_send(&play.rig, play.row->ingress, play.bytes, play.len);
		iv_run(&play.rig);
		for (int i = 0; i < 3; i++)
			runtime_vnic_stats(rt, rt->vnics[i], &after[i]);
		runtime_port_stats(rt, rt->ports[0], &after[3]);
	}
	for (int i = 0; i < 4; i++) {
		subtract(&after[i], &before[i]);
		add_counts(text, sizeof(text), "ABCH"[i], &after[i]);
	}
	iv_stop(&play.rig);
	assert_string_equal(text, play.row->expected);
}

/* Whoever failed left it running; the next row starts its own. */
static int stop(void **state)
{
	(void)state;
	iv_stop(&play.rig);
	return 0;
}

int main(void)
{
	static struct iv_row rows[IV_MAX_ROWS];
	static struct CMUnitTest tests[IV_MAX_ROWS];
	size_t n = iv_rows(rows, IV_MAX_ROWS), n_tests = 0;

	for (size_t i = 0; i < n; i++) {
		bool counters = strncmp(rows[i].packet, "counters after ", 15) == 0;

		if (!counters && (!iv_row_is_frame(&rows[i]) || iv_row_is_assist(&rows[i])))
			continue;
		tests[n_tests++] = (struct CMUnitTest){
			.name = rows[i].id,
			.test_func = counters ? counters_row : one_row,
			.teardown_func = stop,
			.initial_state = &rows[i],
		};
	}
	return _cmocka_run_group_tests("ipvlan rows", tests, n_tests, rig_eal, NULL);
}
