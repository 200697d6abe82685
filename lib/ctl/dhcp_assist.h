/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DHCP for ipvlan vnics in l2 (`dhcp = on`): replies that no address leads to find the vnic that
 * asked, and what a server gave a client its vnic has, for as long as the lease lasts
 * (docs/ipvlan-assist.md). Only replies from the wire count. Main.
 */
#ifndef CTL_DHCP_ASSIST_H
#define CTL_DHCP_ASSIST_H

#include "ctl/runtime.h"

/** LETTER_DHCP_ASKED. */
void dhcp_assist_asked(struct runtime *rt, const struct letter *l, uint64_t now);

/** LETTER_DHCP_ANSWER and _NOTED. The frame of an ANSWER is taken out of @p l and sent on. */
void dhcp_assist_answered(struct runtime *rt, struct letter *l, uint64_t now);

#endif /* CTL_DHCP_ASSIST_H */
