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
	q->n++;
	return free;
}

struct rte_mbuf *neighbour_queue_add(struct neighbour_queues *q, struct waiting_hop *h,
				     const struct waiting_frame *f)
{
	struct rte_mbuf *out = NULL;

	if (q->mbufs + f->m->nb_segs > NEIGHBOUR_QUEUE_MBUFS && h->n == 0)
		return f->m;
	if (h->n == NEIGHBOUR_QUEUE_FRAMES || q->mbufs + f->m->nb_segs > NEIGHBOUR_QUEUE_MBUFS) {
		out = h->frames[h->first].m;
		q->mbufs -= out->nb_segs;
		h->first = (h->first + 1) % NEIGHBOUR_QUEUE_FRAMES;
		h->n--;
	}
	h->frames[(h->first + h->n++) % NEIGHBOUR_QUEUE_FRAMES] = *f;
	q->mbufs += f->m->nb_segs;
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
	*f = h->frames[h->first];
	q->mbufs -= f->m->nb_segs;
	h->first = (h->first + 1) % NEIGHBOUR_QUEUE_FRAMES;
	h->n--;
	return true;
}
