/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-net header in front of a frame, and the work that it asks for, as
 * plain values. Pure; any thread.
 *
 * The header comes from whoever sent the frame and is believed in nothing: what
 * vnet_hdr_read() lets through has offsets that lie inside the frame and, where it
 * speaks of TCP or UDP, headers that really are there.
 */
#ifndef ENDPOINT_VNET_HDR_H
#define ENDPOINT_VNET_HDR_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

/** What a frame's sender left undone. */
enum vnet_csum {
	VNET_CSUM_NONE,
	VNET_CSUM_TCP, /**< of the header at l2_len + l3_len */
	VNET_CSUM_UDP,
	VNET_CSUM_ANY, /**< from csum_start to the end, stored at csum_start + csum_offset */
};

struct vnet_work {
	enum vnet_csum csum;
	uint8_t ip; /**< 4 or 6 for TCP and UDP; else 0 */
	bool ecn; /**< tso: the segments after the first must not carry CWR */
	uint16_t l2_len; /**< with VLAN tags; TCP and UDP only, as the next two */
	uint16_t l3_len; /**< with IPv6 extension headers */
	uint16_t l4_len; /**< tso only */
	uint16_t tso; /**< payload bytes a segment; 0: no super-frame */
	uint16_t csum_start;
	uint16_t csum_offset;
};

/**
 * Reads what @p h says of a frame.
 * @param b    its first @p n bytes, contiguous; headers that go on behind them aren't followed
 * @param len  its whole length, >= @p n and at least an Ethernet header's
 * @return 0 with @p w, or -EINVAL: it can't be true
 */
int vnet_hdr_read(const struct virtio_net_hdr *h, const uint8_t *b, uint32_t n, uint32_t len,
		  struct vnet_work *w);

/** The reverse: makes @p h for work @p w. */
void vnet_hdr_write(struct virtio_net_hdr *h, const struct vnet_work *w);

#endif /* ENDPOINT_VNET_HDR_H */
