/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_pause.h>

#include "dp/idle.h"

int idle_open(struct idle *i, uint64_t tsc_hz)
{
	i->tsc_per_us = RTE_MAX(tsc_hz / 1000000, UINT64_C(1));
	i->since = 0;
	i->bytes = 0;
	i->nap = false;
	i->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return i->wake < 0 ? -errno : 0;
}

void idle_close(struct idle *i)
{
	if (i->wake >= 0)
		close(i->wake);
	i->wake = -1;
}

uint32_t idle_empty_turn(struct idle *i, bool polls, uint64_t now)
{
	uint64_t us;

	if (i->since == 0)
		i->since = now;
	if (i->bytes >= IDLE_NAP_BYTES && !polls) {
		i->bytes = 0;
		i->nap = true;
		return IDLE_NAP_US;
	}
	us = (now - i->since) / i->tsc_per_us;
	if (us < IDLE_SPIN_US) {
		if (polls)
			rte_pause();
		else
			sched_yield();
		return 0;
	}
	if (!polls)
		return IDLE_LONG_US;
	return (uint32_t)RTE_MIN(us, (uint64_t)IDLE_SLICE_US);
}

void idle_sleep(struct idle *i, int epoll, uint32_t us)
{
	/* The epoll set is only watched here: the next turn takes the events out of it. */
	struct pollfd fds[] = {
		{.fd = i->wake, .events = POLLIN},
		{.fd = epoll, .events = POLLIN},
	};
	const struct timespec limit = {us / 1000000, us % 1000000 * 1000L};
	uint64_t calls;

	if (i->nap) {
		i->nap = false;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &limit, NULL);
		return;
	}
	if (ppoll(fds, RTE_DIM(fds), &limit, NULL) > 0 && fds[0].revents != 0 &&
	    read(i->wake, &calls, sizeof(calls)) < 0)
		return; /* somebody's signal came between; the next sleep ends at once */
}

void idle_wake(const struct idle *i)
{
	const uint64_t one = 1;
	int before = errno;

	/* It can only fail when the worker was called 2^64 times and never looked: then it's awake. */
	if (write(i->wake, &one, sizeof(one)) < 0)
		errno = before;
}
