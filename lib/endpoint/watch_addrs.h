/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Following the addresses of taps. A tap's netdev is made while its namespace's netlink
 * socket listens, so all that ever happened to its addresses is heard as events; a dump is
 * asked for only when messages were lost, or when a netdev comes that was elsewhere. So a
 * thousand taps with many addresses cost one message an address.
 *
 * Main, and the reaper where a tap is closed; under the watch's lock.
 */
#ifndef ENDPOINT_WATCH_ADDRS_H
#define ENDPOINT_WATCH_ADDRS_H

#include "endpoint/watch_ns.h"

/** @p t came home to its namespace; not @p is_made just now: it may have addresses already. */
void watch_addrs_attach(struct tap *t, bool is_made);

/** Its netdev is gone, or elsewhere: it has none that are known. */
void watch_addrs_forget(struct tap *t);

/** An RTM_NEWADDR or RTM_DELADDR came. */
void watch_addrs_message(struct watch_ns *ns, const struct nlmsghdr *nlh, bool of_dump);

void watch_addrs_dump_begin(struct watch_ns *ns);
void watch_addrs_dump_end(struct watch_ns *ns, bool whole);

/** Takes what was heard of @p t over into its list. True: it differs from what was told. */
bool watch_addrs_settle(struct tap *t);

/**
 * The same for all, if it is time; those that differ are marked.
 * @return when it is time for the rest; UINT64_MAX: there is none
 */
uint64_t watch_addrs_settle_all(uint64_t now_ms);

/**
 * It joined groups that weren't among @p old, which is sorted. What the kernel makes by itself, a link-local or a
 * SLAAC address, it announces when duplicate address detection is through, a second or two later; the
 * group for it is joined before. So a group that no address is known for is a reason to ask.
 */
void watch_addrs_joined(struct tap *t, const uint64_t *old, size_t n_old);

/** Asks how they are where its owner moved it to. True: it differs from what was told. */
bool watch_addrs_ask_moved(struct tap *t);

#endif /* ENDPOINT_WATCH_ADDRS_H */
