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

/** Lets go of what a port or vnic holds here. */
void addresses_free_port(struct port_rt *p);
void addresses_free_vnic(struct vnic_rt *v);

/**
 * Vnic @p v was seen to send from @p ip: it has it from now on, if nobody else has and
 * its `learn` allows; the longest unseen one makes room.
 * @return true: something changed, and is to be published
 */
bool addresses_learn(struct vnic_rt *v, const struct ip_addr *ip, uint64_t now);

#endif /* CTL_ADDRESSES_H */
