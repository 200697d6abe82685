/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the methods about addresses, routes and neighbours share (commands_address.c,
 * commands_route.c, commands_neigh.c). Main.
 */
#ifndef CTL_COMMANDS_IP_H
#define CTL_COMMANDS_IP_H

#include "conf/copy.h"
#include "ctl/commands.h"
#include "ctl/methods.h"

static inline struct runtime *command_runtime(void *arg)
{
	const struct methods_arg *a = arg;

	return a->rt;
}

/**
 * Gives the port or vnic @p dev another list under @p key; "" is none. As any change,
 * checked and applied. 0 or -errno with @p err, and nothing changed.
 */
int command_apply_list(struct runtime *rt, const char *dev, const char *key, const char *list,
		       struct err *err);

/** There is neither a vnic nor a port of that name: -ENODEV. */
int command_no_device(const char *dev, struct err *err);

/** Reads `dev`, all there may be, if it was given; it exists, as a port if @p ports_only. 0 or an error. */
int command_show_params(const json_t *params, const struct conf *c, bool ports_only,
			const char **dev, struct err *err);

/** A list to which @p append adds what is told of a port: all ports, or the one that is `dev`. NULL with @p err. */
json_t *command_show_ports(const json_t *params, void *arg,
			   void (*append)(json_t *out, const struct port_rt *p), struct err *err);

#endif /* CTL_COMMANDS_IP_H */
