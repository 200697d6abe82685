/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_devargs.h>

#include "base/log.h"
#include "endpoint/dev.h"

/*
 * A device that EAL was given on its command line, and that we removed because its
 * driver can't start again after a stop: the next open needs its arguments.
 */
struct given {
	struct given *next;
	char name[RTE_DEV_NAME_MAX_LEN];
	char args[256];
};

static struct given *givens;
static struct dev *users[RTE_MAX_ETHPORTS]; /* who has which port open */
static bool stopped_given[RTE_MAX_ETHPORTS]; /* given, opened once, not open now */

bool dev_arg(const char *args, const char *key, char *value, size_t len)
{
	size_t key_len = strlen(key);

	for (const char *p = args; p != NULL && *p != '\0';) {
		const char *end = strchrnul(p, ',');

		if ((size_t)(end - p) > key_len && p[key_len] == '=' &&
		    strncmp(p, key, key_len) == 0) {
			snprintf(value, len, "%.*s", (int)(end - p - (ptrdiff_t)key_len - 1),
				 p + key_len + 1);
			return true;
		}
		p = *end == ',' ? end + 1 : end;
	}
	return false;
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_pci(const char *name)
{
	unsigned int domain, bus, dev, fn;
	int n = 0;

	return sscanf(name, "%x:%x:%x.%u%n", &domain, &bus, &dev, &fn, &n) == 4 && name[n] == '\0';
}

/* lspci's short form; DPDK's names have the domain. */
static const char *pci_domain(const char *name)
{
	unsigned int bus, dev, fn;
	int n = 0;

	return sscanf(name, "%x:%x.%u%n", &bus, &dev, &fn, &n) == 3 && name[n] == '\0' ? "0000:"
										       : "";
}

static const char *given_args(const char *name)
{
	for (const struct given *g = givens; g != NULL; g = g->next)
		if (strcmp(g->name, name) == 0)
			return g->args;
	return NULL;
}

static void remember_given(const struct dev *d)
{
	struct given *g;

	if (d->args[0] == '\0' || given_args(d->device) != NULL)
		return;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return;
	memcpy(g->name, d->device, sizeof(g->name));
	memcpy(g->args, d->args, sizeof(g->args));
	g->next = givens;
	givens = g;
}

/* Drivers tell the log why they fail, and their caller a number; the common mistakes get words. */
static int check_args(const char *name, const char *args, struct err *err)
{
	bool netdev = starts_with(name, "net_af_packet") || starts_with(name, "net_af_xdp") ||
		      starts_with(name, "eth_af_packet");
	char value[128];

	if (netdev) {
		if (!dev_arg(args, "iface", value, sizeof(value)))
			return err_set(err, EINVAL, "%s needs iface=NETDEV", name);
		if (if_nametoindex(value) == 0)
			return err_set(err, ENODEV, "%s: there is no netdev %s here", name, value);
	}
	if (starts_with(name, "net_pcap") && dev_arg(args, "rx_pcap", value, sizeof(value)) &&
	    access(value, R_OK) != 0)
		return err_set(err, errno, "%s: rx_pcap=%s: %s", name, value, strerror(errno));
	if (starts_with(name, "net_virtio_user") && dev_arg(args, "path", value, sizeof(value)) &&
	    strcmp(value, "/dev/vhost-net") == 0 && access(value, R_OK | W_OK) != 0)
		return err_set(err, errno, "%s: %s: %s (modprobe vhost_net)", name, value,
			       strerror(errno));
	if (is_pci(name)) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", name);
		if (access(path, F_OK) != 0)
			return err_set(err, ENODEV, "there is no PCI device %s", name);
	}
	return 0;
}

static int probe_failed(const char *name, int rc, struct err *err)
{
	struct rte_devargs da = {0};

	/* Many drivers fail with a bare -1, which is no errno value. */
	if (rc == -1)
		rc = -EIO;
	if (rte_devargs_parse(&da, name) != 0)
		return err_set(err, EINVAL,
			       "no bus or driver of DPDK knows '%s'; it wants a PCI address "
			       "(0000:3b:00.0) or a virtual device (net_af_xdp0,iface=eth0)",
			       name);
	rte_devargs_reset(&da);
	if (is_pci(name))
		return err_set(err, -rc,
			       "DPDK can't use PCI device %s (%s): bind it to vfio-pci "
			       "(dpdk-devbind.py -b vfio-pci %s), or a driver is missing",
			       name, strerror(-rc), name);
	return err_set(err, -rc, "DPDK could not make %s (%s); its driver's reason is in the log",
		       name, strerror(-rc));
}

static int find_port(const char *name, const char *devargs, uint16_t *port)
{
	struct rte_dev_iterator it;
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(name, port) == 0)
		return 0;
	/* Only a PCI device's ports have other names than it, and are told apart by arguments. */
	if (!is_pci(name))
		return -ENODEV;
	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it)
	{
		*port = id;
		rte_eth_iterator_cleanup(&it);
		return 0;
	}
	return -ENODEV;
}

static int hotplug(const char *name, const char *devargs, uint16_t *port, struct err *err)
{
	const char *args = strchr(devargs, ',');
	char full[RTE_DEV_NAME_MAX_LEN + 260];
	int rc;

	if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS)
		return err_set(
			err, ENOSPC,
			"%s: all %d ethdevs that this DPDK has room for (RTE_MAX_ETHPORTS, set "
			"when it was built) are in use; tap: endpoints don't count",
			name, RTE_MAX_ETHPORTS);
	args = args != NULL ? args + 1 : given_args(name);
	if (snprintf(full, sizeof(full), "%s%s%s", name, args != NULL ? "," : "",
		     args != NULL ? args : "") >= (int)sizeof(full))
		return err_set(err, ENAMETOOLONG, "the arguments of %s are too long", name);
	rc = check_args(name, args != NULL ? args : "", err);
	if (rc != 0)
		return rc;
	rc = rte_dev_probe(full);
	if (rc < 0 && rc != -EEXIST)
		return probe_failed(name, rc, err);
	if (find_port(name, full, port) != 0)
		return err_set(err, ENODEV, "DPDK probed %s, but it has no ethdev", name);
	return 0;
}

/* One user a port; and what a bond has taken is no port of its own any more. */
static int check_free(uint16_t port, const struct rte_eth_dev_info *info, const char *name,
		      struct err *err)
{
	uint32_t slave = 0;

#if defined(RTE_ETH_DEV_BONDING_MEMBER)
	slave = RTE_ETH_DEV_BONDING_MEMBER;
#elif defined(RTE_ETH_DEV_BONDED_SLAVE)
	slave = RTE_ETH_DEV_BONDED_SLAVE;
#endif
	if (users[port] != NULL)
		return err_set(err, EBUSY, "%s is in use by %s", name, users[port]->ep.name);
	if (info->dev_flags != NULL && (*info->dev_flags & slave) != 0)
		return err_set(err, EBUSY, "%s belongs to a net_bonding device", name);
	return 0;
}

static void read_args(struct dev *d, const struct rte_eth_dev_info *info)
{
	const struct rte_devargs *da = rte_dev_devargs(info->device);

	if (da != NULL && da->args != NULL)
		snprintf(d->args, sizeof(d->args), "%s", da->args);
}

static void remove_device(uint16_t port)
{
	struct rte_eth_dev_info info;
	uint16_t sibling;
	int rc;

	if (rte_eth_dev_info_get(port, &info) != 0)
		return;
	rte_eth_dev_close(port);
	RTE_ETH_FOREACH_DEV_OF(sibling, info.device)
	return;
	rc = rte_dev_remove(info.device);
	if (rc != 0)
		LOG(WARNING, ENDPOINT, "a closed ethdev's device could not be removed: %s",
		    strerror(-rc));
}

int dev_probe(struct dev *d, const char *devargs, struct err *err)
{
	int len = (int)strcspn(devargs, ",");
	struct rte_eth_dev_info info;
	char name[RTE_DEV_NAME_MAX_LEN];
	int rc;

	snprintf(name, sizeof(name), "%.*s", len, devargs);
	if (snprintf(name, sizeof(name), "%s%.*s", pci_domain(name), len, devargs) >=
	    (int)sizeof(name))
		return err_set(err, ENAMETOOLONG, "'%.*s' is too long for a device's name", len,
			       devargs);
	if (len == 0)
		return err_set(err, EINVAL, "dev: needs a device");
	if (find_port(name, devargs, &d->port) != 0) {
		rc = hotplug(name, devargs, &d->port, err);
		if (rc != 0)
			return rc;
		d->hotplugged = true;
	}
	rc = rte_eth_dev_info_get(d->port, &info);
	if (rc != 0)
		err_set(err, -rc, "%s: its driver tells nothing of it (%s)", name, strerror(-rc));
	else
		rc = check_free(d->port, &info, name, err);
	if (rc != 0) {
		if (d->hotplugged)
			remove_device(d->port);
		return rc;
	}
	snprintf(d->device, sizeof(d->device), "%s", rte_dev_name(info.device));
	snprintf(d->driver, sizeof(d->driver), "%s", info.driver_name);
	read_args(d, &info);
	d->quirks = dev_quirks(d->driver);
	/* Rings that somebody else made join him and us, they are no loop. */
	if (!d->hotplugged)
		d->quirks &= ~DEV_LOOPBACK;
	d->if_index = info.if_index;
	users[d->port] = d;
	stopped_given[d->port] = false;
	return 0;
}

void dev_unprobe(struct dev *d)
{
	if (users[d->port] != d)
		return;
	users[d->port] = NULL;
	if (!rte_eth_dev_is_valid_port(d->port))
		return; /* unplugged, and closed by its driver */
	rte_eth_dev_stop(d->port);
	if (d->hotplugged) {
		remove_device(d->port);
	} else if (d->quirks & DEV_STOP_ENDS) {
		remember_given(d);
		remove_device(d->port);
	} else {
		/* Kept, so that it can be opened again with what EAL was given for it. */
		stopped_given[d->port] = true;
	}
}

void dev_close_given(void)
{
	for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++) {
		if (stopped_given[port] && rte_eth_dev_is_valid_port(port))
			rte_eth_dev_close(port);
		stopped_given[port] = false;
	}
	while (givens != NULL) {
		struct given *g = givens;

		givens = g->next;
		free(g);
	}
}
