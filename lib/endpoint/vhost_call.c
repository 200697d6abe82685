/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts for guests. The descriptor is one that the front end gave, and shares: who fills its counter and sees to it
 * that writers wait would hold a worker for ever, and with it everybody's frames. So a thread looks after those who
 * call, and gets them out of the system call with a signal.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_atomic.h>

#include "endpoint/vhost.h"

#define LOOK_MS	  20 /* who is in the same call at two looks waits */
#define LAZY_MS	  200 /* while nobody calls */
#define N_CALLERS 256u
#define SIGNAL	  SIGRTMIN

/** A thread that calls. */
struct __rte_cache_aligned caller {
	uint32_t calls; /**< begun and ended: odd inside of one; caller: w, guard: ro */
	uint32_t seen; /**< the guard's: when it last looked */
	pid_t tid;
};

static struct caller callers[N_CALLERS];
static unsigned int n_callers; /* atomic; they stay */
static __thread struct caller *mine;

static pthread_t guard;
static bool has_guard;
static int over = -1; /* readable: the guard shall end */

/* ---- the guard ------------------------------------------------------------------------ */

static void on_signal(int sig)
{
	(void)sig;
}

/* True: somebody has called since the last time. */
static bool look(void)
{
	unsigned int n = RTE_MIN(__atomic_load_n(&n_callers, __ATOMIC_ACQUIRE), N_CALLERS);
	bool some = false;

	for (unsigned int i = 0; i < n; i++) {
		struct caller *c = &callers[i];
		uint32_t calls = __atomic_load_n(&c->calls, __ATOMIC_RELAXED);
		pid_t tid = __atomic_load_n(&c->tid, __ATOMIC_RELAXED);

		if (calls % 2 == 1 && calls == c->seen && tid != 0)
			syscall(SYS_tgkill, getpid(), tid, SIGNAL);
		some |= calls != c->seen || calls % 2 == 1;
		c->seen = calls;
	}
	return some;
}

static void *watch_callers(void *arg)
{
	struct pollfd p = {.fd = over, .events = POLLIN};

	(void)arg;
	while (poll(&p, 1, look() ? LOOK_MS : LAZY_MS) <= 0)
		;
	return NULL;
}

int vhost_call_guard(void)
{
	struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART */
	sigset_t all, old;
	int ret;

	if (has_guard)
		return 0;
	if (sigaction(SIGNAL, &act, NULL) != 0)
		return -errno;
	over = eventfd(0, EFD_CLOEXEC);
	if (over < 0)
		return -errno;
	/* Signals are for the thread that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&guard, NULL, watch_callers, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	has_guard = ret == 0;
	if (!has_guard)
		close(over);
	return -ret;
}

void vhost_call_leave(void)
{
	if (!has_guard)
		return;
	eventfd_write(over, 1);
	pthread_join(guard, NULL);
	close(over);
	has_guard = false;
}

/* ---- calling -------------------------------------------------------------------------- */

bool vhost_call_is_possible(int fd)
{
	static const char eventfd_name[] = "anon_inode:[eventfd]";
	char path[40], name[sizeof(eventfd_name)];
	ssize_t n;

	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name));
	return n < 0 ||
	       (n == sizeof(eventfd_name) - 1 && memcmp(name, eventfd_name, (size_t)n) == 0);
}

/* Who finds no place any more is let wait. */
static struct caller *begin(void)
{
	static struct caller nobody;
	unsigned int i = __atomic_fetch_add(&n_callers, 1, __ATOMIC_RELAXED);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (i >= N_CALLERS)
		return &nobody;
	__atomic_store_n(&callers[i].tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
	return &callers[i];
}

/* False: it would have waited. */
static bool call(int fd)
{
	const uint64_t one = 1;
	struct caller *c = mine;
	ssize_t n;

	if (unlikely(c == NULL))
		c = mine = begin();
	__atomic_store_n(&c->calls, c->calls + 1, __ATOMIC_SEQ_CST);
	n = write(fd, &one, sizeof(one));
	__atomic_store_n(&c->calls, c->calls + 1, __ATOMIC_RELEASE);
	return n >= 0 || errno != EINTR;
}

/* Was the place or index passed, between @old and @now, that the guest wants to hear of? */
static inline bool is_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static bool wants_split(struct vhost_ring *r)
{
	bool first = !r->was_called;
	uint16_t old = r->called_at;

	if (!r->has_events)
		return !(__atomic_load_n(&r->avail->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	r->called_at = r->used_at;
	r->was_called = true;
	return first || is_passed(__atomic_load_n(&r->avail->ring[r->size], __ATOMIC_RELAXED),
				  r->used_at, old);
}

static bool wants_packed(struct vhost_ring *r)
{
	uint16_t flags = __atomic_load_n(&r->driver_event->flags, __ATOMIC_ACQUIRE);
	uint16_t old = r->called_at, event, place;
	bool first = !r->was_called;

	if (!r->has_events)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	r->called_at = r->at;
	r->was_called = true;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* A place, and the round that it is meant in. */
	event = __atomic_load_n(&r->driver_event->off_wrap, __ATOMIC_RELAXED);
	place = event & ~(1u << VRING_PACKED_EVENT_F_WRAP_CTR);
	if (event >> VRING_PACKED_EVENT_F_WRAP_CTR != r->wrap)
		place -= r->size;
	if (r->at <= old)
		old -= r->size;
	return first || is_passed(place, r->at, old);
}

bool vhost_ring_call(struct vhost_ring *r)
{
	if (r->call_fd < 0)
		return true;
	/* What was used is seen before the guest says that it wants to hear, or it sees it itself. */
	rte_smp_mb();
	if (!(r->is_packed ? wants_packed(r) : wants_split(r)))
		return true;
	return call(r->call_fd);
}
