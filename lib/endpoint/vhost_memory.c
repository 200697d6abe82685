/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory is a file that its front end can shorten at any time. Who touches
 * what is gone gets SIGBUS, which would be the end of everybody's forwarder. The handler
 * puts ordinary memory in its place and leaves word, so that the worker takes no
 * more from that guest. Any thread; async-signal-safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "endpoint/vhost.h"

static __thread bool was_cut;
static struct sigaction former;

bool vhost_memory_was_cut(void)
{
	return was_cut;
}

void vhost_memory_begin(void)
{
	was_cut = false;
}

/* Reads a hexadecimal number; *@s is moved behind it. */
static uintptr_t parse_hex(const char **s)
{
	uintptr_t n = 0;

	for (;; (*s)++) {
		char c = **s;

		if (c >= '0' && c <= '9')
			n = n * 16 + (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (uintptr_t)(c - 'a' + 10);
		else
			return n;
	}
}

/* A line of /proc/self/maps: the end of the mapping if it is shared, writable, and has @addr. */
static uintptr_t match_line(const char *line, uintptr_t addr)
{
	uintptr_t start = parse_hex(&line), end;

	if (*line++ != '-')
		return 0;
	end = parse_hex(&line);
	/* " rw-s" */
	return addr >= start && addr < end && strncmp(line, " rw-s", 5) == 0 ? end : 0;
}

/* The end of the shared mapping that @addr is in; 0: it is in none. */
static uintptr_t find_mapping(uintptr_t addr)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char buf[1024], line[64];
	size_t at = 0;
	uintptr_t end = 0;
	ssize_t n;

	while (fd >= 0 && end == 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n && end == 0; i++) {
			if (buf[i] != '\n') {
				if (at < sizeof(line) - 1)
					line[at++] = buf[i];
				continue;
			}
			line[at] = '\0';
			at = 0;
			end = match_line(line, addr);
		}
	}
	if (fd >= 0)
		close(fd);
	return end;
}

/* What is missing is missing up to the end. Huge pages can't be cut in two: then from an earlier place. */
static bool replace(uintptr_t addr, uintptr_t end)
{
	static const uintptr_t page_sizes[] = {4096, 2u << 20, 1u << 30};

	for (size_t i = 0; i < RTE_DIM(page_sizes); i++) {
		uintptr_t start = addr & ~(page_sizes[i] - 1);

		if (mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) != MAP_FAILED)
			return true;
	}
	return false;
}

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	uintptr_t addr = (uintptr_t)info->si_addr, end = 0;

	(void)context;
	if (info->si_code == BUS_ADRERR)
		end = find_mapping(addr);
	if (end == 0 || !replace(addr, end))
		sigaction(sig, &former,
			  NULL); /* not a guest's: it happens again, to whom it would have */
	was_cut = true;
	errno = saved;
}

int vhost_memory_guard(void)
{
	struct sigaction mine = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) != 0)
		return -errno;
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error)
		return 0;
	former = now;
	return sigaction(SIGBUS, &mine, NULL) == 0 ? 0 : -errno;
}
