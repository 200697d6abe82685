/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>

#include <rte_tcp.h>
#include <rte_udp.h>

#include "dp/offload.h"
#include "dp/offload_bytes.h"
#include "dp/offload_gso.h"
#include "dp/offload_hdr.h"

/** What is to be done in software with one frame, and what its egress must find. */
struct plan {
	struct offload_hdr hdr; /**< read where a flag asks for work on it */
	uint32_t n_segs; /**< cut into so many; 0: not at all */
	bool ip_csum; /**< write the IPv4 header checksum */
	bool csum; /**< sum [csum_start, csum_end) into csum_at */
	bool zero_is_ones; /**< a sum of 0 would mean "no checksum": write 0xffff */
	uint32_t csum_start;
	uint32_t csum_end;
	uint32_t csum_at;
	uint32_t contiguous; /**< so many bytes in the first segment, for a driver to write; or 0 */
	uint64_t clear; /**< flags of what is done */
	uint64_t set;
};

static bool egress_sums(const struct rte_mbuf *m, uint32_t caps)
{
	bool is_v6 = m->ol_flags & RTE_MBUF_F_TX_IPV6;
	size_t bare = is_v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);

	return caps & ENDPOINT_CAP_CSUM && (m->l3_len == bare || caps & ENDPOINT_CAP_IP_OPTS);
}

static bool egress_cuts(const struct rte_mbuf *m, uint32_t caps)
{
	uint32_t tso = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? ENDPOINT_CAP_TSO6 : ENDPOINT_CAP_TSO4;

	return caps & tso && egress_sums(m, caps) &&
	       (m->nb_segs == 1 || caps & ENDPOINT_CAP_MULTI_SEGS);
}

/**
 * An ethdev driver that finishes work writes pseudo headers into the frame; who takes any start
 * and offset doesn't.
 */
static bool egress_writes(uint32_t caps)
{
	return !(caps & ENDPOINT_CAP_CSUM_ANY);
}

/** The bytes of transport header to be seen: the least there is, or more as the metadata says. */
static uint16_t l4_len_of(const struct rte_mbuf *m)
{
	bool is_udp = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
	uint16_t least = is_udp ? sizeof(struct rte_udp_hdr) : sizeof(struct rte_tcp_hdr);

	return RTE_MAX(least, (uint16_t)m->l4_len);
}

/** Would somebody else see it if @p m was handed on? */
static bool is_shared(const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		if (rte_mbuf_refcnt_read(m) > 1 || RTE_MBUF_CLONED(m))
			return true;
	return false;
}

/** Would somebody else see it if @p m was written? */
static bool is_read_only(const struct rte_mbuf *m)
{
	if (is_shared(m))
		return true;
	for (; m != NULL; m = m->next)
		if (RTE_MBUF_HAS_EXTBUF(m) && rte_mbuf_ext_refcnt_read(m->shinfo) > 1)
			return true;
	return false;
}

bool offload_is_needed_slow(const struct rte_mbuf *m, uint32_t caps)
{
	uint64_t l4 = m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG);

	if (l4 & RTE_MBUF_F_TX_TCP_SEG) {
		if (!egress_cuts(m, caps))
			return true;
	} else if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		return true;
	}
	if (l4 != 0 && !egress_sums(m, caps))
		return true;
	if (m->ol_flags & offload_csum_flag && !(caps & ENDPOINT_CAP_CSUM_ANY))
		return true;
	if (m->nb_segs > 1 && !(caps & ENDPOINT_CAP_MULTI_SEGS))
		return true;
	if (!(caps & ENDPOINT_CAP_SHARED) && is_shared(m))
		return true;
	return l4 != 0 && egress_writes(caps) &&
	       (m->data_len < m->l2_len + m->l3_len + l4_len_of(m) || is_read_only(m));
}

/** Plans for a super-frame; one that a single segment holds is a frame that lacks checksums only. */
static int plan_tso(struct plan *p, const struct rte_mbuf *m, uint32_t caps)
{
	struct offload_hdr *h = &p->hdr;
	uint32_t payload = h->ip_end - offload_hdr_len(h);

	if (!(m->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)) || !h->can_cut ||
	    m->tso_segsz == 0 || m->l4_len != h->l4_len ||
	    (offload_hdr_tcp(h)->data_off >> 4) * 4 != h->l4_len)
		return -EINVAL;
	if (payload <= m->tso_segsz) {
		p->clear |= RTE_MBUF_F_TX_TCP_SEG;
		p->set |= RTE_MBUF_F_TX_TCP_CKSUM;
		return 0;
	}
	p->n_segs = (payload + m->tso_segsz - 1) / m->tso_segsz;
	if (p->n_segs > OFFLOAD_MAX_SEGS)
		return -EINVAL;
	if (egress_cuts(m, caps))
		p->n_segs = 0;
	return 0;
}

/** Plans what TX flags ask for. */
static int plan_flags(struct plan *p, const struct rte_mbuf *m, uint32_t caps)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	bool tso = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	bool is_udp = l4 == RTE_MBUF_F_TX_UDP_CKSUM;
	bool any_l4 = tso || l4 != 0;
	int rc;

	if (l4 == RTE_MBUF_F_TX_SCTP_CKSUM || (tso && is_udp) ||
	    (any_l4 && m->ol_flags & offload_csum_flag))
		return -EINVAL;
	rc = offload_hdr_read(&p->hdr, m,
			      !any_l4  ? 0
			      : is_udp ? IPPROTO_UDP
				       : IPPROTO_TCP,
			      any_l4 ? l4_len_of(m) : 0);
	if (rc == 0 && tso)
		rc = plan_tso(p, m, caps);
	if (rc != 0 || p->n_segs != 0)
		return rc;

	/* There is no capability for it alone; with TSO it is a part of that. */
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM && (!tso || p->clear & RTE_MBUF_F_TX_TCP_SEG)) {
		p->ip_csum = true;
		p->clear |= RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (any_l4 && egress_sums(m, caps)) {
		p->contiguous = egress_writes(caps) ? offload_hdr_len(&p->hdr) : 0;
		return 0;
	}
	p->clear |= OFFLOAD_TX_FLAGS;
	p->set = 0;
	if (!any_l4)
		return 0;
	p->csum = true;
	p->zero_is_ones = is_udp;
	p->csum_start = (uint32_t)m->l2_len + m->l3_len;
	p->csum_end = p->hdr.ip_end;
	p->csum_at = p->csum_start + (is_udp ? offsetof(struct rte_udp_hdr, dgram_cksum)
					     : offsetof(struct rte_tcp_hdr, cksum));
	return 0;
}

/** Plans for a checksum that flags can't express. */
static int plan_csum_field(struct plan *p, struct rte_mbuf *m, uint32_t caps)
{
	const struct csum_field *f = csum_field(m);
	uint32_t at = (uint32_t)f->start + f->offset;

	if (at + sizeof(uint16_t) > m->pkt_len)
		return -EINVAL;
	if (caps & ENDPOINT_CAP_CSUM_ANY)
		return 0;
	p->csum = true;
	/* It may be UDP; for others the two zeroes are one. The kernel does the same. */
	p->zero_is_ones = true;
	p->csum_start = f->start;
	p->csum_end = m->pkt_len;
	p->csum_at = at;
	p->clear |= offload_csum_flag;
	return 0;
}

static int make_plan(struct plan *p, struct rte_mbuf *m, uint32_t caps)
{
	const uint64_t by_flags =
		RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
	int rc = 0;

	/* Not all at once: the headers are 900 bytes. */
	p->n_segs = 0;
	p->ip_csum = false;
	p->csum = false;
	p->contiguous = 0;
	p->clear = 0;
	p->set = 0;
	if (!offload_frame_is_sane(m))
		return -EINVAL;
	if (m->ol_flags & by_flags)
		rc = plan_flags(p, m, caps);
	if (rc == 0 && m->ol_flags & offload_csum_flag)
		rc = plan_csum_field(p, m, caps);
	return rc;
}

static uint32_t room_of(struct rte_mempool *pool)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool);

	return room > RTE_PKTMBUF_HEADROOM ? room - RTE_PKTMBUF_HEADROOM : 0;
}

static int cut(struct rte_mbuf *m, struct plan *p, uint32_t caps, struct rte_mempool *pool,
	       struct rte_mbuf **out, unsigned int max)
{
	uint32_t hdr_len = offload_hdr_len(&p->hdr);
	uint32_t room = room_of(pool);
	int rc;

	if (p->n_segs > max || hdr_len > room ||
	    (hdr_len + m->tso_segsz > room && !(caps & ENDPOINT_CAP_MULTI_SEGS)))
		return -EMSGSIZE;
	rc = offload_gso(m, &p->hdr, m->tso_segsz, p->n_segs, pool, out);
	if (rc != 0)
		return rc;
	rte_pktmbuf_free(m);
	return (int)p->n_segs;
}

/** Replaces *@p frame by a copy where the egress doesn't bear it as it is, or we can't write it. */
static int make_fit(struct rte_mbuf **frame, const struct plan *p, uint32_t caps,
		    struct rte_mempool *pool)
{
	struct rte_mbuf *m = *frame, *copy;
	/* Even if it is its flags only. */
	bool is_written = p->csum || p->ip_csum || p->contiguous != 0 || p->clear != 0;
	uint32_t room = room_of(pool);

	if ((m->nb_segs == 1 || caps & ENDPOINT_CAP_MULTI_SEGS) && m->data_len >= p->contiguous &&
	    !(is_written && is_read_only(m)) && (caps & ENDPOINT_CAP_SHARED || !is_shared(m)))
		return 0;
	if (p->contiguous > room || (m->pkt_len > room && !(caps & ENDPOINT_CAP_MULTI_SEGS)))
		return -EMSGSIZE;
	if (m->pkt_len == 0)
		return -EINVAL;
	copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	if (copy == NULL)
		return -ENOBUFS;
	rte_pktmbuf_free(m);
	*frame = copy;
	return 0;
}

static void write_checksums(struct rte_mbuf *m, const struct plan *p)
{
	if (p->ip_csum) {
		uint32_t at = p->hdr.l2_len + offsetof(struct rte_ipv4_hdr, hdr_checksum);

		offload_frame_write16(m, at, 0);
		offload_frame_write16(m, at,
				      (uint16_t)~offload_fold(
					      offload_frame_sum(m, p->hdr.l2_len, p->hdr.l3_len)));
	}
	if (p->csum) {
		uint16_t sum = (uint16_t)~offload_fold(
			offload_frame_sum(m, p->csum_start, p->csum_end - p->csum_start));

		if (sum == 0 && p->zero_is_ones)
			sum = UINT16_MAX;
		offload_frame_write16(m, p->csum_at, sum);
	}
}

int offload_finish(struct rte_mbuf *m, uint32_t caps, struct rte_mempool *pool,
		   struct rte_mbuf **out, unsigned int max)
{
	struct plan p;
	int rc = max == 0 ? -EMSGSIZE : make_plan(&p, m, caps);

	if (rc == 0 && p.n_segs != 0)
		rc = cut(m, &p, caps, pool, out, max);
	else if (rc == 0)
		rc = make_fit(&m, &p, caps, pool);
	if (rc != 0) {
		if (rc < 0)
			rte_pktmbuf_free(m);
		return rc;
	}
	write_checksums(m, &p);
	/* A frame that stays as it is may be shared: not to be written, not even with the same. */
	if (p.clear != 0) {
		m->ol_flags = (m->ol_flags & ~p.clear) | p.set;
		m->tso_segsz = 0;
	}
	out[0] = m;
	return 1;
}
