/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket, TAPs and the namespaces that they are made in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "doctor_checks.h"

/** Names told of those that are missing; the rest is counted. */
#define MAX_TOLD 50

static bool is_answered(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return false;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		rc = connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
		/* EAGAIN: it listens, and is busy. */
		rc = rc != 0 && errno != EAGAIN ? -1 : 0;
		close(fd);
	}
	return rc == 0;
}

void check_socket(struct doctor *d)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct stat st;
	char *slash;

	if (!sys_path(d, path, "%s", d->socket))
		return;
	snprintf(dir, sizeof(dir), "%s", d->socket);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	if (slash != NULL && !sys_exists(d, "%s", dir)) {
		found(d, LEVEL_ERROR, "socket", "%s: its directory does not exist", d->socket);
		mend(d, "mkdir -p %s", sys_quote(dir));
	} else if (lstat(path, &st) != 0) {
		found(d, LEVEL_OK, "socket", "%s is free", d->socket);
	} else if (is_answered(path)) {
		d->running = true;
		found(d, LEVEL_OK, "socket",
		      "a dpdk-vnic answers at %s; a second one needs another", d->socket);
	} else if (!S_ISSOCK(st.st_mode)) {
		found(d, LEVEL_ERROR, "socket", "%s is there, and is no socket: it is not replaced",
		      d->socket);
		mend(d, "mv %s %s.old", sys_quote(d->socket), d->socket);
	} else {
		found(d, LEVEL_OK, "socket", "%s was left behind, and will be replaced", d->socket);
	}
}

void check_iproute(struct doctor *d)
{
	if (sys_program(d, "ip")) {
		found(d, LEVEL_OK, "iproute2", "is installed");
		return;
	}
	found(d, LEVEL_WARNING, "iproute2", "is not installed: no `ip` to make namespaces with");
	mend(d, "apt-get install iproute2");
}

/* ---- TAPs ---- */

static void count_taps(struct doctor *d, const struct place *p, void *arg)
{
	(void)d;
	*(size_t *)arg +=
		p->ep->type == ENDPOINT_TAP ||
		(p->ep->type == ENDPOINT_DEV && strncmp(p->ep->target, "net_tap", 7) == 0);
}

void check_tun(struct doctor *d)
{
	char path[PATH_MAX];
	struct stat st;
	size_t n = 0;

	each_endpoint(d, count_taps, &n);
	if (n == 0 && d->conf != NULL)
		return;
	if (!sys_path(d, path, "/dev/net/tun"))
		return;
	if (stat(path, &st) != 0) {
		found(d, n > 0 ? LEVEL_ERROR : LEVEL_WARNING, "tun",
		      "/dev/net/tun does not exist: no TAP can be made");
		if (sys_exists(d, "/sys/class/misc/tun"))
			mend(d, "mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200");
		else
			mend(d, "modprobe tun");
	} else if (!S_ISCHR(st.st_mode)) {
		found(d, n > 0 ? LEVEL_ERROR : LEVEL_WARNING, "tun", "/dev/net/tun is no device");
		mend(d, "rm /dev/net/tun && mknod -m 666 /dev/net/tun c 10 200");
	} else if (access(path, R_OK | W_OK) != 0) {
		found(d, LEVEL_WARNING, "tun", "/dev/net/tun can't be opened by this user");
		mend(d, "chmod 666 /dev/net/tun");
	} else {
		found(d, LEVEL_OK, "tun", "/dev/net/tun is there");
	}
}

/* ---- namespaces ---- */

struct names {
	const char **list;
	size_t n, room;
};

static void add_name(struct doctor *d, const struct place *p, void *arg)
{
	struct names *names = arg;

	(void)d;
	if (p->ep->type != ENDPOINT_TAP || p->ep->netns == NULL)
		return;
	if (names->n == names->room) {
		size_t room = names->room == 0 ? 64 : names->room * 2;
		const char **grown = reallocarray(names->list, room, sizeof(*grown));

		if (grown == NULL)
			return;
		names->list = grown;
		names->room = room;
	}
	names->list[names->n++] = p->ep->netns;
}

/* client2 before client10 */
static int compare(const void *a, const void *b)
{
	return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_pid(const char *spec)
{
	return spec[strspn(spec, "0123456789")] == '\0';
}

static bool has_path(const struct doctor *d, const char *spec, char path[PATH_MAX])
{
	if (spec[0] == '/')
		return sys_path(d, path, "%s", spec);
	return sys_path(d, path, is_pid(spec) ? "/proc/%s/ns/net" : "/run/netns/%s", spec);
}

/* Below another root there are plain files. */
static bool is_namespace(const struct doctor *d, const char *path)
{
	struct statfs fs;

	return d->root[0] != '\0' || (statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC);
}

static void tell_missing(struct doctor *d, const struct names *missing, size_t n_all)
{
	char list[2000];
	size_t len = 0, told = 0;

	for (; told < missing->n && told < MAX_TOLD && len + 300 < sizeof(list); told++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.250s",
					told > 0 ? " " : "", sys_quote(missing->list[told]));
	found(d, LEVEL_WARNING, "namespaces", "%zu of %zu do not exist; their TAPs wait for them%s",
	      missing->n, n_all, told < missing->n ? " (not all are named here)" : "");
	if (missing->n == 1)
		mend(d, "ip netns add %s", list);
	else
		mend(d, "for n in %s; do ip netns add $n; done", list);
}

void check_namespaces(struct doctor *d)
{
	struct names names = {0}, missing = {0};
	size_t n = 0, gone = 0;

	each_endpoint(d, add_name, &names);
	if (names.n > 0)
		qsort(names.list, names.n, sizeof(*names.list), compare);
	missing.list = names.list; /* in place: never more than were looked at */
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];
		char path[PATH_MAX];

		if (i + 1 < names.n && strcmp(name, names.list[i + 1]) == 0)
			continue;
		n++;
		if (has_path(d, name, path) && access(path, F_OK) == 0) {
			if (is_namespace(d, path))
				continue;
			found(d, LEVEL_WARNING, "namespaces", "%s is no network namespace", path);
			if (name[0] != '/')
				mend(d, "ip netns delete %s; ip netns add %s", sys_quote(name),
				     name);
		} else if (name[0] == '/' || is_pid(name)) {
			found(d, LEVEL_WARNING, "namespaces",
			      "there is no %s%s; its TAP waits for it",
			      name[0] == '/' ? "" : "process ", name);
		} else {
			missing.list[missing.n++] = name;
			continue;
		}
		gone++;
	}
	if (missing.n > 0)
		tell_missing(d, &missing, n);
	else if (n > 0 && gone == 0)
		found(d, LEVEL_OK, "namespaces", "all %zu are there", n);
	free(names.list);
}
