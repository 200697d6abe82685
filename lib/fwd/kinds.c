/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of kinds, and what the kernel refuses of vnics in combination. Errors
 * carry the errno that `ip link` would have shown (docs/semantics.md, §11 and §12).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fwd/kind.h"

const struct kind *kind_of(enum vnic_type type)
{
	switch (type) {
	case VNIC_MACVLAN:
	case VNIC_MACVTAP:
		return &macvlan_kind;
	case VNIC_IPVLAN:
	case VNIC_IPVTAP:
		return &ipvlan_kind;
	case VNIC_VETH:
		return &veth_kind;
	default:
		return NULL;
	}
}

static void none_from_wire(const struct fwd_port *port, struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		verdict_pass(&b->v[i], port, &b->p[i]);
}

static void none_from_host(const struct fwd_port *port, struct burst *b)
{
	if (!port->carrier) {
		burst_drop(b, DROP_NO_CARRIER);
		return;
	}
	for (uint16_t i = 0; i < b->n; i++)
		verdict_wire(&b->v[i]);
}

const struct kind none_kind = {
	.name = "none",
	.from_wire = none_from_wire,
	.from_host = none_from_host,
};

/* vnics of one port and MAC next to each other, in the order of the file. */
static int compare_macs(const void *a, const void *b)
{
	const struct vnic_conf *x = *(const struct vnic_conf *const *)a;
	const struct vnic_conf *y = *(const struct vnic_conf *const *)b;
	int port = strcmp(x->port, y->port);

	if (port != 0)
		return port;
	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->line != y->line ? (x->line < y->line ? -1 : 1) : (x < y ? -1 : x > y);
}

static bool is_macvlan(const struct vnic_conf *v)
{
	return v->type == VNIC_MACVLAN || v->type == VNIC_MACVTAP;
}

static void complain(struct errors *es, const struct vnic_conf *v, int code, const char *key,
		     const char *text)
{
	char section[80];

	if (es->n > CONF_MAX_ERRORS)
		return; /* nobody is told so many */
	snprintf(section, sizeof(section), "vnic %s", v->name);
	errors_add(es, v->line, code, section, key, "%s (%s)", text, err_name(code));
}

/* A vnic without a port was reported, and is looked at all the same. An address that is taken lets the vnic exist, but not come up (macvlan_open()). */
static void check_macs(const struct conf *c, struct errors *es)
{
	const struct vnic_conf **list = calloc(c->n_vnics + 1, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return;
	for (size_t i = 0; i < c->n_vnics; i++)
		if (is_macvlan(&c->vnics[i]) && c->vnics[i].port != NULL && c->vnics[i].up &&
		    c->vnics[i].mode != MODE_PASSTHRU)
			list[n++] = &c->vnics[i];
	qsort(list, n, sizeof(*list), compare_macs);
	for (size_t i = 0; i < n; i++) {
		const struct port_conf *port = conf_port(c, list[i]->port);
		char mac[MAC_STR_LEN], text[160];

		mac_format(list[i]->mac, mac);
		if (port != NULL && port->mac != 0 && port->mac == list[i]->mac) {
			snprintf(text, sizeof(text), "%s is the MAC address of port %s", mac,
				 port->name);
			complain(es, list[i], EADDRINUSE, "mac", text);
		} else if (i > 0 && list[i]->mac == list[i - 1]->mac &&
			   strcmp(list[i]->port, list[i - 1]->port) == 0) {
			char line[24] = "";

			if (list[i - 1]->line > 0)
				snprintf(line, sizeof(line), ", line %d", list[i - 1]->line);
			snprintf(text, sizeof(text), "%s is the MAC address of vnic %s%s", mac,
				 list[i - 1]->name, line);
			complain(es, list[i], EADDRINUSE, "mac", text);
		}
	}
	free(list);
}

/*
 * Mode and flag are the port's (struct ipvl_port). The kernel lets the last vnic that is made
 * change them for all; here who wants another mode says so, by `link set` (docs/ipvlan.md, §12).
 */
static void check_ipvlan(const struct port_conf *p, const struct vnic_conf *first,
			 const struct vnic_conf *v, struct errors *es)
{
	const uint32_t flags = VNIC_F_PRIVATE | VNIC_F_VEPA;
	char text[200];

	if (v->mode != first->mode) {
		snprintf(text, sizeof(text),
			 "port %s is in mode %s (vnic %s); all its ipvlan vnics have one mode",
			 p->name, vnic_mode_name(first->mode), first->name);
		complain(es, v, EINVAL, "mode", text);
	}
	if ((v->flags & flags) != (first->flags & flags)) {
		snprintf(text, sizeof(text),
			 "port %s has the flag %s (vnic %s); all its ipvlan vnics have one",
			 p->name, ipvlan_flag_name(first->flags), first->name);
		complain(es, v, EINVAL, "flags", text);
	}
}

/* One passthru vnic fills its port, members down included (macvlan_common_newlink()). */
static void check_ports(const struct conf *c, struct errors *es)
{
	for (size_t p = 0; p < c->n_ports; p++) {
		const struct vnic_conf *first = NULL, *passthru = NULL;
		char text[160];

		for (size_t i = 0; i < c->n_vnics; i++) {
			const struct vnic_conf *v = &c->vnics[i];

			if (v->port == NULL || strcmp(v->port, c->ports[p].name) != 0)
				continue;
			if (first != NULL && kind_of(first->type) != kind_of(v->type)) {
				snprintf(text, sizeof(text),
					 "port %s carries %s vnics; one port has one kind",
					 c->ports[p].name, vnic_type_name(first->type));
				complain(es, v, EBUSY, "port", text);
			} else if (first != NULL && vnic_is_ipvlan(v->type)) {
				check_ipvlan(&c->ports[p], first, v, es);
			} else if (first != NULL &&
				   (passthru != NULL || v->mode == MODE_PASSTHRU)) {
				snprintf(text, sizeof(text),
					 "a passthru vnic must be alone on its port, and %s has "
					 "vnic %s already",
					 c->ports[p].name, first->name);
				complain(es, v, EINVAL, "mode", text);
			}
			if (first == NULL)
				first = v;
			if (v->mode == MODE_PASSTHRU)
				passthru = v;
		}
	}
}

/* ---- IP addresses ---- */

/** Addresses of one port in all: the table of a million takes a second to build. */
#define MAX_PORT_ADDRESSES (1u << 20)

/** One range that a vnic claims. */
struct claim {
	const struct vnic_conf *v;
	const struct ip_range *r;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int rc = strcmp(x->v->port, y->v->port);

	if (rc == 0)
		rc = ip_addr_cmp(&x->r->first, &y->r->first);
	if (rc == 0)
		rc = x->v->line - y->v->line;
	return rc != 0 ? rc : (x->r < y->r ? -1 : x->r > y->r);
}

/* Only these are told apart by address. */
static bool is_by_address(const struct vnic_conf *v)
{
	return v->port != NULL && (vnic_is_ipvlan(v->type) || v->spoofcheck == SPOOFCHECK_IP);
}

static struct claim *gather_claims(const struct conf *c, size_t *n)
{
	struct claim *list;
	size_t room = 0;

	for (size_t i = 0; i < c->n_vnics; i++)
		room += c->vnics[i].n_addresses;
	*n = 0;
	list = calloc(room + 1, sizeof(*list));
	for (size_t i = 0; list != NULL && i < c->n_vnics; i++) {
		const struct vnic_conf *v = &c->vnics[i];

		for (size_t k = 0; k < v->n_addresses && is_by_address(v); k++)
			list[(*n)++] = (struct claim){v, &v->addresses[k]};
	}
	return list;
}

static void complain_claim(struct errors *es, const struct claim *has, const struct claim *wants)
{
	char first[IP_STR_LEN], line[24] = "", text[200];

	ip_addr_format(&wants->r->first, first);
	if (has->v->line > 0)
		snprintf(line, sizeof(line), ", line %d", has->v->line);
	if (has->v == wants->v)
		snprintf(text, sizeof(text), "%s is there twice", first);
	else
		snprintf(text, sizeof(text), "%s is an address of vnic %s%s", first, has->v->name,
			 line);
	complain(es, wants->v, EADDRINUSE, "address", text);
}

/* One address, one vnic of the port, up or down; the prefix length doesn't matter (ipvlan_addr_busy()). */
static void check_addresses(const struct conf *c, struct errors *es)
{
	const struct claim *reach = NULL; /* of those before, whose range goes furthest */
	uint64_t total = 0;
	size_t n;
	struct claim *list = gather_claims(c, &n);

	if (list == NULL)
		return;
	qsort(list, n, sizeof(*list), compare_claims);
	for (size_t i = 0; i < n; i++) {
		const struct claim *x = &list[i];
		bool same_port = reach != NULL && strcmp(reach->v->port, x->v->port) == 0;

		total = same_port ? total + ip_range_count(x->r) : ip_range_count(x->r);
		if (total > MAX_PORT_ADDRESSES &&
		    total - ip_range_count(x->r) <= MAX_PORT_ADDRESSES)
			complain(es, x->v, ENOSPC, "address",
				 "more than 1,048,576 addresses on one port");
		if (same_port && reach->r->first.family == x->r->first.family &&
		    ip_addr_cmp(&x->r->first, &reach->r->last) <= 0)
			complain_claim(es, reach, x);
		if (!same_port || ip_addr_cmp(&x->r->last, &reach->r->last) > 0)
			reach = x;
	}
	free(list);
}

void kinds_check(const struct conf *c, struct errors *es)
{
	check_ports(c, es);
	check_macs(c, es);
	check_addresses(c, es);
	errors_sort(es);
}
