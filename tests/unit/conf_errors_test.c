/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/conf: what a wrong vnic.ini is told, and what a hostile one can do: nothing. */
#include "conf_files.h"

/* ---- what a wrong file is told ---- */

static void test_bad_files(void **state)
{
	static const char *const files[][2] = {
		{DATA("bad-lines.ini"), DATA("bad-lines.errors")},
		{DATA("bad-keys.ini"), DATA("bad-keys.errors")},
		{DATA("bad-refs.ini"), DATA("bad-refs.errors")},
		{DATA("bad-lists.ini"), DATA("bad-lists.errors")},
	};

	(void)state;
	for (size_t i = 0; i < N(files); i++) {
		struct errors es = {.file = "vnic.ini"};
		char *expected = read_data(files[i][1]), *got;

		assert_null(conf_load(files[i][0], &es, NULL));
		got = errors_text(&es);
		assert_string_equal(got, expected);
		free(got);
		free(expected);
		errors_free(&es);
	}
}

static void test_bad_specs(void **state)
{
#define NO_ENDPOINT " is not an endpoint (dev:DEVARGS, tap:IFNAME, vhost:PATH, none)"
	static const char *const rows[][2] = {
		{"eth0", "'eth0'" NO_ENDPOINT},
		{"0000:3b:00.0", "'0000:3b:00.0'" NO_ENDPOINT},
		{"tap", "'tap'" NO_ENDPOINT},
		{"TAP:x", "'TAP:x'" NO_ENDPOINT},
		{"none:", "'none' has nothing behind it"},
		{"none,x=1", "'none,x=1'" NO_ENDPOINT},
		{"kni:vEth0", "KNI was removed from DPDK in 23.11; tap:IFNAME takes its place, or "
			      "dev:net_virtio_user0,path=/dev/vhost-net,iface=IFNAME"},
		{"dev:", "'dev:' needs a device: dev:DEVARGS"},
		{"dev:a b", "a device can't have blanks in it: 'a b'"},
		{"tap:", "'tap:' needs an interface name: tap:IFNAME"},
		{"tap:,netns=x", "'tap:' needs an interface name: tap:IFNAME"},
		{"tap:abcdefghijklmnop", "'abcdefghijklmnop' is too long for an interface (16 "
					 "characters, at most 15)"},
		{"tap:a/b", "'a/b' can't be an interface name (no '/', ':' or blank in it)"},
		{"tap:a b", "'a b' can't be an interface name (no '/', ':' or blank in it)"},
		{"tap:..", "'..' can't be an interface name (no '/', ':' or blank in it)"},
		{"tap:x,netns=",
		 "netns: '' is not a namespace (a name, a PID or an absolute path)"},
		{"tap:x,netns=a/b",
		 "netns: 'a/b' is not a namespace (a name, a PID or an absolute path)"},
		{"tap:x,netns=0", "netns: '0' is not a PID (1 to 4194304)"},
		{"tap:x,netns=4194305", "netns: '4194305' is not a PID (1 to 4194304)"},
		{"tap:x,netns=a,netns=b", "'netns' is there twice"},
		{"tap:x,queues=0", "queues: '0' is not a number from 1 to 64"},
		{"tap:x,queues=65", "queues: '65' is not a number from 1 to 64"},
		{"tap:x,queues=4294967297", "queues: '4294967297' is not a number from 1 to 64"},
		{"tap:x,queues=1,queues=1", "'queues' is there twice"},
		{"tap:x,client=1", "'client' is not a key of a tap endpoint (netns, queues)"},
		{"tap:x,", "'' is not key=value"},
		{"tap:x,queues", "'queues' is not key=value"},
		{"vhost:", "'vhost:' needs a socket path of 1 to 107 bytes: vhost:PATH"},
		{"vhost:/x,client=2", "client: '2' is not 0 (we listen) or 1 (we connect)"},
		{"vhost:/x,netns=a",
		 "'netns' is not a key of a vhost endpoint (client, queues, mode, "
		 "owner, packed, mrg, offload)"},
		{"vhost:/x,mode=0660,mode=0660", "'mode' is there twice"},
		{"vhost:/x,mode=1777", "mode: '1777' is not an octal mode (0000 to 0777)"},
		{"vhost:/x,mode=rw", "mode: 'rw' is not an octal mode (0000 to 0777)"},
		{"vhost:/x,owner=:", "owner: ':' is not an owner (USER, USER:GROUP or :GROUP)"},
		{"vhost:/x,owner=a:b:c",
		 "owner: 'a:b:c' is not an owner (USER, USER:GROUP or :GROUP)"},
		{"vhost:/x,packed=2", "packed: '2' is not 0 (not offered) or 1"},
		{"vhost:/x,mrg=1,mrg=0", "'mrg' is there twice"},
		{"vhost:/x,mode=0600,client=1",
		 "mode and owner are for a socket of ours (client=0): whoever listens there gives "
		 "it its own"},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char text[256], expected[512];

		snprintf(text, sizeof(text),
			 PORT "[vnic web]\ntype = macvlan\nport = eth0\nendpoint = %s\n",
			 rows[i][0]);
		snprintf(expected, sizeof(expected), "vnic.ini:6: [vnic web] endpoint: %s\n",
			 rows[i][1]);
		expect(text, expected);
	}
#undef NO_ENDPOINT
}

/* The kernel's own answer goes with each error. */
static void test_error_codes(void **state)
{
	static const struct {
		const char *line;
		int code;
	} rows[] = {
		{"mac = 01:00:00:00:00:01", EADDRNOTAVAIL}, /* MV-518 */
		{"mac = 00:00:00:00:00:00", EADDRNOTAVAIL}, /* MV-518 */
		{"mac = 1", EINVAL},
		{"mode = source\nsources = 01:00:00:00:00:01", EADDRNOTAVAIL}, /* MV-531 */
		{"sources = 02:00:00:00:00:01", EINVAL}, /* MV-512 */
		{"mtu = 1501", EINVAL}, /* MV-601 */
		{"mtu = 67", EINVAL},
	};
	struct errors es;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		char text[256];
		int n = snprintf(text, sizeof(text),
				 PORT "[vnic web]\ntype = macvlan\nport = eth0\n%s\n",
				 rows[i].line);

		assert_null(load_bytes(text, (size_t)n, &es));
		assert_int_equal(es.n, 1);
		assert_int_equal(es.list[0].code, rows[i].code);
		errors_free(&es);
	}
	assert_null(load_bytes("[vnic a]\ntype=macvlan\nport=x\n", 30, &es));
	assert_int_equal(es.list[0].code, ENODEV);
	errors_free(&es);
}

static void test_odd_bytes(void **state)
{
	static const char nul[] = "[port eth0]\ndevice = a\0b\nmtu = 1\n";
	char text[4000];

	(void)state;
	expect_bytes(
		nul, sizeof(nul) - 1,
		"vnic.ini:1: [port eth0] device: is missing (a PCI address, a DPDK device, or an "
		"endpoint as tap:IFNAME)\n"
		"vnic.ini:2: has a byte 0x00 at column 11\n"
		"vnic.ini:3: [port eth0] mtu: '1' is not a number from 68 to 65535\n");
	expect(PORT "mtu = \033[31m9000\n", "vnic.ini:3: has a byte 0x1b at column 7\n");

	/* The longest line that iniparser takes, and one more. */
	memset(text, ' ', sizeof(text));
	memcpy(text, PORT "mtu=9000#", sizeof(PORT "mtu=9000#") - 1);
	memset(text + sizeof(PORT "mtu=9000#") - 1, 'x', 1013);
	text[sizeof(PORT) - 1 + 1022] = '\0';
	conf_free(load_good(text));
	strcat(text, "x\n");
	expect(text, "vnic.ini:3: is 1023 bytes long, more than 1022; lists go on as KEY.2 = …\n");
}

static void test_unreadable_files(void **state)
{
	struct errors es = {.file = "vnic.ini"};
	char *got;

	(void)state;
	assert_null(conf_load("/nonexistent/vnic.ini", &es, NULL));
	assert_null(conf_load("/tmp", &es, NULL));
	assert_null(conf_load("/dev/zero", &es, NULL));
	assert_null(conf_load("/dev/null", &es, NULL));
	assert_int_equal(es.list[0].code, ENOENT);
	got = errors_text(&es);
	assert_string_equal(got, "vnic.ini: can't be read: No such file or directory\n"
				 "vnic.ini: can't be read: Is a directory\n"
				 "vnic.ini: is neither a file nor a pipe\n"
				 "vnic.ini: is neither a file nor a pipe\n");
	free(got);
	errors_free(&es);
	expect("", "vnic.ini: is empty: it has no [port NAME] and no [vnic NAME]\n");
	expect("# only\n\n; comments\n",
	       "vnic.ini: is empty: it has no [port NAME] and no [vnic NAME]\n");
}

/* A named pipe that nobody writes to must not stop the daemon at a reload. */
static void test_pipes(void **state)
{
	struct errors es = {.file = "vnic.ini"};
	char path[64];
	struct conf *c;
	int fds[2];

	(void)state;
	snprintf(path, sizeof(path), "%s.fifo", text_path);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	c = conf_load(path, &es, NULL);
	alarm(0);
	unlink(path);
	assert_null(c);
	assert_int_equal(es.n, 1);
	errors_free(&es);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], PORT, sizeof(PORT) - 1), sizeof(PORT) - 1);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	c = conf_load(path, &es, NULL);
	close(fds[0]);
	assert_non_null(c);
	conf_free(c);
}

static void test_giant_file(void **state)
{
	struct errors es = {.file = "vnic.ini"};
	char buf[128];

	(void)state;
	write_text(PORT, sizeof(PORT) - 1);
	assert_int_equal(truncate(text_path, CONF_MAX_FILE + 1), 0);
	assert_null(conf_load(text_path, &es, NULL));
	assert_int_equal(es.n, 1);
	errors_format(&es, 0, buf, sizeof(buf));
	assert_string_equal(buf, "vnic.ini: is larger than 16 MiB");
	errors_free(&es);
}

/* A file of another kind has millions of errors; nobody reads them, and memory is finite. */
static void test_errors_are_capped(void **state)
{
	struct timespec start;
	struct errors es;
	const size_t n = 4 << 20;
	char *text = malloc(n);
	char buf[128];

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i += 2)
		memcpy(text + i, "x\n", 2);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_null(load_bytes(text, n, &es));
	free(text);
	assert_int_equal(es.n, CONF_MAX_ERRORS + 1);
	assert_int_equal(es.list[0].line, 1);
	errors_format(&es, CONF_MAX_ERRORS, buf, sizeof(buf));
	assert_string_equal(buf, "vnic.ini: has more errors; only 1000 are shown");
	errors_free(&es);
	assert_true(seconds_since(&start) < 10);
}

static void test_ports_are_limited(void **state)
{
	char text[8192] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < CONF_MAX_PORTS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[port p%d]\ndevice = d%d\n", i,
				      i);
	conf_free(load_good(text));
	snprintf(text + n, sizeof(text) - n, "[port one-more]\ndevice = dx\n");
	expect(text, "vnic.ini:129: [port one-more]: more than 64 ports\n");
}

static void test_count_errors(void **state)
{
#define MANY "[vnic web]\ntype = macvlan\nport = eth0\n"
	(void)state;
	expect(PORT MANY "endpoint = tap:abcdefghijk%d\ncount = 10001\n",
	       "vnic.ini:6: [vnic web] endpoint: vnic 10000 of 10001: 'abcdefghijk10000' is too "
	       "long "
	       "for an interface (16 characters, at most 15)\n");
	expect(PORT MANY "endpoint = tap:x%s\ncount = 2\n",
	       "vnic.ini:6: [vnic web] endpoint: only %d is possible, no other %: '%s'\n");
	expect(PORT MANY "endpoint = tap:x%d%%\ncount = 2\n",
	       "vnic.ini:6: [vnic web] endpoint: only %d is possible, no other %: '%%'\n");
	expect(PORT MANY "endpoint = tap:x,netns=%d\ncount = 2\n",
	       "vnic.ini:6: [vnic web] endpoint: vnic 0 of 2: netns: '0' is not a PID (1 to "
	       "4194304)\n");
	expect(PORT MANY "endpoint = dev:net_ring0,x=%d\ncount = 2\n",
	       "vnic.ini:6: [vnic web] endpoint: dev 'net_ring0' is in use already, by [vnic web] "
	       "in "
	       "line 6 (EBUSY)\n");
	expect(PORT MANY "mac = 00:00:00:ff:ff:fe\ncount = 3\n",
	       "vnic.ini:6: [vnic web] mac: counted up, it comes to the zero address "
	       "(EADDRNOTAVAIL)\n");
	expect(PORT MANY "address = 10.0.0.1, 223.255.255.254\ncount = 3\n",
	       "vnic.ini:6: [vnic web] address: 223.255.255.254 can't be counted up 2 times "
	       "(EADDRNOTAVAIL)\n");
	expect(PORT
	       "[vnic abcdefghijklmnopqrstuvwxyz12345]\ntype = macvlan\nport = eth0\ncount = 2\n",
	       "vnic.ini:6: [vnic abcdefghijklmnopqrstuvwxyz12345] count: "
	       "'abcdefghijklmnopqrstuvwxyz123450' is too long for a name (at most 31)\n");
	expect(PORT MANY "count = 64999\n[vnic b]\ntype = macvlan\nport = eth0\ncount = 2\n",
	       "vnic.ini:10: [vnic b] count: more than 65000 vnics in all, with this one\n");
	expect("[vnic a]\ntype = veth\npeer = b\ncount = 3\n"
	       "[vnic b]\ntype = veth\npeer = a\ncount = 2\n",
	       "vnic.ini:3: [vnic a] peer: there is no vnic 'b2' (ENODEV)\n");
#undef MANY
}

/* ---- hostile files ---- */

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Either a conf or an error, never neither, never both; the sanitizers see the rest. */
static void load_whatever(const char *text, size_t len)
{
	struct errors es;
	struct conf *c = load_bytes(text, len, &es);

	assert_int_equal(c != NULL, es.n == 0);
	for (size_t i = 1; i < es.n; i++)
		assert_true(es.list[i].line == 0 || es.list[i].line >= es.list[i - 1].line);
	conf_free(c);
	errors_free(&es);
}

static void test_truncated_files(void **state)
{
	static const char *const files[] = {DATA("full.ini"), DATA("ipvlan.ini"),
					    DATA("bad-lines.ini"), DATA("bad-keys.ini")};

	(void)state;
	for (size_t i = 0; i < N(files); i++) {
		char *text = read_data(files[i]);
		size_t len = strlen(text);

		for (size_t n = 0; n < len; n += 3)
			load_whatever(text, n);
		free(text);
	}
}

static void test_mutated_files(void **state)
{
	static const char *const files[] = {DATA("full.ini"), DATA("ipvlan.ini"),
					    DATA("bad-refs.ini")};
	static const char spice[] = "\0\n[]=\"'#;,:%\\/- .0129azAZ\r\t\x80\xff";
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < N(files); i++) {
		char *text = read_data(files[i]);
		size_t len = strlen(text);
		char *copy = malloc(len);

		assert_non_null(copy);
		for (int round = 0; round < 700; round++) {
			memcpy(copy, text, len);
			for (uint32_t n = next_random(&seed) % 8 + 1; n > 0; n--)
				copy[next_random(&seed) % len] =
					spice[next_random(&seed) % sizeof(spice)];
			load_whatever(copy, len);
		}
		free(copy);
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),	  cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_error_codes),	  cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_unreadable_files),  cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_giant_file),	  cmocka_unit_test(test_errors_are_capped),
		cmocka_unit_test(test_ports_are_limited), cmocka_unit_test(test_count_errors),
		cmocka_unit_test(test_truncated_files),	  cmocka_unit_test(test_mutated_files),
	};

	return cmocka_run_group_tests(tests, make_text_file, remove_text_file);
}
