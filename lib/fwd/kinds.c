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

	snprintf(section, sizeof(section), "vnic %s", v->name);
	errors_add(es, v->line, code, section, key, "%s (%s)", text, err_name(code));
}

/* An address that is taken lets the vnic exist, but not come up (macvlan_open()). */
static void check_macs(const struct conf *c, struct errors *es)
{
	const struct vnic_conf **list = calloc(c->n_vnics + 1, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return;
	for (size_t i = 0; i < c->n_vnics; i++)
		if (is_macvlan(&c->vnics[i]) && c->vnics[i].up && c->vnics[i].mode != MODE_PASSTHRU)
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

void kinds_check(const struct conf *c, struct errors *es)
{
	check_ports(c, es);
	check_macs(c, es);
	errors_sort(es);
}
