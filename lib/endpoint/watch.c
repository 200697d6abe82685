/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "endpoint/watch.h"
#include "endpoint/watch_addrs.h"
#include "endpoint/watch_closer.h"
#include "endpoint/watch_routes.h"
#include "endpoint/watch_tap.h"

#define N_EVENTS     64
#define MAX_ROUNDS   64 /* of N_EVENTS a turn; epoll tells of the rest again */
#define HINT_MS	     10 /* between two looks at the workers' hints */
#define DEAR_US	     200 /* reading a namespace's groups takes longer than that */
#define MANY	     256 /* namespaces: from here on, not all are looked at every tick */
#define ASKED_A_TICK 128 /* taps asked how they are, for what the kernel doesn't announce */
#define MOVED_A_TICK 16 /* and of taps that were moved: each takes a helper thread */

/* What epoll hands back for our own descriptors; namespaces hand back their address. */
enum { SRC_WAKE = 1, SRC_TICK, SRC_SOON, SRC_INOTIFY, SRC_N };

struct listener {
	TAILQ_ENTRY(listener) next;
	struct endpoint *ep;
	bool is_changed;
};

static TAILQ_HEAD(, listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);

static struct {
	pthread_mutex_t lock;
	bool is_open;
	int wake, tick, soon, inotify;
	int dir; /**< inotify's number for NETNS_DIR; -1: the folder isn't there yet */
	int spare;
	uint64_t hints_ready_ms;
	uint64_t soonest_ms; /**< when something postponed is due; UINT64_MAX: nothing is */
	bool has_hints, look_at_places, is_tick;
} w;

void watch_lock(void)
{
	pthread_mutex_lock(&w.lock);
}

void watch_unlock(void)
{
	pthread_mutex_unlock(&w.lock);
}

int watch_spare_fd(void)
{
	return w.spare;
}

/* ---- taps of this watch ------------------------------------------------------------- */

int watch_add(struct tap *t, const char *netns, struct err *err)
{
	struct watch_place *p;
	int ret = 0;

	if (!w.is_open)
		return err_set(err, EINVAL, "tap %s: the watch isn't open", t->want.ifname);
	watch_lock();
	p = watch_place_get(netns, err);
	if (p == NULL) {
		watch_unlock();
		return -err->code;
	}
	watch_tap_look_at(p);
	if (p->ns != NULL)
		ret = watch_tap_make(t, p->ns, err);
	else if (p->code == ENOENT || p->code == ENOTDIR || p->code == EINVAL)
		/* `ip netns add` makes the name first and the namespace then: EINVAL passes. */
		snprintf(t->reason, sizeof(t->reason), "%s", p->reason);
	else
		ret = err_set(err, p->code, "tap %s: %s", t->want.ifname, p->reason);
	if (ret == 0) {
		t->place = p;
		TAILQ_INSERT_TAIL(&p->taps, t, at_place);
		TAILQ_INSERT_TAIL(&watch_taps.all, t, all);
		/* What it is like from the start is no change. */
		watch_tap_unmark(t);
	} else {
		watch_place_put(p);
	}
	watch_wake();
	watch_unlock();
	return ret;
}

void watch_remove(struct tap *t)
{
	watch_lock();
	if (t->place != NULL) {
		watch_tap_unmark(t);
		watch_addrs_forget(t);
		watch_ns_detach(t);
		if (watch_taps.cursor == t)
			watch_taps.cursor = TAILQ_NEXT(t, all);
		TAILQ_REMOVE(&watch_taps.all, t, all);
		TAILQ_REMOVE(&t->place->taps, t, at_place);
		watch_place_put(t->place);
		t->place = NULL;
	}
	watch_unlock();
}

const char *watch_netns(const struct tap *t)
{
	return t->place != NULL ? t->place->spec : NULL;
}

int watch_make_again(struct tap *t, struct err *err)
{
	int ret = 0;

	watch_lock();
	t->deleted = false;
	if (t->where == TAP_ABSENT && t->place->ns != NULL)
		ret = watch_tap_make(t, t->place->ns, err);
	watch_wake();
	watch_unlock();
	return ret;
}

bool watch_refresh(struct tap *t)
{
	bool differs;

	watch_lock();
	watch_tap_look_at(t->place);
	if (t->where == TAP_MOVED) {
		watch_tap_ask_moved(t);
	} else if (t->where == TAP_HOME) {
		/* The answer is in the socket when sending returns. */
		watch_ns_ask(t);
		watch_ns_drain(t->ns, watch_tap_lost);
		if (t->where == TAP_HOME && watch_addrs_settle(t))
			watch_tap_mark(t);
		if (t->where == TAP_HOME && (t->has_fresh || tap_ask(t, &t->fresh) == 0)) {
			t->has_fresh = false;
			watch_tap_apply_link(t, &t->fresh);
		}
		/* Where a thousand taps share the list, it isn't read for each of them. */
		if (t->where == TAP_HOME)
			watch_tap_read_groups(t->ns, t->ns->read_us > DEAR_US ? watch_now_ms() : 0);
	}
	differs = t->is_changed;
	watch_tap_unmark(t);
	watch_wake();
	watch_unlock();
	return differs;
}

void watch_hear_addresses(struct tap *t)
{
	watch_lock();
	if (t->where == TAP_HOME) {
		watch_ns_drain(t->ns, watch_tap_lost);
		watch_wake();
	}
	if (t->where == TAP_HOME && t->addrs_known)
		watch_addrs_settle(t);
	watch_unlock();
}

void watch_wake(void)
{
	uint64_t one = 1;

	/* Full means that it is readable, which is all that is wanted. */
	if (w.is_open && write(w.wake, &one, sizeof(one)) < 0)
		return;
}

void endpoint_hint_slow(struct endpoint *ep)
{
	if (__atomic_exchange_n(&ep->hint, 1, __ATOMIC_RELAXED) == 0)
		watch_wake();
}

int watch_listen(struct endpoint *ep)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->ep = ep;
	watch_lock();
	TAILQ_INSERT_TAIL(&listeners, l, next);
	watch_unlock();
	return 0;
}

void watch_unlisten(struct endpoint *ep)
{
	struct listener *l;

	watch_lock();
	TAILQ_FOREACH (l, &listeners, next)
		if (l->ep == ep)
			break;
	if (l != NULL)
		TAILQ_REMOVE(&listeners, l, next);
	watch_unlock();
	free(l);
}

/* ---- a turn --------------------------------------------------------------------------- */

static void wake_later(uint64_t now)
{
	struct itimerspec its = {0};
	uint64_t ms_from_now = w.soonest_ms > now ? w.soonest_ms - now : 0;

	if (w.soonest_ms == UINT64_MAX)
		return;
	its.it_value.tv_sec = (time_t)(ms_from_now / 1000);
	its.it_value.tv_nsec = (long)(ms_from_now % 1000) * 1000000 + 1;
	timerfd_settime(w.soon, 0, &its, NULL);
}

static void eat(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* What is eaten was told of: a hint that comes a moment later must be heard the next time. */
static void take_source(uint64_t source)
{
	switch (source) {
	case SRC_WAKE:
		w.has_hints = true;
		eat(w.wake);
		break;
	case SRC_TICK:
		w.is_tick = true;
		eat(w.tick);
		break;
	case SRC_SOON:
		eat(w.soon);
		break;
	default: /* SRC_INOTIFY: take_names() reads it */
		break;
	}
}

static void take_events(void)
{
	struct epoll_event ev[N_EVENTS];
	int n = N_EVENTS;

	for (int round = 0; round < MAX_ROUNDS && n == N_EVENTS; round++) {
		n = epoll_wait(watch_taps.epoll, ev, N_EVENTS, 0);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 >= SRC_N)
				((struct watch_ns *)ev[i].data.ptr)->is_readable = true;
			else
				take_source(ev[i].data.u64);
		}
	}
}

static void take_messages(void)
{
	struct watch_ns *ns, *next;

	for (ns = watch_ns_first(); ns != NULL; ns = next) {
		next = LIST_NEXT(ns, next);
		if (!ns->is_readable)
			continue;
		ns->is_readable = false;
		watch_ns_drain(ns, watch_tap_lost);
	}
}

static void watch_dir(void)
{
	if (w.dir >= 0)
		return;
	w.dir = inotify_add_watch(w.inotify, NETNS_DIR,
				  IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM);
	w.look_at_places |= w.dir >= 0;
}

/* What happened to one name; a thousand others needn't be looked at for it. */
static void take_name(const struct inotify_event *ev)
{
	struct watch_place *p;

	if (ev->mask & IN_Q_OVERFLOW)
		w.look_at_places = true;
	if (ev->mask & IN_IGNORED && ev->wd == w.dir)
		w.dir = -1;
	if (ev->len == 0)
		return;
	for (p = watch_place_first(); p != NULL; p = LIST_NEXT(p, next))
		if (p->kind == NETNS_NAME && strcmp(p->spec, ev->name) == 0)
			watch_tap_look_at(p);
}

static void take_names(void)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w.inotify, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(buf + at);

			take_name(ev);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
}

/* The share of many that is due at this tick, when all are to be seen every @p ticks. */
static bool is_due(unsigned int i, unsigned int ticks)
{
	return (watch_taps.n_ticks + i) % ticks == 0;
}

/* What nobody announces: groups joined below IP, namespaces that went without inotify's knowing. */
static void look_around(void)
{
	struct watch_place *p;
	struct watch_ns *ns;
	unsigned int n = 0, i = 0;

	for (ns = watch_ns_first(); ns != NULL; ns = LIST_NEXT(ns, next))
		n++;
	for (ns = watch_ns_first(); ns != NULL; ns = LIST_NEXT(ns, next))
		ns->is_dirty |= n < MANY || is_due(i++, 2);
	for (p = watch_place_first(); p != NULL; p = LIST_NEXT(p, next))
		if (p->ns == NULL || p->kind != NETNS_NAME || w.dir < 0 || n < MANY ||
		    is_due(i++, 8))
			watch_tap_look_at(p);
}

static void take_tick(void)
{
	unsigned int asked = 0, moved = 0;

	w.is_tick = false;
	watch_taps.n_ticks++;
	watch_dir();
	look_around();
	/* All-multicast that a program asked for is not announced, nor what happens to a moved one. */
	if (watch_taps.cursor == NULL)
		watch_taps.cursor = TAILQ_FIRST(&watch_taps.all);
	while (watch_taps.cursor != NULL && asked < ASKED_A_TICK && moved < MOVED_A_TICK) {
		struct tap *t = watch_taps.cursor;

		watch_taps.cursor = TAILQ_NEXT(t, all);
		if (t->where == TAP_HOME) {
			watch_ns_ask(t);
			asked++;
		} else if (t->where == TAP_MOVED) {
			watch_tap_ask_moved(t);
			moved++;
		}
	}
}

static void take_places(void)
{
	struct watch_place *p;

	w.look_at_places = false;
	watch_taps.look_again = false;
	for (p = watch_place_first(); p != NULL; p = LIST_NEXT(p, next))
		watch_tap_look_at(p);
}

static void take_hints(uint64_t now)
{
	struct tap *t;

	/* An owner who sends nothing but group frames is heard, but not all the time. */
	if (now < w.hints_ready_ms) {
		w.soonest_ms = RTE_MIN(w.soonest_ms, w.hints_ready_ms);
		return;
	}
	w.hints_ready_ms = now + HINT_MS;
	w.has_hints = false;
	TAILQ_FOREACH (t, &watch_taps.all, all) {
		if (__atomic_load_n(&t->ep.hint, __ATOMIC_RELAXED) == 0)
			continue;
		__atomic_store_n(&t->ep.hint, 0, __ATOMIC_RELAXED);
		if (t->ns != NULL)
			t->ns->is_dirty = true;
	}
}

static void take_groups(uint64_t now)
{
	struct watch_ns *ns;

	for (ns = watch_ns_first(); ns != NULL; ns = LIST_NEXT(ns, next)) {
		if (!ns->is_dirty)
			continue;
		watch_tap_read_groups(ns, now);
		if (ns->is_dirty)
			w.soonest_ms = RTE_MIN(w.soonest_ms, ns->ready_ms);
	}
}

static void take_addresses(uint64_t now)
{
	uint64_t when = watch_addrs_settle_all(now);
	struct watch_ns *ns;

	w.soonest_ms = RTE_MIN(w.soonest_ms, when);
	for (ns = watch_ns_first(); ns != NULL; ns = LIST_NEXT(ns, next)) {
		/* Behind what waits: draining begins it. */
		if (ns->need == 0 || ns->is_readable)
			continue;
		when = watch_ns_dump(ns);
		w.soonest_ms = RTE_MIN(w.soonest_ms, when);
	}
}

static void take_links(void)
{
	struct tap *t;

	TAILQ_FOREACH (t, &watch_taps.all, all) {
		if (!t->has_fresh)
			continue;
		t->has_fresh = false;
		watch_tap_apply_link(t, &t->fresh);
	}
}

/* Endpoints with threads of their own, which gave a hint. */
static void take_news(void (*changed)(struct endpoint *ep, void *arg), void *arg)
{
	struct listener *l;

	TAILQ_FOREACH (l, &listeners, next)
		if (__atomic_exchange_n(&l->ep->hint, 0, __ATOMIC_ACQUIRE) != 0)
			l->is_changed |= endpoint_refresh(l->ep);
again:
	/* The callee may close any of them. */
	TAILQ_FOREACH (l, &listeners, next) {
		if (!l->is_changed)
			continue;
		l->is_changed = false;
		changed(l->ep, arg);
		goto again;
	}
}

void endpoint_watch_run(void (*changed)(struct endpoint *ep, void *arg), void *arg)
{
	uint64_t now = watch_now_ms(), when;
	struct tap *t;
	bool hints;

	if (!w.is_open)
		return;
	watch_lock();
	w.soonest_ms = UINT64_MAX;
	take_events();
	hints = w.has_hints;
	take_messages();
	take_names();
	if (w.is_tick)
		take_tick();
	if (w.look_at_places || watch_taps.look_again)
		take_places();
	take_addresses(now);
	take_links();
	if (w.has_hints)
		take_hints(now);
	take_groups(now);
	when = watch_routes_run(now);
	w.soonest_ms = RTE_MIN(w.soonest_ms, when);
	wake_later(now);
	while ((t = TAILQ_FIRST(&watch_taps.changed)) != NULL) {
		watch_tap_unmark(t);
		changed(&t->ep, arg);
	}
	if (hints)
		take_news(changed, arg);
	watch_unlock();
}

/* ---- opening and closing ---------------------------------------------------------------- */

static int add_source(int fd, uint64_t src)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = src};

	return fd >= 0 && epoll_ctl(watch_taps.epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -1;
}

static void close_all(void)
{
	int *fds[] = {&watch_taps.epoll, &w.wake, &w.tick, &w.soon, &w.inotify, &w.spare};

	for (size_t i = 0; i < RTE_DIM(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static int open_all(void)
{
	struct itimerspec its = {.it_interval.tv_nsec = WATCH_TICK_MS * 1000000L,
				 .it_value.tv_nsec = WATCH_TICK_MS * 1000000L};

	watch_taps.epoll = epoll_create1(EPOLL_CLOEXEC);
	w.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w.tick = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	w.soon = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	w.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w.spare = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (watch_taps.epoll < 0 || w.spare < 0 || add_source(w.wake, SRC_WAKE) != 0 ||
	    add_source(w.tick, SRC_TICK) != 0 || add_source(w.soon, SRC_SOON) != 0 ||
	    add_source(w.inotify, SRC_INOTIFY) != 0 || timerfd_settime(w.tick, 0, &its, NULL) != 0)
		return -errno;
	return watch_closer_start();
}

int endpoint_watch_open(struct err *err)
{
	pthread_mutexattr_t attr;
	char why[120];
	int ret;

	if (w.is_open)
		return err_set(err, EBUSY, "the watch over taps is open already");
	ret = open_all();
	if (ret != 0) {
		close_all();
		return err_set(err, -ret, "watching taps: %s",
			       netns_strerror(ret, why, sizeof(why)));
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&w.lock, &attr);
	pthread_mutexattr_destroy(&attr);
	TAILQ_INIT(&watch_taps.all);
	TAILQ_INIT(&watch_taps.changed);
	watch_taps.cursor = NULL;
	w.dir = -1;
	watch_taps.n_ticks = 0;
	w.hints_ready_ms = 0;
	w.is_open = true;
	watch_dir();
	return 0;
}

void endpoint_watch_close(void)
{
	if (!w.is_open)
		return;
	w.is_open = false;
	watch_closer_stop();
	close_all();
	watch_ns_cleanup();
	pthread_mutex_destroy(&w.lock);
}

int endpoint_watch_fd(void)
{
	return w.is_open ? watch_taps.epoll : -1;
}
