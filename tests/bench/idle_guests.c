/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests that are connected and have nothing to say.
 *
 *   bench_idle_guests DIRECTORY N
 *
 * Connects to DIRECTORY/i0.sock and so on, starts the rings, says "ready", and sleeps until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vhost_front.h"

#define SLOT 2048

static int connect_one(struct front *f, const char *directory, unsigned int i)
{
	char path[108];
	int ret;

	snprintf(path, sizeof(path), "%s/i%u.sock", directory, i);
	front_init(f, 1, SLOT);
	ret = front_connect(f, path);
	if (ret != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-ret));
		return -1;
	}
	if (front_start(f, FRONT_V1 | FRONT_PROTOCOL | FRONT_MRG))
		return 0;
	fprintf(stderr, "%s: closed\n", path);
	return -1;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct front *fronts;
	unsigned int n;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_idle_guests DIRECTORY N\n");
		return 2;
	}
	n = (unsigned int)atoi(argv[2]);
	fronts = calloc(n, sizeof(*fronts));
	/* Six descriptors each. */
	if (fronts == NULL || getrlimit(RLIMIT_NOFILE, &files) != 0 ||
	    files.rlim_max < 6ul * n + 10) {
		fprintf(stderr, "not enough memory or descriptors\n");
		return 1;
	}
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned int i = 0; i < n; i++)
		if (connect_one(&fronts[i], argv[1], i) != 0)
			return 1;
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
