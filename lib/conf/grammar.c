/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The grammar of vnic.ini: every key of every section is one row here. And the walk
 * over the sections that applies it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"

#define T(type)	     (1u << VNIC_##type)
#define MACVLANS     (T(MACVLAN) | T(MACVTAP))
#define IPVLANS	     (T(IPVLAN) | T(IPVTAP))
#define WITH_PORT    (MACVLANS | IPVLANS)
#define LIST	     .list = true, .may_be_empty = true
#define OF_GLOBAL(f) .field = offsetof(struct global_conf, f)
#define OF_PORT(f)   .field = offsetof(struct port_draft, p.f)
#define OF_VNIC(f)   .field = offsetof(struct vnic_draft, v.f)
#define OF_DRAFT(f)  .field = offsetof(struct vnic_draft, f)

/* clang-format off */
static const struct key global_keys[] = {
	{"control",    parse_socket,    OF_GLOBAL(control)},
	{"metrics",    parse_metrics,   OF_GLOBAL(metrics)},
	{"idle",       parse_bool,      OF_GLOBAL(idle_adaptive), .words = words_idle},
	{"mbufs",      parse_u32,       OF_GLOBAL(mbufs), .min = 512, .max = 1 << 24, .zero = "auto"},
	{"mbuf-size",  parse_u32,       OF_GLOBAL(mbuf_size), .min = 512, .max = UINT16_MAX},
	{.name = NULL},
};

static const struct key port_keys[] = {
	{"device",     parse_device,    OF_PORT(device)},
	{"mac",        parse_mac,       OF_PORT(mac), .zero = "auto"},
	{"mtu",        parse_u32,       OF_PORT(mtu), .min = CONF_MIN_MTU, .max = CONF_MAX_MTU},
	{"queues",     parse_u16,       OF_PORT(queues), .min = 1, .max = CONF_MAX_QUEUES, .zero = "auto"},
	{"workers",    parse_lcores,    OF_PORT(workers)},
	{"promisc",    parse_word,      OF_PORT(promisc), .words = words_promisc},
	{"host",       parse_endpoint,  OF_PORT(host)},
	{"host-reach", parse_bool,      OF_PORT(host_reach), .words = words_on_off},
	{"address",    parse_prefixes,  OF_PORT(addresses), LIST},
	{"routes",     parse_routes,    OF_PORT(routes), LIST},
	{"proxy-arp",  parse_bool,      OF_PORT(proxy_arp), .words = words_on_off},
	{"host-routes", parse_bool,     OF_PORT(host_routes), .words = words_on_off},
	{.name = NULL},
};

static const struct key vnic_keys[] = {
	/* The type comes first: other rows depend on it. */
	{"type",       parse_type,      OF_VNIC(type)},
	{"port",       parse_name,      OF_VNIC(port), .types = WITH_PORT},
	{"mode",       parse_mode,      OF_VNIC(mode), .types = WITH_PORT, .by_type = true},
	{"flags",      parse_flags,     OF_VNIC(flags), .types = WITH_PORT, .by_type = true, .may_be_empty = true},
	{"mac",        parse_mac,       OF_VNIC(mac)},
	{"mtu",        parse_u32,       OF_VNIC(mtu), .min = CONF_MIN_MTU, .max = CONF_MAX_MTU},
	{"address",    parse_ranges,    OF_VNIC(addresses), .by_type = true, LIST},
	{"sources",    parse_sources,   OF_VNIC(sources), .types = MACVLANS, LIST},
	{"peer",       parse_name,      OF_VNIC(peer), .types = T(VETH)},
	{"endpoint",   parse_endpoint,  OF_VNIC(endpoint)},
	{"queues",     parse_u16,       OF_VNIC(queues), .min = 1, .max = CONF_MAX_QUEUES},
	{"workers",    parse_lcores,    OF_VNIC(workers)},
	{"state",      parse_bool,      OF_VNIC(up), .words = words_up_down},
	{"spoofcheck", parse_word,      OF_VNIC(spoofcheck), .words = words_spoofcheck},
	{"arp",        parse_word,      OF_VNIC(arp), .types = IPVLANS, .words = words_arp},
	{"mac-policy", parse_word,      OF_VNIC(mac_policy), .types = IPVLANS, .words = words_mac_policy},
	{"learn",      parse_u32,       OF_VNIC(learn), .types = IPVLANS, .max = CONF_MAX_LEARN, .zero = "off"},
	{"dhcp",       parse_bool,      OF_VNIC(dhcp), .types = IPVLANS, .words = words_on_off},
	{"announce",   parse_bool,      OF_VNIC(announce), .types = WITH_PORT, .words = words_on_off},
	{"multicast",  parse_multicast, OF_VNIC(multicast), .types = WITH_PORT, .list = true},
	{"bcqueuelen", parse_u32,       OF_VNIC(bcqueuelen), .types = MACVLANS, .max = UINT32_MAX},
	{"bclim",      parse_i32,       OF_VNIC(bclim), .types = MACVLANS, .min = -1, .max = INT32_MAX},
	{"count",      parse_u32,       OF_DRAFT(count), .min = 1, .max = CONF_MAX_VNICS},
	{.name = NULL},
};
/* clang-format on */

#define NO_ENDPOINT                          \
	{                                    \
		.spec = "none", .target = "" \
	}

static const struct port_conf port_defaults = {
	.device = NO_ENDPOINT,
	.mtu = 1500,
	.workers = {.all = true},
	.host = NO_ENDPOINT,
};

static const struct vnic_conf vnic_defaults = {
	.workers = {.all = true},
	.up = true,
	.bcqueuelen = CONF_DEFAULT_BCQUEUELEN,
	.bclim = 1, /* Linux: macvlan_common_newlink() sets bc_cutoff to 1, drivers/net/macvlan.c */
	.endpoint = NO_ENDPOINT,
};

/* ---- one key ---- */

/* "macvlan, macvtap and veth" */
static const char *types_list(unsigned int types, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned int t = 0; t <= VNIC_VETH && n < len; t++) {
		const char *sep = n == 0 ? "" : (types >> (t + 1)) != 0 ? ", " : " and ";

		if ((types >> t & 1) != 0)
			n += (size_t)snprintf(buf + n, len - n, "%s%s", sep,
					      vnic_type_name((enum vnic_type)t));
	}
	return buf;
}

/* False: the vnic can't have the key, which was reported, or there is no type to judge it by. */
static bool has_key(struct load *ld, const struct vnic_draft *d, const struct key *key,
		    struct entry *e)
{
	char list[64];

	if (d == NULL)
		return true;
	if (!d->has_type)
		return !key->by_type;
	if (key->types == 0 || (key->types >> d->v.type & 1) != 0)
		return true;
	load_bad(ld, e, EINVAL, "is for %s, not for %s", types_list(key->types, list, sizeof(list)),
		 vnic_type_name(d->v.type));
	return false;
}

/* Reads NAME, or NAME.@part from 2 on; false: there is none. */
static bool read_part(struct load *ld, const struct section *s, const struct key *key,
		      unsigned int part, void *object, const struct vnic_draft *d)
{
	struct parse p = {.ld = ld, .key = key, .object = object};
	char name[40];

	if (part == 1)
		snprintf(name, sizeof(name), "%s", key->name);
	else
		snprintf(name, sizeof(name), "%s.%u", key->name, part);
	p.entry = load_entry(ld, s, name);
	if (p.entry == NULL)
		return false;
	p.entry->used = true;
	if (p.entry->value == NULL || !has_key(ld, d, key, p.entry))
		return true;
	if (*p.entry->value == '\0' && !key->may_be_empty)
		load_bad(ld, p.entry, EINVAL, "has no value");
	else
		key->parse(&p, p.entry->value);
	return true;
}

/* ---- keys that no row asked for ---- */

/* "address.3": the row of a list, and its number; NULL: not of that shape. */
static const struct key *find_base(const struct key *keys, const char *name, unsigned long *part)
{
	const char *dot = strchr(name, '.');
	size_t len = dot != NULL ? strlen(dot + 1) : 0;

	if (len < 1 || len > 9 || strspn(dot + 1, "0123456789") != len || dot[1] == '0')
		return NULL;
	*part = strtoul(dot + 1, NULL, 10);
	for (; keys->name != NULL; keys++)
		if (strlen(keys->name) == (size_t)(dot - name) &&
		    strncmp(keys->name, name, (size_t)(dot - name)) == 0)
			return keys;
	return NULL;
}

static void report_unknown(struct load *ld, struct entry *e, const struct key *keys)
{
	unsigned long part;
	const struct key *base = find_base(keys, e->key, &part);
	char list[256] = "";
	size_t n = 0;

	if (base != NULL && !base->list) {
		load_bad(ld, e, EINVAL, "only lists go on in parts, and %s is none", base->name);
	} else if (base != NULL && part == 1) {
		load_bad(ld, e, EINVAL, "the first part is '%s', the second '%s.2'", base->name,
			 base->name);
	} else if (base != NULL && part == 2) {
		load_bad(ld, e, EINVAL, "there is no '%s' that it could go on", base->name);
	} else if (base != NULL) {
		load_bad(ld, e, EINVAL, "the parts have a gap: there is no '%s.%lu'", base->name,
			 part - 1);
	} else {
		for (const struct key *k = keys; k->name != NULL && n < sizeof(list); k++)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
					      k == keys ? "" : ", ", k->name);
		load_bad(ld, e, EINVAL, "is not a key of this section (%s)", list);
	}
}

/* ---- sections ---- */

static void read_section(struct load *ld, const struct section *s, const struct key *keys,
			 void *object, const struct vnic_draft *d)
{
	for (const struct key *k = keys; k->name != NULL; k++)
		for (unsigned int part = 1; read_part(ld, s, k, part, object, d); part++)
			if (!k->list)
				break;
	for (uint32_t i = s->first_entry; i < s->first_entry + s->n_entries; i++)
		if (!ld->entries[i].used && !load_is_full(ld))
			report_unknown(ld, &ld->entries[i], keys);
}

static void read_port(struct load *ld, const struct section *s)
{
	struct port_draft *d;

	ld->ports = arena_grow(ld->scratch, ld->ports, ld->n_ports, sizeof(*d));
	d = &ld->ports[ld->n_ports];
	*d = (struct port_draft){.p = port_defaults, .section = s};
	d->p.name = arena_strndup(ld->c->arena, s->name, strlen(s->name));
	d->p.line = s->line;
	read_section(ld, s, port_keys, d, NULL);
	if (s->repeated)
		return; /* its keys are checked by themselves, but it makes nothing */
	check_port(ld, d);
	ld->n_ports++;
}

static void read_vnic(struct load *ld, const struct section *s)
{
	struct vnic_draft *d;

	ld->vnics = arena_grow(ld->scratch, ld->vnics, ld->n_vnics, sizeof(*d));
	d = &ld->vnics[ld->n_vnics];
	*d = (struct vnic_draft){.v = vnic_defaults, .section = s, .count = 1};
	d->v.name = arena_strndup(ld->c->arena, s->name, strlen(s->name));
	d->v.line = s->line;
	read_section(ld, s, vnic_keys, d, d);
	if (s->repeated)
		return;
	check_vnic(ld, d);
	ld->n_vnics++;
}

void grammar_read(struct load *ld)
{
	for (uint32_t i = 0; i < ld->n_sections && !load_is_full(ld); i++) {
		const struct section *s = &ld->sections[i];

		switch (s->kind) {
		case SECTION_GLOBAL:
			read_section(ld, s, global_keys, &ld->c->global, NULL);
			break;
		case SECTION_PORT:
			read_port(ld, s);
			break;
		case SECTION_VNIC:
			read_vnic(ld, s);
			break;
		case SECTION_BAD:
			break;
		}
	}
}
