/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers, questions and announcements. What Linux sends itself must come out byte for
 * byte; the rest is read back, and its checksum verified apart.
 */
#include "nd_frames.h"
#include "net/answer.h"
#include "net/nd.h"

#define M "02:4d:00:00:00:01"
#define R "02:52:00:00:00:fe"

static uint8_t out[ANSWER_MAX];

/* Everything that makes it must leave the buffer's neighbours alone; and be a message. */
static struct nd said(uint32_t n, uint32_t expected)
{
	struct frame f = copy_of(out, n);
	uint8_t *b = exactly(&f, n);
	struct nd m;

	assert_int_equal(n, expected);
	assert_true(nd_parse(&m, b, n));
	if (m.op == ND_NS || m.op == ND_NA)
		assert_int_equal(icmp6_sum(b, m.l3), 0);
	free(b);
	return m;
}

/* IV-901, 909: the whole frame. */
static void test_arp_reply(void **state)
{
	static const uint8_t reply[] = {
		0x02, 0x52, 0, 0, 0,	0xfe, 0x02, 0x4d, 0, 0,	   0,  0x01, 0x08, 0x06,
		0,    1,    8, 0, 6,	4,    0,    2,	  2, 0x4d, 0,  0,    0,	   1,
		10,   0,    0, 2, 0x02, 0x52, 0,    0,	  0, 0xfe, 10, 0,    0,	   254,
	};

	(void)state;
	assert_int_equal(answer_arp(linux_arp, sizeof(linux_arp), mac(M), out), 42);
	assert_memory_equal(out, reply, 42);
}

static void test_arp_reply_keeps_the_tag(void **state)
{
	struct frame f = COPY_OF(linux_arp), t = tagged(&f, 0xa005);
	struct nd m;

	(void)state;
	m = said(answer_arp(t.b, t.n, mac(M), out), 46);
	assert_memory_equal(out + 12, t.b + 12, 4);
	assert_int_equal(m.op, ND_ARP_REPLY);
	assert_ip(&m.sender, "10.0.0.2");
}

/* IV-905; who may be answered is the caller's choice (IV-904). */
static void test_arp_probe(void **state)
{
	struct frame f = COPY_OF(linux_arp);
	struct nd m;

	(void)state;
	memset(f.b + 28, 0, 4);
	m = said(answer_arp(f.b, f.n, mac(M), out), 42);
	assert_ip(&m.target, "0.0.0.0");
	assert_mac(m.target_mac, R);
	assert_mac(m.sender_mac, M);
}

static void test_no_arp_answer(void **state)
{
	struct frame f = COPY_OF(linux_arp);

	(void)state;
	memcpy(f.b + 28, f.b + 38, 4); /* IV-903: gratuitous */
	assert_int_equal(answer_arp(f.b, f.n, mac(M), out), 0);
	f = COPY_OF(linux_arp);
	f.b[21] = 2; /* a reply */
	assert_int_equal(answer_arp(f.b, f.n, mac(M), out), 0);
	assert_int_equal(answer_arp(linux_arp, sizeof(linux_arp) - 1, mac(M), out), 0);
	assert_int_equal(answer_arp(linux_ns, sizeof(linux_ns), mac(M), out), 0);
}

/* IV-906, 910. */
static void test_na_to_who_asked(void **state)
{
	struct nd m;

	(void)state;
	m = said(answer_ns(linux_ns, sizeof(linux_ns), mac(M), false, out), 86);
	assert_int_equal(m.op, ND_NA);
	assert_mac(m.eth_dst, R);
	assert_mac(m.eth_src, M);
	assert_ip(&m.sender, "2001:db8::2");
	assert_ip(&m.dst, "2001:db8::fe");
	assert_ip(&m.target, "2001:db8::2");
	assert_mac(m.target_mac, M);
	assert_true(m.solicited && m.override && !m.router);
	assert_int_equal(out[IP6 + 7], 255);
}

static void test_na_to_where_the_question_came_from(void **state)
{
	struct frame f = COPY_OF(linux_ns), t;
	struct nd m;

	(void)state;
	f.n = OPT; /* no option: the answer goes to the frame's source */
	f = mended(f);
	t = tagged(&f, 7);
	m = said(answer_ns(t.b, t.n, mac(M), false, out), 90);
	assert_mac(m.eth_dst, R);
	assert_memory_equal(out + 12, t.b + 12, 4);
}

/* IV-907, 908. */
static void test_na_for_dad(void **state)
{
	struct nd m;

	(void)state;
	assert_int_equal(answer_ns(linux_dad, sizeof(linux_dad), mac(M), false, out), 0);
	m = said(answer_ns(linux_dad, sizeof(linux_dad), mac(M), true, out), 86);
	assert_mac(m.eth_dst, "33:33:00:00:00:01");
	assert_ip(&m.dst, "ff02::1");
	assert_ip(&m.sender, "2001:db8::fe");
	assert_ip(&m.target, "2001:db8::fe");
	assert_mac(m.target_mac, M);
	assert_true(m.override && !m.solicited);
}

static void test_no_na(void **state)
{
	struct frame f = COPY_OF(linux_ns);

	(void)state;
	f.b[ICMP + 3] ^= 1;
	assert_int_equal(answer_ns(f.b, f.n, mac(M), true, out), 0);
	assert_int_equal(answer_ns(linux_na, sizeof(linux_na), mac(M), true, out), 0);
	assert_int_equal(answer_ns(linux_arp, sizeof(linux_arp), mac(M), true, out), 0);
}

/* As Linux asks. */
static void test_solicit(void **state)
{
	const struct ip_addr r4 = ip("10.0.0.254"), a4 = ip("10.0.0.2");
	const struct ip_addr r6 = ip("2001:db8::fe"), a6 = ip("2001:db8::2");

	(void)state;
	assert_int_equal(solicit_arp(out, mac(R), &r4, &a4), sizeof(linux_arp));
	assert_memory_equal(out, linux_arp, sizeof(linux_arp));
	assert_int_equal(solicit_ns(out, mac(R), &r6, &a6), sizeof(linux_ns));
	assert_memory_equal(out, linux_ns, sizeof(linux_ns));
}

/* IV-652, and the DAD of an address of one's own. */
static void test_solicit_without_an_address(void **state)
{
	const struct ip_addr a4 = ip("10.0.0.2"), a6 = ip("2001:db8::2");
	struct nd m;

	(void)state;
	m = said(solicit_arp(out, mac(M), NULL, &a4), 42);
	assert_true(m.is_probe);
	assert_ip(&m.sender, "0.0.0.0");
	m = said(solicit_ns(out, mac(M), NULL, &a6), 78);
	assert_true(m.is_dad);
	assert_mac(m.eth_dst, "33:33:ff:00:00:02");
}

static void test_solicit_one(void **state)
{
	const struct ip_addr h4 = ip("10.0.0.1"), r4 = ip("10.0.0.254");
	const struct ip_addr h6 = ip("fe80::1"), r6 = ip("2001:db8::fe");
	struct nd m;

	(void)state;
	m = said(solicit_arp_to(out, mac(M), &h4, &r4, mac(R)), 42);
	assert_mac(m.eth_dst, R);
	assert_ip(&m.target, "10.0.0.254");
	m = said(solicit_ns_to(out, mac(M), &h6, &r6, mac(R)), 86);
	assert_mac(m.eth_dst, R);
	assert_ip(&m.dst, "2001:db8::fe");
	assert_ip(&m.target, "2001:db8::fe");
	assert_ip(&m.sender, "fe80::1");
	assert_mac(m.sender_mac, M);
}

static void test_announce(void **state)
{
	const struct ip_addr r4 = ip("10.0.0.254"), r6 = ip("fe80::52:ff:fe00:fe");
	struct nd m;

	(void)state;
	m = said(announce_arp(out, mac(R), &r4), 42);
	assert_int_equal(m.op, ND_ARP_REQUEST);
	assert_mac(m.eth_dst, "ff:ff:ff:ff:ff:ff");
	assert_mac(m.sender_mac, R);
	assert_true(m.is_gratuitous);
	assert_int_equal(announce_na(out, mac(R), &r6), sizeof(linux_na));
	assert_memory_equal(out, linux_na, sizeof(linux_na));
}

static void test_families_are_not_mixed(void **state)
{
	const struct ip_addr a4 = ip("10.0.0.2"), a6 = ip("2001:db8::2");

	(void)state;
	assert_int_equal(solicit_arp(out, mac(M), &a6, &a4), 0);
	assert_int_equal(solicit_arp(out, mac(M), &a4, &a6), 0);
	assert_int_equal(solicit_ns(out, mac(M), &a4, &a6), 0);
	assert_int_equal(solicit_ns(out, mac(M), &a6, &a4), 0);
	assert_int_equal(announce_arp(out, mac(M), &a6), 0);
	assert_int_equal(announce_na(out, mac(M), &a4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp_reply),
		cmocka_unit_test(test_arp_reply_keeps_the_tag),
		cmocka_unit_test(test_arp_probe),
		cmocka_unit_test(test_no_arp_answer),
		cmocka_unit_test(test_na_to_who_asked),
		cmocka_unit_test(test_na_to_where_the_question_came_from),
		cmocka_unit_test(test_na_for_dad),
		cmocka_unit_test(test_no_na),
		cmocka_unit_test(test_solicit),
		cmocka_unit_test(test_solicit_without_an_address),
		cmocka_unit_test(test_solicit_one),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_families_are_not_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
