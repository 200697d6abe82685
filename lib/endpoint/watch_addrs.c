/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <linux/rtnetlink.h>

#include "endpoint/watch.h"
#include "endpoint/watch_addrs.h"
#include "endpoint/watch_tap.h"
#include "net/mac.h"

/** An owner with a long list who changes it without end shall have no more of main's time than one part in that. */
#define SETTLE_COST 20
/** So many new groups at once aren't looked at one by one. */
#define MAX_JOINED 16

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

	if (whole)
		ns->is_lossy = false;
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
	return t->where == TAP_HOME && !t->needs_dump && !t->addrs.in_dump && !t->ns->is_lossy &&
	       t->ns->n_heard > t->heard_from;
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

/* A solicited-node group, 33:33:ff:XX:XX:XX (RFC 4291 section 2.7.1): of an address that ends so. */
static bool has_owner(const struct tap *t, const uint8_t group[6])
{
	for (size_t i = t->addrs.n_told; i > 0 && t->addrs.told[i - 1].addr.family == 6; i--)
		if (memcmp(&t->addrs.told[i - 1].addr.b[13], group + 3, 3) == 0)
			return true;
	return false;
}

static bool is_among(const uint64_t *groups, size_t n, uint64_t group)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (groups[mid] == group)
			return true;
		if (groups[mid] < group)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

void watch_addrs_joined(struct tap *t, const uint64_t *old, size_t n_old)
{
	static const uint8_t solicited[] = {0x33, 0x33, 0xff};
	unsigned int n = 0;

	for (size_t i = 0; i < t->n_groups; i++) {
		uint8_t group[6];

		mac_store(group, t->groups[i]);
		if (memcmp(group, solicited, sizeof(solicited)) != 0 ||
		    is_among(old, n_old, t->groups[i]))
			continue;
		if (++n < MAX_JOINED && has_owner(t, group))
			continue;
		t->ns->need |= WATCH_DUMP_ADDRS;
		watch_wake();
		return;
	}
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
