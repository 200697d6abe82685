/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_memcpy.h>

#include "dp/offload.h"
#include "dp/offload_bytes.h"
#include "dp/offload_gso.h"

/** What changes from one segment to the next, and where the payload has come to. */
struct gso {
	struct offload_hdr *h; /**< the header of the segment being made */
	struct rte_mempool *pool;
	struct offload_cursor payload;
	uint64_t pseudo; /**< the pseudo header's sum without the length */
	uint32_t seq;
	uint16_t ip_id;
	uint8_t tcp_flags; /**< the super-frame's */
};

/*
 * From the addresses, whatever the super-frame's field holds: some senders leave
 * the length out of it. But a source route or a home address option makes the pseudo header
 * speak of other addresses than the IP header does; there the field is right.
 */
static uint64_t pseudo_sum(struct offload_hdr *h)
{
	uint32_t l4_total = h->ip_end - h->l2_len - h->l3_len;

	if (!h->is_plain)
		return (uint64_t)offload_hdr_tcp(h)->cksum +
		       (uint16_t)~rte_cpu_to_be_16((uint16_t)l4_total);
	if (h->is_v6)
		return offload_sum(h->bytes + OFFLOAD_L2_ROOM +
					   offsetof(struct rte_ipv6_hdr, src_addr),
				   32) +
		       rte_cpu_to_be_16(IPPROTO_TCP);
	return offload_sum(h->bytes + OFFLOAD_L2_ROOM + offsetof(struct rte_ipv4_hdr, src_addr),
			   8) +
	       rte_cpu_to_be_16(IPPROTO_TCP);
}

/** Moves @p len bytes of payload behind the place that @p m leaves for the headers. */
static int fill(struct gso *g, struct rte_mbuf *m, uint32_t len)
{
	uint32_t start = offload_hdr_len(g->h);
	struct rte_mbuf *s = m;

	m->pkt_len = start + len;
	for (;;) {
		uint32_t n = RTE_MIN(len, rte_pktmbuf_tailroom(s) - start);

		s->data_len = (uint16_t)(start + n);
		offload_cursor_take(&g->payload, rte_pktmbuf_mtod_offset(s, uint8_t *, start), n);
		len -= n;
		if (len == 0)
			return 0;
		s->next = rte_pktmbuf_alloc(g->pool);
		if (s->next == NULL)
			return -ENOBUFS;
		s = s->next;
		m->nb_segs++;
		start = 0;
	}
}

/** Writes the headers of @p m, which holds @p len bytes of payload already. */
static void write_headers(struct gso *g, struct rte_mbuf *m, uint32_t len, bool first, bool last)
{
	struct offload_hdr *h = g->h;
	struct rte_tcp_hdr *tcp = offload_hdr_tcp(h);
	uint16_t l4_total = (uint16_t)(h->l4_len + len);

	if (h->is_v6) {
		struct rte_ipv6_hdr *ip = offload_hdr_ip6(h);

		ip->payload_len = rte_cpu_to_be_16(h->l3_len - sizeof(*ip) + l4_total);
	} else {
		struct rte_ipv4_hdr *ip = offload_hdr_ip4(h);

		ip->total_length = rte_cpu_to_be_16(h->l3_len + l4_total);
		ip->packet_id = rte_cpu_to_be_16(g->ip_id);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~offload_fold(offload_sum(ip, h->l3_len));
	}

	tcp->sent_seq = rte_cpu_to_be_32(g->seq);
	tcp->tcp_flags = g->tcp_flags;
	if (!first)
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	if (!last)
		tcp->tcp_flags &= 0xff ^ (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	tcp->cksum = 0;
	/* The header's length is a multiple of 4, so the payload starts with a whole word. */
	tcp->cksum = (uint16_t)~offload_fold(g->pseudo + rte_cpu_to_be_16(l4_total) +
					     offload_sum(tcp, h->l4_len) +
					     offload_frame_sum(m, offload_hdr_len(h), len));

	rte_memcpy(rte_pktmbuf_mtod(m, uint8_t *), offload_hdr_frame(h), offload_hdr_len(h));
	g->seq += len;
	g->ip_id++;
}

/** What a segment inherits besides its bytes; nothing is left to be done for it. */
static void copy_metadata(struct rte_mbuf *to, const struct rte_mbuf *from)
{
	to->port = from->port;
	to->vlan_tci = from->vlan_tci;
	to->vlan_tci_outer = from->vlan_tci_outer;
	to->packet_type = from->packet_type;
	to->hash = from->hash;
	to->ol_flags = from->ol_flags & ~(OFFLOAD_TX_FLAGS | offload_csum_flag |
					  RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	rte_mbuf_dynfield_copy(to, from);
}

int offload_gso(const struct rte_mbuf *m, struct offload_hdr *h, uint16_t mss, uint32_t n,
		struct rte_mempool *pool, struct rte_mbuf **out)
{
	uint32_t left = h->ip_end - offload_hdr_len(h);
	struct gso g = {
		.h = h,
		.pool = pool,
		.pseudo = pseudo_sum(h),
		.seq = rte_be_to_cpu_32(offload_hdr_tcp(h)->sent_seq),
		.ip_id = h->is_v6 ? 0 : rte_be_to_cpu_16(offload_hdr_ip4(h)->packet_id),
		.tcp_flags = offload_hdr_tcp(h)->tcp_flags,
	};

	if (rte_pktmbuf_alloc_bulk(pool, out, n) != 0)
		return -ENOBUFS;
	offload_cursor_set(&g.payload, m, offload_hdr_len(h));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = RTE_MIN(left, (uint32_t)mss);

		if (fill(&g, out[i], len) != 0) {
			/* Those not filled yet are empty mbufs: freed as well. */
			rte_pktmbuf_free_bulk(out, n);
			return -ENOBUFS;
		}
		write_headers(&g, out[i], len, i == 0, i == n - 1);
		copy_metadata(out[i], m);
		left -= len;
	}
	return 0;
}
