/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a virtio-net header asks for (vnet_hdr.h), written into an mbuf as the offload
 * contract wants it (lib/dp/offload.h), and read from there. Workers; the mbuf is the caller's own.
 */
#ifndef ENDPOINT_VNET_MBUF_H
#define ENDPOINT_VNET_MBUF_H

#include "endpoint/csum_field.h"
#include "endpoint/vnet_hdr.h"

/** @p m has no flags yet. */
static inline void vnet_work_to_mbuf(struct rte_mbuf *m, const struct vnet_work *w)
{
	if (w->csum == VNET_CSUM_NONE)
		return;
	if (w->csum == VNET_CSUM_ANY) {
		m->ol_flags |= offload_csum_flag;
		*csum_field(m) = (struct csum_field){w->csum_start, w->csum_offset};
		return;
	}
	m->l2_len = w->l2_len;
	m->l3_len = w->l3_len;
	m->ol_flags |= w->csum == VNET_CSUM_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	m->ol_flags |= w->ip == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	if (w->tso == 0)
		return;
	m->l4_len = w->l4_len;
	m->tso_segsz = w->tso;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	if (w->ip == 4)
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
}

/* Whether a super-frame's first segment alone may carry CWR stands in its TCP header. */
static inline bool vnet_has_cwr(const struct rte_mbuf *m)
{
	const uint32_t tcp_flags_at = 13, cwr = 0x80;
	uint32_t at = (uint32_t)m->l2_len + m->l3_len + tcp_flags_at;

	return at < m->data_len && (*rte_pktmbuf_mtod_offset(m, const uint8_t *, at) & cwr) != 0;
}

/** The reverse: what is left to be done for @p m. */
static inline void vnet_work_of_mbuf(const struct rte_mbuf *m, struct vnet_work *w)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;

	*w = (struct vnet_work){0};
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG || l4 == RTE_MBUF_F_TX_TCP_CKSUM) {
		w->csum = VNET_CSUM_TCP;
	} else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM) {
		w->csum = VNET_CSUM_UDP;
	} else if (m->ol_flags & offload_csum_flag) {
		const struct csum_field *f =
			RTE_MBUF_DYNFIELD(m, offload_csum_offset, const struct csum_field *);

		w->csum = VNET_CSUM_ANY;
		w->csum_start = f->start;
		w->csum_offset = f->offset;
		return;
	} else {
		return;
	}
	w->l2_len = m->l2_len;
	w->l3_len = m->l3_len;
	w->ip = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? 6 : 4;
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return;
	w->l4_len = m->l4_len;
	w->tso = m->tso_segsz;
	w->ecn = vnet_has_cwr(m);
}

#endif /* ENDPOINT_VNET_MBUF_H */
