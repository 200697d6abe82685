/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes and neighbours, from messages that Linux 6.18 sent: netdev 3 is ours, 2 another. */
#include "netlink_bytes.h"

#include <linux/rtnetlink.h>

#include "endpoint/route_msg.h"
#include "net/mac.h"

#define OURS 3

/* 10.5.0.0/16 via 10.0.0.254 metric 7 */
static const char via[] = "4400000018000200010000001153000002100000fe0300010000000008000f00fe000000"
			  "080001000a0500000800060007000000080005000a0000fe0800040003000000";
/* 10.0.0.0/24 on-link */
static const char on_link[] = "3c00000018000200010000001153000002180000fe02fd010000000008000f00"
			      "fe000000080001000a000000080007000a0000010800040003000000";
/* 10.6.0.0/16: via 10.1.0.9 at another netdev, via 10.0.0.9 at ours */
static const char multi[] = "5000000018000200010000001153000002100000fe0300010000000008000f00"
			    "fe000000080001000a060000240009001000000002000000080005000a010009"
			    "1000000003000000080005000a000009";
/* 10.4.0.0/16 via inet6 fe80::99 */
static const char via_inet6[] = "4c00000018000200010000000658000002100000fe0300010000000008000f00"
				"fe000000080001000a040000160012000a00fe80000000000000000000000000"
				"009900000800040003000000";
/* 10.1.0.0/24 at another netdev; 10.8.0.0/16 in table 300; blackhole 10.7.0.0/16; local 10.0.0.1 */
static const char others[] = "3c00000018000200010000001153000002180000fe02fd010000000008000f00"
			     "fe000000080001000a010000080007000a0100010800040002000000";
static const char table_300[] = "3400000018000200010000001153000002100000fc03fd010000000008000f00"
				"2c010000080001000a0800000800040003000000";
static const char blackhole[] = "2c00000018000200010000001153000002100000fe0300060000000008000f00"
				"fe000000080001000a070000";
static const char local[] = "3c00000018000200010000001153000002200000ff02fe020000000008000f00"
			    "ff000000080001000a000001080007000a0000010800040003000000";
/* default via 2001:db8::fe; 2001:db8:6::/48 via 2001:db8::9 and ::8, both at ours */
static const char default6[] = "740000001800020001000000115300000a000000fe0300010000000008000f00"
			       "fe00000008000600000400001400050020010db80000000000000000000000fe"
			       "080004000300000024000c000000000000000000000000000000000000000000"
			       "0000000000000000000500140000000000";
static const char multi6[] = "a80000001800020001000000115300000a300000fe0300010000000008000f00"
			     "fe0000001400010020010db800060000000000000000000008000600000400003c"
			     "0009001c000000030000001400050020010db80000000000000000000000091c"
			     "000000030000001400050020010db800000000000000000000000824000c0000"
			     "00000000000000000000000000000000000000000000000000000000000005"
			     "00140000000000";
/* 10.0.0.254 permanent; 10.0.0.7 failed; a group's; 2001:db8::fe stale */
static const char permanent[] = "4c0000001c000200010000001153000002000000030000008000000108000100"
				"0a0000fe0a00020002aa000000fe000008000400000000001400030000000000"
				"000000000000000000000000";
static const char failed[] = "400000001c0002000100000011530000020000000300000020000001080001000a"
			     "00000708000400000000001400030070170000000000000000000000000000";
static const char group[] = "580000001c00020001000000115300000a00000003000000400000051400010"
			    "0ff0200000000000000000000000000160a0002003333000000160000080004"
			    "00000000001400030075170000050000000500000000000000";
static const char stale6[] = "580000001c00020001000000115300000a000000030000000400000114000100"
			     "20010db80000000000000000000000fe0a00020002aa000000fd000008000400"
			     "000000001400030070170000000000000000000000000000";

static enum route_sense parse(const char *hex, struct route_told *r)
{
	struct nlmsghdr *nlh = netlink_cut(hex, SIZE_MAX);
	enum route_sense sense = route_parse(nlh, OURS, r);

	free(nlh);
	return sense;
}

static void assert_route(const char *hex, const char *dst, const char *next, uint32_t metric)
{
	struct route_told r;
	char text[IP_STR_LEN];

	assert_int_equal(parse(hex, &r), ROUTE_OURS);
	assert_string_equal(ip_prefix_format(&r.route.dst, text), dst);
	if (next == NULL)
		assert_int_equal(r.route.via.family, 0);
	else
		assert_string_equal(ip_addr_format(&r.route.via, text), next);
	assert_int_equal(r.metric, metric);
}

static void test_routes_of_ours(void **state)
{
	(void)state;
	assert_route(via, "10.5.0.0/16", "10.0.0.254", 7);
	assert_route(on_link, "10.0.0.0/24", NULL, 0);
	assert_route(multi, "10.6.0.0/16", "10.0.0.9", 0);
	assert_route(via_inet6, "10.4.0.0/16", "fe80::99", 0);
	assert_route(default6, "::/0", "2001:db8::fe", 1024);
	assert_route(multi6, "2001:db8:6::/48", "2001:db8::9", 1024);
}

static void test_routes_that_are_not(void **state)
{
	const char *all[] = {others, table_300, blackhole, local, permanent};
	struct route_told r;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(parse(all[i], &r), ROUTE_OTHER);
}

/* The kernel says what is there now, not what went for it. */
static void test_a_route_in_the_place_of_ours(void **state)
{
	struct nlmsghdr *nlh = netlink_cut(others, SIZE_MAX);
	struct route_told r;
	char text[IP_STR_LEN];

	(void)state;
	nlh->nlmsg_flags = NLM_F_REPLACE;
	assert_int_equal(route_parse(nlh, OURS, &r), ROUTE_REPLACES);
	assert_string_equal(ip_prefix_format(&r.route.dst, text), "10.1.0.0/24");
	nlh->nlmsg_type = RTM_DELROUTE;
	assert_int_equal(route_parse(nlh, OURS, &r), ROUTE_OTHER);
	free(nlh);
}

static void test_dead_next_hops_are_none(void **state)
{
	struct nlmsghdr *nlh = netlink_cut(via, SIZE_MAX);
	struct rtmsg *rtm = (void *)(nlh + 1);
	struct route_told r;

	(void)state;
	rtm->rtm_flags |= RTNH_F_DEAD;
	assert_int_equal(route_parse(nlh, OURS, &r), ROUTE_OTHER);
	free(nlh);
	nlh = netlink_cut(multi, SIZE_MAX);
	/* The second next hop's flags: behind its length. */
	((uint8_t *)nlh)[66] |= RTNH_F_DEAD;
	assert_int_equal(route_parse(nlh, OURS, &r), ROUTE_OTHER);
	free(nlh);
}

static bool parse_neigh(const char *hex, struct host_neigh *n)
{
	struct nlmsghdr *nlh = netlink_cut(hex, SIZE_MAX);
	bool ok = neigh_parse(nlh, OURS, n);

	free(nlh);
	return ok;
}

static void test_neighbours(void **state)
{
	struct host_neigh n;
	char text[64];
	struct nlmsghdr *nlh;

	(void)state;
	assert_true(parse_neigh(permanent, &n));
	assert_string_equal(ip_addr_format(&n.ip, text), "10.0.0.254");
	assert_string_equal(mac_format(n.mac, text), "02:aa:00:00:00:fe");
	assert_true(parse_neigh(stale6, &n));
	assert_string_equal(ip_addr_format(&n.ip, text), "2001:db8::fe");
	assert_string_equal(mac_format(n.mac, text), "02:aa:00:00:00:fd");
	assert_true(parse_neigh(failed, &n));
	assert_true(n.mac == 0);
	assert_false(parse_neigh(group, &n));
	assert_false(parse_neigh(via, &n));
	nlh = netlink_cut(permanent, SIZE_MAX);
	nlh->nlmsg_type = RTM_DELNEIGH;
	assert_true(neigh_parse(nlh, OURS, &n));
	assert_true(n.mac == 0);
	assert_false(neigh_parse(nlh, OURS + 1, &n));
	free(nlh);
}

/* In blocks of no more than their size, for the sanitizer; what is taken for something is whole. */
static void test_messages_cut_short_or_changed(void **state)
{
	const char *all[] = {via,   on_link,  multi,  via_inet6, others, table_300, blackhole,
			     local, default6, multi6, permanent, failed, group,	    stale6};

	(void)state;
	srand(1);
	for (size_t m = 0; m < sizeof(all) / sizeof(all[0]); m++) {
		size_t len = strlen(all[m]) / 2;

		for (size_t round = 0; round < 3000; round++) {
			size_t n = round < len ? round : len;
			struct route_told r = {0};
			struct host_neigh neigh = {0};
			struct nlmsghdr *nlh;

			if (n < sizeof(*nlh))
				continue;
			nlh = netlink_cut(all[m], n);
			for (int i = 0; i < 3 && n == len; i++)
				((uint8_t *)nlh)[sizeof(*nlh) + (size_t)rand() % (n - 16)] =
					(uint8_t)(rand() % 40);
			if (route_parse(nlh, OURS, &r) != ROUTE_OTHER) {
				assert_true(r.route.dst.addr.family == 4 ||
					    r.route.dst.addr.family == 6);
				assert_in_range(r.route.dst.len, 0,
						r.route.dst.addr.family == 4 ? 32 : 128);
			}
			if (neigh_parse(nlh, OURS, &neigh))
				assert_true(ip_addr_is_unicast(&neigh.ip));
			free(nlh);
		}
	}
}

static struct route_told route(const char *text, uint32_t metric)
{
	struct route_told r = {.metric = metric};

	assert_true(ip_route_parse(text, &r.route));
	return r;
}

static void test_the_lowest_metric_of_each_place(void **state)
{
	struct route_told list[] = {
		route("10.2.0.0/16 via 10.0.0.1", 5), route("10.1.0.0/16 via 10.0.0.1", 9),
		route("10.1.0.0/24 via 10.0.0.3", 5), route("10.1.0.0/16 via 10.0.0.2", 0),
		route("default via 2001:db8::1", 1)};
	struct ip_route sorted[5];
	char text[IP_STR_LEN];
	struct ip_prefix dst;
	size_t n;

	(void)state;
	assert_int_equal(routes_sort(list, 0), 0);
	n = routes_sort(list, 5);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		sorted[i] = list[i].route;
	assert_string_equal(ip_prefix_format(&list[0].route.dst, text), "10.1.0.0/16");
	assert_string_equal(ip_addr_format(&list[0].route.via, text), "10.0.0.2");
	assert_string_equal(ip_prefix_format(&list[1].route.dst, text), "10.1.0.0/24");
	assert_string_equal(ip_prefix_format(&list[3].route.dst, text), "::/0");
	assert_true(ip_prefix_parse("10.1.0.0/24", &dst) && routes_have(sorted, n, &dst));
	assert_true(ip_prefix_parse("10.1.0.0/25", &dst) && !routes_have(sorted, n, &dst));
	assert_false(routes_have(NULL, 0, &dst));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_of_ours),
		cmocka_unit_test(test_routes_that_are_not),
		cmocka_unit_test(test_a_route_in_the_place_of_ours),
		cmocka_unit_test(test_dead_next_hops_are_none),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_messages_cut_short_or_changed),
		cmocka_unit_test(test_the_lowest_metric_of_each_place),
	};

	return cmocka_run_group_tests_name("route_msg", tests, NULL, NULL);
}
