/* SPDX-License-Identifier: BSD-3-Clause */
/* The test of offload.h that every frame passes; apart, so that offload.h reads as the contract. */
#ifndef DP_OFFLOAD_INLINE_H
#define DP_OFFLOAD_INLINE_H

#include "endpoint/endpoint.h"

/** offload_is_needed() for a frame that is chained, indirect or has unfinished work. */
bool offload_is_needed_slow(const struct rte_mbuf *m, uint32_t caps);

/** Flags of a frame that has to be looked at more closely. */
static inline uint64_t offload_flags(void)
{
	return offload_work_flags() | RTE_MBUF_F_INDIRECT;
}

/* Of the first word behind the buffer's address: reference count and number of segments, each 1. */
#define OFFLOAD_ALONE	   UINT64_C(0x0000000100010000)
#define OFFLOAD_ALONE_MASK UINT64_C(0x0000ffffffff0000)
_Static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, data_off) + 2 &&
		       offsetof(struct rte_mbuf, nb_segs) ==
			       offsetof(struct rte_mbuf, data_off) + 4,
	       "both stand in one word");

static inline uint64_t offload_doubts(const struct rte_mbuf *m)
{
	uint64_t word;

	memcpy(&word, &m->rearm_data, sizeof(word));
	return (m->ol_flags & offload_flags()) | ((word ^ OFFLOAD_ALONE) & OFFLOAD_ALONE_MASK);
}

static inline bool offload_is_needed(const struct rte_mbuf *m, uint32_t caps)
{
	if (likely((m->ol_flags & offload_flags()) == 0 && m->nb_segs == 1))
		return !(caps & ENDPOINT_CAP_SHARED) && rte_mbuf_refcnt_read(m) > 1;
	return offload_is_needed_slow(m, caps);
}

#endif /* DP_OFFLOAD_INLINE_H */
