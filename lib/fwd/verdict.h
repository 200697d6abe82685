/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a kind decides about a frame: a small value that says who gets it. It names
 * vnics and lists by number, so that a test can read it without a forwarder.
 */
#ifndef FWD_VERDICT_H
#define FWD_VERDICT_H

#include <stdint.h>

#include "fwd/reason.h"

#define VNIC_NONE 0xffff /**< no vnic has this id */

enum verdict_op {
	VERDICT_DROP, /**< counted under `reason` */
	VERDICT_VNIC, /**< to `vnic` */
	VERDICT_WIRE, /**< out of the port */
	VERDICT_HOST, /**< to the port's host endpoint */
	VERDICT_FLOOD, /**< to the vnics of `list` in `span`, but not to `except` */
	VERDICT_CONSUMED, /**< to nobody beyond `copies` and `also`, and that is as it should be */
	VERDICT_ROUTE, /**< out of the port with a new Ethernet header, to the neighbour `next` */
	VERDICT_WAIT, /**< the same, once the next hop's MAC address is known */
	VERDICT_ANSWER, /**< back to the asker: whose address is asked for is at the port's MAC */
};

/** `also`: who gets the frame besides what `op` says. */
#define ALSO_WIRE (1u << 0)
#define ALSO_HOST (1u << 1)
#define ALSO_MAIN (1u << 2) /**< a copy to main: neighbour discovery for the port itself */

/** Which modes of a flood list's members; the list is sorted so that each is one run. */
enum flood_span {
	SPAN_ALL, /**< bridge, vepa, private, passthru */
	SPAN_BRIDGE_VEPA,
	SPAN_VEPA,
	SPAN_BRIDGE,
};

/** `flags` */
#define VERDICT_LOCAL	   (1u << 0) /**< FLOOD from a sibling: each receiver's MTU admits it or not */
#define VERDICT_QUEUED	   (1u << 1) /**< FLOOD that the kernel would put in its broadcast queue */
#define VERDICT_PORTS_DROP (1u << 2) /**< DROP counted at the port although a vnic sent it */
#define VERDICT_BOTH_DROP  (1u << 3) /**< DROP counted at the sender and at `vnic` */
#define VERDICT_FRAGMENT \
	(1u << 4) /**< ROUTE and WAIT: longer than the port's MTU, and may be cut */
#define VERDICT_OWN_MAC (1u << 5) /**< HOST: both addresses become the port's */

struct verdict {
	union {
		struct {
			uint8_t op; /**< enum verdict_op */
			uint8_t also; /**< ALSO_… */
			uint16_t
				copies; /**< source lists: 0, or the list whose vnics get a copy first */
		};
		uint32_t way; /**< the three of them: verdict_way() */
	};
	uint8_t reason; /**< enum drop_reason */
	uint8_t span; /**< enum flood_span */
	uint8_t flags; /**< VERDICT_… */
	uint16_t vnic; /**< VNIC: the receiver */
	uint16_t list; /**< FLOOD: see struct fwd_port */
	uint16_t next; /**< ROUTE: index among the port's next hops */
	uint16_t except; /**< FLOOD: a vnic that does not get it, or VNIC_NONE */
};

/** @p op, and @p also; no copies. */
static inline uint32_t verdict_way(enum verdict_op op, uint8_t also)
{
	const struct verdict v = {.op = (uint8_t)op, .also = also};

	return v.way;
}

/*
 * Decisions write their verdict where it is wanted, field by field, and the way as a whole since it is read as a whole: a struct handed
 * from function to function was copied in wider pieces than it was written in, and each
 * copy waited for the stores (a quarter of all cycles, measured).
 */
static inline void verdict_drop(struct verdict *v, enum drop_reason r)
{
	*v = (struct verdict){.way = verdict_way(VERDICT_DROP, 0), .reason = (uint8_t)r};
}

static inline void verdict_vnic(struct verdict *v, uint16_t id)
{
	*v = (struct verdict){.way = verdict_way(VERDICT_VNIC, 0), .vnic = id};
}

static inline void verdict_wire(struct verdict *v)
{
	*v = (struct verdict){.way = verdict_way(VERDICT_WIRE, 0)};
}

static inline void verdict_host(struct verdict *v)
{
	*v = (struct verdict){.way = verdict_way(VERDICT_HOST, 0)};
}

#endif /* FWD_VERDICT_H */
