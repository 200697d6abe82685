/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a forwarder does for ipvlan beyond the kernel: it learns addresses, translates MACs, leads
 * DHCP replies to who asked, announces (cases IV-913 to IV-920), and believes nobody too much.
 */
#include "assist_frames.h"
#include "ctl/addresses.h"
#include "ctl/announce.h"
#include "ctl/mail.h"
#include "rig.h"

#define PORT	"[port l]\ndevice = dev:net_ring_wire\nmac = " M "\n"
#define HOST	"host = dev:net_ring_host\n"
#define VNIC(x) "[vnic " x "]\ntype = ipvlan\nport = l\nmode = l2\nendpoint = dev:net_ring_" x "\n"
#define A_AND_B VNIC("a") "address = 10.0.0.2, 2001:db8::2\n" VNIC("b") "address = 10.0.0.3\n"
#define ALL	"a b c wire host"
#define XID	0x1234
#define MINUTE	60000ULL

static struct rig rig;

static void start(const char *ini)
{
	rig_start(&rig, ini);
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

/* The frame, and all that main and the worker then do about it. */
static void send(const char *from, const struct frame *f)
{
	rig_send(&rig, from, f->b, f->n, 0);
	rig_turn(&rig, 1);
	mail_run(&rig.rt);
	runtime_settle(&rig.rt);
	rig_turn(&rig, 1);
}

static bool has_end(const char *name)
{
	for (size_t i = 0; i < rig.n_ends; i++)
		if (strcmp(rig.ends[i].name, name) == 0)
			return true;
	return false;
}

/* "a wire": where something came out, one word a frame; all of it is then gone. */
static const char *took(void)
{
	static char text[200];
	char all[] = ALL, *s = all, *name;

	text[0] = '\0';
	while ((name = strsep(&s, " ")) != NULL)
		for (unsigned int n = has_end(name) ? rig_drain(&rig, name) : 0; n > 0; n--)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 text[0] != '\0' ? " " : "", name);
	return text;
}

static void sends(const char *from, struct frame f, const char *to)
{
	send(from, &f);
	assert_string_equal(took(), to);
}

/* Where a unicast frame of the wire to @p ip goes. */
static void reaches(const char *ip, const char *to)
{
	if (strchr(ip, ':') != NULL)
		sends("wire", nd(M, R, 136, "2001:db8::fe", ip, "2001:db8::fe"), to);
	else
		sends("wire", ip4(M, R, "10.0.0.254", ip), to);
}

static struct frame take(const char *end)
{
	struct rte_mbuf *m = rig_take(&rig, end);
	struct frame f = {.n = 0};

	assert_non_null(m);
	assert_true(m->pkt_len <= sizeof(f.b));
	f.n = m->pkt_len;
	memcpy(f.b, rte_pktmbuf_read(m, 0, f.n, f.b), f.n);
	rte_pktmbuf_free(m);
	return f;
}

static void same(const struct frame *got, const struct frame *wanted)
{
	assert_int_equal(got->n, wanted->n);
	assert_memory_equal(got->b, wanted->b, wanted->n);
}

static uint64_t conflicts(const char *name)
{
	return runtime_vnic(&rig.rt, name)->conflicts;
}

/* ---- learning ---- */

/* IV-917 */
static void test_learns_from_arp(void **state)
{
	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 4\n");
	reaches("10.0.0.50", "host");
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.254"), "a b wire");
	reaches("10.0.0.50", "c");
	sends("a", ip4(M, M, "10.0.0.2", "10.0.0.50"), "c");
}

static void test_learns_from_ip_and_neighbour_discovery(void **state)
{
	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 4\n");
	sends("c", ip4(R, M, "10.0.0.51", "198.51.100.7"), "wire");
	reaches("10.0.0.51", "c");
	sends("c",
	      nd("33:33:ff:00:00:fe", M, 135, "2001:db8::50", "ff02::1:ff00:fe", "2001:db8::fe"),
	      "a b wire");
	reaches("2001:db8::50", "c");
	sends("c", nd(R, M, 136, "2001:db8::50", "2001:db8::fe", "2001:db8::51"), "wire");
	reaches("2001:db8::51", "c");
}

/* l3: what an owner asks for is answered, and tells of it, too; a neighbour's isn't to be had. */
static void test_learns_in_l3(void **state)
{
	const char *ini = PORT HOST "address = 10.0.0.1/24\n"
				    "[vnic c]\ntype = ipvlan\nport = l\nmode = l3\nlearn = "
				    "4\nendpoint = dev:net_ring_c\n";

	(void)state;
	start(ini);
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.99"), "c");
	reaches("10.0.0.50", "c");
	sends("c", ip4(M, M, "10.0.0.255", "10.0.0.50"), "c"); /* its network's broadcast address */
	reaches("10.0.0.255", "host");
	sends("c", ip4(M, M, "10.0.0.50", "10.0.0.99"), "wire"); /* the port asks */
	sends("wire", arp(M, R, 2, "10.0.0.99", "10.0.0.1"), "wire host");
	sends("c", ip4(M, M, "10.0.0.99", "10.0.0.50"), "c");
	sends("c", ip4(M, M, "10.0.0.50", "10.0.0.99"), "wire");
	assert_int_equal(conflicts("c"), 2);
}

static void test_off_by_default(void **state)
{
	(void)state;
	start(PORT HOST A_AND_B VNIC("c"));
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.254"), "a b wire");
	reaches("10.0.0.50", "host");
}

/* IV-918: who has it keeps it; and the same for the port's own and its gateway's. */
static void test_never_takes_what_others_have(void **state)
{
	(void)state;
	start(PORT HOST "address = 10.0.0.1/24\nroutes = default via 10.0.0.254\n" A_AND_B VNIC(
		"c") "learn = 4\n");
	sends("c", arp(BC, M, 1, "10.0.0.2", "10.0.0.254"), "a b wire");
	assert_int_equal(conflicts("c"), 1);
	sends("c", arp(BC, M, 1, "10.0.0.2", "10.0.0.254"), "a b wire");
	assert_int_equal(conflicts("c"), 1);
	reaches("10.0.0.2", "a");
	sends("c", ip4(R, M, "10.0.0.1", "198.51.100.7"), "wire");
	sends("c", ip4(R, M, "10.0.0.254", "198.51.100.7"), "wire");
	assert_int_equal(conflicts("c"), 3);
	reaches("10.0.0.1", "host");
	reaches("10.0.0.254", "host");
	assert_int_equal(conflicts("a"), 0);
}

/* IV-919, and all else that says nothing of what a vnic has. */
static void test_probes_and_groups_teach_nothing(void **state)
{
	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 8\n");
	sends("c", arp(BC, M, 1, "0.0.0.0", "10.0.0.50"), "a b wire");
	reaches("10.0.0.50", "host");
	sends("c", nd("33:33:ff:00:00:50", M, 135, "::", "ff02::1:ff00:50", "2001:db8::50"),
	      "a b wire");
	reaches("2001:db8::50", "host");
	sends("c", ip4(BC, M, "10.0.0.52", "255.255.255.255"), "a b wire");
	reaches("10.0.0.52", "host");
	sends("c", ip4(R, M, "239.1.1.1", "10.0.0.254"), "wire");
	sends("c", ip4(R, M, "127.0.0.1", "10.0.0.254"), "wire");
	sends("c", ip4(R, M, "255.255.255.255", "10.0.0.254"), "wire");
	sends("c", nd(R, M, 136, "::1", "2001:db8::fe", "ff02::1"), "wire");
	assert_int_equal(addresses_count(runtime_vnic(&rig.rt, "c")), 0);
}

static void test_bound_and_age(void **state)
{
	struct vnic_rt *c;
	uint64_t now;

	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 2\n");
	c = runtime_vnic(&rig.rt, "c");
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.254"), "a b wire");
	sends("c", arp(BC, M, 1, "10.0.0.51", "10.0.0.254"), "a b wire");
	sends("c", arp(BC, M, 1, "10.0.0.52", "10.0.0.254"), "a b wire"); /* both are too new */
	reaches("10.0.0.52", "host");
	now = mail_now();
	assert_false(addresses_learn(c, &(struct ip_addr){4, {10, 0, 0, 50}}, now + MINUTE));
	assert_true(addresses_learn(c, &(struct ip_addr){4, {10, 0, 0, 52}}, now + MINUTE));
	rig.rt.dirty = true;
	runtime_settle(&rig.rt);
	reaches("10.0.0.50", "c");
	reaches("10.0.0.51", "host"); /* the longest unseen one */
	reaches("10.0.0.52", "c");
	assert_false(addresses_age(&rig.rt, now + 5 * MINUTE));
	assert_true(addresses_age(&rig.rt, now + 6 * MINUTE + 1));
	rig.rt.dirty = true;
	runtime_settle(&rig.rt);
	reaches("10.0.0.50", "host");
}

/* Main hears of few of a sprayer's addresses, and of all that others have. */
static void test_spraying(void **state)
{
	struct frame f = arp(BC, M, 1, "10.0.0.60", "10.0.0.254");
	char ip[IP_STR_LEN];

	(void)state;
	start(PORT HOST VNIC("b") "address = 10.0.0.3\nlearn = 4\n" VNIC("c") "learn = 16\n");
	for (unsigned int i = 0; i < 2048; i++) {
		struct frame sprayed;

		snprintf(ip, sizeof(ip), "10.7.%u.%u", i / 200, 1 + i % 200);
		sprayed = ip4(R, M, ip, "10.0.0.254");
		rig_send(&rig, "c", sprayed.b, sprayed.n, 0);
		rig_turn(&rig, 1);
		assert_int_equal(rig_drain(&rig, "wire"), 1);
	}
	rig_send(&rig, "b", f.b, f.n, 0);
	rig_turn(&rig, 1);
	assert_string_equal(took(), "c wire");
	mail_run(&rig.rt);
	runtime_settle(&rig.rt);
	assert_in_range(addresses_count(runtime_vnic(&rig.rt, "c")), 1, 16);
	reaches("10.0.0.60", "b");
}

/* What was configured later is its vnic's, though another one was learnt to have it. */
static void test_configuration_wins(void **state)
{
	struct err err = {0};

	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 4\n");
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.254"), "a b wire");
	reaches("10.0.0.50", "c");
	assert_int_equal(rig_reload(&rig,
				    PORT HOST VNIC("a") "address = 10.0.0.2, 10.0.0.50\n" VNIC(
					    "b") "address = 10.0.0.3\n" VNIC("c") "learn = 4\n",
				    &err),
			 0);
	reaches("10.0.0.50", "a");
	assert_int_equal(conflicts("c"), 1);
	assert_int_equal(addresses_count(runtime_vnic(&rig.rt, "c")), 0);
}

static void test_spoofed_frames_teach_nothing(void **state)
{
	(void)state;
	start(PORT HOST A_AND_B VNIC("c") "learn = 4\nspoofcheck = ip\n");
	sends("c", arp(BC, M, 1, "10.0.0.50", "10.0.0.254"), "");
	assert_int_equal(rig_drops(&rig, "c", DROP_SPOOFED), 1);
	reaches("10.0.0.50", "host");
}

/* ---- MAC policy ---- */

/* IV-913 */
static void test_strict(void **state)
{
	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2\nmac-policy = strict\n");
	sends("a", ip4(R, Z, "10.0.0.2", "198.51.100.7"), "");
	assert_int_equal(rig_drops(&rig, "a", DROP_SPOOFED), 1);
	sends("a", ip4(R, M, "10.0.0.2", "198.51.100.7"), "wire");
}

/* IV-914, IV-915, and what a frame says of its sender inside. */
static void test_macnat(void **state)
{
	struct frame f, wanted;

	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2, 2001:db8::2\nmac-policy = macnat\n" VNIC(
		"b") "address = 10.0.0.3\n");
	f = ip4(R, Z, "10.0.0.2", "198.51.100.7");
	wanted = ip4(R, M, "10.0.0.2", "198.51.100.7");
	send("a", &f);
	f = take("wire");
	same(&f, &wanted);

	f = ip4(M, R, "10.0.0.254", "10.0.0.2");
	wanted = ip4(Z, R, "10.0.0.254", "10.0.0.2");
	send("wire", &f);
	f = take("a");
	same(&f, &wanted);

	f = nd(R, Z, 136, "2001:db8::2", "2001:db8::fe", "2001:db8::2");
	wanted = nd(R, M, 136, "2001:db8::2", "2001:db8::fe", "2001:db8::2");
	send("a", &f);
	f = take("wire");
	same(&f, &wanted);

	f = arp(M, R, 2, "10.0.0.254", "10.0.0.2");
	wanted = arp(Z, R, 2, "10.0.0.254", "10.0.0.2");
	send("wire", &f);
	f = take("a");
	same(&f, &wanted);

	f = ip4(M, Z, "10.0.0.2", "10.0.0.3"); /* to a sibling, which it knows by the shared MAC */
	wanted = ip4(M, M, "10.0.0.2", "10.0.0.3");
	send("a", &f);
	f = take("b");
	same(&f, &wanted);
	assert_string_equal(took(), "");
}

/* Headers split anywhere, and a frame that somebody else holds, too. */
static void test_macnat_splits_and_shares(void **state)
{
	struct frame f =
		nd("33:33:ff:00:00:fe", Z, 135, "2001:db8::2", "ff02::1:ff00:fe", "2001:db8::fe");
	struct frame wanted =
		nd("33:33:ff:00:00:fe", M, 135, "2001:db8::2", "ff02::1:ff00:fe", "2001:db8::fe");
	struct rte_mbuf *m;

	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2, 2001:db8::2\nmac-policy = macnat\n");
	for (size_t seg = 1; seg < 20; seg += 6) {
		struct frame got;

		rig_send(&rig, "a", f.b, f.n, seg);
		rig_turn(&rig, 1);
		got = take("wire");
		same(&got, &wanted);
	}
	m = rte_pktmbuf_alloc(rig.pool);
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.n), f.b, f.n);
	rte_pktmbuf_refcnt_update(m, 1);
	rig_send_mbuf(&rig, "a", m);
	rig_turn(&rig, 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.b, f.n);
	rte_pktmbuf_free(m);
	m = rig_take(&rig, "wire");
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), wanted.b, wanted.n);
	rte_pktmbuf_free(m);
}

/* Who is checked may not take a third address; one that is sprayed is told once. */
static void test_macnat_checked(void **state)
{
	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2\nmac-policy = macnat\nspoofcheck = mac\n");
	sends("a", ip4(R, Z, "10.0.0.2", "198.51.100.7"), "wire");
	sends("a", ip4(R, "02:5a:00:00:00:98", "10.0.0.2", "198.51.100.7"), "");
	assert_int_equal(rig_drops(&rig, "a", DROP_SPOOFED), 1);
	sends("a", ip4(R, Z, "10.0.0.2", "198.51.100.7"), "wire");
}

/* ---- DHCP ---- */

#define DHCP_INI PORT HOST A_AND_B VNIC("c") "dhcp = on\n"

static const struct message discover = {1, 1, XID, 0, M, NULL, NULL, NULL};
static const struct message request = {1, 3, XID, 0, M, NULL, NULL, NULL};
static const struct message ack = {2, 5, XID, 3600, M, NULL, "10.0.0.50", NULL};

static void asks(const char *who, const struct message *m, const char *to)
{
	sends(who, dhcp(BC, M, "0.0.0.0", "255.255.255.255", m), to);
}

static void answers(const struct message *m, const char *to)
{
	sends("wire", dhcp(M, R, "10.0.0.254", "10.0.0.50", m), to);
}

/* IV-920 */
static void test_dhcp(void **state)
{
	struct message offer = ack, nak = {2, 6, XID, 0, M, NULL, NULL, NULL};

	(void)state;
	start(DHCP_INI);
	answers(&ack, "host"); /* nobody asked */
	offer.type = 2;
	asks("c", &discover, "a b wire");
	answers(&offer, "c");
	reaches("10.0.0.50", "host"); /* an offer isn't a lease */
	asks("c", &request, "a b wire");
	answers(&ack, "c");
	reaches("10.0.0.50", "c");
	answers(&ack, "c"); /* to the address itself, now */
	sends("wire", dhcp(BC, R, "10.0.0.254", "255.255.255.255", &nak), "a b c host");
	reaches("10.0.0.50", "host");
}

static void test_dhcp_broadcast_ack_counts(void **state)
{
	(void)state;
	start(DHCP_INI);
	asks("c", &request, "a b wire");
	sends("wire", dhcp(BC, R, "10.0.0.254", "255.255.255.255", &ack), "a b c host");
	reaches("10.0.0.50", "c");
}

static void test_dhcp_lease_ends(void **state)
{
	struct message renewed = ack, release = {1, 7, 77, 0, M, "10.0.0.50", NULL, NULL};
	uint64_t now;

	(void)state;
	start(DHCP_INI);
	asks("c", &request, "a b wire");
	answers(&ack, "c");
	now = mail_now();
	assert_false(addresses_age(&rig.rt, now + 59 * MINUTE));
	renewed.lease = 7200;
	answers(&renewed, "c");
	assert_false(addresses_age(&rig.rt, now + 119 * MINUTE));
	assert_true(addresses_age(&rig.rt, now + 121 * MINUTE));
	rig.rt.dirty = true;
	runtime_settle(&rig.rt);
	reaches("10.0.0.50", "host");

	answers(&ack, "c");
	reaches("10.0.0.50", "c");
	sends("a", dhcp(R, M, "10.0.0.50", "10.0.0.254", &release), "wire"); /* not a's to give */
	reaches("10.0.0.50", "c");
	sends("c", dhcp(R, M, "10.0.0.50", "10.0.0.254", &release), "wire");
	reaches("10.0.0.50", "host");
}

/* A sibling sees a broadcast request; to ask the same afterwards gets it nothing. */
static void test_dhcp_first_asker_is_served(void **state)
{
	(void)state;
	start(PORT HOST VNIC("a") "dhcp = on\n" VNIC("c") "dhcp = on\n");
	asks("c", &request, "a wire");
	asks("a", &request, "c wire");
	assert_int_equal(conflicts("a"), 1);
	answers(&ack, "c");
	reaches("10.0.0.50", "c");
}

/* One transaction number, two clients: the identifier tells them apart where the server repeats it. */
static void test_dhcp_client_id(void **state)
{
	struct message mine = request, theirs = request, reply = ack;

	(void)state;
	mine.id = "mine";
	theirs.id = "theirs";
	reply.id = "theirs";
	start(PORT HOST VNIC("a") "dhcp = on\n" VNIC("c") "dhcp = on\n");
	asks("c", &mine, "a wire");
	asks("a", &theirs, "c wire");
	answers(&reply, "a");
	reaches("10.0.0.50", "a");
}

/* A server gives away what another vnic has: it stays there. And siblings give nothing. */
static void test_dhcp_never_takes_what_others_have(void **state)
{
	struct message of_a = ack;

	(void)state;
	start(DHCP_INI);
	of_a.yiaddr = "10.0.0.2";
	asks("c", &request, "a b wire");
	sends("wire", dhcp(M, R, "10.0.0.254", "10.0.0.2", &of_a), "a");
	reaches("10.0.0.2", "a");
	assert_int_equal(conflicts("c"), 1);
	sends("b", dhcp(BC, M, "10.0.0.3", "255.255.255.255", &ack), "a c wire");
	sends("b", dhcp(M, M, "10.0.0.3", "10.0.0.50", &ack), "host");
	reaches("10.0.0.50", "host");
}

/* IV-916: without a host, nobody's reply is a counted drop. */
static void test_dhcp_without_host(void **state)
{
	(void)state;
	start(PORT VNIC("c") "dhcp = on\n");
	answers(&ack, "");
	assert_int_equal(rig_drops(&rig, "l", DROP_NO_OWNER), 1);
}

/* The server would answer to an address that isn't of this port: it is asked to broadcast. */
static void test_dhcp_with_macnat(void **state)
{
	struct message m = discover;
	struct frame f;

	(void)state;
	m.chaddr = Z;
	start(PORT HOST VNIC("c") "dhcp = on\nmac-policy = macnat\n");
	f = dhcp(BC, Z, "0.0.0.0", "255.255.255.255", &m);
	send("c", &f);
	f = take("wire");
	assert_int_equal(f.b[52], 0x80);
	assert_int_equal(udp_sum(&f), 0xffff);
}

/* Truncated, and options that lie: forwarded as ever, and nobody is hurt. */
static void test_dhcp_malformed(void **state)
{
	struct frame f = dhcp(M, R, "10.0.0.254", "10.0.0.50", &ack);

	(void)state;
	start(DHCP_INI);
	asks("c", &request, "a b wire");
	f.b[42 + 241] = 255; /* a message type of 255 bytes */
	sends("wire", f, "host");
	f = udp(M, R, "10.0.0.254", "10.0.0.50", 67, 68, 3);
	sends("wire", f, "host");
	f.n = 14 + 20 +
	      2; /* not even both ports; then the total length lies, and there is no key */
	sends("wire", f, "host");
	reaches("10.0.0.50", "host");
}

/* ---- announcements ---- */

static void tick(uint64_t now)
{
	announce_tick(&rig.rt, now);
	rig_turn(&rig, 1);
}

static void test_announces(void **state)
{
	struct frame wanted = arp(BC, M, 1, "10.0.0.2", "10.0.0.2"), f;
	uint64_t now;

	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2, 2001:db8::2\nannounce = on\n" VNIC(
		"b") "address = 10.0.0.3\n");
	now = mail_now() + 1;
	for (int i = 0; i < 3; i++) {
		tick(now);
		f = take("wire");
		same(&f, &wanted);
		f = take("wire");
		assert_int_equal(f.b[54], 136);
		assert_string_equal(took(), "");
		tick(now + 900);
		assert_string_equal(took(), "");
		now += 1000;
	}
	tick(now + MINUTE);
	assert_string_equal(took(), "");
}

/* An address that moved is told by who has it now, and only that one. */
static void test_announces_what_moved(void **state)
{
	struct err err = {0};
	uint64_t now;
	struct frame f;

	(void)state;
	start(PORT HOST VNIC("a") "address = 10.0.0.2\nannounce = on\n" VNIC(
		"c") "learn = 4\nannounce = on\n");
	now = mail_now();
	for (uint64_t i = 1; i < 5; i++)
		tick(now + i * 1000);
	assert_string_equal(took(), "wire wire wire");
	sends("c", ip4(R, M, "10.0.0.50", "10.0.0.254"), "wire");
	tick(now + MINUTE);
	f = take("wire");
	assert_memory_equal(f.b + 28, "\x0a\x00\x00\x32", 4);
	assert_string_equal(took(), "");
	assert_int_equal(rig_reload(&rig,
				    "[port l]\ndevice = dev:net_ring_wire\nmac = " Z
				    "\n" HOST VNIC("a") "address = 10.0.0.2\nannounce = on\n",
				    &err),
			 0);
	now = mail_now() + MINUTE;
	tick(now);
	f = take("wire"); /* the port's MAC is another one */
	assert_memory_equal(f.b + 28, "\x0a\x00\x00\x02", 4);
	assert_memory_equal(f.b + 22, "\x02\x5a\x00\x00\x00\x99", 6);
}

static void test_announces_many_slowly(void **state)
{
	uint64_t now;

	(void)state;
	start(PORT VNIC("a") "address = 10.1.0.1-10.1.255.254\nannounce = on\n" VNIC(
		"b") "address = 10.0.0.3\nannounce = on\n");
	now = mail_now() + 1;
	tick(now);
	assert_in_range(rig_drain(&rig, "wire"), 2, ANNOUNCE_BUDGET);
	tick(now + 250);
	assert_in_range(rig_drain(&rig, "wire"), 2, ANNOUNCE_BUDGET);
}

static void test_macvlan_announces(void **state)
{
	struct frame f;

	(void)state;
	start(PORT "[vnic v]\ntype = macvlan\nport = l\nmac = 02:00:00:00:00:01\nannounce = on\n"
		   "address = 10.0.0.7/24\nendpoint = dev:net_ring_a\n");
	tick(mail_now() + 1);
	f = take("wire");
	assert_memory_equal(f.b + 6, "\x02\x00\x00\x00\x00\x01", 6);
	assert_memory_equal(f.b + 28, "\x0a\x00\x00\x07", 4);
	assert_string_equal(took(), "");
}

/* ---- spoofcheck = ip of macvlan ---- */

#define MAC1 "02:00:00:00:00:01"

static void spoofcheck(const char *mode)
{
	char ini[600];

	snprintf(ini, sizeof(ini),
		 PORT "[vnic v]\ntype = macvlan\nport = l\nmode = %s\nmac = " MAC1 "\n"
		      "address = 10.0.0.7/24, 2001:db8::7/64\nspoofcheck = ip\n"
		      "endpoint = dev:net_ring_a\n",
		 mode);
	start(ini);
	sends("a", ip4(R, MAC1, "10.0.0.7", "10.0.0.254"), "wire");
	sends("a", arp(BC, MAC1, 1, "10.0.0.7", "10.0.0.254"), "wire");
	sends("a", arp(BC, MAC1, 1, "0.0.0.0", "10.0.0.7"), "wire");
	sends("a", ip4(BC, MAC1, "0.0.0.0", "255.255.255.255"), "wire");
	sends("a", nd("33:33:ff:00:00:08", MAC1, 135, "::", "ff02::1:ff00:8", "2001:db8::8"),
	      "wire");
	sends("a", nd(R, MAC1, 136, "2001:db8::7", "2001:db8::fe", "2001:db8::7"), "wire");
	sends("a", eth(R, MAC1, 0x88b5), "wire");
	assert_int_equal(rig_drops(&rig, "v", DROP_SPOOFED), 0);

	sends("a", ip4(R, MAC1, "10.0.0.8", "10.0.0.254"), "");
	sends("a", ip4(R, Z, "10.0.0.7", "10.0.0.254"), "");
	sends("a", arp(BC, MAC1, 2, "10.0.0.254", "10.0.0.1"), "");
	sends("a", nd(R, MAC1, 135, "2001:db8::8", "2001:db8::fe", "2001:db8::fe"), "");
	sends("a", nd(R, MAC1, 136, "2001:db8::7", "2001:db8::fe", "2001:db8::8"), "");
	assert_int_equal(rig_drops(&rig, "v", DROP_SPOOFED), 5);
}

static void test_spoofcheck_bridge(void **state)
{
	(void)state;
	spoofcheck("bridge");
}

static void test_spoofcheck_vepa(void **state)
{
	(void)state;
	spoofcheck("vepa");
}

#define TEST(f) cmocka_unit_test_teardown(f, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_learns_from_arp),
		TEST(test_learns_from_ip_and_neighbour_discovery),
		TEST(test_learns_in_l3),
		TEST(test_off_by_default),
		TEST(test_never_takes_what_others_have),
		TEST(test_probes_and_groups_teach_nothing),
		TEST(test_bound_and_age),
		TEST(test_spraying),
		TEST(test_configuration_wins),
		TEST(test_spoofed_frames_teach_nothing),
		TEST(test_strict),
		TEST(test_macnat),
		TEST(test_macnat_splits_and_shares),
		TEST(test_macnat_checked),
		TEST(test_dhcp),
		TEST(test_dhcp_broadcast_ack_counts),
		TEST(test_dhcp_lease_ends),
		TEST(test_dhcp_first_asker_is_served),
		TEST(test_dhcp_client_id),
		TEST(test_dhcp_never_takes_what_others_have),
		TEST(test_dhcp_without_host),
		TEST(test_dhcp_with_macnat),
		TEST(test_dhcp_malformed),
		TEST(test_announces),
		TEST(test_announces_what_moved),
		TEST(test_announces_many_slowly),
		TEST(test_macvlan_announces),
		TEST(test_spoofcheck_bridge),
		TEST(test_spoofcheck_vepa),
	};

	return cmocka_run_group_tests(tests, rig_eal, NULL);
}
