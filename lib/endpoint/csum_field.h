/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mbuf's dynamic field and flag for a checksum that mbuf TX flags can't
 * express (offload.h tells the contract): virtio lets a sender name any start and
 * offset. Registered once; then read by everyone, written by who holds the mbuf.
 */
#ifndef ENDPOINT_CSUM_FIELD_H
#define ENDPOINT_CSUM_FIELD_H

#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

/** From the first byte of the frame to the first byte summed, and from there to the field. */
struct csum_field {
	uint16_t start;
	uint16_t offset;
};

extern uint64_t offload_csum_flag;
extern int offload_csum_offset;

/** Flags of a mbuf that leave a checksum or segments to be made. */
static inline uint64_t offload_work_flags(void)
{
	return RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM |
	       offload_csum_flag;
}

/** Registers both; main, after EAL, before any endpoint. 0 or -errno. Again: no harm. */
int csum_field_register(void);

static inline struct csum_field *csum_field(struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, offload_csum_offset, struct csum_field *);
}

#endif /* ENDPOINT_CSUM_FIELD_H */
