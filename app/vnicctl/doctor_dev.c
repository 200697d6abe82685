/* SPDX-License-Identifier: BSD-3-Clause */
/* What endpoints stand on: PCI devices, netdevs, files, sockets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_checks.h"

/** RTE_MAX_ETHPORTS of Debian's DPDK; another build may have room for more. */
#define USUAL_ETHDEVS 32

/** The value of `,key=…` in devargs, for one path or name. */
static bool devarg(const char *args, const char *key, char *buf, size_t len)
{
	size_t n = strlen(key);
	const char *s = args;

	while ((s = strchr(s, ',')) != NULL) {
		s++;
		if (strncmp(s, key, n) == 0 && s[n] == '=') {
			snprintf(buf, len, "%.*s", (int)strcspn(s + n + 1, ","), s + n + 1);
			return buf[0] != '\0';
		}
	}
	return false;
}

static void check_netdev(struct doctor *d, const struct place *p, const char *name)
{
	long long flags;

	if (name[0] == '.' || strchr(name, '/') != NULL ||
	    !sys_exists(d, "/sys/class/net/%s", name)) {
		found(d, LEVEL_ERROR, "device", "%s: there is no netdev '%s' here", p->name, name);
		mend(d, "ip -br link show");
		return;
	}
	/* IFF_UP is the last bit; the kernel writes 0x1003 */
	{
		char text[32] = "";

		sys_line(d, text, sizeof(text), "/sys/class/net/%s/flags", name);
		flags = strtoll(text, NULL, 16);
	}
	if ((flags & 1) == 0) {
		found(d, LEVEL_WARNING, "device", "%s: %s is down", p->name, name);
		mend(d, "ip link set %s up", sys_quote(name));
	}
}

static void check_file(struct doctor *d, const struct place *p, const char *path, const char *fix)
{
	if (sys_exists(d, "%s", path))
		return;
	found(d, LEVEL_ERROR, "device", "%s: there is no %s", p->name, path);
	if (fix != NULL)
		mend(d, "%s", fix);
}

static void check_dir_of(struct doctor *d, const struct place *p, const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (dir[0] != '/' || slash == dir)
		return;
	*slash = '\0';
	if (sys_exists(d, "%s", dir))
		return;
	found(d, LEVEL_ERROR, "device", "%s: %s: its directory does not exist", p->name, path);
	mend(d, "mkdir -p %s", sys_quote(dir));
}

/* What drivers of virtual devices are called, by today's names and by old ones. */
static bool is_vdev(const char *name)
{
	return strncmp(name, "net_", 4) == 0 || strncmp(name, "eth_", 4) == 0 ||
	       strncmp(name, "virtio_user", 11) == 0;
}

/* `device = eth0`: the first idea of who knows the netdev. */
static void check_name(struct doctor *d, const struct place *p)
{
	char name[64], link[64] = "", address[20];
	const struct endpoint_conf nic = {.type = ENDPOINT_DEV, .target = link};

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(p->ep->target, ","), p->ep->target);
	if (is_vdev(name))
		return;
	if (strchr(name, '/') == NULL && sys_exists(d, "/sys/class/net/%s", name)) {
		sys_link(d, link, sizeof(link), "/sys/class/net/%s/device", name);
		if (!pci_address(&nic, address))
			address[0] = '\0';
		found(d, LEVEL_ERROR, "device",
		      "%s: %s is a netdev of the kernel; for DPDK it is %s%snet_af_xdp0,iface=%s",
		      p->name, name, address, address[0] != '\0' ? ", or " : "", name);
	} else if (strpbrk(name, "-.:/") == NULL) { /* else it may be on another bus than PCI */
		found(d, LEVEL_ERROR, "device",
		      "%s: no driver of DPDK is called '%s': a PCI address (0000:3b:00.0), or a "
		      "virtual device (net_af_xdp0,iface=eth0)?",
		      p->name, name);
	}
}

static void check_vdev(struct doctor *d, const struct place *p)
{
	const char *t = p->ep->target;
	char value[PATH_MAX];

	if (strncmp(t, "net_af_packet", 13) == 0 || strncmp(t, "net_af_xdp", 10) == 0) {
		if (devarg(t, "iface", value, sizeof(value)))
			check_netdev(d, p, value);
	} else if (strncmp(t, "net_pcap", 8) == 0) {
		if (devarg(t, "rx_pcap", value, sizeof(value)))
			check_file(d, p, value, NULL);
		if (devarg(t, "iface", value, sizeof(value)) ||
		    devarg(t, "rx_iface", value, sizeof(value)))
			check_netdev(d, p, value);
	} else if (strncmp(t, "net_virtio_user", 15) == 0) {
		if (devarg(t, "path", value, sizeof(value)))
			check_file(d, p, value,
				   strcmp(value, "/dev/vhost-net") == 0 ? "modprobe vhost_net"
									: NULL);
	} else if (strncmp(t, "net_memif", 9) == 0) {
		char abstract[8] = "yes";

		devarg(t, "socket-abstract", abstract, sizeof(abstract));
		if (strcmp(abstract, "no") == 0 && devarg(t, "socket", value, sizeof(value)))
			check_dir_of(d, p, value);
	} else {
		check_name(d, p);
	}
}

/* Lcores elsewhere work, at half the speed. */
static void check_numa(struct doctor *d, const struct place *p, const char *addr)
{
	long long node = sys_number(d, -1, "/sys/bus/pci/devices/%s/numa_node", addr);
	char list[256];
	struct cpus near;

	if (node < 0 || !sys_exists(d, "/sys/devices/system/node/node1") ||
	    !sys_line(d, list, sizeof(list), "/sys/devices/system/node/node%lld/cpulist", node) ||
	    !cpus_parse(&near, list))
		return;
	if (!d->has_lcores)
		found(d, LEVEL_OK, "numa", "%s: %s is on node %lld: its lcores are %s", p->name,
		      addr, node, list);
	else if (cpus_overlap(&near, &d->lcores))
		found(d, LEVEL_OK, "numa", "%s: %s and its workers are on node %lld", p->name, addr,
		      node);
	else {
		found(d, LEVEL_WARNING, "numa", "%s: %s is on node %lld, and no lcore is", p->name,
		      addr, node);
		mend(d, "dpdk-vnic -l %s -- -c FILE", list);
	}
}

static void check_device(struct doctor *d, const struct place *p, void *arg)
{
	size_t *n_ethdevs = arg;
	char addr[20];

	if (p->ep->type == ENDPOINT_VHOST && !p->ep->client)
		check_dir_of(d, p, p->ep->target);
	if (p->ep->type != ENDPOINT_DEV)
		return;
	++*n_ethdevs;
	if (pci_address(p->ep, addr)) {
		check_vfio(d, p->name, addr);
		check_numa(d, p, addr);
	} else {
		check_vdev(d, p);
	}
}

void check_devices(struct doctor *d)
{
	size_t n_ethdevs = 0;

	each_endpoint(d, check_device, &n_ethdevs);
	if (n_ethdevs > USUAL_ETHDEVS)
		found(d, LEVEL_WARNING, "device",
		      "%zu endpoints are DPDK devices; Debian's DPDK has room for %d "
		      "(RTE_MAX_ETHPORTS): tap: and vhost: don't count",
		      n_ethdevs, USUAL_ETHDEVS);
}
