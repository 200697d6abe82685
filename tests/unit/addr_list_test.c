/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of a netdev's addresses, from the kernel's messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "endpoint/tap_addrs.h"
#include "net/mac.h"

#include "netlink_bytes.h"

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static struct tap_addr addr(const char *text, uint8_t len)
{
	struct tap_addr a = {.ip = ip(text), .len = len};

	if (a.ip.family == 4)
		memcpy(a.peer, a.ip.b, sizeof(a.peer));
	return a;
}

/* ---- messages ---------------------------------------------------------------------- */

static bool parse_first(const char *hex, size_t n, int *ifindex, struct tap_addr *a)
{
	struct nlmsghdr *nlh = netlink_cut(hex, n);
	bool ok = tap_addr_parse(nlh, ifindex, a);

	free(nlh);
	return ok;
}

static bool parse(const char *hex, int *ifindex, struct tap_addr *a)
{
	return parse_first(hex, SIZE_MAX, ifindex, a);
}

/* Linux 6.18, `ip addr add 10.0.0.1/24`, `10.9.0.1 peer 10.9.0.2`, `2001:db8::1/64`, a link-local one by itself. */
static const char v4[] = "500000001400020001000000115300000218800003000000080001000a000001"
			 "080002000a000001090003007765623000000000080008008000000014000600"
			 "ffffffffffffffff1629140016291400";
static const char v4_peer[] = "500000001400020001000000115300000220800003000000080001000a090002"
			      "080002000a090001090003007765623000000000080008008000000014000600"
			      "ffffffffffffffff1629140016291400";
static const char v6[] = "480000001400020001000000115300000a408200030000001400010020010db8"
			 "00000000000000000000000114000600ffffffffffffffff1629140016291400"
			 "0800080082000000";
static const char v6_tentative[] =
	"500000001400020001000000115300000a40c0fd0300000014000100fe800000"
	"0000000034b67afffeb3319f14000600ffffffffffffffff1429140014291400"
	"08000800c000000005000b0003000000";

static void test_messages_of_the_kernel(void **state)
{
	struct tap_addr a, b;
	int ifindex = 0;

	(void)state;
	assert_true(parse(v4, &ifindex, &a));
	assert_int_equal(ifindex, 3);
	assert_int_equal(ip_addr_cmp(&a.ip, &(struct ip_addr){4, {10, 0, 0, 1}}), 0);
	assert_true(parse(v4_peer, &ifindex, &b));
	assert_int_equal(ip_addr_cmp(&b.ip, &(struct ip_addr){4, {10, 9, 0, 1}}), 0);
	assert_true(parse(v6, &ifindex, &b));
	a = addr("2001:db8::1", 64);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(parse(v6_tentative, &ifindex, &b));
	a = addr("fe80::34b6:7aff:feb3:319f", 64);
	assert_memory_equal(&a, &b, sizeof(a));
}

/* In a block of no more than its size, for the sanitizer. */
static void test_messages_cut_short(void **state)
{
	const char *all[] = {v4, v4_peer, v6, v6_tentative};
	struct tap_addr a = {0};
	int ifindex;

	(void)state;
	for (size_t m = 0; m < sizeof(all) / sizeof(all[0]); m++)
		for (size_t n = sizeof(struct nlmsghdr); n < strlen(all[m]) / 2; n++)
			if (parse_first(all[m], n, &ifindex, &a))
				assert_true(a.ip.family == 4 || a.ip.family == 6);
	assert_false(parse_first(v4, 24, &ifindex, &a));
	assert_false(parse_first(v6, 40, &ifindex, &a));
}

static void test_link_local_of_an_ipvlan_slave(void **state)
{
	struct ip_addr a;
	uint64_t mac;

	(void)state;
	assert_true(mac_parse("02:4d:00:00:00:01", &mac));
	/* IV-614 */
	a = tap_addr_link_local(mac, 1);
	assert_int_equal(ip_addr_cmp(&a, (struct ip_addr[]){ip("fe80::24d:0:100:1")}), 0);
	a = tap_addr_link_local(mac, 0x1234);
	assert_int_equal(ip_addr_cmp(&a, (struct ip_addr[]){ip("fe80::24d:12:3400:1")}), 0);
}

/* ---- the list ------------------------------------------------------------------------ */

static void note(struct tap_addrs *s, const char *text, uint8_t len, bool is_gone)
{
	struct tap_addr a = addr(text, len);

	tap_addrs_note(s, &a, is_gone);
}

static void dumped(struct tap_addrs *s, const char *text, uint8_t len)
{
	struct tap_addr a = addr(text, len);

	tap_addrs_dumped(s, &a);
}

static void assert_list(const struct tap_addrs *s, const char *want)
{
	char text[1000] = "", one[IP_STR_LEN];
	size_t n = 0;

	for (size_t i = 0; i < s->n_told; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
				      ip_addr_format(&s->told[i].addr, one));
	assert_string_equal(text, want);
}

static void test_sorted_and_each_once(void **state)
{
	struct tap_addrs s = {0};

	(void)state;
	note(&s, "fe80::1", 0, false);
	note(&s, "10.0.0.2", 24, false);
	note(&s, "10.0.0.1", 24, false);
	note(&s, "10.0.0.1", 16, false);
	note(&s, "10.0.0.1", 24, false);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.1 10.0.0.2 fe80::1");
	assert_true(tap_addrs_has(&s, (struct ip_addr[]){ip("10.0.0.2")}));
	assert_false(tap_addrs_has(&s, (struct ip_addr[]){ip("10.0.0.3")}));
	assert_false(tap_addrs_settle(&s));
	/* It still has it, with another length. */
	note(&s, "10.0.0.1", 24, true);
	assert_false(tap_addrs_settle(&s));
	note(&s, "10.0.0.1", 16, true);
	note(&s, "10.9.9.9", 16, true);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.2 fe80::1");
	/* Come and gone between two looks. */
	note(&s, "10.0.0.5", 24, false);
	note(&s, "10.0.0.5", 24, true);
	note(&s, "10.0.0.2", 24, true);
	note(&s, "10.0.0.2", 24, false);
	assert_false(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.2 fe80::1");
	tap_addrs_clear(&s);
	assert_list(&s, "");
}

/* The prefix's length is the peer's where there is one; of several for an address the shortest counts. */
static void test_lengths(void **state)
{
	struct tap_addr peer = {.ip = ip("10.0.0.3"), .len = 24, .peer = {10, 9, 0, 1}};
	struct tap_addrs s = {0};

	(void)state;
	note(&s, "10.0.0.1", 24, false);
	note(&s, "10.0.0.2", 24, false);
	note(&s, "10.0.0.2", 16, false);
	tap_addrs_note(&s, &peer, false);
	note(&s, "fe80::1", 64, false);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.1 10.0.0.2 10.0.0.3 fe80::1");
	assert_int_equal(s.told[0].len, 24);
	assert_int_equal(s.told[1].len, 16);
	assert_int_equal(s.told[2].len, 32);
	assert_int_equal(s.told[3].len, 64);
	note(&s, "10.0.0.2", 16, true);
	assert_true(tap_addrs_settle(&s));
	assert_int_equal(s.told[1].len, 24);
	tap_addrs_clear(&s);
}

static void test_a_dump_replaces_and_events_know_better(void **state)
{
	struct tap_addrs s = {0};

	(void)state;
	note(&s, "10.0.0.1", 24, false);
	note(&s, "10.0.0.2", 24, false);
	tap_addrs_settle(&s);
	tap_addrs_dump_begin(&s);
	dumped(&s, "10.0.0.2", 24);
	note(&s, "10.0.0.4", 24, true); /* gone, but the dump had read it before */
	dumped(&s, "10.0.0.4", 24);
	note(&s, "10.0.0.3", 24, false); /* came behind where the dump was */
	assert_false(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.1 10.0.0.2");
	tap_addrs_dump_end(&s, true);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.2 10.0.0.3");
	/* One that was interrupted tells nothing; what was heard meanwhile counts. */
	tap_addrs_dump_begin(&s);
	dumped(&s, "10.0.0.9", 24);
	note(&s, "10.0.0.2", 24, true);
	tap_addrs_dump_end(&s, false);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "10.0.0.3");
	/* An empty one empties. */
	tap_addrs_dump_begin(&s);
	tap_addrs_dump_end(&s, true);
	assert_true(tap_addrs_settle(&s));
	assert_list(&s, "");
	/* Nothing is taken for a dump's that wasn't asked for. */
	dumped(&s, "10.0.0.9", 24);
	assert_false(tap_addrs_settle(&s));
	tap_addrs_clear(&s);
}

/* Who was shown a list reads it later, whatever happens meanwhile. */
static void test_what_was_shown_stays(void **state)
{
	struct tap_addrs s = {0};
	const struct ip_prefix *shown;

	(void)state;
	note(&s, "10.0.0.1", 24, false);
	tap_addrs_settle(&s);
	shown = tap_addrs_show(&s);
	for (uint8_t i = 2; i < 20; i++) {
		struct tap_addr a = {.ip = ip_addr_add(ip("10.0.0.0"), i), .len = 24};

		tap_addrs_note(&s, &a, false);
		if (i == 2)
			note(&s, "10.0.0.1", 24, true);
		assert_true(tap_addrs_settle(&s));
		assert_int_equal(ip_addr_cmp(&shown->addr, (struct ip_addr[]){ip("10.0.0.1")}), 0);
	}
	shown = tap_addrs_show(&s);
	tap_addrs_clear(&s);
	assert_int_equal(ip_addr_cmp(&shown->addr, (struct ip_addr[]){ip("10.0.0.2")}), 0);
	assert_null(tap_addrs_show(&s));
	tap_addrs_free(&s);
}

static struct tap_addr numbered(uint32_t i)
{
	return (struct tap_addr){.ip = ip_addr_add(ip("10.0.0.0"), i), .len = 32};
}

static void test_too_many(void **state)
{
	struct tap_addrs s = {0};
	struct tap_addr a;

	(void)state;
	for (uint32_t i = TAP_MAX_ADDRESSES + 10; i > 0; i--) {
		a = numbered(i - 1);
		tap_addrs_note(&s, &a, false);
	}
	assert_true(tap_addrs_settle(&s));
	assert_int_equal(s.n_told, TAP_MAX_ADDRESSES);
	a = numbered(TAP_MAX_ADDRESSES - 1);
	assert_true(tap_addrs_has(&s, &a.ip));
	assert_false(tap_addrs_take_loss(&s));
	/* Where there is room again, a dump has to tell for whom. */
	tap_addrs_note(&s, &a, true);
	assert_true(tap_addrs_settle(&s));
	assert_true(tap_addrs_take_loss(&s));
	assert_false(tap_addrs_take_loss(&s));
	tap_addrs_dump_begin(&s);
	for (uint32_t i = 0; i < 3 * TAP_MAX_ADDRESSES; i++) {
		a = numbered(i);
		tap_addrs_dumped(&s, &a);
	}
	tap_addrs_dump_end(&s, true);
	assert_true(tap_addrs_settle(&s));
	assert_int_equal(s.n_told, TAP_MAX_ADDRESSES);
	/* Notes that nobody settles end somewhere, too. */
	for (uint32_t i = 0; i < TAP_MAX_NEWS + 10; i++)
		tap_addrs_note(&s, &a, false);
	assert_true(tap_addrs_take_loss(&s));
	tap_addrs_clear(&s);
}

/* Against a table of what is there. */
static void test_random_events_and_dumps(void **state)
{
	enum { N = 40 };
	bool is_there[N] = {false};
	struct tap_addrs s = {0};

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		int what = rand() % 100;
		uint32_t i = (uint32_t)rand() % N;
		struct tap_addr a = numbered(i);

		if (what < 80) {
			is_there[i] = what < 40;
			tap_addrs_note(&s, &a, !is_there[i]);
		} else if (what < 90 && !s.in_dump) {
			tap_addrs_settle(&s);
			tap_addrs_dump_begin(&s);
			/* Read at once, whatever happens afterwards. */
			for (uint32_t j = 0; j < N; j++) {
				a = numbered(j);
				if (is_there[j])
					tap_addrs_dumped(&s, &a);
			}
		} else if (s.in_dump) {
			tap_addrs_dump_end(&s, rand() % 2 == 0);
		}
		tap_addrs_settle(&s);
		for (uint32_t j = 0; j < N && !s.in_dump; j++) {
			a = numbered(j);
			assert_int_equal(tap_addrs_has(&s, &a.ip), is_there[j]);
		}
	}
	tap_addrs_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_of_the_kernel),
		cmocka_unit_test(test_messages_cut_short),
		cmocka_unit_test(test_link_local_of_an_ipvlan_slave),
		cmocka_unit_test(test_sorted_and_each_once),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_a_dump_replaces_and_events_know_better),
		cmocka_unit_test(test_what_was_shown_stays),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_random_events_and_dumps),
	};

	return cmocka_run_group_tests_name("addr_list", tests, NULL, NULL);
}
