/* SPDX-License-Identifier: BSD-3-Clause */
/* A tap's frames: one system call each, straight from and to the mbufs. Workers. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_ether.h>

#include "endpoint/tap.h"
#include "endpoint/vnet_mbuf.h"

#define MAX_EAGER 5 /* 1 << 5 frames a call */
#define LONELY	  8 /* calls with one frame each before a second one is looked for */

/* The virtio-net header has its place in the headroom, so that a common frame is one piece for the kernel. */
static inline struct virtio_net_hdr *header_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct virtio_net_hdr *,
				       -(int)sizeof(struct virtio_net_hdr));
}

/* ---- from the kernel -------------------------------------------------------- */

/* Bytes that place @p i of the chain takes. */
static inline uint16_t room_at(const struct tap_queue *q, uint16_t i)
{
	return q->is_wide && i > 0 ? q->wide_room : q->room;
}

static uint32_t capacity(const struct tap_queue *q)
{
	return (uint32_t)q->room + (q->n - 1u) * room_at(q, 1);
}

/* An empty chain of wide mbufs, or of ordinary ones. */
static void begin_chain(struct tap_queue *q, bool wide)
{
	q->is_wide = wide;
	q->n = wide ? 1 + q->n_wide : q->n_chain;
	q->missing = q->n;
}

static void end_chain(struct tap_queue *q)
{
	rte_pktmbuf_free_bulk(q->chain + q->missing, (unsigned int)(q->n - q->missing));
}

/* The front places get their mbufs, all or none. */
static bool fill(struct tap *t, struct tap_queue *q)
{
	uint16_t ordinary = q->is_wide ? 1 : q->missing;

	if (rte_pktmbuf_alloc_bulk(t->ep.pool, q->chain, ordinary) != 0)
		return false;
	if (q->missing > ordinary &&
	    rte_pktmbuf_alloc_bulk(t->wide_pool, q->chain + 1, q->missing - 1u) != 0) {
		rte_pktmbuf_free(q->chain[0]);
		return false;
	}
	for (uint16_t i = 0; i < q->missing; i++)
		q->iov[i] = (struct iovec){rte_pktmbuf_mtod(q->chain[i], void *), room_at(q, i)};
	q->iov[0].iov_base = header_of(q->chain[0]);
	q->iov[0].iov_len += sizeof(struct virtio_net_hdr);
	q->missing = 0;
	return true;
}

/* Makes the chain whole; false: there are no mbufs. */
static bool refill(struct tap *t, struct tap_queue *q)
{
	if (q->missing == 0 || fill(t, q))
		return true;
	if (!q->is_wide)
		return false;
	end_chain(q);
	begin_chain(q, false);
	return fill(t, q);
}

/* Ties the first mbufs of the chain to one frame of @p len bytes; how many. */
static uint16_t tie(struct tap_queue *q, uint32_t len)
{
	struct rte_mbuf *head = q->chain[0];
	uint32_t left = len;
	uint16_t used = 0;

	while (left > 0) {
		struct rte_mbuf *seg = q->chain[used];
		uint16_t part = (uint16_t)RTE_MIN(left, (uint32_t)room_at(q, used));

		seg->data_len = part;
		left -= part;
		used++;
		seg->next = left > 0 ? q->chain[used] : NULL;
	}
	head->pkt_len = len;
	head->nb_segs = used;
	return used;
}

/* A frame that won't be handed out: its mbufs are as fresh again. */
static void untie(struct tap_queue *q, uint16_t used)
{
	for (uint16_t i = 0; i < used; i++)
		q->chain[i]->next = NULL;
	q->chain[0]->nb_segs = 1;
}

/* Makes a frame of what readv() put into the chain; mbufs used, 0: it was refused and counted. */
static uint16_t make_frame(struct tap_queue *q, uint32_t len, struct endpoint_rx_count *count)
{
	struct rte_mbuf *m = q->chain[0];
	struct vnet_work work;
	uint16_t used;

	/* A full chain may be a longer frame's beginning: the kernel doesn't tell. */
	if (len < RTE_ETHER_HDR_LEN || len >= capacity(q)) {
		endpoint_count(&count->malformed, 1);
		return 0;
	}
	used = tie(q, len);
	if (vnet_hdr_read(header_of(m), rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, len,
			  &work) != 0) {
		endpoint_count(&count->bad_offload, 1);
		untie(q, used);
		return 0;
	}
	vnet_work_to_mbuf(m, &work);
	return used;
}

/* A read that finds nothing costs a system call: a queue where frames come one by one is asked for one. */
static void learn(struct tap_queue *q, bool was_dry)
{
	if (was_dry) {
		q->eager -= q->eager > 0;
		q->lonely = 0;
	} else if (q->eager > 0) {
		q->eager = RTE_MIN(q->eager + 1, MAX_EAGER);
	} else if (++q->lonely == LONELY) {
		q->eager = 1;
	}
}

uint16_t tap_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct tap *t = tap_of(ep);
	struct tap_queue *q = &t->queues[queue % t->n_queues];
	struct endpoint_rx_count *count = &ep->rx_counts[queue % t->n_queues];
	uint16_t most = RTE_MIN(n, (uint16_t)(1 << q->eager)), got = 0;
	uint32_t bytes = 0;
	bool dry = false;

	begin_chain(q, q->n_wide > 0);
	for (uint16_t reads = 0; reads < n && got < most && bytes < ENDPOINT_BURST_BYTES; reads++) {
		ssize_t r;

		if (!refill(t, q)) {
			endpoint_count(&count->no_buffer, 1);
			break;
		}
		r = readv(q->fd, q->iov, q->n);
		dry = r < (ssize_t)sizeof(struct virtio_net_hdr);
		if (dry)
			break;
		q->missing =
			make_frame(q, (uint32_t)r - (uint32_t)sizeof(struct virtio_net_hdr), count);
		if (q->missing == 0)
			continue;
		m[got++] = q->chain[0];
		bytes += (uint32_t)r;
	}
	/* A first read that finds nothing tells only that the worker asked on its own. */
	if (got > 0 && (dry || got == 1 << q->eager))
		learn(q, dry);
	end_chain(q);
	return got;
}

/* ---- to the kernel ---------------------------------------------------------- */

/* May the header be written in front of it? */
static inline bool has_place(const struct rte_mbuf *m)
{
	return m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
	       rte_pktmbuf_headroom(m) >= sizeof(struct virtio_net_hdr);
}

static ssize_t write_pieces(int fd, const struct virtio_net_hdr *h, const struct rte_mbuf *m)
{
	struct iovec iov[IOV_MAX];
	int n = 1;

	iov[0] = (struct iovec){(void *)(uintptr_t)h, sizeof(*h)};
	for (; m != NULL && n < IOV_MAX; m = m->next)
		iov[n++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
	return writev(fd, iov, n);
}

/* 0: written; EAGAIN: not now; else this frame can't be written, ever. */
static int write_frame(int fd, const struct rte_mbuf *m)
{
	struct virtio_net_hdr h;
	struct vnet_work work;
	ssize_t n;

	if (m->nb_segs >= IOV_MAX)
		return EMSGSIZE;
	vnet_work_of_mbuf(m, &work);
	vnet_hdr_write(&h, &work);
	if (has_place(m)) {
		memcpy(header_of(m), &h, sizeof(h));
		n = write(fd, header_of(m), sizeof(h) + m->data_len);
	} else {
		n = write_pieces(fd, &h, m);
	}
	if (n >= 0)
		return 0;
	/* What the frame itself is to blame for; all else (down, gone, out of memory) passes or concerns every frame. */
	return errno == EINVAL || errno == EMSGSIZE || errno == EFAULT ? errno : EAGAIN;
}

uint16_t tap_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct tap *t = tap_of(ep);
	/* Any thread may write to any queue's descriptor: the kernel keeps frames whole. */
	int fd = t->queues[queue % t->n_queues].fd;
	uint16_t i;

	for (i = 0; i < n; i++) {
		int ret = write_frame(fd, m[i]);

		if (ret == EAGAIN)
			break;
		/* The frames behind one that can't be sent shall not pay for it. */
		if (ret != 0)
			__atomic_fetch_add(&t->tx_refused, 1, __ATOMIC_RELAXED);
	}
	rte_pktmbuf_free_bulk(m, i);
	return i;
}
