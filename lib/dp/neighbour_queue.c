/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>

#include <rte_mbuf.h>

#include "dp/neighbour_queue.h"

struct waiting_hop *neighbour_queue_of(struct neighbour_queues *q, uint16_t port, uint16_t vnic,
				       const struct ip_key *ip, bool v6, uint64_t now)
{
	struct waiting_hop *free = NULL;
	uint32_t share = 0;

	for (uint32_t i = 0; i < NEIGHBOUR_QUEUE_HOPS; i++) {
		struct waiting_hop *h = &q->hops[i];

		if (!h->used)
			free = free != NULL ? free : h;
		else if (h->port == port && h->v6 == v6 && ip_key_equal(&h->ip, ip))
			return h;
		else
			share += h->vnic == vnic;
	}
	if (free == NULL || share >= NEIGHBOUR_QUEUE_SHARE)
		return NULL;
	free->used = true;
	free->told = false;
	free->v6 = v6;
	free->port = port;
	free->vnic = vnic;
	free->ip = *ip;
	free->since = now;
	free->first = 0;
	free->n = 0;
	free->mbufs = 0;
	q->n++;
	return free;
}

/* The oldest frame of @h, which has one. */
static struct waiting_frame take(struct neighbour_queues *q, struct waiting_hop *h)
{
	struct waiting_frame f = h->frames[h->first];

	q->mbufs -= f.m->nb_segs;
	h->mbufs -= f.m->nb_segs;
	h->first = (h->first + 1) % NEIGHBOUR_QUEUE_FRAMES;
	h->n--;
	return f;
}

/* Mbufs that wait for next hops which the vnic of @h was the first to want. */
static uint32_t held_with(const struct neighbour_queues *q, const struct waiting_hop *h)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < NEIGHBOUR_QUEUE_HOPS; i++)
		if (q->hops[i].used && q->hops[i].vnic == h->vnic)
			sum += q->hops[i].mbufs;
	return sum;
}

/* Is there room for @n mbufs, once @less of those of @h are gone? */
static bool has_room(const struct neighbour_queues *q, const struct waiting_hop *h, uint32_t n,
		     uint32_t less)
{
	if (q->mbufs + n - less > NEIGHBOUR_QUEUE_MBUFS)
		return false;
	return q->mbufs + n <= NEIGHBOUR_QUEUE_VNIC_MBUFS ||
	       held_with(q, h) + n - less <= NEIGHBOUR_QUEUE_VNIC_MBUFS;
}

struct rte_mbuf *neighbour_queue_add(struct neighbour_queues *q, struct waiting_hop *h,
				     const struct waiting_frame *f)
{
	struct rte_mbuf *out = NULL;
	uint32_t n = f->m->nb_segs;

	if (h->n == NEIGHBOUR_QUEUE_FRAMES || !has_room(q, h, n, 0)) {
		/* One makes room for one, even if it is longer, or they would soon be too many. */
		if (h->n == 0 || !has_room(q, h, n, h->frames[h->first].m->nb_segs))
			return f->m;
		out = take(q, h).m;
	}
	h->frames[(h->first + h->n++) % NEIGHBOUR_QUEUE_FRAMES] = *f;
	h->mbufs += n;
	q->mbufs += n;
	return out;
}

bool neighbour_queue_take(struct neighbour_queues *q, struct waiting_hop *h,
			  struct waiting_frame *f)
{
	if (h->n == 0) {
		h->used = false;
		q->n--;
		return false;
	}
	*f = take(q, h);
	return true;
}
