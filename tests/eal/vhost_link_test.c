/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vhost-user has for MTU, link and announcing, through the whole forwarder: a guest's
 * vnic, a sibling and the wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_ethdev.h>

#include "ctl/show.h"
#include "rig.h"
#include "vhost_front.h"

#define PATIENCE_MS 5000
#define F_MTU	    (1ULL << VIRTIO_NET_F_MTU)

static const char lab[] = "[port eth0]\n"
			  "device = dev:net_ring_wire\n"
			  "mac = 02:4c:00:00:00:01\n"
			  "mtu = %u\n"
			  "[vnic vm]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:01\n"
			  "endpoint = vhost:%s\n"
			  "spoofcheck = %s\n"
			  "[vnic db]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:02\n"
			  "endpoint = dev:net_ring_db\n";

static const uint8_t vm_mac[6] = {2, 0, 0, 0, 0, 1}, db_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t outside[6] = {2, 0x58, 0, 0, 0, 1};
static char path[64];
/* One for all tests: librte_vhost may take a second to hear of a new socket. */
static struct rig rig;
static bool running;
static struct front front;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void look(void)
{
	endpoint_watch_run(runtime_endpoint_changed, &rig.rt);
	runtime_tick(&rig.rt);
	runtime_settle(&rig.rt);
}

static bool has_link(void)
{
	const struct vnic_rt *v = runtime_vnic(&rig.rt, "vm");

	return v->active && v->carrier;
}

static void wait_link(bool on)
{
	double end = now_ms() + PATIENCE_MS;

	while (has_link() != on) {
		assert_true(now_ms() < end);
		usleep(1000);
		look();
	}
}

static void start(unsigned int mtu, const char *spoofcheck)
{
	struct err err = {0};
	char text[1000];

	snprintf(text, sizeof(text), lab, mtu, path, spoofcheck);
	if (!running)
		rig_start(&rig, text);
	else if (rig_reload(&rig, text, &err) != 0)
		fail_msg("%s", err.text);
	running = true;
	front_init(&front, 1, 12000);
	front.rx_len = 12000;
}

static void connect_guest(uint64_t features)
{
	assert_int_equal(front_connect(&front, path), 0);
	assert_true(front_start(&front, features));
	wait_link(true);
}

static int stop(void **state)
{
	(void)state;
	front_destroy(&front);
	wait_link(false);
	rig_drain(&rig, "wire");
	rig_drain(&rig, "db");
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	if (running)
		rig_stop(&rig);
	return 0;
}

static void make(uint8_t *b, const uint8_t *dst, const uint8_t *src, size_t len)
{
	memset(b, 0x5a, len);
	memcpy(b, dst, 6);
	memcpy(b + 6, src, 6);
	b[12] = 0x88;
	b[13] = 0xb5;
}

/** The next frame at the ring @p end, after turns enough; NULL: none. */
static struct rte_mbuf *next_at(const char *end)
{
	rig_turn(&rig, 4);
	return rig_take(&rig, end);
}

static void expect_length(const char *end, uint32_t len)
{
	struct rte_mbuf *m = next_at(end);

	assert_non_null(m);
	assert_int_equal(m->pkt_len, len);
	rte_pktmbuf_free(m);
}

static void assert_shown(const char *what, bool there)
{
	const struct show_what all = {.details = true};
	json_t *o = show_link(&rig.rt, runtime_vnic(&rig.rt, "vm"), &all);
	const char *detail =
		json_string_value(json_object_get(json_object_get(o, "endpoint"), "detail"));

	assert_non_null(detail);
	if ((strstr(detail, what) != NULL) != there)
		fail_msg("'%s' is%s in: %s", what, there ? "n't" : "", detail);
	json_decref(o);
}

/* ---- MTU ---- */

/* The client tells its own: it is shown, and changes nothing of the vnic. */
static void the_clients_mtu_is_shown(void **state)
{
	uint8_t b[2000];

	(void)state;
	start(1500, "off");
	front.protocol = FRONT_P_MTU;
	front.mtu = 1400;
	connect_guest(F_MTU);
	assert_true(front.protocol & FRONT_P_MTU);
	assert_shown(" mtu=1400", true);
	assert_shown("note=the client's MTU", false);
	assert_int_equal(runtime_vnic(&rig.rt, "vm")->mtu, 1500);
	make(b, db_mac, vm_mac, 1514);
	assert_true(front_send(&front, 0, NULL, b, 1514));
	expect_length("db", 1514);
}

/* One that believes in more than there is: it is told why its long frames vanish. */
static void an_mtu_that_is_too_much_is_noted(void **state)
{
	uint64_t before;
	uint8_t b[10000];

	(void)state;
	start(1500, "off");
	front.protocol = FRONT_P_MTU;
	front.mtu = 9000;
	connect_guest(F_MTU);
	assert_shown("note=the client's MTU 9000 is more than the vnic's 1500; "
		     "longer frames may be dropped",
		     true);
	make(b, db_mac, vm_mac, 9014);
	before = rig_drops(&rig, "eth0", DROP_TOO_LONG);
	assert_true(front_send(&front, 0, NULL, b, 9014));
	assert_null(next_at("db"));
	assert_int_equal(rig_drops(&rig, "eth0", DROP_TOO_LONG) - before, 1);
}

static void jumbo_with_the_clients_mtu(void **state)
{
	uint8_t b[10000];

	(void)state;
	start(9000, "off");
	front.protocol = FRONT_P_MTU;
	front.mtu = 9000;
	connect_guest(F_MTU);
	assert_shown(" mtu=9000", true);
	assert_shown("note=the client's MTU", false);
	make(b, outside, vm_mac, 9014);
	assert_true(front_send(&front, 0, NULL, b, 9014));
	expect_length("wire", 9014);
}

/* ---- link ---- */

/* Until a guest is there, its address is a stranger's; and again when it has gone. */
static void a_guest_is_the_link(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	uint8_t b[100], in[200];

	(void)state;
	start(1500, "off");
	make(b, vm_mac, db_mac, sizeof(b));
	for (int round = 0; round < 2; round++) {
		wait_link(false);
		rig_send(&rig, "db", b, sizeof(b), 0);
		expect_length("wire", sizeof(b));
		connect_guest(0);
		rig_send(&rig, "db", b, sizeof(b), 0);
		assert_null(next_at("wire"));
		assert_int_equal(front_receive(&front, 0, &h, in, sizeof(in)), sizeof(b));
		assert_memory_equal(in, b, sizeof(b));
		front_disconnect(&front);
		wait_link(false);
	}
}

static void set_port_link(bool up)
{
	uint16_t port;

	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring_wire", &port), 0);
	assert_int_equal(up ? rte_eth_dev_set_link_up(port) : rte_eth_dev_set_link_down(port), 0);
}

/* vhost-user can't tell the guest that the port lost its link: what it sends is counted. */
static void the_ports_link_is_the_guests(void **state)
{
	uint64_t before;
	uint8_t b[100];

	(void)state;
	start(1500, "off");
	connect_guest(0);
	make(b, db_mac, vm_mac, sizeof(b));
	set_port_link(false);
	wait_link(false);
	before = rig_drops(&rig, "vm", DROP_NO_CARRIER);
	assert_true(front_send(&front, 0, NULL, b, sizeof(b)));
	assert_null(next_at("db"));
	assert_int_equal(rig_drops(&rig, "vm", DROP_NO_CARRIER) - before, 1);
	set_port_link(true);
	wait_link(true);
	assert_true(front_send(&front, 0, NULL, b, sizeof(b)));
	expect_length("db", sizeof(b));
}

/* ---- announcing ---- */

/* A RARP request from @p mac about itself, to all. */
static void expect_announcement(const char *end, const uint8_t *mac)
{
	struct rte_mbuf *m = NULL;
	double patience = now_ms() + PATIENCE_MS;
	const uint8_t *p;

	/* The message is read by librte_vhost's own thread. */
	while (m == NULL && now_ms() < patience)
		m = next_at(end);
	assert_non_null(m);
	assert_true(m->pkt_len >= 42);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_memory_equal(p, "\xff\xff\xff\xff\xff\xff", 6);
	assert_memory_equal(p + 6, mac, 6);
	assert_memory_equal(p + 12, "\x80\x35\x00\x01\x08\x00\x06\x04\x00\x03", 10);
	assert_memory_equal(p + 22, mac, 6); /* who asks */
	assert_memory_equal(p + 32, mac, 6); /* and of whom */
	rte_pktmbuf_free(m);
}

/* A guest that came here by migration: the wire's switch and the siblings learn of it. */
static void a_migrated_guest_is_announced(void **state)
{
	struct iface_stats before, sum;
	uint8_t b[100];

	(void)state;
	start(1500, "off");
	runtime_vnic_stats(&rig.rt, runtime_vnic(&rig.rt, "vm"), &before);
	front.protocol = FRONT_P_RARP;
	connect_guest(0);
	assert_true(front.protocol & FRONT_P_RARP);
	assert_true(front.offered & 1ULL << VIRTIO_NET_F_GUEST_ANNOUNCE);
	for (unsigned int n = 1; n <= 3; n++) {
		assert_int_equal(front_announce(&front, vm_mac), 0);
		expect_announcement("wire", vm_mac);
		expect_announcement("db", vm_mac);
		assert_null(next_at("wire"));
		runtime_vnic_stats(&rig.rt, runtime_vnic(&rig.rt, "vm"), &sum);
		assert_int_equal(sum.tx_packets - before.tx_packets, n);
	}
	make(b, db_mac, vm_mac, sizeof(b));
	assert_true(front_send(&front, 0, NULL, b, sizeof(b)));
	expect_length("db", sizeof(b));
}

/* What is announced is a frame of the guest's like any other: another's address is checked. */
static void another_ones_address_is_not_announced(void **state)
{
	uint64_t before;
	double end;

	(void)state;
	start(1500, "mac");
	before = rig_drops(&rig, "vm", DROP_SPOOFED);
	front.protocol = FRONT_P_RARP;
	connect_guest(0);
	assert_int_equal(front_announce(&front, db_mac), 0);
	end = now_ms() + PATIENCE_MS;
	while (rig_drops(&rig, "vm", DROP_SPOOFED) == before) {
		assert_true(now_ms() < end);
		rig_turn(&rig, 1);
	}
	assert_null(next_at("wire"));
	assert_int_equal(front_announce(&front, vm_mac), 0);
	expect_announcement("wire", vm_mac);
	rig_drain(&rig, "db");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_clients_mtu_is_shown, stop),
		cmocka_unit_test_teardown(an_mtu_that_is_too_much_is_noted, stop),
		cmocka_unit_test_teardown(jumbo_with_the_clients_mtu, stop),
		cmocka_unit_test_teardown(a_guest_is_the_link, stop),
		cmocka_unit_test_teardown(the_ports_link_is_the_guests, stop),
		cmocka_unit_test_teardown(a_migrated_guest_is_announced, stop),
		cmocka_unit_test_teardown(another_ones_address_is_not_announced, stop),
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/vhost-link-%d", (int)getpid());
	failed = cmocka_run_group_tests_name("vhost_link", tests, rig_eal, stop_all);
	unlink(path);
	return failed;
}
