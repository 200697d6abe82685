/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floor of `tap`: two netdevs with vnet headers, and read() and write() between them.
 *
 *   bench_bare_tap NETNS-PATH IFNAME NETNS-PATH IFNAME [wait | nap]
 *
 * Makes the netdevs, says "ready", and copies until it is killed. One buffer for each frame, no
 * parsing, no lookup, no counters: what a forwarder could at best be. It polls, as a worker does;
 * with `wait` it sleeps until there is something, with `nap` for 50 µs, as one does behind a stream's frames
 * with `idle = adaptive`.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_FRAME (65536 + 256)
#define BURST	  32

static int set_up(int fd, const char *name)
{
	int len = sizeof(struct virtio_net_hdr), sndbuf = INT_MAX;
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &len) != 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) != 0)
		return -1;
	return ioctl(fd, TUNSETSNDBUF, &sndbuf);
}

static int open_tap(const char *netns, const char *name)
{
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) {
		perror(netns);
		return -1;
	}
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || set_up(fd, name) != 0) {
		perror(name);
		return -1;
	}
	return fd;
}

/* How many frames there were. */
static int copy(int from, int to)
{
	static char frame[MAX_FRAME];

	for (int i = 0; i < BURST; i++) {
		ssize_t n = read(from, frame, sizeof(frame));

		if (n <= 0)
			return i;
		/* What the other side doesn't take is lost, as with everybody. */
		if (write(to, frame, (size_t)n) < 0 && errno != EAGAIN && errno != EIO)
			perror("write");
	}
	return BURST;
}

int main(int argc, char **argv)
{
	struct pollfd fds[] = {{.events = POLLIN}, {.events = POLLIN}};
	const char *how = argc == 6 ? argv[5] : "";
	bool waits = strcmp(how, "wait") == 0, naps = strcmp(how, "nap") == 0;
	const struct timespec nap = {.tv_nsec = 50000};
	int a, b;

	if (argc != 5 && !waits && !naps) {
		fprintf(stderr,
			"usage: bench_bare_tap NETNS-PATH IFNAME NETNS-PATH IFNAME [wait | nap]\n");
		return 2;
	}
	a = open_tap(argv[1], argv[2]);
	b = open_tap(argv[3], argv[4]);
	if (a < 0 || b < 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	fds[0].fd = a;
	fds[1].fd = b;
	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		if (copy(a, b) + copy(b, a) > 0)
			continue;
		if (waits)
			poll(fds, 2, -1);
		else if (naps)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
}
