/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tap_sender.h"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* A packet socket that the netdev sends for; frames then wait at its queue's descriptor. */
int sender_open(const char *name)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, room = 1 << 26;
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) != 0)
		fail(name);
	to.sll_ifindex = ifr.ifr_ifindex;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail(name);
	return fd;
}

/* A TCP segment, or a super-frame of them, of @p len bytes behind its header; how many in all. */
size_t sender_make(char *b, size_t len)
{
	struct virtio_net_hdr *h = (struct virtio_net_hdr *)b;
	uint8_t *f = (uint8_t *)b + sizeof(*h);

	memset(b, 0, sizeof(*h) + len);
	memcpy(f, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0\x45", 15);
	f[16] = (uint8_t)((len - 14) >> 8);
	f[17] = (uint8_t)(len - 14);
	f[22] = 64;
	f[23] = 6;
	f[46] = 0x50;
	if (len > 1514)
		*h = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					     .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					     .hdr_len = SENDER_HEADERS,
					     .gso_size = 1460,
					     .csum_start = 34,
					     .csum_offset = 16};
	return sizeof(*h) + len;
}

void sender_offer(int fd, const char *b, size_t len, int n)
{
	for (int i = 0; i < n; i++)
		if (send(fd, b, len, 0) != (ssize_t)len)
			fail("send");
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t sender_median(uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}
