/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What link.add, link.set and link.del share. Main.
 */
#ifndef CTL_COMMANDS_LINK_H
#define CTL_COMMANDS_LINK_H

#include "ctl/commands.h"
#include "ctl/commands_params.h"

/** A command on its way. */
struct command {
	struct runtime *rt;
	struct arena *scratch;
	struct settings asked; /**< for the vnic */
	struct err *err;
};

/** @p arg and @p err as the method got them. */
struct command command_start(void *arg, struct err *err);

/** Frees what start made. @return what the method returns: nothing to tell but that all is done */
json_t *command_end(struct command *c, int rc);

/** There is none of that name: -ENODEV. */
int command_no_vnic(const struct runtime *rt, const char *name, struct err *err);

/** Could @p v come up with @p mac? 0, or -EADDRINUSE: a sibling or the port has it. */
int command_check_mac(const struct runtime *rt, const struct vnic_conf *v, uint64_t mac,
		      struct err *err);

/** The MAC address in @p text, one that a device can have; 0, -EINVAL or -EADDRNOTAVAIL. */
int command_read_mac(const char *name, const char *text, uint64_t *mac, struct err *err);

/**
 * Is @p v 's MTU at most its port's that is in force? conf_load() knows the one of the
 * file; the owner of the port's host may have set another.
 */
int command_check_mtu(const struct runtime *rt, const struct vnic_conf *v, struct err *err);

static inline bool is_passthru(const struct vnic_conf *v)
{
	return v->mode == MODE_PASSTHRU;
}

#endif /* CTL_COMMANDS_LINK_H */
