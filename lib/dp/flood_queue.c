/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp/flood_queue.h"

void flood_queues_init(struct flood_queues *q)
{
	for (uint32_t i = 0; i < CONF_MAX_PORTS; i++)
		q->ports[i] = (struct flood_queue){FLOOD_NONE, FLOOD_NONE, 0};
	for (uint16_t i = 0; i < FLOOD_QUEUE_MAX; i++)
		q->all[i].following = i + 1 < FLOOD_QUEUE_MAX ? i + 1 : FLOOD_NONE;
	q->free = 0;
	q->n = 0;
	q->mbufs = 0;
	q->turn = 0;
}

struct waiting_flood *flood_queue_add(struct flood_queues *q, uint16_t port, uint16_t segs)
{
	struct flood_queue *queue = &q->ports[port];
	uint16_t i = q->free;

	if (i == FLOOD_NONE || q->mbufs + segs > FLOOD_QUEUE_MAX_MBUFS)
		return NULL;
	q->free = q->all[i].following;
	q->all[i].following = FLOOD_NONE;
	q->all[i].segs = segs;
	if (queue->last == FLOOD_NONE)
		queue->first = i;
	else
		q->all[queue->last].following = i;
	queue->last = i;
	queue->n++;
	q->n++;
	q->mbufs += segs;
	return &q->all[i];
}

struct waiting_flood *flood_queue_first(struct flood_queues *q, uint16_t port)
{
	uint16_t i = q->ports[port].first;

	return i == FLOOD_NONE ? NULL : &q->all[i];
}

void flood_queue_remove_first(struct flood_queues *q, uint16_t port)
{
	struct flood_queue *queue = &q->ports[port];
	uint16_t i = queue->first;

	queue->first = q->all[i].following;
	if (queue->first == FLOOD_NONE)
		queue->last = FLOOD_NONE;
	q->all[i].following = q->free;
	q->free = i;
	queue->n--;
	q->n--;
	q->mbufs -= q->all[i].segs;
}
