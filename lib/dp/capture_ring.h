/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies of frames on their way from one worker to the thread that writes them
 * out: a ring of bytes with one producer and one reader, no locks, nobody waits.
 * What finds no room is counted as lost.
 *
 * The producer may show records to the reader later than it wrote them, or take
 * them back: what became of a frame is known only when its receiver took it.
 */
#ifndef DP_CAPTURE_RING_H
#define DP_CAPTURE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

/** A frame's copy; records begin at multiples of its size, and are in one piece. */
struct capture_record {
	uint32_t size; /**< to the next record */
	uint32_t caplen; /**< bytes that are here */
	uint32_t len; /**< bytes that the frame had */
	uint16_t frame; /**< the producer's: its index in the burst */
	uint8_t outbound; /**< its owner sent it; else it was to receive it */
	uint8_t reason; /**< enum drop_reason; DROP_NONE: it wasn't dropped */
	uint64_t tsc;
	uint64_t lost; /**< by this ring before this record, in all */
	uint8_t bytes[];
};

struct capture_ring {
	uint8_t *bytes;
	uint32_t size;
	/* The producer's own. */
	uint64_t next; /**< where the next record goes; records from `head` to here aren't shown */
	uint64_t tail_seen;
	uint64_t lost; /**< producer: rw, anybody: ro (relaxed) */
	uint64_t head __rte_cache_aligned; /**< producer: rw (release), reader: ro (acquire) */
	uint64_t tail __rte_cache_aligned; /**< reader: rw (release), producer: ro (acquire) */
};

/**
 * @param size  a power of two, more than twice the longest record
 * @return 0 or -ENOMEM. Main.
 */
int capture_ring_open(struct capture_ring *r, uint32_t size);

/** Neither producer nor reader is there any more. NULL bytes are fine. Main. */
void capture_ring_close(struct capture_ring *r);

/* ---- producer ---- */

/** A record for @p caplen bytes, to be filled, not shown yet; NULL: no room, counted. */
struct capture_record *capture_ring_add(struct capture_ring *r, uint32_t caplen);

/** Walks what isn't shown yet, from @p at = r->head on; NULL at the end. */
struct capture_record *capture_ring_hidden(const struct capture_ring *r, uint64_t *at);

/** Takes back what was written from @p at on. */
void capture_ring_rewind(struct capture_ring *r, uint64_t at);

/** Shows the reader all that was written. */
void capture_ring_show(struct capture_ring *r);

/* ---- reader ---- */

/** The oldest record, or NULL. */
const struct capture_record *capture_ring_first(struct capture_ring *r);

/** Gives its room back. */
void capture_ring_remove_first(struct capture_ring *r);

#endif /* DP_CAPTURE_RING_H */
