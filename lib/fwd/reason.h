/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a frame was dropped: one list, from which the enum, the counters, vnicctl,
 * telemetry and the documentation take the same names. Pure; any thread.
 */
#ifndef FWD_REASON_H
#define FWD_REASON_H

/* X(constant, name, what it tells a person) */
#define DROP_REASONS(X)                                                                          \
	X(MALFORMED, malformed, "too short to be an Ethernet frame, or cut off in its VLAN tag") \
	X(BAD_OFFLOAD, bad_offload,                                                              \
	  "the sender's checksum or segmentation request contradicts the frame")                 \
	X(NO_BUFFER, no_buffer, "no mbuf was free: raise mbufs in [global]")                     \
	X(MISSED, missed, "the device lost it before the forwarder could take it")               \
	X(RING_FULL, ring_full, "the receiver did not take frames as fast as they came")         \
	X(NO_CARRIER, no_carrier, "the port had no link, or was down")                           \
	X(VNIC_DOWN, vnic_down, "the sending or receiving vnic is down")                         \
	X(NO_OWNER, no_owner, "no vnic has the destination, and the port has no host endpoint")  \
	X(OTHER_HOST, other_host, "no vnic has the destination, and it isn't the host's either") \
	X(NO_HOST, no_host, "for the host's own address, and the port has no host endpoint")     \
	X(NO_LISTENER, no_listener, "group frame that nobody listens to")                        \
	X(TOO_LONG, too_long, "longer than the MTU of the link it was to cross")                 \
	X(FLOOD_QUEUE_FULL, flood_queue_full, "too many group frames waiting: see bcqueuelen")   \
	X(SPOOFED, spoofed, "its source address isn't the vnic's own (spoofcheck, mac-policy)")  \
	X(PRIVATE, private, "for a sibling, on an ipvlan port with the flag private")            \
	X(NOT_ROUTED, not_routed, "group frame, ARP or not IP, sent by an l3 vnic")              \
	X(BAD_HEADER, bad_header, "its IP header contradicts itself or the frame")               \
	X(NO_ROUTE, no_route, "no route through the port leads to the destination")              \
	X(NO_NEIGHBOUR, no_neighbour, "the next hop did not answer ARP or neighbour discovery")  \
	X(NEIGHBOUR_QUEUE_FULL, neighbour_queue_full,                                            \
	  "too many frames waiting for the next hop's MAC address")

enum drop_reason {
	DROP_NONE,
#define X(constant, name, text) DROP_##constant,
	DROP_REASONS(X)
#undef X
		DROP_N_REASONS
};

/** "no_buffer": the name in every interface; a static string. */
const char *drop_reason_name(enum drop_reason r);

/** One sentence for a person; a static string. */
const char *drop_reason_text(enum drop_reason r);

#endif /* FWD_REASON_H */
