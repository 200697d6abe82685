/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many guests in one process, for functional tests: vhost_guests FORMAT N [packed]. Guest i connects to
 * the socket that FORMAT's %d makes of i and sends back each frame that it receives, with its addresses
 * swapped. `ready` on stdout: all have begun. Ends when stdin does.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vhost_front.h"

#define FRAME_MAX  2000
#define PATIENCE_S 30
#define PAUSE_US   200

/* FORMAT is a test's own word, but the compiler wouldn't know. */
static void path_of(char *buf, size_t len, const char *format, unsigned int i)
{
	const char *at = strstr(format, "%d");

	if (at == NULL)
		snprintf(buf, len, "%s", format);
	else
		snprintf(buf, len, "%.*s%u%s", (int)(at - format), format, i, at + 2);
}

/* It may be sent away for a moment, when others have just left. */
static bool begin(struct front *f, const char *path, uint64_t features)
{
	front_init(f, 1, 2048);
	for (int tries = 0; tries < PATIENCE_S * 50; tries++) {
		if (front_connect(f, path) == 0) {
			if (front_start(f, features))
				return true;
			front_disconnect(f);
		}
		usleep(20000);
	}
	return false;
}

static unsigned int echo(struct front *f)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	uint8_t b[FRAME_MAX], mac[6];
	unsigned int n = 0;
	int len;

	while ((len = front_receive(f, 0, &h, b, sizeof(b))) >= 12) {
		memcpy(mac, b, 6);
		memcpy(b, b + 6, 6);
		memcpy(b + 6, mac, 6);
		front_send(f, 0, NULL, b, (size_t)len);
		n++;
	}
	return n;
}

static bool has_ended(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	const struct rlimit files = {8192, 8192};
	unsigned int n = argc > 2 ? (unsigned int)atoi(argv[2]) : 0;
	uint64_t features = argc > 3 && strcmp(argv[3], "packed") == 0 ? FRONT_PACKED : 0;
	struct front *fronts = calloc(n, sizeof(*fronts));
	char path[108];

	if (n == 0 || fronts == NULL || setrlimit(RLIMIT_NOFILE, &files) != 0)
		return 2;
	for (unsigned int i = 0; i < n; i++) {
		path_of(path, sizeof(path), argv[1], i);
		if (!begin(&fronts[i], path, features)) {
			printf("guest %u isn't let in at %s\n", i, path);
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	while (!has_ended()) {
		unsigned int frames = 0;

		for (unsigned int i = 0; i < n; i++)
			frames += echo(&fronts[i]);
		if (frames == 0)
			usleep(PAUSE_US);
	}
	for (unsigned int i = 0; i < n; i++)
		front_destroy(&fronts[i]);
	free(fronts);
	return 0;
}
