/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "endpoint/watch.h"
#include "endpoint/watch_addrs.h"
#include "endpoint/watch_tap.h"

/** After a netdev could not be made. */
#define RETRY_TICKS 8

struct watch_taps watch_taps;

void watch_tap_mark(struct tap *t)
{
	t->n_turns++;
	if (t->is_changed)
		return;
	t->is_changed = true;
	TAILQ_INSERT_TAIL(&watch_taps.changed, t, changed);
}

void watch_tap_unmark(struct tap *t)
{
	if (t->is_changed)
		TAILQ_REMOVE(&watch_taps.changed, t, changed);
	t->is_changed = false;
}

/* Nothing is there any more to tell of. */
static void set_absent(struct tap *t, const char *reason)
{
	snprintf(t->reason, sizeof(t->reason), "%.199s", reason);
	t->link = (struct tap_link){0};
	t->n_groups = 0;
	t->all_groups = false;
	watch_addrs_forget(t);
	watch_tap_mark(t);
}

static void lose(struct tap *t, const char *reason)
{
	watch_ns_detach(t);
	tap_park(t);
	set_absent(t, reason);
}

/* The kernel makes an ipvlan slave's link-local address again when it comes up. */
static void give_link_local(struct tap *t)
{
	struct ip_addr a = tap_addr_link_local(t->link.mac, t->want.dev_id);
	struct err err = {0};

	if (t->want.dev_id != 0 && t->link.ifindex != 0 && !tap_addrs_has(&t->addrs, &a) &&
	    tap_apply_link_local(t, &err) != 0)
		LOG(DEBUG, ENDPOINT, "%s", err.text);
}

/* The netdev of a tap at home left its namespace, one way or the other. */
void watch_tap_lost(struct tap *t)
{
	if (tap_has_device(t)) {
		watch_ns_detach(t);
		t->where = TAP_MOVED;
		t->all_groups = true;
		/* Its old index may be another netdev's where it is now. */
		if (tap_ask(t, &t->link) != 0)
			t->link.ifindex = 0;
		/* The kernel took its addresses, and how they are made, when it left. */
		t->was_down = true;
		give_link_local(t);
		watch_addrs_ask_moved(t);
		watch_tap_mark(t);
		return;
	}
	t->deleted = true;
	lose(t, "its owner deleted the netdev; setting it up makes it again");
}

void watch_tap_apply_link(struct tap *t, const struct tap_link *l)
{
	if (!tap_link_equal(&t->link, l)) {
		t->link = *l;
		watch_tap_mark(t);
	}
	t->was_down |= !l->up;
	if (t->was_down && l->up) {
		t->was_down = false;
		give_link_local(t);
	}
}

static void apply_groups(struct tap *t)
{
	bool all = t->n_gather > TAP_MAX_GROUPS;
	uint64_t *groups = t->gather;
	size_t cap = t->cap_gather, n_old;

	if (all)
		t->n_gather = 0;
	if (all == t->all_groups && t->n_gather == t->n_groups &&
	    (t->n_groups == 0 ||
	     memcmp(t->gather, t->groups, t->n_groups * sizeof(*t->groups)) == 0))
		return;
	t->gather = t->groups;
	t->cap_gather = t->cap_groups;
	n_old = t->n_groups;
	t->groups = groups;
	t->cap_groups = cap;
	t->n_groups = t->n_gather;
	t->all_groups = all;
	watch_addrs_joined(t, t->gather, n_old);
	watch_tap_mark(t);
}

void watch_tap_read_groups(struct watch_ns *ns, uint64_t now_ms)
{
	int ret = watch_ns_read_groups(ns, now_ms);
	struct tap *t;

	if (ret == 1 || ret == -EAGAIN)
		return;
	LIST_FOREACH (t, &ns->taps, in_ns) {
		if (ret < 0)
			t->n_gather = TAP_MAX_GROUPS + 1;
		apply_groups(t);
	}
}

static int make_in(struct tap *t, struct watch_ns *ns, int nsfd, struct err *err)
{
	int ret = tap_make(t, nsfd, err);

	if (ret != 0)
		return ret;
	t->deleted = false;
	/* Until they have been read, and that is for the next turn: reading is for all of a namespace at once. */
	t->all_groups = true;
	watch_ns_attach(ns, t);
	watch_addrs_attach(t, true);
	watch_tap_mark(t);
	return 0;
}

int watch_tap_make(struct tap *t, struct watch_ns *ns, struct err *err)
{
	int nsfd = watch_ns_open(ns);
	int ret;

	if (nsfd < 0)
		return err_set(err, -nsfd, "tap %s: entering its namespace: %s", t->want.ifname,
			       strerror(-nsfd));
	ret = make_in(t, ns, nsfd, err);
	close(nsfd);
	return ret;
}

static void try_make(struct tap *t, struct watch_ns *ns, int nsfd)
{
	struct err err = {0};

	if (make_in(t, ns, nsfd, &err) == 0)
		return;
	t->retry_tick = watch_taps.n_ticks + RETRY_TICKS;
	if (strncmp(t->reason, err.text, sizeof(t->reason) - 1) != 0)
		set_absent(t, err.text);
}

static void place_appeared(struct watch_place *p, int nsfd)
{
	struct tap *t;

	TAILQ_FOREACH (t, &p->taps, at_place)
		if (t->where == TAP_ABSENT)
			try_make(t, p->ns, nsfd);
}

static void place_gone(struct watch_place *p)
{
	struct tap *t;

	TAILQ_FOREACH (t, &p->taps, at_place) {
		t->deleted = false;
		if (t->where == TAP_HOME)
			lose(t, p->reason);
		else if (t->where == TAP_ABSENT)
			set_absent(t, p->reason);
	}
}

static const struct watch_place_events events = {
	.appeared = place_appeared,
	.gone = place_gone,
};

/* Netdevs that could not be made when their namespace was found. */
static void retry_at(struct watch_place *p)
{
	struct tap *t;
	int nsfd = -1;

	TAILQ_FOREACH (t, &p->taps, at_place) {
		if (t->where != TAP_ABSENT || t->deleted || t->retry_tick > watch_taps.n_ticks)
			continue;
		if (nsfd < 0)
			nsfd = watch_ns_open(p->ns);
		if (nsfd < 0)
			return;
		try_make(t, p->ns, nsfd);
	}
	if (nsfd >= 0)
		close(nsfd);
}

/* Is there a tap whose loss nobody was told of yet? */
static bool has_untold(const struct watch_place *p)
{
	struct tap *t;

	TAILQ_FOREACH (t, &p->taps, at_place)
		if (t->where == TAP_ABSENT && t->is_changed)
			return true;
	return false;
}

void watch_tap_look_at(struct watch_place *p)
{
	struct tap *t;

	/* Who follows along has to put descriptors back into epoll, so no loss may go unheard. */
	if (p->ns == NULL && has_untold(p)) {
		watch_taps.look_again = true;
		watch_wake();
		return;
	}
	if (watch_place_look(p, watch_taps.epoll, &events)) {
		watch_taps.look_again = true;
		watch_wake();
	}
	if (p->ns != NULL) {
		retry_at(p);
		return;
	}
	TAILQ_FOREACH (t, &p->taps, at_place)
		if (t->where == TAP_ABSENT && strcmp(t->reason, p->reason) != 0)
			set_absent(t, p->reason);
}

/* A moved one is asked outside netlink, and comes home if that is where it is. */
void watch_tap_ask_moved(struct tap *t)
{
	struct tap_link link;
	struct netns_id id;
	int nsfd;

	if (tap_ask(t, &link) != 0) {
		if (tap_has_device(t))
			return;
		t->deleted = true;
		set_absent(t, "the netdev went away with the namespace that its owner moved it to");
		tap_park(t);
		return;
	}
	watch_tap_apply_link(t, &link);
	if (watch_addrs_ask_moved(t))
		watch_tap_mark(t);
	nsfd = tap_open_netns(t);
	if (nsfd < 0)
		return;
	if (t->place->ns != NULL && netns_fstat(nsfd, &id) == 0 &&
	    netns_id_equal(id, t->place->ns->id)) {
		t->where = TAP_HOME;
		watch_ns_attach(t->place->ns, t);
		watch_addrs_attach(t, false);
		watch_tap_mark(t);
		watch_wake();
	}
	close(nsfd);
}
