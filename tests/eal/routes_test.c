/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's routes: the longest prefix, and what its addresses bring with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_memory.h>

#include "fwd/routes.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct err error;

static struct routes *make_linked(const char *const *routes, size_t n, const char *const *own,
				  size_t n_own, size_t n_linked)
{
	struct ip_route r[8] = {0};
	struct ip_prefix o[8];
	struct routes *t;

	for (size_t i = 0; i < n; i++)
		if (!ip_route_parse(routes[i], &r[i])) /* "PREFIX": on-link */
			assert_true(ip_prefix_parse(routes[i], &r[i].dst));
	for (size_t i = 0; i < n_own; i++)
		assert_true(ip_prefix_parse(own[i], &o[i]));
	t = routes_create(r, n, o, n_own, n_linked, SOCKET_ID_ANY, &error);
	if (t == NULL)
		fail_msg("%s", error.text);
	return t;
}

static struct routes *make(const char *const *routes, size_t n, const char *const *own,
			   size_t n_own)
{
	return make_linked(routes, n, own, n_own, n_own);
}

/* "via 10.0.0.254", "on-link", … */
static void assert_route(const struct routes *t, const char *dst, const char *expected)
{
	static const char *const words[] = {"none", "on-link", "via", "local", "broadcast"};
	char got[IP_STR_LEN + 16], buf[IP_STR_LEN];
	struct ip_addr a, via = {0};
	enum route r;

	assert_true(ip_addr_parse(dst, &a));
	if (a.family == 4)
		r = routes_lookup4(t,
				   (uint32_t)a.b[0] << 24 | (uint32_t)a.b[1] << 16 |
					   (uint32_t)a.b[2] << 8 | a.b[3],
				   &via);
	else
		r = routes_lookup6(t, a.b, &via);
	snprintf(got, sizeof(got), "%s", words[r]);
	if (r == ROUTE_VIA)
		snprintf(got, sizeof(got), "via %s", ip_addr_format(&via, buf));
	else if (r == ROUTE_ON_LINK)
		assert_int_equal(ip_addr_cmp(&via, &a), 0);
	else
		assert_int_equal(via.family, 0);
	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s, not %s", dst, got, expected);
}

static void test_ipv4(void **state)
{
	static const char *const routes[] = {"default via 10.0.0.254",
					     "198.51.100.0/24 via 10.0.0.200",
					     "198.51.100.64/26 via 10.0.0.201",
					     "198.51.100.65/32 via 10.0.0.202", "203.0.113.0/24"};
	static const char *const own[] = {"10.0.0.1/24", "192.0.2.1/31"};
	struct routes *t = make(routes, N(routes), own, N(own));

	(void)state;
	assert_route(t, "8.8.8.8", "via 10.0.0.254");
	assert_route(t, "198.51.100.7", "via 10.0.0.200");
	assert_route(t, "198.51.100.64", "via 10.0.0.201");
	assert_route(t, "198.51.100.65", "via 10.0.0.202");
	assert_route(t, "198.51.100.127", "via 10.0.0.201");
	assert_route(t, "198.51.100.128", "via 10.0.0.200");
	assert_route(t, "198.51.101.0", "via 10.0.0.254");
	assert_route(t, "203.0.113.9", "on-link");
	assert_route(t, "10.0.0.99", "on-link");
	assert_route(t, "10.0.0.1", "local");
	assert_route(t, "10.0.0.255", "broadcast");
	assert_route(t, "192.0.2.0", "on-link"); /* RFC 3021: no broadcast in a /31 */
	assert_route(t, "192.0.2.1", "local");
	assert_route(t, "2001:db8::1", "none");
	routes_put(t);
}

/* Of a host's addresses; whether its networks are on the link, its routes say. */
static void test_addresses_that_bring_no_route(void **state)
{
	static const char *const routes[] = {"10.8.0.0/24"};
	static const char *const own[] = {"10.0.0.1/24", "10.7.0.1/24", "10.8.0.1/24"};
	struct routes *t = make_linked(routes, N(routes), own, N(own), 1);

	(void)state;
	assert_route(t, "10.0.0.9", "on-link");
	assert_route(t, "10.7.0.1", "local");
	assert_route(t, "10.7.0.255", "broadcast");
	assert_route(t, "10.7.0.9", "none");
	assert_route(t, "10.8.0.9", "on-link");
	assert_route(t, "10.8.0.255", "broadcast");
	routes_put(t);
}

static void test_ipv6(void **state)
{
	static const char *const routes[] = {"default via fe80::fe",
					     "2001:db8:ffff::/48 via 2001:db8::fe",
					     "2001:db8:ffff:1::/64 via 2001:db8::c8"};
	static const char *const own[] = {"2001:db8::1/64", "fe80::1/64"};
	struct routes *t = make(routes, N(routes), own, N(own));

	(void)state;
	assert_route(t, "2001:db8:9::9", "via fe80::fe");
	assert_route(t, "2001:db8:ffff::7", "via 2001:db8::fe");
	assert_route(t, "2001:db8:ffff:1::7", "via 2001:db8::c8");
	assert_route(t, "2001:db8::ffff", "on-link");
	assert_route(t, "2001:db8::1", "local");
	assert_route(t, "fe80::1", "local");
	assert_route(t, "fe80::2", "on-link");
	assert_route(t, "10.0.0.1", "none");
	routes_put(t);
}

/* IV-435, IV-912: without a default route there is nowhere to go. */
static void test_without_default(void **state)
{
	static const char *const own[] = {"10.0.0.1/24", "2001:db8::1/64"};
	struct routes *t = make(NULL, 0, own, N(own));

	(void)state;
	assert_route(t, "198.51.100.7", "none");
	assert_route(t, "10.0.1.0", "none");
	assert_route(t, "2001:db8:0:1::", "none");
	assert_route(t, "fe80::9", "on-link");
	routes_put(t);
	t = make(NULL, 0, NULL, 0);
	assert_route(t, "10.0.0.1", "none");
	assert_route(t, "fe80::1", "none");
	routes_put(t);
}

/* A host route of an own address, two routes for one prefix: the first counts. */
static void test_the_first_counts(void **state)
{
	static const char *const routes[] = {"10.0.0.0/24 via 10.0.0.9", "10.5.0.0/16 via 10.0.0.3",
					     "10.5.0.0/16 via 10.0.0.4"};
	static const char *const own[] = {"10.0.0.1/24", "10.0.0.2/24", "10.7.0.1/32"};
	struct routes *t = make(routes, N(routes), own, N(own));

	(void)state;
	assert_route(t, "10.5.1.1", "via 10.0.0.3");
	assert_route(t, "10.0.0.99", "on-link");
	assert_route(t, "10.0.0.2", "local");
	assert_route(t, "10.7.0.1", "local");
	routes_put(t);
}

/* Thousands, against a search through the list; and a snapshot's old and new table side by side. */
static void test_many(void **state)
{
	enum { MANY = 4000 };
	struct ip_route *list = calloc(MANY, sizeof(*list));
	struct routes *t, *other;
	uint32_t seed = 12345;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < MANY; i++) {
		uint32_t len = 8 + (seed = seed * 1664525 + 1013904223) % 25, net;

		seed = seed * 1664525 + 1013904223;
		net = (10u << 24 | seed >> 8) & (UINT32_MAX << (32 - len));
		list[i].dst.len = (uint8_t)len;
		list[i].dst.addr.family = list[i].via.family = 4;
		for (int b = 0; b < 4; b++)
			list[i].dst.addr.b[b] = (uint8_t)(net >> (24 - 8 * b));
		list[i].via.b[0] = 10;
		list[i].via.b[2] = (uint8_t)(i >> 8);
		list[i].via.b[3] = (uint8_t)i;
	}
	t = routes_create(list, MANY, NULL, 0, 0, SOCKET_ID_ANY, &error);
	other = routes_create(list, MANY, NULL, 0, 0, SOCKET_ID_ANY, &error);
	assert_true(t != NULL && other != NULL);
	routes_put(other);
	for (int i = 0; i < 2000; i++) {
		uint32_t dst = 10u << 24 | (seed = seed * 1664525 + 1013904223) >> 8;
		const struct ip_route *best = NULL;
		struct ip_addr via;

		for (size_t k = 0; k < MANY; k++) {
			const uint8_t *b = list[k].dst.addr.b;
			uint32_t net = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
				       (uint32_t)b[2] << 8 | b[3];

			if (((dst ^ net) & (UINT32_MAX << (32 - list[k].dst.len))) == 0 &&
			    (best == NULL || list[k].dst.len > best->dst.len))
				best = &list[k];
		}
		assert_int_equal(routes_lookup4(t, dst, &via), best ? ROUTE_VIA : ROUTE_NONE);
		if (best != NULL)
			assert_int_equal(ip_addr_cmp(&via, &best->via), 0);
	}
	routes_put(t);
	free(list);
}

/* EAL without hugepages; its files bear our PID: tests may run side by side. */
static int eal_up(void)
{
	static char line[200];
	char *argv[16], *s = line;
	int argc = 0;

	snprintf(line, sizeof(line),
		 "routes_test --no-huge -m 64 --no-pci --no-telemetry -l 0 --log-level=4 "
		 "--file-prefix=vnic_routes_%d",
		 (int)getpid());
	while ((argv[argc] = strsep(&s, " ")) != NULL)
		argc++;
	return rte_eal_init(argc, argv);
}

int main(void)
{
	char command[300];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_addresses_that_bring_no_route),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_without_default),
		cmocka_unit_test(test_the_first_counts),
		cmocka_unit_test(test_many),
	};
	int rc;

	if (eal_up() < 0)
		return 1;
	snprintf(command, sizeof(command), "rm -rf '%s'", rte_eal_get_runtime_dir());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rte_eal_cleanup();
	if (system(command) != 0)
		print_error("%s\n", command);
	return rc;
}
