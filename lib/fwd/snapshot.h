/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The snapshot: all that workers need to forward, in one immutable value. The
 * runtime builds a new one for every change, publishes it and frees the old one
 * when every worker has passed.
 */
#ifndef FWD_SNAPSHOT_H
#define FWD_SNAPSHOT_H

#include "fwd/lists.h"

/** Where frames come from. */
enum source_side { FROM_WIRE, FROM_HOST, FROM_VNIC };

/** One rx queue of one endpoint; exactly one worker receives from it. */
struct source {
	struct endpoint *endpoint; /**< opaque here */
	uint16_t queue;
	uint16_t id; /**< of the port or vnic */
	uint8_t side; /**< enum source_side */
	bool waits; /**< a descriptor tells when it has frames; otherwise it is polled */
};

/** A source's name in a worker's epoll set; it means the same in every snapshot. */
static inline uint64_t source_event(uint8_t side, uint16_t id, uint16_t queue)
{
	return (uint64_t)side << 32 | (uint32_t)id << 16 | queue;
}

/** What one worker receives from: polled sources first. */
struct plan {
	struct source *sources;
	uint32_t n;
	uint32_t n_polled;
};

struct snapshot {
	uint64_t generation;
	struct fwd_vnic *vnics; /**< by id; n_vnics is one more than the greatest id */
	struct endpoint *
		*endpoints; /**< theirs, by id: all that delivery reads of most receivers */
	uint32_t n_vnics;
	struct fwd_port *ports;
	uint32_t n_ports;
	struct plan *plans; /**< by worker number */
	uint32_t n_plans;
	struct port_lists *lists; /**< by port; owned */
};

/**
 * Builds all but the plans. A port's id is its index in @p ports; rows that are not
 * `used` keep ids stable where a port was removed.
 * @param socket_of  NUMA node for a port's tables, by index
 * @return NULL with @p err; nothing then to be freed. Main.
 */
struct snapshot *snapshot_build(const struct port_in *ports, size_t n_ports,
				const struct vnic_in *vnics, size_t n_vnics, const int *socket_of,
				struct err *err);

/** Gives the snapshot room for @p n_workers plans of @p n sources each; 0 or -ENOMEM. */
int snapshot_plan(struct snapshot *s, uint32_t n_workers, uint32_t n);

/**
 * What @p event names in @p s. An event can be older or newer than the snapshot.
 * @return false: nothing, here
 */
bool snapshot_source(const struct snapshot *s, uint64_t event, struct source *src);

/** Frees what no worker can see any more. NULL is fine. Main. */
void snapshot_free(struct snapshot *s);

#endif /* FWD_SNAPSHOT_H */
