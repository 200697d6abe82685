/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What routing changes of a frame: its Ethernet header, and, where it is too long for the
 * port and may be, its number. TTL and hop limit stay (docs/ipvlan.md, §8). And the answers
 * of the forwarder to ARP and neighbour discovery. Worker.
 */
#ifndef DP_ROUTE_H
#define DP_ROUTE_H

#include <rte_mbuf.h>

/** Fragments that one frame may become: 64 KiB over the least MTU of IPv4 that a port can have. */
#define ROUTE_MAX_FRAGMENTS 128

/**
 * The first @p len bytes of @p m become ours to write, contiguous and unshared. Consumes @p m.
 * @return the frame, or NULL: no mbuf for a copy, and @p m is freed
 */
struct rte_mbuf *route_own(struct rte_mbuf *m, uint32_t len, struct rte_mempool *pool);

/**
 * Writes both MACs. Consumes @p m, which may be shared.
 * @return the frame, or NULL: no mbuf for a copy, and @p m is freed
 */
struct rte_mbuf *route_rewrite(struct rte_mbuf *m, uint64_t dst, uint64_t src,
			       struct rte_mempool *pool);

/**
 * Cuts the IPv4 packet behind an untagged Ethernet header into fragments of at most @p mtu
 * bytes, each with that header. Consumes @p m; unfinished checksums are finished first.
 * @return how many are in @p out; or -errno, nothing in @p out and @p m freed
 */
int route_fragment(struct rte_mbuf *m, uint32_t mtu, struct rte_mempool *pool,
		   struct rte_mbuf *out[ROUTE_MAX_FRAGMENTS]);

/**
 * The answer to the ARP request or neighbour solicitation @p m: what it asks for is at @p mac.
 * Consumes @p m.
 * @return NULL: it can't be answered, or no mbuf is free
 */
struct rte_mbuf *route_answer(struct rte_mbuf *m, uint64_t mac, struct rte_mempool *pool);

#endif /* DP_ROUTE_H */
