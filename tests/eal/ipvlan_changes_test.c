/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rows of tests/data/ipvlan-cases.tsv that are more than a frame: what may be changed, when, and
 * what comes of it; how next hops are resolved; what waits, and how much. Changes are made by the
 * methods that vnicctl calls. Each row's result is told in the file's own words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ethdev.h>

#include "ctl/commands.h"
#include "ctl/methods.h"
#include "ipvlan_rig.h"

/** A row being played: what it came to, so far. */
struct scene {
	const struct iv_row *row;
	struct iv_rig rig;
	char told[256];
};

static struct scene scene;

/* ---- what scenes are made of ---- */

static void tell(struct scene *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct scene *s, const char *fmt, ...)
{
	size_t at = strlen(s->told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->told + at, sizeof(s->told) - at, fmt, ap);
	va_end(ap);
}

typedef json_t *(*command)(const json_t *params, void *arg, struct err *err);

/* "accepted", or "refused (EADDRINUSE)". Takes @params over. */
static const char *ask(struct scene *s, command c, json_t *params)
{
	struct methods_arg arg = {.rt = &s->rig.rig.rt};
	static char text[80];
	struct err err = {0};
	json_t *reply;

	assert_non_null(params);
	reply = c(params, &arg, &err);
	json_decref(params);
	snprintf(text, sizeof(text), "accepted");
	if (reply == NULL)
		snprintf(text, sizeof(text), "refused (%s)", err_name(err.code));
	json_decref(reply);
	return text;
}

static const char *address(struct scene *s, command c, const char *dev, const char *text)
{
	return ask(s, c, json_pack("{s:s,s:s}", "dev", dev, "address", text));
}

static const char *set(struct scene *s, const char *name, const char *key, const char *value)
{
	return ask(s, command_link_set, json_pack("{s:s,s:s}", "name", name, key, value));
}

/* A fourth vnic, z. NULL: not named. */
static const char *add_vnic(struct scene *s, const char *port, const char *mode, const char *flags)
{
	return ask(s, command_link_add,
		   json_pack("{s:s,s:s,s:s,s:s*,s:s*}", "name", "z", "link", port, "type", "ipvlan",
			     "mode", mode, "flags", flags));
}

/* Who gets a UDP frame between these symbols: "A,W", or "none". */
static const char *who_gets(struct scene *s, const char *end, const char *macs, const char *from,
			    const char *to)
{
	char dst[12], src[12];
	static char text[64];
	uint8_t bytes[128];
	size_t len;

	assert_int_equal(sscanf(macs, "%11[^,],%11s", dst, src), 2);
	len = iv_udp(bytes, dst, src, from, to);
	s->rig.n = 0;
	iv_send(&s->rig, end, bytes, len);
	iv_run(&s->rig);
	iv_receivers(&s->rig, bytes, len, text, sizeof(text));
	for (char *c = text; *c != '\0'; c++)
		*c = *c == ' ' ? ',' : *c;
	return strcmp(text, "-") == 0 ? "none" : text;
}

static const char *from_wire_to(struct scene *s, const char *to)
{
	return who_gets(s, "W", "M,R", strchr(iv_symbol(to), ':') != NULL ? "R6" : "R4", to);
}

static const char *sibling_gets(struct scene *s)
{
	return who_gets(s, "A", "M,M", "A4", "B4");
}

/* The frame of another row. */
static size_t frame_of(const char *id, uint8_t bytes[IV_MAX_FRAME])
{
	struct iv_row row = {.id = ""};

	snprintf(row.id, sizeof(row.id), "%s", id);
	return iv_frame(&row, bytes);
}

/* ---- addresses ---- */

static void taken4(struct scene *s)
{
	tell(s, "%s", address(s, command_address_add, "a", "10.0.0.3/24"));
}

static void taken6(struct scene *s)
{
	tell(s, "%s", address(s, command_address_add, "a", "2001:db8::3/64"));
}

static void other_length(struct scene *s)
{
	tell(s, "%s", address(s, command_address_add, "a", "10.0.0.2/16"));
}

static void ports_own(struct scene *s)
{
	tell(s, "%s; ", address(s, command_address_add, "a", "10.0.0.1/24"));
	tell(s, "%s", from_wire_to(s, "H4"));
}

static void handed_over(struct scene *s)
{
	address(s, command_address_del, "b", "10.0.0.3/24");
	tell(s, "%s; ", from_wire_to(s, "B4"));
	tell(s, "%s; ", address(s, command_address_add, "a", "10.0.0.3/24"));
	tell(s, "%s", from_wire_to(s, "B4"));
}

static void inherited(struct scene *s)
{
	ask(s, command_link_del, json_pack("{s:s}", "name", "b"));
	tell(s, "%s; ", from_wire_to(s, "B4"));
	tell(s, "%s; ", address(s, command_address_add, "a", "10.0.0.3/24"));
	tell(s, "%s", from_wire_to(s, "B4"));
}

static void down_and_up(struct scene *s)
{
	set(s, "b", "state", "down");
	tell(s, "down:%s,", from_wire_to(s, "B4"));
	tell(s, "%s ", from_wire_to(s, "B6"));
	set(s, "b", "state", "up");
	tell(s, "up:%s,", from_wire_to(s, "B4"));
	tell(s, "%s", from_wire_to(s, "B6"));
}

static void other_port(struct scene *s)
{
	char ini[IV_INI_SIZE + 128];
	struct err err = {0};
	int rc;

	snprintf(ini, sizeof(ini),
		 "%s[port q]\ndevice = net_null0\n[vnic z]\ntype = ipvlan\nport = q\n"
		 "address = 10.0.0.2/24\n",
		 s->rig.ini);
	rc = rig_reload(&s->rig.rig, ini, &err);
	tell(s, "%s", rc == 0 ? "accepted" : err.text);
}

static void given_while_down(struct scene *s)
{
	set(s, "c", "state", "down");
	tell(s, "%s ", address(s, command_address_add, "c", "10.0.0.50/24"));
	tell(s, "%s ", from_wire_to(s, "Y4"));
	set(s, "c", "state", "up");
	tell(s, "%s", from_wire_to(s, "Y4"));
}

/* ---- mode and flags ---- */

static const struct fwd_port *port(const struct scene *s)
{
	return &s->rig.rig.rt.dp.snapshot->ports[0];
}

static const char *port_mode(const struct scene *s)
{
	static char text[32];

	snprintf(text, sizeof(text), "%s %s", vnic_mode_name((enum vnic_mode)port(s)->mode),
		 port(s)->flags == 0 ? "bridge" : ipvlan_flag_name(port(s)->flags));
	return text;
}

/* Only l3's owners are without ARP. */
static const char *is_noarp(const struct scene *s)
{
	return port(s)->mode != MODE_L2 ? "True" : "False";
}

static void unnamed_mode(struct scene *s)
{
	assert_string_equal(add_vnic(s, "p", NULL, NULL), "accepted");
	tell(s, "A.noarp=%s port=%s", is_noarp(s), port_mode(s));
}

static void unnamed_flags(struct scene *s)
{
	assert_string_equal(add_vnic(s, "p", "l2", NULL), "accepted");
	tell(s, "z0: %s; A->B %s", port_mode(s), sibling_gets(s));
}

static void other_flags(struct scene *s)
{
	tell(s, "%s; ", add_vnic(s, "p", "l2", "private"));
	tell(s, "A->B %s", sibling_gets(s));
}

static void both_flags(struct scene *s)
{
	tell(s, "%s", set(s, "a", "flags", "private,vepa"));
}

static void mode_of_all(struct scene *s)
{
	uint8_t bytes[IV_MAX_FRAME];
	size_t len = frame_of("IV-010", bytes);
	char text[32];

	bytes[len - 1] = 3; /* asks for B4 */
	assert_string_equal(set(s, "a", "mode", "l3"), "accepted");
	s->rig.s.mode = MODE_L3;
	iv_send(&s->rig, "W", bytes, len);
	iv_run(&s->rig);
	tell(s, "B.noarp=%s W->ARP(B4):%s", is_noarp(s),
	     iv_receivers(&s->rig, bytes, len, text, sizeof(text)));
}

static void other_kind(struct scene *s)
{
	tell(s, "macvlan-on-ipvlan-lower:%s",
	     ask(s, command_link_add,
		 json_pack("{s:s,s:s,s:s}", "name", "z", "link", "p", "type", "macvlan")));
}

static void on_a_vnic(struct scene *s)
{
	tell(s, "%s", add_vnic(s, "a", "l2", NULL));
}

static void own_mac(struct scene *s)
{
	tell(s, "%s", set(s, "a", "address", "02:00:00:00:00:07"));
}

/* ---- the port's link ---- */

/* net_ring's link is what its port was told. */
static void lose_link(struct scene *s)
{
	uint16_t id;

	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring_W", &id), 0);
	assert_int_equal(rte_eth_dev_set_link_down(id), 0);
	runtime_tick(&s->rig.rig.rt);
	runtime_settle(&s->rig.rig.rt);
}

static void no_link(struct scene *s)
{
	lose_link(s);
	tell(s, "A state %s; ", runtime_vnic(&s->rig.rig.rt, "a")->carrier ? "UP" : "DOWN");
	tell(s, "A->B %s; ", sibling_gets(s));
	tell(s, "A->BC %s", who_gets(s, "A", "BC,M", "A4", "SB4"));
}

static void lower_down(struct scene *s)
{
	lose_link(s);
	tell(s, "A->B %s; ", sibling_gets(s));
	tell(s, "A->BC %s; ", who_gets(s, "A", "BC,M", "A4", "SB4"));
	tell(s, "A->R %s", who_gets(s, "A", "R,M", "A4", "F4"));
}

/* ---- next hops ---- */

/* "M>BC arp req sha=M spa=H4 tha=ZERO tpa=R4" */
static void tell_question(struct scene *s)
{
	const struct iv_copy *q = &s->rig.question;
	struct ip_addr h4 = iv_addr("H4"), r4 = iv_addr("R4"), hl6 = iv_addr("HL6");
	char dst[24], text[IP_STR_LEN];
	struct nd m;

	assert_int_equal(s->rig.asked.n, 1);
	assert_true(nd_parse(&m, q->bytes, q->len));
	assert_int_equal(m.eth_src, iv_mac("M"));
	assert_int_equal(m.sender_mac, iv_mac("M"));
	snprintf(dst, sizeof(dst), "%s", iv_mac_name(m.eth_dst));
	if (m.op == ND_NS) {
		assert_int_equal(ip_addr_cmp(&m.sender, &hl6), 0);
		tell(s, "W: NS M>%s src=HL6 target=%s slla=M; after NA ", dst,
		     s->rig.asked.list[0]);
		return;
	}
	assert_int_equal(m.target_mac, 0);
	tell(s, "W: M>%s arp req sha=M spa=%s tha=ZERO tpa=%s", dst,
	     m.is_probe				? "Z4"
	     : ip_addr_cmp(&m.sender, &h4) == 0 ? "H4"
						: ip_addr_format(&m.sender, text),
	     ip_addr_cmp(&m.target, &r4) == 0 ? "R4" : s->rig.asked.list[0]);
}

/* What waited goes out as it came, but for its Ethernet header. */
static void tell_sent(struct scene *s, const uint8_t *bytes, size_t len)
{
	const struct iv_copy *c = &s->rig.copies[0];

	assert_int_equal(s->rig.n, 1);
	assert_int_equal(c->len, len);
	assert_memory_equal(c->bytes + 12, bytes + 12, len - 12);
	tell(s, "%c: %s>", c->end, iv_mac_name(mac_load(c->bytes + 6)));
	tell(s, "%s ip%d A%d>F%d %s%d", iv_mac_name(mac_load(c->bytes)), bytes[14] >> 4,
	     bytes[14] >> 4, bytes[14] >> 4, bytes[14] >> 4 == 6 ? "hl" : "ttl",
	     c->bytes[bytes[14] >> 4 == 6 ? 21 : 22]);
}

static void resolve(struct scene *s, const char *from, const char *to, const char *between)
{
	uint8_t bytes[128];
	size_t len = iv_udp(bytes, "M", "M", from, to);

	s->rig.s.silent = false; /* the gateway answers when it is asked, not before */
	iv_send(&s->rig, "A", bytes, len);
	iv_run(&s->rig);
	tell_question(s);
	tell(s, "%s", between);
	tell_sent(s, bytes, len);
}

static void resolve4(struct scene *s)
{
	resolve(s, "A4", "F4", "; after reply ");
}

static void resolve6(struct scene *s)
{
	resolve(s, "A6", "F6", "");
}

static void unnumbered(struct scene *s)
{
	uint8_t bytes[128];

	iv_send(&s->rig, "A", bytes, iv_udp(bytes, "M", "M", "A4", "F4"));
	iv_run(&s->rig);
	tell_question(s);
}

/* Who is asked for on the wire when these are sent to. */
static void targets(struct scene *s, const char *to4)
{
	uint8_t bytes[128];
	char text[128];

	iv_send(&s->rig, "A", bytes, iv_udp(bytes, "M", "M", "A4", to4));
	iv_run(&s->rig);
	tell(s, "A got ICMP: %d; W ARP targets: %s", (int)s->rig.n,
	     iv_join(&s->rig.asked, text, sizeof(text)));
}

static void nobody_there(struct scene *s)
{
	targets(s, "N4");
}

static void no_default(struct scene *s)
{
	char text[128];
	uint8_t bytes[128];

	iv_send(&s->rig, "A", bytes, iv_udp(bytes, "M", "M", "A4", "F4"));
	iv_send(&s->rig, "A", bytes, iv_udp(bytes, "M", "M", "A6", "F6"));
	iv_run(&s->rig);
	iv_join(&s->rig.asked, text, sizeof(text));
	tell(s, "W: %s; NS: none", strcmp(text, "-") == 0 ? "none" : text);
}

/* The kernel's question was for 150 full frames; ours has the oldest go first, too. */
static void many_wait(struct scene *s)
{
	uint8_t bytes[128];
	size_t len = iv_udp(bytes, "M", "M", "A4", "F4");

	for (uint8_t i = 0; i < 150; i++) {
		bytes[len] = i;
		iv_send(&s->rig, "A", bytes, len + 1);
	}
	rig_turn(&s->rig.rig, 5);
	s->rig.s.silent = false;
	iv_run(&s->rig);
	assert_in_range(s->rig.n, 50, 149);
	for (size_t i = 0; i < s->rig.n; i++)
		assert_int_equal(s->rig.copies[i].bytes[len], 150 - s->rig.n + i);
	assert_int_equal(rig_drops(&s->rig.rig, "p", DROP_NEIGHBOUR_QUEUE_FULL), 150 - s->rig.n);
	tell(s, "queued packets released: some but not all");
}

/* ---- who answers whom ---- */

/* R asks the wire for A's addresses, first the one, then the other. */
static void tell_answers(struct scene *s)
{
	static const struct {
		const char *id, *what, *whose;
	} questions[] = {{"IV-010", "ARP reply", "sha=M spa=A4"}, {"IV-028", "NA", "target=A6"}};
	uint8_t bytes[IV_MAX_FRAME];

	for (int i = 0; i < 2; i++) {
		const struct iv_copy *c = NULL;
		struct nd m;

		s->rig.n = 0;
		iv_send(&s->rig, "W", bytes, frame_of(questions[i].id, bytes));
		iv_run(&s->rig);
		for (size_t k = 0; k < s->rig.n; k++)
			c = s->rig.copies[k].end == 'W' ? &s->rig.copies[k] : c;
		tell(s, "%s%s: ", i > 0 ? "; " : "", questions[i].what);
		if (c == NULL) {
			tell(s, "none");
			continue;
		}
		assert_true(nd_parse(&m, c->bytes, c->len));
		assert_true(m.op == ND_ARP_REPLY || m.op == ND_NA);
		tell(s, "%s>", iv_mac_name(m.eth_src));
		tell(s, "%s %s", iv_mac_name(m.eth_dst), questions[i].whose);
	}
}

static void tell_proxy(struct scene *s)
{
	s->rig.s.proxy = true;
	assert_int_equal(iv_reload(&s->rig), 0);
	tell_answers(s);
}

static void tell_proxy_l3s(struct scene *s)
{
	tell_proxy(s);
	tell(s, "; then W->A: %s", from_wire_to(s, "A4"));
}

/* ---- the flood queue ---- */

/*
 * Copies to a netdev cost system calls, so they wait; a ring is quick, but may say so, too. What is
 * sent to the wire doesn't wait here.
 */
static void storm(struct scene *s)
{
	struct runtime *rt = &s->rig.rig.rt;
	unsigned int sent = 0, wire = 0, b = 0;
	uint8_t bytes[128];
	size_t len = iv_udp(bytes, "BC", "M", "A4", "SB4");

	for (int i = 1; i < 3; i++)
		rt->vnics[i]->at.endpoint->slow = true;
	for (int burst = 0; burst < 50; burst++) {
		for (int i = 0; i < 100; i++, sent++)
			iv_send(&s->rig, "A", bytes, len);
		rig_turn(&s->rig.rig, 4);
		wire += rig_drain(&s->rig.rig, "W");
		b += rig_drain(&s->rig.rig, "B");
		rig_drain(&s->rig.rig, "C");
	}
	for (int i = 0; i < 70; i++) {
		rig_turn(&s->rig.rig, 1);
		b += rig_drain(&s->rig.rig, "B");
		rig_drain(&s->rig.rig, "C");
	}
	tell(s, "A sent %u; wire %u; ", sent, wire);
	assert_int_equal(b + rig_drops(&s->rig.rig, "p", DROP_FLOOD_QUEUE_FULL), sent);
	assert_in_range(b, 1000, sent - 1);
	tell(s, "B at least 1000, the rest flood_queue_full");
}

/* ---- all ---- */

static const struct {
	const char *id;
	void (*play)(struct scene *s);
} scenes[] = {
	{"IV-601", taken4},	    {"IV-602", taken6},
	{"IV-603", other_length},   {"IV-604", taken4},
	{"IV-605", ports_own},	    {"IV-606", handed_over},
	{"IV-607", inherited},	    {"IV-608", down_and_up},
	{"IV-610", other_port},	    {"IV-612", given_while_down},
	{"IV-620", unnamed_mode},   {"IV-621", unnamed_flags},
	{"IV-622", other_flags},    {"IV-623", both_flags},
	{"IV-624", mode_of_all},    {"IV-625", other_kind},
	{"IV-626", on_a_vnic},	    {"IV-627", own_mac},
	{"IV-630", no_link},	    {"IV-631", lower_down},
	{"IV-650", resolve4},	    {"IV-651", resolve6},
	{"IV-652", unnumbered},	    {"IV-653", nobody_there},
	{"IV-656", tell_answers},   {"IV-658", tell_answers},
	{"IV-659", tell_proxy_l3s}, {"IV-660", tell_proxy},
	{"IV-671", no_default},	    {"IV-675", many_wait},
	{"IV-718", storm},
};

#define N_SCENES (sizeof(scenes) / sizeof(scenes[0]))

static struct iv_row rows[IV_MAX_ROWS];
static size_t n_rows;

static void one_scene(void **state)
{
	size_t i = *(const size_t *)*state;

	memset(&scene, 0, sizeof(scene));
	scene.row = iv_row_find(rows, n_rows, scenes[i].id);
	iv_start(&scene.rig, scene.row);
	scenes[i].play(&scene);
	iv_stop(&scene.rig);
	assert_string_equal(scene.told, scene.row->expected);
}

static bool is_played(const struct iv_row *row)
{
	for (size_t i = 0; i < N_SCENES; i++)
		if (strcmp(scenes[i].id, row->id) == 0)
			return true;
	return iv_row_is_frame(row) || strncmp(row->packet, "counters after ", 15) == 0 ||
	       iv_row_has_stacks(row);
}

/* Frames and counters are ipvlan_rows_test.c's. What nobody plays, nobody knows. */
static void every_row_is_played(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_rows; i++)
		if (!is_played(&rows[i]))
			fail_msg("%s is not played", rows[i].id);
}

/* Whoever failed left it running; the next row starts its own. */
static int stop(void **state)
{
	(void)state;
	iv_stop(&scene.rig);
	return 0;
}

int main(void)
{
	static struct CMUnitTest tests[N_SCENES + 1];
	static size_t numbers[N_SCENES];

	n_rows = iv_rows(rows, IV_MAX_ROWS);
	for (size_t i = 0; i < N_SCENES; i++) {
		numbers[i] = i;
		tests[i] = (struct CMUnitTest){
			.name = scenes[i].id,
			.test_func = one_scene,
			.teardown_func = stop,
			.initial_state = &numbers[i],
		};
	}
	tests[N_SCENES] = (struct CMUnitTest)cmocka_unit_test(every_row_is_played);
	return _cmocka_run_group_tests("ipvlan changes", tests, N_SCENES + 1, rig_eal, NULL);
}
