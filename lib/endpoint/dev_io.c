/* SPDX-License-Identifier: BSD-3-Clause */
/* Rx and tx of an ethdev: workers; no heap, no log, and no lock where queues suffice. */
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "endpoint/csum_field.h"
#include "endpoint/dev.h"

/* What asks for work in software or by a driver; a frame without it needs no rte_eth_tx_prepare(). */
#define WORK (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM)

/*
 * Lengths come from files, from peers' shared memory or from another program's ring:
 * none is believed that reaches past its buffer.
 */
static bool lengths_are_true(const struct rte_mbuf *m)
{
	uint32_t total = 0;
	uint16_t segs = 0;

	if (m->nb_segs == 1)
		return m->next == NULL && m->data_len == m->pkt_len &&
		       (uint32_t)m->data_off + m->data_len <= m->buf_len;
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		if (++segs > m->nb_segs || (uint32_t)s->data_off + s->data_len > s->buf_len)
			return false;
		total += s->data_len;
	}
	return segs == m->nb_segs && total == m->pkt_len;
}

/*
 * Cleans a received frame of what its last holder left in it: TX flags of a ring's
 * other side are no claims of the sender's. A tag that the device stripped, although nobody
 * asked it to, goes back to where the kinds look for it.
 */
static bool accept_frame(struct rte_mbuf **m)
{
	const uint64_t not_ours = RTE_MBUF_F_TX_OFFLOAD_MASK | offload_csum_flag;

	if (unlikely((*m)->pkt_len < RTE_ETHER_HDR_LEN || !lengths_are_true(*m)))
		return false;
	if (unlikely((*m)->ol_flags & not_ours))
		(*m)->ol_flags &= ~not_ours;
	if (unlikely((*m)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)) {
		if (rte_vlan_insert(m) != 0)
			return false;
	}
	return true;
}

/*
 * 0: what most frames are: one segment, within its buffer and as long as a frame, with no flag that
 * concerns us. To be ORed for a burst: a jump for each question of each frame would cost more.
 */
static inline uint64_t oddity(const struct rte_mbuf *m, uint64_t flags)
{
	int32_t room = m->buf_len - m->data_off - m->data_len;
	int32_t more = m->data_len - RTE_ETHER_HDR_LEN;

	return (m->nb_segs ^ 1u) | (m->data_len ^ m->pkt_len) | (uintptr_t)m->next |
	       (m->ol_flags & flags) | (uint32_t)(room | more) >> 31;
}

static uint16_t accept_frames(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m,
			      uint16_t got)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < got; i++) {
		struct rte_mbuf *f = m[i];

		if (accept_frame(&f))
			m[kept++] = f;
		else
			rte_pktmbuf_free(f);
	}
	if (kept != got)
		endpoint_count(&ep->rx_counts[queue].malformed, got - kept);
	return kept;
}

uint16_t dev_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t got = rte_eth_rx_burst(dev_of(ep)->port, queue, m, n);
	const uint64_t flags =
		RTE_MBUF_F_TX_OFFLOAD_MASK | offload_csum_flag | RTE_MBUF_F_RX_VLAN_STRIPPED;
	uint64_t odd = 0;

	for (uint32_t i = 0; i < got; i++) {
		/* Devices write to memory; the other endpoints' frames were copied here just now. */
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
		odd |= oddity(m[i], flags);
	}
	return likely(odd == 0) ? got : accept_frames(ep, queue, m, got);
}

/* An IPv4 header's checksum for a device that leaves it to us; false: the metadata is wrong. */
static bool finish_ip_csum(struct rte_mbuf *m)
{
	uint16_t l2 = m->l2_len, l3 = m->l3_len;
	struct rte_ipv4_hdr *ip;

	if (!(m->ol_flags & RTE_MBUF_F_TX_IPV4) || l3 < sizeof(*ip) || l3 > 60 || l3 % 4 != 0 ||
	    l2 + l3 > m->data_len)
		return false;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, l2);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, l3);
	m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
	return true;
}

/*
 * Would af_packet, or the kernel behind its ring, drop it and not tell? The limit is
 * tpacket_snd()'s: the netdev's MTU behind an Ethernet header, and one tag.
 */
static bool is_too_long(const struct dev *d, const struct rte_mbuf *m)
{
	uint32_t limit = __atomic_load_n(&d->mtu, __ATOMIC_RELAXED) + RTE_ETHER_HDR_LEN;
	rte_be16_t copy;
	const rte_be16_t *type;

	if (likely(m->pkt_len <= limit))
		return false;
	type = rte_pktmbuf_read(m, 2 * RTE_ETHER_ADDR_LEN, sizeof(copy), &copy);
	return m->pkt_len > limit + RTE_VLAN_HLEN || type == NULL ||
	       *type != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
}

/* How many frames from the front are ready for the driver; the one after them is refused. */
static uint16_t prepare(const struct dev *d, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i;
	bool work = false;

	for (i = 0; i < n; i++) {
		if (unlikely(d->n_sockets > 0 && is_too_long(d, m[i])))
			break;
		if (likely(!(m[i]->ol_flags & WORK)))
			continue;
		work = true;
		if (m[i]->ol_flags & RTE_MBUF_F_TX_IP_CKSUM && !d->ip_csum && !finish_ip_csum(m[i]))
			break;
	}
	return work ? rte_eth_tx_prepare(d->port, queue, m, i) : i;
}

static uint16_t send_burst(struct dev *d, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t done = 0;

	if (likely(!d->looks))
		return rte_eth_tx_burst(d->port, queue, m, n);
	for (;;) {
		uint16_t ready = prepare(d, queue, m + done, n - done);
		uint16_t sent = ready > 0 ? rte_eth_tx_burst(d->port, queue, m + done, ready) : 0;

		done += sent;
		if (sent < ready || done == n)
			return done;
		/* Nobody else can do better with it: it is gone, and the rest goes on. */
		rte_pktmbuf_free(m[done++]);
		endpoint_count(&d->txqs[queue].refused, 1);
		if (done == n)
			return done;
	}
}

uint16_t dev_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct dev *d = dev_of(ep);
	uint16_t sent;

	if (unlikely(ep->n_tx_queues == 0 || __atomic_load_n(&d->tx_off, __ATOMIC_RELAXED)))
		return 0;
	if (likely(!d->tx_shared))
		return send_burst(d, queue, m, n);
	queue %= ep->n_tx_queues;
	rte_spinlock_lock(&d->txqs[queue].lock);
	sent = send_burst(d, queue, m, n);
	rte_spinlock_unlock(&d->txqs[queue].lock);
	return sent;
}
