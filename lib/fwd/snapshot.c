/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fwd/kind.h"
#include "fwd/ip_table.h"
#include "fwd/key_table.h"
#include "fwd/next_hops.h"
#include "fwd/routes.h"
#include "fwd/snapshot.h"

static int allocate(struct snapshot *s, size_t n_ports, const struct vnic_in *vnics, size_t n_vnics)
{
	uint32_t top = 0;

	for (size_t i = 0; i < n_vnics; i++)
		if (vnics[i].vnic.id >= top)
			top = vnics[i].vnic.id + 1u;
	s->n_vnics = top;
	s->n_ports = (uint32_t)n_ports;
	s->vnics = aligned_alloc(FWD_VNIC_LEN, (top + 1) * sizeof(*s->vnics));
	s->endpoints = calloc(top + 1, sizeof(*s->endpoints));
	s->ports = calloc(n_ports + 1, sizeof(*s->ports));
	s->lists = calloc(n_ports + 1, sizeof(*s->lists));
	if (s->vnics == NULL || s->endpoints == NULL || s->ports == NULL || s->lists == NULL)
		return -ENOMEM;
	memset(s->vnics, 0, (top + 1) * sizeof(*s->vnics));
	return 0;
}

/* What a port's vnics have in common, or one of them has. */
static void sum_up(struct fwd_port *p, const struct fwd_vnic *v)
{
	p->kind = v->kind;
	p->mode = v->mode;
	p->flags = (uint8_t)v->flags;
	p->dhcp |= v->dhcp;
	p->macnat |= v->macnat;
}

static void place_vnics(struct snapshot *s, const struct vnic_in *vnics, size_t n_vnics)
{
	for (size_t i = 0; i < n_vnics; i++) {
		const struct vnic_in *in = &vnics[i];
		struct fwd_vnic *v = &s->vnics[in->vnic.id];

		*v = in->vnic;
		v->port = in->port >= 0 ? &s->ports[in->port] : NULL;
		v->peer = in->peer != VNIC_NONE ? &s->vnics[in->peer] : NULL;
		v->needs_hits = v->kind->needs_hits(v);
		s->endpoints[in->vnic.id] = v->endpoint;
		if (v->port != NULL)
			sum_up(&s->ports[in->port], v);
	}
}

/* Fills one table; an empty one is left out where the port can do without. */
static int make_table(struct key_table **t, const struct key_pairs *pairs, bool always, int socket,
		      struct err *err)
{
	if (pairs->n == 0 && !always)
		return 0;
	*t = key_table_create(pairs, socket, err);
	return *t != NULL ? 0 : -err->code;
}

static int build_port(struct snapshot *s, const struct port_in *in, uint16_t index,
		      const struct vnic_in *vnics, size_t n_vnics, int socket, struct err *err)
{
	struct fwd_port *p = &s->ports[index];
	struct port_lists *l = &s->lists[index];
	const struct fwd_port from_vnics = *p;
	int rc = lists_build(l, in, index, vnics, n_vnics);

	if (rc == -E2BIG)
		return err_set(err, E2BIG,
			       "the allow lists of one port name more than %d addresses (E2BIG)",
			       LISTS_MAX_SOURCES);
	if (rc != 0)
		return err_set(err, -rc, "the lists of port %u can't be built", index);
	*p = in->port;
	ip_table_get(p->addresses);
	routes_get(p->routes);
	next_hops_get(p->next_hops);
	p->kind = from_vnics.kind != NULL ? from_vnics.kind : &none_kind;
	p->mode = from_vnics.mode;
	p->flags = from_vnics.flags;
	p->dhcp = from_vnics.dhcp;
	p->macnat = from_vnics.macnat;
	p->id = index;
	p->vnics = s->vnics;
	p->passthru = l->passthru;
	p->has_source_mode = l->has_source_mode;
	p->bcqueuelen = l->bcqueuelen;
	p->lists = l->floods;
	p->n_lists = l->n_floods;
	p->sources = l->sources;
	p->n_sources = l->n_sources;
	rc = make_table(&p->vnic_table, &l->vnic_macs, true, socket, err);
	if (rc == 0)
		rc = make_table(&p->group_table, &l->group_macs, false, socket, err);
	if (rc == 0)
		rc = make_table(&p->source_table, &l->source_macs, false, socket, err);
	return rc;
}

struct snapshot *snapshot_build(const struct port_in *ports, size_t n_ports,
				const struct vnic_in *vnics, size_t n_vnics, const int *socket_of,
				struct err *err)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL || allocate(s, n_ports, vnics, n_vnics) != 0) {
		err_set(err, ENOMEM, "no memory for %zu vnics", n_vnics);
		snapshot_free(s);
		return NULL;
	}
	place_vnics(s, vnics, n_vnics);
	for (size_t i = 0; i < n_ports; i++) {
		if (build_port(s, &ports[i], (uint16_t)i, vnics, n_vnics, socket_of[i], err) != 0) {
			snapshot_free(s);
			return NULL;
		}
	}
	return s;
}

int snapshot_plan(struct snapshot *s, uint32_t n_workers, uint32_t n)
{
	s->plans = calloc(n_workers, sizeof(*s->plans));
	if (s->plans == NULL)
		return -ENOMEM;
	s->n_plans = n_workers;
	for (uint32_t i = 0; i < n_workers; i++) {
		s->plans[i].sources = calloc(n + 1, sizeof(*s->plans[i].sources));
		if (s->plans[i].sources == NULL)
			return -ENOMEM;
	}
	return 0;
}

bool snapshot_source(const struct snapshot *s, uint64_t event, struct source *src)
{
	src->side = (uint8_t)(event >> 32);
	src->id = (uint16_t)(event >> 16);
	src->queue = (uint16_t)event;
	src->waits = true;
	if (src->side == FROM_VNIC) {
		if (src->id >= s->n_vnics || s->vnics[src->id].kind == NULL)
			return false;
		src->endpoint = s->vnics[src->id].endpoint;
	} else {
		const struct fwd_port *port = &s->ports[src->id];

		if (src->id >= s->n_ports || !port->used)
			return false;
		src->endpoint = src->side == FROM_WIRE ? port->wire : port->host;
	}
	return src->endpoint != NULL;
}

void snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; s->ports != NULL && i < s->n_ports; i++) {
		key_table_free(s->ports[i].vnic_table);
		key_table_free(s->ports[i].group_table);
		key_table_free(s->ports[i].source_table);
		ip_table_put(s->ports[i].addresses);
		routes_put(s->ports[i].routes);
		next_hops_put(s->ports[i].next_hops);
	}
	for (uint32_t i = 0; s->lists != NULL && i < s->n_ports; i++)
		lists_free(&s->lists[i]);
	for (uint32_t i = 0; s->plans != NULL && i < s->n_plans; i++)
		free(s->plans[i].sources);
	free(s->plans);
	free(s->vnics);
	free(s->endpoints);
	free(s->ports);
	free(s->lists);
	free(s);
}
