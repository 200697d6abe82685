/* SPDX-License-Identifier: BSD-3-Clause */
/* The test of offload.h that every frame passes; apart, so that offload.h reads as the contract. */
#ifndef DP_OFFLOAD_INLINE_H
#define DP_OFFLOAD_INLINE_H

#include "endpoint/endpoint.h"

static inline bool offload_is_needed(const struct rte_mbuf *m, uint32_t caps)
{
	uint64_t work = m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | offload_csum_flag);

	if (likely(work == 0 && m->nb_segs == 1))
		return !(caps & ENDPOINT_CAP_SHARED) && rte_mbuf_refcnt_read(m) > 1;
	if (work & RTE_MBUF_F_TX_TCP_SEG) {
		uint32_t tso = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? ENDPOINT_CAP_TSO6
								 : ENDPOINT_CAP_TSO4;

		if (!(caps & tso))
			return true;
	}
	if (work & RTE_MBUF_F_TX_L4_MASK && !(caps & ENDPOINT_CAP_CSUM))
		return true;
	if (work & offload_csum_flag && !(caps & ENDPOINT_CAP_CSUM_ANY))
		return true;
	if (m->nb_segs > 1 && !(caps & ENDPOINT_CAP_MULTI_SEGS))
		return true;
	/* A driver that finishes work writes pseudo headers into the frame. */
	if (!(caps & ENDPOINT_CAP_SHARED) || (work != 0 && !(caps & ENDPOINT_CAP_CSUM_ANY)))
		for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
			if (rte_mbuf_refcnt_read(s) > 1)
				return true;
	return false;
}

#endif /* DP_OFFLOAD_INLINE_H */
