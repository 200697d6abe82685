/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time of a request and its answer: one datagram there, one back, the next.
 *
 *   bench_pingpong server ADDRESS PORT
 *   bench_pingpong client ADDRESS PORT SECONDS
 *
 * The client prints "N MEDIAN P99" in nanoseconds. A datagram that doesn't come back within 200 ms is asked for
 * anew and not counted.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAX_SAMPLES 2000000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int serve(int fd, const struct sockaddr_in *own)
{
	char data[64];

	if (bind(fd, (const struct sockaddr *)own, sizeof(*own)) != 0) {
		perror("bind");
		return 1;
	}
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &len);

		if (n > 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&peer, len);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The answer to request @p number, and not a late one to an earlier. */
static int ask(int fd, uint64_t number)
{
	uint64_t answer;

	if (send(fd, &number, sizeof(number), 0) < 0)
		return -1;
	do {
		if (recv(fd, &answer, sizeof(answer), 0) != sizeof(answer))
			return -1;
	} while (answer != number);
	return 0;
}

static int measure(int fd, const struct sockaddr_in *peer, uint64_t ns)
{
	struct timeval limit = {.tv_usec = 200000};
	uint64_t *samples = calloc(MAX_SAMPLES, sizeof(*samples));
	uint64_t end, number = 0;
	size_t n = 0;

	if (samples == NULL || connect(fd, (const struct sockaddr *)peer, sizeof(*peer)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0) {
		perror("pingpong");
		free(samples);
		return 1;
	}
	for (end = now() + ns; now() < end && n < MAX_SAMPLES;) {
		uint64_t begin = now();

		if (ask(fd, number++) == 0)
			samples[n++] = now() - begin;
	}
	if (n > 0) {
		qsort(samples, n, sizeof(*samples), compare);
		printf("%zu %lu %lu\n", n, samples[n / 2], samples[n - 1 - n / 100]);
	}
	free(samples);
	return n > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc < 4 || fd < 0 || inet_pton(AF_INET, argv[2], &addr.sin_addr) != 1) {
		fprintf(stderr, "usage: bench_pingpong server|client ADDRESS PORT [SECONDS]\n");
		return 2;
	}
	addr.sin_port = htons((uint16_t)atoi(argv[3]));
	if (strcmp(argv[1], "server") == 0)
		return serve(fd, &addr);
	return measure(fd, &addr, (uint64_t)(1e9 * (argc > 4 ? atof(argv[4]) : 2)));
}
