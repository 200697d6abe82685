/* SPDX-License-Identifier: BSD-3-Clause */
/* Hugepages and file descriptors: what a forwarder needs of them, and what there is. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "doctor_checks.h"

#define MIB	  (UINT64_C(1) << 20)
#define HUGE_DIR  "/sys/kernel/mm/hugepages"
#define NODE_DIR  "/sys/devices/system/node"
#define PLAIN_KB  2048
#define MAX_SIZES 8
/** mbuf header, mempool's object header, and their padding. */
#define MBUF_EXTRA 256
/** Wide mbufs, for what TAPs receive: as in lib/endpoint/pools.c. */
#define WIDE_SIZE 16384
#define MAX_WIDE  1024
/** EAL's own, tables, workers. */
#define OTHER_MIB 128

/** Hugepages of one size. */
struct pages {
	unsigned long kb;
	uint64_t total, free;
	char mount[256]; /**< where hugetlbfs of this size is mounted; empty: nowhere */
};

/* `pagesize=2M` of a hugetlbfs' options; without it, the default size. */
static unsigned long mounted_kb(const char *options, unsigned long plain)
{
	const char *size = strstr(options, "pagesize=");
	unsigned long n;
	char *unit;

	if (size == NULL)
		return plain;
	n = strtoul(size + strlen("pagesize="), &unit, 10);
	return *unit == 'G' ? n << 20 : *unit == 'M' ? n << 10 : *unit == 'K' ? n : n >> 10;
}

static unsigned long default_kb(const struct doctor *d)
{
	char path[PATH_MAX], line[128];
	unsigned long kb = PLAIN_KB;
	FILE *f = sys_path(d, path, "/proc/meminfo") ? fopen(path, "re") : NULL;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Hugepagesize: %lu kB", &kb) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kb;
}

static void find_mounts(const struct doctor *d, struct pages *sizes, size_t n)
{
	char path[PATH_MAX], line[1024], where[256], options[512];
	unsigned long plain = default_kb(d);
	FILE *f = sys_path(d, path, "/proc/mounts") ? fopen(path, "re") : NULL;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%*s %255s hugetlbfs %511s", where, options) != 2)
			continue;
		for (size_t i = 0; i < n; i++)
			if (sizes[i].kb == mounted_kb(options, plain) && sizes[i].mount[0] == '\0')
				snprintf(sizes[i].mount, sizeof(sizes[i].mount), "%s", where);
	}
	if (f != NULL)
		fclose(f);
}

static size_t find_sizes(const struct doctor *d, struct pages *sizes)
{
	char path[PATH_MAX];
	DIR *dir = sys_path(d, path, HUGE_DIR) ? opendir(path) : NULL;
	const struct dirent *e;
	size_t n = 0;

	while (dir != NULL && n < MAX_SIZES && (e = readdir(dir)) != NULL) {
		struct pages *p = &sizes[n];

		if (sscanf(e->d_name, "hugepages-%lukB", &p->kb) != 1 || p->kb == 0)
			continue;
		p->total = (uint64_t)sys_number(d, 0, HUGE_DIR "/%s/nr_hugepages", e->d_name);
		p->free = (uint64_t)sys_number(d, 0, HUGE_DIR "/%s/free_hugepages", e->d_name);
		p->mount[0] = '\0';
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	find_mounts(d, sizes, n);
	return n;
}

static void find_tap(struct doctor *d, const struct place *p, void *arg)
{
	bool *found = arg;

	(void)d;
	*found |= p->ep->type == ENDPOINT_TAP;
}

/* The pool that the first TAP makes beside the one of @p n ordinary mbufs. */
static uint64_t wide_bytes(struct doctor *d, uint64_t n, uint64_t size)
{
	bool has_tap = false;

	each_endpoint(d, find_tap, &has_tap);
	if (!has_tap || size >= WIDE_SIZE)
		return 0;
	return (n / 16 < MAX_WIDE ? n / 16 : MAX_WIDE) * (WIDE_SIZE + MBUF_EXTRA);
}

/* Near what lib/ctl/control.c would ask for; the number of workers is a guess without -l. */
static uint64_t needed_mib(struct doctor *d)
{
	unsigned int workers = d->has_lcores ? cpus_count(&d->lcores) - 1 : 1;
	uint64_t n, size = 2176;

	workers = workers == 0 ? 1 : workers;
	n = 16384 + UINT64_C(8192) * workers;
	if (d->conf != NULL) {
		size = d->conf->global.mbuf_size;
		n += UINT64_C(4096) * workers * d->conf->n_ports;
		if (d->conf->global.mbufs != 0)
			n = d->conf->global.mbufs;
	}
	return OTHER_MIB + (n * (size + MBUF_EXTRA) + wide_bytes(d, n, size)) / MIB;
}

static void tell_too_few(struct doctor *d, enum level level, const struct pages *p, uint64_t need,
			 uint64_t have)
{
	unsigned long kb = p != NULL ? p->kb : PLAIN_KB;
	uint64_t more = ((need - have) * 1024 + kb - 1) / kb;
	uint64_t total = (p != NULL ? p->total : 0) + more;

	if (have == 0)
		found(d, level, "hugepages",
		      "none are free; %llu MiB are needed, or `--no-huge -m 512`%s",
		      (unsigned long long)need,
		      level == LEVEL_ERROR ? ", which a PCI device may refuse" : "");
	else
		found(d, level, "hugepages", "%llu MiB are free, and about %llu MiB needed",
		      (unsigned long long)have, (unsigned long long)need);
	mend(d, "echo %llu > " HUGE_DIR "/hugepages-%lukB/nr_hugepages", (unsigned long long)total,
	     kb);
}

/* Memory of another node costs half the speed; EAL takes none where there is none. */
static void check_node(struct doctor *d, const struct place *p, void *arg)
{
	uint64_t *told = arg;
	char addr[20];
	long long node;

	if (!pci_address(p->ep, addr))
		return;
	node = sys_number(d, -1, "/sys/bus/pci/devices/%s/numa_node", addr);
	if (node < 0 || node > 63 || (*told >> node & 1) != 0 ||
	    !sys_exists(d, NODE_DIR "/node%lld/hugepages", node))
		return;
	*told |= UINT64_C(1) << node;
	if (sys_number(d, 0, NODE_DIR "/node%lld/hugepages/hugepages-2048kB/nr_hugepages", node) >
		    0 ||
	    sys_number(d, 0, NODE_DIR "/node%lld/hugepages/hugepages-1048576kB/nr_hugepages",
		       node) > 0)
		return;
	found(d, LEVEL_WARNING, "hugepages", "NUMA node %lld, where %s is, has none", node, addr);
	mend(d, "echo %llu > " NODE_DIR "/node%lld/hugepages/hugepages-2048kB/nr_hugepages",
	     (unsigned long long)(needed_mib(d) + 1) / 2, node);
}

void check_hugepages(struct doctor *d)
{
	enum level level = needs_pci(d) ? LEVEL_ERROR : LEVEL_WARNING;
	struct pages sizes[MAX_SIZES], *best = NULL, *plain = NULL;
	size_t n = find_sizes(d, sizes);
	uint64_t need = needed_mib(d), have = 0, told = 0;

	if (d->no_huge) {
		found(d, LEVEL_OK, "hugepages", "not used (--no-huge)");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct pages *p = &sizes[i];
		uint64_t mib = (d->running ? p->total : p->free) * p->kb / 1024;

		if (p->kb == PLAIN_KB)
			plain = p;
		if (p->total > 0 && p->mount[0] == '\0') {
			found(d, level, "hugepages", "those of %lu KiB are mounted nowhere", p->kb);
			mend(d,
			     "mkdir -p /dev/hugepages && mount -t hugetlbfs -o pagesize=%luK nodev "
			     "/dev/hugepages",
			     p->kb);
			return;
		}
		have += mib;
		if (mib > 0)
			best = p;
	}
	if (n == 0) {
		found(d, level, "hugepages", "this kernel has none: only `--no-huge -m 512` runs");
		return;
	}
	if (have < need)
		tell_too_few(d, level, best != NULL ? best : plain, need, have);
	else
		found(d, LEVEL_OK, "hugepages", "%llu of %llu are free, %lu KiB each, at %s",
		      (unsigned long long)best->free, (unsigned long long)best->total, best->kb,
		      best->mount);
	if (have > 0)
		each_endpoint(d, check_node, &told);
}

/* ---- descriptors ---- */

static void count_descriptors(struct doctor *d, const struct place *p, void *arg)
{
	uint64_t *n = arg;

	(void)d;
	switch (p->ep->type) {
	case ENDPOINT_TAP: /* and its namespace, if it has one of its own: netlink, multicast, itself */
		*n += p->queues + (p->ep->netns != NULL ? 4 : 0);
		break;
	case ENDPOINT_DEV:
		*n += 4 + 2ULL * p->queues;
		break;
	case ENDPOINT_VHOST: /* listening, the connection, a kick and a call for each of two rings */
		*n += 4 + 4ULL * p->queues;
		break;
	default:
		break;
	}
}

/* May this user raise his own limit? CAP_SYS_RESOURCE is bit 24. */
static bool may_raise(void)
{
	char line[128];
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (caps >> 24 & 1) != 0;
}

void check_nofile(struct doctor *d)
{
	long long nr_open = sys_number(d, 1 << 20, "/proc/sys/fs/nr_open");
	struct rlimit r = {0};
	uint64_t need = 128, have;

	each_endpoint(d, count_descriptors, &need);
	getrlimit(RLIMIT_NOFILE, &r);
	/* The daemon raises its own limit as far as it may. */
	have = may_raise() && r.rlim_max < (rlim_t)nr_open ? (uint64_t)nr_open : r.rlim_max;
	if (have >= need) {
		found(d, LEVEL_OK, "descriptors", "about %llu are needed, %llu allowed",
		      (unsigned long long)need, (unsigned long long)have);
		return;
	}
	found(d, LEVEL_ERROR, "descriptors", "about %llu are needed, and %llu allowed%s",
	      (unsigned long long)need, (unsigned long long)have,
	      may_raise() ? " (fs.nr_open)" : " (RLIMIT_NOFILE)");
	if (may_raise())
		mend(d, "sysctl -w fs.nr_open=%llu", (unsigned long long)need * 2);
	else
		mend(d, "prlimit --pid $$ --nofile=%llu   (as root; in a unit: LimitNOFILE=%llu)",
		     (unsigned long long)need * 2, (unsigned long long)need * 2);
}
