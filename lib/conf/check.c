/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds inside one section: keys that need or exclude each other, and defaults. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"
#include "conf/spec.h"

static bool is_given(const struct load *ld, const struct section *s, const char *key)
{
	return load_entry(ld, s, key) != NULL;
}

static void need(struct load *ld, const struct section *s, const char *key, const char *hint)
{
	if (!is_given(ld, s, key))
		load_error(ld, s->line, EINVAL, s, key, "is missing (%s)", hint);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;
	int rc = ip_addr_cmp(&x->first, &y->first);

	if (rc == 0)
		rc = ip_addr_cmp(&x->last, &y->last);
	return rc != 0 ? rc : x->len - y->len;
}

/* Each that is in @list more than once, as the kernel refuses the second. @list is sorted by that. */
static void check_twice(struct load *ld, const struct section *s, const char *key,
			struct ip_range *list, size_t n)
{
	char text[IP_STR_LEN];

	qsort(list, n, sizeof(*list), compare_ranges);
	for (size_t i = 1; i < n; i++) {
		bool told = i > 1 && compare_ranges(&list[i - 2], &list[i]) == 0;

		if (compare_ranges(&list[i - 1], &list[i]) == 0 && !told)
			load_bad_key(ld, s, key, EEXIST, "%s/%u is there twice (EEXIST)",
				     ip_addr_format(&list[i].first, text), list[i].len);
	}
}

/* ---- ports ---- */

/* Which way would a frame to a destination go that has two routes? */
static void check_port_lists(struct load *ld, const struct port_draft *d)
{
	size_t n = d->p.n_addresses > d->p.n_routes ? d->p.n_addresses : d->p.n_routes;
	struct ip_range *list = arena_alloc(ld->scratch, (n + 1) * sizeof(*list));

	for (size_t i = 0; i < d->p.n_addresses; i++) {
		const struct ip_prefix *p = &d->p.addresses[i];

		list[i] = (struct ip_range){p->addr, p->addr, p->len};
	}
	check_twice(ld, d->section, "address", list, d->p.n_addresses);
	for (size_t i = 0; i < d->p.n_routes; i++) {
		const struct ip_prefix *p = &d->p.routes[i].dst;

		list[i] = (struct ip_range){p->addr, p->addr, p->len};
	}
	check_twice(ld, d->section, "routes", list, d->p.n_routes);
}

static void check_unnumbered(struct load *ld, const struct section *s, const char *key,
			     const struct endpoint_conf *ec)
{
	if (spec_is_numbered(ec))
		load_bad_key(ld, s, key, EINVAL, "%%d is for vnics with a count");
}

void check_port(struct load *ld, struct port_draft *d)
{
	const struct section *s = d->section;

	need(ld, s, "device", "a PCI address, a DPDK device, or an endpoint as tap:IFNAME");
	check_unnumbered(ld, s, "device", &d->p.device);
	check_unnumbered(ld, s, "host", &d->p.host);
	check_port_lists(ld, d);
	d->p.has_host = d->p.host.type != ENDPOINT_NONE;
	if (d->p.device.queues != 0 && d->p.queues != 0 && d->p.queues != d->p.device.queues)
		load_bad_key(ld, s, "queues", EINVAL, "is %u, but the device says queues=%u",
			     d->p.queues, d->p.device.queues);
	if (d->p.queues == 0)
		d->p.queues = d->p.device.queues;
	/* `host-reach` without a host is pointless but harmless: somebody may be switching it off. */
}

/* ---- vnics ---- */

static bool is_ipvlan(const struct vnic_draft *d)
{
	return vnic_is_ipvlan(d->v.type);
}

static void check_mode(struct load *ld, struct vnic_draft *d)
{
	const struct section *s = d->section;

	if (d->v.type != VNIC_VETH && d->v.mode == MODE_NONE && !load_entry_is_bad(ld, s, "mode"))
		d->v.mode = is_ipvlan(d) ? MODE_L3 : MODE_VEPA;
	if (d->v.mode == MODE_NONE)
		return;
	if ((d->v.flags & VNIC_F_NOPROMISC) != 0 && d->v.mode != MODE_PASSTHRU)
		load_bad_key(ld, s, "flags", EINVAL, "nopromisc is for mode passthru");
	if ((d->v.flags & VNIC_F_NODST) != 0 && d->v.mode != MODE_SOURCE)
		load_bad_key(ld, s, "flags", EINVAL, "nodst is for mode source");
	if (d->v.n_sources != 0 && d->v.mode != MODE_SOURCE)
		load_bad_key(ld, s, "sources", EINVAL, "is for mode source, not %s",
			     vnic_mode_name(d->v.mode));
	if (__builtin_popcount(d->v.flags & (VNIC_F_BRIDGE | VNIC_F_PRIVATE | VNIC_F_VEPA)) > 1)
		load_bad_key(ld, s, "flags", EINVAL, "bridge, private and vepa exclude each other");
}

/* The kernel ignores a MAC where there can be none (MV-520); here its author is told. */
static void check_mac(struct load *ld, struct vnic_draft *d)
{
	const struct section *s = d->section;

	d->v.mac_given = is_given(ld, s, "mac");
	if (!d->v.mac_given || load_entry_is_bad(ld, s, "mac"))
		return;
	if (is_ipvlan(d))
		load_bad_key(ld, s, "mac", EOPNOTSUPP,
			     "an %s vnic has its port's MAC address (EOPNOTSUPP)",
			     vnic_type_name(d->v.type));
	else if (d->v.mode == MODE_PASSTHRU)
		load_bad_key(ld, s, "mac", EINVAL,
			     "a passthru vnic has its port's MAC address: set mac in [port …]");
}

/* Where a port tells its vnics apart by address, kinds_check() says more than this. */
static void check_addresses(struct load *ld, const struct vnic_draft *d)
{
	struct ip_range *list;

	if (is_ipvlan(d) || d->v.spoofcheck == SPOOFCHECK_IP || d->v.n_addresses < 2)
		return;
	list = arena_alloc(ld->scratch, d->v.n_addresses * sizeof(*list));
	memcpy(list, d->v.addresses, d->v.n_addresses * sizeof(*list));
	check_twice(ld, d->section, "address", list, d->v.n_addresses);
}

static void check_queues(struct load *ld, struct vnic_draft *d)
{
	uint16_t own = d->v.queues, endpoint = d->v.endpoint.queues;

	if (own != 0 && endpoint != 0 && own != endpoint)
		load_bad_key(ld, d->section, "queues", EINVAL,
			     "is %u, but the endpoint says queues=%u", own, endpoint);
	if (own == 0)
		d->v.queues = endpoint != 0 ? endpoint : 1;
}

static void check_count(struct load *ld, struct vnic_draft *d)
{
	const struct section *s = d->section;
	bool numbered = spec_is_numbered(&d->v.endpoint);

	if (load_entry_is_bad(ld, s, "count") || load_entry_is_bad(ld, s, "endpoint"))
		return;
	if (numbered && !is_given(ld, s, "count"))
		load_bad_key(ld, s, "endpoint", EINVAL, "%%d needs a count");
	if (!numbered && d->count > 1 && d->v.endpoint.type != ENDPOINT_NONE)
		load_bad_key(ld, s, "endpoint", EINVAL,
			     "count = %u makes as many vnics, which can't share '%.60s': put %%d "
			     "into it",
			     d->count, d->v.endpoint.spec);
}

void check_vnic(struct load *ld, struct vnic_draft *d)
{
	const struct section *s = d->section;
	char list[64];

	need(ld, s, "type", words_list(words_vnic_type, list, sizeof(list)));
	if (d->has_type && d->v.type == VNIC_VETH)
		need(ld, s, "peer", "the veth at the other end");
	else if (d->has_type)
		need(ld, s, "port", "the name of a [port …]");
	if (d->has_type) {
		check_mode(ld, d);
		check_mac(ld, d);
	}
	if (d->has_type && d->v.type == VNIC_VETH && d->v.spoofcheck == SPOOFCHECK_IP)
		load_bad_key(ld, s, "spoofcheck", EINVAL,
			     "a veth has no addresses to compare with (off, mac)");
	check_addresses(ld, d);
	check_queues(ld, d);
	check_count(ld, d);
	/* The list is this draft's own, grown in the arena and not handed out yet. */
	d->v.n_sources =
		parse_dedup_macs(ld->scratch, (uint64_t *)(uintptr_t)d->v.sources, d->v.n_sources);
	d->v.n_groups =
		parse_dedup_macs(ld->scratch, (uint64_t *)(uintptr_t)d->v.groups, d->v.n_groups);
}
