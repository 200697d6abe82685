/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classification: the keys of a burst's frames to what the tables say of them, in
 * bulk. Fills b->h for the decision that follows. Worker.
 */
#ifndef DP_CLASSIFY_H
#define DP_CLASSIFY_H

#include "fwd/kind.h"

/** Frames of the wire: destination, or the owner of the source of a group frame; group; source lists. */
void classify_from_wire(const struct fwd_port *port, struct burst *b);

/** Frames of a bridge-mode vnic, or of the host: destination, or group; source lists of local unicast. */
void classify_local(const struct fwd_port *port, struct burst *b);

/** The flood list of group @p mac now. */
uint16_t classify_group(const struct fwd_port *port, uint64_t mac);

#endif /* DP_CLASSIFY_H */
