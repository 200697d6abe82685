/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the members of a port to the lists that its frames follow: who hears which
 * group, who lists which source, which MAC is whose. Pure: values in, values out;
 * the hash tables are filled from the pairs afterwards (snapshot.c). Main.
 */
#ifndef FWD_LISTS_H
#define FWD_LISTS_H

#include <stddef.h>

#include "fwd/fwd.h"
#include "fwd/key_table.h"

/** Source addresses that the vnics of one port can list in all: a list is named by 16 bits. */
#define LISTS_MAX_SOURCES (UINT16_MAX - 1)

/** What snapshot_build() is told of a vnic; pointers are borrowed during the call. */
struct vnic_in {
	struct fwd_vnic
		vnic; /**< kind, mac, mtu, id, mode, spoofcheck, up, carrier, nodst, endpoint */
	int port; /**< index in the array of ports; -1: veth */
	uint16_t peer; /**< veth: the other end's id; else VNIC_NONE */
	bool all_groups; /**< promiscuous, all-multicast, or nobody knows its groups */
	const uint64_t *groups;
	size_t n_groups;
	const uint64_t *sources; /**< source mode */
	size_t n_sources;
	uint32_t bcqueuelen;
	int32_t bclim;
};

/** What snapshot_build() is told of a port. */
struct port_in {
	struct fwd_port
		port; /**< mac, mtu, carrier, down, has_host, host_promisc, host_reach, wire, host, and all of ipvlan */
	bool promisc; /**< the device runs promiscuous or all-multicast (then every group queues: docs/semantics.md §8) */
};

/** All lists of one port; lists_free() ends them. */
struct port_lists {
	struct flood_list *floods;
	uint32_t n_floods;
	struct source_list *sources;
	uint32_t n_sources;
	uint16_t *ids; /**< what the lists above point into */
	struct key_pairs vnic_macs, group_macs, source_macs;
	uint16_t passthru;
	bool has_source_mode;
	uint32_t bcqueuelen;
};

/**
 * Builds the lists of the port with index @p port.
 * Where two up vnics have one MAC, the first in @p vnics keeps it (the runtime
 * never lets that happen).
 * @return 0, -ENOMEM or -E2BIG, nothing then to be freed
 */
int lists_build(struct port_lists *l, const struct port_in *port, int index,
		const struct vnic_in *vnics, size_t n_vnics);

void lists_free(struct port_lists *l);

#endif /* FWD_LISTS_H */
