/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"

struct conf *conf_create(void)
{
	struct arena *a = arena_create();
	struct conf *c = arena_alloc(a, sizeof(*c));

	c->arena = a;
	c->names = names_create(a);
	c->global = (struct global_conf){.control = "/run/dpdk-vnic.sock", .mbuf_size = 2176};
	return c;
}

void conf_free(struct conf *c)
{
	/* The conf itself lies in its arena. */
	if (c != NULL)
		arena_destroy(c->arena);
}

const struct port_conf *conf_port(const struct conf *c, const char *name)
{
	const uint32_t *i;

	if (c->names == NULL) {
		for (size_t k = 0; k < c->n_ports; k++)
			if (strcmp(c->ports[k].name, name) == 0)
				return &c->ports[k];
		return NULL;
	}
	i = names_find(c->names, NAMES_PORT, name);
	return i != NULL ? &c->ports[*i] : NULL;
}

const struct vnic_conf *conf_vnic(const struct conf *c, const char *name)
{
	const uint32_t *i;

	if (c->names == NULL) {
		for (size_t k = 0; k < c->n_vnics; k++)
			if (strcmp(c->vnics[k].name, name) == 0)
				return &c->vnics[k];
		return NULL;
	}
	i = names_find(c->names, NAMES_VNIC, name);
	return i != NULL ? &c->vnics[*i] : NULL;
}
