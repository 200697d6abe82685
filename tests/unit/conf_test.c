/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/conf: what a right vnic.ini means. */
#include "conf_files.h"

static void assert_mac(uint64_t mac, const char *text)
{
	char buf[MAC_STR_LEN];

	assert_string_equal(mac_format(mac, buf), text);
}

static void assert_ip(const struct ip_addr *a, const char *text)
{
	char buf[IP_STR_LEN];

	assert_string_equal(ip_addr_format(a, buf), text);
}

/* ---- what a right file means ---- */

static void test_full_global_and_ports(void **state)
{
	struct errors es = {0};
	struct conf *c = conf_load(DATA("full.ini"), &es, NULL);
	const struct port_conf *p;

	(void)state;
	assert_non_null(c);
	assert_string_equal(es.file, DATA("full.ini"));
	assert_string_equal(c->global.control, "/run/other.sock");
	assert_string_equal(c->global.metrics, "[::1]:9477");
	assert_true(c->global.idle_adaptive);
	assert_int_equal(c->global.mbufs, 16384);
	assert_int_equal(c->global.mbuf_size, 4096);
	assert_int_equal(c->n_ports, 2);

	p = conf_port(c, "eth0");
	assert_ptr_equal(p, &c->ports[0]);
	assert_int_equal(p->line, 10);
	assert_int_equal(p->device.type, ENDPOINT_DEV);
	assert_string_equal(p->device.target, "0000:3b:00.0");
	assert_mac(p->mac, "02:00:00:00:01:00");
	assert_int_equal(p->mtu, 9000);
	assert_int_equal(p->queues, 4);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(lcore_set_has(&p->workers, i),
				 i == 1 || (i >= 3 && i <= 5) || i == 127);
	assert_int_equal(p->promisc, PROMISC_ON);
	assert_true(p->has_host);
	assert_int_equal(p->host.type, ENDPOINT_TAP);
	assert_string_equal(p->host.target, "vnic;eth0");
	assert_true(p->host_reach);
	assert_int_equal(p->n_addresses, 2);
	assert_ip(&p->addresses[1].addr, "2001:db8::10");
	assert_int_equal(p->addresses[1].len, 64);
	assert_int_equal(p->n_routes, 3);
	assert_int_equal(p->routes[1].dst.len, 8);
	assert_ip(&p->routes[1].via, "192.0.2.2");
	assert_ip(&p->routes[2].via, "fe80::1");

	p = conf_port(c, "eth1");
	assert_string_equal(p->device.target, "net_ring0,nodeaction=x:0:CREATE");
	assert_int_equal(p->promisc, PROMISC_OFF);
	assert_null(conf_port(c, "src"));
	conf_free(c);
}

static void test_full_vnics(void **state)
{
	struct errors es = {0};
	struct conf *c = conf_load(DATA("full.ini"), &es, NULL);
	const struct vnic_conf *v;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->n_vnics, 4);
	v = conf_vnic(c, "src");
	assert_ptr_equal(v, &c->vnics[0]);
	assert_int_equal(v->type, VNIC_MACVTAP);
	assert_string_equal(v->port, "eth0");
	assert_int_equal(v->mode, MODE_SOURCE);
	assert_int_equal(v->flags, VNIC_F_NODST);
	assert_mac(v->mac, "02:00:00:00:00:01");
	assert_true(v->mac_given);
	assert_int_equal(v->mtu, 8000);
	assert_int_equal(v->n_addresses, 3);
	assert_ip(&v->addresses[0].last, "10.0.0.2");
	assert_int_equal(v->addresses[0].len, 24);
	assert_int_equal(v->addresses[2].len, 32);
	assert_int_equal(v->n_sources, 3); /* one was there twice */
	assert_mac(v->sources[0], "02:aa:00:00:00:02");
	assert_mac(v->sources[1], "02:aa:00:00:00:01");
	assert_mac(v->sources[2], "02:aa:00:00:00:03");
	assert_int_equal(v->endpoint.type, ENDPOINT_TAP);
	assert_string_equal(v->endpoint.spec, "tap:src0,netns=web,queues=3");
	assert_string_equal(v->endpoint.target, "src0");
	assert_string_equal(v->endpoint.netns, "web");
	assert_int_equal(v->queues, 3);
	assert_true(lcore_set_has(&v->workers, 2));
	assert_false(lcore_set_has(&v->workers, 1));
	assert_false(v->up);
	assert_int_equal(v->spoofcheck, SPOOFCHECK_MAC);
	assert_int_equal(v->multicast, MULTICAST_LIST);
	assert_int_equal(v->n_groups, 2);
	assert_mac(v->groups[1], "33:33:00:00:00:01");
	assert_int_equal(v->bcqueuelen, 0);
	assert_int_equal(v->bclim, -1);

	v = conf_vnic(c, "pass");
	assert_int_equal(v->mode, MODE_PASSTHRU);
	assert_int_equal(v->flags, VNIC_F_NOPROMISC);
	assert_true(v->mac == 0); /* the port's */
	assert_int_equal(v->multicast, MULTICAST_ALL);
	assert_int_equal(v->queues, 2);

	v = conf_vnic(c, "a");
	assert_int_equal(v->type, VNIC_VETH);
	assert_int_equal(v->mode, MODE_NONE);
	assert_null(v->port);
	assert_string_equal(v->peer, "b");
	assert_int_equal(v->mtu, 65535);
	assert_string_equal(v->endpoint.target, "net_ring1");
	assert_true(v->mac == mac_from_names("veth", "a"));
	conf_free(c);
}

static void test_defaults(void **state)
{
	struct conf *c = load_good(PORT "[vnic web]\ntype = macvlan\nport = eth0\n");
	const struct port_conf *p = conf_port(c, "eth0");
	const struct vnic_conf *v = conf_vnic(c, "web");

	(void)state;
	assert_string_equal(c->global.control, "/run/dpdk-vnic.sock");
	assert_null(c->global.metrics);
	assert_false(c->global.idle_adaptive);
	assert_int_equal(c->global.mbufs, 0);
	assert_int_equal(c->global.mbuf_size, 2176);
	assert_true(p->mac == 0);
	assert_int_equal(p->mtu, 1500);
	assert_int_equal(p->queues, 0);
	assert_true(p->workers.all);
	assert_int_equal(p->promisc, PROMISC_AUTO);
	assert_false(p->has_host);
	assert_false(p->host_reach);
	assert_int_equal(v->mode, MODE_VEPA);
	assert_int_equal(v->flags, 0);
	assert_true(v->mac == mac_from_names("eth0", "web"));
	assert_false(v->mac_given);
	assert_int_equal(v->mtu, 0);
	assert_int_equal(v->endpoint.type, ENDPOINT_NONE);
	assert_string_equal(v->endpoint.spec, "none");
	assert_int_equal(v->queues, 1);
	assert_true(v->workers.all);
	assert_true(v->up);
	assert_int_equal(v->spoofcheck, SPOOFCHECK_OFF);
	assert_int_equal(v->multicast, MULTICAST_AUTO);
	assert_int_equal(v->bcqueuelen, 1000);
	assert_int_equal(v->bclim, 1);
	assert_null(conf_vnic(c, "eth0"));
	assert_null(conf_vnic(c, ""));
	conf_free(c);
}

static void test_ipvlan(void **state)
{
	struct errors es = {0};
	struct conf *c = conf_load(DATA("ipvlan.ini"), &es, NULL);
	const struct vnic_conf *v;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->ports[0].device.type, ENDPOINT_VHOST);
	assert_string_equal(c->ports[0].device.target, "/run/wire.sock");
	assert_true(c->ports[0].device.client);
	assert_int_equal(c->ports[0].device.queues, 2);
	assert_int_equal(c->ports[0].queues, 2);
	assert_false(c->ports[0].host.client);
	v = conf_vnic(c, "l3");
	assert_int_equal(v->mode, MODE_L3);
	assert_true(v->mac == 0);
	assert_ip(&v->addresses[0].first, "10.1.0.1");
	assert_ip(&v->addresses[0].last, "10.1.3.255");
	v = conf_vnic(c, "l21");
	assert_int_equal(v->type, VNIC_IPVTAP);
	assert_int_equal(v->mode, MODE_L2);
	assert_int_equal(v->flags, VNIC_F_PRIVATE);
	assert_string_equal(v->endpoint.target, "/run/vm1.sock");
	assert_ip(&v->addresses[0].first, "10.3.0.17");
	assert_ip(&v->addresses[0].last, "10.3.0.32");
	assert_int_equal(conf_vnic(c, "guarded")->spoofcheck, SPOOFCHECK_IP);
	conf_free(c);
}

static void test_comments_quotes_and_line_ends(void **state)
{
	struct conf *c = load_good("\xef\xbb\xbf; a comment\r\n"
				   "  [ port   eth0 ]  ; another\r\n"
				   "\t# one that ends in a backslash \\\r\n"
				   "device=\"net_null0,a=#1;2\"  # and a third\r\n"
				   "\r\n"
				   "   mtu\t=\t 2000;no blank before\r\n"
				   "host='none'\r\n"
				   "address= ; nothing\r\n"
				   "routes=\"\"\r\n"
				   "promisc=on");

	(void)state;
	assert_string_equal(conf_port(c, "eth0")->device.target, "net_null0,a=#1;2");
	assert_int_equal(conf_port(c, "eth0")->mtu, 2000);
	assert_int_equal(conf_port(c, "eth0")->n_addresses, 0);
	assert_int_equal(conf_port(c, "eth0")->promisc, PROMISC_ON);
	assert_int_equal(conf_port(c, "eth0")->line, 2);
	conf_free(c);
}

static void test_endpoint_specs(void **state)
{
	static const struct {
		const char *key, *spec;
		enum endpoint_type type;
		const char *target, *netns;
	} rows[] = {
		{"device", "0000:3b:00.0", ENDPOINT_DEV, "0000:3b:00.0", NULL},
		{"device", "dev:0000:3b:00.0", ENDPOINT_DEV, "0000:3b:00.0", NULL},
		{"device", "3b:00.0,key=1", ENDPOINT_DEV, "3b:00.0,key=1", NULL},
		{"device", "pci:0000:3b:00.0", ENDPOINT_DEV, "pci:0000:3b:00.0", NULL},
		{"device", "net_af_xdp0,iface=eth0", ENDPOINT_DEV, "net_af_xdp0,iface=eth0", NULL},
		{"device", "tap:wire,netns=out", ENDPOINT_TAP, "wire", "out"},
		{"device", "none", ENDPOINT_NONE, "", NULL},
		{"host", "dev:net_virtio_user0,path=/dev/vhost-net,iface=x", ENDPOINT_DEV,
		 "net_virtio_user0,path=/dev/vhost-net,iface=x", NULL},
		{"host", "tap:abcdefghijklmno", ENDPOINT_TAP, "abcdefghijklmno", NULL},
		{"host", "tap:x,queues=2,netns=/proc/1/ns/net", ENDPOINT_TAP, "x",
		 "/proc/1/ns/net"},
		{"host", "tap:x,netns=4194304", ENDPOINT_TAP, "x", "4194304"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct endpoint_conf *ec;
		struct conf *c;

		snprintf(text, sizeof(text), "[port eth0]\n%s%s = %s\n",
			 strcmp(rows[i].key, "host") == 0 ? "device = net_null0\n" : "",
			 rows[i].key, rows[i].spec);
		c = load_good(text);
		ec = strcmp(rows[i].key, "host") == 0 ? &c->ports[0].host : &c->ports[0].device;
		assert_int_equal(ec->type, rows[i].type);
		assert_string_equal(ec->target, rows[i].target);
		assert_string_equal(ec->spec, rows[i].spec);
		if (rows[i].netns != NULL)
			assert_string_equal(ec->netns, rows[i].netns);
		else
			assert_null(ec->netns);
		conf_free(c);
	}
}

/* ---- count ---- */

static void test_count(void **state)
{
	struct conf *c =
		load_good(PORT "[vnic web]\ntype = macvlan\nport = eth0\ncount = 300\n"
			       "mac = 02:00:00:00:00:ff\naddress = 10.0.0.254/16, 2001:db8::ff/64\n"
			       "endpoint = tap:w%d,netns=ns%d\n"
			       "[vnic gen]\ntype = macvlan\nport = eth0\ncount = 2\n");
	const struct vnic_conf *v;

	(void)state;
	assert_int_equal(c->n_vnics, 302);
	assert_null(conf_vnic(c, "web"));
	assert_null(conf_vnic(c, "web300"));
	v = conf_vnic(c, "web0");
	assert_mac(v->mac, "02:00:00:00:00:ff");
	assert_ip(&v->addresses[0].first, "10.0.0.254");
	assert_string_equal(v->endpoint.target, "w0");
	v = conf_vnic(c, "web299");
	assert_string_equal(v->name, "web299");
	assert_int_equal(v->line, 3);
	assert_mac(v->mac, "02:00:00:00:02:2a");
	assert_ip(&v->addresses[0].first, "10.0.2.41");
	assert_ip(&v->addresses[0].last, "10.0.2.41");
	assert_int_equal(v->addresses[0].len, 16);
	assert_ip(&v->addresses[1].first, "2001:db8::22a");
	assert_string_equal(v->endpoint.spec, "tap:w299,netns=ns299");
	assert_string_equal(v->endpoint.target, "w299");
	assert_string_equal(v->endpoint.netns, "ns299");
	assert_true(conf_vnic(c, "gen1")->mac == mac_from_names("eth0", "gen1"));
	conf_free(c);
}

static void test_count_of_one_and_of_pairs(void **state)
{
	struct conf *c = load_good(PORT "[vnic web]\ntype = macvlan\nport = eth0\ncount = 1\n"
					"endpoint = tap:w%d\n"
					"[vnic a]\ntype = veth\npeer = b\ncount = 3\n"
					"[vnic b]\ntype = veth\npeer = a\ncount = 3\n");

	(void)state;
	assert_string_equal(conf_vnic(c, "web")->endpoint.target, "w0");
	assert_string_equal(conf_vnic(c, "a2")->peer, "b2");
	assert_string_equal(conf_vnic(c, "b0")->peer, "a0");
	conf_free(c);
}

/* One line of 65,000 vnics, and what a quadratic loader would take minutes for. */
static void test_many_are_quick(void **state)
{
	struct timespec start;
	struct conf *c;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	c = load_good(PORT "[vnic web]\ntype = macvlan\nport = eth0\ncount = 65000\n"
			   "address = 10.0.0.1/8\nendpoint = tap:w%d,netns=n%d\n");
	assert_int_equal(c->n_vnics, 65000);
	for (size_t i = 0; i < c->n_vnics; i++)
		assert_ptr_equal(conf_vnic(c, c->vnics[i].name), &c->vnics[i]);
	conf_free(c);
	assert_true(seconds_since(&start) < 5);
}

static void test_many_sections_are_quick(void **state)
{
	struct timespec start;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct conf *c;

	(void)state;
	assert_non_null(f);
	fputs(PORT, f);
	for (int i = 0; i < 20000; i++)
		fprintf(f, "[vnic w%d]\ntype = macvlan\nport = eth0\nmode = bridge\nmtu = 100\n",
			i);
	fputs("[vnic s]\ntype = macvlan\nport = eth0\nmode = source\nsources =\n", f);
	for (int i = 2; i < 20000; i++)
		fprintf(f, "sources.%d = 02:00:00:00:%02x:%02x\n", i, i >> 8, i & 0xff);
	fclose(f);
	clock_gettime(CLOCK_MONOTONIC, &start);
	c = load_good(text);
	assert_int_equal(c->n_vnics, 20001);
	assert_int_equal(conf_vnic(c, "s")->n_sources, 19998);
	conf_free(c);
	free(text);
	assert_true(seconds_since(&start) < 20);
}

/* ---- equality ---- */

static void test_equal(void **state)
{
#define PORT_KEYS "[port e]\ndevice = net_null0\n"
#define VNIC_KEYS "[vnic v]\ntype = macvlan\nport = e\n"
	static const char *const ports[] = {
		PORT_KEYS,
		PORT_KEYS "mac = 02:00:00:00:00:01\n",
		PORT_KEYS "mtu = 1400\n",
		PORT_KEYS "queues = 2\n",
		PORT_KEYS "workers = 1\n",
		PORT_KEYS "workers = 2\n",
		PORT_KEYS "promisc = on\n",
		PORT_KEYS "host = tap:x\n",
		PORT_KEYS "host = tap:x,netns=y\n",
		PORT_KEYS "host = tap:x,queues=2\n",
		PORT_KEYS "host-reach = on\n",
		PORT_KEYS "address = 10.0.0.1/24\n",
		PORT_KEYS "address = 10.0.0.1/25\n",
		PORT_KEYS "routes = default via 10.0.0.1\n",
		PORT_KEYS "routes = default via 10.0.0.2\n",
		"[port e]\ndevice = net_null1\n",
		"[port f]\ndevice = net_null0\n",
	};
	static const char *const vnics[] = {
		VNIC_KEYS,
		VNIC_KEYS "mode = source\n",
		VNIC_KEYS "mode = source\nflags = nodst\n",
		VNIC_KEYS "mode = source\nsources = 02:00:00:00:00:01\n",
		VNIC_KEYS "mode = source\nsources = 02:00:00:00:00:02\n",
		VNIC_KEYS "mac = 02:00:00:00:00:01\n",
		VNIC_KEYS "mtu = 1400\n",
		VNIC_KEYS "address = 10.0.0.1/24\n",
		VNIC_KEYS "address = 10.0.0.2/24\n",
		VNIC_KEYS "endpoint = tap:x\n",
		VNIC_KEYS "queues = 2\n",
		VNIC_KEYS "workers = 1\n",
		VNIC_KEYS "state = down\n",
		VNIC_KEYS "spoofcheck = mac\n",
		VNIC_KEYS "multicast = all\n",
		VNIC_KEYS "multicast = 01:00:00:00:00:01\n",
		VNIC_KEYS "bcqueuelen = 1\n",
		VNIC_KEYS "bclim = 2\n",
	};
	struct conf *p[N(ports)], *v[N(vnics)];
	char text[512];

	(void)state;
	for (size_t i = 0; i < N(ports); i++)
		p[i] = load_good(ports[i]);
	for (size_t i = 0; i < N(vnics); i++) {
		/* Other lines, and the defaults of the port: no difference. */
		snprintf(text, sizeof(text), "%s%s", i % 2 == 0 ? PORT_KEYS : "\n\n" PORT_KEYS,
			 vnics[i]);
		v[i] = load_good(text);
	}
	for (size_t i = 0; i < N(ports); i++)
		for (size_t k = 0; k < N(ports); k++)
			assert_int_equal(port_conf_equal(&p[i]->ports[0], &p[k]->ports[0]), i == k);
	for (size_t i = 0; i < N(vnics); i++)
		for (size_t k = 0; k < N(vnics); k++)
			assert_int_equal(vnic_conf_equal(&v[i]->vnics[0], &v[k]->vnics[0]), i == k);
	assert_true(port_conf_equal(&v[0]->ports[0], &v[1]->ports[0]));
	assert_true(port_conf_equal(&p[0]->ports[0], &v[1]->ports[0]));
	for (size_t i = 0; i < N(ports); i++)
		conf_free(p[i]);
	for (size_t i = 0; i < N(vnics); i++)
		conf_free(v[i]);
#undef PORT_KEYS
#undef VNIC_KEYS
}

static void test_written_defaults_are_equal(void **state)
{
	struct conf *a = load_good(PORT "[vnic v]\ntype=macvlan\nport=eth0\n");
	struct conf *b =
		load_good("[global]\nmbufs = auto\ncontrol = /run/dpdk-vnic.sock\n[port eth0]\n"
			  "device = dev:net_null0\nmtu = 1500\nworkers = all\nhost = none\n"
			  "[vnic v]\ntype=macvlan\nport=eth0\nmode=vepa\nflags=\nstate=up\n"
			  "endpoint=none\nqueues=1\ncount=1\nbclim=1\n");

	(void)state;
	assert_true(global_conf_equal(&a->global, &b->global));
	assert_true(port_conf_equal(&a->ports[0], &b->ports[0]));
	assert_true(vnic_conf_equal(&a->vnics[0], &b->vnics[0]));
	b->global.mbufs = 1;
	assert_false(global_conf_equal(&a->global, &b->global));
	conf_free(a);
	conf_free(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_global_and_ports),
		cmocka_unit_test(test_full_vnics),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_ipvlan),
		cmocka_unit_test(test_comments_quotes_and_line_ends),
		cmocka_unit_test(test_endpoint_specs),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_of_one_and_of_pairs),
		cmocka_unit_test(test_many_are_quick),
		cmocka_unit_test(test_many_sections_are_quick),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_written_defaults_are_equal),
	};

	return cmocka_run_group_tests(tests, make_text_file, remove_text_file);
}
