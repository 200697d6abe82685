/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ends of the offload matrix: what can stand behind a port or a vnic, and how a
 * frame is put in there and taken out, with what its far side says of it. Each is told in
 * one form, whatever it is: the test's own vhost-user front end, a packet socket on a
 * TAP's netdev, librte_vhost behind a net_virtio_user device, a ring. One thread.
 */
#ifndef TESTS_EAL_MATRIX_ENDS_H
#define TESTS_EAL_MATRIX_ENDS_H

#include "offload_frames.h"
#include "rig.h"
#include "vhost_front.h"

/** The device's own, where it is asked. */
#define LAB_PORT_MAC "02:4c:00:00:00:01"

enum end_kind {
	END_VHOST, /**< a guest that negotiated all offloads and mergeable buffers */
	END_VHOST_PLAIN, /**< one that wanted none */
	END_TAP,
	END_DEV, /**< net_virtio_user: checksums and TSO */
	END_DEV_PLAIN, /**< net_ring: none */
	END_NETDEV, /**< net_af_packet: none; behind it a kernel netdev */
	END_NONE,
	N_END_KINDS
};

/** One, and whatever it needs of its own. */
struct end {
	enum end_kind kind;
	char name[16]; /**< of the vnic, or of the port */
	uint8_t mac[6]; /**< frames to it bear this one, and so do those that it sends */
	struct front front; /**< END_VHOST… */
	bool has_front;
	char path[100]; /**< of its socket: END_VHOST…, END_DEV */
	int fd; /**< END_TAP, END_NETDEV: on the netdev called as the end is */
	uint32_t mtu;
	int vid; /**< END_DEV: librte_vhost's number; atomic; -1: nobody is connected */
	bool registered;
};

/** A frame that came out of an end. */
struct arrival {
	uint32_t len;
	bool unfinished; /**< its checksum is said to be missing */
	uint32_t csum_at; /**< unfinished: where its field is */
	uint16_t mss; /**< of a super-frame; else 0 */
	bool v6; /**< mss: which kind of super-frame */
	uint8_t bytes[FRAME_MAX];
};

/** More than it bears of a jumbo frame's mbuf: END_NETDEV's driver has no chains to receive into. */
#define ENDS_MBUF_SIZE(mtu) ((mtu) > 1500 ? 12544 : 2176)

/**
 * Once a program: a namespace for netdevs and a folder for sockets. Before EAL, in the process
 * that outlives the tests and cleans up behind them however they end.
 */
int ends_prepare(void);
/** In the process that tests: goes into the namespace. Before EAL. */
int ends_enter(void);
void ends_clean_up(void);

/** Does what is behind it leave checksums and segmentation to others? */
bool end_leaves_work(enum end_kind kind);

/** What must be there before the forwarder, whose MTU is @p mtu, opens the endpoint. */
void end_prepare(struct end *e, uint32_t mtu);
/** The endpoint as vnic.ini has it. */
void end_spec(const struct end *e, char *buf, size_t len);
/** What can only be done once the endpoint is open: connects. */
void end_connect(struct rig *r, struct end *e);
/** Before the forwarder stops, and after. */
void end_disconnect(struct end *e);
void end_release(struct end *e);

/**
 * Sends @p f; its checksum is missing where @p unfinished, and it is to be cut where @p mss isn't 0.
 * @return false: the end's own system refuses it (too long for a netdev)
 */
bool end_send(struct rig *r, struct end *e, const struct frame *f, bool unfinished, uint16_t mss);

/** The next frame that came out; false: none yet. */
bool end_receive(struct rig *r, struct end *e, struct arrival *a);

#endif /* TESTS_EAL_MATRIX_ENDS_H */
