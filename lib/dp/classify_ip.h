/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classification by IP address, for ipvlan: a burst's keys to what the port's tables say of
 * them. Fills b->ip and b->h for the decision that follows. Worker.
 */
#ifndef DP_CLASSIFY_IP_H
#define DP_CLASSIFY_IP_H

#include "fwd/kind.h"

/** Reads the IP keys of all frames; b->p is filled. @p closely: headers are checked, too (l3s). */
void parse_ip(struct burst *b, bool closely);

/** Frames of the wire. */
void classify_ip_from_wire(const struct fwd_port *port, struct burst *b);

/**
 * For `spoofcheck = ip`, of any kind: b->h's owner becomes the vnic that has the address from
 * which, or in an advertisement of which, a frame of @p self speaks. Everything else is found already.
 */
void classify_claims(const struct fwd_vnic *self, struct burst *b);

/** Frames of vnic @p self. */
void classify_ip_from_vnic(const struct fwd_vnic *self, struct burst *b);

/**
 * What the port's routes and neighbours say of destination @p dst now: NEXT_…
 * @param hop  the neighbour to send to, where there is one
 */
uint16_t classify_next(const struct fwd_port *port, const struct ip_key *dst, bool v6,
		       struct ip_key *hop);

#endif /* DP_CLASSIFY_IP_H */
