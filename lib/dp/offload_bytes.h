/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes and Internet checksums (RFC 1071) of frames that may be chained anywhere,
 * between any two bytes. Inside lib/dp's offload files only. Workers; no state.
 *
 * Sums are of 16-bit words as they lie in memory, so they are right on either
 * byte order, as long as values from and to the frame stay in network order.
 * Callers have checked that what they name lies within the frame.
 */
#ifndef DP_OFFLOAD_BYTES_H
#define DP_OFFLOAD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

/** The unfolded sum of @p len bytes, as if followed by a zero where @p len is odd. */
uint64_t offload_sum(const void *p, size_t len);

/** Folds to 16 bits; 0 only if all that was summed is 0. */
static inline uint16_t offload_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

/** The unfolded sum of @p len bytes of @p m from @p off on. */
uint64_t offload_frame_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len);

/** Copies out @p len bytes of @p m from @p off on. */
void offload_frame_read(const struct rte_mbuf *m, uint32_t off, void *to, uint32_t len);

/** Writes the 16-bit @p value at @p off of @p m, whose segments the caller owns alone. */
void offload_frame_write16(struct rte_mbuf *m, uint32_t off, uint16_t value);

/** Do nb_segs and pkt_len tell the truth of the chain? What walks it afterwards relies on that. */
bool offload_frame_is_sane(const struct rte_mbuf *m);

/** A place in a frame from which bytes are taken in order. */
struct offload_cursor {
	const struct rte_mbuf *seg;
	uint32_t off;
};

/** Puts @p c at byte @p off of @p m. */
void offload_cursor_set(struct offload_cursor *c, const struct rte_mbuf *m, uint32_t off);

/** Copies the next @p len bytes to @p to. */
void offload_cursor_take(struct offload_cursor *c, uint8_t *to, uint32_t len);

#endif /* DP_OFFLOAD_BYTES_H */
