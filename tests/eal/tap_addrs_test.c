/* SPDX-License-Identifier: BSD-3-Clause */
/* The IP addresses that a tap's owner has, and what a netdev that shares its MAC is given. Root. */
#include "tap_fixture.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#define MAC_M 0x010000004d02ULL /* 02:4d:00:00:00:01 */
/** Patience: the machine is slow, and duplicate address detection takes up to two seconds. */
#define SOON_MS 5000

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static struct ip_range range(const char *text)
{
	struct ip_range r;

	assert_true(ip_range_parse(text, &r));
	return r;
}

/* The addresses as text, in the order told. */
static const char *told(struct endpoint *ep)
{
	static char text[4096];
	struct endpoint_state s = state_of(ep);
	char one[IP_STR_LEN];
	size_t n = 0;

	if (!s.addresses_known)
		return "unknown";
	text[0] = '\0';
	for (size_t i = 0; i < s.n_addresses && n < sizeof(text) - IP_STR_LEN; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
				      ip_addr_format(&s.addresses[i].addr, one));
	return text;
}

/* Runs the watch until that is what is told. */
static void assert_told(struct endpoint *ep, const char *want)
{
	double end = now_ms() + SOON_MS;

	while (strcmp(told(ep), want) != 0 && now_ms() < end)
		watch_for(ep, 10);
	assert_string_equal(told(ep), want);
}

/* A namespace where IPv6 works at once and makes no address of its own. */
static const char *quiet_ns(void)
{
	const char *ns = ns_add(true);

	sh("ip netns exec %s sysctl -qw net.ipv6.conf.default.accept_dad=0 "
	   "net.ipv6.conf.default.addr_gen_mode=1",
	   ns);
	return ns;
}

/* ---- followed ---------------------------------------------------------------------- */

static void test_an_owners_addresses_are_followed(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	assert_false(state_of(ep).addresses_known && state_of(ep).n_addresses > 0);
	assert_told(ep, "");
	sh("ip -n %s addr add 10.0.0.2/24 dev web0", ns);
	assert_told(ep, "10.0.0.2");
	sh("ip -n %s addr add 2001:db8::2/64 dev web0", ns);
	assert_told(ep, "10.0.0.2 2001:db8::2");
	/* A secondary, a link-local one, one with a peer; not what belongs to another netdev. */
	sh("ip -n %s addr add 10.0.0.1/24 dev web0", ns);
	sh("ip -n %s addr add fe80::2/64 dev web0", ns);
	sh("ip -n %s addr add 10.9.0.1 peer 10.9.0.2 dev web0", ns);
	sh("ip -n %s addr add 2001:db8:9::1 peer 2001:db8:9::2 dev web0", ns);
	sh("ip -n %s addr add 10.8.8.8/32 dev lo", ns);
	assert_told(ep, "10.0.0.1 10.0.0.2 10.9.0.1 2001:db8::2 2001:db8:9::1 fe80::2");
	sh("ip -n %s addr del 10.9.0.1 peer 10.9.0.2 dev web0", ns);
	sh("ip -n %s addr del 2001:db8::2/64 dev web0", ns);
	assert_told(ep, "10.0.0.1 10.0.0.2 2001:db8:9::1 fe80::2");
	/* A primary takes its secondaries along. */
	sh("ip -n %s addr del 10.0.0.2/24 dev web0", ns);
	assert_told(ep, "2001:db8:9::1 fe80::2");
}

/* It is one address, whatever else it was given with. */
static void test_the_same_address_twice(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	sh("ip -n %s addr add 10.0.0.2/24 dev web0", ns);
	sh("ip -n %s addr add 10.0.0.2/16 dev web0", ns);
	sh("ip -n %s addr add 10.0.0.2 peer 10.7.0.1 dev web0", ns);
	assert_told(ep, "10.0.0.2");
	sh("ip -n %s addr del 10.0.0.2/24 dev web0", ns);
	sh("ip -n %s addr del 10.0.0.2 peer 10.7.0.1 dev web0", ns);
	assert_int_equal(watch_for(ep, 300), 0);
	assert_told(ep, "10.0.0.2");
	/* Its lifetime is nothing that anybody decides by. */
	sh("ip -n %s addr change 10.0.0.2/16 dev web0 valid_lft 1000 preferred_lft 500", ns);
	assert_int_equal(watch_for(ep, 300), 0);
	sh("ip -n %s addr del 10.0.0.2/16 dev web0", ns);
	assert_told(ep, "");
}

static void test_tentative_addresses_count(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	sh("ip netns exec %s sysctl -qw net.ipv6.conf.web0.dad_transmits=100", ns);
	sh("ip -n %s addr flush dev web0", ns);
	assert_told(ep, "");
	sh("ip -n %s addr add 2001:db8::2/64 dev web0", ns);
	assert_told(ep, "2001:db8::2");
	assert_non_null(strstr(sh_output("ip -n %s addr show dev web0", ns), "tentative"));
}

/* Of those that it makes by itself the kernel speaks only when nobody else turned out to have them. */
static void test_what_the_kernel_makes_counts_while_tentative(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;

	(void)state;
	sh("ip netns exec %s sysctl -qw net.ipv6.conf.default.dad_transmits=100", ns);
	args.mac = MAC_M;
	ep = tap_open_args(&args);
	assert_told(ep, "fe80::4d:ff:fe00:1");
	assert_non_null(strstr(sh_output("ip -n %s addr show dev web0", ns), "tentative"));
}

static void test_down_keeps_ipv4_only(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	sh("ip -n %s addr add 10.0.0.2/24 dev web0", ns);
	sh("ip -n %s addr add 2001:db8::2/64 dev web0", ns);
	assert_told(ep, "10.0.0.2 2001:db8::2");
	sh("ip -n %s link set web0 down", ns);
	assert_told(ep, "10.0.0.2");
	assert_in_range(watch_until(ep, has_up, 0, 0) + 1, 0, SOON_MS);
	assert_false(state_of(ep).up);
	/* And those that it is given while it is down are its own, too. */
	sh("ip -n %s addr add 10.0.0.3/24 dev web0", ns);
	assert_told(ep, "10.0.0.2 10.0.0.3");
	sh("ip -n %s link set web0 up", ns);
	assert_in_range(watch_until(ep, has_up, 1, SOON_MS), 0, SOON_MS);
	assert_told(ep, "10.0.0.2 10.0.0.3");
}

static void test_configured_ones_are_told_at_once(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range first[] = {range("10.0.0.2/24"), range("2001:db8::2/64")};
	struct ip_range second[] = {range("10.0.0.3/24"), range("2001:db8::2/64"),
				    range("10.1.0.1-10.1.0.3")};
	struct endpoint *ep;

	(void)state;
	args.addresses = first;
	args.n_addresses = RTE_DIM(first);
	ep = tap_open_args(&args);
	endpoint_refresh(ep);
	assert_string_equal(told(ep), "10.0.0.2 2001:db8::2");
	watch_for(ep, 300);
	assert_int_equal(endpoint_set_addresses(ep, second, RTE_DIM(second), NULL), 0);
	assert_string_equal(told(ep), "10.0.0.3 10.1.0.1 10.1.0.2 10.1.0.3 2001:db8::2");
	/* We know what we did. */
	assert_int_equal(watch_for(ep, 300), 0);
	sh("ip -n %s addr add 10.0.0.4/24 dev web0", ns);
	assert_told(ep, "10.0.0.3 10.0.0.4 10.1.0.1 10.1.0.2 10.1.0.3 2001:db8::2");
}

/* ---- netdevs that go and come --------------------------------------------------------- */

static void test_a_moved_netdev_is_asked(void **state)
{
	const char *ns = quiet_ns();
	const char *elsewhere = quiet_ns();
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	sh("ip -n %s addr add 10.0.0.2/24 dev web0", ns);
	assert_told(ep, "10.0.0.2");
	sh("ip -n %s link set web0 netns %s", ns, elsewhere);
	assert_told(ep, "");
	sh("ip -n %s addr add 10.0.0.3/24 dev web0", elsewhere);
	sh("ip -n %s addr add 10.8.8.8/32 dev lo", elsewhere);
	assert_told(ep, "10.0.0.3");
	/* At home again, with what it is given at once. */
	sh("ip -n %s link set web0 netns %s; ip -n %s addr add 10.0.0.4/24 dev web0", elsewhere, ns,
	   ns);
	assert_told(ep, "10.0.0.4");
	sh("ip -n %s addr add 10.0.0.5/24 dev web0", ns);
	assert_told(ep, "10.0.0.4 10.0.0.5");
	ns_del(ns);
	assert_in_range(watch_until(ep, is_absent, 0, SOON_MS), 0, SOON_MS);
	assert_string_equal(told(ep), "unknown");
	assert_int_equal(state_of(ep).n_addresses, 0);
}

static void test_a_namespace_comes_back(void **state)
{
	const char *ns = ns_name();
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range addresses[] = {range("10.0.0.2/24")};
	struct endpoint *ep;

	(void)state;
	args.addresses = addresses;
	args.n_addresses = 1;
	args.noarp = true;
	ep = tap_open_args(&args);
	assert_string_equal(told(ep), "unknown");
	for (int i = 0; i < 2; i++) {
		ns_make(ns, false);
		assert_told(ep, "10.0.0.2");
		assert_true(state_of(ep).noarp);
		assert_non_null(strstr(sh_output("ip -n %s link show web0", ns), "NOARP"));
		sh("ip -n %s addr add 10.0.0.3/24 dev web0", ns);
		assert_told(ep, "10.0.0.2 10.0.0.3");
		ns_del(ns);
		assert_in_range(watch_until(ep, is_absent, 0, SOON_MS), 0, SOON_MS);
		assert_string_equal(told(ep), "unknown");
	}
}

/* Runs the watch until so many are told. */
static struct endpoint_state wait_for_count(struct endpoint *ep, size_t n)
{
	double end = now_ms() + 12 * SOON_MS;
	struct endpoint_state s = state_of(ep);

	while ((!s.addresses_known || s.n_addresses != n) && now_ms() < end) {
		watch_for(NULL, 10);
		s = state_of(ep);
	}
	assert_int_equal(s.n_addresses, n);
	return s;
}

/* ---- many ------------------------------------------------------------------------------- */

/* Nobody reads meanwhile, so messages get lost; what is told in the end is right all the same. */
static void test_lost_messages_are_made_up_for(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint *ep = tap_open_up("web0", ns);
	struct endpoint *other = tap_open_up("web1", ns);
	struct endpoint_state s;
	struct ip_addr want = ip("10.1.0.1");

	(void)state;
	sh("ip -n %s addr add 10.7.0.1/32 dev web1", ns);
	sh("ip -n %s addr add 10.6.0.1/32 dev web0", ns);
	assert_told(other, "10.7.0.1");
	sh("for i in $(seq 0 15); do for j in $(seq 1 250); do echo addr add 10.1.$i.$j/32 dev "
	   "web0; done; done | ip -n %s -batch -",
	   ns);
	sh("ip -n %s addr del 10.6.0.1/32 dev web0; ip -n %s addr del 10.7.0.1/32 dev web1", ns,
	   ns);
	assert_told(other, "");
	s = wait_for_count(ep, 4000);
	for (unsigned int i = 0; i < 4000; i++) {
		if (i > 0 && i % 250 == 0)
			want = ip_addr_add(want, 6);
		assert_int_equal(ip_addr_cmp(&s.addresses[i].addr, &want), 0);
		want = ip_addr_add(want, 1);
	}
	sh("ip -n %s addr flush dev web0", ns);
	assert_told(ep, "");
}

/* The kernel's turn costs more than ours, so it is left to put them in. */
static void test_many_addresses_on_many_taps(void **state)
{
	const char *ns = quiet_ns();
	const char *n_text = getenv("TAP_TEST_N");
	unsigned int each = n_text != NULL ? (unsigned int)atoi(n_text) : 64;
	struct endpoint *eps[64];
	double began = now_ms(), cpu;
	struct timespec a, b;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(eps); i++) {
		char ifname[16];

		snprintf(ifname, sizeof(ifname), "web%u", i);
		eps[i] = tap_open_up(ifname, ns);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	sh("(for i in $(seq 0 63); do for j in $(seq 0 %u); do "
	   "echo addr add 10.$i.$((j / 256)).$((j %% 256))/32 dev web$i; done; done) | "
	   "ip -n %s -batch - &",
	   each - 1, ns);
	for (unsigned int i = 0; i < RTE_DIM(eps); i++) {
		struct endpoint_state s = wait_for_count(eps[i], each);

		assert_int_equal(s.addresses[each - 1].addr.b[1], i);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	cpu = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	print_message(
		"# 64 taps with %u addresses each known after %.0f ms, %.0f ms of them ours\n",
		each, now_ms() - began, cpu);
}

/* ---- a netdev that is like an ipvlan slave ------------------------------------------------ */

static void test_arp_off_and_on(void **state)
{
	const char *ns = quiet_ns();
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;

	(void)state;
	args.noarp = true;
	ep = tap_open_args(&args);
	assert_true(state_of(ep).noarp);
	assert_non_null(strstr(sh_output("ip -n %s link show web0", ns), "NOARP"));
	watch_for(ep, 300);
	assert_int_equal(endpoint_set_noarp(ep, false, NULL), 0);
	assert_false(state_of(ep).noarp);
	assert_null(strstr(sh_output("ip -n %s link show web0", ns), "NOARP"));
	assert_int_equal(endpoint_set_noarp(ep, true, NULL), 0);
	assert_non_null(strstr(sh_output("ip -n %s link show web0", ns), "NOARP"));
	assert_int_equal(watch_for(ep, 300), 0);
	/* Its owner has another opinion, and that is told. */
	sh("ip -n %s link set web0 arp on", ns);
	assert_true(watch_for(ep, 300) > 0);
	assert_false(state_of(ep).noarp);
}

/* IV-741: what its stack sends is addressed to its own MAC, and never asked for. */
static void test_a_netdev_without_arp_sends_like_an_l3_slave(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range addresses[] = {range("10.0.0.2/24"), range("2001:db8::2/64")};
	unsigned int to_self = 0, asked = 0;
	struct endpoint *ep;
	double end;

	(void)state;
	args.mac = MAC_M;
	args.noarp = true;
	args.addresses = addresses;
	args.n_addresses = RTE_DIM(addresses);
	ep = tap_open_args(&args);
	assert_null(strstr(sh_output("ip -n %s addr show web0", ns), "tentative"));
	sh("ip -n %s route add default dev web0; ip -n %s -6 route add default dev web0", ns, ns);
	sh("ip netns exec %s ping -c 2 -i 0.2 -W 1 198.51.100.7 >/dev/null; "
	   "ip netns exec %s ping -6 -c 2 -i 0.2 -W 1 2001:db8:ffff::7 >/dev/null; true",
	   ns, ns);
	end = now_ms() + SOON_MS;
	while (to_self < 4 && now_ms() < end) {
		struct rte_mbuf *m;

		if (endpoint_rx(ep, 0, &m, 1) == 0) {
			usleep(1000);
			continue;
		}
		const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);
		uint16_t type = (uint16_t)(b[12] << 8 | b[13]);

		asked += type == 0x0806 || (type == 0x86dd && b[20] == 58 && b[54] == 135);
		if (mac_load(b) == MAC_M && mac_load(b + 6) == MAC_M)
			to_self++;
		rte_pktmbuf_free(m);
	}
	assert_int_equal(to_self, 4);
	assert_int_equal(asked, 0);
}

/* IV-614; and IV-742, which it is against. */
static void test_link_local_addresses_differ_though_the_mac_is_one(void **state)
{
	const char *ns = quiet_ns();
	const char *elsewhere = quiet_ns();
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *a, *b;

	(void)state;
	/* The kernel's default, which is to make one of the MAC alone. */
	sh("for n in %s %s; do ip netns exec $n sysctl -qw net.ipv6.conf.default.addr_gen_mode=0; "
	   "done",
	   ns, elsewhere);
	args.mac = MAC_M;
	args.dev_id = 1;
	a = tap_open_args(&args);
	args = tap_args("web1", ns);
	args.mac = MAC_M;
	args.dev_id = 0x1234;
	b = tap_open_args(&args);
	assert_told(a, "fe80::24d:0:100:1");
	assert_told(b, "fe80::24d:12:3400:1");
	/* Down takes it away, up brings it back, as an ipvlan slave's. */
	sh("ip -n %s link set web0 down", ns);
	assert_told(a, "");
	sh("ip -n %s link set web0 up", ns);
	assert_told(a, "fe80::24d:0:100:1");
	assert_int_equal(endpoint_set_up(a, false, NULL), 0);
	assert_told(a, "");
	assert_int_equal(endpoint_set_up(a, true, NULL), 0);
	assert_told(a, "fe80::24d:0:100:1");
	/* Its owner may do without. */
	sh("ip -n %s addr flush dev web0", ns);
	assert_told(a, "");
	sh("ip -n %s link set web0 mtu 1400", ns);
	assert_in_range(watch_until(a, has_mtu, 1400, SOON_MS), 0, SOON_MS);
	watch_for(a, 300);
	assert_told(a, "");
	/* Another namespace is another life; its name must not bring the kernel's address back. */
	sh("ip -n %s link set web1 netns %s; ip -n %s link set web1 up", ns, elsewhere, elsewhere);
	assert_told(b, "fe80::24d:12:3400:1");
}

/* Runs the watch until that is its token; "": none, which `ip` doesn't show. */
static void assert_token(struct endpoint *ep, const char *ns, const char *netdev, const char *want)
{
	double end = now_ms() + SOON_MS;
	char token[64];

	do {
		watch_for(ep, 10);
		snprintf(token, sizeof(token), "%s",
			 sh_output("ip -n %s token get dev %s", ns, netdev));
		token[strcspn(token, "\n")] = '\0';
	} while (strncmp(token, want, strlen(want)) != 0 && now_ms() < end);
	assert_memory_equal(token, want, strlen(want) + (want[0] == '\0'));
}

/* IV-617: what a stack makes of a router's prefix ends as its link-local address does. */
static void test_slaac_addresses_differ_though_the_mac_is_one(void **state)
{
	const char *ns = quiet_ns();
	const char *elsewhere = quiet_ns();
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *a, *b;

	(void)state;
	args.mac = MAC_M;
	args.dev_id = 1;
	a = tap_open_args(&args);
	args = tap_args("web1", ns);
	args.mac = MAC_M;
	args.dev_id = 2;
	args.noarp = true;
	b = tap_open_args(&args);
	assert_token(a, ns, "web0", "token ::24d:0:100:1 dev");
	/* Without ARP nobody hears of routers. */
	assert_token(b, ns, "web1", "");
	assert_int_equal(endpoint_set_noarp(b, false, NULL), 0);
	assert_token(b, ns, "web1", "token ::24d:0:200:1 dev");
	/* What its owner chose stays. */
	sh("ip -n %s token set ::5 dev web0; ip -n %s link set web0 down", ns, ns);
	assert_told(a, "");
	sh("ip -n %s link set web0 up", ns);
	assert_told(a, "fe80::24d:0:100:1");
	assert_token(a, ns, "web0", "token ::5 dev");
	sh("ip -n %s link set web1 netns %s; ip -n %s link set web1 up", ns, elsewhere, elsewhere);
	assert_token(b, elsewhere, "web1", "token ::24d:0:200:1 dev");
}

/* Where IPv6 is off there is no address to give, which is no reason not to have a netdev. */
static void test_without_ipv6(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;

	(void)state;
	args.mac = MAC_M;
	args.dev_id = 1;
	ep = tap_open_args(&args);
	assert_true(state_of(ep).present && state_of(ep).up);
	assert_told(ep, "");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TAP_TEST(test_an_owners_addresses_are_followed),
		TAP_TEST(test_the_same_address_twice),
		TAP_TEST(test_tentative_addresses_count),
		TAP_TEST(test_what_the_kernel_makes_counts_while_tentative),
		TAP_TEST(test_down_keeps_ipv4_only),
		TAP_TEST(test_configured_ones_are_told_at_once),
		TAP_TEST(test_a_moved_netdev_is_asked),
		TAP_TEST(test_a_namespace_comes_back),
		TAP_TEST(test_lost_messages_are_made_up_for),
		TAP_TEST(test_many_addresses_on_many_taps),
		TAP_TEST(test_arp_off_and_on),
		TAP_TEST(test_a_netdev_without_arp_sends_like_an_l3_slave),
		TAP_TEST(test_link_local_addresses_differ_though_the_mac_is_one),
		TAP_TEST(test_slaac_addresses_differ_though_the_mac_is_one),
		TAP_TEST(test_without_ipv6),
	};

	return cmocka_run_group_tests_name("tap_addrs", tests, tap_group_setup, tap_group_teardown);
}

int main(void)
{
	return tap_main("tap_addrs", run);
}
