/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_lcore.h>

#include "base/log.h"
#include "ctl/placement.h"

/* A polled queue costs its worker every turn, a waiting one only when it has frames. */
#define LOAD_POLLED  16
#define LOAD_WAITING 1

static bool is_allowed(const struct runtime *rt, const struct lcore_set *set, uint32_t worker)
{
	return lcore_set_has(set, rt->lcores[worker]);
}

uint16_t placement_queues(const struct runtime *rt, const struct lcore_set *workers,
			  uint16_t wanted)
{
	uint16_t n = 0;

	if (wanted != 0)
		return wanted;
	for (uint32_t i = 0; i < rt->n_workers; i++)
		n += is_allowed(rt, workers, i);
	if (n == 0)
		return 1;
	return RTE_MIN(n, (uint16_t)CONF_MAX_QUEUES);
}

bool placement_possible(const struct runtime *rt, const struct lcore_set *workers)
{
	for (uint32_t i = 0; i < rt->n_workers; i++)
		if (is_allowed(rt, workers, i))
			return true;
	return false;
}

static bool is_near(const struct runtime *rt, uint32_t worker, int socket)
{
	return socket < 0 || (int)rte_lcore_to_socket_id(rt->lcores[worker]) == socket;
}

/* The least loaded allowed worker, on the device's node if there is one. */
static uint32_t choose(const struct runtime *rt, const struct lcore_set *workers, int socket)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < rt->n_workers; i++) {
		if (!is_allowed(rt, workers, i))
			continue;
		if (best == UINT32_MAX || (is_near(rt, i, socket) && !is_near(rt, best, socket)) ||
		    (is_near(rt, i, socket) == is_near(rt, best, socket) &&
		     rt->load[i] < rt->load[best]))
			best = i;
	}
	return best == UINT32_MAX ? 0 : best;
}

static uint32_t load_of(const struct endpoint *ep, uint16_t queue)
{
	if (ep->type == ENDPOINT_NONE)
		return 0;
	return endpoint_rx_fd(ep, queue) >= 0 ? LOAD_WAITING : LOAD_POLLED;
}

void placement_add(struct runtime *rt, struct attachment *a, const struct lcore_set *workers)
{
	struct endpoint *ep = a->endpoint;

	for (uint16_t q = 0; q < ep->n_rx_queues && q < CONF_MAX_QUEUES; q++) {
		uint32_t w = choose(rt, workers, ep->socket);

		a->worker[q] = (uint16_t)w;
		rt->load[w] += load_of(ep, q);
		if (!is_near(rt, w, ep->socket))
			LOG(WARNING, CTL,
			    "%s: queue %u is on NUMA node %d and polled by lcore %u on node %u",
			    ep->name, q, ep->socket, rt->lcores[w],
			    rte_lcore_to_socket_id(rt->lcores[w]));
	}
	a->placed = true;
}

void placement_remove(struct runtime *rt, struct attachment *a)
{
	if (!a->placed)
		return;
	for (uint16_t q = 0; q < a->endpoint->n_rx_queues && q < CONF_MAX_QUEUES; q++)
		rt->load[a->worker[q]] -= load_of(a->endpoint, q);
	a->placed = false;
}

/** What placement_plan() walks over twice: first polled sources, then waiting ones. */
struct planning {
	struct snapshot *s;
	bool waiting;
};

static void plan_one(const struct planning *pl, const struct attachment *a, enum source_side side,
		     uint16_t id)
{
	struct endpoint *ep = a->endpoint;

	if (ep == NULL || ep->type == ENDPOINT_NONE)
		return;
	for (uint16_t q = 0; q < ep->n_rx_queues && q < CONF_MAX_QUEUES; q++) {
		struct plan *plan = &pl->s->plans[a->worker[q]];
		bool waits = endpoint_rx_fd(ep, q) >= 0;

		if (waits != pl->waiting)
			continue;
		plan->sources[plan->n++] = (struct source){
			.endpoint = ep,
			.queue = q,
			.id = id,
			.side = (uint8_t)side,
			.waits = waits,
		};
		plan->n_polled += !waits;
	}
}

static void plan_all(const struct runtime *rt, const struct planning *pl)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		plan_one(pl, &rt->ports[i]->wire, FROM_WIRE, rt->ports[i]->id);
		plan_one(pl, &rt->ports[i]->host, FROM_HOST, rt->ports[i]->id);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		plan_one(pl, &rt->vnics[i]->at, FROM_VNIC, rt->vnics[i]->id);
}

static uint32_t count_queues(const struct attachment *a)
{
	return a->endpoint != NULL ? a->endpoint->n_rx_queues : 0;
}

int placement_plan(struct runtime *rt, struct snapshot *s)
{
	struct planning pl = {.s = s};
	uint32_t n = 0;

	for (size_t i = 0; i < rt->conf->n_ports; i++)
		n += count_queues(&rt->ports[i]->wire) + count_queues(&rt->ports[i]->host);
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		n += count_queues(&rt->vnics[i]->at);
	if (snapshot_plan(s, rt->n_workers, n) != 0)
		return -ENOMEM;
	plan_all(rt, &pl);
	pl.waiting = true;
	plan_all(rt, &pl);
	return 0;
}

void placement_disarm(struct runtime *rt, struct attachment *a)
{
	if (a->endpoint == NULL || !a->placed)
		return;
	for (uint16_t q = 0; q < a->endpoint->n_rx_queues && q < CONF_MAX_QUEUES; q++) {
		if (endpoint_rx_fd(a->endpoint, q) >= 0)
			endpoint_disarm(a->endpoint, q, rt->dp.workers[a->worker[q]]->epoll);
	}
}

void placement_arm(struct runtime *rt, struct attachment *a, enum source_side side, uint16_t id)
{
	if (a->endpoint == NULL || !a->placed)
		return;
	for (uint16_t q = 0; q < a->endpoint->n_rx_queues && q < CONF_MAX_QUEUES; q++) {
		int rc;

		if (endpoint_rx_fd(a->endpoint, q) < 0)
			continue;
		rc = endpoint_arm(a->endpoint, q, rt->dp.workers[a->worker[q]]->epoll,
				  source_event((uint8_t)side, id, q));
		if (rc != 0)
			LOG(ERR, CTL, "%s: epoll: %s", a->endpoint->name, strerror(-rc));
	}
}
