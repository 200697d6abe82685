/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tap: a kernel netdev on /dev/net/tun, made inside its namespace. What tap*.c and
 * watch*.c share; nobody else includes it.
 *
 *   tap.c         the operations of endpoint.h
 *   tap_device.c  the netdev: made, configured, asked
 *   tap_io.c      frames
 *   watch*.c      what its owner and its namespace do
 *
 * A tap outlives its netdev: the namespace may not be there yet, or go and come back.
 * Workers must not notice more than silence, so a queue's descriptor keeps its number
 * from open to close and only what it names is exchanged, with dup3(): the netdev's
 * queue, or, while there is none, a socket that has nothing to read and takes nothing.
 * A worker in the middle of a system call keeps the old file alive until it is through.
 * An epoll set, though, remembers the file: the old one is taken out before the exchange,
 * lest it go on waking a worker that has nothing to do with whatever its event means by then.
 *
 * Fields are main's, save those marked; the reaper may close a tap that no worker
 * knows any more (watch.h has the lock).
 */
#ifndef ENDPOINT_TAP_H
#define ENDPOINT_TAP_H

#include <sys/queue.h>
#include <sys/uio.h>

#include "endpoint/netns.h"
#include "endpoint/tap_addrs.h"
#include "endpoint/tap_link.h"
#include "endpoint/types.h"

/** More groups than that and their owner gets them all. */
#define TAP_MAX_GROUPS 4096
#define TAP_MAX_QUEUES CONF_MAX_QUEUES

/**
 * One queue: a descriptor, and what its worker receives into: a chain of mbufs, one read() each time.
 * The first is an ordinary one, and all that a common frame needs. Those behind it are wide
 * ones, or as many ordinary ones where no wide ones are to be had.
 */
struct __rte_cache_aligned tap_queue {
	int fd; /**< the number never changes; main exchanges what is behind it */
	int epoll; /**< main: the set that `fd` is in; -1: none */
	uint16_t room; /**< bytes an ordinary mbuf takes */
	uint16_t wide_room; /**< bytes a wide one takes; 0: there are none */
	uint16_t n_chain; /**< ordinary mbufs that hold ENDPOINT_MAX_FRAME */
	uint16_t n_wide; /**< wide ones that do so with an ordinary one before them */
	struct iovec *iov; /**< [n_chain]; worker */
	struct rte_mbuf **chain; /**< [n_chain]; worker, empty between calls */
	/* worker, during a call */
	uint16_t n; /**< places of the chain in use */
	uint16_t missing; /**< of them, from the front, those without a mbuf */
	bool is_wide; /**< all but the first are wide ones */
	/* worker */
	uint8_t eager; /**< the next call gives 1 << eager frames at most */
	uint8_t lonely; /**< calls in a row that were to give one frame, and did */
};

/** What the netdev is to be like whenever it is made; the owner may change it later. */
struct tap_want {
	char ifname[IFNAMSIZ];
	uint64_t mac; /**< 0: the kernel's random one */
	uint32_t mtu;
	bool up;
	bool carrier;
	bool noarp;
	uint16_t dev_id; /**< 0: its link-local address is the kernel's affair */
	struct ip_prefix *addresses;
	size_t n_addresses;
};

enum tap_where {
	TAP_ABSENT, /**< no netdev; `reason` says why */
	TAP_HOME, /**< in the namespace it was made in, followed by netlink */
	TAP_MOVED, /**< its owner took it to another namespace: asked now and then */
};

struct watch_ns;
struct watch_place;

struct tap {
	struct endpoint ep; /**< first */
	uint16_t n_queues;
	struct tap_queue *queues;
	struct rte_mempool *wide_pool; /**< or NULL */
	uint64_t tx_refused; /**< frames that the kernel will never take; workers: add (relaxed) */
	struct tap_want want;
	/* As told by tap_get_state(). */
	enum tap_where where;
	struct tap_link link;
	uint64_t *groups; /**< sorted */
	size_t n_groups, cap_groups;
	bool all_groups; /**< too many to list, or unknown */
	struct tap_addrs addrs;
	bool addrs_known;
	char reason[200]; /**< of TAP_ABSENT */
	bool deleted; /**< by its owner: not made anew until somebody asks */
	/* The watch's. */
	struct watch_place *place;
	struct watch_ns *ns; /**< TAP_HOME only */
	struct tap_link fresh; /**< told by netlink since */
	bool has_fresh;
	bool seen; /**< in a dump that is under way */
	unsigned int flags; /**< IFF_…, as heard last */
	uint64_t
		n_turns; /**< how often it was marked, or other flags were heard: for who must not miss one */
	bool was_down; /**< since it was up last, so the kernel took its IPv6 addresses */
	bool needs_dump; /**< of its addresses: it has some that nothing was heard of */
	bool is_stale; /**< its addresses wait for being settled */
	uint64_t heard_from; /**< of ns->n_heard: what had been read before it came */
	uint64_t addrs_ready_ms; /**< not settled before */
	bool is_changed;
	uint64_t retry_tick;
	uint64_t *gather; /**< groups being read: [cap_gather] */
	size_t n_gather, cap_gather;
	TAILQ_ENTRY(tap) all, changed, stale;
	TAILQ_ENTRY(tap) at_place;
	LIST_ENTRY(tap) in_ns, in_bucket; /**< TAP_HOME; the second by namespace and ifindex */
};

/* ---- tap_device.c: main ---------------------------------------------------- */

/** A harmless file on every queue's number; for a tap just allocated. 0 or -errno. */
int tap_park_new(struct tap *t, struct err *err);

/** Makes the netdev of @p t in namespace @p nsfd and puts it behind the queues. 0 with t->link and t->where, or -errno. */
int tap_make(struct tap *t, int nsfd, struct err *err);

/** Takes the netdev from behind the queues; it is gone soon after. */
void tap_park(struct tap *t);

/** The namespace that the netdev is in now, for the caller to close; -errno: there is no netdev. */
int tap_open_netns(const struct tap *t);

/** Asks the kernel how the netdev is now, wherever it is. 0 or -errno. */
int tap_ask(const struct tap *t, struct tap_link *l);

/** Is there a netdev behind the queues? Renamed or moved counts. */
bool tap_has_device(const struct tap *t);

int tap_apply_mac(struct tap *t, uint64_t mac, struct err *err);
int tap_apply_mtu(struct tap *t, uint32_t mtu, struct err *err);
int tap_apply_up(struct tap *t, bool up, struct err *err);
int tap_apply_noarp(struct tap *t, bool noarp, struct err *err);
void tap_apply_carrier(struct tap *t);
/** Gives it the link-local address that want.dev_id stands for, in place of the kernel's; where IPv6 is off, none. */
int tap_apply_link_local(struct tap *t, struct err *err);
/** Asks for its addresses, wherever it is; they are noted as a dump of t->addrs. 0 or -errno. */
int tap_ask_addresses(struct tap *t);
/** Removes @p old, adds @p new, leaves what is in both. */
int tap_apply_addresses(struct tap *t, const struct ip_prefix *old, size_t n_old,
			const struct ip_prefix *new, size_t n_new, struct err *err);

/* ---- tap_io.c: workers ------------------------------------------------------ */

uint16_t tap_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t tap_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);

static inline struct tap *tap_of(struct endpoint *ep)
{
	return (struct tap *)ep;
}

static inline const struct tap *tap_of_const(const struct endpoint *ep)
{
	return (const struct tap *)ep;
}

#endif /* ENDPOINT_TAP_H */
