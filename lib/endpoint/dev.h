/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `dev`: any DPDK ethdev as an endpoint. One struct, and a file for each part of
 * its life:
 *   dev.c         open, close, what main sets and asks
 *   dev_probe.c   devargs to port id; devices given to EAL and hot-plugged ones
 *   dev_setup.c   queues, offloads, RSS, MTU
 *   dev_io.c      rx and tx, the workers' part
 *   dev_filter.c  unicast and group filters, promiscuity
 *   dev_netdev.c  the kernel netdev below af_packet and af_xdp
 *   dev_xdp.c     what af_xdp leaves behind
 *   dev_quirks.c  what drivers don't tell of themselves
 *
 * Main only, save dev_rx() and dev_tx(). `removed` is written by EAL's interrupt
 * thread.
 */
#ifndef ENDPOINT_DEV_H
#define ENDPOINT_DEV_H

#include <net/if.h>
#include <sys/types.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_spinlock.h>

#include "endpoint/dev_quirks.h"
#include "endpoint/types.h"

/** The most queues of an af_packet device whose sockets are looked after. */
#define DEV_MAX_SOCKETS CONF_MAX_QUEUES

/** The most AF_XDP sockets in this process that can be told apart. */
#define XDP_MAX_SOCKETS 256

/** A socket of a driver; the inode says whether the number still means it. */
struct dev_socket {
	int fd;
	ino_t inode;
};

/** A tx queue; the lock is taken only where workers share queues. */
struct __rte_cache_aligned dev_txq {
	rte_spinlock_t lock;
	uint64_t
		refused; /**< frames that the driver can't do or carry; who sends: w, any: ro (relaxed) */
};

struct dev {
	struct endpoint ep;

	/* worker: ro */
	uint16_t port;
	bool tx_shared; /**< fewer tx queues than workers */
	bool looks; /**< before the driver has a frame: offload work may come, or it drops in silence */
	bool ip_csum; /**< the device computes the IPv4 header's checksum */
	bool tx_off; /**< nothing may be sent now; main: w (relaxed) */
	struct dev_txq *txqs;

	/* main: rw */
	uint32_t quirks; /**< DEV_… */
	bool hotplugged; /**< we probed it, so we remove it */
	bool started;
	bool may_retry; /**< it did not open because the kernel is not done with a former user */
	bool removed; /**< unplugged; EAL's interrupt thread: w (relaxed) */
	bool scatter; /**< frames larger than an mbuf are received */
	char device[RTE_DEV_NAME_MAX_LEN];
	char driver[RTE_DEV_NAME_MAX_LEN];
	char args[256]; /**< after the first comma of its devargs */
	struct rte_mempool *own_pool;
	unsigned int own_pool_held;
	uint64_t mac; /**< as set or as found; 0: none */
	uint64_t found_mac; /**< before we set one */
	uint32_t mtu;
	uint32_t found_mtu;
	uint32_t speed; /**< Mbit/s */
	struct endpoint_state state;

	/* dev_filter.c */
	uint64_t *filter_macs; /**< set on the device now */
	size_t n_filter_macs;
	bool filters_unicast; /**< what the last dev_set_filter() answered */

	/* dev_netdev.c; DEV_NETDEV only */
	unsigned int if_index;
	char if_name[IF_NAMESIZE];
	int filter_fd;
	int sockets[DEV_MAX_SOCKETS]; /**< the driver's own; borrowed until it stops */
	size_t n_sockets;

	/* dev_xdp.c; af_xdp only */
	struct dev_socket xdp_sockets[DEV_MAX_SOCKETS];
	size_t n_xdp_sockets;
};

static inline struct dev *dev_of(struct endpoint *ep)
{
	return (struct dev *)ep;
}

static inline const struct dev *dev_of_const(const struct endpoint *ep)
{
	return (const struct dev *)ep;
}

/** Unplugged: its driver must not be asked for anything any more. */
static inline bool dev_is_removed(const struct dev *d)
{
	return __atomic_load_n(&d->removed, __ATOMIC_RELAXED) ||
	       !rte_eth_dev_is_valid_port(d->port);
}

/* ---- dev_probe.c --------------------------------------------------------- */

/**
 * Finds or hot-plugs the ethdev of @p devargs for @p d: fills port, device, driver,
 * args, quirks, hotplugged, and reserves it. 0; or -errno, @p err filled.
 */
int dev_probe(struct dev *d, const char *devargs, struct err *err);

/** Stops the device and gives it back: unplugs what dev_probe() plugged in. */
void dev_unprobe(struct dev *d);

/** Copies the value of @p key in @p args ("a=1,b=2") to @p value; false: it isn't there. */
bool dev_arg(const char *args, const char *key, char *value, size_t len);

/* ---- dev_setup.c --------------------------------------------------------- */

/** Configures queues, offloads, RSS and MTU, sets the MAC, and starts the device. 0 or -errno with @p err. */
int dev_setup(struct dev *d, const struct endpoint_args *args, struct err *err);

/** Can the device carry @p mtu? 0 or -errno with @p err. */
int dev_check_mtu(const struct dev *d, uint32_t mtu, struct err *err);

/** endpoint_ops.set_mac and .set_mtu. */
int dev_set_mac(struct endpoint *ep, uint64_t mac, struct err *err);
int dev_set_mtu(struct endpoint *ep, uint32_t mtu, struct err *err);

/* ---- dev_io.c: workers --------------------------------------------------- */

uint16_t dev_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t dev_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n);

/* ---- dev_filter.c -------------------------------------------------------- */

bool dev_set_filter(struct endpoint *ep, const struct endpoint_filter *f);

/** Leaves the device without filters and not promiscuous. */
void dev_clear_filter(struct dev *d);

/* ---- dev_netdev.c -------------------------------------------------------- */

struct netdev_state {
	bool up;
	bool running; /**< carrier */
	uint64_t mac;
	uint32_t mtu;
};

/** Finds the netdev and the driver's sockets; 0 or -errno with @p err. */
int netdev_attach(struct dev *d, struct err *err);
/** Undoes netdev_attach(), MAC and MTU included; before the device stops. */
void netdev_detach(struct dev *d);
/** false: the netdev is gone from our namespace. */
bool netdev_get_state(struct dev *d, struct netdev_state *s);
int netdev_set_mtu(const struct dev *d, uint32_t mtu);
/** Its NUMA node, or SOCKET_ID_ANY. */
int netdev_socket(const struct dev *d);
/** Asks the netdev for these filters; false: it could not be done. */
bool netdev_set_filter(struct dev *d, const struct endpoint_filter *f);
/** Frames that the kernel dropped since the last call because the driver's rings were full. */
uint64_t netdev_read_drops(const struct dev *d);

/* ---- dev_xdp.c ----------------------------------------------------------- */

/** All AF_XDP sockets of this process; how many of @p max. */
size_t xdp_find_sockets(struct dev_socket *list, size_t max);
/** Remembers as @p d's those that were not among @p before. */
void xdp_note_sockets(struct dev *d, const struct dev_socket *before, size_t n_before);
/** After the driver closed: releases what it left of @p d's sockets. */
void xdp_release_sockets(struct dev *d);
/** Was one closed so lately that the kernel may still hold the netdev's queue? */
bool xdp_may_be_busy(void);

#endif /* ENDPOINT_DEV_H */
