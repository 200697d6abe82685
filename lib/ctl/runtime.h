/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime: the one owner of endpoints, snapshots and workers. It makes reality
 * follow a struct conf, and follows what the far sides of endpoints do.
 *
 * There is one path for every change, whoever asks (start, SIGHUP, vnicctl):
 *
 *   check → difference → open what is new → build → publish → wait → close what is gone
 *
 * A failure before `publish` leaves what runs as it was. Main thread only, all of
 * it; workers see nothing but published snapshots.
 */
#ifndef CTL_RUNTIME_H
#define CTL_RUNTIME_H

#include "conf/conf.h"
#include "dp/dataplane.h"
#include "endpoint/endpoint.h"

struct announce;
struct dhcp_asks;
struct ip_table;
struct l3;
struct learned;
struct static_neigh;

/** An endpoint in use, and which worker receives from each of its queues. */
struct attachment {
	struct endpoint *endpoint; /**< NULL: being replaced, or never opened */
	struct endpoint_state state;
	uint16_t worker[CONF_MAX_QUEUES]; /**< by rx queue; sticky */
	bool placed;
	bool carrier_told, told; /**< endpoint_set_carrier()'s last value, if it was called */
};

/** A port that runs. */
struct port_rt {
	const struct port_conf *conf;
	uint16_t id;
	struct attachment wire, host;
	uint64_t mac; /**< in force */
	uint64_t auto_mac; /**< what `mac = auto` means here */
	uint64_t own_mac; /**< the same without what a passthru vnic changed */
	const struct vnic_rt *passthru; /**< who shares it; NULL: nobody */
	uint32_t mtu; /**< in force */
	bool down; /**< its host's netdev is */
	bool carrier;
	bool kept; /**< during a change: the new configuration has it, too */
	struct ip_table *addresses; /**< addresses.c's; NULL: no vnic is told apart by address */
	uint64_t addresses_signature; /**< of what it was made of */
	struct l3 *l3; /**< l3.c's; NULL: no vnic in an l3 mode */
	struct static_neigh *neighs; /**< static_neigh.c's: permanent neighbours */
	size_t n_neighs;
	bool filtered; /**< the device filters unicast; it isn't promiscuous */
	bool allmulti;
};

/** A vnic that runs. */
struct vnic_rt {
	const struct vnic_conf *conf;
	uint16_t id;
	struct attachment at;
	struct port_rt *port; /**< NULL: veth */
	struct vnic_rt *peer; /**< veth */
	uint64_t mac;
	uint32_t mtu;
	bool up; /**< administratively */
	bool carrier;
	bool active; /**< up and not refused: in its port's table and lists */
	uint64_t held_mac; /**< its MAC when `active` was last decided */
	bool kept; /**< during a change: the new configuration has it, too */
	uint64_t told_mac; /**< ipvlan: the MAC that its netdev was last given */
	uint64_t owner_mac; /**< macnat: its owner's own; 0: not seen yet */
	struct learned *learned; /**< addresses.c's */
	size_t n_learned;
	struct announce *announce; /**< announce.c's; NULL: it announces nothing */
	uint64_t conflicts; /**< addresses that it wanted and another vnic has */
	struct {
		uint32_t n, told; /**< such addresses now; as last logged */
		uint16_t owner; /**< who has the first of them */
		struct ip_addr first;
	} lost; /**< addresses.c's */
	struct err refused; /**< what its owner wanted and the kernel would have refused */
};

struct runtime {
	struct conf *conf; /**< what runs now */
	struct port_rt **ports; /**< as conf->ports */
	struct vnic_rt **vnics; /**< as conf->vnics */
	struct dataplane dp;
	bool running; /**< dp exists */
	uint32_t n_workers;
	unsigned int lcores[CONF_MAX_WORKERS];
	uint64_t generation;
	uint64_t ids[STATS_MAX_VNICS / 64]; /**< vnic ids in use */
	struct vnic_rt **by_id; /**< vnics that run, by id; NULL: none has it */
	uint64_t port_ids; /**< bits: port ids in use */
	uint32_t load[CONF_MAX_WORKERS]; /**< what placement gave each worker */
	bool dirty; /**< an endpoint's far side changed */
	struct workers_past *past; /**< workers.c's own; NULL: no tick yet */
	struct dhcp_asks *dhcp; /**< who asked; NULL: nobody yet */
	size_t announcer; /**< the vnic that announces first in the next tick */
	struct captures *captures; /**< follow every snapshot; NULL: there can't be any yet */
};

/** Prepares @p rt for @p n_workers workers on @p lcores; nothing runs yet. */
void runtime_init(struct runtime *rt, const unsigned int *lcores, uint32_t n_workers);

/**
 * Makes @p new what runs. On success the runtime owns it and frees the old one; on
 * failure the caller still owns @p new, and the old one runs on.
 * @return 0 or -errno with @p err
 */
int runtime_apply(struct runtime *rt, struct conf *new, struct err *err);

/**
 * From what is attached and in force to what workers see; returns when they see
 * nothing older. The last step of runtime_apply() and runtime_settle().
 * @return 0 or -errno with @p err, and workers go on with what they had
 */
int runtime_publish(struct runtime *rt, struct err *err);

/** To be given to endpoint_watch_run(): notes that @p ep's far side changed. @p arg: the runtime. */
void runtime_endpoint_changed(struct endpoint *ep, void *arg);

/** Looks at devices whose drivers announce nothing; a few times a second. */
void runtime_tick(struct runtime *rt);

/** Publishes what changed since, if anything did; one snapshot for a burst of changes. */
void runtime_settle(struct runtime *rt);

/** Closes everything; workers have ended. */
void runtime_destroy(struct runtime *rt);

/** Counters of a vnic or port over all workers. */
void runtime_vnic_stats(const struct runtime *rt, const struct vnic_rt *v, struct iface_stats *sum);
void runtime_port_stats(const struct runtime *rt, const struct port_rt *p, struct iface_stats *sum);

/** Getters by name; NULL: there is none. */
struct vnic_rt *runtime_vnic(const struct runtime *rt, const char *name);
struct port_rt *runtime_port(const struct runtime *rt, const char *name);

#endif /* CTL_RUNTIME_H */
