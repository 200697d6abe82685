/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds between sections: names that must exist, MTUs, pairs, endpoints with one user. */
#include <errno.h>
#include <string.h>

#include "conf/load.h"
#include "conf/spec.h"

/* Even one that makes nothing because of an error. */
static bool has_section(const struct load *ld, const char *kind, const char *name)
{
	const char *title = arena_printf(ld->scratch, "%s %s", kind, name);

	return names_find(ld->index, INDEX_SECTIONS, title) != NULL;
}

/* ---- a vnic and its port ---- */

static void check_mtu(struct load *ld, const struct vnic_draft *d, const struct port_draft *port)
{
	if (d->v.mtu <= port->p.mtu || load_entry_is_bad(ld, d->section, "mtu") ||
	    load_entry_is_bad(ld, port->section, "mtu"))
		return;
	load_bad_key(ld, d->section, "mtu", EINVAL, "%u is more than the %u of [%s] (EINVAL)",
		     d->v.mtu, port->p.mtu, port->section->title);
}

static void check_lower(struct load *ld, const struct vnic_draft *d)
{
	const uint32_t *i = names_find(ld->c->names, NAMES_PORT, d->v.port);

	if (i != NULL)
		check_mtu(ld, d, &ld->ports[*i]);
	else if (has_section(ld, "vnic", d->v.port))
		load_bad_key(ld, d->section, "port", ENODEV,
			     "'%.60s' is a vnic, not a port (ENODEV)", d->v.port);
	else if (!has_section(ld, "port", d->v.port))
		load_bad_key(ld, d->section, "port", ENODEV, "there is no [port %.60s] (ENODEV)",
			     d->v.port);
}

/* ---- the two ends of a veth ---- */

static void check_peer(struct load *ld, const struct vnic_draft *d, const struct vnic_conf *v)
{
	const uint32_t *i = names_find(ld->c->names, NAMES_VNIC, v->peer);
	const struct vnic_conf *peer = i != NULL ? &ld->c->vnics[*i] : NULL;
	const struct vnic_draft *pd = i != NULL ? &ld->vnics[ld->draft_of[*i]] : NULL;

	if (strcmp(v->peer, v->name) == 0)
		load_bad_key(ld, d->section, "peer", EINVAL, "a veth can't be its own peer");
	else if (peer == NULL && ld->incomplete && has_section(ld, "vnic", d->v.peer))
		return; /* left out for an error of its own */
	else if (peer == NULL)
		load_bad_key(ld, d->section, "peer", ENODEV, "there is no vnic '%.60s' (ENODEV)",
			     v->peer);
	else if (pd->has_type && peer->type != VNIC_VETH)
		load_bad_key(ld, d->section, "peer", EINVAL,
			     "'%s' (line %d) is of type %s, not veth", peer->name, peer->line,
			     vnic_type_name(peer->type));
	else if (peer->peer != NULL && strcmp(peer->peer, v->name) != 0)
		load_bad_key(ld, d->section, "peer", EINVAL,
			     "'%s' (line %d) has '%.60s' for its peer, not '%s'", peer->name,
			     peer->line, peer->peer, v->name);
}

/* Stops at the first that is wrong: the numbers of one section all go wrong alike. */
static void check_peers(struct load *ld, const struct vnic_draft *d)
{
	for (uint32_t i = 0; i < d->count && !load_entry_is_bad(ld, d->section, "peer"); i++)
		check_peer(ld, d, &ld->c->vnics[d->first + i]);
}

/* ---- endpoints ---- */

/* One user of an endpoint; where it is written. */
struct user {
	const struct section *section;
	const char *key;
};

struct users {
	struct names *index; /* scope: type; to `list` */
	struct user *list;
	uint32_t n;
};

static bool claim_endpoint(struct load *ld, struct users *u, const struct endpoint_conf *ec,
			   const struct section *s, const char *key)
{
	const char *resource = spec_resource(ld->scratch, ec);
	const uint32_t *i;
	const struct entry *e;

	if (resource == NULL)
		return true;
	i = names_add(u->index, (uint32_t)ec->type, resource, u->n);
	if (i == NULL) {
		u->list = arena_grow(ld->scratch, u->list, u->n, sizeof(*u->list));
		u->list[u->n++] = (struct user){s, key};
		return true;
	}
	e = load_entry(ld, u->list[*i].section, u->list[*i].key);
	load_bad_key(ld, s, key, EBUSY, "%s '%.80s' is in use already, by [%s] in line %d (EBUSY)",
		     endpoint_type_name(ec->type), resource, u->list[*i].section->title,
		     e != NULL ? e->line : u->list[*i].section->line);
	return false;
}

static void check_endpoints(struct load *ld)
{
	struct users u = {.index = names_create(ld->scratch)};

	for (uint32_t i = 0; i < ld->n_ports; i++) {
		const struct port_draft *d = &ld->ports[i];

		claim_endpoint(ld, &u, &d->p.device, d->section, "device");
		claim_endpoint(ld, &u, &d->p.host, d->section, "host");
	}
	for (uint32_t i = 0; i < ld->n_vnics && !load_is_full(ld); i++) {
		const struct vnic_draft *d = &ld->vnics[i];
		bool fine = d->expanded && !load_entry_is_bad(ld, d->section, "endpoint");

		for (uint32_t k = 0; k < d->count && fine; k++)
			fine = claim_endpoint(ld, &u, &ld->c->vnics[d->first + k].endpoint,
					      d->section, "endpoint");
	}
}

void refs_check(struct load *ld)
{
	for (uint32_t i = 0; i < ld->n_vnics && !load_is_full(ld); i++) {
		const struct vnic_draft *d = &ld->vnics[i];

		if (d->has_type && d->v.type != VNIC_VETH && d->v.port != NULL)
			check_lower(ld, d);
		if (d->has_type && d->v.type == VNIC_VETH && d->v.peer != NULL && d->expanded)
			check_peers(ld, d);
	}
	check_endpoints(ld);
}
