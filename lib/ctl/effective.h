/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is in force: the configuration, overlaid with what owners of the far sides
 * did since (a namespace's `ip link set`), less what the kernel would have refused.
 * Main.
 */
#ifndef CTL_EFFECTIVE_H
#define CTL_EFFECTIVE_H

#include "ctl/runtime.h"

/** Reads all endpoints' states and brings port_rt and vnic_rt up to date; asks devices for their filters. */
void effective_update(struct runtime *rt);

/**
 * Gives the port of the passthru vnic @p v another MAC, until the vnic goes; to be published.
 * 0 or -errno with @p err: the device refused, and nothing changed.
 */
int effective_set_lower_mac(struct vnic_rt *v, uint64_t mac, struct err *err);

/** Tells owners of far sides whether they have a link. After publishing. */
void effective_tell_carriers(struct runtime *rt);

/** The runtime's state as snapshot_build() wants it. */
void effective_port(const struct port_rt *p, struct port_in *in);
void effective_vnic(const struct vnic_rt *v, struct vnic_in *in);

#endif /* CTL_EFFECTIVE_H */
