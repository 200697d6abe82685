/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line: EAL's arguments, `--`, ours. Main, before anything runs.
 */
#ifndef DPDK_VNIC_ARGS_H
#define DPDK_VNIC_ARGS_H

#include <stdbool.h>

struct args {
	int n_eal; /**< argv[0] and EAL's arguments; `--` not counted */
	const char *conf_path;
	const char *socket_path; /**< NULL: not given */
	unsigned int stats_period;
	bool check;
};

/**
 * Reads @p argv. Says on stderr what is wrong, or prints help or version on stdout.
 * @return -1: go on; otherwise the exit status
 */
int args_parse(struct args *a, int argc, char **argv);

#endif /* DPDK_VNIC_ARGS_H */
