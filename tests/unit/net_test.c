/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/net: addresses and their texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ip.h"
#include "net/mac.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* ---- MAC ---- */

static void test_mac_bytes(void **state)
{
	const uint8_t wire[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};
	uint8_t out[7] = {[6] = 0xee};
	uint64_t mac = mac_load(wire);

	(void)state;
	assert_true(mac == 0x554433221102ULL);
	mac_store(out, mac);
	assert_memory_equal(out, wire, 6);
	assert_int_equal(out[6], 0xee);
}

static void test_mac_text(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: not a MAC */
	} rows[] = {
		{"02:00:00:00:00:01", "02:00:00:00:00:01"},
		{"AA:bb:Cc:dD:eE:FF", "aa:bb:cc:dd:ee:ff"},
		{"2:0:0:a:0:1", "02:00:00:0a:00:01"},
		{"", NULL},
		{"02:00:00:00:00", NULL},
		{"02:00:00:00:00:", NULL},
		{"02:00:00:00:00:01:", NULL},
		{"02:00:00:00:00:001", NULL},
		{"02:00:00:00:00:01 ", NULL},
		{" 02:00:00:00:00:01", NULL},
		{"02-00-00-00-00-01", NULL},
		{"020000000001", NULL},
		{"02:00:00:00:00:0g", NULL},
		{"02::00:00:00:00:01", NULL},
		{"+2:00:00:00:00:01", NULL},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t mac = 77;
		char buf[MAC_STR_LEN];

		assert_int_equal(mac_parse(rows[i].text, &mac), rows[i].back != NULL);
		if (rows[i].back != NULL)
			assert_string_equal(mac_format(mac, buf), rows[i].back);
		else
			assert_true(mac == 77);
	}
}

static uint64_t mac_of(const char *text)
{
	uint64_t mac = 0;

	assert_true(mac_parse(text, &mac));
	return mac;
}

static void test_mac_kinds(void **state)
{
	(void)state;
	assert_true(mac_is_group(mac_of("01:00:5e:00:00:01")));
	assert_true(mac_is_group(MAC_BROADCAST));
	assert_false(mac_is_group(mac_of("02:01:01:01:01:01")));
	assert_true(mac_is_valid(mac_of("02:00:00:00:00:00")));
	assert_false(mac_is_valid(mac_of("03:00:00:00:00:00")));
	assert_false(mac_is_valid(0));
}

static void test_mac_add(void **state)
{
	static const struct {
		const char *from;
		uint32_t n;
		const char *to;
	} rows[] = {
		{"02:00:00:00:00:01", 0, "02:00:00:00:00:01"},
		{"02:00:00:00:00:ff", 1, "02:00:00:00:01:00"},
		{"02:00:00:00:00:01", 59999, "02:00:00:00:ea:60"},
		/* The vendor's half stays what it is. */
		{"02:00:00:ff:ff:ff", 1, "02:00:00:00:00:00"},
		{"02:00:00:00:00:01", 1u << 24, "02:00:00:00:00:01"},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char buf[MAC_STR_LEN];

		assert_string_equal(mac_format(mac_add(mac_of(rows[i].from), rows[i].n), buf),
				    rows[i].to);
	}
}

static void test_mac_from_names(void **state)
{
	uint64_t mac = mac_from_names("eth0", "web");
	char buf[MAC_STR_LEN];

	(void)state;
	/* Written down: a new version that moves it would change every deployed vnic's address. */
	assert_string_equal(mac_format(mac, buf), "b6:28:64:dc:a3:a2");
	assert_true(mac == mac_from_names("eth0", "web"));
	assert_true(mac != mac_from_names("eth1", "web"));
	assert_true(mac != mac_from_names("eth0", "web1"));
	assert_true(mac_from_names("ab", "c") != mac_from_names("a", "bc"));
	for (int i = 0; i < 1000; i++) {
		char name[8] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26),
				(char)('a' + i / 676)};

		mac = mac_from_names("eth0", name);
		assert_true(mac_is_valid(mac));
		assert_int_equal(mac & 0x03, 0x02); /* locally administered, unicast */
		assert_true(mac <= MAC_MASK);
	}
}

/* ---- IP ---- */

static void test_prefix_text(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: not a prefix */
	} rows[] = {
		{"10.0.0.2/24", "10.0.0.2/24"},
		{"10.0.0.2", "10.0.0.2/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"2001:DB8::2/64", "2001:db8::2/64"},
		{"::1", "::1/128"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
		{"", NULL},
		{"/24", NULL},
		{"10.0.0.2/", NULL},
		{"10.0.0.2/33", NULL},
		{"10.0.0.2/024", NULL},
		{"10.0.0.2/+4", NULL},
		{"10.0.0.2/-1", NULL},
		{"10.0.0.2/24/8", NULL},
		{"10.0.0.2/1000", NULL},
		{"10.0.0", NULL},
		{"10.0.0.256", NULL},
		{"10.0.0.02", NULL},
		{"10.0.0.2 ", NULL},
		{"2001:db8::2/129", NULL},
		{"fe80::1%eth0", NULL},
		{"1:2:3:4:5:6:7:8:9", NULL},
		{"host", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct ip_prefix p = {.len = 77};
		char buf[IP_STR_LEN];

		assert_int_equal(ip_prefix_parse(rows[i].text, &p), rows[i].back != NULL);
		if (rows[i].back != NULL)
			assert_string_equal(ip_prefix_format(&p, buf), rows[i].back);
		else
			assert_int_equal(p.len, 77);
	}
}

static void test_range(void **state)
{
	static const struct {
		const char *text, *first, *last;
		unsigned int len;
		uint32_t count;
	} rows[] = {
		{"10.0.0.2", "10.0.0.2", "10.0.0.2", 32, 1},
		{"10.0.0.2/24", "10.0.0.2", "10.0.0.2", 24, 1},
		{"10.1.0.1-10.1.3.255", "10.1.0.1", "10.1.3.255", 32, 1023},
		{"10.0.0.255-10.0.1.0", "10.0.0.255", "10.0.1.0", 32, 2},
		{"0.0.0.0-255.255.255.254", "0.0.0.0", "255.255.255.254", 32, UINT32_MAX},
		{"0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", 32, UINT32_MAX},
		{"2001:db8::1-2001:db8::1:0", "2001:db8::1", "2001:db8::1:0", 128, 65536},
		{"2001:db8::-2001:db8::ffff:fffe", "2001:db8::", "2001:db8::ffff:fffe", 128,
		 UINT32_MAX},
		{"2001:db8::-2001:db8:1::", "2001:db8::", "2001:db8:1::", 128, UINT32_MAX},
		{"2001:db8::ffff-2001:db8::1:0", "2001:db8::ffff", "2001:db8::1:0", 128, 2},
	};
	static const char *const bad[] = {
		"",
		"10.0.0.2-10.0.0.1",
		"10.0.0.1-",
		"-10.0.0.1",
		"10.0.0.1-2",
		"10.0.0.1-10.0.0.9/24",
		"10.0.0.1/24-10.0.0.9",
		"10.0.0.1-::1",
		"10.0.0.1 - 10.0.0.2",
	};
	struct ip_range r;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char buf[IP_STR_LEN];

		assert_true(ip_range_parse(rows[i].text, &r));
		assert_string_equal(ip_addr_format(&r.first, buf), rows[i].first);
		assert_string_equal(ip_addr_format(&r.last, buf), rows[i].last);
		assert_int_equal(r.len, rows[i].len);
		assert_int_equal(ip_range_count(&r), rows[i].count);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_false(ip_range_parse(bad[i], &r));
}

static void test_route(void **state)
{
	static const struct {
		const char *text, *dst, *via;
	} rows[] = {
		{"default via 192.0.2.1", "0.0.0.0/0", "192.0.2.1"},
		{"default via fe80::1", "::/0", "fe80::1"},
		{"10.0.0.0/8 via 192.0.2.1", "10.0.0.0/8", "192.0.2.1"},
		{"  10.1.2.3\tvia   192.0.2.1 ", "10.1.2.3/32", "192.0.2.1"},
		{"2001:db8::/33 via fe80::1", "2001:db8::/33", "fe80::1"},
		{"10.9.0.0/16", "10.9.0.0/16", "none"}, /* on the link */
		{" 2001:db8::1 ", "2001:db8::1/128", "none"},
		{"default", "0.0.0.0/0", "none"},
		{"::/0", "::/0", "none"},
	};
	static const char *const bad[] = {
		"",
		"default via",
		"10.0.0.1/8",
		"via 192.0.2.1",
		"default 192.0.2.1",
		"10.0.0.1/8 via 192.0.2.1", /* bits beyond the length */
		"2001:db8:8000::/32 via fe80::1", /* the same */
		"10.0.0.0/8 via fe80::1",
		"10.0.0.0/8 via 192.0.2.1/24",
		"10.0.0.0/8 via 192.0.2.1 dev eth0",
		"defaultvia 192.0.2.1",
	};
	struct ip_route r;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char buf[IP_STR_LEN];

		assert_true(ip_route_parse(rows[i].text, &r));
		assert_string_equal(ip_prefix_format(&r.dst, buf), rows[i].dst);
		assert_string_equal(ip_addr_format(&r.via, buf), rows[i].via);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_false(ip_route_parse(bad[i], &r));
}

static struct ip_addr ip_of(const char *text)
{
	struct ip_addr a = {0};

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static void test_ip_add(void **state)
{
	static const struct {
		const char *from;
		uint32_t n;
		const char *to;
	} rows[] = {
		{"10.0.0.254", 3, "10.0.1.1"},
		{"255.255.255.255", 1, "0.0.0.0"},
		{"0.0.0.1", UINT32_MAX, "0.0.0.0"},
		{"2001:db8::ffff:ffff", 1, "2001:db8::1:0:0"},
		{"2001:db8::ff", UINT32_MAX, "2001:db8::1:0:fe"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2, "::1"},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct ip_addr a = ip_addr_add(ip_of(rows[i].from), rows[i].n);
		char buf[IP_STR_LEN];

		assert_string_equal(ip_addr_format(&a, buf), rows[i].to);
	}
}

static void test_ip_order(void **state)
{
	static const char *const rising[] = {
		"0.0.0.0", "9.255.255.255", "10.0.0.0",	 "255.255.255.255",
		"::",	   "::1",	    "2001:db8::"};

	(void)state;
	for (size_t i = 0; i < N(rising); i++)
		for (size_t k = 0; k < N(rising); k++) {
			struct ip_addr a = ip_of(rising[i]), b = ip_of(rising[k]);
			int cmp = ip_addr_cmp(&a, &b);

			assert_int_equal((cmp > 0) - (cmp < 0), (i > k) - (i < k));
		}
}

static void test_ip_unicast(void **state)
{
	static const char *const yes[] = {"10.0.0.1", "127.0.0.1", "223.255.255.255",
					  "::1",      "fe80::1",   "2001:db8::1"};
	static const char *const no[] = {"0.0.0.0",   "0.1.2.3", "224.0.0.1", "255.255.255.255",
					 "240.0.0.1", "::",	 "ff02::1"};

	(void)state;
	for (size_t i = 0; i < N(yes); i++) {
		struct ip_addr a = ip_of(yes[i]);

		assert_true(ip_addr_is_unicast(&a));
	}
	for (size_t i = 0; i < N(no); i++) {
		struct ip_addr a = ip_of(no[i]);

		assert_false(ip_addr_is_unicast(&a));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac_bytes),      cmocka_unit_test(test_mac_text),
		cmocka_unit_test(test_mac_kinds),      cmocka_unit_test(test_mac_add),
		cmocka_unit_test(test_mac_from_names), cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_range),	       cmocka_unit_test(test_route),
		cmocka_unit_test(test_ip_add),	       cmocka_unit_test(test_ip_order),
		cmocka_unit_test(test_ip_unicast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
