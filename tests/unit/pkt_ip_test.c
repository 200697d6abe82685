/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read quickly of common IP headers is what is read of any, whatever bytes and lengths come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/pkt_ip.h"

static uint64_t x = 0x9e3779b97f4a7c15;

static uint32_t dice(uint32_t n)
{
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32) % n;
}

/* Nearly right: a byte that matters is wrong now and then. */
static void make(uint8_t *b, uint32_t *len)
{
	bool v6 = dice(2) == 1;

	for (int i = 0; i < 96; i++)
		b[i] = (uint8_t)dice(256);
	*len = v6 ? 54 + dice(40) : 34 + dice(60);
	b[12] = v6 ? 0x86 : 0x08;
	b[13] = v6 ? 0xdd : 0x00;
	b[14] = v6 ? 0x60 : 0x45;
	if (!v6) {
		b[16] = 0;
		b[17] = (uint8_t)(*len - 14);
	}
	if (dice(3) == 0)
		b[12 + dice(12)] = (uint8_t)dice(256);
	if (dice(4) == 0)
		b[17] = (uint8_t)(b[17] + dice(5) - 2);
	if (dice(4) == 0)
		b[20] = PKT_PROTO_ICMP6;
	if (dice(8) == 0)
		*len = 14 + dice(60);
	if (dice(8) == 0) {
		b[12] = 0x81;
		b[13] = 0;
	}
}

static void assert_same(const struct pkt_ip *a, const struct pkt_ip *b)
{
	assert_int_equal(a->what, b->what);
	assert_int_equal(a->nd, b->nd);
	assert_int_equal(a->v6, b->v6);
	assert_int_equal(a->fragmentable, b->fragmentable);
	assert_int_equal(a->bad, b->bad);
	assert_int_equal(a->vlan, b->vlan);
	assert_int_equal(a->at, b->at);
	if (a->what == PKT_IP_NONE)
		return;
	assert_true(ip_key_equal(&a->dst, &b->dst));
	assert_true(ip_key_equal(&a->src, &b->src));
}

static void common_is_any(void **state)
{
	uint32_t n_common[2] = {0, 0};

	(void)state;
	for (int turn = 0; turn < 300000; turn++) {
		struct pkt_ip quick = {.nd = 9, .bad = true, .vlan = true}, whole;
		uint8_t b[96];
		struct pkt p;
		uint32_t len;

		make(b, &len);
		if (!pkt_parse(&p, b, len, len))
			continue;
		pkt_ip_parse_any(&whole, &p, b, len);
		if (!pkt_ip_parse_common(&quick, &p, b, len))
			continue;
		n_common[quick.v6]++;
		assert_same(&quick, &whole);
	}
	assert_in_range(n_common[0], 10000, 300000);
	assert_in_range(n_common[1], 10000, 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(common_is_any)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
