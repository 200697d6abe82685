/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing what ports and vnics are attached to. Main.
 */
#ifndef CTL_ATTACH_H
#define CTL_ATTACH_H

#include "ctl/runtime.h"

/** Each opens one endpoint and places its queues; 0, or -errno with @p err and nothing left. */
int attach_wire(struct runtime *rt, struct port_rt *p, struct err *err);
int attach_host(struct runtime *rt, const struct port_rt *p, const struct port_conf *conf,
		struct attachment *a, struct err *err);
/** @p v->conf and @p v->port are set. */
int attach_vnic(struct runtime *rt, struct vnic_rt *v, struct err *err);

/** Endpoints that are to be closed, all at once: together they take little longer than one. */
struct leaving {
	struct endpoint **endpoints;
	size_t n, room;
};

/** Empties @p a, whose endpoint no worker can see any more, into @p l; an empty attachment is fine. */
void detach(struct runtime *rt, struct attachment *a, struct leaving *l);

/** Closes all of @p l, which is empty then. */
void close_leaving(struct leaving *l);

/** The MTU that a vnic has until its owner changes it: the configured one, or its port's in force. */
uint32_t wanted_mtu(const struct vnic_rt *v);

/**
 * Applies in place what differs from @p old to @p v->conf: MAC, MTU, state, addresses.
 * Fails at the first refusal; the caller undoes it by the way back.
 * @param new_mtu  the configuration asks for another MTU than before
 */
int attach_modify_vnic(struct vnic_rt *v, const struct vnic_conf *old, bool new_mtu,
		       struct err *err);
int attach_modify_port(struct port_rt *p, const struct port_conf *old, struct err *err);

#endif /* CTL_ATTACH_H */
