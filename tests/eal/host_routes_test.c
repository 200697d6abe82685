/* SPDX-License-Identifier: BSD-3-Clause */
/* The mirror of a host's routes and neighbours, against a real one in a namespace. Root. */
#include "tap_fixture.h"

#include "endpoint/host_routes.h"

/** Patience: the machine is slow. */
#define SOON_MS 5000

static struct host_routes *mirror;

static int teardown(void **state)
{
	host_routes_close(mirror);
	mirror = NULL;
	return tap_teardown(state);
}

#define MIRROR_TEST(f) cmocka_unit_test_setup_teardown(f, tap_setup, teardown)

/* A host with a tap, where IPv6 works at once and adds nothing of its own. */
static struct endpoint *open_host(const char *ns)
{
	struct endpoint *ep;

	sh("ip netns exec %s sysctl -qw net.ipv6.conf.default.accept_dad=0 "
	   "net.ipv6.conf.default.addr_gen_mode=1",
	   ns);
	ep = tap_open_up("host0", ns);
	sh("ip -n %s addr add 10.0.0.1/24 dev host0; ip -n %s addr add 2001:db8::1/64 dev host0",
	   ns, ns);
	return ep;
}

static void open_mirror(struct endpoint *ep)
{
	struct err err = {0};

	if (host_routes_open(ep, &mirror, &err) != 0)
		fail_msg("%s", err.text);
}

static const char *routes_told(void)
{
	static char text[4096];
	char dst[IP_STR_LEN], via[IP_STR_LEN];
	struct host_view v;
	size_t n = 0;

	host_routes_get(mirror, &v);
	if (!v.is_known)
		return "unknown";
	text[0] = '\0';
	for (size_t i = 0; i < v.n_routes && n < sizeof(text) - 2 * IP_STR_LEN; i++) {
		ip_prefix_format(&v.routes[i].dst, dst);
		if (v.routes[i].via.family == 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", dst);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s via %s\n", dst,
					      ip_addr_format(&v.routes[i].via, via));
	}
	return text;
}

static const char *neighs_told(void)
{
	static char text[4096];
	char ip[IP_STR_LEN], mac[64];
	struct host_view v;
	size_t n = 0;

	host_routes_get(mirror, &v);
	if (!v.is_known)
		return "unknown";
	text[0] = '\0';
	for (size_t i = 0; i < v.n_neighs && n < sizeof(text) - 2 * IP_STR_LEN; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %s\n",
				      ip_addr_format(&v.neighs[i].ip, ip),
				      mac_format(v.neighs[i].mac, mac));
	return text;
}

/* Runs the watch until that is what is told. */
static void assert_told(const char *(*is)(void), const char *want)
{
	double end = now_ms() + SOON_MS;

	while (strcmp(is(), want) != 0 && now_ms() < end)
		watch_for(NULL, 10);
	assert_string_equal(is(), want);
}

#define ON_LINK4 "10.0.0.0/24\n"
#define ON_LINK6 "2001:db8::/64\n"

static void test_routes_are_followed(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);

	(void)state;
	sh("ip -n %s route add 10.5.0.0/16 via 10.0.0.254", ns);
	open_mirror(ep);
	assert_string_equal(routes_told(), ON_LINK4 "10.5.0.0/16 via 10.0.0.254\n" ON_LINK6);
	watch_for(ep, 300);
	/* A change is told as one of the endpoint. */
	sh("ip -n %s route add default via 10.0.0.253", ns);
	assert_true(watch_for(ep, 300) > 0);
	sh("ip -n %s -6 route add default via 2001:db8::fe", ns);
	sh("ip -n %s -6 route add 2001:db8:5::/48 dev host0", ns);
	assert_told(routes_told,
		    "0.0.0.0/0 via 10.0.0.253\n" ON_LINK4 "10.5.0.0/16 via 10.0.0.254\n"
		    "::/0 via 2001:db8::fe\n" ON_LINK6 "2001:db8:5::/48\n");
	sh("ip -n %s route replace default via 10.0.0.252; ip -n %s -6 route del default", ns, ns);
	sh("ip -n %s route add default via 10.0.0.9 metric 50", ns);
	assert_told(routes_told, "0.0.0.0/0 via 10.0.0.252\n" ON_LINK4
				 "10.5.0.0/16 via 10.0.0.254\n" ON_LINK6 "2001:db8:5::/48\n");
	sh("ip -n %s route del default via 10.0.0.252", ns);
	assert_told(routes_told, "0.0.0.0/0 via 10.0.0.9\n" ON_LINK4
				 "10.5.0.0/16 via 10.0.0.254\n" ON_LINK6 "2001:db8:5::/48\n");
}

/* Of these the kernel says nothing, or nothing that names us. */
static void test_routes_that_go_unsaid(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);

	(void)state;
	sh("ip -n %s link add other type veth peer name far; ip -n %s link set other up; "
	   "ip -n %s addr add 10.1.0.1/24 dev other",
	   ns, ns, ns);
	sh("ip -n %s route add default via 10.0.0.254; ip -n %s route add 10.5.0.0/16 via "
	   "10.0.0.254 src 10.0.0.1",
	   ns, ns);
	open_mirror(ep);
	assert_string_equal(routes_told(), "0.0.0.0/0 via 10.0.0.254\n" ON_LINK4
					   "10.5.0.0/16 via 10.0.0.254\n" ON_LINK6);
	sh("ip -n %s route replace default via 10.1.0.254", ns);
	assert_told(routes_told, ON_LINK4 "10.5.0.0/16 via 10.0.0.254\n" ON_LINK6);
	sh("ip -n %s addr add 10.2.0.1/24 dev host0; ip -n %s addr del 10.0.0.1/24 dev host0", ns,
	   ns);
	assert_told(routes_told, "10.2.0.0/24\n" ON_LINK6);
	sh("ip -n %s link set host0 down", ns);
	assert_told(routes_told, "");
	sh("ip -n %s link set host0 up", ns);
	assert_told(routes_told, "10.2.0.0/24\n");
}

static void test_others_routes_are_nobodys_news(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);

	(void)state;
	open_mirror(ep);
	watch_for(ep, 300);
	sh("ip -n %s link add other type veth peer name far; ip -n %s link set other up; "
	   "ip -n %s addr add 10.1.0.1/24 dev other; ip -n %s route add 10.6.0.0/16 via 10.1.0.9; "
	   "ip -n %s neigh add 10.1.0.9 lladdr 02:aa:00:00:00:09 dev other; "
	   "ip -n %s route add 10.8.0.0/16 dev host0 table 300",
	   ns, ns, ns, ns, ns, ns);
	assert_int_equal(watch_for(ep, 400), 0);
	assert_string_equal(routes_told(), ON_LINK4 ON_LINK6);
	assert_string_equal(neighs_told(), "");
}

static void test_neighbours_are_followed(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);

	(void)state;
	open_mirror(ep);
	sh("ip -n %s neigh add 10.0.0.254 lladdr 02:aa:00:00:00:fe dev host0 nud reachable", ns);
	sh("ip -n %s neigh add 2001:db8::fe lladdr 02:aa:00:00:00:fd dev host0 nud stale", ns);
	sh("ip -n %s neigh add 10.0.0.9 dev host0 nud failed", ns);
	assert_told(neighs_told, "10.0.0.254 02:aa:00:00:00:fe\n2001:db8::fe 02:aa:00:00:00:fd\n");
	sh("ip -n %s neigh change 10.0.0.254 lladdr 02:aa:00:00:00:01 dev host0 nud permanent", ns);
	sh("ip -n %s neigh del 2001:db8::fe dev host0", ns);
	assert_told(neighs_told, "10.0.0.254 02:aa:00:00:00:01\n");
	sh("ip -n %s neigh flush dev host0 nud all", ns);
	assert_told(neighs_told, "");
}

/* The host asks for its gateway through the tap, and what it is answered is known here. */
static void test_what_the_host_resolves_is_known(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);
	static const uint8_t mac[] = {2, 0xaa, 0, 0, 0, 0x77};
	double end = now_ms() + SOON_MS;
	bool is_answered = false;

	(void)state;
	open_mirror(ep);
	sh("ip netns exec %s ping -c 1 -W 5 10.0.0.77 >/dev/null &", ns);
	while (!is_answered && now_ms() < end) {
		struct rte_mbuf *m;
		uint8_t *b;

		if (endpoint_rx(ep, 0, &m, 1) == 0) {
			usleep(1000);
			continue;
		}
		b = rte_pktmbuf_mtod(m, uint8_t *);
		if (b[12] == 8 && b[13] == 6 && b[41] == 77) {
			memcpy(b, b + 6, 6);
			memcpy(b + 6, mac, 6);
			b[21] = 2;
			memcpy(b + 32, b + 22, 10); /* its asker is the reply's target */
			memcpy(b + 22, mac, 6);
			memcpy(b + 28, (uint8_t[]){10, 0, 0, 77}, 4);
			m->ol_flags = 0;
			is_answered = endpoint_tx(ep, 0, &m, 1) == 1;
		}
		if (!is_answered)
			rte_pktmbuf_free(m);
	}
	assert_true(is_answered);
	assert_told(neighs_told, "10.0.0.77 02:aa:00:00:00:77\n");
}

static void test_the_netdev_goes_and_comes(void **state)
{
	const char *ns = ns_name();
	struct endpoint *ep = tap_open_up("host0", ns);

	(void)state;
	open_mirror(ep);
	assert_string_equal(routes_told(), "unknown");
	for (int i = 0; i < 2; i++) {
		ns_make(ns, false);
		assert_told(routes_told, "");
		sh("ip -n %s addr add 10.0.0.1/24 dev host0", ns);
		assert_told(routes_told, ON_LINK4);
		ns_del(ns);
		assert_told(routes_told, "unknown");
		assert_string_equal(neighs_told(), "unknown");
	}
}

static void test_opened_and_closed_again(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);
	int before = dup(0), after;

	(void)state;
	close(before);
	for (int i = 0; i < 3; i++) {
		open_mirror(ep);
		sh("ip -n %s route add 10.%d.0.0/16 dev host0", ns, i + 1);
		assert_true(host_routes_refresh(mirror));
		assert_non_null(strstr(routes_told(), i == 0 ? "10.1.0.0/16" : "10.2.0.0/16"));
		assert_false(host_routes_refresh(mirror));
		host_routes_close(mirror);
		mirror = NULL;
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	/* Nobody listens: nothing is told. */
	watch_for(ep, 300);
	sh("ip -n %s route add 10.9.0.0/16 dev host0", ns);
	assert_int_equal(watch_for(ep, 300), 0);
}

static void test_only_a_tap_has_a_host_to_mirror(void **state)
{
	struct endpoint_conf conf = {.type = ENDPOINT_NONE, .spec = "none", .target = ""};
	struct endpoint_args args = {.conf = &conf, .role = ENDPOINT_HOST, .name = "eth0"};
	struct endpoint *ep = tap_open_args(&args);
	struct err err = {0};

	(void)state;
	assert_int_equal(host_routes_open(ep, &mirror, &err), -EOPNOTSUPP);
	assert_null(mirror);
	assert_non_null(strstr(err.text, "tap"));
}

/* More than one answer of the kernel, and more events than its socket holds. */
static void test_many_routes(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = open_host(ns);
	double end = now_ms() + SOON_MS;
	struct host_view v;

	(void)state;
	open_mirror(ep);
	sh("for i in $(seq 0 19); do for j in $(seq 0 249); do echo route add 10.1$i.$j.0/24 dev "
	   "host0; done; done | ip -n %s -batch -",
	   ns);
	do {
		watch_for(NULL, 10);
		host_routes_get(mirror, &v);
	} while (v.n_routes != 5002 && now_ms() < end);
	assert_int_equal(v.n_routes, 5002);
	assert_false(v.is_over);
	sh("ip -n %s link set host0 down", ns);
	assert_told(routes_told, "");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(test_routes_are_followed),
		MIRROR_TEST(test_routes_that_go_unsaid),
		MIRROR_TEST(test_others_routes_are_nobodys_news),
		MIRROR_TEST(test_neighbours_are_followed),
		MIRROR_TEST(test_what_the_host_resolves_is_known),
		MIRROR_TEST(test_the_netdev_goes_and_comes),
		MIRROR_TEST(test_opened_and_closed_again),
		MIRROR_TEST(test_only_a_tap_has_a_host_to_mirror),
		MIRROR_TEST(test_many_routes),
	};

	return cmocka_run_group_tests_name("host_routes", tests, tap_group_setup,
					   tap_group_teardown);
}

int main(void)
{
	return tap_main("host_routes", run);
}
