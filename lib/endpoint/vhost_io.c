/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's frames. Workers. */
#include <errno.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>

#include "endpoint/vhost.h"
#include "endpoint/vnet_mbuf.h"

#define BURST	 32 /* librte_vhost's own limit of a call */
#define TCP_CSUM 16 /* where the field is in the header */
#define UDP_CSUM 6

/* Says that a worker is inside, and asks for the device; -1: there is none, and nobody is inside. */
static inline int enter(const struct vhost *v, struct vhost_use *u)
{
	int vid;

	if (__atomic_load_n(&v->vid, __ATOMIC_RELAXED) < 0)
		return -1;
	__atomic_store_n(&u->busy, 1, __ATOMIC_SEQ_CST);
	vid = __atomic_load_n(&v->vid, __ATOMIC_SEQ_CST);
	if (unlikely(vid < 0))
		__atomic_store_n(&u->busy, 0, __ATOMIC_RELEASE);
	return vid;
}

/* Its memory was taken away under our hands: nothing more from or to this device. */
static __rte_noinline void give_up(struct vhost *v, int vid)
{
	__atomic_compare_exchange_n(&v->vid, &vid, -1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	__atomic_store_n(&v->cut, true, __ATOMIC_RELAXED);
	endpoint_hint_slow(&v->ep);
}

static inline void leave(struct vhost *v, struct vhost_use *u, int vid)
{
	if (unlikely(vhost_memory_was_cut()))
		give_up(v, vid);
	__atomic_store_n(&u->busy, 0, __ATOMIC_RELEASE);
}

static inline bool is_on(const uint64_t *words, uint16_t pair)
{
	return (__atomic_load_n(&words[pair / 64], __ATOMIC_RELAXED) >> pair % 64 & 1) != 0;
}

/* Pairs up to the last that is on. */
static inline uint16_t count_pairs(const uint64_t *words)
{
	for (int i = VHOST_WORDS - 1; i >= 0; i--) {
		uint64_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);

		if (w != 0)
			return (uint16_t)(i * 64 + 64 - __builtin_clzll(w));
	}
	return 0;
}

/* ---- from the guest ------------------------------------------------------------------- */

/*
 * librte_vhost looked at the guest's header and left RX flags: a checksum to be
 * completed where TCP and UDP have theirs, a super-frame. Other checksums it has
 * completed itself. As a header again it is checked like everybody else's.
 */
static bool read_work(struct rte_mbuf *m, struct vnet_work *w)
{
	struct rte_net_hdr_lens lens = {0};
	uint32_t type = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM};

	h.csum_start = (uint16_t)(lens.l2_len + lens.l3_len);
	if ((type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
		h.csum_offset = TCP_CSUM;
	else if ((type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP)
		h.csum_offset = UDP_CSUM;
	else
		return false;
	if (m->ol_flags & RTE_MBUF_F_RX_LRO) {
		if (h.csum_offset != TCP_CSUM)
			return false;
		h.gso_type = RTE_ETH_IS_IPV4_HDR(type) ? VIRTIO_NET_HDR_GSO_TCPV4
						       : VIRTIO_NET_HDR_GSO_TCPV6;
		h.gso_size = m->tso_segsz;
	}
	return vnet_hdr_read(&h, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, m->pkt_len,
			     w) == 0;
}

/* Frames that are none go; the burst closes up. */
static uint16_t translate(struct rte_mbuf **m, uint16_t n, struct endpoint_rx_count *count)
{
	const uint64_t asks = RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO;
	uint16_t good = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct vnet_work w = {0};
		struct rte_mbuf *f = m[i];

		if (unlikely(f->pkt_len < RTE_ETHER_HDR_LEN || f->pkt_len > VHOST_MAX_FRAME)) {
			endpoint_count(&count->malformed, 1);
			rte_pktmbuf_free(f);
			continue;
		}
		if (unlikely((f->ol_flags & asks) != 0 && !read_work(f, &w))) {
			endpoint_count(&count->bad_offload, 1);
			rte_pktmbuf_free(f);
			continue;
		}
		f->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
		f->packet_type = 0;
		f->tx_offload = 0;
		vnet_work_to_mbuf(f, &w);
		m[good++] = f;
	}
	return good;
}

/* We poll: a kick would cost the guest an exit, and nobody would hear it. */
static void hush(struct vhost *v, int vid, uint16_t pair)
{
	__atomic_fetch_and(&v->loud[pair / 64], ~(1ULL << pair % 64), __ATOMIC_RELAXED);
	rte_vhost_enable_guest_notification(vid, (uint16_t)(2 * pair), 0);
	rte_vhost_enable_guest_notification(vid, (uint16_t)(2 * pair + 1), 0);
}

static uint16_t dequeue(struct vhost *v, int vid, uint16_t pair, struct rte_mbuf **m, uint16_t n)
{
	uint32_t room = rte_pktmbuf_data_room_size(v->ep.pool) - RTE_PKTMBUF_HEADROOM;

	if (unlikely(is_on(v->loud, pair)))
		hush(v, vid, pair);
	n = RTE_MIN(n, BURST);
	vhost_pool_allow(n * (VHOST_MAX_FRAME / room + 1));
	return rte_vhost_dequeue_burst(vid, (uint16_t)(2 * pair + 1), v->budget_pool, m, n);
}

uint16_t vhost_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct vhost *v = vhost_of(ep);
	uint16_t q = queue % ep->n_rx_queues;
	struct vhost_use *u = &v->rx_uses[q];
	uint16_t got = 0, pairs, pair;
	int vid = enter(v, u);

	if (vid < 0)
		return 0;
	vhost_memory_begin();
	/* A guest may have more pairs than we have queues; each is somebody's. */
	pairs = count_pairs(v->from_guest);
	pair = u->next < pairs ? u->next : q;
	for (uint16_t i = q; i < pairs && got < n; i += ep->n_rx_queues) {
		if (is_on(v->from_guest, pair))
			got += dequeue(v, vid, pair, &m[got], n - got);
		pair += ep->n_rx_queues;
		if (pair >= pairs)
			pair = q;
	}
	u->next = pair;
	leave(v, u, vid);
	return got > 0 ? translate(m, got, &ep->rx_counts[q]) : 0;
}

/* ---- to the guest ----------------------------------------------------------------------- */

static void fill_ip_checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
}

/*
 * librte_vhost would write a pseudo header's sum into the frame as NICs want it: without
 * the length for a super-frame, with the wrong protocol behind IPv6 extension headers, with
 * the next address of a source route instead of the last.
 * A guest that passes the frame on would make wrong checksums of that. The right
 * sum is there already; librte_vhost keeps off where the headers go on in another
 * segment, so the Ethernet header gets one of its own.
 */
static bool protect_sum(struct vhost *v, struct rte_mbuf **pm)
{
	struct rte_mbuf *m = *pm, *head;
	uint16_t l2 = m->l2_len;

	if (m->data_len <= l2)
		return true; /* done before */
	if (m->data_len < l2 + m->l3_len || l2 < RTE_ETHER_HDR_LEN)
		return false;
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
		fill_ip_checksum(m);
	head = rte_pktmbuf_alloc(v->ep.pool);
	if (head == NULL)
		return false;
	rte_memcpy(rte_pktmbuf_mtod(head, void *), rte_pktmbuf_mtod(m, const void *), l2);
	head->data_len = l2;
	head->pkt_len = m->pkt_len;
	head->nb_segs = m->nb_segs + 1;
	head->ol_flags = m->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	head->tx_offload = m->tx_offload;
	rte_pktmbuf_adj(m, l2);
	head->next = m;
	*pm = head;
	return true;
}

/* Can this guest have it, and what must be done first? Caps may have changed since it was made fit. */
static bool make_fit(struct vhost *v, struct rte_mbuf **pm, uint32_t caps)
{
	const struct rte_mbuf *m = *pm;
	uint64_t f = m->ol_flags;
	uint64_t l4 = f & RTE_MBUF_F_TX_L4_MASK;
	uint32_t needs = ENDPOINT_CAP_CSUM;
	size_t bare;

	if (likely((f & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM |
			 offload_csum_flag)) == 0))
		return true;
	if (f & RTE_MBUF_F_TX_TCP_SEG)
		needs |= f & RTE_MBUF_F_TX_IPV4 ? ENDPOINT_CAP_TSO4 : ENDPOINT_CAP_TSO6;
	if ((caps & needs) != needs || (f & offload_csum_flag) || l4 == RTE_MBUF_F_TX_SCTP_CKSUM ||
	    rte_mbuf_refcnt_read(m) > 1)
		return false;
	bare = f & RTE_MBUF_F_TX_IPV6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	if ((f & RTE_MBUF_F_TX_TCP_SEG) || m->l3_len != bare)
		return protect_sum(v, pm);
	return true;
}

/* The pair of this worker among those that the guest listens on; -1: there is none. */
static int choose_pair(const struct vhost *v, uint16_t queue)
{
	uint16_t pairs = count_pairs(v->to_guest), on = 0;

	if (likely(pairs == 1))
		return 0;
	for (int i = 0; i < VHOST_WORDS; i++)
		on += (uint16_t)__builtin_popcountll(
			__atomic_load_n(&v->to_guest[i], __ATOMIC_RELAXED));
	if (on == 0)
		return -1;
	queue %= on;
	for (uint16_t p = 0; p < pairs; p++)
		if (is_on(v->to_guest, p) && queue-- == 0)
			return p;
	return -1; /* changed meanwhile */
}

static void refuse(struct vhost_use *u, struct rte_mbuf **m, uint16_t n)
{
	endpoint_count(&u->refused, n);
	rte_pktmbuf_free_bulk(m, n);
}

/*
 * The first of @m was not taken: there is no room, or it is longer than any buffer of the guest. In
 * that case those behind it shall not pay for it: a shorter one is tried.
 * @return how many are dealt with; 0: there is no room
 */
static uint16_t get_past(struct vhost *v, int vid, uint16_t ring, struct vhost_use *u,
			 struct rte_mbuf **m, uint16_t n, uint32_t caps)
{
	uint16_t i = 1;

	while (i < n && m[i]->pkt_len >= m[0]->pkt_len)
		i++;
	if (i == n || !make_fit(v, &m[i], caps) ||
	    rte_vhost_enqueue_burst(vid, ring, &m[i], 1) == 0)
		return 0;
	refuse(u, m, i);
	rte_pktmbuf_free(m[i]);
	return i + 1;
}

static uint16_t send_all(struct vhost *v, int vid, uint16_t ring, struct vhost_use *u,
			 struct rte_mbuf **m, uint16_t n)
{
	uint32_t caps = __atomic_load_n(&v->dev_caps, __ATOMIC_RELAXED);
	uint16_t done = 0, past;

	while (done < n) {
		uint16_t run = 0, max = RTE_MIN(n - done, BURST), sent;

		while (run < max && make_fit(v, &m[done + run], caps))
			run++;
		sent = run > 0 ? rte_vhost_enqueue_burst(vid, ring, &m[done], run) : 0;
		/* It copied them. */
		rte_pktmbuf_free_bulk(&m[done], sent);
		done += sent;
		if (sent < run) {
			past = get_past(v, vid, ring, u, &m[done], n - done, caps);
			if (past == 0)
				break;
			done += past;
		} else if (run < max) {
			refuse(u, &m[done++], 1);
		}
	}
	return done;
}

uint16_t vhost_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct vhost *v = vhost_of(ep);
	struct vhost_use *u = &v->tx_uses[queue % ep->n_tx_queues];
	uint16_t done = 0;
	int vid = enter(v, u);
	int pair;

	if (vid < 0)
		return 0;
	vhost_memory_begin();
	pair = choose_pair(v, queue);
	if (pair >= 0)
		done = send_all(v, vid, (uint16_t)(2 * pair), u, m, n);
	leave(v, u, vid);
	return done;
}
