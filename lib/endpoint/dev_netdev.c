/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel netdev below af_packet and af_xdp. Their drivers know little of it:
 * link state is "started", promiscuity is the sticky IFF_PROMISC that survives a
 * crash, and there are no filters. A packet socket's memberships are counted by the
 * kernel and end with the socket; they are what macvlan's dev_uc_add() is inside.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "endpoint/dev.h"

/* The kernel keeps memberships in a list that it walks: beyond this, promiscuous is cheaper. */
#define MAX_MEMBERSHIPS 4096

/* More than any ring can have on its way: the driver's poll() for room then never waits. */
#define SEND_BUFFER (1 << 29)

static bool is_packet_socket(int fd, unsigned int if_index)
{
	struct sockaddr_ll sll = {0};
	socklen_t len = sizeof(sll);

	return getsockname(fd, (struct sockaddr *)&sll, &len) == 0 && sll.sll_family == AF_PACKET &&
	       (unsigned int)sll.sll_ifindex == if_index;
}

/*
 * af_packet's sockets as the driver leaves them have two faults. They receive what the
 * machine's own stack sends on the netdev, as if it had come from the wire; a filter
 * sees to that, for PACKET_IGNORE_OUTGOING does nothing in the driver's fanout group. And tx
 * waits in poll(-1) while the socket's send buffer is full, which a stuck device makes
 * for ever; the worker would stand still. Both can be set from outside.
 */
static void tame_socket(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog prog = {.len = RTE_DIM(code), .filter = code};
	int size = SEND_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) != 0)
		LOG(WARNING, ENDPOINT, "af_packet: SO_ATTACH_FILTER: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		LOG(WARNING, ENDPOINT, "af_packet: SO_SNDBUFFORCE: %s", strerror(errno));
}

static void find_sockets(struct dev *d)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL && d->n_sockets < DEV_MAX_SOCKETS) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || !is_packet_socket(fd, d->if_index))
			continue;
		tame_socket(fd);
		d->sockets[d->n_sockets++] = fd;
	}
	closedir(dir);
}

static int netdev_ioctl(const struct dev *d, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	memcpy(ifr->ifr_name, d->if_name, sizeof(ifr->ifr_name));
	rc = ioctl(fd, request, ifr) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

int netdev_attach(struct dev *d, struct err *err)
{
	struct netdev_state s;

	d->filter_fd = -1;
	if (!(d->quirks & DEV_NETDEV))
		return 0;
	if (if_indextoname(d->if_index, d->if_name) == NULL || !netdev_get_state(d, &s))
		return err_set(err, ENODEV, "%s: its netdev is gone", d->device);
	d->found_mtu = s.mtu;
	if (strcmp(d->driver, "net_af_packet") == 0) {
		find_sockets(d);
		if (d->n_sockets == 0)
			return err_set(err, EIO, "%s: its sockets can't be found", d->device);
	}
	return 0;
}

void netdev_detach(struct dev *d)
{
	struct netdev_state s;
	struct rte_ether_addr addr;

	if (!(d->quirks & DEV_NETDEV))
		return;
	if (d->filter_fd >= 0)
		close(d->filter_fd);
	d->filter_fd = -1;
	d->n_sockets = 0;
	if (!netdev_get_state(d, &s))
		return;
	if (d->mac != 0 && d->mac != d->found_mac) {
		mac_store(addr.addr_bytes, d->found_mac);
		rte_eth_dev_default_mac_addr_set(d->port, &addr);
	}
	if (d->found_mtu != 0 && s.mtu != d->found_mtu)
		netdev_set_mtu(d, d->found_mtu);
}

bool netdev_get_state(struct dev *d, struct netdev_state *s)
{
	struct ifreq ifr = {0};

	/* The name may change; and a netdev of the same name may be another. */
	if (if_indextoname(d->if_index, d->if_name) == NULL)
		return false;
	if (netdev_ioctl(d, SIOCGIFFLAGS, &ifr) != 0)
		return false;
	s->up = (ifr.ifr_flags & IFF_UP) != 0;
	s->running = s->up && (ifr.ifr_flags & IFF_RUNNING) != 0;
	if (netdev_ioctl(d, SIOCGIFHWADDR, &ifr) != 0)
		return false;
	s->mac = mac_load((const uint8_t *)ifr.ifr_hwaddr.sa_data);
	if (netdev_ioctl(d, SIOCGIFMTU, &ifr) != 0)
		return false;
	s->mtu = (uint32_t)ifr.ifr_mtu;
	return true;
}

int netdev_set_mtu(const struct dev *d, uint32_t mtu)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	return netdev_ioctl(d, SIOCSIFMTU, &ifr);
}

int netdev_socket(const struct dev *d)
{
	char path[96];
	int node = SOCKET_ID_ANY;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", d->if_name);
	f = fopen(path, "re");
	if (f == NULL)
		return SOCKET_ID_ANY; /* a virtual netdev */
	if (fscanf(f, "%d", &node) != 1 || node < 0)
		node = SOCKET_ID_ANY;
	fclose(f);
	return node;
}

static bool join(int fd, unsigned int if_index, unsigned short type, const uint64_t *macs, size_t n)
{
	struct packet_mreq r = {.mr_ifindex = (int)if_index, .mr_type = type, .mr_alen = 6};

	for (size_t i = 0; i < n; i++) {
		mac_store(r.mr_address, macs[i]);
		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)) != 0)
			return false;
	}
	return true;
}

bool netdev_set_filter(struct dev *d, const struct endpoint_filter *f)
{
	/* Protocol 0: this socket receives nothing. A new one each time, so that nothing is ever missing. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const uint64_t none = 0;
	bool promisc = f->promisc || f->n_macs > MAX_MEMBERSHIPS;
	bool allmulti = f->allmulti || f->n_groups > MAX_MEMBERSHIPS;
	bool done = fd >= 0;

	if (done && !promisc && !join(fd, d->if_index, PACKET_MR_UNICAST, f->macs, f->n_macs))
		promisc = true;
	if (done && !allmulti &&
	    !join(fd, d->if_index, PACKET_MR_MULTICAST, f->groups, f->n_groups))
		allmulti = true;
	if (done && allmulti)
		done = join(fd, d->if_index, PACKET_MR_ALLMULTI, &none, 1);
	if (done && promisc)
		done = join(fd, d->if_index, PACKET_MR_PROMISC, &none, 1);
	if (!done) {
		LOG(WARNING, ENDPOINT, "%s: filters can't be set on %s: %s", d->ep.name, d->if_name,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (d->filter_fd >= 0)
		close(d->filter_fd);
	d->filter_fd = fd;
	return !promisc;
}

uint64_t netdev_read_drops(const struct dev *d)
{
	uint64_t drops = 0;

	for (size_t i = 0; i < d->n_sockets; i++) {
		struct tpacket_stats s = {0};
		socklen_t len = sizeof(s);

		/* Reading clears the kernel's counter. */
		if (getsockopt(d->sockets[i], SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
			drops += s.tp_drops;
	}
	return drops;
}
