/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include "fwd/routes.h"

struct routes {
	struct rte_rib *v4; /* NULL: no route of the family */
	struct rte_rib6 *v6;
	uint32_t refs;
	struct target {
		enum route_type type;
		struct ip_key via;
	} targets[]; /* what the trees' next hops are indexes into */
};

static uint32_t key4_to_cpu(const struct ip_key *k)
{
	return rte_be_to_cpu_32((uint32_t)k->w[0]);
}

static int create_v4(struct routes *r, size_t n, int socket)
{
	static unsigned int number;
	char name[32];
	struct rte_rib_conf c = {.max_nodes = (int)(2 * n + 2)};

	snprintf(name, sizeof(name), "vnic_rib_%u", number++);
	r->v4 = rte_rib_create(name, socket, &c);
	return r->v4 != NULL ? 0 : -ENOMEM;
}

static int create_v6(struct routes *r, size_t n, int socket)
{
	static unsigned int number;
	char name[32];
	struct rte_rib6_conf c = {.max_nodes = (int)(2 * n + 2)};

	snprintf(name, sizeof(name), "vnic_rib6_%u", number++);
	r->v6 = rte_rib6_create(name, socket, &c);
	return r->v6 != NULL ? 0 : -ENOMEM;
}

static int insert4(struct routes *r, const struct ip_prefix *p, uint64_t target)
{
	struct ip_key k = ip_key4(p->addr.b);
	struct rte_rib_node *node = rte_rib_insert(r->v4, key4_to_cpu(&k), p->len);

	if (node == NULL)
		return rte_errno == EEXIST ? 0 : -rte_errno;
	return rte_rib_set_nh(node, target);
}

/* Addresses have a type of their own from DPDK 24.11 on; both take a pointer to void. */
static int insert6(struct routes *r, const struct ip_prefix *p, uint64_t target)
{
	struct rte_rib6_node *node = rte_rib6_insert(r->v6, (const void *)p->addr.b, p->len);

	if (node == NULL)
		return rte_errno == EEXIST ? 0 : -rte_errno;
	return rte_rib6_set_nh(node, target);
}

static int fill(struct routes *r, const struct route_in *list, size_t n, int socket)
{
	size_t n6 = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		n6 += list[i].dst.addr.family == 6;
	if (n6 < n)
		rc = create_v4(r, n - n6, socket);
	if (n6 > 0 && rc == 0)
		rc = create_v6(r, n6, socket);
	for (size_t i = 0; i < n && rc == 0; i++) {
		r->targets[i].type = list[i].type;
		if (list[i].type == ROUTE_VIA)
			r->targets[i].via = list[i].via.family == 6 ? ip_key6(list[i].via.b)
								    : ip_key4(list[i].via.b);
		rc = list[i].dst.addr.family == 6 ? insert6(r, &list[i].dst, i)
						  : insert4(r, &list[i].dst, i);
	}
	return rc;
}

struct routes *routes_create(const struct route_in *list, size_t n, int socket, struct err *err)
{
	struct routes *r = calloc(1, sizeof(*r) + n * sizeof(r->targets[0]));
	int rc = -ENOMEM;

	if (r != NULL) {
		r->refs = 1;
		rc = fill(r, list, n, socket);
	}
	if (rc != 0) {
		err_set(err, -rc, "no table of %zu routes: %s", n, rte_strerror(-rc));
		routes_put(r);
		return NULL;
	}
	return r;
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
	free(r);
}

static bool find4(const struct routes *r, const struct ip_key *dst, uint64_t *target)
{
	struct rte_rib_node *node = r->v4 != NULL ? rte_rib_lookup(r->v4, key4_to_cpu(dst)) : NULL;

	return node != NULL && rte_rib_get_nh(node, target) == 0;
}

static bool find6(const struct routes *r, const struct ip_key *dst, uint64_t *target)
{
	struct rte_rib6_node *node =
		r->v6 != NULL ? rte_rib6_lookup(r->v6, (const void *)dst) : NULL;

	return node != NULL && rte_rib6_get_nh(node, target) == 0;
}

enum route_type routes_lookup(const struct routes *r, const struct ip_key *dst, bool v6,
			      struct ip_key *next)
{
	const struct target *t;
	uint64_t i = 0;

	if (!(v6 ? find6(r, dst, &i) : find4(r, dst, &i)))
		return ROUTE_NONE;
	t = &r->targets[i];
	*next = t->type == ROUTE_VIA ? t->via : *dst;
	return t->type;
}
