/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of a conf and its way back to a text: what is saved reads as what was, and
 * a change means, and is refused, what it would in a file.
 */
#include "conf_files.h"

#include "conf/copy.h"
#include "conf/edit.h"
#include "conf/save.h"

static const char base[] = "[port p]\n"
			   "device = tap:p0\n"
			   "[port q]\n"
			   "device = tap:q0\n"
			   "mtu = 9000\n"
			   "[vnic a]\n"
			   "type = macvlan\n"
			   "port = p\n"
			   "endpoint = tap:a0,netns=x\n"
			   "[vnic s]\n"
			   "type = macvlan\n"
			   "port = p\n"
			   "mode = source\n"
			   "sources = 02:00:00:00:00:01, 02:00:00:00:00:02\n"
			   "[vnic v]\n"
			   "type = veth\n"
			   "peer = w\n"
			   "[vnic w]\n"
			   "type = veth\n"
			   "peer = v\n";

static void expect_equal(const struct conf *a, const struct conf *b)
{
	assert_true(global_conf_equal(&a->global, &b->global));
	assert_int_equal(a->n_ports, b->n_ports);
	assert_int_equal(a->n_vnics, b->n_vnics);
	for (size_t i = 0; i < a->n_ports; i++)
		assert_true(port_conf_equal(&a->ports[i], &b->ports[i]));
	for (size_t i = 0; i < a->n_vnics; i++) {
		assert_true(vnic_conf_equal(&a->vnics[i], &b->vnics[i]));
		assert_int_equal(a->vnics[i].mac_given, b->vnics[i].mac_given);
		assert_ptr_equal(conf_vnic(b, a->vnics[i].name), &b->vnics[i]);
	}
}

/* Saved, read again: the same. Also what is still to come is written. */
static void expect_saved(const struct conf *c)
{
	struct errors es = {.file = "saved"};
	char *text = save_text(c);
	struct conf *again;

	assert_non_null(text);
	write_text(text, strlen(text));
	again = conf_load(text_path, &es, NULL);
	if (again == NULL) {
		errors_print(&es, stderr);
		fputs(text, stderr);
	}
	assert_non_null(again);
	expect_equal(c, again);
	conf_free(again);
	errors_free(&es);
	free(text);
}

static int change(struct conf *c, enum edit_kind kind, const char *name, const struct setting *list,
		  size_t n, struct err *err)
{
	const struct edit e = {.kind = kind, .name = name, .list = list, .n = n};

	*err = (struct err){0};
	return edit_apply(c, &e, 1, err);
}

#define SET(...) ((const struct setting[]){__VA_ARGS__}), N(((const struct setting[]){__VA_ARGS__}))

/* The change is refused with this errno and this text, and the running conf is as it was. */
static void refuses(int code, const char *text, enum edit_kind kind, const char *name,
		    const struct setting *list, size_t n)
{
	struct conf *c = load_good(base), *copy = conf_copy(c, 1, NULL, 0);
	struct err err;

	assert_int_equal(change(copy, kind, name, list, n, &err), -code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, text);
	conf_free(copy);
	expect_saved(c);
	conf_free(c);
}

/* ---- copies and texts ---- */

static void test_copy_is_equal(void **state)
{
	struct errors es = {0};
	struct conf *c = conf_load(DATA("full.ini"), &es, NULL), *copy;
	const char *const without[] = {c->vnics[1].name};
	size_t n = c->n_vnics;

	(void)state;
	copy = conf_copy(c, 0, NULL, 0);
	expect_equal(c, copy);
	conf_free(c);
	expect_saved(copy); /* nothing of it was the other's */
	c = conf_copy(copy, 0, without, 0);
	conf_free(copy);
	copy = conf_copy(c, 0, (const char *const[]){c->vnics[1].name}, 1);
	assert_int_equal(copy->n_vnics, n - 1);
	assert_null(conf_vnic(copy, c->vnics[1].name));
	assert_ptr_equal(conf_vnic(copy, c->vnics[2].name), &copy->vnics[1]);
	conf_free(copy);
	conf_free(c);
	errors_free(&es);
}

static void test_full_file_is_saved(void **state)
{
	struct errors es = {0};
	struct conf *c = conf_load(DATA("full.ini"), &es, NULL);

	(void)state;
	assert_non_null(c);
	expect_saved(c);
	conf_free(c);
	errors_free(&es);
}

/* '#', ';', quotes, a blank at an end, parts of lists, and every kind of address. */
static void test_odd_values_are_saved(void **state)
{
	struct conf *c =
		load_good("[global]\n"
			  "control = \"/tmp/a;b#c.sock\"\n"
			  "mbufs = 1024\n"
			  "[port p]\n"
			  "device = 'net_pcap0,rx_pcap=/tmp/a\"b;c.pcap'\n"
			  "mac = 02:00:00:00:00:09\n"
			  "workers = 1,3-5, 127\n"
			  "promisc = off\n"
			  "address = 192.0.2.1/24, 2001:db8::1/64\n"
			  "routes = default via 192.0.2.9, 2001:db8:1::/48 via 2001:db8::9\n"
			  "[vnic n]\n"
			  "type = macvlan\n"
			  "port = p\n"
			  "mac = 02:00:00:01:00:fe\n"
			  "address = 10.0.0.1/16\n"
			  "endpoint = tap:n%d,netns=/run/a;b\n"
			  "bclim = -1\n"
			  "count = 3\n");

	(void)state;
	expect_saved(c);
	conf_free(c);
}

static void test_long_list_is_saved(void **state)
{
	struct conf *c = load_good(base), *copy = conf_copy(c, 1, NULL, 0);
	static uint64_t macs[5000];
	struct arena *a = arena_create();
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(macs); i++)
		macs[i] = mac_add(0x0002, (uint32_t)i);
	assert_int_equal(change(copy, EDIT_VNIC, "s",
				SET({"sources", settings_macs(a, macs, N(macs))}), &err),
			 0);
	assert_int_equal(conf_vnic(copy, "s")->n_sources, N(macs));
	expect_saved(copy);
	arena_destroy(a);
	conf_free(copy);
	conf_free(c);
}

/* ---- changes ---- */

static void test_add(void **state)
{
	struct conf *c = load_good(base);
	struct err err;
	struct conf *copy = conf_copy(c, 1, NULL, 0);
	const struct vnic_conf *v;

	(void)state;
	assert_int_equal(change(copy, EDIT_ADD_VNIC, "new",
				SET({"type", "macvlan"}, {"port", "q"}, {"mtu", "9000"},
				    {"endpoint", "tap:a0"}),
				&err),
			 0);
	v = conf_vnic(copy, "new");
	assert_non_null(v);
	assert_int_equal(v->mode, MODE_VEPA);
	assert_int_equal(v->mtu, 9000);
	assert_true(v->up);
	assert_true(v->mac == mac_from_names("q", "new"));
	assert_int_equal(copy->n_vnics, c->n_vnics + 1);
	conf_free(c); /* the copy needs nothing of it */
	expect_saved(copy);
	conf_free(copy);
}

static void test_add_pair(void **state)
{
	struct conf *c = load_good(base), *copy = conf_copy(c, 2, NULL, 0);
	const struct setting one[] = {{"type", "veth"}, {"peer", "y"}};
	const struct setting two[] = {{"type", "veth"}, {"peer", "x"}, {"mtu", "65535"}};
	const struct edit pair[] = {{.kind = EDIT_ADD_VNIC, .name = "x", .list = one, .n = 2},
				    {.kind = EDIT_ADD_VNIC, .name = "y", .list = two, .n = 3}};
	struct err err = {0};

	(void)state;
	assert_int_equal(edit_apply(copy, pair, 2, &err), 0);
	assert_string_equal(conf_vnic(copy, "x")->peer, "y");
	assert_int_equal(conf_vnic(copy, "y")->mtu, 65535);
	expect_saved(copy);
	conf_free(copy);
	conf_free(c);
}

/* Addresses that are handed over as they are, and those that are read behind them. */
static void test_kept_addresses(void **state)
{
	struct conf *c = load_good(base), *copy = conf_copy(c, 0, NULL, 0);
	const struct setting more = {"address", "10.7.0.9/24"}, none = {"address", NULL};
	struct ip_range kept[2] = {0};
	struct edit e = {.kind = EDIT_VNIC, .name = "a", .list = &more, .n = 1, .kept = kept};
	const struct vnic_conf *v;
	struct err err = {0};

	(void)state;
	assert_true(ip_range_parse("10.7.0.1/24", &kept[0]));
	assert_true(ip_range_parse("2001:db8::7/64", &kept[1]));
	e.n_kept = 2;
	assert_int_equal(edit_apply(copy, &e, 1, &err), 0);
	memset(kept, 0, sizeof(kept)); /* they were copied */
	v = conf_vnic(copy, "a");
	assert_int_equal(v->n_addresses, 3);
	assert_int_equal(v->addresses[0].first.b[1], 7);
	assert_int_equal(v->addresses[1].first.family, 6);
	assert_int_equal(v->addresses[2].first.b[3], 9);
	expect_saved(copy);
	e.list = &none;
	e.n_kept = 0;
	assert_int_equal(edit_apply(copy, &e, 1, &err), 0);
	assert_int_equal(conf_vnic(copy, "a")->n_addresses, 0);
	conf_free(copy);
	conf_free(c);
}

static void test_set(void **state)
{
	struct conf *c = load_good(base), *copy = conf_copy(c, 0, NULL, 0);
	struct err err;

	(void)state;
	assert_int_equal(change(copy, EDIT_VNIC, "a",
				SET({"mode", "bridge"}, {"state", "down"}, {"mtu", "1400"}), &err),
			 0);
	assert_int_equal(conf_vnic(copy, "a")->mode, MODE_BRIDGE);
	assert_false(conf_vnic(copy, "a")->up);
	assert_string_equal(conf_vnic(copy, "a")->endpoint.target, "a0");
	/* What isn't named stays, and NULL is the default. */
	assert_int_equal(change(copy, EDIT_VNIC, "a", SET({"mtu", NULL}, {"state", "up"}), &err),
			 0);
	assert_int_equal(conf_vnic(copy, "a")->mode, MODE_BRIDGE);
	assert_int_equal(conf_vnic(copy, "a")->mtu, 0);
	assert_true(conf_vnic(copy, "a")->up);
	assert_int_equal(change(copy, EDIT_VNIC, "w", SET({"mtu", "9000"}), &err), 0);
	assert_string_equal(conf_vnic(copy, "w")->peer, "v");
	assert_int_equal(
		change(copy, EDIT_PORT, "p",
		       SET({"address", "192.0.2.1/24"}, {"routes", "default via 192.0.2.9"}), &err),
		0);
	assert_int_equal(conf_port(copy, "p")->n_routes, 1);
	assert_int_equal(conf_port(copy, "q")->mtu, 9000);
	expect_saved(copy);
	conf_free(copy);
	conf_free(c);
}

static void test_refused(void **state)
{
	char longest[1200];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "dev:", 4);
	longest[sizeof(longest) - 1] = '\0';
	refuses(EEXIST, "there is a vnic \"a\" already (EEXIST)", EDIT_ADD_VNIC, "a",
		SET({"type", "macvlan"}, {"port", "p"}));
	refuses(EEXIST, "there is a port \"q\" already (EEXIST)", EDIT_ADD_VNIC, "q",
		SET({"type", "macvlan"}, {"port", "p"}));
	refuses(ENODEV, "there is no vnic \"p\" (ENODEV)", EDIT_VNIC, "p", SET({"mtu", "68"}));
	refuses(ENODEV, "there is no port \"a\" (ENODEV)", EDIT_PORT, "a", SET({"mtu", "68"}));
	refuses(ENODEV, "vnic n: port: there is no [port nowhere] (ENODEV)", EDIT_ADD_VNIC, "n",
		SET({"type", "macvlan"}, {"port", "nowhere"}));
	refuses(EINVAL,
		"'A B' is not a name (1 to 31 of a-z 0-9 _ . -, a letter or digit first) (EINVAL)",
		EDIT_ADD_VNIC, "A B", SET({"type", "macvlan"}, {"port", "p"}));
	refuses(EINVAL, "vnic n: mtu: 1501 is more than the 1500 of [port p] (EINVAL)",
		EDIT_ADD_VNIC, "n", SET({"type", "macvlan"}, {"port", "p"}, {"mtu", "1501"}));
	refuses(EBUSY,
		"vnic n: endpoint: tap 'a0 in namespace x' is in use already, by vnic a (EBUSY)",
		EDIT_ADD_VNIC, "n",
		SET({"type", "macvlan"}, {"port", "p"}, {"endpoint", "tap:a0,netns=/run/netns/x"}));
	refuses(EBUSY,
		"vnic n: endpoint: tap 'p0' is in use already, by [port p] in line 1 (EBUSY)",
		EDIT_ADD_VNIC, "n",
		SET({"type", "macvlan"}, {"port", "p"}, {"endpoint", "tap:p0"}));
	refuses(EADDRNOTAVAIL,
		"vnic a: mac: 01:00:5e:00:00:01 is a group address, which no device can have "
		"(EADDRNOTAVAIL)",
		EDIT_VNIC, "a", SET({"mac", "01:00:5e:00:00:01"}));
	refuses(EINVAL, "vnic a: sources: is for mode source, not vepa (EINVAL)", EDIT_VNIC, "a",
		SET({"sources", "02:00:00:00:00:01"}));
	refuses(EINVAL,
		"vnic s: endpoint: a vnic.ini can't carry this value (it is too long, or has "
		"control characters or both kinds of quotes in it)",
		EDIT_VNIC, "s", SET({"endpoint", longest}));
	refuses(EINVAL,
		"vnic s: endpoint: a vnic.ini can't carry this value (it is too long, or has "
		"control characters or both kinds of quotes in it)",
		EDIT_VNIC, "s", SET({"endpoint", "none\n[vnic evil]"}));
	refuses(ENODEV, "vnic w: peer: there is no vnic 'z' (ENODEV)", EDIT_VNIC, "w",
		SET({"peer", "z"}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_is_equal),
		cmocka_unit_test(test_full_file_is_saved),
		cmocka_unit_test(test_odd_values_are_saved),
		cmocka_unit_test(test_long_list_is_saved),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_add_pair),
		cmocka_unit_test(test_kept_addresses),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("edit", tests, make_text_file, remove_text_file);
}
