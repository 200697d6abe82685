/* SPDX-License-Identifier: BSD-3-Clause */
/* The test of offload.h that every frame passes; apart, so that offload.h reads as the contract. */
#ifndef DP_OFFLOAD_INLINE_H
#define DP_OFFLOAD_INLINE_H

#include "endpoint/endpoint.h"

/** offload_is_needed() for a frame that is chained, indirect or has unfinished work. */
bool offload_is_needed_slow(const struct rte_mbuf *m, uint32_t caps);

static inline bool offload_is_needed(const struct rte_mbuf *m, uint32_t caps)
{
	const uint64_t look = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG |
			      RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_INDIRECT | offload_csum_flag;

	if (likely((m->ol_flags & look) == 0 && m->nb_segs == 1))
		return !(caps & ENDPOINT_CAP_SHARED) && rte_mbuf_refcnt_read(m) > 1;
	return offload_is_needed_slow(m, caps);
}

#endif /* DP_OFFLOAD_INLINE_H */
