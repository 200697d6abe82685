/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_ip.h>
#include <rte_ip_frag.h>

#include "dp/offload.h"
#include "dp/route.h"
#include "net/answer.h"
#include "net/mac.h"
#include "net/pkt.h"

static bool is_writable(const struct rte_mbuf *m, uint32_t len)
{
	return m->data_len >= len && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m);
}

struct rte_mbuf *route_own(struct rte_mbuf *m, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *copy;

	if (likely(is_writable(m, len)))
		return m;
	copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	rte_pktmbuf_free(m);
	if (copy != NULL && copy->data_len < len) {
		rte_pktmbuf_free(copy);
		copy = NULL;
	}
	return copy;
}

struct rte_mbuf *route_rewrite(struct rte_mbuf *m, uint64_t dst, uint64_t src,
			       struct rte_mempool *pool)
{
	uint8_t *b;

	m = route_own(m, PKT_ETH_LEN, pool);
	if (unlikely(m == NULL))
		return NULL;
	b = rte_pktmbuf_mtod(m, uint8_t *);
	mac_store(b, dst);
	mac_store(b + 6, src);
	return m;
}

/* Nothing may be left to be done: a fragment's checksum can't be finished any more. */
static struct rte_mbuf *finished(struct rte_mbuf *m, struct rte_mempool *pool)
{
	struct rte_mbuf *out[1];

	if (!offload_is_needed(m, 0))
		return m;
	if (m->nb_segs > 1 && (m->ol_flags & (OFFLOAD_TX_FLAGS | offload_csum_flag)) == 0)
		return m;
	return offload_finish(m, ENDPOINT_CAP_MULTI_SEGS, pool, out, 1) == 1 ? out[0] : NULL;
}

static bool add_ethernet(struct rte_mbuf *m, const uint8_t header[PKT_ETH_LEN])
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	char *room;

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	room = rte_pktmbuf_prepend(m, PKT_ETH_LEN);
	if (room == NULL)
		return false;
	memcpy(room, header, PKT_ETH_LEN);
	return true;
}

/* Takes the last segment of several off, which is empty. */
static void drop_last(struct rte_mbuf *m)
{
	struct rte_mbuf *before = m;

	while (before->next->next != NULL)
		before = before->next;
	rte_pktmbuf_free_seg(before->next);
	before->next = NULL;
	m->nb_segs--;
}

/* Ethernet's padding isn't the packet's; its sender chose the segments. */
static bool trim(struct rte_mbuf *m)
{
	uint32_t total;

	total = rte_be_to_cpu_16(rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *)->total_length);
	if (total > m->pkt_len)
		return false;
	while (total < m->pkt_len) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(m);
		uint32_t n = RTE_MIN(m->pkt_len - total, (uint32_t)last->data_len);

		last->data_len = (uint16_t)(last->data_len - n);
		m->pkt_len -= n;
		if (last->data_len == 0 && last != m)
			drop_last(m);
	}
	return true;
}

int route_fragment(struct rte_mbuf *m, uint32_t mtu, struct rte_mempool *pool,
		   struct rte_mbuf *out[ROUTE_MAX_FRAGMENTS])
{
	uint8_t header[PKT_ETH_LEN];
	int n;

	m = finished(m, pool);
	if (m == NULL)
		return -ENOBUFS;
	m = route_own(m, PKT_ETH_LEN + 60, pool);
	if (m == NULL)
		return -ENOBUFS;
	memcpy(header, rte_pktmbuf_mtod(m, void *), PKT_ETH_LEN);
	rte_pktmbuf_adj(m, PKT_ETH_LEN);
	if (!trim(m)) {
		rte_pktmbuf_free(m);
		return -EINVAL;
	}
	n = rte_ipv4_fragment_packet(m, out, ROUTE_MAX_FRAGMENTS, (uint16_t)RTE_MIN(mtu, 65535u),
				     pool, pool);
	rte_pktmbuf_free(m);
	for (int i = 0; i < n; i++) {
		out[i]->ol_flags &= ~(OFFLOAD_TX_FLAGS | offload_csum_flag);
		if (!add_ethernet(out[i], header)) {
			rte_pktmbuf_free_bulk(out, (unsigned int)n);
			return -ENOBUFS;
		}
	}
	return n;
}

struct rte_mbuf *route_answer(struct rte_mbuf *m, uint64_t mac, struct rte_mempool *pool)
{
	uint8_t copy[512], answer[ANSWER_MAX];
	uint32_t n = RTE_MIN(m->pkt_len, (uint32_t)sizeof(copy)), len;
	const uint8_t *b = rte_pktmbuf_read(m, 0, n, copy);
	struct rte_mbuf *out = NULL;

	len = answer_arp(b, n, mac, answer);
	if (len == 0)
		len = answer_ns(b, n, mac, true, answer);
	if (len != 0)
		out = rte_pktmbuf_alloc(pool);
	if (out != NULL)
		memcpy(rte_pktmbuf_append(out, (uint16_t)len), answer, len);
	rte_pktmbuf_free(m);
	return out;
}
