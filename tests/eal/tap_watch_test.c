/* SPDX-License-Identifier: BSD-3-Clause */
/* What a tap's owner and its namespace do, and how soon it is known. Root. */
#include "tap_fixture.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <rte_lcore.h>

#define TICK_MS 250
#define GROUP	0x0302015e0001ULL /* 01:00:5e:01:02:03 */
#define MAC_A	0x0a0000000002ULL /* 02:00:00:00:00:0a */

/* ---- what it is given ---------------------------------------------------------- */

static struct ip_range range(const char *text)
{
	struct ip_range r;

	assert_true(ip_range_parse(text, &r));
	return r;
}

static void test_opened_as_configured(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range addresses[] = {range("10.0.0.2/24"), range("2001:db8::2/64"),
				       range("10.1.0.1-10.1.0.3"), range("10.2.0.0-10.3.0.0")};
	struct endpoint_state s;
	struct endpoint *ep;
	const char *out;

	(void)state;
	args.mac = MAC_A;
	args.mtu = 4000;
	args.addresses = addresses;
	args.n_addresses = RTE_DIM(addresses);
	ep = tap_open_args(&args);
	s = state_of(ep);
	assert_true(s.present && s.up && s.carrier && !s.promisc);
	assert_true(s.mac == MAC_A);
	assert_int_equal(s.mtu, 4000);
	assert_string_equal(s.reason, "");
	out = sh_output("ip -d -n %s addr show dev web0", ns);
	assert_non_null(strstr(out, "02:00:00:00:00:0a"));
	assert_non_null(strstr(out, "mtu 4000"));
	assert_non_null(strstr(out, ",UP,LOWER_UP"));
	assert_non_null(strstr(out, "10.0.0.2/24"));
	assert_non_null(strstr(out, "2001:db8::2/64"));
	assert_non_null(strstr(out, "10.1.0.3/32"));
	/* A range that no netdev is meant to carry. */
	assert_null(strstr(out, "10.2.0."));
	assert_non_null(strstr(out, "numtxqueues 1 "));
	assert_non_null(strstr(out, "vnet_hdr on"));
}

static void test_changed_by_us(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range first[] = {range("10.0.0.2/24"), range("10.0.0.3/24")};
	struct ip_range second[] = {range("10.0.0.3/24"), range("10.0.0.4/24")};
	struct err err = {0};
	struct endpoint *ep;
	const char *out;

	(void)state;
	args.addresses = first;
	args.n_addresses = 2;
	args.up = false;
	ep = tap_open_args(&args);
	watch_for(ep, 300);
	assert_int_equal(endpoint_set_addresses(ep, second, 2, &err), 0);
	assert_int_equal(endpoint_set_mac(ep, MAC_A, &err), 0);
	assert_int_equal(endpoint_set_mtu(ep, 2000, &err), 0);
	out = sh_output("ip -n %s addr show dev web0", ns);
	assert_null(strstr(out, "10.0.0.2/24"));
	assert_non_null(strstr(out, "10.0.0.3/24"));
	assert_non_null(strstr(out, "10.0.0.4/24"));
	assert_non_null(strstr(out, "02:00:00:00:00:0a"));
	assert_non_null(strstr(out, "mtu 2000"));
	assert_true(state_of(ep).mac == MAC_A);
	/* Nobody else did anything, so there is nothing to tell. */
	assert_int_equal(watch_for(ep, 400), 0);

	assert_int_equal(endpoint_set_up(ep, true, &err), 0);
	endpoint_set_carrier(ep, false);
	out = sh_output("ip -n %s link show dev web0", ns);
	assert_non_null(strstr(out, "NO-CARRIER"));
	endpoint_set_carrier(ep, true);
	out = sh_output("ip -n %s link show dev web0", ns);
	assert_null(strstr(out, "NO-CARRIER"));

	/* The kernel's refusals are told and change nothing. */
	assert_int_equal(endpoint_set_mtu(ep, 65535, &err), -EINVAL);
	assert_non_null(strstr(err.text, "MTU"));
	assert_int_equal(state_of(ep).mtu, 2000);
	assert_int_not_equal(endpoint_set_mac(ep, 1, &err), 0);
	assert_true(state_of(ep).mac == MAC_A);
}

static void test_behind_a_port_is_another_station(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("wire", ns);
	struct endpoint_filter filter = {.promisc = false};
	struct endpoint *ep;

	(void)state;
	args.role = ENDPOINT_PORT;
	args.mac = MAC_A;
	ep = tap_open_args(&args);
	assert_true(state_of(ep).mac != MAC_A && mac_is_valid(state_of(ep).mac));
	assert_int_equal(endpoint_set_mac(ep, MAC_A, NULL), 0);
	assert_true(endpoint_set_filter(ep, &filter));
	assert_true(endpoint_refresh(ep)); /* its groups */
	assert_true(state_of(ep).mac != MAC_A);
	assert_true(state_of(ep).carrier);
	sh("ip -n %s link set wire down", ns);
	assert_in_range(watch_until(ep, has_up, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_false(state_of(ep).carrier);
}

/* ---- what its owner does --------------------------------------------------------- */

static void test_owner_is_followed(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	watch_for(ep, 300);
	sh("ip -n %s link set web0 address 02:00:00:00:00:0a", ns);
	assert_in_range(watch_until(ep, has_mac, MAC_A, FOLLOW_MS), 0, FOLLOW_MS);
	sh("ip -n %s link set web0 mtu 1400", ns);
	assert_in_range(watch_until(ep, has_mtu, 1400, FOLLOW_MS), 0, FOLLOW_MS);
	sh("ip -n %s link set web0 down", ns);
	assert_in_range(watch_until(ep, has_up, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_non_null(strstr(state_of(ep).reason, ns));
	sh("ip -n %s link set web0 up", ns);
	assert_in_range(watch_until(ep, has_up, 1, FOLLOW_MS), 0, FOLLOW_MS);
	assert_string_equal(state_of(ep).reason, "");
	sh("ip -n %s link set web0 promisc on", ns);
	assert_in_range(watch_until(ep, has_promisc, 1, FOLLOW_MS), 0, FOLLOW_MS);
	sh("ip -n %s link set web0 promisc off allmulticast on", ns);
	assert_in_range(watch_until(ep, has_allmulti, 1, FOLLOW_MS), 0, FOLLOW_MS);
	assert_false(state_of(ep).promisc);
	/* Under another name it still is the same netdev. */
	sh("ip -n %s link set web0 name eth0", ns);
	sh("ip -n %s link set eth0 mtu 1300", ns);
	assert_in_range(watch_until(ep, has_mtu, 1300, FOLLOW_MS), 0, FOLLOW_MS);
	assert_int_equal(endpoint_set_mtu(ep, 1200, NULL), 0);
	assert_non_null(strstr(sh_output("ip -n %s link show eth0", ns), "mtu 1200"));
	/* Nothing changes: nothing is told. */
	watch_for(ep, 300);
	sh("ip -n %s link set eth0 mtu 1200", ns);
	sh("ip -n %s addr add 10.9.0.1/32 dev lo", ns);
	assert_int_equal(watch_for(ep, 600), 0);
}

struct joining {
	const char *ifname;
};

static int index_of(void *arg)
{
	return (int)if_nametoindex(((struct joining *)arg)->ifname);
}

static void join(int s, const char *ifname, int type, uint64_t group, const char *ns, int how)
{
	struct joining j = {ifname};
	struct packet_mreq mr = {.mr_type = (unsigned short)type, .mr_alen = 6};

	mr.mr_ifindex = ns_run(ns, index_of, &j);
	mac_store(mr.mr_address, group);
	assert_int_equal(setsockopt(s, SOL_PACKET, how, &mr, sizeof(mr)), 0);
}

static void test_groups_are_followed(void **state)
{
	const char *ns = ns_add(true);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	struct endpoint_state st;

	(void)state;
	/* 224.0.0.1 and ff02::1, which every stack joins by itself. */
	assert_true(endpoint_refresh(ep));
	st = state_of(ep);
	assert_true(st.groups_known);
	assert_true(has_group(&st, 0x0100005e0001ULL));
	assert_true(has_group(&st, 0x010000003333ULL));
	/* No announcement for these two but the tick. */
	join(s, "web0", PACKET_MR_MULTICAST, GROUP, ns, PACKET_ADD_MEMBERSHIP);
	assert_in_range(watch_until(ep, has_group, GROUP, FOLLOW_MS), 0, FOLLOW_MS);
	st = state_of(ep);
	for (size_t i = 1; i < st.n_groups; i++)
		assert_true(st.groups[i - 1] < st.groups[i]);
	join(s, "web0", PACKET_MR_MULTICAST, GROUP, ns, PACKET_DROP_MEMBERSHIP);
	assert_in_range(watch_until(ep, lacks_group, GROUP, FOLLOW_MS), 0, FOLLOW_MS);
	join(s, "web0", PACKET_MR_ALLMULTI, 0, ns, PACKET_ADD_MEMBERSHIP);
	assert_in_range(watch_until(ep, has_allmulti, 1, FOLLOW_MS), 0, FOLLOW_MS);
	join(s, "web0", PACKET_MR_PROMISC, 0, ns, PACKET_ADD_MEMBERSHIP);
	assert_in_range(watch_until(ep, has_promisc, 1, FOLLOW_MS), 0, FOLLOW_MS);
}

static void test_a_hint_is_quicker_than_the_tick(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	int quick = 0;

	(void)state;
	watch_for(ep, 300);
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t group = GROUP + ((uint64_t)i << 40);
		int ms;

		watch_for(ep, 40); /* looks are at least this far apart */
		join(s, "web0", PACKET_MR_MULTICAST, group, ns, PACKET_ADD_MEMBERSHIP);
		endpoint_hint(ep);
		endpoint_hint(ep);
		ms = watch_until(ep, has_group, group, FOLLOW_MS);
		assert_in_range(ms, 0, FOLLOW_MS);
		quick += ms < 30;
	}
	assert_in_range(quick, 7, 10);
}

static void ignore(struct endpoint *ep, void *arg)
{
	(void)ep;
	(void)arg;
}

/* An owner who only sends group frames must not have main do nothing else. */
static void test_a_storm_of_hints_costs_little(void **state)
{
	struct endpoint *ep = tap_open_up("web0", ns_add(false));
	struct epoll_event ev;
	unsigned int turns = 0;
	double end;
	int e = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	ev = (struct epoll_event){.events = EPOLLIN};
	assert_int_equal(epoll_ctl(e, EPOLL_CTL_ADD, endpoint_watch_fd(), &ev), 0);
	for (end = now_ms() + 500; now_ms() < end;) {
		endpoint_hint(ep);
		if (epoll_wait(e, &ev, 1, 1) > 0) {
			endpoint_watch_run(ignore, NULL);
			turns++;
		}
	}
	close(e);
	assert_in_range(turns, 10, 200);
}

static void test_too_many_groups_means_all(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int s = packet_socket(ns, "web0", TEST_TYPE, false);
	struct endpoint_state st;

	(void)state;
	watch_for(ep, 300);
	for (uint64_t i = 0; i < 4100; i++)
		join(s, "web0", PACKET_MR_MULTICAST, GROUP + (i << 24), ns, PACKET_ADD_MEMBERSHIP);
	assert_true(endpoint_refresh(ep));
	st = state_of(ep);
	assert_true(st.allmulti);
	assert_false(st.groups_known);
	assert_int_equal(st.n_groups, 0);
}

static void test_lost_messages_are_made_up_for(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns), *other = tap_open_up("web1", ns);

	(void)state;
	watch_for(ep, 300);
	/* Thousands of changes that nobody reads meanwhile. */
	sh("for i in $(seq 4000); do echo link set web1 mtu $((1000 + i %% 100)); done "
	   ">/tmp/vt%d.batch; "
	   "ip -n %s -batch /tmp/vt%d.batch; rm /tmp/vt%d.batch",
	   (int)getpid(), ns, (int)getpid(), (int)getpid());
	sh("ip -n %s link set web0 mtu 1234", ns);
	sh("ip -n %s link set web1 mtu 1235", ns);
	assert_in_range(watch_until(ep, has_mtu, 1234, FOLLOW_MS), 0, FOLLOW_MS);
	watch_for(NULL, 100);
	assert_int_equal(state_of(other).mtu, 1235);
	assert_true(state_of(other).present);
}

static void test_deleted_by_its_owner_and_asked_for_again(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;
	struct rte_mbuf *m;
	int fd;

	(void)state;
	args.mac = MAC_A;
	args.n_rx_queues = 2;
	ep = tap_open_args(&args);
	fd = endpoint_rx_fd(ep, 1);
	watch_for(ep, 300);
	sh("ip -n %s link del web0", ns);
	assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_non_null(strstr(state_of(ep).reason, "deleted"));
	m = make_frame(ep->pool, MAC_A, 2, 60);
	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 0);
	rte_pktmbuf_free(m);
	assert_int_equal(endpoint_rx(ep, 1, &m, 1), 0);
	assert_int_equal(watch_for(ep, 600), 0);

	assert_int_equal(endpoint_set_up(ep, true, NULL), 0);
	assert_true(state_of(ep).present);
	assert_true(state_of(ep).mac == MAC_A);
	assert_int_equal(endpoint_rx_fd(ep, 1), fd);
	m = make_frame(ep->pool, MAC_A, 2, 60);
	assert_int_equal(endpoint_tx(ep, 0, &m, 1), 1);
}

static void test_moved_by_its_owner(void **state)
{
	const char *ns = ns_add(false), *other = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	struct rte_mbuf *m;
	uint8_t b[60];
	int s;

	(void)state;
	watch_for(ep, 300);
	sh("ip -n %s link add web1 type veth peer name web2", other);
	sh("ip -n %s link set web0 netns %s name eth0", ns, other);
	sh("ip -n %s link set eth0 address 02:00:00:00:00:0a up", other);
	assert_in_range(watch_until(ep, has_mac, MAC_A, 2 * FOLLOW_MS), 0, 2 * FOLLOW_MS);
	assert_true(state_of(ep).present);
	assert_false(state_of(ep).groups_known);
	s = packet_socket(other, "eth0", TEST_TYPE, false);
	fill_frame(b, 2, MAC_A, sizeof(b));
	assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
	m = rx_one(ep, 0, 500);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	assert_int_equal(endpoint_set_mtu(ep, 1300, NULL), 0);
	assert_non_null(strstr(sh_output("ip -n %s link show eth0", other), "mtu 1300"));
	/* Home again, followed as before. */
	sh("ip -n %s link set eth0 netns %s", other, ns);
	sh("ip -n %s link set eth0 up", ns);
	assert_in_range(watch_until(ep, has_group, 0x0100005e0001ULL, 2 * FOLLOW_MS), 0,
			2 * FOLLOW_MS);
	assert_true(state_of(ep).up);
	/* Away again, and never seen any more. */
	sh("ip -n %s link set eth0 netns %s", ns, other);
	assert_in_range(watch_until(ep, is_present, 0, FOLLOW_MS), 0, FOLLOW_MS);
	sh("ip -n %s link del eth0", other);
	assert_in_range(watch_until(ep, is_absent, 0, 2 * FOLLOW_MS), 0, 2 * FOLLOW_MS);
}

/* ---- what becomes of its namespace -------------------------------------------------- */

static void test_namespace_goes_and_comes_back(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint_args args = tap_args("web0", ns);
	struct ip_range address = range("10.0.0.2/24");
	struct epoll_event ev = {.events = EPOLLIN};
	int e = epoll_create1(EPOLL_CLOEXEC);
	struct endpoint *ep, *second;
	struct rte_mbuf *m;
	uint8_t b[60];
	const char *out;
	int fd, s;

	(void)state;
	args.mac = MAC_A;
	args.addresses = &address;
	args.n_addresses = 1;
	ep = tap_open_args(&args);
	second = tap_open_up("web1", ns);
	fd = endpoint_rx_fd(ep, 0);
	assert_int_equal(epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev), 0);
	watch_for(ep, 300);
	assert_int_equal(endpoint_set_mtu(ep, 1400, NULL), 0);

	for (int round = 0; round < 3; round++) {
		ns_del(ns);
		assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
		assert_false(state_of(second).present);
		assert_non_null(strstr(state_of(ep).reason, "does not exist"));
		assert_non_null(strstr(state_of(ep).reason, ns));
		m = make_frame(ep->pool, MAC_A, 2, 60);
		assert_int_equal(endpoint_tx(ep, 0, &m, 1), 0);
		assert_int_equal(endpoint_tx(ep, 0, &m, 1), 0);
		rte_pktmbuf_free(m);
		assert_int_equal(endpoint_rx(ep, 0, &m, 1), 0);

		ns_make(ns, false);
		assert_in_range(watch_until(ep, is_present, 0, FOLLOW_MS), 0, FOLLOW_MS);
		assert_true(state_of(second).present);
		assert_true(state_of(ep).mac == MAC_A);
		assert_int_equal(state_of(ep).mtu, 1400);
		assert_int_equal(endpoint_rx_fd(ep, 0), fd);
		out = sh_output("ip -n %s addr show dev web0", ns);
		assert_non_null(strstr(out, "10.0.0.2/24"));
		assert_non_null(strstr(out, ",UP,"));
		/* As the runtime does: what stands behind the number is new to epoll. */
		assert_int_equal(epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev), 0);
		s = packet_socket(ns, "web0", TEST_TYPE, false);
		fill_frame(b, 2, MAC_A, sizeof(b));
		assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
		assert_int_equal(epoll_wait(e, &ev, 1, 500), 1);
		m = rx_one(ep, 0, 100);
		assert_non_null(m);
		rte_pktmbuf_free(m);
	}
	close(e);
}

/*
 * The netdev's file may live on for a while (somebody has to close it, and that takes
 * long). A set that went on watching it would tell a worker of a queue that has become
 * another's by then.
 */
static void test_a_lost_netdev_wakes_nobody(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	int e = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev;
	int old_file, s;
	uint8_t b[60];

	(void)state;
	fill_frame(b, 2, MAC_A, sizeof(b));
	watch_for(ep, 300);
	assert_int_equal(endpoint_arm(ep, 0, e, 7), 0);
	assert_int_equal(endpoint_arm(ep, 0, e, 7), 0);
	s = packet_socket(ns, "web0", TEST_TYPE, false);
	old_file = dup(endpoint_rx_fd(ep, 0));
	assert_true(old_file >= 0);
	assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
	assert_int_equal(epoll_wait(e, &ev, 1, 500), 1);
	assert_int_equal(ev.data.u64, 7);

	ns_del(ns);
	assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
	assert_int_equal(epoll_wait(e, &ev, 1, 50), 0);

	/* Armed while absent or armed when it is back: once more is what main does. */
	assert_int_equal(endpoint_arm(ep, 0, e, 7), 0);
	ns_make(ns, false);
	assert_in_range(watch_until(ep, is_present, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_int_equal(endpoint_arm(ep, 0, e, 7), 0);
	assert_int_equal(epoll_wait(e, &ev, 1, 50), 0);
	s = packet_socket(ns, "web0", TEST_TYPE, false);
	assert_int_equal(send(s, b, sizeof(b), 0), sizeof(b));
	assert_int_equal(epoll_wait(e, &ev, 1, 500), 1);
	endpoint_disarm(ep, 0, e);
	assert_int_equal(epoll_wait(e, &ev, 1, 50), 0);
	close(old_file);
	close(e);
}

/* The old one is told to be gone before the new one is told to be there. */
static void test_namespace_replaced_at_once(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);

	(void)state;
	watch_for(ep, 300);
	ns_del(ns);
	ns_make(ns, false);
	assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_in_range(watch_until(ep, is_present, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_non_null(strstr(sh_output("ip -n %s link show web0", ns), "web0"));
}

/* While a tap is open, only its own descriptors would keep the namespace alive. */
static void test_a_deleted_namespace_is_let_go(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	char before[40];
	int at = -1;

	(void)state;
	watch_for(ep, 300);
	/* Its other end is in our namespace, and goes when the other namespace is destroyed. */
	snprintf(before, sizeof(before), "vt%d", (int)getpid());
	sh("ip link add %s type veth peer name veth0 netns %s", before, ns);
	ns_del(ns);
	assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	for (int i = 0; i < 300 && (at = (int)if_nametoindex(before)) != 0; i++)
		usleep(10000);
	if (at != 0)
		sh("ip link del %s", before);
	assert_int_equal(at, 0);
}

struct busy {
	struct endpoint *ep;
	struct rte_mempool *pool;
	int stop;
	unsigned int sent, received;
};

static void *be_busy(void *arg)
{
	struct busy *b = arg;
	struct rte_mbuf *m[8];

	if (rte_thread_register() != 0)
		return NULL;
	while (__atomic_load_n(&b->stop, __ATOMIC_RELAXED) == 0) {
		uint16_t n = endpoint_rx(b->ep, 0, m, 8);

		__atomic_fetch_add(&b->received, n, __ATOMIC_RELAXED);
		rte_pktmbuf_free_bulk(m, n);
		m[0] = make_frame(b->pool, MAC_A, 2, 3000);
		n = endpoint_tx(b->ep, 0, m, 1);
		__atomic_fetch_add(&b->sent, n, __ATOMIC_RELAXED);
		rte_pktmbuf_free_bulk(m + n, 1u - n);
	}
	rte_thread_unregister();
	return NULL;
}

/* A worker notices nothing but silence, whatever is exchanged under its hands. */
static void test_a_worker_goes_on_meanwhile(void **state)
{
	const char *ns = ns_add(false);
	struct endpoint *ep = tap_open_up("web0", ns);
	struct busy b = {.ep = ep, .pool = ep->pool};
	unsigned int sent, received;
	uint8_t frame[60];
	pthread_t thread;
	int rounds = 0, s;

	(void)state;
	fill_frame(frame, 2, MAC_A, sizeof(frame));
	assert_int_equal(pthread_create(&thread, NULL, be_busy, &b), 0);
	for (int round = 0; round < 5; round++) {
		watch_for(ep, 50);
		if (round % 2 == 0) {
			ns_del(ns);
			watch_for(ep, 50);
			ns_make(ns, false);
		} else {
			sh("ip -n %s link del web0", ns);
			watch_for(ep, 50);
			endpoint_set_up(ep, true, NULL);
		}
		for (int i = 0; i < 10 && !state_of(ep).present; i++)
			watch_for(ep, 50);
		if (!state_of(ep).present)
			break;
		sent = __atomic_load_n(&b.sent, __ATOMIC_RELAXED);
		received = __atomic_load_n(&b.received, __ATOMIC_RELAXED);
		s = packet_socket(ns, "web0", TEST_TYPE, false);
		for (int i = 0; i < 20; i++) {
			send(s, frame, sizeof(frame), 0);
			watch_for(ep, 10);
		}
		if (__atomic_load_n(&b.sent, __ATOMIC_RELAXED) == sent ||
		    __atomic_load_n(&b.received, __ATOMIC_RELAXED) == received)
			break;
		rounds++;
	}
	__atomic_fetch_add(&b.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(rounds, 5);
}

static void test_absent_at_opening(void **state)
{
	const char *ns = ns_name();
	struct endpoint_args args = tap_args("web0", ns);
	struct endpoint *ep;
	struct rte_mbuf *m;

	(void)state;
	args.mac = MAC_A;
	args.up = false;
	ep = tap_open_args(&args);
	assert_false(state_of(ep).present);
	assert_non_null(strstr(state_of(ep).reason, "does not exist"));
	assert_int_equal(endpoint_rx(ep, 0, &m, 1), 0);
	/* What is asked for meanwhile counts when it is there. */
	assert_int_equal(endpoint_set_mtu(ep, 1300, NULL), 0);
	assert_int_equal(endpoint_set_up(ep, true, NULL), 0);
	endpoint_set_carrier(ep, false);
	assert_int_equal(watch_for(ep, 600), 0);
	ns_make(ns, false);
	assert_in_range(watch_until(ep, is_present, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_true(state_of(ep).mac == MAC_A && state_of(ep).up);
	assert_int_equal(state_of(ep).mtu, 1300);
	assert_non_null(strstr(sh_output("ip -n %s link show web0", ns), "NO-CARRIER"));
}

static pid_t start_in_new_netns(char *pid, size_t len)
{
	pid_t child = fork();
	char own[64], its[64], path[64];

	if (child == 0) {
		execlp("unshare", "unshare", "-n", "sleep", "30", NULL);
		_exit(1);
	}
	snprintf(pid, len, "%d", (int)child);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	own[readlink("/proc/self/ns/net", own, sizeof(own) - 1)] = '\0';
	for (int i = 0; i < 200; i++) {
		ssize_t n = readlink(path, its, sizeof(its) - 1);

		its[n > 0 ? n : 0] = '\0';
		if (n > 0 && strcmp(own, its) != 0)
			return child;
		usleep(5000);
	}
	fail_msg("unshare didn't");
	return -1;
}

static void test_namespace_of_a_process(void **state)
{
	char pid[20];
	pid_t child = start_in_new_netns(pid, sizeof(pid));
	struct endpoint *ep = tap_open_up("web0", pid);

	(void)state;
	assert_true(state_of(ep).present);
	assert_non_null(strstr(sh_output("nsenter -t %s -n ip link show web0", pid), "web0"));
	watch_for(ep, 300);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_in_range(watch_until(ep, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	assert_non_null(strstr(state_of(ep).reason, "has ended"));
}

/* ---- what can't be --------------------------------------------------------------------- */

static void refused(const char *ifname, const char *netns, int code, const char *text)
{
	struct endpoint_args args = tap_args(ifname, netns);
	struct err err = {0};
	struct endpoint *ep;

	assert_int_equal(endpoint_open(&args, &ep, &err), -code);
	assert_null(ep);
	if (strstr(err.text, text) == NULL)
		fail_msg("'%s' doesn't say '%s'", err.text, text);
}

static void test_what_is_refused_and_why(void **state)
{
	const char *ns = ns_add(false);

	(void)state;
	refused("", ns, EINVAL, "name of a netdev");
	refused("sixteen-letters-", ns, EINVAL, "name of a netdev");
	refused("a b", ns, EINVAL, "name of a netdev");
	refused("a/b", ns, EINVAL, "name of a netdev");
	refused("tap%d", ns, EINVAL, "name of a netdev");
	refused("web0", "../etc", EINVAL, "netns");
	refused("lo", ns, EEXIST, "already");
	sh("ip -n %s tuntap add tap0 mode tap", ns);
	refused("tap0", ns, EEXIST, "already");
	sh("ip -n %s link add veth0 type veth peer name veth1", ns);
	refused("veth0", ns, EEXIST, "already");
	tap_open_up("web0", ns);
	refused("web0", ns, EEXIST, "already");
	assert_non_null(strstr(sh_output("ip -n %s link show", ns), "web0"));
}

static void test_no_namespace_there(void **state)
{
	struct endpoint *ep;

	(void)state;
	ep = tap_open_up("web0", "/etc/passwd");
	assert_false(state_of(ep).present);
	assert_non_null(strstr(state_of(ep).reason, "not a network namespace"));
	ep = tap_open_up("web0", "/nonexistent/net");
	assert_false(state_of(ep).present);
	ep = tap_open_up("web0", "4194303");
	assert_false(state_of(ep).present);
	assert_non_null(strstr(state_of(ep).reason, "process 4194303 does not exist"));
}

static void test_descriptors_run_out(void **state)
{
	const char *ns = ns_add(false);
	struct rlimit old, low;
	unsigned int before = 0;
	int probe = dup(0);

	(void)state;
	close(probe);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (rlim_t spare = 0; spare < 6; spare++) {
		struct endpoint_args args = tap_args("web0", ns);
		struct err err = {0};
		struct endpoint *ep;
		char text[60];
		int ret;

		args.n_rx_queues = 2;
		low = (struct rlimit){.rlim_cur = (rlim_t)probe + spare, .rlim_max = old.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		ret = endpoint_open(&args, &ep, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(ret, -EMFILE);
		snprintf(text, sizeof(text), "out of file descriptors (RLIMIT_NOFILE is %u)",
			 (unsigned int)low.rlim_cur);
		if (strstr(err.text, text) == NULL)
			fail_msg("'%s'", err.text);
		before++;
		/* Nothing was left behind. */
		assert_int_equal(probe, dup(0));
		close(probe);
	}
	assert_int_equal(before, 6);
	assert_true(state_of(tap_open_up("web0", ns)).present);
}

/* ---- many -------------------------------------------------------------------------------- */

static unsigned int how_many(unsigned int otherwise)
{
	const char *s = getenv("TAP_TEST_N");

	return s != NULL ? (unsigned int)atoi(s) : otherwise;
}

/* What a second of the watch costs when nothing happens. */
static double idle_cost_ms(void)
{
	struct timespec a, b;
	double wall = now_ms();

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	watch_for(NULL, 2000);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6) /
	       (now_ms() - wall) * TICK_MS;
}

static void test_many_in_one_namespace(void **state)
{
	const char *ns = ns_add(false);
	unsigned int n = how_many(200);
	struct endpoint *last = NULL;
	double began = now_ms();

	(void)state;
	for (unsigned int i = 0; i < n; i++) {
		char ifname[16];

		snprintf(ifname, sizeof(ifname), "web%u", i);
		last = tap_open_up(ifname, ns);
		endpoint_refresh(last); /* as the runtime does */
	}
	print_message("# %u taps in one namespace opened in %.0f ms\n", n, now_ms() - began);
	watch_for(NULL, 500);
	assert_true(state_of(last).groups_known);
	print_message("# a quiet tick takes %.2f ms\n", idle_cost_ms());
	sh("ip -n %s link set web%u mtu 1300", ns, n - 1);
	assert_in_range(watch_until(last, has_mtu, 1300, FOLLOW_MS), 0, FOLLOW_MS);
	began = now_ms();
	ns_del(ns);
	assert_in_range(watch_until(last, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	print_message("# namespace gone: all known absent after %.0f ms\n", now_ms() - began);
}

static void test_many_in_as_many_namespaces(void **state)
{
	unsigned int n = how_many(100);
	static char names[2048][32];
	struct endpoint *last = NULL;
	double began;

	(void)state;
	assert_in_range(n, 1, 2048);
	sh("for i in $(seq 0 %u); do echo netns add vt%d-m$i; done | ip -batch -", n - 1,
	   (int)getpid());
	began = now_ms();
	for (unsigned int i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "vt%d-m%u", (int)getpid(), i);
		last = tap_open_up("web0", names[i]);
		endpoint_refresh(last);
	}
	print_message("# %u taps in as many namespaces opened in %.0f ms\n", n, now_ms() - began);
	watch_for(NULL, 500);
	assert_true(state_of(last).groups_known);
	print_message("# a quiet tick takes %.2f ms\n", idle_cost_ms());
	sh("ip -n %s link set web0 mtu 1300", names[n - 1]);
	assert_in_range(watch_until(last, has_mtu, 1300, FOLLOW_MS), 0, FOLLOW_MS);
	sh("for i in $(seq 0 %u); do echo netns del vt%d-m$i; done | ip -batch -", n - 1,
	   (int)getpid());
	began = now_ms();
	assert_in_range(watch_until(last, is_absent, 0, 4 * FOLLOW_MS), 0, 4 * FOLLOW_MS);
	print_message("# namespaces gone: known after %.0f ms\n", now_ms() - began);
}

/* What one takes that is closed alone, on this machine and now: many at once take less than half of it each. */
static double alone_ms(const char *ns)
{
	double took = 0;

	for (int i = 0; i < 5; i++) {
		tap_open_up("alone", ns);
		took += tap_close_last(1);
	}
	return took / 5;
}

static void test_many_of_one_namespace_close_at_once(void **state)
{
	const char *ns = ns_add(true);
	unsigned int n = how_many(200);
	struct endpoint_args two;
	struct endpoint *stays;
	double took, alone = alone_ms(ns);
	int before, after;

	(void)state;
	/* Its link-local address is there at once, not while we look whether anything is told. */
	sh("ip netns exec %s sysctl -qw net.ipv6.conf.default.accept_dad=0", ns);
	sh("ip -n %s tuntap add foreign mode tap", ns);
	stays = tap_open_up("stays", ns);
	before = dup(0);
	close(before);
	two = tap_args("two", ns);
	two.n_rx_queues = 2;
	tap_open_args(&two);
	for (unsigned int i = 1; i < n; i++) {
		char ifname[16];

		snprintf(ifname, sizeof(ifname), "web%u", i);
		tap_open_up(ifname, ns);
	}
	/* Its owner took one elsewhere, and one away. */
	sh("ip -n %s link set web1 netns %s name lost", ns, ns_add(false));
	sh("ip -n %s link del web2", ns);
	watch_for(NULL, 600);
	took = tap_close_last(n);
	print_message("# %u taps of one namespace closed in %.0f ms, one in %.0f\n", n, took,
		      alone);
	assert_true(took < n * alone / 2);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	assert_int_equal(watch_for(stays, 300), 0);
	assert_true(state_of(stays).present && state_of(stays).up);
	assert_string_equal(sh_output("ip -n %s -o link | sed 's/^[0-9]*: //; s/:.*//' | sort", ns),
			    "foreign\nlo\nstays\n");
	/* The names are free again. */
	tap_open_up("web1", ns);
	tap_open_up("two", ns);
}

static void test_many_of_as_many_namespaces_close_at_once(void **state)
{
	double took, alone = alone_ms(ns_add(false));
	unsigned int n = how_many(100);

	(void)state;
	sh("for i in $(seq 1 %u); do echo netns add vt%d-c$i; done | ip -batch -", n,
	   (int)getpid());
	for (unsigned int i = 1; i <= n; i++) {
		char ns[32];

		snprintf(ns, sizeof(ns), "vt%d-c%u", (int)getpid(), i);
		tap_open_up("web0", ns);
	}
	took = tap_close_last(n);
	print_message("# %u taps of as many namespaces closed in %.0f ms, one in %.0f\n", n, took,
		      alone);
	assert_true(took < n * alone / 2);
	assert_string_equal(
		sh_output("for i in $(seq 1 %u); do ip -n vt%d-c$i link show web0; done "
			  "2>/dev/null",
			  n, (int)getpid()),
		"");
	sh("for i in $(seq 1 %u); do echo netns del vt%d-c$i; done | ip -batch -", n,
	   (int)getpid());
}

/* What a namespace takes with it when it goes is let go of as quickly. */
static void test_many_are_let_go_with_their_namespace(void **state)
{
	const char *ns = ns_add(false);
	unsigned int n = how_many(200);
	struct endpoint *last = NULL;
	char before[40];
	double began, alone = alone_ms(ns);
	int at = -1;

	(void)state;
	for (unsigned int i = 0; i < n; i++) {
		char ifname[16];

		snprintf(ifname, sizeof(ifname), "web%u", i);
		last = tap_open_up(ifname, ns);
	}
	watch_for(last, 300);
	/* Its other end is in our namespace, and goes when the other namespace is destroyed. */
	snprintf(before, sizeof(before), "vt%d", (int)getpid());
	sh("ip link add %s type veth peer name veth0 netns %s", before, ns);
	began = now_ms();
	ns_del(ns);
	assert_in_range(watch_until(last, is_absent, 0, FOLLOW_MS), 0, FOLLOW_MS);
	while ((at = (int)if_nametoindex(before)) != 0 && now_ms() - began < n * alone / 2)
		usleep(5000);
	print_message("# namespace of %u taps gone in %.0f ms\n", n, now_ms() - began);
	if (at != 0)
		sh("ip link del %s", before);
	assert_int_equal(at, 0);
}

static void test_open_and_close_leave_nothing(void **state)
{
	const char *ns = ns_add(false);
	int before = dup(0), after;

	(void)state;
	close(before);
	for (int i = 0; i < 20; i++)
		tap_close_now(tap_open_up("web0", ns));
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	assert_null(strstr(sh_output("ip -n %s link show", ns), "web0"));
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TAP_TEST(test_opened_as_configured),
		TAP_TEST(test_changed_by_us),
		TAP_TEST(test_behind_a_port_is_another_station),
		TAP_TEST(test_owner_is_followed),
		TAP_TEST(test_groups_are_followed),
		TAP_TEST(test_a_hint_is_quicker_than_the_tick),
		TAP_TEST(test_a_storm_of_hints_costs_little),
		TAP_TEST(test_too_many_groups_means_all),
		TAP_TEST(test_lost_messages_are_made_up_for),
		TAP_TEST(test_deleted_by_its_owner_and_asked_for_again),
		TAP_TEST(test_moved_by_its_owner),
		TAP_TEST(test_namespace_goes_and_comes_back),
		TAP_TEST(test_a_lost_netdev_wakes_nobody),
		TAP_TEST(test_namespace_replaced_at_once),
		TAP_TEST(test_a_deleted_namespace_is_let_go),
		TAP_TEST(test_a_worker_goes_on_meanwhile),
		TAP_TEST(test_absent_at_opening),
		TAP_TEST(test_namespace_of_a_process),
		TAP_TEST(test_what_is_refused_and_why),
		TAP_TEST(test_no_namespace_there),
		TAP_TEST(test_descriptors_run_out),
		TAP_TEST(test_many_in_one_namespace),
		TAP_TEST(test_many_in_as_many_namespaces),
		TAP_TEST(test_many_of_one_namespace_close_at_once),
		TAP_TEST(test_many_of_as_many_namespaces_close_at_once),
		TAP_TEST(test_many_are_let_go_with_their_namespace),
		TAP_TEST(test_open_and_close_leave_nothing),
	};

	return cmocka_run_group_tests_name("tap_watch", tests, tap_group_setup, tap_group_teardown);
}

int main(void)
{
	return tap_main("tap_watch", run);
}
