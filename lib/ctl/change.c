/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime_apply(): from one configuration to the next.
 *
 * What both have (same name, same endpoint) is kept, with its id and its counters,
 * and changed in place. Everything else is opened or closed. Where a new endpoint needs
 * what an old one still holds (a tap's name, a device), the old one is evicted
 * first, and put back should the change fail.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/arena.h"
#include "conf/spec.h"
#include "ctl/addresses.h"
#include "ctl/announce.h"
#include "ctl/attach.h"
#include "ctl/dhcp_asks.h"
#include "ctl/l3.h"
#include "ctl/mail.h"
#include "ctl/placement.h"
#include "ctl/runtime.h"
#include "ctl/static_neigh.h"

/** A change on its way; `ports`, `vnics` and `hosts` are parallel to the new configuration. */
struct change {
	struct runtime *rt;
	struct conf *conf; /* the other one: new before commit(), old after */
	struct port_rt **ports;
	struct vnic_rt **vnics;
	struct attachment *hosts; /* kept ports whose host endpoint differs: the new one */
	struct attachment
		*old_hosts; /* parallel to the old configuration's ports: what it replaced */
	size_t n_old_ports;
	struct arena *names; /* what `held` points into */
	const char **held; /* resources of what will be closed, sorted */
	size_t n_held;
	bool committed;
};

/* ---- ids ---- */

static uint16_t take_id(uint64_t *words, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++) {
		if (words[i] != UINT64_MAX) {
			int bit = __builtin_ctzll(~words[i]);

			words[i] |= 1ULL << bit;
			return (uint16_t)(64 * i + (unsigned int)bit);
		}
	}
	return VNIC_NONE;
}

static void give_id(uint64_t *words, uint16_t id)
{
	words[id / 64] &= ~(1ULL << id % 64);
}

/* The two give back all but the endpoints, which are left to close_leaving(). */
static void free_port(struct runtime *rt, struct port_rt *p, struct leaving *l)
{
	detach(rt, &p->host, l);
	detach(rt, &p->wire, l);
	addresses_free_port(p);
	l3_free(p);
	static_neigh_free(p);
	for (uint32_t i = 0; rt->running && i < rt->n_workers; i++)
		worker_clear_port(rt->dp.workers[i], p->id);
	give_id(&rt->port_ids, p->id);
	free(p);
}

static void free_vnic(struct runtime *rt, struct vnic_rt *v, struct leaving *l)
{
	detach(rt, &v->at, l);
	addresses_free_vnic(v);
	announce_free_vnic(v);
	dhcp_asks_forget(rt->dhcp, v->id);
	rt->by_id[v->id] = NULL;
	for (uint32_t i = 0; rt->running && i < rt->n_workers; i++)
		worker_clear_vnic(rt->dp.workers[i], v->id);
	give_id(rt->ids, v->id);
	free(v);
}

/* ---- what is kept ---- */

static bool same_workers(const struct lcore_set *a, const struct lcore_set *b)
{
	return a->all == b->all && memcmp(a->bits, b->bits, sizeof(a->bits)) == 0;
}

static bool has_same_host(const struct port_conf *a, const struct port_conf *b)
{
	return a->has_host == b->has_host &&
	       (!a->has_host || endpoint_conf_equal(&a->host, &b->host));
}

/* A device that has to chain mbufs for its MTU, or no longer, must be opened anew for it. */
static bool is_chained(const struct port_conf *c, const struct global_conf *g)
{
	return c->device.type == ENDPOINT_DEV &&
	       c->mtu + FWD_MTU_OVERHEAD + PKT_VLAN_LEN + RTE_PKTMBUF_HEADROOM > g->mbuf_size;
}

static struct port_rt *kept_port(const struct runtime *rt, const struct global_conf *g,
				 const struct port_conf *c)
{
	struct port_rt *p = runtime_port(rt, c->name);

	if (p == NULL || !endpoint_conf_equal(&p->conf->device, &c->device) ||
	    p->conf->queues != c->queues || !same_workers(&p->conf->workers, &c->workers) ||
	    is_chained(p->conf, g) != is_chained(c, g))
		return NULL;
	return p;
}

static struct vnic_rt *kept_vnic(const struct runtime *rt, const struct vnic_conf *c)
{
	struct vnic_rt *v = runtime_vnic(rt, c->name);

	if (v == NULL || v->conf->type != c->type || v->conf->queues != c->queues ||
	    !endpoint_conf_equal(&v->conf->endpoint, &c->endpoint) ||
	    !same_workers(&v->conf->workers, &c->workers))
		return NULL;
	/* Into or out of passthru is a new vnic: its MAC is its port's (the kernel: EINVAL). */
	if ((v->conf->mode == MODE_PASSTHRU || c->mode == MODE_PASSTHRU) &&
	    (v->conf->mode != c->mode || strcmp(v->conf->port, c->port) != 0))
		return NULL;
	return v;
}

static int begin(struct change *c, struct runtime *rt, struct conf *new)
{
	*c = (struct change){.rt = rt, .conf = new, .n_old_ports = rt->conf->n_ports};
	c->ports = calloc(new->n_ports + 1, sizeof(*c->ports));
	c->vnics = calloc(new->n_vnics + 1, sizeof(*c->vnics));
	c->hosts = calloc(new->n_ports + 1, sizeof(*c->hosts));
	c->old_hosts = calloc(rt->conf->n_ports + 1, sizeof(*c->old_hosts));
	c->held = calloc(2 * rt->conf->n_ports + rt->conf->n_vnics + 1, sizeof(*c->held));
	c->names = arena_create();
	if (c->names == NULL || c->ports == NULL || c->vnics == NULL || c->hosts == NULL ||
	    c->old_hosts == NULL || c->held == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		rt->ports[i]->kept = false;
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		rt->vnics[i]->kept = false;
	for (size_t i = 0; i < new->n_ports; i++) {
		c->ports[i] = kept_port(rt, &new->global, &new->ports[i]);
		if (c->ports[i] != NULL)
			c->ports[i]->kept = true;
	}
	for (size_t i = 0; i < new->n_vnics; i++) {
		c->vnics[i] = kept_vnic(rt, &new->vnics[i]);
		if (c->vnics[i] != NULL)
			c->vnics[i]->kept = true;
	}
	return 0;
}

static void end(struct change *c)
{
	if (c->names != NULL)
		arena_destroy(c->names);
	free(c->ports);
	free(c->vnics);
	free(c->hosts);
	free(c->old_hosts);
	free(c->held);
}

/* ---- eviction ---- */

static void hold(struct change *c, const struct endpoint_conf *e)
{
	const char *name = spec_resource(c->names, e);

	if (name != NULL)
		c->held[c->n_held++] = name;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_held(struct change *c, const struct endpoint_conf *e)
{
	const char *name = spec_resource(c->names, e);

	return name != NULL &&
	       bsearch(&name, c->held, c->n_held, sizeof(*c->held), compare_names) != NULL;
}

/* The old port's host endpoint stays with it only if the new configuration wants the same. */
static bool loses_host(const struct change *c, const struct port_rt *p)
{
	const struct port_conf *new = conf_port(c->conf, p->conf->name);

	return p->conf->has_host && (!p->kept || !has_same_host(p->conf, new));
}

static void note_held(struct change *c)
{
	const struct runtime *rt = c->rt;

	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		if (!rt->ports[i]->kept)
			hold(c, &rt->conf->ports[i].device);
		if (loses_host(c, rt->ports[i]))
			hold(c, &rt->conf->ports[i].host);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		if (!rt->vnics[i]->kept)
			hold(c, &rt->conf->vnics[i].endpoint);
	qsort(c->held, c->n_held, sizeof(*c->held), compare_names);
}

static bool is_in_the_way(struct change *c)
{
	for (size_t i = 0; i < c->conf->n_ports; i++) {
		const struct port_conf *p = &c->conf->ports[i];

		if (c->ports[i] == NULL && is_held(c, &p->device))
			return true;
		if (p->has_host && is_held(c, &p->host))
			return true;
	}
	for (size_t i = 0; i < c->conf->n_vnics; i++)
		if (c->vnics[i] == NULL && is_held(c, &c->conf->vnics[i].endpoint))
			return true;
	return false;
}

/** Attachments that were taken out of the running state, and where they came from. */
struct eviction {
	struct attachment gone;
	struct attachment *from;
};

static void take(struct attachment *from, struct eviction *list, size_t *n)
{
	if (from->endpoint == NULL)
		return;
	list[(*n)++] = (struct eviction){*from, from};
	*from = (struct attachment){0};
}

static size_t take_all(struct change *c, struct eviction *list)
{
	struct runtime *rt = c->rt;
	size_t n = 0;

	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		if (!rt->ports[i]->kept)
			take(&rt->ports[i]->wire, list, &n);
		if (loses_host(c, rt->ports[i]))
			take(&rt->ports[i]->host, list, &n);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		if (!rt->vnics[i]->kept && rt->vnics[i]->conf->endpoint.type != ENDPOINT_NONE)
			take(&rt->vnics[i]->at, list, &n);
	return n;
}

/* Takes everything that will be closed out of the running state, and closes it. */
static int evict(struct change *c, struct err *err)
{
	struct runtime *rt = c->rt;
	struct eviction *list =
		calloc(2 * rt->conf->n_ports + rt->conf->n_vnics + 1, sizeof(*list));
	struct leaving leaving = {0};
	size_t n;
	int rc;

	if (list == NULL)
		return err_set(err, ENOMEM, "no memory for the change");
	n = take_all(c, list);
	rc = runtime_publish(rt, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			detach(rt, &list[i].gone, &leaving);
		else /* workers go on with it */
			*list[i].from = list[i].gone;
	}
	close_leaving(&leaving);
	free(list);
	return rc;
}

/* Opens again, from the old configuration, what was evicted or never lost. */
static void reinstate(struct runtime *rt)
{
	struct err err = {0};

	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct port_rt *p = rt->ports[i];

		if (p->wire.endpoint == NULL && attach_wire(rt, p, &err) != 0)
			LOG(ERR, CTL, "port %s is not back: %s", p->conf->name, err.text);
		if (p->conf->has_host && p->host.endpoint == NULL &&
		    attach_host(rt, p, p->conf, &p->host, &err) != 0)
			LOG(ERR, CTL, "port %s: its host is not back: %s", p->conf->name, err.text);
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		if (v->at.endpoint == NULL && attach_vnic(rt, v, &err) != 0)
			LOG(ERR, CTL, "vnic %s is not back: %s", v->conf->name, err.text);
	}
	if (rt->running && runtime_publish(rt, &err) != 0)
		LOG(ERR, CTL, "%s", err.text);
}

/* ---- opening ---- */

static int open_port(struct change *c, size_t i, struct err *err)
{
	struct runtime *rt = c->rt;
	struct port_rt *p = calloc(1, sizeof(*p));
	struct leaving leaving = {0};
	int rc;

	if (p == NULL)
		return err_set(err, ENOMEM, "no memory");
	p->id = take_id(&rt->port_ids, 1);
	if (p->id == VNIC_NONE) {
		free(p);
		return err_set(err, ENOSPC, "more than %d ports", CONF_MAX_PORTS);
	}
	p->conf = &c->conf->ports[i];
	rc = attach_wire(rt, p, err);
	if (rc == 0 && p->conf->has_host)
		rc = attach_host(rt, p, p->conf, &p->host, err);
	if (rc != 0) {
		err_prefix(err, "port %s", p->conf->name);
		free_port(rt, p, &leaving);
		close_leaving(&leaving);
		return rc;
	}
	c->ports[i] = p;
	return 0;
}

static int open_host(struct change *c, size_t i, struct err *err)
{
	const struct port_conf *conf = &c->conf->ports[i];
	int rc;

	if (!conf->has_host || has_same_host(c->ports[i]->conf, conf))
		return 0;
	rc = attach_host(c->rt, c->ports[i], conf, &c->hosts[i], err);
	if (rc != 0)
		err_prefix(err, "port %s: host", conf->name);
	return rc;
}

static int open_vnic(struct change *c, size_t i, struct err *err)
{
	const struct vnic_conf *conf = &c->conf->vnics[i];
	struct runtime *rt = c->rt;
	struct vnic_rt *v = calloc(1, sizeof(*v));
	struct leaving leaving = {0};
	int rc;

	if (v == NULL)
		return err_set(err, ENOMEM, "no memory");
	v->id = take_id(rt->ids, RTE_DIM(rt->ids) - 1); /* never VNIC_NONE itself */
	if (v->id == VNIC_NONE) {
		free(v);
		return err_set(err, ENOSPC, "more than %d vnics", CONF_MAX_VNICS);
	}
	rt->by_id[v->id] = v;
	v->conf = conf;
	if (conf->port != NULL)
		v->port = c->ports[conf_port(c->conf, conf->port) - c->conf->ports];
	rc = attach_vnic(rt, v, err);
	if (rc != 0) {
		err_prefix(err, "vnic %s", conf->name);
		free_vnic(rt, v, &leaving);
		close_leaving(&leaving);
		return rc;
	}
	c->vnics[i] = v;
	return 0;
}

static int open_new(struct change *c, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->conf->n_ports && rc == 0; i++)
		rc = c->ports[i] == NULL ? open_port(c, i, err) : open_host(c, i, err);
	for (size_t i = 0; i < c->conf->n_vnics && rc == 0; i++)
		if (c->vnics[i] == NULL)
			rc = open_vnic(c, i, err);
	return rc;
}

/* Before the commit, or after it was taken back: what the change opened. */
static void close_opened(struct change *c)
{
	struct leaving leaving = {0};

	for (size_t i = 0; i < c->conf->n_vnics; i++)
		if (c->vnics[i] != NULL && !c->vnics[i]->kept)
			free_vnic(c->rt, c->vnics[i], &leaving);
	for (size_t i = 0; i < c->conf->n_ports; i++) {
		detach(c->rt, &c->hosts[i], &leaving);
		if (c->ports[i] != NULL && !c->ports[i]->kept)
			free_port(c->rt, c->ports[i], &leaving);
	}
	close_leaving(&leaving);
}

/* ---- commit ---- */

static void bind_conf(struct runtime *rt)
{
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		rt->ports[i]->conf = &rt->conf->ports[i];
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		v->conf = &rt->conf->vnics[i];
		v->port = v->conf->port != NULL ? runtime_port(rt, v->conf->port) : NULL;
		v->peer = v->conf->peer != NULL ? runtime_vnic(rt, v->conf->peer) : NULL;
	}
}

/* Exchanges the runtime's configuration and lists with the change's; twice is never. */
static void commit(struct change *c)
{
	struct runtime *rt = c->rt;
	struct conf *conf = rt->conf;
	struct port_rt **ports = rt->ports;
	struct vnic_rt **vnics = rt->vnics;

	rt->conf = c->conf;
	rt->ports = c->ports;
	rt->vnics = c->vnics;
	c->conf = conf;
	c->ports = ports;
	c->vnics = vnics;
	c->committed = !c->committed;
	bind_conf(rt);
}

/* New host endpoints into kept ports; what they replace waits in old_hosts. */
static void swap_hosts(struct change *c)
{
	for (size_t i = 0; i < c->rt->conf->n_ports; i++) {
		struct port_rt *p = c->rt->ports[i];
		const struct port_conf *old = conf_port(c->conf, p->conf->name);

		if (!p->kept || has_same_host(old, p->conf))
			continue;
		c->old_hosts[old - c->conf->ports] = p->host;
		p->host = c->hosts[i];
		c->hosts[i] = (struct attachment){0};
	}
}

static void unswap_hosts(struct change *c)
{
	for (size_t i = 0; i < c->rt->conf->n_ports; i++) {
		struct port_rt *p = c->rt->ports[i];
		const struct port_conf *old = conf_port(c->conf, p->conf->name);

		if (!p->kept || has_same_host(old, p->conf))
			continue;
		c->hosts[i] = p->host;
		p->host = c->old_hosts[old - c->conf->ports];
		c->old_hosts[old - c->conf->ports] = (struct attachment){0};
	}
}

/* By what the configurations say: what a port's host made of its MTU is no change of them. */
static bool has_new_mtu(const struct change *c, const struct vnic_conf *new,
			const struct vnic_conf *old)
{
	if (new->mtu != old->mtu || new->mtu != 0 || new->port == NULL)
		return new->mtu != old->mtu;
	return conf_port(c->rt->conf, new->port)->mtu != conf_port(c->conf, old->port)->mtu;
}

/* Changes kept ones in place, from c->conf's values to the runtime's. */
static int modify(struct change *c, struct err *err)
{
	struct runtime *rt = c->rt;
	int rc = 0;

	for (size_t i = 0; i < rt->conf->n_ports && rc == 0; i++)
		if (rt->ports[i]->kept)
			rc = attach_modify_port(rt->ports[i],
						conf_port(c->conf, rt->conf->ports[i].name), err);
	for (size_t i = 0; i < rt->conf->n_vnics && rc == 0; i++) {
		const struct vnic_conf *new = &rt->conf->vnics[i], *old;

		if (!rt->vnics[i]->kept)
			continue;
		old = conf_vnic(c->conf, new->name);
		rc = attach_modify_vnic(rt->vnics[i], old, has_new_mtu(c, new, old), err);
	}
	return rc;
}

static void roll_back(struct change *c)
{
	struct err ignored = {0};

	if (c->committed) {
		unswap_hosts(c);
		commit(c);
		modify(c, &ignored);
	}
	/* Workers still see what runs; opened endpoints were never published. */
	close_opened(c);
	reinstate(c->rt);
}

static void close_old(struct change *c)
{
	struct leaving leaving = {0};

	/* Letters name ids, and somebody else may soon have these. */
	mail_run(c->rt);
	for (size_t i = 0; i < c->n_old_ports; i++)
		detach(c->rt, &c->old_hosts[i], &leaving);
	for (size_t i = 0; i < c->conf->n_vnics; i++)
		if (!c->vnics[i]->kept)
			free_vnic(c->rt, c->vnics[i], &leaving);
	for (size_t i = 0; i < c->conf->n_ports; i++)
		if (!c->ports[i]->kept)
			free_port(c->rt, c->ports[i], &leaving);
	close_leaving(&leaving);
	conf_free(c->conf);
}

int runtime_apply(struct runtime *rt, struct conf *new, struct err *err)
{
	struct change c;
	int rc = begin(&c, rt, new);

	if (rc != 0) {
		end(&c);
		return err_set(err, -rc, "no memory for the change");
	}
	note_held(&c);
	if (is_in_the_way(&c))
		rc = evict(&c, err);
	if (rc == 0)
		rc = open_new(&c, err);
	if (rc == 0) {
		commit(&c);
		swap_hosts(&c);
		rc = modify(&c, err);
	}
	if (rc == 0)
		rc = runtime_publish(rt, err);
	if (rc == 0)
		close_old(&c);
	else
		roll_back(&c);
	end(&c);
	return rc;
}
