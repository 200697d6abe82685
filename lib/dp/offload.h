/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The offload contract, in one place.
 *
 * Inside the forwarder a frame may carry unfinished work. It is written down in
 * the mbuf:
 *   - RTE_MBUF_F_TX_TCP_CKSUM or _UDP_CKSUM with l2_len and l3_len: the checksum of the
 *     transport header at l2_len + l3_len is missing. Its field holds the sum of the
 *     pseudo header, length included (what virtio's NEEDS_CSUM promises).
 *   - RTE_MBUF_F_TX_TCP_SEG with l4_len and tso_segsz, and one of RTE_MBUF_F_TX_IPV4 or _IPV6:
 *     a super-frame, to be cut into segments of tso_segsz payload bytes.
 *     RTE_MBUF_F_TX_TCP_CKSUM is then set, too, and for IPv4 RTE_MBUF_F_TX_IP_CKSUM.
 *   - offload_csum_flag with the dynamic field (start, offset): a checksum that the flags
 *     above can't express. Sum from `start` to the end, stored at start + offset.
 * l2_len counts VLAN tags, l3_len IPv6 extension headers.
 *
 * Endpoints translate this from and to their own form (virtio-net header, ethdev
 * flags). offload_finish() does in software, just before tx, what the egress
 * can't, and nothing else does. Workers; no heap, no locks.
 */
#ifndef DP_OFFLOAD_H
#define DP_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "endpoint/csum_field.h"

/** Segments that one super-frame may become; more (a lying tso_segsz) is refused. */
#define OFFLOAD_MAX_SEGS 256

/** The flags that ask for work. */
#define OFFLOAD_TX_FLAGS                                                          \
	(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM | \
	 RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)

/**
 * Must @p m be changed before an egress with @p caps (ENDPOINT_CAP_…) may have it?
 * Workers call this per frame; false is the common answer.
 */
static inline bool offload_is_needed(const struct rte_mbuf *m, uint32_t caps);

/**
 * 0: @p m is fit for every egress, whatever its caps: it has no work to be done, is one piece, and is
 * nobody else's. To be ORed for many frames, without a jump for each.
 */
static inline uint64_t offload_doubts(const struct rte_mbuf *m);

/**
 * Makes @p m fit for an egress with @p caps: cuts super-frames, completes
 * checksums, copies what is shared or chained where the egress bears neither.
 * Consumes @p m in every case; a frame that is shared stays what it was for its other owners.
 *
 * Left to the egress is what it can finish (super-frames: TSO and CSUM; transport
 * checksums: CSUM; behind IP options or extension headers: IP_OPTS, too). If it then writes pseudo headers into the frame, as every
 * egress without CSUM_ANY is taken to do, Ethernet to transport header lie in the first
 * segment, unshared. An IPv4 header checksum is always completed here, but in a super-frame that
 * the egress cuts. What is completed has no flags left. The bytes behind the IP packet's own
 * length are padding: they are not in checksums, nor in segments.
 * @param pool  for segments and copies; what doesn't fit one of its mbufs is chained
 * @param out   the frames to send, in order; @p max of them at most (OFFLOAD_MAX_SEGS suffices)
 * @return how many; or with nothing in @p out and @p m freed:
 *         -EINVAL: the metadata contradicts the frame, or it would be more than OFFLOAD_MAX_SEGS;
 *         -EMSGSIZE: longer than one mbuf and the egress lacks MULTI_SEGS, or more than @p max;
 *         -ENOBUFS: no mbufs
 */
int offload_finish(struct rte_mbuf *m, uint32_t caps, struct rte_mempool *pool,
		   struct rte_mbuf **out, unsigned int max);

#include "dp/offload_inline.h"

#endif /* DP_OFFLOAD_H */
