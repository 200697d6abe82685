/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor_checks.h"

static bool path_of(const struct doctor *d, char path[PATH_MAX], const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
static bool path_of(const struct doctor *d, char path[PATH_MAX], const char *fmt, va_list ap)
{
	int n = snprintf(path, PATH_MAX, "%s", d->root);
	int m;

	if (n < 0 || n >= PATH_MAX)
		return false;
	m = vsnprintf(path + n, (size_t)(PATH_MAX - n), fmt, ap);
	return m >= 0 && m < PATH_MAX - n;
}

bool sys_path(const struct doctor *d, char path[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = path_of(d, path, fmt, ap);
	va_end(ap);
	return fits;
}

bool sys_exists(const struct doctor *d, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = path_of(d, path, fmt, ap);
	va_end(ap);
	return fits && access(path, F_OK) == 0;
}

static bool read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	bool got;

	if (f == NULL)
		return false;
	got = fgets(buf, (int)len, f) != NULL;
	fclose(f);
	if (got)
		buf[strcspn(buf, "\n")] = '\0';
	return got;
}

bool sys_line(const struct doctor *d, char *buf, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = path_of(d, path, fmt, ap);
	va_end(ap);
	return fits && read_line(path, buf, len);
}

long long sys_number(const struct doctor *d, long long otherwise, const char *fmt, ...)
{
	char path[PATH_MAX], line[64], *end;
	long long n = otherwise;
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = path_of(d, path, fmt, ap);
	va_end(ap);
	if (fits && read_line(path, line, sizeof(line))) {
		n = strtoll(line, &end, 10);
		if (end == line)
			n = otherwise;
	}
	return n;
}

bool sys_link(const struct doctor *d, char *buf, size_t len, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	va_list ap;
	ssize_t n;
	bool fits;

	va_start(ap, fmt);
	fits = path_of(d, path, fmt, ap);
	va_end(ap);
	n = fits ? readlink(path, target, sizeof(target) - 1) : -1;
	if (n < 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(buf, len, "%s", slash != NULL ? slash + 1 : target);
	return true;
}

bool sys_program(const struct doctor *d, const char *name)
{
	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					   "/usr/bin",	      "/sbin",		"/bin"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (sys_exists(d, "%s/%s", dirs[i], name))
			return true;
	return false;
}

const char *sys_quote(const char *word)
{
	static char quoted[4 * PATH_MAX + 3];
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./:,=+@%";
	size_t n = 0;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0')
		return word;
	quoted[n++] = '\'';
	for (; *word != '\0' && n < sizeof(quoted) - 6; word++) {
		if (*word == '\'') {
			memcpy(quoted + n, "'\\''", 4);
			n += 4;
		} else {
			quoted[n++] = *word;
		}
	}
	quoted[n++] = '\'';
	quoted[n] = '\0';
	return quoted;
}

/* ---- lists of CPUs ---- */

bool cpus_parse(struct cpus *set, const char *list)
{
	memset(set, 0, sizeof(*set));
	while (isdigit((unsigned char)*list)) {
		char *end;
		unsigned long first = strtoul(list, &end, 10);
		unsigned long last = first;

		if (end[0] == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (first >= MAX_CPUS || last >= MAX_CPUS || last < first)
			return false;
		for (; first <= last; first++)
			set->bits[first / 64] |= UINT64_C(1) << first % 64;
		list = *end == ',' ? end + 1 : end;
	}
	return *list == '\0' && cpus_count(set) > 0;
}

bool cpus_has(const struct cpus *set, unsigned int cpu)
{
	return cpu < MAX_CPUS && (set->bits[cpu / 64] >> cpu % 64 & 1) != 0;
}

unsigned int cpus_count(const struct cpus *set)
{
	unsigned int n = 0;

	for (size_t i = 0; i < MAX_CPUS / 64; i++)
		n += (unsigned int)__builtin_popcountll(set->bits[i]);
	return n;
}

bool cpus_overlap(const struct cpus *a, const struct cpus *b)
{
	for (size_t i = 0; i < MAX_CPUS / 64; i++)
		if ((a->bits[i] & b->bits[i]) != 0)
			return true;
	return false;
}

void cpus_format(const struct cpus *set, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < MAX_CPUS && n + 16 < len; i++) {
		unsigned int first = i;

		if (!cpus_has(set, i))
			continue;
		while (cpus_has(set, i + 1))
			i++;
		n += (size_t)snprintf(buf + n, len - n, "%s%u", n > 0 ? "," : "", first);
		if (i > first)
			n += (size_t)snprintf(buf + n, len - n, "%c%u", i > first + 1 ? '-' : ',',
					      i);
	}
}

/* ---- the file's endpoints ---- */

void each_endpoint(struct doctor *d, void (*fn)(struct doctor *d, const struct place *p, void *arg),
		   void *arg)
{
	const struct conf *c = d->conf;
	struct place p;

	for (size_t i = 0; c != NULL && i < c->n_ports; i++) {
		const struct port_conf *port = &c->ports[i];

		p.ep = &port->device;
		p.queues = port->queues != 0 ? port->queues : 1;
		snprintf(p.name, sizeof(p.name), "[port %s] device", port->name);
		fn(d, &p, arg);
		p.ep = &port->host;
		p.queues = port->host.queues != 0 ? port->host.queues : 1;
		snprintf(p.name, sizeof(p.name), "[port %s] host", port->name);
		if (port->has_host)
			fn(d, &p, arg);
	}
	for (size_t i = 0; c != NULL && i < c->n_vnics; i++) {
		p.ep = &c->vnics[i].endpoint;
		p.queues = c->vnics[i].queues;
		snprintf(p.name, sizeof(p.name), "[vnic %s] endpoint", c->vnics[i].name);
		fn(d, &p, arg);
	}
}

bool pci_address(const struct endpoint_conf *ep, char addr[20])
{
	unsigned int domain = 0, bus, device, function;
	const char *s = ep->target;
	int n = 0;

	if (ep->type != ENDPOINT_DEV)
		return false;
	if (strncmp(s, "pci:", 4) == 0)
		s += 4;
	if (sscanf(s, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &n) != 4 || n == 0) {
		domain = 0;
		if (sscanf(s, "%2x:%2x.%1x%n", &bus, &device, &function, &n) != 3)
			return false;
	}
	if (s[n] != '\0' && s[n] != ',')
		return false;
	snprintf(addr, 20, "%04x:%02x:%02x.%x", domain, bus & 0xff, device & 0xff, function & 0xf);
	return true;
}

static void note_pci(struct doctor *d, const struct place *p, void *arg)
{
	char addr[20];

	(void)d;
	*(bool *)arg |= pci_address(p->ep, addr);
}

bool needs_pci(struct doctor *d)
{
	bool any = false;

	each_endpoint(d, note_pci, &any);
	return any;
}
