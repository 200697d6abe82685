/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Announcements (`announce = on`): when an address appears on a vnic or moves to it, and when
 * the vnic gets a link or another MAC, the wire is told by gratuitous ARP or an unsolicited
 * neighbour advertisement, ANNOUNCE_TIMES times, a second apart (RFC 5227 §2.3, RFC 4861
 * §7.2.6). A vnic with very many addresses takes its time: a port sends ANNOUNCE_BUDGET a
 * tick, shared by its vnics. Main.
 */
#ifndef CTL_ANNOUNCE_H
#define CTL_ANNOUNCE_H

#include "ctl/runtime.h"

#define ANNOUNCE_TIMES	3
#define ANNOUNCE_GAP_MS 1000
#define ANNOUNCE_BUDGET 64 /**< frames of one port in a tick */
/** A kernel netdev first looks whether its IPv6 address is free (RFC 4862: a second, and up to one before). */
#define ANNOUNCE_DAD_MS 2000

/** Looks what is new. After publishing. */
void announce_update(struct runtime *rt, uint64_t now);

/** Sends what is due. */
void announce_tick(struct runtime *rt, uint64_t now);

/** Lets go of what @p v holds here. */
void announce_free_vnic(struct vnic_rt *v);

#endif /* CTL_ANNOUNCE_H */
