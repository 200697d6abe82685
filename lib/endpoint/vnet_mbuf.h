/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a virtio-net header asked for (vnet_hdr.h), written into an mbuf as the offload
 * contract wants it (lib/dp/offload.h). Workers; the mbuf is the caller's own.
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

#endif /* ENDPOINT_VNET_MBUF_H */
