/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The `dev` endpoint on kernel netdevs: af_packet and af_xdp on one end of a veth
 * pair (p), with a packet socket of the test on the other (q). Root; all in a network namespace
 * of its own, which ends with the process.
 */
#include "dev_fixture.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <rte_version.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#define BOND_MEMBER "member"
#else
#define BOND_MEMBER "slave"
#endif

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* What `command` prints on its first line holds @p word. */
static bool prints(const char *command, const char *word)
{
	char line[4096] = "";
	FILE *f = popen(command, "r");

	assert_non_null(f);
	if (fread(line, 1, sizeof(line) - 1, f) == 0)
		line[0] = '\0';
	pclose(f);
	return strstr(line, word) != NULL;
}

static int make_veth(void **state)
{
	note_pools(state);
	run("ip link add p type veth peer name q && ip link set q up && ip link set p up && "
	    "ethtool -K q tx off tso off gso off >/dev/null 2>&1 || true");
	return 0;
}

static int remove_veth(void **state)
{
	if (if_nametoindex("p") != 0)
		run("ip link del p");
	return check_pools(state);
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	int one = 1;

	assert_true(fd >= 0);
	sll.sll_ifindex = (int)if_nametoindex(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), 0);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return fd;
}

static void fill(uint8_t *p, uint32_t len, uint8_t seed)
{
	for (uint32_t at = 0; at < len; at++)
		p[at] = at < 6	   ? 0xff
			: at == 12 ? 0x88
			: at == 13 ? 0xb5
				   : (uint8_t)(at * 7 + seed);
	p[6] = 2; /* a source that is no group */
}

static void wire_send(int fd, uint32_t len, uint8_t seed)
{
	uint8_t frame[16384];

	fill(frame, len, seed);
	assert_int_equal(send(fd, frame, len, 0), len);
}

/* The next frame that has our test's EtherType; its length, or 0 after @p ms. */
static uint32_t wire_receive(int fd, uint8_t *frame, size_t len, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, ms) > 0) {
		ssize_t n = recv(fd, frame, len, 0);

		if (n >= 14 && frame[12] == 0x88 && frame[13] == 0xb5)
			return (uint32_t)n;
	}
	return 0;
}

/* The next frame with our EtherType at @p at, others freed; NULL after half a second. */
static struct rte_mbuf *port_receive(struct endpoint *ep, uint32_t at)
{
	for (int i = 0; i < 500; i++) {
		struct rte_mbuf *m;

		if (endpoint_rx(ep, 0, &m, 1) == 0) {
			usleep(1000);
			continue;
		}
		if (m->data_len > at + 1 && rte_pktmbuf_mtod(m, uint8_t *)[at] == 0x88 &&
		    rte_pktmbuf_mtod(m, uint8_t *)[at + 1] == 0xb5)
			return m;
		rte_pktmbuf_free(m);
	}
	return NULL;
}

static void carry_both_ways(struct endpoint *ep, uint32_t len)
{
	static uint8_t frame[16384];
	int fd = packet_socket("q");
	struct rte_mbuf *m;

	wire_send(fd, len, 1);
	m = port_receive(ep, 12);
	assert_non_null(m);
	assert_frame(m, len, 1);
	rte_pktmbuf_free(m);
	send_frame(ep, len, 2);
	assert_int_equal(wire_receive(fd, frame, sizeof(frame), 1000), len);
	assert_true(bytes_match(frame, len, 2));
	close(fd);
}

static bool await_change(struct endpoint *ep)
{
	for (int i = 0; i < 100; i++) {
		if (endpoint_refresh(ep))
			return true;
		usleep(5000);
	}
	return false;
}

/* ---- af_packet ----------------------------------------------------------- */

static void test_af_packet_carries_frames(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);

		assert_true(ep->caps & ENDPOINT_CAP_MULTI_SEGS);
		assert_true(ep->caps & ENDPOINT_CAP_SHARED);
		carry_both_ways(ep, 60);
		carry_both_ways(ep, 1514);
		endpoint_close(ep);
	}
}

/* A jumbo frame leaves as a chain; and what is too large for the ring's slots is refused at once. */
static void test_af_packet_jumbo(void **state)
{
	const struct pool_conf large = {.n_mbufs = 2048, .mbuf_size = 16384 + RTE_PKTMBUF_HEADROOM};
	const struct pool_conf usual = {.n_mbufs = 16384, .mbuf_size = 2176};
	struct endpoint *ep;

	(void)state;
	assert_refused("net_af_packet0,iface=p", 9000, EINVAL, "framesz=12288,blocksz=12288");
	assert_refused("net_af_packet0,iface=p,framesz=1536", 1400, EINVAL, "multiple");
	pools_free();
	pools_configure(&large);
	run("ip link set q mtu 9000");
	ep = open_port("net_af_packet0,iface=p,framesz=16384,blocksz=16384,framecnt=64", 9000);
	carry_both_ways(ep, 9014);
	endpoint_close(ep);
	pools_free();
	pools_configure(&usual);
	in_use_before = 0;
}

static void test_af_packet_tag_stays_in_the_frame(void **state)
{
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);
	int fd = packet_socket("q");
	uint8_t frame[64];
	struct rte_mbuf *m;

	(void)state;
	fill(frame, sizeof(frame), 3);
	memcpy(frame + 12, (uint8_t[]){0x81, 0x00, 0x60, 0x07, 0x88, 0xb5}, 6);
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
	m = port_receive(ep, 16);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, sizeof(frame));
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), frame, sizeof(frame));
	rte_pktmbuf_free(m);
	close(fd);
	endpoint_close(ep);
}

/* What the machine's own stack sends on the netdev did not come from the wire. */
static void test_af_packet_does_not_hear_its_own_side(void **state)
{
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);
	int near = packet_socket("p"), far = packet_socket("q");
	uint8_t frame[2048];

	(void)state;
	wire_send(near, 100, 4);
	assert_int_equal(wire_receive(far, frame, sizeof(frame), 1000), 100);
	assert_null(port_receive(ep, 12));
	close(near);
	close(far);
	endpoint_close(ep);
}

static uint16_t try_send(struct endpoint *ep, int n)
{
	uint16_t sent = 0;

	for (int i = 0; i < n; i++) {
		struct rte_mbuf *m = make_frame(ep->pool, 1000, 1);

		if (endpoint_tx(ep, 0, &m, 1) == 1)
			sent++;
		else
			rte_pktmbuf_free(m);
	}
	return sent;
}

/* The driver's ring fills while the netdev is down, and the driver would wait for room. */
static void test_af_packet_tx_never_waits(void **state)
{
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);
	struct timespec a, b;
	int tries = 0;

	(void)state;
	run("ip link set p down");
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_true(try_send(ep, 2000) < 1000);
	assert_true(await_change(ep));
	assert_int_equal(try_send(ep, 100), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 2);
	run("ip link set p up");
	assert_true(await_change(ep));
	/* Up comes before carrier, and each is a change of its own. */
	while (try_send(ep, 1) == 0 && tries++ < 1000) {
		usleep(1000);
		endpoint_refresh(ep);
	}
	assert_true(tries < 1000);
	carry_both_ways(ep, 300);
	endpoint_close(ep);
}

static void test_af_packet_follows_the_netdev(void **state)
{
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);
	struct endpoint_state s;

	(void)state;
	endpoint_get_state(ep, &s);
	assert_true(s.present && s.carrier);
	assert_string_equal(s.reason, "");
	run("ip link set q down");
	assert_true(await_change(ep));
	endpoint_get_state(ep, &s);
	assert_true(s.present && !s.carrier);
	assert_non_null(strstr(s.reason, "no carrier"));
	run("ip link set q up");
	assert_true(await_change(ep));
	endpoint_get_state(ep, &s);
	assert_true(s.carrier);
	run("ip link set p down");
	assert_true(await_change(ep));
	endpoint_get_state(ep, &s);
	assert_non_null(strstr(s.reason, "ip link set p up"));
	run("ip link set p up mtu 1400 address 02:00:00:00:00:77");
	assert_true(await_change(ep));
	endpoint_get_state(ep, &s);
	assert_int_equal(s.mtu, 1400);
	assert_int_equal(s.mac, 0x770000000002);
	run("ip link del p");
	assert_true(await_change(ep));
	endpoint_get_state(ep, &s);
	assert_false(s.present);
	assert_non_null(strstr(s.reason, "gone"));
	endpoint_close(ep);
}

static void test_af_packet_leaves_the_netdev_as_it_was(void **state)
{
	struct endpoint_filter f = {.promisc = true, .allmulti = true};
	struct endpoint *ep;

	(void)state;
	run("ip link set p address 02:00:00:00:00:55 mtu 1450");
	ep = open_port("net_af_packet0,iface=p", 1500);
	assert_true(prints("ip link show p", "mtu 1500"));
	assert_int_equal(endpoint_set_mac(ep, 0x660000000002, &error), 0);
	assert_true(prints("ip link show p", "02:00:00:00:00:66"));
	assert_int_equal(endpoint_set_mtu(ep, 1800, &error), 0);
	assert_true(prints("ip link show p", "mtu 1800"));
	assert_int_equal(endpoint_set_mtu(ep, 3000, &error), -EINVAL);
	assert_true(prints("ip link show p", "mtu 1800"));
	assert_false(endpoint_set_filter(ep, &f));
	assert_true(prints("ip -d link show p", "promiscuity 1"));
	endpoint_close(ep);
	assert_true(prints("ip link show p", "02:00:00:00:00:55"));
	assert_true(prints("ip link show p", "mtu 1450"));
	assert_true(prints("ip -d link show p", "promiscuity 0"));
}

static void test_af_packet_filters_are_the_netdevs(void **state)
{
	const uint64_t macs[] = {0x010000000002, 0x020000000002};
	const uint64_t groups[] = {0x01005e000001 /* as a key: 01:00:00:5e:00:01 */};
	struct endpoint_filter f = {.macs = macs, .n_macs = 2, .groups = groups, .n_groups = 1};
	struct endpoint_filter nothing = {0};
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);

	(void)state;
	assert_true(endpoint_set_filter(ep, &f));
	assert_true(prints("bridge fdb show dev p", "02:00:00:00:00:01"));
	assert_true(prints("bridge fdb show dev p", "02:00:00:00:00:02"));
	assert_true(prints("cat /proc/net/dev_mcast", "0100005e0001"));
	f.n_macs = 1;
	assert_true(endpoint_set_filter(ep, &f));
	assert_false(prints("bridge fdb show dev p", "02:00:00:00:00:02"));
	assert_true(endpoint_set_filter(ep, &nothing));
	assert_false(prints("cat /proc/net/dev_mcast", "0100005e0001"));
	endpoint_close(ep);
}

static void test_af_packet_counts_what_its_ring_lost(void **state)
{
	struct endpoint *ep = open_port("net_af_packet0,iface=p", 1500);
	struct endpoint_rx_errors errors;
	int fd = packet_socket("q");
	struct rte_mbuf *m[32];
	uint16_t n;

	(void)state;
	for (int i = 0; i < 2000; i++)
		wire_send(fd, 100, 1);
	endpoint_refresh(ep);
	endpoint_get_rx_errors(ep, &errors);
	assert_true(errors.missed >= 1000);
	while ((n = endpoint_rx(ep, 0, m, 32)) > 0)
		rte_pktmbuf_free_bulk(m, n);
	close(fd);
	endpoint_close(ep);
}

/* ---- af_xdp -------------------------------------------------------------- */

static void test_af_xdp_carries_frames_and_leaks_none(void **state)
{
	struct endpoint_state s;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct endpoint *ep = open_port("net_af_xdp0,iface=p", 1500);

		assert_false(ep->caps & ENDPOINT_CAP_MULTI_SEGS);
		carry_both_ways(ep, 60);
		carry_both_ways(ep, 1514);
		endpoint_get_state(ep, &s);
		assert_true(s.carrier);
		endpoint_close(ep);
		assert_int_equal(pools_in_use(), in_use_before);
	}
}

/* A frame that waits elsewhere when the device closes stays whole; its pool goes after it. */
static void test_af_xdp_frame_outlives_the_device(void **state)
{
	struct endpoint *ep = open_port("net_af_xdp0,iface=p", 1500);
	int fd = packet_socket("q");
	struct rte_mbuf *m;

	(void)state;
	wire_send(fd, 500, 9);
	m = port_receive(ep, 12);
	assert_non_null(m);
	endpoint_close(ep);
	assert_int_equal(pools_in_use(), in_use_before + 1);
	assert_frame(m, 500, 9);
	rte_pktmbuf_free(m);
	assert_int_equal(pools_in_use(), in_use_before);
	close(fd);
}

/* ---- a device with filters of DPDK's own kind ----------------------------- */

/*
 * A bond is a device like a NIC, with a filter that its member (a tap of DPDK's) can't
 * follow: it goes promiscuous, and comes back when that is no longer needed.
 */
static void test_full_filter_falls_back_to_promiscuous(void **state)
{
	const uint64_t macs[] = {0x0a0000000002, 0x0b0000000002};
	const uint64_t group = 0x0100005e0001;
	struct endpoint_filter f = {.macs = macs, .n_macs = 2, .groups = &group, .n_groups = 1};
	struct endpoint_filter nothing = {0};
	struct endpoint *ep;
	uint16_t port;

	(void)state;
	ep = open_port("net_bonding0,mode=1," BOND_MEMBER "=net_tap7", 1500);
	port = (uint16_t)described(ep, "port=");
	assert_true(endpoint_set_filter(ep, &nothing));
	assert_int_equal(rte_eth_promiscuous_get(port), 0);
	assert_false(endpoint_set_filter(ep, &f));
	assert_int_equal(rte_eth_promiscuous_get(port), 1);
	assert_int_equal(rte_eth_allmulticast_get(port), 1);
	assert_true(endpoint_set_filter(ep, &nothing));
	assert_int_equal(rte_eth_promiscuous_get(port), 0);
	assert_refused("net_tap7", 1500, EBUSY, "net_bonding");
	endpoint_close(ep);
}

#define VETH(f) cmocka_unit_test_setup_teardown(f, make_veth, remove_veth)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VETH(test_af_packet_carries_frames),
		VETH(test_af_packet_jumbo),
		VETH(test_af_packet_tag_stays_in_the_frame),
		VETH(test_af_packet_does_not_hear_its_own_side),
		VETH(test_af_packet_tx_never_waits),
		VETH(test_af_packet_follows_the_netdev),
		VETH(test_af_packet_leaves_the_netdev_as_it_was),
		VETH(test_af_packet_filters_are_the_netdevs),
		VETH(test_af_packet_counts_what_its_ring_lost),
		VETH(test_af_xdp_carries_frames_and_leaks_none),
		VETH(test_af_xdp_frame_outlives_the_device),
		TEST(test_full_filter_falls_back_to_promiscuous),
	};
	int rc;

	if (unshare(CLONE_NEWNET) != 0) {
		printf("1..0 # SKIP needs root: %s\n", strerror(errno));
		return 0;
	}
	run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; ip link set lo up");
	if (eal_up("net_tap7,iface=vnicbond", NULL) != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	eal_down();
	return rc;
}
