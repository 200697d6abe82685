/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "endpoint/watch_closer.h"

static bool is_running;
static int pipe_ends[2];
static pthread_t thread;

static void *closer_main(void *arg)
{
	int fd;

	(void)arg;
	while (read(pipe_ends[0], &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	return NULL;
}

int watch_closer_start(void)
{
	sigset_t all, old;
	int ret;

	if (pipe2(pipe_ends, O_CLOEXEC) != 0)
		return -errno;
	fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
	/* Signals are for the thread that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, NULL, closer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0) {
		close(pipe_ends[0]);
		close(pipe_ends[1]);
	}
	is_running = ret == 0;
	return -ret;
}

void watch_closer_stop(void)
{
	if (!is_running)
		return;
	is_running = false;
	close(pipe_ends[1]);
	pthread_join(thread, NULL);
	close(pipe_ends[0]);
}

void watch_closer_close(int fd)
{
	if (!is_running || write(pipe_ends[1], &fd, sizeof(fd)) != sizeof(fd))
		close(fd);
}
