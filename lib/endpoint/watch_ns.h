/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One namespace with taps of ours in it: a netlink socket and the kernel's list of
 * groups, both opened inside, shared by all its taps. Two descriptors a namespace,
 * however many taps. What they tell is sorted out here to the taps: t->fresh, t->gather, t->addrs;
 * watch.c decides what that changes.
 *
 * Main, and the reaper where it drops the last reference; under the watch's lock.
 */
#ifndef ENDPOINT_WATCH_NS_H
#define ENDPOINT_WATCH_NS_H

#include "endpoint/tap.h"

/** What a namespace can be asked for, one at a time: the kernel has no more for a socket. */
enum { WATCH_DUMP_LINKS = 1, WATCH_DUMP_ADDRS = 2 };

struct watch_ns {
	LIST_ENTRY(watch_ns) next;
	LIST_HEAD(, tap) taps; /**< at home here */
	struct netns_id id;
	uint32_t n_refs; /**< a place and the taps at home here */
	int netlink;
	int mcast; /**< /proc/thread-self/net/dev_mcast */
	uint32_t dump_seq; /**< of the dump under way; 0: none */
	unsigned int dumping; /**< which it is */
	unsigned int
		need; /**< dumps that are due: messages were lost, or a netdev came with addresses */
	bool is_lossy; /**< messages were lost since addresses were dumped */
	uint64_t dump_began_ms;
	uint64_t dump_ready_ms; /**< none before that */
	unsigned int n_listeners; /**< who wants to hear of routes and neighbours */
	uint64_t n_heard; /**< how often all was read that waited */
	bool is_readable; /**< epoll says so */
	bool is_dirty; /**< groups may have changed */
	bool is_new; /**< a tap came: the text may be the same, the answer isn't */
	uint64_t text_hash; /**< of the groups' text when it was last read */
	uint64_t ready_ms; /**< not read before */
	uint64_t read_us; /**< what the last reading took */
};

/** What happened to a tap at home. */
typedef void (*watch_ns_lost)(struct tap *t);

/** The namespace @p nsfd, with a reference for the caller; NULL with -errno in @p code. */
struct watch_ns *watch_ns_get(int nsfd, int epoll, int *code);
void watch_ns_put(struct watch_ns *ns);

/** A descriptor of the namespace itself, for the caller to close; or -errno. */
int watch_ns_open(const struct watch_ns *ns);

/** Ties @p t, whose t->link is known, to its namespace; and unties it. */
void watch_ns_attach(struct watch_ns *ns, struct tap *t);
void watch_ns_detach(struct tap *t);

/** Reads all messages that wait; @p lost: the netdev left the namespace or is gone. */
void watch_ns_drain(struct watch_ns *ns, watch_ns_lost lost);

/** Has it listen to routes and neighbours for one more, or one fewer. */
void watch_ns_listen(struct watch_ns *ns, bool on);

/** Begins the dumps that are due, if it is time; when it will be, UINT64_MAX: there is nothing to wait for. */
uint64_t watch_ns_dump(struct watch_ns *ns);

/** The tap at home in @p ns with that netdev; NULL: another netdev. */
struct tap *watch_ns_find(const struct watch_ns *ns, int ifindex);

/** Asks for one tap's link; the answer comes as a message. */
void watch_ns_ask(const struct tap *t);

/**
 * Reads the groups of all taps at home, if it is time and they changed.
 * @param now_ms  0: at any rate
 * @return 0: t->gather holds them, sorted; 1: as before; -EAGAIN: too soon, ask again at ns->ready_ms; -errno:
 * unreadable or too long
 */
int watch_ns_read_groups(struct watch_ns *ns, uint64_t now_ms);

/** Iterates: the first namespace. */
struct watch_ns *watch_ns_first(void);

/** Frees what the reading needed. */
void watch_ns_cleanup(void);

uint64_t watch_now_ms(void);
uint64_t watch_now_us(void);

#endif /* ENDPOINT_WATCH_NS_H */
