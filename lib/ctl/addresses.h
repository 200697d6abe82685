/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose is which IP address on a port: what vnics are configured with, what their owners'
 * netdevs have, and what they were learnt to have become the table that workers look
 * frames up in. An address has one owner; who had it first keeps it (docs/ipvlan.md, §2).
 * Main.
 */
#ifndef CTL_ADDRESSES_H
#define CTL_ADDRESSES_H

#include "ctl/runtime.h"

/** Brings every port's table up to date; one in which nothing changed stays as it is. */
void addresses_update(struct runtime *rt);

/** The addresses that @p v has now: how many, and the I-th. */
size_t addresses_count(const struct vnic_rt *v);
struct ip_range addresses_get(const struct vnic_rt *v, size_t i);

/**
 * Who beside @p v on its port has an address of @p r on his netdev, be that up or down, and @p which;
 * NULL: nobody has. What is configured is kinds_check()'s, and what was learnt gives way.
 */
const struct vnic_rt *addresses_find(const struct runtime *rt, const struct vnic_rt *v,
				     const struct ip_range *r, struct ip_addr *which);

/** Lets go of what a port or vnic holds here. */
void addresses_free_port(struct port_rt *p);
void addresses_free_vnic(struct vnic_rt *v);

/**
 * Vnic @p v was seen to send from @p ip: it has it from now on, if neither another vnic nor
 * the port or a known neighbour has, and its `learn` allows; the longest unseen one makes room.
 * @return true: something changed, and is to be published
 */
bool addresses_learn(struct vnic_rt *v, const struct ip_addr *ip, uint64_t now);

/**
 * A DHCP server gave @p ip to @p client at vnic @p v, or renewed it, on the same terms.
 * @param until  when the lease ends; UINT64_MAX: never
 */
bool addresses_lease(struct vnic_rt *v, const struct ip_addr *ip, uint64_t client, uint64_t until,
		     uint64_t now);

/** @p client at @p v gave back @p ip; NULL: all its leases. true: something changed. */
bool addresses_release(struct vnic_rt *v, const struct ip_addr *ip, uint64_t client);

/** Forgets what wasn't seen for five minutes, and leases that ended. true: something changed. */
bool addresses_age(struct runtime *rt, uint64_t now);

/** A number that differs when what @p v has does, beginning with @p h. */
uint64_t addresses_signature(const struct vnic_rt *v, uint64_t h);

#endif /* CTL_ADDRESSES_H */
