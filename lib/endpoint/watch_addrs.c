/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/rtnetlink.h>

#include "endpoint/watch_addrs.h"
#include "endpoint/watch_tap.h"

/** An owner with a long list who changes it without end shall have no more of main's time than one part in that. */
#define SETTLE_COST 20

static struct tap_list stale = TAILQ_HEAD_INITIALIZER(stale);

static void make_stale(struct tap *t)
{
	if (t->is_stale)
		return;
	t->is_stale = true;
	TAILQ_INSERT_TAIL(&stale, t, stale);
}

static void unmake_stale(struct tap *t)
{
	if (t->is_stale)
		TAILQ_REMOVE(&stale, t, stale);
	t->is_stale = false;
}

void watch_addrs_attach(struct tap *t, bool is_made)
{
	t->addrs_known = false;
	t->needs_dump = !is_made;
	t->heard_from = t->ns->n_heard;
	/* Whatever waits in the socket is to be read before anything is known. */
	t->ns->is_readable = true;
	if (!is_made)
		t->ns->need |= WATCH_DUMP_ADDRS;
	make_stale(t);
}

void watch_addrs_forget(struct tap *t)
{
	unmake_stale(t);
	tap_addrs_clear(&t->addrs);
	t->addrs_known = false;
	t->needs_dump = false;
}

void watch_addrs_message(struct watch_ns *ns, const struct nlmsghdr *nlh, bool of_dump)
{
	struct tap_addr a;
	struct tap *t;
	int ifindex;

	if (!tap_addr_parse(nlh, &ifindex, &a))
		return;
	t = watch_ns_find(ns, ifindex);
	if (t == NULL)
		return;
	if (of_dump) {
		if (nlh->nlmsg_type == RTM_NEWADDR)
			tap_addrs_dumped(&t->addrs, &a);
		return;
	}
	tap_addrs_note(&t->addrs, &a, nlh->nlmsg_type == RTM_DELADDR);
	make_stale(t);
}

void watch_addrs_dump_begin(struct watch_ns *ns)
{
	struct tap *t;

	LIST_FOREACH (t, &ns->taps, in_ns) {
		if (tap_addrs_settle(&t->addrs))
			watch_tap_mark(t);
		tap_addrs_dump_begin(&t->addrs);
	}
}

void watch_addrs_dump_end(struct watch_ns *ns, bool whole)
{
	struct tap *t;

	LIST_FOREACH (t, &ns->taps, in_ns) {
		/* One that came meanwhile isn't in it, or not with all. */
		if (t->addrs.in_dump && whole)
			t->needs_dump = false;
		tap_addrs_dump_end(&t->addrs, whole);
		make_stale(t);
	}
}

/* Has all been heard that it had when it came? */
static bool is_known(const struct tap *t)
{
	return t->where == TAP_HOME && !t->needs_dump && !t->addrs.in_dump &&
	       !(t->ns->need & WATCH_DUMP_ADDRS) && t->ns->n_heard > t->heard_from;
}

bool watch_addrs_settle(struct tap *t)
{
	bool differs = tap_addrs_settle(&t->addrs);

	if (tap_addrs_take_loss(&t->addrs) && t->ns != NULL)
		t->ns->need |= WATCH_DUMP_ADDRS;
	if (!t->addrs_known && is_known(t))
		t->addrs_known = differs = true;
	/* Else it is looked at again when the dump is through, or more was heard. */
	if (t->addrs_known && !t->addrs.in_dump)
		unmake_stale(t);
	return differs;
}

uint64_t watch_addrs_settle_all(uint64_t now_ms)
{
	uint64_t soonest = UINT64_MAX;
	struct tap *t, *next;

	for (t = TAILQ_FIRST(&stale); t != NULL; t = next) {
		uint64_t began;

		next = TAILQ_NEXT(t, stale);
		if (t->addrs_ready_ms > now_ms) {
			soonest = RTE_MIN(soonest, t->addrs_ready_ms);
			continue;
		}
		began = watch_now_us();
		if (watch_addrs_settle(t))
			watch_tap_mark(t);
		t->addrs_ready_ms = now_ms + (watch_now_us() - began) * SETTLE_COST / 1000;
	}
	return soonest;
}

bool watch_addrs_ask_moved(struct tap *t)
{
	bool differs = !t->addrs_known;

	if (tap_ask_addresses(t) != 0)
		return false;
	t->addrs_known = true;
	return tap_addrs_settle(&t->addrs) || differs;
}
