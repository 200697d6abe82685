/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What net_af_xdp leaves behind when it closes. Its umem's reference count does not
 * come to zero (22.11.11), so the socket stays open and two of its rings stay mapped, and
 * with them the netdev's queue stays taken: nobody, not even we, could open it again
 * before the process ends. Sockets are told apart by their inodes; where a driver cleans up,
 * there is nothing left to do here.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "endpoint/dev.h"

/* The kernel gives a queue free on a workqueue, after a grace period. */
#define RELEASE_SECONDS 1

static uint64_t released_tsc;

static bool is_xdp_socket(int fd, ino_t *inode)
{
	int domain = 0;
	socklen_t len = sizeof(domain);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_XDP ||
	    fstat(fd, &st) != 0)
		return false;
	*inode = st.st_ino;
	return true;
}

size_t xdp_find_sockets(struct dev_socket *list, size_t max)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while (n < max && (e = readdir(dir)) != NULL) {
		list[n].fd = atoi(e->d_name);
		if (e->d_name[0] != '.' && is_xdp_socket(list[n].fd, &list[n].inode))
			n++;
	}
	closedir(dir);
	return n;
}

static bool is_in(const struct dev_socket *list, size_t n, ino_t inode)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].inode == inode)
			return true;
	return false;
}

void xdp_note_sockets(struct dev *d, const struct dev_socket *before, size_t n_before)
{
	struct dev_socket now[XDP_MAX_SOCKETS];
	size_t n = xdp_find_sockets(now, RTE_DIM(now));

	for (size_t i = 0; i < n && d->n_xdp_sockets < RTE_DIM(d->xdp_sockets); i++)
		if (!is_in(before, n_before, now[i].inode))
			d->xdp_sockets[d->n_xdp_sockets++] = now[i];
}

/* Mappings of sockets that nobody has any more; each keeps its socket alive. */
static void unmap(const struct dev_socket *left, size_t n)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		uintptr_t from, to;
		unsigned long inode;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %lu", &from, &to, &inode) ==
			    3 &&
		    inode != 0 && is_in(left, n, inode))
			munmap((void *)from, to - from);
	}
	if (f != NULL)
		fclose(f);
}

void xdp_release_sockets(struct dev *d)
{
	struct dev_socket left[DEV_MAX_SOCKETS];
	size_t n = 0;
	ino_t inode;

	for (size_t i = 0; i < d->n_xdp_sockets; i++)
		if (is_xdp_socket(d->xdp_sockets[i].fd, &inode) && inode == d->xdp_sockets[i].inode)
			left[n++] = d->xdp_sockets[i];
	if (d->n_xdp_sockets > 0)
		released_tsc = rte_rdtsc();
	if (n > 0)
		unmap(left, n);
	while (n > 0)
		close(left[--n].fd);
	d->n_xdp_sockets = 0;
}

bool xdp_may_be_busy(void)
{
	return released_tsc != 0 && rte_rdtsc() - released_tsc < RELEASE_SECONDS * rte_get_tsc_hz();
}
