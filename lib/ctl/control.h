/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control: the event loop on the main thread. It owns the runtime, serves the
 * control socket, obeys signals, follows the far sides of endpoints, and never
 * touches a frame.
 */
#ifndef CTL_CONTROL_H
#define CTL_CONTROL_H

#include "ctl/runtime.h"

struct control_args {
	const char *conf_path;
	const char *socket_path; /**< NULL: as [global] control says */
	unsigned int stats_period; /**< seconds; 0: no table */
	const unsigned int *lcores; /**< of the workers */
	uint32_t n_workers;
	/** Starts and joins the workers' threads; called once each, around the loop. */
	int (*start_workers)(struct dataplane *dp);
	void (*join_workers)(void);
};

/**
 * Runs @p conf, which it takes over, until SIGTERM or SIGINT; SIGHUP reloads. EAL is up.
 * @return exit status: 0 done, 1 failed (said in the log)
 */
int control_run(const struct control_args *args, struct conf *conf);

/**
 * Reads and checks a file with all rules there are.
 * @return the conf, or NULL with errors in @p es
 */
struct conf *control_load(const char *path, struct errors *es);

#endif /* CTL_CONTROL_H */
