/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a tap costs: TSC cycles to read a frame from one TAP and write it to another, by
 * tap_rx() and tap_tx() and, beside them, by bare read() and write() of one buffer.
 *
 *   bench_tap_cost
 *
 * In a network namespace of its own, which goes with it. One thread does all, so what else runs
 * on the machine disturbs only single rounds: the median of many is told.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>

#include "endpoint/csum_field.h"
#include "endpoint/endpoint.h"
#include "tap_sender.h"

#define ROUNDS 400
#define BURST  32

static struct endpoint *eps[2];
static int fds[2], senders[2]; /* senders: to the netdevs of eps[0] and fds[0] */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct endpoint *open_endpoint(const char *name)
{
	struct endpoint_conf conf = {.type = ENDPOINT_TAP, .spec = name, .target = name};
	struct endpoint_args args = {.conf = &conf,
				     .role = ENDPOINT_VNIC,
				     .name = name,
				     .mtu = 1500,
				     .up = true,
				     .n_rx_queues = 1,
				     .n_tx_queues = 1};
	struct endpoint *ep;
	struct err err = {0};

	if (endpoint_open(&args, &ep, &err) != 0) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(1);
	}
	return ep;
}

static void bring_up(const char *name)
{
	struct ifreq ifr = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(s, SIOCGIFFLAGS, &ifr) != 0)
		fail(name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) != 0)
		fail(name);
	close(s);
}

static int open_bare(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), len, sndbuf = INT_MAX;
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	len = sizeof(struct virtio_net_hdr);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &len) != 0 ||
	    ioctl(fd, TUNSETSNDBUF, &sndbuf) != 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
		fail(name);
	bring_up(name);
	return fd;
}

static uint64_t ours(int n)
{
	struct rte_mbuf *m[BURST];
	uint64_t begin = rte_rdtsc();

	while (n > 0) {
		uint16_t got = endpoint_rx(eps[0], 0, m, BURST);
		uint16_t sent = endpoint_tx(eps[1], 0, m, got);

		rte_pktmbuf_free_bulk(&m[sent], got - sent);
		n -= got;
	}
	return rte_rdtsc() - begin;
}

static uint64_t bare(int n)
{
	static char frame[SENDER_MAX_FRAME];
	uint64_t begin = rte_rdtsc();

	for (; n > 0; n--) {
		ssize_t len = read(fds[0], frame, sizeof(frame));

		if (len < 0 || write(fds[1], frame, (size_t)len) < 0)
			fail("read and write");
	}
	return rte_rdtsc() - begin;
}

static double median(uint64_t (*move)(int n), int sender, const char *b, size_t len, int n)
{
	static uint64_t rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		sender_offer(sender, b, len, n);
		rounds[i] = move(n);
	}
	return (double)sender_median(rounds, ROUNDS) / n;
}

static void start(void)
{
	static char words[][20] = {"tap_cost", "--no-huge",	 "-m",
				   "256",      "--no-pci",	 "--no-shconf",
				   "-l0",      "--no-telemetry", "--log-level=error"};
	char *argv[RTE_DIM(words)];
	struct pool_conf pools = {.n_mbufs = 16384, .mbuf_size = 2176};
	struct err err = {0};

	for (size_t i = 0; i < RTE_DIM(words); i++)
		argv[i] = words[i];
	if (unshare(CLONE_NEWNET) != 0)
		fail("unshare");
	if (rte_eal_init((int)RTE_DIM(argv), argv) < 0 || csum_field_register() != 0)
		fail("EAL");
	pools_configure(&pools);
	if (endpoint_watch_open(&err) != 0)
		fail("watch");
	for (int i = 0; i < 2; i++) {
		eps[i] = open_endpoint(i == 0 ? "ours0" : "ours1");
		fds[i] = open_bare(i == 0 ? "bare0" : "bare1");
	}
	senders[0] = sender_open("ours0");
	senders[1] = sender_open("bare0");
}

int main(void)
{
	static const size_t lens[] = {60, 1514, 9014, SENDER_HEADERS + 44 * 1460};
	static char b[SENDER_MAX_FRAME];

	start();
	printf("%8s %8s %10s %10s\n", "bytes", "waiting", "ours", "bare");
	for (size_t i = 0; i < RTE_DIM(lens); i++) {
		for (int n = 1; n <= BURST; n *= BURST) {
			size_t len = sender_make(b, lens[i]);
			double mine = median(ours, senders[0], b, len, n);

			printf("%8zu %8d %10.0f %10.0f\n", lens[i], n, mine,
			       median(bare, senders[1], b, len, n));
		}
	}
	for (int i = 0; i < 2; i++)
		endpoint_close(eps[i]);
	endpoint_watch_close();
	pools_free();
	return rte_eal_cleanup();
}
