/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers notice for main, where a vnic wants it: source addresses (`learn`) and DHCP
 * (`dhcp`). Nothing is decided here but who is told; what comes of it main publishes in the
 * next snapshot (lib/ctl/addresses.h, lib/ctl/dhcp_assist.h). A worker's own; no locks.
 *
 * Letters are few, whatever a vnic sends: what was told lately isn't told again, and each
 * vnic, each port and the worker have a budget, so that who sprays addresses costs main
 * bounded work and leaves the mailbox to others.
 */
#ifndef DP_ASSIST_H
#define DP_ASSIST_H

#include "fwd/kind.h"

struct worker;

#define ASSIST_PERIOD_MS 100 /**< what budgets are for */
#define ASSIST_VNIC_MAX \
	16 /**< letters about one vnic in a period; half of them refresh what is known */
#define ASSIST_PORT_MAX	   64 /**< DHCP replies of one port in a period */
#define ASSIST_WORKER_MAX  256 /**< letters of one worker in a period: a quarter of its mailbox */
#define ASSIST_NEW_MS	   1000 /**< before a letter about an unknown address or MAC is repeated */
#define ASSIST_CONFLICT_MS 10000 /**< … about another vnic's */
#define ASSIST_REFRESH_MS  60000 /**< … about the vnic's own: main forgets them after some minutes */

#define ASSIST_TOLD    512
#define ASSIST_BUCKETS 1024 /**< vnics whose ids differ in the low bits don't share a budget */

/** What was told lately. */
struct told {
	struct ip_key ip;
	uint64_t when; /**< TSC; 0: nothing */
	uint16_t id;
	uint8_t kind; /**< enum letter_kind */
	bool v6;
};

struct assist {
	uint64_t period; /**< TSC when it began */
	uint32_t n; /**< letters since */
	uint8_t vnics[ASSIST_BUCKETS];
	uint8_t ports[CONF_MAX_PORTS];
	struct told told[ASSIST_TOLD];
};

static inline bool assist_wants_vnic(const struct fwd_vnic *v)
{
	return v->learns | v->dhcp;
}

/** l3 modes drop all group frames, as the kernel does, so DHCP is l2's. */
static inline bool assist_wants_port(const struct fwd_port *p)
{
	return p->dhcp && p->mode == MODE_L2;
}

/** Frames of @p self, decided but not delivered yet. */
void assist_from_vnic(struct worker *w, const struct fwd_vnic *self, const struct burst *b);

/**
 * Frames of the wire, decided but not delivered yet. DHCP replies to addresses that nobody has
 * become main's: their verdict changes to CONSUMED.
 */
void assist_from_wire(struct worker *w, const struct fwd_port *port, struct burst *b);

/** The owner of macnat vnic @p id was seen to have MAC @p mac. */
void assist_tell_mac(struct worker *w, uint16_t id, uint64_t mac);

#endif /* DP_ASSIST_H */
