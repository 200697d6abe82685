/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port's permanent neighbours, by the operator's hand: `neigh add`. The list is the
 * port's own, so it outlives reloads that keep the port, and its ipvlan vnics' going and coming:
 * l3.c copies it into each table of neighbours that it makes. No vnic.ini has them. Main.
 */
#ifndef CTL_STATIC_NEIGH_H
#define CTL_STATIC_NEIGH_H

#include "ctl/neigh.h"
#include "ctl/runtime.h"

/** So many on one port: the other half of the table is for those that are asked for. */
#define STATIC_NEIGH_MAX (NEIGH_DEFAULT_MAX / 2)

struct static_neigh {
	struct ip_addr ip;
	uint64_t mac;
};

/**
 * Gives @p ip on port @p p the MAC address @p mac for good.
 * @return 0, -EEXIST, -ENOSPC or -ENOMEM with @p err, and nothing changed
 */
int static_neigh_add(struct port_rt *p, const struct ip_addr *ip, uint64_t mac, struct err *err);

/** @return 0 or -ENOENT: it is none of these */
int static_neigh_del(struct port_rt *p, const struct ip_addr *ip);

/** Copies them into @p t, which is new. */
void static_neigh_fill(const struct port_rt *p, struct neigh_table *t, uint64_t now);

void static_neigh_free(struct port_rt *p);

#endif /* CTL_STATIC_NEIGH_H */
