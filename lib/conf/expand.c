/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `count = N`: one section makes N vnics, numbered from 0, with MACs, addresses and
 * %d in the endpoint counted up. And the index of names, which port and vnics share.
 */
#include <errno.h>
#include <string.h>

#include "conf/load.h"
#include "conf/spec.h"

/* Who has the name already? NULL: nobody. */
static const char *name_owner(const struct load *ld, const char *name, int *line)
{
	const uint32_t *i = names_find(ld->c->names, NAMES_PORT, name);
	const struct section *s;

	if (i != NULL)
		s = ld->ports[*i].section;
	else if ((i = names_find(ld->c->names, NAMES_VNIC, name)) != NULL)
		s = ld->vnics[ld->draft_of[*i]].section;
	else
		return NULL;
	*line = s->line;
	return s->title;
}

static bool claim_name(struct load *ld, const struct section *s, uint32_t scope, const char *name,
		       uint32_t number)
{
	int line = 0;
	const char *owner = name_owner(ld, name, &line);

	if (owner != NULL) {
		load_error(ld, s->line, EEXIST, s, NULL,
			   "the name '%s' is taken by [%s] in line %d (ports and vnics share one "
			   "set of names)",
			   name, owner, line);
		return false;
	}
	names_add(ld->c->names, scope, name, number);
	return true;
}

/* ---- one vnic of a draft ---- */

static bool number_name(struct load *ld, const struct vnic_draft *d, uint32_t i,
			struct vnic_conf *v)
{
	if (d->count == 1)
		return true;
	v->name = arena_printf(ld->c->arena, "%s%u", d->v.name, i);
	if (d->v.peer != NULL)
		v->peer = arena_printf(ld->c->arena, "%s%u", d->v.peer, i);
	if (strlen(v->name) < CONF_NAME_LEN)
		return true;
	load_bad_key(ld, d->section, "count", EINVAL, "'%.60s' is too long for a name (at most %d)",
		     v->name, CONF_NAME_LEN - 1);
	return false;
}

static bool number_mac(struct load *ld, const struct vnic_draft *d, uint32_t i, struct vnic_conf *v)
{
	if (!d->has_type)
		return true;
	v->mac = 0;
	if (v->type == VNIC_IPVLAN || v->type == VNIC_IPVTAP || v->mode == MODE_PASSTHRU)
		return true;
	if (!v->mac_given) {
		v->mac = mac_from_names(v->port != NULL ? v->port : "veth", v->name);
		return true;
	}
	v->mac = mac_add(d->v.mac, i);
	if (mac_is_valid(v->mac) || load_entry_is_bad(ld, d->section, "mac"))
		return true;
	load_bad_key(ld, d->section, "mac", EADDRNOTAVAIL,
		     "counted up, it comes to the zero address (EADDRNOTAVAIL)");
	return false;
}

static bool number_addresses(struct load *ld, const struct vnic_draft *d, uint32_t i,
			     struct vnic_conf *v)
{
	struct ip_range *list;

	if (i == 0 || v->n_addresses == 0)
		return true;
	list = arena_alloc(ld->c->arena, v->n_addresses * sizeof(*list));
	for (size_t k = 0; k < v->n_addresses; k++) {
		const struct ip_range *from = &d->v.addresses[k];
		uint64_t step = (uint64_t)ip_range_count(from) * i;

		list[k] = *from;
		list[k].first = ip_addr_add(from->first, (uint32_t)step);
		list[k].last = ip_addr_add(from->last, (uint32_t)step);
		if (step > UINT32_MAX || ip_addr_cmp(&list[k].last, &from->last) < 0 ||
		    !ip_addr_is_unicast(&list[k].last)) {
			char buf[IP_STR_LEN];

			load_bad_key(ld, d->section, "address", EADDRNOTAVAIL,
				     "%s can't be counted up %u times (EADDRNOTAVAIL)",
				     ip_addr_format(&from->first, buf), d->count - 1);
			return false;
		}
	}
	v->addresses = list;
	return true;
}

static bool number_endpoint(struct load *ld, const struct vnic_draft *d, uint32_t i,
			    struct vnic_conf *v)
{
	struct err e = {0};

	if (!spec_is_numbered(&d->v.endpoint) ||
	    spec_number(ld->c->arena, &d->v.endpoint, i, &v->endpoint, &e) == 0)
		return true;
	load_bad_key(ld, d->section, "endpoint", e.code, "vnic %u of %u: %s", i, d->count, e.text);
	return false;
}

/* ---- all of them ---- */

static void expand_vnic(struct load *ld, uint32_t draft)
{
	struct vnic_draft *d = &ld->vnics[draft];

	d->first = (uint32_t)ld->c->n_vnics;
	for (uint32_t i = 0; i < d->count; i++) {
		uint32_t number = (uint32_t)ld->c->n_vnics;
		struct vnic_conf *v = &ld->c->vnics[number];

		*v = d->v;
		ld->draft_of[number] = draft;
		if (!number_name(ld, d, i, v) || !number_mac(ld, d, i, v) ||
		    !number_addresses(ld, d, i, v) || !number_endpoint(ld, d, i, v) ||
		    !claim_name(ld, d->section, NAMES_VNIC, v->name, number))
			return; /* the others would say the same again */
		ld->c->n_vnics++;
	}
	d->expanded = true;
}

/* Room for all, or an error at the section that is one too many. */
static bool make_room(struct load *ld)
{
	uint64_t n = 0, addresses = 0;

	for (uint32_t i = 0; i < ld->n_vnics; i++) {
		const struct vnic_draft *d = &ld->vnics[i];

		n += d->count;
		addresses += (uint64_t)d->count * d->v.n_addresses;
		if (n > CONF_MAX_VNICS) {
			load_bad_key(ld, d->section, "count", EINVAL,
				     "more than %d vnics in all, with this one", CONF_MAX_VNICS);
			return false;
		}
		if (addresses > CONF_MAX_ADDRESSES) {
			load_bad_key(ld, d->section, "address", EINVAL,
				     "more than %u addresses of vnics in all, with these",
				     CONF_MAX_ADDRESSES);
			return false;
		}
	}
	ld->c->vnics = arena_alloc(ld->c->arena, n * sizeof(*ld->c->vnics));
	ld->draft_of = arena_alloc(ld->scratch, n * sizeof(*ld->draft_of));
	return true;
}

static void expand_ports(struct load *ld)
{
	if (ld->n_ports > CONF_MAX_PORTS) {
		load_error(ld, ld->ports[CONF_MAX_PORTS].section->line, EINVAL,
			   ld->ports[CONF_MAX_PORTS].section, NULL, "more than %d ports",
			   CONF_MAX_PORTS);
		ld->n_ports = CONF_MAX_PORTS;
	}
	ld->c->ports = arena_alloc(ld->c->arena, ld->n_ports * sizeof(*ld->c->ports));
	for (uint32_t i = 0; i < ld->n_ports; i++) {
		ld->c->ports[i] = ld->ports[i].p;
		claim_name(ld, ld->ports[i].section, NAMES_PORT, ld->ports[i].p.name, i);
	}
	ld->c->n_ports = ld->n_ports;
}

void expand_all(struct load *ld)
{
	expand_ports(ld);
	if (!make_room(ld)) {
		ld->incomplete = true;
		return;
	}
	for (uint32_t i = 0; i < ld->n_vnics && !load_is_full(ld); i++) {
		expand_vnic(ld, i);
		if (!ld->vnics[i].expanded)
			ld->incomplete = true;
	}
}
