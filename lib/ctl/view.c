/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "ctl/counters.h"
#include "ctl/l3.h"
#include "ctl/view.h"
#include "fwd/ip_table.h"

/* DPDK 22.11 gives a telemetry command no argument of ours, so this can't hang on the runtime. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct view *current;

static void view_free(struct view *v)
{
	if (v == NULL)
		return;
	free(v->ports);
	free(v->vnics);
	free(v);
}

static void exchange(struct view *v)
{
	struct view *old;

	pthread_mutex_lock(&lock);
	old = current;
	current = v;
	pthread_mutex_unlock(&lock);
	view_free(old);
}

static struct view *view_make(const struct runtime *rt)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->ports = calloc(rt->conf->n_ports + 1, sizeof(*v->ports));
	v->vnics = calloc(rt->conf->n_vnics + 1, sizeof(*v->vnics));
	if (v->ports == NULL || v->vnics == NULL) {
		view_free(v);
		return NULL;
	}
	v->conf = rt->conf;
	v->dp = &rt->dp;
	for (uint32_t i = 0; i < rt->dp.n_workers && i < rt->dp.snapshot->n_plans; i++)
		v->n_queues[i] = rt->dp.snapshot->plans[i].n;
	return v;
}

void view_publish(const struct runtime *rt)
{
	struct view *v = view_make(rt);

	if (v == NULL)
		LOG(ERR, CTL, "no memory: telemetry has nothing to tell until the next change");
	for (size_t i = 0; v != NULL && i < rt->conf->n_ports; i++) {
		const struct port_rt *p = rt->ports[i];

		v->ports[i] = (struct view_port){
			.conf = p->conf,
			.wire = p->wire.endpoint,
			.host = p->host.endpoint,
			.mac = p->mac,
			.mtu = p->mtu,
			.id = p->id,
			.present = p->wire.state.present,
			.carrier = p->carrier,
			.n_addresses = ip_table_count(p->addresses),
		};
		l3_count(p, v->ports[i].n_neighs);
	}
	for (size_t i = 0; v != NULL && i < rt->conf->n_vnics; i++) {
		const struct vnic_rt *n = rt->vnics[i];

		v->vnics[i] = (struct view_vnic){
			.conf = n->conf,
			.endpoint = n->at.endpoint,
			.mac = n->mac,
			.mtu = n->mtu,
			.id = n->id,
			.up = n->up,
			.carrier = n->carrier,
		};
	}
	/* Rather none than the old one: what that points to is about to go. */
	exchange(v);
}

void view_withdraw(void)
{
	exchange(NULL);
}

const struct view *view_lock(void)
{
	pthread_mutex_lock(&lock);
	return current;
}

void view_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

const struct view_vnic *view_find_vnic(const struct view *v, const char *name)
{
	const struct vnic_conf *c = v != NULL ? conf_vnic(v->conf, name) : NULL;

	return c != NULL ? &v->vnics[c - v->conf->vnics] : NULL;
}

const struct view_port *view_find_port(const struct view *v, const char *name)
{
	const struct port_conf *c = v != NULL ? conf_port(v->conf, name) : NULL;

	return c != NULL ? &v->ports[c - v->conf->ports] : NULL;
}

void view_vnic_stats(const struct view *v, const struct view_vnic *n, struct iface_stats *sum)
{
	counters_vnic(v->dp, n->id, n->endpoint, sum);
}

void view_port_stats(const struct view *v, const struct view_port *p, struct iface_stats *sum)
{
	counters_port(v->dp, p->id, p->wire, p->host, sum);
}
