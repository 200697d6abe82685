/* SPDX-License-Identifier: BSD-3-Clause */
/* Cores that workers poll on, and the rights that endpoints need. */
#include <stdio.h>
#include <string.h>

#include "doctor_checks.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* The workers' cores: all of -l but the first, which controls; without -l all but core 0. */
static struct cpus workers_of(const struct doctor *d, const struct cpus *online)
{
	struct cpus set = d->has_lcores ? d->lcores : *online;
	bool first = true;

	if (cpus_count(&set) < 2)
		return set;
	for (size_t i = 0; first && i < MAX_CPUS / 64; i++) {
		if (set.bits[i] == 0)
			continue;
		set.bits[i] &= set.bits[i] - 1;
		first = false;
	}
	return set;
}

static void check_isolation(struct doctor *d, const struct cpus *workers)
{
	char isolated[256] = "", list[256];
	struct cpus set = {0};
	bool all = true;

	cpus_format(workers, list, sizeof(list));
	if (sys_line(d, isolated, sizeof(isolated), CPU_DIR "/isolated"))
		cpus_parse(&set, isolated);
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		all &= !cpus_has(workers, i) || cpus_has(&set, i);
	/* Without -l, any isolated core will do. */
	if (d->has_lcores ? all : cpus_count(&set) > 0) {
		found(d, LEVEL_OK, "isolation", "cores %s are isolated", isolated);
		return;
	}
	found(d, LEVEL_WARNING, "isolation",
	      "%s: workers share their cores with other programs, and frames are late or lost then",
	      isolated[0] != '\0' ? "not all lcores are isolated" : "no core is isolated");
	mend(d,
	     "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX isolcpus=%s nohz_full=%s "
	     "rcu_nocbs=%s\"' >> "
	     "/etc/default/grub && update-grub && reboot",
	     list, list, list);
}

static void check_governor(struct doctor *d, const struct cpus *workers)
{
	char governor[32];

	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		if (!cpus_has(workers, i) ||
		    !sys_line(d, governor, sizeof(governor),
			      CPU_DIR "/cpu%u/cpufreq/scaling_governor", i) ||
		    strcmp(governor, "performance") == 0)
			continue;
		found(d, LEVEL_WARNING, "frequency",
		      "core %u's governor is %s: it is slow at first", i, governor);
		mend(d, "for f in " CPU_DIR
			"/cpu*/cpufreq/scaling_governor; do echo performance > $f; done");
		return;
	}
}

static void check_list(struct doctor *d, const struct cpus *workers, const struct lcore_set *set,
		       const char *kind, const char *name)
{
	char list[256];

	if (set->all)
		return;
	for (unsigned int i = 0; i < CONF_MAX_WORKERS; i++)
		if ((set->bits[i / 64] >> i % 64 & 1) != 0 && cpus_has(workers, i))
			return;
	cpus_format(workers, list, sizeof(list));
	found(d, LEVEL_ERROR, "cores",
	      "[%s %s] workers: none of them forwards; -l leaves %s for it", kind, name, list);
}

/* `workers =`, where it is known who they are. */
static void check_lists(struct doctor *d, const struct cpus *workers)
{
	const struct conf *c = d->conf;

	if (c == NULL || !d->has_lcores)
		return;
	for (size_t i = 0; i < c->n_ports; i++)
		check_list(d, workers, &c->ports[i].workers, "port", c->ports[i].name);
	for (size_t i = 0; i < c->n_vnics; i++)
		check_list(d, workers, &c->vnics[i].workers, "vnic", c->vnics[i].name);
}

void check_cores(struct doctor *d)
{
	struct cpus online, workers;
	char list[256], wrong[256];

	if (!sys_line(d, list, sizeof(list), CPU_DIR "/online") || !cpus_parse(&online, list))
		return;
	if (d->has_lcores) {
		struct cpus missing = d->lcores;

		for (size_t i = 0; i < MAX_CPUS / 64; i++)
			missing.bits[i] &= ~online.bits[i];
		cpus_format(&missing, wrong, sizeof(wrong));
		if (cpus_count(&missing) > 0) {
			found(d, LEVEL_ERROR, "cores", "-l names %s, and this machine has %s",
			      wrong, list);
			return;
		}
	}
	if (cpus_count(&online) < 2)
		found(d, LEVEL_WARNING, "cores",
		      "there is one core: a worker polls it all the time");
	workers = workers_of(d, &online);
	check_lists(d, &workers);
	check_isolation(d, &workers);
	check_governor(d, &workers);
}

/* ---- capabilities: measured, docs/operations.md tells how ---- */

enum {
	NET_ADMIN = 1 << 0,
	NET_RAW = 1 << 1,
	SYS_ADMIN = 1 << 2,
	SYS_PTRACE = 1 << 3,
	SYS_RAWIO = 1 << 4,
	IPC_LOCK = 1 << 5,
};

static void add_capabilities(struct doctor *d, const struct place *p, void *arg)
{
	const struct endpoint_conf *ep = p->ep;
	unsigned int *caps = arg;
	char addr[20], group[32];

	if (ep->type == ENDPOINT_TAP) {
		*caps |= NET_ADMIN;
		if (ep->netns != NULL)
			*caps |= SYS_ADMIN;
		if (ep->netns != NULL && ep->netns[strspn(ep->netns, "0123456789")] == '\0')
			*caps |= SYS_PTRACE;
	}
	if (ep->type != ENDPOINT_DEV)
		return;
	if (pci_address(ep, addr)) {
		*caps |= IPC_LOCK;
		if (sys_exists(d, "/sys/bus/pci/devices/%s", addr) &&
		    !sys_link(d, group, sizeof(group), "/sys/bus/pci/devices/%s/iommu_group", addr))
			*caps |= SYS_RAWIO;
	} else if (strncmp(ep->target, "net_af_packet", 13) == 0) {
		*caps |= NET_ADMIN | NET_RAW;
	} else if (strncmp(ep->target, "net_af_xdp", 10) == 0) {
		*caps |= NET_ADMIN | NET_RAW | SYS_ADMIN | IPC_LOCK;
	} else if (strncmp(ep->target, "net_tap", 7) == 0 ||
		   strstr(ep->target, "/dev/vhost-net") != NULL) {
		*caps |= NET_ADMIN;
	} else if (strncmp(ep->target, "net_pcap", 8) == 0 &&
		   strstr(ep->target, "iface=") != NULL) {
		*caps |= NET_RAW;
	}
}

void check_capabilities(struct doctor *d)
{
	static const char *const names[] = {"CAP_NET_ADMIN",  "CAP_NET_RAW",   "CAP_SYS_ADMIN",
					    "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_IPC_LOCK"};
	unsigned int caps = 0;
	char list[256] = "";
	size_t n = 0;

	if (d->conf == NULL)
		return;
	each_endpoint(d, add_capabilities, &caps);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((caps >> i & 1) != 0)
			n += (size_t)snprintf(list + n, sizeof(list) - n, " %s", names[i]);
	found(d, LEVEL_OK, "rights", "this file needs%s",
	      caps != 0 ? list : " no capability: any user may run it");
}
