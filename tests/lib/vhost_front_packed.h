/* SPDX-License-Identifier: BSD-3-Clause */
/* Packed rings (VIRTIO 1.1, 2.7) for vhost_front.c, which alone calls these. */
#ifndef TESTS_VHOST_FRONT_PACKED_H
#define TESTS_VHOST_FRONT_PACKED_H

#include "vhost_front.h"

/** What SET_VRING_BASE says of an empty ring: index 0, wrap counter 1. */
#define PACKED_BASE 0x8000

/** Anew: nothing is available, nothing used. */
void packed_reset(struct front_ring *r);

/** Fills in descriptor @p i, not available yet. */
void packed_desc(struct front_ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t id);

/** Makes the chain that begins at @p i available, as a whole; the next one begins behind it. */
void packed_chain(struct front_ring *r, uint16_t i);

/** Takes the next used buffer; false: there is none. */
bool packed_used(struct front_ring *r, uint16_t *id, uint32_t *len);

#endif /* TESTS_VHOST_FRONT_PACKED_H */
