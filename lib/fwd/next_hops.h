/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours of a port whose MAC addresses are known: where l3 vnics' frames go. Main
 * makes a new one when something changed (lib/ctl/neigh.h knows when); workers read it, and
 * note in `used` which they use. Shared between snapshots.
 */
#ifndef FWD_NEXT_HOPS_H
#define FWD_NEXT_HOPS_H

#include "fwd/ip_table.h"

struct next_hops {
	struct ip_table *by_ip; /**< address → index */
	uint32_t refs; /**< main */
	uint16_t n;
	uint8_t *used; /**< by index; workers: w, only 0 → 1 (relaxed); main: rw */
	uint64_t macs[]; /**< by index */
};

/** One neighbour of a next_hops to be. */
struct next_hop_in {
	struct ip_addr ip;
	uint64_t mac;
};

/** @p n of them, addresses without doubles, on NUMA node @p socket. NULL with @p err. Main. */
struct next_hops *next_hops_create(const struct next_hop_in *list, uint16_t n, int socket,
				   struct err *err);

/** Takes and drops a reference; NULL is fine. Main. */
struct next_hops *next_hops_get(struct next_hops *h);
void next_hops_put(struct next_hops *h);

/** A worker sent something to neighbour @p i. */
static inline void next_hops_use(const struct next_hops *h, uint16_t i)
{
	if (__atomic_load_n(&h->used[i], __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&h->used[i], 1, __ATOMIC_RELAXED);
}

#endif /* FWD_NEXT_HOPS_H */
