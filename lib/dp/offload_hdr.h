/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The headers of a frame with unfinished work, copied out of wherever its segments
 * split them and compared with what the mbuf's metadata claims of them. Inside
 * lib/dp's offload files only. Workers; a value on the stack of its user.
 */
#ifndef DP_OFFLOAD_HDR_H
#define DP_OFFLOAD_HDR_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

/* l2_len has 7 bits, l3_len 9, l4_len 8: nothing that they say overruns this. */
#define OFFLOAD_L2_ROOM (1u << RTE_MBUF_L2_LEN_BITS)
#define OFFLOAD_HDR_ROOM \
	(OFFLOAD_L2_ROOM + (1u << RTE_MBUF_L3_LEN_BITS) + (1u << RTE_MBUF_L4_LEN_BITS))

struct offload_hdr {
	uint16_t l2_len;
	uint16_t l3_len;
	uint16_t l4_len;
	bool is_v6;
	bool is_plain; /**< no IPv4 options, no IPv6 extension headers */
	bool can_cut; /**< neither a fragment nor under an authentication header */
	uint32_t ip_end; /**< where the IP packet ends in the frame; what follows is padding */
	/** The network header is at OFFLOAD_L2_ROOM, aligned, the Ethernet header ends there. */
	uint8_t bytes[OFFLOAD_HDR_ROOM] __attribute__((aligned(8)));
};

/**
 * Reads the headers of @p m, which is sane (offload_frame_is_sane()), and checks them
 * against its l2_len, l3_len and TX flags.
 * @param proto   the transport protocol that must be at l2_len + l3_len; 0: none is read
 * @param l4_len  bytes of it to read
 * @return 0, or -EINVAL: frame and metadata contradict each other
 */
int offload_hdr_read(struct offload_hdr *h, const struct rte_mbuf *m, uint8_t proto,
		     uint16_t l4_len);

/** The whole length: Ethernet, network and transport header. */
static inline uint32_t offload_hdr_len(const struct offload_hdr *h)
{
	return (uint32_t)h->l2_len + h->l3_len + h->l4_len;
}

/** The first byte of the frame. */
static inline const uint8_t *offload_hdr_frame(const struct offload_hdr *h)
{
	return h->bytes + OFFLOAD_L2_ROOM - h->l2_len;
}

static inline struct rte_ipv4_hdr *offload_hdr_ip4(struct offload_hdr *h)
{
	return (struct rte_ipv4_hdr *)(h->bytes + OFFLOAD_L2_ROOM);
}

static inline struct rte_ipv6_hdr *offload_hdr_ip6(struct offload_hdr *h)
{
	return (struct rte_ipv6_hdr *)(h->bytes + OFFLOAD_L2_ROOM);
}

/** Aligned: offload_hdr_read() has seen that l3_len is what the header says, a multiple of 4. */
static inline struct rte_tcp_hdr *offload_hdr_tcp(struct offload_hdr *h)
{
	return (struct rte_tcp_hdr *)(h->bytes + OFFLOAD_L2_ROOM + h->l3_len);
}

#endif /* DP_OFFLOAD_HDR_H */
