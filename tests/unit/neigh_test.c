/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour table with a clock of the test's own: what it asks, whom it believes, what it forgets. */
#include <errno.h>

#include "ctl/neigh.h"
#include "nd_frames.h"

#define M mac("02:4d:00:00:00:01") /* the port */
#define R mac("02:52:00:00:00:fe") /* its gateway */
#define X mac("02:58:00:00:00:c8") /* somebody else */

struct rig {
	struct neigh_table *t;
	struct nd said[4096]; /* what went to the wire */
	uint32_t n;
	uint64_t now;
};

static struct rig rig;

static void emit(void *arg, const uint8_t *frame, uint32_t len)
{
	struct rig *r = arg;
	struct frame f = copy_of(frame, len);
	uint8_t *b = exactly(&f, len);

	assert_true(r->n < 4096);
	assert_true(nd_parse(&r->said[r->n++], b, len));
	free(b);
}

static void start(uint32_t max)
{
	const struct ip_prefix own[] = {{ip("192.0.2.7"), 24},
					{ip("10.0.0.1"), 24},
					{ip("2001:db8::1"), 64},
					{ip("fe80::1"), 64}};

	memset(&rig, 0, sizeof(rig));
	rig.now = 1000000;
	rig.t = neigh_create(max, emit, &rig);
	assert_non_null(rig.t);
	assert_int_equal(neigh_set_port(rig.t, M, own, 4), 0);
}

static int setup(void **state)
{
	(void)state;
	start(8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	neigh_free(rig.t);
	return 0;
}

static int wanted(const char *text)
{
	const struct ip_addr a = ip(text);

	return neigh_wanted(rig.t, &a, rig.now);
}

static void used(const char *text)
{
	const struct ip_addr a = ip(text);

	neigh_used(rig.t, &a, rig.now);
}

static void assert_state(const char *text, const char *state)
{
	const struct ip_addr a = ip(text);
	const struct neigh *e = neigh_find(rig.t, &a);

	assert_string_equal(e != NULL ? neigh_state_name(e->state) : "NONE", state);
}

static uint64_t where(const char *text)
{
	const struct ip_addr a = ip(text);
	const struct neigh *e = neigh_find(rig.t, &a);

	return e != NULL && neigh_is_usable(e) ? e->mac : 0;
}

/* Time passes as the control loop would let it: in ticks. */
static void pass(uint64_t ms)
{
	for (uint64_t end = rig.now + ms; rig.now < end;) {
		rig.now += 250;
		neigh_tick(rig.t, rig.now);
	}
}

static void arp(enum nd_op op, const char *sender, uint64_t from, const char *target, uint64_t dst)
{
	const struct nd m = {.op = op,
			     .eth_dst = dst,
			     .eth_src = from,
			     .sender = ip(sender),
			     .sender_mac = from,
			     .target = ip(target),
			     .is_gratuitous = strcmp(sender, target) == 0};

	neigh_learn(rig.t, &m, rig.now);
}

#define F_S 1
#define F_O 2

static void na(const char *target, uint64_t ll, int flags)
{
	const struct nd m = {.op = ND_NA,
			     .eth_dst = M,
			     .eth_src = ll != 0 ? ll : R,
			     .sender = ip(target),
			     .target = ip(target),
			     .target_mac = ll,
			     .solicited = (flags & F_S) != 0,
			     .override = (flags & F_O) != 0};

	neigh_learn(rig.t, &m, rig.now);
}

static void resolve(const char *text, uint64_t at)
{
	assert_int_equal(wanted(text), 0);
	if (ip(text).family == 4)
		arp(ND_ARP_REPLY, text, at, "10.0.0.1", M);
	else
		na(text, at, F_S | F_O);
	assert_state(text, "REACHABLE");
}

/* IV-650: the gateway is asked for once, from the address in its subnet, and answers. */
static void test_resolves_ipv4(void **state)
{
	uint64_t generation = neigh_generation(rig.t);

	(void)state;
	assert_int_equal(wanted("10.0.0.254"), 0);
	assert_int_equal(wanted("10.0.0.254"), 0);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.said[0].op, ND_ARP_REQUEST);
	assert_true(rig.said[0].eth_dst == MAC_BROADCAST && rig.said[0].eth_src == M);
	assert_ip(&rig.said[0].sender, "10.0.0.1");
	assert_ip(&rig.said[0].target, "10.0.0.254");
	assert_state("10.0.0.254", "INCOMPLETE");
	assert_true(neigh_generation(rig.t) == generation);

	arp(ND_ARP_REPLY, "10.0.0.254", R, "10.0.0.1", M);
	assert_state("10.0.0.254", "REACHABLE");
	assert_true(where("10.0.0.254") == R);
	assert_true(neigh_generation(rig.t) != generation);
}

/* IV-651. */
static void test_resolves_ipv6(void **state)
{
	(void)state;
	assert_int_equal(wanted("2001:db8::fe"), 0);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.said[0].op, ND_NS);
	assert_mac(rig.said[0].eth_dst, "33:33:ff:00:00:fe");
	assert_ip(&rig.said[0].sender, "fe80::1");
	assert_true(rig.said[0].sender_mac == M);
	na("2001:db8::fe", 0, F_S | F_O); /* without an address there is nothing to learn */
	assert_state("2001:db8::fe", "INCOMPLETE");
	na("2001:db8::fe", R, F_S);
	assert_true(where("2001:db8::fe") == R);
	assert_state("2001:db8::fe", "REACHABLE");
}

/* IV-652, and a port without a link-local address of its own. */
static void test_sources(void **state)
{
	const struct ip_prefix own = {ip("192.0.2.7"), 25};

	(void)state;
	assert_int_equal(wanted("198.51.100.7"), 0); /* in no subnet: the first */
	assert_ip(&rig.said[0].sender, "192.0.2.7");
	assert_int_equal(neigh_set_port(rig.t, M, &own, 1), 0);
	assert_int_equal(wanted("2001:db8::fe"), 0);
	assert_ip(&rig.said[1].sender, "fe80::4d:ff:fe00:1"); /* Linux' own for this MAC: IV-742 */
	assert_int_equal(neigh_set_port(rig.t, M, NULL, 0), 0);
	assert_int_equal(wanted("192.0.2.200"), 0);
	assert_ip(&rig.said[2].sender, "0.0.0.0");
}

static void test_gives_up_after_three(void **state)
{
	(void)state;
	wanted("10.0.0.99");
	pass(2750);
	assert_int_equal(rig.n, 3);
	assert_state("10.0.0.99", "INCOMPLETE");
	pass(250);
	assert_state("10.0.0.99", "FAILED");
	assert_int_equal(rig.n, 3);
	pass(1000);
	assert_int_equal(wanted("10.0.0.99"), 0); /* a new frame, a new attempt */
	assert_int_equal(rig.n, 4);
	pass(3000);
	assert_state("10.0.0.99", "FAILED");
	pass(NEIGH_FAILED_MS);
	assert_state("10.0.0.99", "NONE");
	assert_int_equal(rig.n, 6);
}

static void test_failed_may_answer_late(void **state)
{
	(void)state;
	wanted("10.0.0.99");
	pass(3000);
	arp(ND_ARP_REPLY, "10.0.0.99", X, "10.0.0.1", M);
	assert_true(where("10.0.0.99") == X);
}

/* Reachable, stale, asked by unicast when it is used again, reachable. */
static void test_life_of_one_in_use(void **state)
{
	uint64_t generation;

	(void)state;
	resolve("10.0.0.254", R);
	generation = neigh_generation(rig.t);
	rig.n = 0;
	pass(NEIGH_REACHABLE_MS);
	assert_state("10.0.0.254", "STALE");
	assert_true(where("10.0.0.254") == R);
	assert_int_equal(rig.n, 0);
	used("10.0.0.254");
	used("10.0.0.254");
	assert_state("10.0.0.254", "PROBE");
	assert_int_equal(rig.n, 1);
	assert_true(rig.said[0].eth_dst == R);
	assert_true(where("10.0.0.254") == R);
	arp(ND_ARP_REPLY, "10.0.0.254", R, "10.0.0.1", M);
	assert_state("10.0.0.254", "REACHABLE");
	assert_true(neigh_generation(rig.t) == generation); /* nothing for workers in all this */
}

static void test_probe_of_ipv6_is_unicast(void **state)
{
	(void)state;
	resolve("2001:db8::fe", R);
	rig.n = 0;
	pass(NEIGH_REACHABLE_MS);
	wanted("2001:db8::fe");
	assert_int_equal(rig.n, 1);
	assert_true(rig.said[0].eth_dst == R);
	assert_ip(&rig.said[0].dst, "2001:db8::fe");
	na("2001:db8::fe", 0, F_S); /* needs no address: he is where he was */
	assert_state("2001:db8::fe", "REACHABLE");
}

static void test_one_that_is_gone(void **state)
{
	uint64_t generation;

	(void)state;
	resolve("10.0.0.254", R);
	pass(NEIGH_REACHABLE_MS);
	generation = neigh_generation(rig.t);
	rig.n = 0;
	used("10.0.0.254");
	pass(3000);
	assert_int_equal(rig.n, 3);
	assert_state("10.0.0.254", "FAILED");
	assert_true(where("10.0.0.254") == 0);
	assert_true(neigh_generation(rig.t) != generation);
	wanted("10.0.0.254");
	assert_true(rig.said[3].eth_dst == MAC_BROADCAST);
}

static void test_unused_is_forgotten(void **state)
{
	uint64_t generation;

	(void)state;
	resolve("10.0.0.254", R);
	resolve("2001:db8::fe", R);
	generation = neigh_generation(rig.t);
	pass(NEIGH_REACHABLE_MS - 250);
	used("2001:db8::fe");
	pass(NEIGH_UNUSED_MS - NEIGH_REACHABLE_MS + 250);
	assert_state("10.0.0.254", "NONE");
	assert_state("2001:db8::fe", "STALE");
	assert_true(neigh_generation(rig.t) != generation);
}

/* RFC 826 would update only, RFC 4861 forbids: nobody becomes a neighbour by saying so. */
static void test_nothing_is_made_by_frames(void **state)
{
	struct nd ns = {.op = ND_NS, .sender = ip("2001:db8::fe"), .sender_mac = R, .eth_src = R};

	(void)state;
	arp(ND_ARP_REPLY, "10.0.0.254", R, "10.0.0.1", M);
	arp(ND_ARP_REQUEST, "10.0.0.254", R, "10.0.0.1", MAC_BROADCAST);
	arp(ND_ARP_REQUEST, "10.0.0.254", R, "10.0.0.254", MAC_BROADCAST);
	na("2001:db8::fe", R, F_O);
	neigh_learn(rig.t, &ns, rig.now);
	assert_state("10.0.0.254", "NONE");
	assert_state("2001:db8::fe", "NONE");
	used("10.0.0.254");
	assert_state("10.0.0.254", "NONE");
	assert_int_equal(rig.n, 0);
}

/* A request from the one we look for tells where he is, but not that he hears us. */
static void test_learns_from_requests(void **state)
{
	struct nd ns = {.op = ND_NS, .sender = ip("2001:db8::fe"), .eth_src = R};

	(void)state;
	wanted("10.0.0.254");
	arp(ND_ARP_REQUEST, "10.0.0.254", R, "10.0.0.2", MAC_BROADCAST);
	assert_state("10.0.0.254", "STALE");
	assert_true(where("10.0.0.254") == R);
	wanted("2001:db8::fe");
	neigh_learn(rig.t, &ns, rig.now); /* without the option: nothing */
	assert_state("2001:db8::fe", "INCOMPLETE");
	ns.sender_mac = R;
	neigh_learn(rig.t, &ns, rig.now);
	assert_state("2001:db8::fe", "STALE");
	assert_true(where("2001:db8::fe") == R);
}

/* Two answers to one question: the first counts. Later he may have moved. */
static void test_arp_moves(void **state)
{
	uint64_t generation;

	(void)state;
	resolve("10.0.0.254", R);
	generation = neigh_generation(rig.t);
	arp(ND_ARP_REPLY, "10.0.0.254", X, "10.0.0.1", M);
	assert_true(where("10.0.0.254") == R);
	assert_true(neigh_generation(rig.t) == generation);
	rig.now += NEIGH_LOCK_MS;
	arp(ND_ARP_REQUEST, "10.0.0.254", R, "10.0.0.2", MAC_BROADCAST);
	assert_state("10.0.0.254", "REACHABLE"); /* nothing new in that */
	arp(ND_ARP_REQUEST, "10.0.0.254", X, "10.0.0.2", MAC_BROADCAST);
	assert_state("10.0.0.254", "STALE");
	assert_true(where("10.0.0.254") == X);
	assert_true(neigh_generation(rig.t) != generation);
	arp(ND_ARP_REPLY, "10.0.0.254", R, "10.0.0.254",
	    MAC_BROADCAST); /* gratuitous: a failover */
	assert_true(where("10.0.0.254") == R);
}

/* RFC 4861 §7.2.5 and its appendix C. */
static void test_na_override(void **state)
{
	(void)state;
	resolve("2001:db8::fe", R);
	na("2001:db8::fe", X, 0); /* a proxy, perhaps: not believed, but looked into */
	assert_state("2001:db8::fe", "STALE");
	assert_true(where("2001:db8::fe") == R);
	na("2001:db8::fe", X, F_S);
	assert_state("2001:db8::fe", "STALE");
	assert_true(where("2001:db8::fe") == R);
	na("2001:db8::fe", X, F_O);
	assert_state("2001:db8::fe", "STALE");
	assert_true(where("2001:db8::fe") == X);
	na("2001:db8::fe", R, F_S | F_O);
	assert_state("2001:db8::fe", "REACHABLE");
	assert_true(where("2001:db8::fe") == R);
}

/* Our own question, sent back by a switch, or someone who claims our MAC. */
static void test_own_mac_is_no_neighbour(void **state)
{
	(void)state;
	wanted("10.0.0.254");
	wanted("2001:db8::fe");
	arp(ND_ARP_REPLY, "10.0.0.254", M, "10.0.0.1", M);
	na("2001:db8::fe", M, F_S | F_O);
	assert_state("10.0.0.254", "INCOMPLETE");
	assert_state("2001:db8::fe", "INCOMPLETE");
}

static void test_static(void **state)
{
	const struct ip_addr a = ip("10.0.0.254"), group = ip("224.0.0.1");

	(void)state;
	wanted("10.0.0.254");
	assert_int_equal(neigh_add_static(rig.t, &a, R, rig.now), 0);
	arp(ND_ARP_REPLY, "10.0.0.254", X, "10.0.0.1", M);
	rig.now += 2000;
	arp(ND_ARP_REPLY, "10.0.0.254", X, "10.0.0.254", MAC_BROADCAST);
	pass(200000);
	wanted("10.0.0.254");
	assert_true(where("10.0.0.254") == R);
	assert_int_equal(rig.n, 1);
	neigh_flush(rig.t);
	assert_state("10.0.0.254", "PERMANENT");
	assert_int_equal(neigh_add_static(rig.t, &a, MAC_BROADCAST, rig.now), -EINVAL);
	assert_int_equal(neigh_add_static(rig.t, &group, R, rig.now), -EINVAL);
	assert_int_equal(neigh_del(rig.t, &a), 0);
	assert_int_equal(neigh_del(rig.t, &a), -ENOENT);
}

static void test_flush(void **state)
{
	uint64_t generation;

	(void)state;
	resolve("10.0.0.254", R);
	wanted("10.0.0.99");
	generation = neigh_generation(rig.t);
	neigh_flush(rig.t);
	assert_state("10.0.0.254", "NONE");
	assert_state("10.0.0.99", "NONE");
	assert_true(neigh_generation(rig.t) != generation);
	assert_true(neigh_tick(rig.t, rig.now + 100000) == UINT64_MAX);
}

static void test_wants_unicast(void **state)
{
	(void)state;
	assert_int_equal(wanted("255.255.255.255"), -EINVAL);
	assert_int_equal(wanted("224.0.0.1"), -EINVAL);
	assert_int_equal(wanted("0.0.0.0"), -EINVAL);
	assert_int_equal(wanted("ff02::1"), -EINVAL);
	assert_int_equal(wanted("::"), -EINVAL);
	assert_int_equal(rig.n, 0);
}

/* A vnic that scans a subnet: half of the table, a question a second each, and nobody in use goes. */
static void test_scan(void **state)
{
	static const char *const gateway = "10.0.0.254";
	struct ip_addr a = ip("10.0.1.0");

	(void)state;
	neigh_free(rig.t);
	start(NEIGH_DEFAULT_MAX);
	resolve(gateway, R);
	rig.n = 0;
	for (int second = 0; second < 4; second++) {
		for (uint32_t i = 0; i < 1000; i++, a = ip_addr_add(a, 1))
			neigh_wanted(rig.t, &a, rig.now);
		used(gateway);
		pass(1000);
	}
	assert_true(where(gateway) == R);
	assert_int_equal(rig.n, 5 * NEIGH_DEFAULT_MAX /
					2); /* at 0, 1, 2, and the next ones at 3 and 4 s */
	pass(NEIGH_FAILED_MS + 3000);
	assert_int_equal(wanted("10.0.0.99"), 0);
}

/* Full: who failed goes first, then who was used longest ago; never one that is waited for or in use. */
static void test_eviction(void **state)
{
	(void)state;
	resolve("10.0.0.1", R);
	rig.now += 1000;
	resolve("10.0.0.2", R);
	resolve("10.0.0.3", R);
	resolve("10.0.0.4", R);
	resolve("10.0.0.5", R);
	wanted("10.0.0.6");
	pass(3000);
	assert_state("10.0.0.6", "FAILED");
	resolve("10.0.0.7", R);
	resolve("10.0.0.8", R);
	resolve("10.0.0.9", R); /* the ninth of eight */
	assert_state("10.0.0.6", "NONE");
	assert_int_equal(wanted("10.0.0.10"), -ENOSPC); /* all were used just now */
	rig.now += 1250;
	assert_int_equal(wanted("10.0.0.10"), 0);
	assert_state("10.0.0.1", "NONE");
	assert_state("10.0.0.2", "REACHABLE");
}

static void count(void *arg, const struct neigh *e)
{
	uint64_t *n = arg;

	n[neigh_is_usable(e)]++;
}

static void test_foreach(void **state)
{
	uint64_t n[2] = {0};

	(void)state;
	resolve("10.0.0.254", R);
	resolve("2001:db8::fe", R);
	wanted("10.0.0.99");
	neigh_foreach(rig.t, count, n);
	assert_int_equal(n[true], 2);
	assert_int_equal(n[false], 1);
}

/* What tick says suffices to be called by. */
static void test_next_time(void **state)
{
	uint64_t next;

	(void)state;
	assert_true(neigh_tick(rig.t, rig.now) == UINT64_MAX);
	wanted("10.0.0.99");
	next = neigh_tick(rig.t, rig.now);
	assert_true(next == rig.now + NEIGH_RETRY_MS);
	for (int i = 0; i < 4; i++)
		next = neigh_tick(rig.t, next);
	assert_int_equal(rig.n, 3);
	assert_true(next == UINT64_MAX);
	assert_state("10.0.0.99", "NONE");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resolves_ipv4),
		TEST(test_resolves_ipv6),
		TEST(test_sources),
		TEST(test_gives_up_after_three),
		TEST(test_failed_may_answer_late),
		TEST(test_life_of_one_in_use),
		TEST(test_probe_of_ipv6_is_unicast),
		TEST(test_one_that_is_gone),
		TEST(test_unused_is_forgotten),
		TEST(test_nothing_is_made_by_frames),
		TEST(test_learns_from_requests),
		TEST(test_arp_moves),
		TEST(test_na_override),
		TEST(test_own_mac_is_no_neighbour),
		TEST(test_static),
		TEST(test_flush),
		TEST(test_wants_unicast),
		TEST(test_scan),
		TEST(test_eviction),
		TEST(test_foreach),
		TEST(test_next_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
