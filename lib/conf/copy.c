/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "conf/copy.h"
#include "conf/load.h"

static const char *copy_text(struct arena *a, const char *text)
{
	return text != NULL ? arena_strndup(a, text, strlen(text)) : NULL;
}

static const void *copy_list(struct arena *a, const void *list, size_t n, size_t size)
{
	void *copy;

	if (n == 0)
		return NULL;
	copy = arena_alloc(a, n * size);
	memcpy(copy, list, n * size);
	return copy;
}

static void copy_endpoint(struct arena *a, struct endpoint_conf *e)
{
	e->spec = copy_text(a, e->spec);
	e->target = copy_text(a, e->target);
	e->netns = copy_text(a, e->netns);
	e->owner = copy_text(a, e->owner);
}

static void copy_port(struct arena *a, struct port_conf *p)
{
	p->name = copy_text(a, p->name);
	copy_endpoint(a, &p->device);
	copy_endpoint(a, &p->host);
	p->addresses = copy_list(a, p->addresses, p->n_addresses, sizeof(*p->addresses));
	p->routes = copy_list(a, p->routes, p->n_routes, sizeof(*p->routes));
}

/* Of 65,000 vnics all may name one port: they share its name. */
static void copy_vnic(struct conf *to, struct vnic_conf *v)
{
	const struct port_conf *port = v->port != NULL ? conf_port(to, v->port) : NULL;
	struct arena *a = to->arena;

	v->name = copy_text(a, v->name);
	v->port = port != NULL ? port->name : copy_text(a, v->port);
	v->peer = copy_text(a, v->peer);
	copy_endpoint(a, &v->endpoint);
	v->addresses = copy_list(a, v->addresses, v->n_addresses, sizeof(*v->addresses));
	v->sources = copy_list(a, v->sources, v->n_sources, sizeof(*v->sources));
	v->groups = copy_list(a, v->groups, v->n_groups, sizeof(*v->groups));
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

struct conf *conf_copy(const struct conf *c, size_t room, const char *const *without,
		       size_t n_without)
{
	struct conf *to = conf_create();

	to->global = c->global;
	to->global.control = copy_text(to->arena, c->global.control);
	to->global.metrics = copy_text(to->arena, c->global.metrics);
	to->ports = arena_alloc(to->arena, (c->n_ports + 1) * sizeof(*to->ports));
	for (size_t i = 0; i < c->n_ports; i++) {
		to->ports[i] = c->ports[i];
		copy_port(to->arena, &to->ports[i]);
		names_add(to->names, NAMES_PORT, to->ports[i].name, (uint32_t)i);
	}
	to->n_ports = c->n_ports;
	to->vnics = arena_alloc(to->arena, (c->n_vnics + room + 1) * sizeof(*to->vnics));
	for (size_t i = 0; i < c->n_vnics; i++) {
		struct vnic_conf *v = &to->vnics[to->n_vnics];

		if (is_among(c->vnics[i].name, without, n_without))
			continue;
		*v = c->vnics[i];
		copy_vnic(to, v);
		names_add(to->names, NAMES_VNIC, v->name, (uint32_t)to->n_vnics++);
	}
	return to;
}
