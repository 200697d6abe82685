/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods of the control socket: one table (docs/rpc.md). Main.
 */
#ifndef CTL_METHODS_H
#define CTL_METHODS_H

#include "ctl/capture.h"
#include "ctl/rpc.h"
#include "ctl/runtime.h"

/** What methods are called with. */
struct methods_arg {
	struct runtime *rt;
	struct captures *captures;
	struct rpc *rpc; /**< whose methods these are */
	const char *conf_path;
	/** Does what SIGHUP does; 0 or -errno with @p err. */
	int (*reload)(void *control, struct err *err);
	void *control;
};

extern const struct rpc_method methods[];
extern const size_t n_methods;

#endif /* CTL_METHODS_H */
