/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What threads other than main may know of the runtime: DPDK calls telemetry commands on
 * threads of its own, while main changes ports and vnics.
 *
 * Main makes a new view with each snapshot and exchanges it under a lock; others
 * read it while they hold the lock. What a view points to (configuration, endpoints, the
 * workers' counters) lives as long as workers may reach it, which ends only after the next
 * view is there: view_publish() stands behind dataplane_publish(), closing behind both.
 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include "ctl/neigh.h"
#include "ctl/runtime.h"

struct view_vnic {
	const struct vnic_conf *conf;
	const struct endpoint *endpoint; /**< NULL: being replaced */
	uint64_t mac; /**< this and the rest: in force */
	uint32_t mtu;
	uint16_t id;
	bool up, carrier;
};

struct view_port {
	const struct port_conf *conf;
	const struct endpoint *wire, *host;
	uint64_t mac;
	uint32_t mtu;
	uint16_t id;
	bool present, carrier;
	size_t n_addresses; /**< that its vnics are told apart by */
	uint32_t n_neighs[NEIGH_N_STATES]; /**< by enum neigh_state, as of this snapshot */
};

struct view {
	const struct conf *conf;
	const struct dataplane *dp;
	struct view_port *ports; /**< as conf->ports */
	struct view_vnic *vnics; /**< as conf->vnics */
	uint32_t n_queues[CONF_MAX_WORKERS]; /**< rx queues that each worker serves */
};

/** Shows others what @p rt is now. Main; after workers have passed. */
void view_publish(const struct runtime *rt);

/** From now on there is nothing to see; nobody looks any more on return. Main. */
void view_withdraw(void);

/** The view, until view_unlock(), which main may be waiting for; NULL: there is none. Any thread but workers. */
const struct view *view_lock(void);
void view_unlock(void);

/** By name, NULL: there is none. Within the lock. */
const struct view_vnic *view_find_vnic(const struct view *v, const char *name);
const struct view_port *view_find_port(const struct view *v, const char *name);

/** Counters as vnicctl tells them. Within the lock. */
void view_vnic_stats(const struct view *v, const struct view_vnic *n, struct iface_stats *sum);
void view_port_stats(const struct view *v, const struct view_port *p, struct iface_stats *sum);

#endif /* CTL_VIEW_H */
