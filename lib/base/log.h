/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: lines for a person, on stderr, each with the module that speaks.
 *
 * Any thread may log, but a worker never does in its loop (counters tell what
 * happened there). Levels are rte_log's, one type a module ("vnic.ctl"), so that
 * EAL's --log-level=vnic.ctl:debug works. Before log_open() everything from INFO
 * up is printed.
 *
 * Where stderr is the journal (JOURNAL_STREAM) each line begins with its priority
 * as sd-daemon(3) has it, `<3>`, and without our name, which the journal knows. No
 * time is written: the journal has its own, and a terminal's reader has a clock.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include <rte_log.h>

enum log_module { LOG_CONF, LOG_FWD, LOG_ENDPOINT, LOG_DP, LOG_CTL, LOG_N_MODULES };

/** Registers the modules with rte_log, and sends its lines, EAL's too, to stderr. Main thread, once, before rte_eal_init(). */
void log_open(void);

/** Does the journal read what we log? */
bool log_is_journal(void);

/** The rte_log type of @p module. */
int log_type(enum log_module module);

/** LOG(ERR, CTL, "text %d", n): one line; the newline is added. */
#define LOG(level, module, fmt, ...)                               \
	rte_log(RTE_LOG_##level, (uint32_t)log_type(LOG_##module), \
		"dpdk-vnic: " fmt "\n" __VA_OPT__(, ) __VA_ARGS__)

#endif /* BASE_LOG_H */
