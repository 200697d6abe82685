/* SPDX-License-Identifier: BSD-3-Clause */
/* nd_parse(): what Linux sends is understood; what nobody may believe is not. */
#include "nd_frames.h"
#include "net/nd.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define R    "02:52:00:00:00:fe"

static bool parse(struct nd *m, const struct frame *f)
{
	uint8_t *b = exactly(f, f->n);
	bool ok = nd_parse(m, b, f->n);

	free(b);
	return ok;
}

static void test_arp_request(void **state)
{
	struct frame f = COPY_OF(linux_arp);
	struct nd m;

	(void)state;
	assert_true(parse(&m, &f));
	assert_int_equal(m.op, ND_ARP_REQUEST);
	assert_ip(&m.sender, "10.0.0.254");
	assert_ip(&m.target, "10.0.0.2");
	assert_mac(m.sender_mac, R);
	assert_mac(m.eth_src, R);
	assert_mac(m.eth_dst, "ff:ff:ff:ff:ff:ff");
	assert_true(m.target_mac == 0);
	assert_int_equal(m.l3, 14);
	assert_false(m.is_probe || m.is_gratuitous || m.is_dad);
}

static void test_arp_probe_gratuitous_and_reply(void **state)
{
	struct frame f = COPY_OF(linux_arp);
	struct nd m;

	(void)state;
	memset(f.b + 28, 0, 4);
	assert_true(parse(&m, &f));
	assert_true(m.is_probe);
	assert_false(m.is_gratuitous || m.is_dad);

	memcpy(f.b + 28, f.b + 38, 4);
	assert_true(parse(&m, &f));
	assert_true(m.is_gratuitous);
	assert_false(m.is_probe);

	f.b[21] = 2; /* the same in reply form, as IV-017 */
	memset(f.b + 32, 0xff, 6);
	assert_true(parse(&m, &f));
	assert_int_equal(m.op, ND_ARP_REPLY);
	assert_true(m.is_gratuitous);

	memset(f.b + 38, 0, 4); /* the answer to a probe */
	assert_true(parse(&m, &f));
	assert_false(m.is_gratuitous);
}

static void test_ns(void **state)
{
	struct frame f = COPY_OF(linux_ns), t = tagged(&f, 0x6005);
	struct nd m;

	(void)state;
	assert_true(parse(&m, &f));
	assert_int_equal(m.op, ND_NS);
	assert_ip(&m.sender, "2001:db8::fe");
	assert_ip(&m.dst, "ff02::1:ff00:2");
	assert_ip(&m.target, "2001:db8::2");
	assert_mac(m.sender_mac, R);
	assert_false(m.is_probe || m.is_dad || m.is_gratuitous);

	assert_true(parse(&m, &t));
	assert_int_equal(m.l3, 18);
	assert_ip(&m.target, "2001:db8::2");

	f.n = OPT; /* unicast questions may come without the option */
	f = mended(f);
	assert_true(parse(&m, &f));
	assert_true(m.sender_mac == 0);
}

static void test_dad(void **state)
{
	struct frame f = COPY_OF(linux_dad);
	struct nd m;

	(void)state;
	assert_true(parse(&m, &f));
	assert_int_equal(m.op, ND_NS);
	assert_true(m.is_dad && m.is_probe);
	assert_ip(&m.sender, "::");
	assert_ip(&m.target, "2001:db8::fe");
	assert_true(m.sender_mac == 0);
}

static void test_na(void **state)
{
	struct frame f = COPY_OF(linux_na);
	struct nd m;

	(void)state;
	assert_true(parse(&m, &f));
	assert_int_equal(m.op, ND_NA);
	assert_ip(&m.sender, "fe80::52:ff:fe00:fe");
	assert_ip(&m.target, "fe80::52:ff:fe00:fe");
	assert_mac(m.target_mac, R);
	assert_true(m.override && m.is_gratuitous);
	assert_false(m.solicited || m.router);

	f.b[ICMP + 4] = 0xc0; /* router, solicited; to one who asked */
	f.b[IP6 + 24] = 0x20;
	f = mended(f);
	assert_true(parse(&m, &f));
	assert_true(m.router && m.solicited);
	assert_false(m.override || m.is_gratuitous);
}

/* Bytes behind the message are Ethernet's padding, or a trailer. */
static void test_padding_is_no_option(void **state)
{
	struct frame a = COPY_OF(linux_arp), f = COPY_OF(linux_ns);
	struct nd m;

	(void)state;
	a.n += 18;
	f.n += 7;
	assert_true(parse(&m, &a));
	assert_true(parse(&m, &f));
	assert_mac(m.sender_mac, R);
}

static void test_options(void **state)
{
	struct frame f = COPY_OF(linux_ns);
	struct nd m;

	(void)state;
	/* An unknown one in front, another address behind: the first of its type counts. */
	memmove(f.b + OPT + 16, f.b + OPT, 8);
	memset(f.b + OPT, 0, 16);
	f.b[OPT] = 200;
	f.b[OPT + 1] = 2;
	memcpy(f.b + OPT + 24, f.b + OPT + 16, 8);
	f.b[OPT + 24 + 7] = 0x77;
	f.n = OPT + 32;
	f = mended(f);
	assert_true(parse(&m, &f));
	assert_mac(m.sender_mac, R);
}

/* One byte of a good frame, changed to what must not be believed; checksums are mended. */
struct row {
	const char *what;
	uint16_t at;
	uint8_t value;
};

static void refuse(const uint8_t *b, uint32_t n, const struct row *r, bool mend)
{
	struct frame f = copy_of(b, n);
	struct nd m;

	f.b[r->at] = r->value;
	if (mend)
		f = mended(f);
	if (parse(&m, &f))
		fail_msg("believed: %s", r->what);
}

static void test_refuses_arp(void **state)
{
	static const struct row rows[] = {
		{"hardware that isn't Ethernet", 15, 6},
		{"a protocol that isn't IPv4", 16, 0x86},
		{"hardware addresses of another length", 18, 8},
		{"protocol addresses of another length", 19, 16},
		{"RARP's operation", 21, 3},
		{"an operation beyond 255", 20, 1},
		{"a group as the sender's hardware address", 22, 0x01},
		{"a group as the sender's address", 28, 224},
		{"a group as the target", 38, 239},
		{"a frame from a group", 6, 0x03},
		{"another EtherType", 13, 0x35},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		refuse(linux_arp, sizeof(linux_arp), &rows[i], false);
}

static void test_refuses_what_arp_says_of_nobody(void **state)
{
	struct frame f = COPY_OF(linux_arp);
	struct nd m;

	(void)state;
	memset(f.b + 38, 0, 4);
	assert_false(parse(&m, &f)); /* who has 0.0.0.0? */
	f = COPY_OF(linux_arp);
	f.b[21] = 2;
	memset(f.b + 28, 0, 4);
	assert_false(parse(&m, &f)); /* 0.0.0.0 is at … */
	f = COPY_OF(linux_arp);
	memset(f.b + 22, 0, 6);
	assert_false(parse(&m, &f)); /* 10.0.0.254 is at 00:00:00:00:00:00 */
}

static void test_refuses_ns(void **state)
{
	static const struct row rows[] = {
		{"a hop limit of 254: it passed a router", IP6 + 7, 254},
		{"another version", IP6, 0x50},
		{"another next header", IP6 + 6, 17},
		{"another type", ICMP, 136 + 2},
		{"a code", ICMP + 1, 1},
		{"a group as the target", ICMP + 8, 0xff},
		{"a group as the source", IP6 + 8, 0xff},
		{"an option of length 0", OPT + 1, 0},
		{"an option beyond the end", OPT + 1, 2},
		{"a group as link-layer address", OPT + 2, 0x33},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		refuse(linux_ns, sizeof(linux_ns), &rows[i], true);
	refuse(linux_ns, sizeof(linux_ns), &(struct row){"a bad checksum", ICMP + 2, 0x18}, false);
	refuse(linux_ns, sizeof(linux_ns),
	       &(struct row){"a payload length beyond the frame", IP6 + 5, 33}, false);
	refuse(linux_ns, sizeof(linux_ns),
	       &(struct row){"a payload length short of the target", IP6 + 5, 23}, false);
}

static void test_refuses_dad(void **state)
{
	struct frame f = COPY_OF(linux_dad);
	struct nd m;

	(void)state;
	f.b[OPT] = 1; /* RFC 4861 §7.1.1: no link-layer address from :: */
	f.b[OPT + 2] = 0x02;
	f = mended(f);
	assert_false(parse(&m, &f));
	f = COPY_OF(linux_dad);
	memset(f.b + IP6 + 24, 0, 16); /* … and to a solicited-node group only: here to ff02::1 */
	f.b[IP6 + 24] = 0xff;
	f.b[IP6 + 25] = 0x02;
	f.b[IP6 + 39] = 1;
	f = mended(f);
	assert_false(parse(&m, &f));
}

static void test_refuses_na(void **state)
{
	static const struct row rows[] = {
		{"solicited, to a group", ICMP + 4, 0x60},
		{"a group as the target", ICMP + 8, 0xff},
		{"an option of length 0", OPT + 1, 0},
		{"a group as link-layer address", OPT + 2, 0x33},
		{"a hop limit of 64", IP6 + 7, 64},
	};
	struct frame f = COPY_OF(linux_na);
	struct nd m;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		refuse(linux_na, sizeof(linux_na), &rows[i], true);
	memset(f.b + IP6 + 8, 0, 16);
	f = mended(f);
	assert_false(parse(&m, &f)); /* from nobody */
}

/* However much of it is there: no more is read, and less is not enough. */
static void test_cut_anywhere(void **state)
{
	const struct frame frames[] = {COPY_OF(linux_arp), COPY_OF(linux_ns), COPY_OF(linux_dad),
				       COPY_OF(linux_na)};

	(void)state;
	for (size_t i = 0; i < N(frames); i++) {
		struct frame t = tagged(&frames[i], 5);
		struct nd m;

		for (uint32_t n = 0; n < frames[i].n; n++) {
			struct frame cut = frames[i], cut_tagged = t;

			cut.n = n;
			assert_false(parse(&m, &cut));
			cut_tagged.n = n + 4;
			assert_false(parse(&m, &cut_tagged));
		}
		assert_true(parse(&m, &t));
	}
}

static void test_two_tags_are_not_seen_through(void **state)
{
	struct frame f = COPY_OF(linux_arp), t = tagged(&f, 5), tt = tagged(&t, 6);
	struct nd m;

	(void)state;
	assert_false(parse(&m, &tt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp_request),
		cmocka_unit_test(test_arp_probe_gratuitous_and_reply),
		cmocka_unit_test(test_ns),
		cmocka_unit_test(test_dad),
		cmocka_unit_test(test_na),
		cmocka_unit_test(test_padding_is_no_option),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_refuses_arp),
		cmocka_unit_test(test_refuses_what_arp_says_of_nobody),
		cmocka_unit_test(test_refuses_ns),
		cmocka_unit_test(test_refuses_dad),
		cmocka_unit_test(test_refuses_na),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_two_tags_are_not_seen_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
