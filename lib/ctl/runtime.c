/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/addresses.h"
#include "ctl/announce.h"
#include "ctl/attach.h"
#include "ctl/capture.h"
#include "ctl/counters.h"
#include "ctl/dhcp_asks.h"
#include "ctl/effective.h"
#include "ctl/l3.h"
#include "ctl/mail.h"
#include "ctl/placement.h"
#include "ctl/runtime.h"
#include "ctl/static_neigh.h"
#include "ctl/view.h"
#include "ctl/workers.h"

struct vnic_rt *runtime_vnic(const struct runtime *rt, const char *name)
{
	const struct vnic_conf *c = conf_vnic(rt->conf, name);

	return c != NULL ? rt->vnics[c - rt->conf->vnics] : NULL;
}

struct port_rt *runtime_port(const struct runtime *rt, const char *name)
{
	const struct port_conf *c = conf_port(rt->conf, name);

	return c != NULL ? rt->ports[c - rt->conf->ports] : NULL;
}

/* ---- build and publish ---- */

static struct snapshot *build(struct runtime *rt, struct err *err)
{
	struct port_in *ports = calloc(CONF_MAX_PORTS, sizeof(*ports));
	struct vnic_in *vnics = calloc(rt->conf->n_vnics + 1, sizeof(*vnics));
	int socket_of[CONF_MAX_PORTS] = {0};
	struct snapshot *s = NULL;
	size_t n_ports = 0;

	if (ports == NULL || vnics == NULL) {
		err_set(err, ENOMEM, "no memory for a snapshot");
		goto out;
	}
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		const struct port_rt *p = rt->ports[i];

		effective_port(p, &ports[p->id]);
		if (p->wire.endpoint != NULL)
			socket_of[p->id] = p->wire.endpoint->socket;
		if (p->id >= n_ports)
			n_ports = p->id + 1u;
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		effective_vnic(rt->vnics[i], &vnics[i]);
	s = snapshot_build(ports, n_ports, vnics, rt->conf->n_vnics, socket_of, err);
	if (s != NULL && placement_plan(rt, s) != 0) {
		err_set(err, ENOMEM, "no memory for the workers' plans");
		snapshot_free(s);
		s = NULL;
	}
	if (s != NULL)
		s->generation = ++rt->generation;
out:
	free(ports);
	free(vnics);
	return s;
}

static void arm_all(struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		placement_arm(rt, &rt->ports[i]->wire, FROM_WIRE, rt->ports[i]->id);
		placement_arm(rt, &rt->ports[i]->host, FROM_HOST, rt->ports[i]->id);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		placement_arm(rt, &rt->vnics[i]->at, FROM_VNIC, rt->vnics[i]->id);
}

int runtime_publish(struct runtime *rt, struct err *err)
{
	struct snapshot *s;

	effective_update(rt);
	s = build(rt, err);
	if (s == NULL)
		return -err->code;
	if (!rt->running) {
		int rc = dataplane_create(&rt->dp, rt->lcores, rt->n_workers, s, err);

		if (rc != 0) {
			snapshot_free(s);
			return rc;
		}
		rt->running = true;
	} else {
		struct snapshot *old = dataplane_publish(&rt->dp, s);

		dataplane_wait(&rt->dp);
		snapshot_free(old);
	}
	dataplane_set_adaptive(&rt->dp, rt->conf->global.idle_adaptive);
	arm_all(rt);
	effective_tell_carriers(rt);
	announce_update(rt, mail_now());
	if (rt->captures != NULL)
		captures_follow(rt->captures);
	view_publish(rt);
	rt->dirty = false;
	LOG(DEBUG, CTL, "snapshot %" PRIu64 " is in force", rt->generation);
	return 0;
}

void runtime_settle(struct runtime *rt)
{
	struct err err = {0};

	if (rt->dirty && runtime_publish(rt, &err) != 0)
		LOG(ERR, CTL, "%s; forwarding goes on as before", err.text);
}

void runtime_endpoint_changed(struct endpoint *ep, void *arg)
{
	struct runtime *rt = arg;

	LOG(DEBUG, CTL, "%s: the far side changed", ep->name);
	rt->dirty = true;
}

static void look_at(struct runtime *rt, struct attachment *a)
{
	if (a->endpoint != NULL && a->endpoint->type == ENDPOINT_DEV &&
	    endpoint_refresh(a->endpoint))
		rt->dirty = true;
}

void runtime_tick(struct runtime *rt)
{
	uint64_t now = mail_now();

	workers_tick(rt);
	l3_tick(rt, now);
	mail_run(rt);
	rt->dirty |= addresses_age(rt, now);
	announce_tick(rt, now);
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		look_at(rt, &rt->ports[i]->wire);
		look_at(rt, &rt->ports[i]->host);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		look_at(rt, &rt->vnics[i]->at);
}

/* ---- counters ---- */

void runtime_vnic_stats(const struct runtime *rt, const struct vnic_rt *v, struct iface_stats *sum)
{
	counters_vnic(&rt->dp, v->id, v->at.endpoint, sum);
}

void runtime_port_stats(const struct runtime *rt, const struct port_rt *p, struct iface_stats *sum)
{
	counters_port(&rt->dp, p->id, p->wire.endpoint, p->host.endpoint, sum);
}

/* ---- life ---- */

void runtime_init(struct runtime *rt, const unsigned int *lcores, uint32_t n_workers)
{
	*rt = (struct runtime){.n_workers = n_workers};
	memcpy(rt->lcores, lcores, n_workers * sizeof(*lcores));
	rt->conf = conf_create();
	rt->by_id = calloc(STATS_MAX_VNICS, sizeof(*rt->by_id));
}

void runtime_destroy(struct runtime *rt)
{
	struct leaving leaving = {0};

	view_withdraw();
	/* Before its host's endpoint is closed: it may mirror its routes. */
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		l3_free(rt->ports[i]);
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		detach(rt, &rt->vnics[i]->at, &leaving);
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		detach(rt, &rt->ports[i]->host, &leaving);
		detach(rt, &rt->ports[i]->wire, &leaving);
	}
	close_leaving(&leaving);
	if (rt->running)
		dataplane_destroy(&rt->dp);
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		addresses_free_vnic(rt->vnics[i]);
		announce_free_vnic(rt->vnics[i]);
		free(rt->vnics[i]);
	}
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		addresses_free_port(rt->ports[i]);
		static_neigh_free(rt->ports[i]);
		free(rt->ports[i]);
	}
	workers_forget(rt);
	dhcp_asks_free(rt->dhcp);
	free(rt->vnics);
	free(rt->ports);
	free(rt->by_id);
	conf_free(rt->conf);
	*rt = (struct runtime){0};
}
