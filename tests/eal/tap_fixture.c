/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_ether.h>

#define MAX_THINGS 64

static struct {
	char names[MAX_THINGS][32];
	size_t n_names;
	struct endpoint *eps[2048];
	size_t n_eps;
	int fds[MAX_THINGS];
	size_t n_fds;
	unsigned int mbufs;
	unsigned int serial;
} f;

double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* ---- the program ------------------------------------------------------------ */

static void clean_up(pid_t pid)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd),
		 "for n in $(ip netns list | cut -d' ' -f1 | grep '^vt%d-'); do ip netns del $n; "
		 "done",
		 (int)pid);
	if (system(cmd) != 0)
		fprintf(stderr, "cleaning up failed\n");
}

int tap_main(const char *name, int (*run)(void))
{
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		printf("1..0 # SKIP %s: needs root\n", name);
		return 0;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		exit(run());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	clean_up(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int tap_group_setup(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "test",
			(char *)(uintptr_t) "--no-huge",
			(char *)(uintptr_t) "-m",
			(char *)(uintptr_t) "128",
			(char *)(uintptr_t) "--no-pci",
			(char *)(uintptr_t) "--no-telemetry",
			(char *)(uintptr_t) "--no-shconf",
			(char *)(uintptr_t) "-l0",
			(char *)(uintptr_t) "--log-level=error"};
	struct pool_conf pools = {.n_mbufs = 8191, .mbuf_size = 2176};
	struct err err = {0};

	(void)state;
	if (rte_eal_init((int)RTE_DIM(argv), argv) < 0 || csum_field_register() != 0)
		return -1;
	pools_configure(&pools);
	return endpoint_watch_open(&err);
}

int tap_group_teardown(void **state)
{
	(void)state;
	endpoint_watch_close();
	pools_free();
	return rte_eal_cleanup();
}

int tap_setup(void **state)
{
	(void)state;
	f.mbufs = pools_in_use();
	return 0;
}

int tap_teardown(void **state)
{
	(void)state;
	while (f.n_eps > 0)
		endpoint_close(f.eps[--f.n_eps]);
	while (f.n_fds > 0)
		close(f.fds[--f.n_fds]);
	while (f.n_names > 0) {
		char path[100];

		snprintf(path, sizeof(path), NETNS_DIR "/%s", f.names[--f.n_names]);
		if (access(path, F_OK) == 0)
			sh("ip netns del %s", f.names[f.n_names]);
	}
	if (pools_in_use() == f.mbufs)
		return 0;
	print_error("%u mbufs are missing\n", pools_in_use() - f.mbufs);
	return -1;
}

/* ---- shell and namespaces ------------------------------------------------------ */

static const char *format(const char *fmt, va_list ap)
{
	static char cmd[1000];

	assert_in_range(vsnprintf(cmd, sizeof(cmd), fmt, ap), 1, sizeof(cmd) - 1);
	return cmd;
}

void sh(const char *fmt, ...)
{
	const char *cmd;
	va_list ap;

	va_start(ap, fmt);
	cmd = format(fmt, ap);
	va_end(ap);
	if (system(cmd) != 0)
		fail_msg("failed: %s", cmd);
}

const char *sh_output(const char *fmt, ...)
{
	static char out[8192];
	const char *cmd;
	va_list ap;
	FILE *p;
	size_t n;

	va_start(ap, fmt);
	cmd = format(fmt, ap);
	va_end(ap);
	p = popen(cmd, "r");
	assert_non_null(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	pclose(p);
	return out;
}

const char *ns_name(void)
{
	assert_true(f.n_names < MAX_THINGS);
	snprintf(f.names[f.n_names], sizeof(f.names[0]), "vt%d-%u", (int)getpid(), f.serial++);
	return f.names[f.n_names++];
}

void ns_make(const char *name, bool ipv6)
{
	sh("ip netns add %s", name);
	if (!ipv6)
		sh("ip netns exec %s sysctl -qw net.ipv6.conf.all.disable_ipv6=1 "
		   "net.ipv6.conf.default.disable_ipv6=1",
		   name);
}

const char *ns_add(bool ipv6)
{
	const char *name = ns_name();

	ns_make(name, ipv6);
	return name;
}

void ns_del(const char *name)
{
	sh("ip netns del %s", name);
}

int ns_run(const char *name, int (*fn)(void *), void *arg)
{
	char path[100];
	int fd, ret;

	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	fd = netns_open(path);
	assert_true(fd >= 0);
	ret = netns_run(fd, fn, arg);
	close(fd);
	return ret;
}

/* ---- taps ------------------------------------------------------------------------ */

struct endpoint_args tap_args(const char *ifname, const char *netns)
{
	static struct endpoint_conf conf;

	conf = (struct endpoint_conf){
		.type = ENDPOINT_TAP, .spec = "tap:test", .target = ifname, .netns = netns};
	return (struct endpoint_args){.conf = &conf,
				      .role = ENDPOINT_VNIC,
				      .name = "web",
				      .mtu = 1500,
				      .up = true,
				      .n_rx_queues = 1,
				      .n_tx_queues = 1};
}

struct endpoint *tap_open_args(const struct endpoint_args *args)
{
	struct endpoint *ep;
	struct err err = {0};

	if (endpoint_open(args, &ep, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(f.n_eps < RTE_DIM(f.eps));
	f.eps[f.n_eps++] = ep;
	return ep;
}

struct endpoint *tap_open_up(const char *ifname, const char *netns)
{
	struct endpoint_args args = tap_args(ifname, netns);

	return tap_open_args(&args);
}

void tap_close_now(struct endpoint *ep)
{
	for (size_t i = 0; i < f.n_eps; i++)
		if (f.eps[i] == ep)
			f.eps[i] = f.eps[--f.n_eps];
	endpoint_close(ep);
}

double tap_close_last(size_t n)
{
	double began = now_ms();

	assert_true(n <= f.n_eps);
	f.n_eps -= n;
	endpoint_close_many(&f.eps[f.n_eps], n);
	return now_ms() - began;
}

struct wanted_socket {
	const char *ifname;
	uint16_t type;
	bool vnet;
};

static int open_packet(void *arg)
{
	const struct wanted_socket *want = arg;
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(want->type)};
	int one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	at.sll_ifindex = (int)if_nametoindex(want->ifname);
	if (fd < 0 || at.sll_ifindex == 0)
		return -ENODEV;
	if (want->vnet && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0)
		return -errno;
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? fd : -errno;
}

int packet_socket(const char *netns, const char *ifname, uint16_t type, bool vnet)
{
	struct wanted_socket want = {ifname, type, vnet};
	struct timeval patience = {.tv_sec = 1};
	int fd = ns_run(netns, open_packet, &want);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_true(f.n_fds < MAX_THINGS);
	f.fds[f.n_fds++] = fd;
	return fd;
}

/* ---- frames ------------------------------------------------------------------------- */

void fill_frame(uint8_t *b, uint64_t dst, uint64_t src, uint32_t len)
{
	mac_store(b, dst);
	mac_store(b + 6, src);
	b[12] = TEST_TYPE >> 8;
	b[13] = TEST_TYPE & 0xff;
	for (uint32_t i = 14; i < len; i++)
		b[i] = (uint8_t)(i * 7 + (i >> 8) + len);
}

void assert_filled(const uint8_t *b, uint32_t len)
{
	for (uint32_t i = 14; i < len; i++)
		if (b[i] != (uint8_t)(i * 7 + (i >> 8) + len))
			fail_msg("byte %u of %u differs", i, len);
}

struct rte_mbuf *make_frame(struct rte_mempool *pool, uint64_t dst, uint64_t src, uint32_t len)
{
	static uint8_t b[70000];
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *seg = head;

	assert_non_null(head);
	fill_frame(b, dst, src, len);
	for (uint32_t at = 0; at < len;) {
		uint16_t part = (uint16_t)RTE_MIN(len - at, (uint32_t)rte_pktmbuf_tailroom(seg));

		memcpy(rte_pktmbuf_mtod(seg, void *), b + at, part);
		seg->data_len = part;
		at += part;
		if (at < len) {
			seg->next = rte_pktmbuf_alloc(pool);
			assert_non_null(seg->next);
			seg = seg->next;
			head->nb_segs++;
		}
	}
	head->pkt_len = len;
	return head;
}

struct rte_mbuf *rx_one(struct endpoint *ep, uint16_t queue, int ms)
{
	struct pollfd p = {.fd = endpoint_rx_fd(ep, queue), .events = POLLIN};
	double end = now_ms() + ms;
	struct rte_mbuf *m;

	do {
		if (endpoint_rx(ep, queue, &m, 1) == 1) {
			const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

			if ((b[12] << 8 | b[13]) == TEST_TYPE)
				return m;
			rte_pktmbuf_free(m);
		} else {
			poll(&p, 1, 5);
		}
	} while (now_ms() < end);
	return NULL;
}

/* ---- the watch ------------------------------------------------------------------------ */

struct endpoint_state state_of(struct endpoint *ep)
{
	struct endpoint_state s;

	endpoint_get_state(ep, &s);
	return s;
}

static void on_change(struct endpoint *ep, void *arg)
{
	struct told *told = arg;

	if (told->ep == NULL || told->ep == ep)
		told->n++;
}

static void turn(struct told *told, int ms)
{
	struct pollfd p = {.fd = endpoint_watch_fd(), .events = POLLIN};

	if (poll(&p, 1, ms) > 0)
		endpoint_watch_run(on_change, told);
}

int watch_until(struct endpoint *ep, bool (*is_so)(const struct endpoint_state *s, uint64_t arg),
		uint64_t arg, int ms)
{
	struct told told = {.ep = ep};
	double began = now_ms();
	struct endpoint_state s;

	do {
		turn(&told, 10);
		s = state_of(ep);
		if (told.n > 0 && is_so(&s, arg))
			return (int)(now_ms() - began);
	} while (now_ms() - began < ms);
	return -1;
}

unsigned int watch_for(struct endpoint *ep, int ms)
{
	struct told told = {.ep = ep};
	double end = now_ms() + ms;

	while (now_ms() < end)
		turn(&told, 10);
	return told.n;
}

bool is_present(const struct endpoint_state *s, uint64_t arg)
{
	(void)arg;
	return s->present;
}

bool is_absent(const struct endpoint_state *s, uint64_t arg)
{
	(void)arg;
	return !s->present;
}

bool has_mac(const struct endpoint_state *s, uint64_t arg)
{
	return s->mac == arg;
}

bool has_mtu(const struct endpoint_state *s, uint64_t arg)
{
	return s->mtu == arg;
}

bool has_up(const struct endpoint_state *s, uint64_t arg)
{
	return s->up == (arg != 0);
}

bool has_promisc(const struct endpoint_state *s, uint64_t arg)
{
	return s->promisc == (arg != 0);
}

bool has_allmulti(const struct endpoint_state *s, uint64_t arg)
{
	return s->allmulti == (arg != 0);
}

bool has_group(const struct endpoint_state *s, uint64_t arg)
{
	for (size_t i = 0; s->groups_known && i < s->n_groups; i++)
		if (s->groups[i] == arg)
			return true;
	return false;
}

bool lacks_group(const struct endpoint_state *s, uint64_t arg)
{
	return s->groups_known && !has_group(s, arg);
}
