/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_byteorder.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include "fwd/routes.h"

/* In a tree a route is a number: an enum route, or VIA and a gateway's place in the list. */
#define VIA 16u

struct routes {
	uint32_t refs;
	struct rte_rib *v4; /* NULL: no route of that family */
	struct rte_rib6 *v6;
	struct ip_addr *gateways; /* the list's, by its indexes */
};

static uint32_t ip4_value(const struct ip_addr *a)
{
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

/*
 * DPDK 24.11 has a struct for what were 16 bytes before; a void pointer is either. Who exists
 * already stays: 0.
 */
static int insert(struct routes *r, const struct ip_prefix *p, uint64_t value)
{
	if (p->addr.family == 4) {
		struct rte_rib_node *node = rte_rib_insert(r->v4, ip4_value(&p->addr), p->len);

		if (node != NULL)
			return rte_rib_set_nh(node, value);
	} else {
		const void *bytes = p->addr.b;
		struct rte_rib6_node *node = rte_rib6_insert(r->v6, bytes, p->len);

		if (node != NULL)
			return rte_rib6_set_nh(node, value);
	}
	return rte_errno == EEXIST ? 0 : -rte_errno;
}

static int insert_own(struct routes *r, const struct ip_prefix *own, bool linked)
{
	struct ip_prefix p = *own;
	int rc;

	p.len = own->addr.family == 4 ? 32 : 128;
	rc = insert(r, &p, ROUTE_LOCAL);
	if (rc == 0 && own->addr.family == 4 && own->len < 31) {
		uint32_t host_bits = UINT32_MAX >> own->len,
			 last = ip4_value(&own->addr) | host_bits;

		for (int i = 0; i < 4; i++)
			p.addr.b[i] = (uint8_t)(last >> (24 - 8 * i));
		rc = insert(r, &p, ROUTE_BROADCAST);
	}
	return rc != 0 || !linked ? rc : insert(r, own, ROUTE_ON_LINK);
}

static int insert_all(struct routes *r, const struct ip_route *routes, size_t n,
		      const struct ip_prefix *own, size_t n_own, size_t n_linked)
{
	const struct ip_prefix link_local = {{.family = 6, .b = {0xfe, 0x80}}, 64};
	int rc = 0;

	for (size_t i = 0; i < n_own && rc == 0; i++)
		rc = insert_own(r, &own[i], i < n_linked);
	for (size_t i = 0; i < n && rc == 0; i++) {
		r->gateways[i] = routes[i].via;
		rc = insert(r, &routes[i].dst,
			    routes[i].via.family == 0 ? (uint64_t)ROUTE_ON_LINK : VIA + i);
	}
	return rc == 0 && r->v6 != NULL ? insert(r, &link_local, ROUTE_ON_LINK) : rc;
}

/* A tree for each family that is in use. A route takes two nodes at most, one of own up to three routes. */
static int create_trees(struct routes *r, int n4, int n6, int socket)
{
	static unsigned int number;
	const struct rte_rib_conf conf4 = {.max_nodes = 2 * n4};
	const struct rte_rib6_conf conf6 = {.max_nodes = 2 * (n6 + 1)};
	char name[24]; /* of a mempool, too: not the same for both */

	snprintf(name, sizeof(name), "vnic4_%u", number);
	if (n4 != 0)
		r->v4 = rte_rib_create(name, socket, &conf4);
	snprintf(name, sizeof(name), "vnic6_%u", number++);
	if (n6 != 0)
		r->v6 = rte_rib6_create(name, socket, &conf6);
	return (n4 != 0 && r->v4 == NULL) || (n6 != 0 && r->v6 == NULL) ? -ENOMEM : 0;
}

struct routes *routes_create(const struct ip_route *routes, size_t n, const struct ip_prefix *own,
			     size_t n_own, size_t n_linked, int socket, struct err *err)
{
	struct routes *r = calloc(1, sizeof(*r));
	int n_of[2] = {0}, rc = -ENOMEM;

	for (size_t i = 0; i < n_own; i++)
		n_of[own[i].addr.family == 6] += 3;
	for (size_t i = 0; i < n; i++)
		n_of[routes[i].dst.addr.family == 6]++;
	if (r != NULL)
		r->refs = 1;
	if (r != NULL)
		r->gateways = calloc(n + 1, sizeof(*r->gateways));
	if (r != NULL && r->gateways != NULL) {
		rc = create_trees(r, n_of[0], n_of[1], socket);
		if (rc == 0)
			rc = insert_all(r, routes, n, own, n_own, n_linked);
	}
	if (rc == 0)
		return r;
	err_set(err, -rc, "no table for %zu routes and %zu addresses: %s", n, n_own, strerror(-rc));
	routes_put(r);
	return NULL;
}

struct routes *routes_get(struct routes *r)
{
	if (r != NULL)
		r->refs++;
	return r;
}

void routes_put(struct routes *r)
{
	if (r == NULL || --r->refs > 0)
		return;
	rte_rib_free(r->v4);
	rte_rib6_free(r->v6);
	free(r->gateways);
	free(r);
}

/* @value as it was inserted; @dst is copied only where it is the next hop. */
static enum route answer(const struct routes *r, uint64_t value, const struct ip_addr *dst,
			 struct ip_addr *via)
{
	if (value >= VIA) {
		*via = r->gateways[value - VIA];
		return ROUTE_VIA;
	}
	if (value == ROUTE_ON_LINK)
		*via = *dst;
	return (enum route)value;
}

enum route routes_lookup4(const struct routes *r, uint32_t dst, struct ip_addr *via)
{
	const struct ip_addr a = {.family = 4,
				  .b = {(uint8_t)(dst >> 24), (uint8_t)(dst >> 16),
					(uint8_t)(dst >> 8), (uint8_t)dst}};
	struct rte_rib_node *node = r->v4 != NULL ? rte_rib_lookup(r->v4, dst) : NULL;
	uint64_t value;

	if (node == NULL || rte_rib_get_nh(node, &value) != 0)
		return ROUTE_NONE;
	return answer(r, value, &a, via);
}

enum route routes_lookup6(const struct routes *r, const uint8_t *dst, struct ip_addr *via)
{
	struct ip_addr a = {.family = 6};
	const void *bytes = a.b;
	struct rte_rib6_node *node;
	uint64_t value;

	memcpy(a.b, dst, 16);
	node = r->v6 != NULL ? rte_rib6_lookup(r->v6, bytes) : NULL;
	if (node == NULL || rte_rib6_get_nh(node, &value) != 0)
		return ROUTE_NONE;
	return answer(r, value, &a, via);
}

enum route routes_lookup(const struct routes *r, const struct ip_key *dst, bool v6,
			 struct ip_key *next)
{
	struct ip_addr via;
	enum route type = v6 ? routes_lookup6(r, (const uint8_t *)dst, &via)
			     : routes_lookup4(r, rte_be_to_cpu_32((rte_be32_t)dst->w[0]), &via);

	if (type == ROUTE_VIA)
		*next = v6 ? ip_key6(via.b) : ip_key4(via.b);
	else if (type == ROUTE_ON_LINK)
		*next = *dst;
	return type;
}
