/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters, by worker and interface. A worker writes its own rows, a few times a
 * burst; anybody may read them, relaxed, and sums over workers. Rows belong to
 * ids, which outlive snapshots, so counters survive a reload. What vnics and wires were given is
 * counted where it is sent (struct receiver, tx.h); worker_collect_vnic() and _port() add it all up.
 *
 * The view is the kernel's: a vnic's rx is what its owner received, a port's rx what came
 * from the wire.
 */
#ifndef DP_STATS_H
#define DP_STATS_H

#include <stdint.h>

#include <rte_common.h>

#include "conf/conf.h"
#include "fwd/reason.h"

/** One interface's row; counts of frames unless they say bytes. */
struct iface_stats {
	uint64_t rx_packets, rx_bytes, rx_multicast, rx_dropped;
	uint64_t tx_packets, tx_bytes, tx_dropped;
	uint64_t drops[DROP_N_REASONS]; /**< of rx_dropped and tx_dropped together, by reason */
} __rte_cache_aligned;

#define STATS_MAX_VNICS 65536

/** One worker's rows; on its NUMA node, touched as vnics come into use. */
struct stats {
	struct iface_stats *vnics; /**< by vnic id */
	struct iface_stats ports[CONF_MAX_PORTS];
};

/** Adds to a counter that this thread alone writes. */
static inline void stats_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void stats_drop_rx(struct iface_stats *row, enum drop_reason reason, uint64_t n)
{
	stats_add(&row->rx_dropped, n);
	stats_add(&row->drops[reason], n);
}

static inline void stats_drop_tx(struct iface_stats *row, enum drop_reason reason, uint64_t n)
{
	stats_add(&row->tx_dropped, n);
	stats_add(&row->drops[reason], n);
}

/** Rows on NUMA node @p socket (-1: any), all zero. 0 or -ENOMEM. Main. */
int stats_create(struct stats *s, int socket);
void stats_destroy(struct stats *s);

/** Adds @p row, as its worker left it, to @p sum. Any thread. */
void stats_collect(struct iface_stats *sum, const struct iface_stats *row);

/** Zeroes a row that no worker writes any more (its id is about to be used again). Main. */
void stats_clear(struct iface_stats *row);

#endif /* DP_STATS_H */
