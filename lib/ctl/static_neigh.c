/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "ctl/l3.h"
#include "ctl/mail.h"
#include "ctl/static_neigh.h"

static struct static_neigh *find(const struct port_rt *p, const struct ip_addr *ip)
{
	for (size_t i = 0; i < p->n_neighs; i++)
		if (ip_addr_cmp(&p->neighs[i].ip, ip) == 0)
			return &p->neighs[i];
	return NULL;
}

int static_neigh_add(struct port_rt *p, const struct ip_addr *ip, uint64_t mac, struct err *err)
{
	struct neigh_table *t = l3_neighbours(p);
	struct static_neigh *list;
	char text[IP_STR_LEN];

	if (find(p, ip) != NULL)
		return err_set(err, EEXIST, "port %s has neighbour %s already (EEXIST)",
			       p->conf->name, ip_addr_format(ip, text));
	if (p->n_neighs == STATIC_NEIGH_MAX)
		return err_set(err, ENOSPC, "port %s has %u neighbours already (ENOSPC)",
			       p->conf->name, STATIC_NEIGH_MAX);
	list = reallocarray(p->neighs, p->n_neighs + 1, sizeof(*list));
	if (list == NULL)
		return err_set(err, ENOMEM, "no memory for a neighbour");
	p->neighs = list;
	if (t != NULL && neigh_add_static(t, ip, mac, mail_now()) != 0)
		return err_set(err, ENOSPC, "port %s: all neighbours are in use (ENOSPC)",
			       p->conf->name);
	list[p->n_neighs++] = (struct static_neigh){*ip, mac};
	return 0;
}

int static_neigh_del(struct port_rt *p, const struct ip_addr *ip)
{
	struct static_neigh *x = find(p, ip);

	if (x == NULL)
		return -ENOENT;
	*x = p->neighs[--p->n_neighs];
	return 0;
}

void static_neigh_fill(const struct port_rt *p, struct neigh_table *t, uint64_t now)
{
	for (size_t i = 0; i < p->n_neighs; i++)
		neigh_add_static(t, &p->neighs[i].ip, p->neighs[i].mac, now);
}

void static_neigh_free(struct port_rt *p)
{
	free(p->neighs);
	p->neighs = NULL;
	p->n_neighs = 0;
}
