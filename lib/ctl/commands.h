/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods that change what runs, and the text of it: link.add and link.del
 * (commands.c), link.set (commands_set.c), address.* (commands_address.c), route.* (commands_route.c),
 * neigh.* (commands_neigh.c), config.show (commands_config.c; docs/rpc.md).
 *
 * Each makes a changed copy of the running conf (conf/edit.h), and that goes the way of
 * every change: kinds_check(), runtime_apply(). What the kernel would refuse although a
 * file may have it, because it is a step from one state to another, is refused here first.
 * A method that fails has changed nothing. Main.
 */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "conf/edit.h"
#include "ctl/rpc.h"
#include "ctl/runtime.h"

json_t *command_link_add(const json_t *params, void *arg, struct err *err);
json_t *command_link_set(const json_t *params, void *arg, struct err *err);
json_t *command_link_del(const json_t *params, void *arg, struct err *err);

json_t *command_address_show(const json_t *params, void *arg, struct err *err);
json_t *command_address_add(const json_t *params, void *arg, struct err *err);
json_t *command_address_del(const json_t *params, void *arg, struct err *err);
json_t *command_route_show(const json_t *params, void *arg, struct err *err);
json_t *command_route_add(const json_t *params, void *arg, struct err *err);
json_t *command_route_del(const json_t *params, void *arg, struct err *err);
json_t *command_neigh_show(const json_t *params, void *arg, struct err *err);
json_t *command_neigh_flush(const json_t *params, void *arg, struct err *err);
json_t *command_neigh_add(const json_t *params, void *arg, struct err *err);
json_t *command_neigh_del(const json_t *params, void *arg, struct err *err);
json_t *command_config_show(const json_t *params, void *arg, struct err *err);

/**
 * For those who implement these: checks @p new, which this takes over, and makes it what
 * runs. 0 or -errno with @p err, and nothing changed.
 */
int commands_apply(struct runtime *rt, struct conf *new, struct err *err);

#endif /* CTL_COMMANDS_H */
