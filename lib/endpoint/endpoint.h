/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints: what a port, a vnic or a port's host path is attached to.
 *
 * One file a type: dev.c (any DPDK ethdev), tap.c (a kernel netdev with vnet
 * header, made in its namespace), none.c. A static table of `struct endpoint_ops`
 * is all the registration there is.
 *
 * Who may do what:
 *   main     opens, configures, asks for state, closes. Closing needs that no worker
 *            can reach the endpoint any more (a snapshot without it was published and
 *            every worker has passed).
 *   worker   endpoint_rx() on a queue that the snapshot's plan gives it alone;
 *            endpoint_tx() on its own tx queue number. Neither blocks, allocates heap
 *            memory or logs.
 * Endpoints know nothing of vnics, modes or tables.
 */
#ifndef ENDPOINT_ENDPOINT_H
#define ENDPOINT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/err.h"
#include "conf/conf.h"

/*
 * What an egress can finish or bear; what is missing is made up for by
 * lib/dp/offload.c before endpoint_tx().
 */
#define ENDPOINT_CAP_CSUM (1u << 0) /**< TCP and UDP checksums asked for by mbuf TX flags */
#define ENDPOINT_CAP_CSUM_ANY \
	(1u << 1) /**< a checksum at any start and offset (offload.h's dynamic field) */
#define ENDPOINT_CAP_TSO4	(1u << 2)
#define ENDPOINT_CAP_TSO6	(1u << 3)
#define ENDPOINT_CAP_MULTI_SEGS (1u << 4) /**< chained mbufs */
#define ENDPOINT_CAP_SHARED \
	(1u << 5) /**< mbufs whose reference count is over 1: neither written nor handed on */
#define ENDPOINT_CAP_IP_OPTS \
	(1u << 6) /**< CSUM and TSO also behind IPv4 options and IPv6 extension headers */

/** What the endpoint is for; it decides defaults. */
enum endpoint_role {
	ENDPOINT_PORT, /**< the wire side: promiscuity and filters matter */
	ENDPOINT_VNIC,
	ENDPOINT_HOST, /**< a port's exception path */
};

struct endpoint_args {
	const struct endpoint_conf *conf; /**< borrowed during endpoint_open() */
	enum endpoint_role role;
	const char *name; /**< of the port or vnic, for messages and the default of names */
	uint64_t mac; /**< to set; 0: the device's own (tap: the kernel's random one) */
	uint32_t mtu;
	bool up; /**< tap: bring the netdev up */
	uint16_t n_rx_queues; /**< wanted; dev and tap may give fewer: see the endpoint */
	uint16_t n_tx_queues; /**< wanted: one per worker */
	const struct ip_range *addresses; /**< tap: set on the netdev */
	size_t n_addresses;
	bool noarp; /**< tap: see endpoint_set_noarp() */
	/**
	 * tap: not 0: it shares its MAC with others, so its IPv6 link-local address is made as an ipvlan
	 * slave's is, with this number in the MAC's middle, and the kernel makes none by itself.
	 */
	uint16_t dev_id;
};

struct endpoint_ops;
struct endpoint_rx_count;

/** The part that all types share; a type embeds it as its first member. */
struct endpoint {
	const struct endpoint_ops *ops;
	char name[CONF_NAME_LEN];
	enum endpoint_type type;
	enum endpoint_role role;
	uint32_t caps; /**< ENDPOINT_CAP_…; main: rw (relaxed), worker: ro */
	uint16_t n_rx_queues;
	uint16_t n_tx_queues; /**< fewer than workers: endpoint_tx() takes the queue's lock */
	bool slow; /**< receiving or sending a frame costs a system call */
	int socket; /**< NUMA node of the device; SOCKET_ID_ANY (-1): none */
	struct rte_mempool *pool; /**< of that node: received frames, copies, segments */
	uint8_t hint; /**< worker: w, main: rw (relaxed); see endpoint_hint() */
	struct endpoint_rx_count
		*rx_counts; /**< [n_rx_queues] or NULL (types.h); worker: w, any: ro (relaxed) */
	uint16_t n_rx_counts;
	uint64_t
		dev_missed; /**< the device's own counts, as of the last endpoint_refresh(); main: w, any: ro */
	uint64_t dev_no_buffer;
};

/** What the far side of an endpoint did; main copies it out with endpoint_get_state(). */
struct endpoint_state {
	bool present; /**< there is a device (a tap's namespace exists, an ethdev was not unplugged) */
	bool up; /**< its owner has it administratively up; types without an owner: true */
	bool carrier; /**< the link behind it (dev as port: the device's; others: true) */
	uint64_t mac; /**< the owner's present MAC; 0: it has none */
	uint32_t mtu; /**< the owner's present MTU; 0: it has none */
	bool promisc; /**< the owner wants every frame (IFLA_PROMISCUITY > 0) */
	bool allmulti; /**< the owner wants every group */
	bool groups_known; /**< `groups` is the truth; false: deliver all groups */
	size_t n_groups;
	const uint64_t *
		groups; /**< sorted MAC keys; the endpoint's own, until its next endpoint_refresh() */
	bool noarp; /**< the owner's netdev does neither ARP nor neighbour discovery */
	bool addresses_known; /**< `addresses` are its owner's, those that stay while it is down included */
	size_t n_addresses;
	const struct ip_prefix *
		addresses; /**< sorted by address, each once, the lowest 65,536; as they are until the next endpoint_get_state() */
	char reason[200]; /**< why it is down, for a person; empty: it isn't */
};

/** The filters a port's device is asked for (docs/semantics.md §14). */
struct endpoint_filter {
	const uint64_t *macs; /**< unicast addresses besides the device's own */
	size_t n_macs;
	const uint64_t *groups;
	size_t n_groups;
	bool promisc;
	bool allmulti;
	bool never_promisc; /**< the operator forbade it: what the device can't filter isn't heard */
};

/* ---- main ---------------------------------------------------------------- */

/**
 * Opens what @p args describe.
 * @return 0 with *@p ep, which the caller closes; or -errno, @p err filled, nothing left behind.
 * A tap whose namespace does not exist (yet) is not an error: it opens absent, says
 * so in its state, and appears when the namespace does.
 */
int endpoint_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err);

/** Closes and frees @p ep, with the netdev of a tap. May take milliseconds; main or the reaper. NULL is fine. */
void endpoint_close(struct endpoint *ep);

/**
 * Closes all @p n of @p eps, NULLs among them or not; the list's order is lost. As
 * endpoint_close() for each, but for time: a netdev takes the kernel 20 ms to let go, a
 * thousand together about a second. All are gone on return.
 */
void endpoint_close_many(struct endpoint **eps, size_t n);

/** Each applies one change in place; 0 or -errno with @p err, the old state then stays. */
int endpoint_set_mac(struct endpoint *ep, uint64_t mac, struct err *err);
int endpoint_set_mtu(struct endpoint *ep, uint32_t mtu, struct err *err);
int endpoint_set_up(struct endpoint *ep, bool up, struct err *err);
/** The state's `addresses` then are as this left them. */
int endpoint_set_addresses(struct endpoint *ep, const struct ip_range *a, size_t n,
			   struct err *err);
/**
 * Has the owner's netdev do neither ARP nor neighbour discovery, as a kernel ipvlan slave of mode l3;
 * or do it again. Kept when the netdev is made anew. Types without a netdev ignore it.
 */
int endpoint_set_noarp(struct endpoint *ep, bool noarp, struct err *err);
/** Tells the owner of the far side whether there is a link (tap: TUNSETCARRIER). Types without it ignore it. */
void endpoint_set_carrier(struct endpoint *ep, bool carrier);

/**
 * Asks the device of a port for @p f, with the least that it offers: unicast and
 * group filters where it has them, else promiscuous or all-multicast.
 * @return true: the device does filter unicast; false: it went promiscuous to obey
 */
bool endpoint_set_filter(struct endpoint *ep, const struct endpoint_filter *f);

/**
 * Has @p epoll tell of frames on rx queue @p queue, as @p event; the queue must have an
 * endpoint_rx_fd(). It lasts until endpoint_disarm(), or until what is behind the descriptor
 * goes (a tap's netdev): the endpoint then takes it out of @p epoll itself, and once
 * there is another one, main arms again. Arming again is harmless. 0 or -errno.
 */
int endpoint_arm(struct endpoint *ep, uint16_t queue, int epoll, uint64_t event);
void endpoint_disarm(struct endpoint *ep, uint16_t queue, int epoll);

/** The state as of the last endpoint_refresh(). */
void endpoint_get_state(const struct endpoint *ep, struct endpoint_state *state);

/**
 * Asks the kernel or the driver anew.
 * @return true: something differs from what endpoint_get_state() told before
 */
bool endpoint_refresh(struct endpoint *ep);

/** Text and numbers for `show` that no one decides by: interface name, driver, PCI address; "key=value" pairs. */
void endpoint_describe(const struct endpoint *ep, char *buf, size_t len);

/**
 * The watch over all endpoints' far sides: netlink in every namespace, hints of
 * workers, a slow tick for what the kernel does not announce. One per process,
 * created before the first endpoint and closed after the last. Main only.
 */
int endpoint_watch_open(struct err *err);
void endpoint_watch_close(void);
/** Readable when endpoint_watch_run() has something to do. */
int endpoint_watch_fd(void);
/** Refreshes what may have changed and calls @p changed for each endpoint that did. Never blocks. */
void endpoint_watch_run(void (*changed)(struct endpoint *ep, void *arg), void *arg);

/* ---- worker -------------------------------------------------------------- */

struct endpoint_ops {
	const char *type;
	int (*open)(const struct endpoint_args *args, struct endpoint **ep, struct err *err);
	void (*close)(struct endpoint *ep);
	uint16_t (*rx)(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	uint16_t (*tx)(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	int (*rx_fd)(const struct endpoint *ep, uint16_t queue);
	/** Notes which set the queue's descriptor is in; -1: none. For types that exchange what is behind it. */
	void (*armed)(struct endpoint *ep, uint16_t queue, int epoll);
	int (*set_mac)(struct endpoint *ep, uint64_t mac, struct err *err);
	int (*set_mtu)(struct endpoint *ep, uint32_t mtu, struct err *err);
	int (*set_up)(struct endpoint *ep, bool up, struct err *err);
	int (*set_addresses)(struct endpoint *ep, const struct ip_range *a, size_t n,
			     struct err *err);
	int (*set_noarp)(struct endpoint *ep, bool noarp, struct err *err);
	void (*set_carrier)(struct endpoint *ep, bool carrier);
	bool (*set_filter)(struct endpoint *ep, const struct endpoint_filter *f);
	bool (*refresh)(struct endpoint *ep);
	void (*get_state)(const struct endpoint *ep, struct endpoint_state *state);
	void (*describe)(const struct endpoint *ep, char *buf, size_t len);
};

/**
 * Receives up to @p n frames of rx queue @p queue, at once and without waiting; perhaps fewer than there are (tap),
 * but not none while there are some.
 * A frame may be chained. Work that its sender left unfinished stands in mbuf TX
 * flags with l2_len, l3_len, l4_len and tso_segsz, or in offload.h's dynamic field;
 * flags that the type did not make itself are cleared. What a sender claims of
 * its frame has been checked: a frame with claims that can't be true is counted
 * by endpoint_get_rx_errors() and not handed out.
 */
static inline uint16_t endpoint_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m,
				   uint16_t n)
{
	return ep->ops->rx(ep, queue, m, n);
}

/** What @p ep can do now, ENDPOINT_CAP_…; main may change it at any time. Worker. */
static inline uint32_t endpoint_caps(const struct endpoint *ep)
{
	return __atomic_load_n(&ep->caps, __ATOMIC_RELAXED);
}

/**
 * Sends up to @p n frames, each within endpoint_caps(); never retries.
 * @param queue  the worker's number; queues are shared where there are fewer
 * @return how many were taken, from the front; the rest still is the caller's
 */
static inline uint16_t endpoint_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m,
				   uint16_t n)
{
	return ep->ops->tx(ep, queue, m, n);
}

/** A descriptor that epoll finds readable when rx queue @p queue has frames; -1: the queue must be polled. */
static inline int endpoint_rx_fd(const struct endpoint *ep, uint16_t queue)
{
	return ep->ops->rx_fd(ep, queue);
}

/** Frames refused on receiving so far, all queues, by cause. Any thread; relaxed. */
struct endpoint_rx_errors {
	uint64_t malformed; /**< shorter than an Ethernet header */
	uint64_t bad_offload; /**< offload metadata that lies */
	uint64_t no_buffer; /**< no mbuf to receive into */
	uint64_t missed; /**< dev: the device's own count of frames lost */
};
void endpoint_get_rx_errors(const struct endpoint *ep, struct endpoint_rx_errors *e);

/**
 * The owner of a tap seems to have joined a group (it sent a group frame, and
 * joins are announced by some): has main look soon. Worker; one relaxed load on the
 * common path, a system call at most once until main has looked.
 */
void endpoint_hint_slow(struct endpoint *ep);
static inline void endpoint_hint(struct endpoint *ep)
{
	if (ep->type == ENDPOINT_TAP && __atomic_load_n(&ep->hint, __ATOMIC_RELAXED) == 0)
		endpoint_hint_slow(ep);
}

/* ---- mempools ------------------------------------------------------------ */

/** Sizes of the pools made from now on. Main, once, after EAL and before any endpoint. */
struct pool_conf {
	uint32_t n_mbufs; /**< per NUMA node */
	uint32_t mbuf_size; /**< data room with headroom */
};
void pools_configure(const struct pool_conf *c);

/** The pool of NUMA node @p socket, made on first use; SOCKET_ID_ANY: this thread's node. NULL with @p err. Main only. */
struct rte_mempool *pool_get(int socket, struct err *err);

/** Mbufs in use in all pools: what tests compare. */
unsigned int pools_in_use(void);

/** Frees all pools; every endpoint is closed by then. Main. */
void pools_free(void);

#endif /* ENDPOINT_ENDPOINT_H */
