/* SPDX-License-Identifier: BSD-3-Clause */
/* macnat: what a receiver would learn says the port's MAC; nothing else changes. */
#include "nd_frames.h"
#include "net/macnat.h"
#include "net/nd.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define OWN  mac("02:52:00:00:00:fe") /* the frames' sender */
#define PORT mac("02:4d:00:00:00:01")

static struct frame out(struct frame f)
{
	uint8_t *b = exactly(&f, f.n);

	macnat_outbound(b, f.n, OWN, PORT, false);
	memcpy(f.b, b, f.n);
	free(b);
	return f;
}

/* The frame with PORT in place of OWN at each of these places, and a right checksum. */
static struct frame expected(struct frame f, const uint16_t *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mac_store(f.b + places[i], PORT);
	return f;
}

static void assert_frame(struct frame got, struct frame want)
{
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.b, want.b, want.n);
}

static void test_arp(void **state)
{
	const struct frame f = COPY_OF(linux_arp), t = tagged(&f, 5);

	(void)state;
	assert_frame(out(f), expected(f, (uint16_t[]){6, 22}, 2));
	assert_frame(out(t), expected(t, (uint16_t[]){6, 26}, 2));
}

/* IV-914 for neighbour discovery: still valid, and now about the port. */
static void test_ns_and_na(void **state)
{
	const struct frame ns = COPY_OF(linux_ns), na = COPY_OF(linux_na), t = tagged(&ns, 5);
	struct frame f = out(t);
	struct nd m;

	(void)state;
	assert_frame(out(ns), mended(expected(ns, (uint16_t[]){6, OPT + 2}, 2)));
	assert_frame(out(na), mended(expected(na, (uint16_t[]){6, OPT + 2}, 2)));
	assert_int_equal(icmp6_sum(f.b, 18), 0);
	assert_true(nd_parse(&m, f.b, f.n));
	assert_true(m.sender_mac == PORT && m.eth_src == PORT);
}

/* Each message has its options elsewhere. */
static void test_every_message(void **state)
{
	static const struct {
		uint8_t type, at, opt;
	} rows[] = {{133, 8, 1}, {134, 16, 1}, {135, 24, 1}, {136, 24, 2}, {137, 40, 2}};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct frame f = COPY_OF(linux_ns);
		uint16_t at = (uint16_t)(ICMP + rows[i].at);

		memset(f.b + ICMP, 0, 64);
		f.b[ICMP] = rows[i].type;
		f.b[at] = 5; /* an MTU option in front */
		f.b[at + 1] = 1;
		f.b[at + 8] = rows[i].opt;
		f.b[at + 9] = 1;
		mac_store(f.b + at + 10, OWN);
		f.n = at + 16u;
		f = mended(f);
		assert_frame(out(f), mended(expected(f, (uint16_t[]){6, (uint16_t)(at + 10)}, 2)));
	}
}

static void test_a_pending_checksum_is_left_alone(void **state)
{
	struct frame f = COPY_OF(linux_ns), want;

	(void)state;
	f.b[ICMP + 2] = 0x12;
	want = expected(f, (uint16_t[]){6, OPT + 2}, 2);
	macnat_outbound(f.b, f.n, OWN, PORT, true);
	assert_frame(f, want);
}

static void test_a_wrong_checksum_stays_wrong(void **state)
{
	struct frame f = COPY_OF(linux_ns);
	uint16_t wrong;

	(void)state;
	f.b[ICMP + 3] ^= 4;
	wrong = icmp6_sum(f.b, IP6);
	f = out(f);
	assert_int_equal(icmp6_sum(f.b, IP6), wrong);
	assert_int_not_equal(wrong, 0);
}

/* An address that isn't the vnic's own is somebody else's business. */
static void test_other_addresses_stay(void **state)
{
	struct frame f = COPY_OF(linux_ns), a = COPY_OF(linux_arp);

	(void)state;
	f.b[11] = f.b[OPT + 7] = 0x33;
	a.b[11] = a.b[27] = 0x33;
	assert_frame(out(f), f);
	assert_frame(out(a), a);
}

/* The same bytes where they mean something else: only the Ethernet source changes. */
static void test_only_what_it_is_meant_for(void **state)
{
	struct frame f = COPY_OF(linux_ns);

	(void)state;
	f.b[IP6 + 6] = 17;
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
	f = COPY_OF(linux_ns);
	f.b[ICMP] = 128;
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
	f = COPY_OF(linux_arp);
	f.b[18] = 8; /* hardware addresses of eight bytes */
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
}

/* Options that lie, and frames that end anywhere: no byte beyond is touched, and it ends. */
static void test_malformed(void **state)
{
	struct frame f = COPY_OF(linux_ns), cut;

	(void)state;
	f.b[OPT + 1] = 0;
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
	f.b[OPT + 1] = 255;
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
	f = COPY_OF(linux_ns);
	f.b[IP6 + 5] = 31; /* the option isn't whole within the payload */
	assert_frame(out(f), expected(f, (uint16_t[]){6}, 1));
	for (uint32_t n = 0; n < sizeof(linux_ns); n++) {
		cut = COPY_OF(linux_ns);
		cut.n = n;
		assert_frame(out(cut), n < 14 ? cut : expected(cut, (uint16_t[]){6}, 1));
	}
	for (uint32_t n = 14; n < sizeof(linux_arp); n++) {
		cut = COPY_OF(linux_arp);
		cut.n = n;
		assert_frame(out(cut), expected(cut, (uint16_t[]){6}, 1));
	}
}

/* IV-915. */
static void test_inbound(void **state)
{
	struct frame f = COPY_OF(linux_arp), want, t;

	(void)state;
	mac_store(f.b, PORT);
	mac_store(f.b + 32, PORT);
	f.b[21] = 2;
	t = tagged(&f, 5);
	want = f;
	mac_store(want.b, OWN);
	mac_store(want.b + 32, OWN);
	macnat_inbound(f.b, f.n, PORT, OWN);
	assert_frame(f, want);
	macnat_inbound(t.b, t.n, PORT, OWN);
	assert_frame(t, tagged(&want, 5));
}

static void test_inbound_leaves_groups_and_others(void **state)
{
	struct frame f = COPY_OF(linux_arp), ns = COPY_OF(linux_ns);

	(void)state;
	macnat_inbound(f.b, f.n, PORT, mac("02:5a:00:00:00:99"));
	assert_frame(f, COPY_OF(linux_arp));
	macnat_inbound(ns.b, ns.n, PORT, mac("02:5a:00:00:00:99"));
	assert_frame(ns, COPY_OF(linux_ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_ns_and_na),
		cmocka_unit_test(test_every_message),
		cmocka_unit_test(test_a_pending_checksum_is_left_alone),
		cmocka_unit_test(test_a_wrong_checksum_stays_wrong),
		cmocka_unit_test(test_other_addresses_stay),
		cmocka_unit_test(test_only_what_it_is_meant_for),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_inbound),
		cmocka_unit_test(test_inbound_leaves_groups_and_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
