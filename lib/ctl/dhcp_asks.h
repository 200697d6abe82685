/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which vnic asked what by DHCP, so that a reply finds it: vnics of one port share their MAC, so
 * a reply's transaction, hardware address and client identifier are all there is. Who asks
 * first keeps a transaction: a sibling sees the request and could ask the same. Bounded, for
 * each vnic and in all; what isn't answered in a minute is forgotten. Pure; main.
 */
#ifndef CTL_DHCP_ASKS_H
#define CTL_DHCP_ASKS_H

#include "net/dhcp.h"

#define DHCP_ASKS_MAX	   2048
#define DHCP_ASKS_VNIC_MAX 8
#define DHCP_ASKS_MS	   60000

struct dhcp_asks;

/** One transaction. */
struct dhcp_ask {
	uint64_t until; /**< ms; 0: no ask */
	uint64_t since;
	uint64_t chaddr;
	uint64_t id; /**< a hash of the client identifier; 0: it has none */
	uint32_t xid;
	uint16_t port, vnic;
};

/** NULL: no memory. */
struct dhcp_asks *dhcp_asks_create(void);
void dhcp_asks_free(struct dhcp_asks *t);

/** Vnic @p vnic of port @p port asked @p d. false: another one did before. */
bool dhcp_asks_add(struct dhcp_asks *t, uint16_t port, uint16_t vnic, const struct dhcp *d,
		   uint64_t now);

/** Who asked for the reply @p d, which came to @p port; NULL: nobody. Until the next call. */
const struct dhcp_ask *dhcp_asks_find(const struct dhcp_asks *t, uint16_t port,
				      const struct dhcp *d, uint64_t now);

/** Vnic @p vnic is gone. @p t may be NULL. */
void dhcp_asks_forget(struct dhcp_asks *t, uint16_t vnic);

/** The client of @p d as a number: its identifier, or its hardware address where it has none. */
uint64_t dhcp_client(const struct dhcp *d);
/** The same of who asked. */
uint64_t dhcp_ask_client(const struct dhcp_ask *a);

#endif /* CTL_DHCP_ASKS_H */
