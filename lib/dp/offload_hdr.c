/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "dp/offload_bytes.h"
#include "dp/offload_hdr.h"

static int check_ip4(struct offload_hdr *h, uint8_t proto)
{
	const struct rte_ipv4_hdr *ip = offload_hdr_ip4(h);
	rte_be16_t fragment = rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK | RTE_IPV4_HDR_MF_FLAG);

	if ((ip->version_ihl & 0xf) * 4 != h->l3_len)
		return -EINVAL;
	if (proto != 0 && ip->next_proto_id != proto)
		return -EINVAL;
	h->is_plain = h->l3_len == sizeof(*ip);
	h->can_cut = (ip->fragment_offset & fragment) == 0;
	h->ip_end = (uint32_t)h->l2_len + rte_be_to_cpu_16(ip->total_length);
	return 0;
}

/** The length of the extension header at @p ext, whose kind is @p kind; 0: it isn't one. */
static uint32_t ext_len(uint8_t kind, const uint8_t *ext)
{
	switch (kind) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
		return (ext[1] + 1u) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		return (ext[1] + 2u) * 4;
	default:
		return 0;
	}
}

static int check_ip6(struct offload_hdr *h, uint8_t proto)
{
	const struct rte_ipv6_hdr *ip = offload_hdr_ip6(h);
	uint32_t off = sizeof(*ip);
	uint8_t next = ip->proto;

	h->is_plain = h->l3_len == sizeof(*ip);
	h->can_cut = true;
	/* 8 is the least that an extension header has, so its length can be read. */
	while (off + 8 <= h->l3_len) {
		const uint8_t *ext = (const uint8_t *)ip + off;
		uint32_t len = ext_len(next, ext);

		if (len == 0)
			return -EINVAL;
		if (next == IPPROTO_FRAGMENT || next == IPPROTO_AH)
			h->can_cut = false;
		next = ext[0];
		off += len;
	}
	/* Now l3_len is a multiple of 4 as well: every header's length was. */
	if (off != h->l3_len || (proto != 0 && next != proto))
		return -EINVAL;
	h->ip_end = (uint32_t)h->l2_len + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	return 0;
}

int offload_hdr_read(struct offload_hdr *h, const struct rte_mbuf *m, uint8_t proto,
		     uint16_t l4_len)
{
	int rc;

	h->l2_len = m->l2_len;
	h->l3_len = m->l3_len;
	h->l4_len = l4_len;
	if (h->l2_len < RTE_ETHER_HDR_LEN || h->l3_len < sizeof(struct rte_ipv4_hdr) ||
	    l4_len >= 1u << RTE_MBUF_L4_LEN_BITS || offload_hdr_len(h) > m->pkt_len)
		return -EINVAL;
	offload_frame_read(m, 0, h->bytes + OFFLOAD_L2_ROOM - h->l2_len, offload_hdr_len(h));

	h->is_v6 = h->bytes[OFFLOAD_L2_ROOM] >> 4 == 6;
	if (h->is_v6 && h->l3_len >= sizeof(struct rte_ipv6_hdr) &&
	    !(m->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM)))
		rc = check_ip6(h, proto);
	else if (h->bytes[OFFLOAD_L2_ROOM] >> 4 == 4 && !(m->ol_flags & RTE_MBUF_F_TX_IPV6))
		rc = check_ip4(h, proto);
	else
		rc = -EINVAL;
	if (rc == 0 && (h->ip_end < offload_hdr_len(h) || h->ip_end > m->pkt_len))
		rc = -EINVAL;
	return rc;
}
