/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/attach.h"
#include "ctl/effective.h"
#include "ctl/placement.h"
#include "ctl/runtime.h"

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
	arm_all(rt);
	effective_tell_carriers(rt);
	rt->dirty = false;
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
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		look_at(rt, &rt->ports[i]->wire);
		look_at(rt, &rt->ports[i]->host);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		look_at(rt, &rt->vnics[i]->at);
}

/* ---- counters ---- */

/* What an endpoint refused before workers saw it belongs to whoever sent it. Returns how many. */
static uint64_t add_rx_errors(struct iface_stats *sum, const struct attachment *a)
{
	struct endpoint_rx_errors e = {0};

	if (a->endpoint == NULL)
		return 0;
	endpoint_get_rx_errors(a->endpoint, &e);
	sum->drops[DROP_MALFORMED] += e.malformed;
	sum->drops[DROP_BAD_OFFLOAD] += e.bad_offload;
	sum->drops[DROP_NO_BUFFER] += e.no_buffer;
	sum->drops[DROP_MISSED] += e.missed;
	return e.malformed + e.bad_offload + e.no_buffer + e.missed;
}

void runtime_vnic_stats(const struct runtime *rt, const struct vnic_rt *v, struct iface_stats *sum)
{
	*sum = (struct iface_stats){0};
	for (uint32_t i = 0; rt->running && i < rt->n_workers; i++)
		stats_collect(sum, &rt->dp.workers[i]->stats.vnics[v->id]);
	sum->tx_dropped += add_rx_errors(sum, &v->at);
}

void runtime_port_stats(const struct runtime *rt, const struct port_rt *p, struct iface_stats *sum)
{
	*sum = (struct iface_stats){0};
	for (uint32_t i = 0; rt->running && i < rt->n_workers; i++)
		stats_collect(sum, &rt->dp.workers[i]->stats.ports[p->id]);
	sum->rx_dropped += add_rx_errors(sum, &p->wire);
	sum->tx_dropped += add_rx_errors(sum, &p->host);
}

/* ---- life ---- */

void runtime_init(struct runtime *rt, const unsigned int *lcores, uint32_t n_workers)
{
	*rt = (struct runtime){.n_workers = n_workers};
	memcpy(rt->lcores, lcores, n_workers * sizeof(*lcores));
	rt->conf = conf_create();
}

void runtime_destroy(struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		detach(rt, &rt->vnics[i]->at);
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		detach(rt, &rt->ports[i]->host);
		detach(rt, &rt->ports[i]->wire);
	}
	if (rt->running)
		dataplane_destroy(&rt->dp);
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		free(rt->vnics[i]);
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		free(rt->ports[i]);
	free(rt->vnics);
	free(rt->ports);
	conf_free(rt->conf);
	*rt = (struct runtime){0};
}
