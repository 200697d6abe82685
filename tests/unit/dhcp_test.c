/* SPDX-License-Identifier: BSD-3-Clause */
/* dhcp_parse(): who asked what, and no byte beyond the frame. */
#include "nd_frames.h"
#include "net/dhcp.h"

#define N(a)  (sizeof(a) / sizeof((a)[0]))
#define IP4   14
#define UDP   34
#define BOOTP 42
#define OPTS  (BOOTP + 240)

/* A message with these options behind the cookie; lengths are right. */
static struct frame message(uint8_t op, const uint8_t *opts, uint32_t n_opts)
{
	static const uint8_t cookie[4] = {0x63, 0x82, 0x53, 0x63};
	struct frame f = {.n = OPTS + n_opts};
	uint32_t udp = f.n - UDP;

	f.b[12] = 0x08;
	f.b[IP4] = 0x45;
	f.b[IP4 + 2] = (uint8_t)((udp + 20) >> 8);
	f.b[IP4 + 3] = (uint8_t)(udp + 20);
	f.b[IP4 + 9] = 17;
	f.b[UDP + 3] = op == 1 ? 67 : 68;
	f.b[UDP + 4] = (uint8_t)(udp >> 8);
	f.b[UDP + 5] = (uint8_t)udp;
	f.b[BOOTP] = op;
	f.b[BOOTP + 1] = 1;
	f.b[BOOTP + 2] = 6;
	memcpy(f.b + BOOTP + 4, "\x12\x34\x56\x78", 4);
	memcpy(f.b + BOOTP + 28, "\x02\x4d\x00\x00\x00\x01", 6);
	memcpy(f.b + BOOTP + 236, cookie, 4);
	memcpy(f.b + OPTS, opts, n_opts);
	return f;
}

#define MESSAGE(op, ...) \
	message(op, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool parse(struct dhcp *d, const struct frame *f)
{
	uint8_t *b = exactly(f, f->n);
	bool ok = dhcp_parse(d, b, f->n);

	free(b); /* client_id is gone with it: those who want it parse in place */
	return ok;
}

static void test_discover(void **state)
{
	struct frame f = MESSAGE(1, 53, 1, 1, 0, 0, 61, 7, 1, 2, 3, 4, 5, 6, 7, 55, 2, 1, 3, 255);
	struct dhcp d;

	(void)state;
	f.b[BOOTP + 10] = 0x80;
	assert_true(dhcp_parse(&d, f.b, f.n));
	assert_int_equal(d.op, DHCP_REQUEST);
	assert_int_equal(d.type, DHCP_DISCOVER);
	assert_int_equal(d.xid, 0x12345678);
	assert_mac(d.chaddr, "02:4d:00:00:00:01");
	assert_true(d.broadcast);
	assert_int_equal(d.client_id_len, 7);
	assert_memory_equal(d.client_id, "\x01\x02\x03\x04\x05\x06\x07", 7);
	assert_ip(&d.yiaddr, "0.0.0.0");
	assert_false(d.has_lease);
	assert_int_equal(d.l3, 14);
}

static void test_ack_behind_a_tag(void **state)
{
	struct frame f = MESSAGE(2, 53, 1, 5, 51, 4, 0, 0, 0x0e, 0x10, 255), t;
	struct dhcp d;

	(void)state;
	memcpy(f.b + BOOTP + 16, "\x0a\x00\x00\x32", 4);
	t = tagged(&f, 5);
	assert_true(parse(&d, &t));
	assert_int_equal(d.op, DHCP_REPLY);
	assert_int_equal(d.type, DHCP_ACK);
	assert_ip(&d.yiaddr, "10.0.0.50");
	assert_true(d.has_lease);
	assert_int_equal(d.lease, 3600);
	assert_int_equal(d.client_id_len, 0);
	assert_int_equal(d.l3, 18);
}

static void test_ip_options(void **state)
{
	struct frame f = MESSAGE(1, 53, 1, 3, 255);
	struct dhcp d;

	(void)state;
	memmove(f.b + UDP + 8, f.b + UDP, f.n - UDP);
	memset(f.b + UDP, 1, 8);
	f.n += 8;
	f.b[IP4] = 0x47;
	f.b[IP4 + 3] += 8;
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_REQUESTED);
	assert_int_equal(d.xid, 0x12345678);
}

/* Without the cookie, and with nothing behind the fixed part. */
static void test_plain_bootp(void **state)
{
	struct frame f = MESSAGE(1, 53, 1, 1, 255);
	struct dhcp d;

	(void)state;
	f.b[BOOTP + 236] = 0;
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_NONE);
	assert_int_equal(d.xid, 0x12345678);
	f = message(1, (const uint8_t *)"", 0);
	f.b[BOOTP + 236] = 0;
	f.n = BOOTP + 236;
	f.b[IP4 + 2] = 1;
	f.b[IP4 + 3] = 8; /* 264 */
	f.b[UDP + 4] = 0;
	f.b[UDP + 5] = 244;
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_NONE);
}

/* `file` and `sname` are said to hold options, and hold what would be read if they were. */
static void test_overload_is_not_followed(void **state)
{
	struct frame f = MESSAGE(2, 52, 1, 3, 53, 1, 5, 255);
	struct dhcp d;

	(void)state;
	memcpy(f.b + BOOTP + 108, "\x33\x04\x00\x00\x00\x07\xff", 7);
	memcpy(f.b + BOOTP + 44, "\x3d\xff\x00", 3);
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_ACK);
	assert_false(d.has_lease);
	assert_int_equal(d.client_id_len, 0);
}

static void test_the_first_counts_and_the_end_ends(void **state)
{
	struct frame f =
		MESSAGE(2, 53, 1, 2, 53, 1, 5, 51, 4, 0, 0, 0, 1, 51, 4, 0, 0, 0, 2, 255, 61, 200);
	struct dhcp d;

	(void)state;
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_OFFER);
	assert_int_equal(d.lease, 1);
	assert_int_equal(d.client_id_len, 0);
}

static void test_no_end_mark(void **state)
{
	struct frame f = MESSAGE(1, 53, 1, 1);
	struct dhcp d;

	(void)state;
	assert_true(parse(&d, &f));
	assert_int_equal(d.type, DHCP_DISCOVER);
}

static void test_refuses_options(void **state)
{
	const struct frame rows[] = {
		MESSAGE(1, 53, 1),	   MESSAGE(1, 53),	   MESSAGE(1, 53, 2, 1, 1, 255),
		MESSAGE(1, 53, 0, 255),	   MESSAGE(1, 12, 255, 1), MESSAGE(2, 51, 3, 0, 0, 1, 255),
		MESSAGE(1, 61, 1, 0, 255), MESSAGE(1, 61, 0, 255),
	};
	struct dhcp d;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		if (parse(&d, &rows[i]))
			fail_msg("row %zu was believed", i);
}

static void test_refuses_frames(void **state)
{
	static const struct {
		const char *what;
		uint16_t at;
		uint8_t value;
	} rows[] = {
		{"ARP", 13, 6},
		{"another version", IP4, 0x55},
		{"a header of 16 bytes", IP4, 0x44},
		{"a header beyond the total length", IP4 + 3, 19},
		{"TCP", IP4 + 9, 6},
		{"a first fragment", IP4 + 6, 0x20},
		{"a later fragment", IP4 + 7, 1},
		{"a datagram beyond the packet", UDP + 4, 9},
		{"a datagram of 7 bytes", UDP + 4, 0},
		{"another port", UDP + 3, 53},
		{"a reply to the server's port", BOOTP, 2},
		{"another hardware", BOOTP + 1, 6},
		{"a hardware address of another length", BOOTP + 2, 8},
	};
	struct dhcp d;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct frame f = MESSAGE(1, 53, 1, 1, 255);

		f.b[rows[i].at] = rows[i].value;
		if (rows[i].at == IP4 + 3)
			f.b[IP4 + 2] = 0;
		if (rows[i].at == UDP + 4 && rows[i].value == 0)
			f.b[UDP + 5] = 7;
		if (parse(&d, &f))
			fail_msg("believed: %s", rows[i].what);
	}
}

static void test_cut_anywhere(void **state)
{
	const struct frame f = MESSAGE(1, 53, 1, 1, 61, 2, 1, 2, 255);
	struct dhcp d;

	(void)state;
	for (uint32_t n = 0; n < f.n; n++) {
		struct frame cut = f;

		cut.n = n;
		assert_false(parse(&d, &cut));
	}
	assert_true(parse(&d, &f));
}

/* Only requests change, and a checksum that was right stays right. */
static void test_set_broadcast(void **state)
{
	struct frame f = MESSAGE(1, 53, 1, 1, 255), before, reply = MESSAGE(2, 53, 1, 2, 255);
	uint32_t old, sum;
	struct dhcp d;

	(void)state;
	f.b[UDP + 6] = 0x12;
	f.b[UDP + 7] = 0x34;
	before = f;
	dhcp_set_broadcast(f.b, f.n, false);
	assert_true(parse(&d, &f));
	assert_true(d.broadcast);
	/* The flag is the word 0x8000: the sum of both changes is a multiple of 0xffff. */
	old = 0x1234;
	sum = (uint32_t)f.b[UDP + 6] << 8 | f.b[UDP + 7];
	assert_int_equal((sum + 0x8000 - old) % 0xffff, 0);
	dhcp_set_broadcast(f.b, f.n, false); /* once is enough */
	assert_int_equal((uint32_t)f.b[UDP + 6] << 8 | f.b[UDP + 7], sum);

	f = before;
	dhcp_set_broadcast(f.b, f.n, true);
	assert_int_equal(f.b[BOOTP + 10], 0x80);
	assert_memory_equal(f.b + UDP + 6, before.b + UDP + 6, 2);
	f = before;
	memset(f.b + UDP + 6, 0, 2);
	dhcp_set_broadcast(f.b, f.n, false);
	assert_memory_equal(f.b + UDP + 6, "\0\0", 2);

	before = reply;
	dhcp_set_broadcast(reply.b, reply.n, false);
	assert_memory_equal(reply.b, before.b, reply.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_set_broadcast),
		cmocka_unit_test(test_ack_behind_a_tag),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_plain_bootp),
		cmocka_unit_test(test_overload_is_not_followed),
		cmocka_unit_test(test_the_first_counts_and_the_end_ends),
		cmocka_unit_test(test_no_end_mark),
		cmocka_unit_test(test_refuses_options),
		cmocka_unit_test(test_refuses_frames),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
