/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 65,536 IPv4 and as many IPv6 addresses on one port, in ranges of 64 vnics: every single
 * one is looked up, before and after changes of one, of many, and of all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/addresses.h"
#include "rig.h"

#define VNICS 64
#define EACH  1024

#define PORT                                \
	"[global]\ncontrol = /run/x.sock\n" \
	"[port eth0]\ndevice = dev:net_ring_wire\nhost = dev:net_ring_host\n"
#define MANY(n, first4, last4, first6, last6)                                                \
	"[vnic v]\ntype = ipvlan\nport = eth0\nmode = l2\ncount = " #n "\naddress = " first4 \
	"-" last4 ", " first6 "-" last6 "\n"

static const char all[] = PORT MANY(64, "10.1.0.0", "10.1.3.255", "2001:db8::", "2001:db8::3ff");

static uint8_t frame[64];

/* A frame to the @i-th address of 10.1.0.0 on, or of 2001:db8:: on. */
static void send_to(struct rig *r, uint32_t i, bool v6)
{
	const uint8_t mac[6] = {0};

	memset(frame, 0, sizeof(frame));
	memcpy(frame, mac, 6);
	frame[6] = 2;
	if (v6) {
		static const uint8_t ip6[] = {0x60, 0, 0, 0, 0, 0, 59, 64, 0x20, 1, 0xd, 0xb8};
		static const uint8_t net[] = {0x20, 1, 0xd, 0xb8};

		memcpy(&frame[12], (const uint8_t[]){0x86, 0xdd}, 2);
		memcpy(&frame[14], ip6, sizeof(ip6));
		memcpy(&frame[38], net, sizeof(net));
		frame[51] = (uint8_t)(i >> 16);
		frame[52] = (uint8_t)(i >> 8);
		frame[53] = (uint8_t)i;
	} else {
		static const uint8_t ip4[] = {0x45, 0,	0, 20, 0,  0, 0, 0,
					      64,   17, 0, 0,  10, 9, 9, 9};

		memcpy(&frame[12], (const uint8_t[]){0x08, 0x00}, 2);
		memcpy(&frame[14], ip4, sizeof(ip4));
		frame[30] = 10;
		frame[31] = (uint8_t)(1 + (i >> 16));
		frame[32] = (uint8_t)(i >> 8);
		frame[33] = (uint8_t)i;
	}
	rig_send(r, "wire", frame, sizeof(frame), 0);
}

static uint64_t received(struct rig *r, const char *name)
{
	struct iface_stats sum;

	runtime_vnic_stats(&r->rt, runtime_vnic(&r->rt, name), &sum);
	return sum.rx_packets;
}

/* Sends to @n addresses from @first on; all of them must go to vnic @name (NULL: to the host). */
static void expect(struct rig *r, uint32_t first, uint32_t n, bool v6, const char *name)
{
	uint64_t before = name != NULL ? received(r, name) : 0;
	unsigned int host = 0;

	for (uint32_t i = 0; i < n; i++) {
		send_to(r, first + i, v6);
		if (i % 32 == 31 || i + 1 == n) {
			rig_turn(r, 1);
			host += rig_drain(r, "host");
		}
	}
	if (name != NULL)
		assert_int_equal(received(r, name) - before, n);
	assert_int_equal(host, name != NULL ? 0 : n);
}

static void expect_all(struct rig *r)
{
	for (uint32_t i = 0; i < VNICS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%u", i);
		expect(r, i * EACH, EACH, false, name);
		expect(r, i * EACH, EACH, true, name);
	}
}

static void test_every_address(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	(void)state;
	rig_start(r, all);
	expect_all(r);
	expect(r, VNICS * EACH, 8, false, NULL);
	expect(r, VNICS * EACH, 8, true, NULL);
	rig_stop(r);
	free(r);
}

/* One vnic goes, another takes its range, all others stay; then everything moves by one vnic. */
static void test_changes(void **state)
{
	static const char less[] =
		PORT MANY(63, "10.1.0.0", "10.1.3.255", "2001:db8::", "2001:db8::3ff");
	static const char other[] =
		PORT MANY(63, "10.1.0.0", "10.1.3.255", "2001:db8::",
			  "2001:db8::3ff") "[vnic w]\ntype = ipvlan\nport = eth0\nmode = "
					   "l2\naddress = 10.1.252.0-10.1.255.255\n";
	static const char moved[] =
		PORT MANY(64, "10.1.4.0", "10.1.7.255", "2001:db8::400", "2001:db8::7ff");
	struct rig *r = calloc(1, sizeof(*r));
	struct ip_table *table;
	struct err err = {0};

	(void)state;
	rig_start(r, all);
	table = runtime_port(&r->rt, "eth0")->addresses;
	assert_int_equal(rig_reload(r, all, &err), 0);
	/* Nothing changed, and nothing was built. */
	assert_ptr_equal(runtime_port(&r->rt, "eth0")->addresses, table);
	assert_int_equal(rig_reload(r, less, &err), 0);
	expect(r, 63 * EACH, EACH, false, NULL);
	expect(r, 62 * EACH, EACH, false, "v62");
	assert_int_equal(rig_reload(r, other, &err), 0);
	expect(r, 63 * EACH, EACH, false, "w");
	expect(r, 63 * EACH, EACH, true, NULL);
	assert_int_equal(rig_reload(r, moved, &err), 0);
	expect(r, 0, EACH, false, NULL);
	expect(r, EACH, EACH, true, "v0");
	expect(r, 64 * EACH, EACH, false, "v63");
	assert_int_equal(rig_reload(r, all, &err), 0);
	expect_all(r);
	rig_stop(r);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_address),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, rig_eal, NULL);
}
