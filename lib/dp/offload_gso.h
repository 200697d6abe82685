/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Software TCP segmentation, for IPv4 and IPv6. Inside lib/dp's offload files only.
 * Workers; no heap, no state.
 */
#ifndef DP_OFFLOAD_GSO_H
#define DP_OFFLOAD_GSO_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "dp/offload_hdr.h"

/**
 * Cuts the TCP packet in @p m into @p n segments of @p mss payload bytes, the last with what
 * remains. They are complete: lengths, IPv4 id and header checksum, sequence numbers,
 * FIN and PSH in the last only, CWR in the first only, TCP checksums. Their payload is
 * a copy; @p m stays the caller's, unchanged.
 * @param h     its headers, read and found to be cuttable; used up
 * @param pool  each segment is as many mbufs of it as it needs
 * @param out   room for @p n
 * @return 0, or -ENOBUFS with nothing in @p out
 */
int offload_gso(const struct rte_mbuf *m, struct offload_hdr *h, uint16_t mss, uint32_t n,
		struct rte_mempool *pool, struct rte_mbuf **out);

#endif /* DP_OFFLOAD_GSO_H */
