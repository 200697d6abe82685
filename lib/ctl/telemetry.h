/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of DPDK's telemetry socket, /vnic/… (docs/metrics.md), for
 * dpdk-telemetry.py and what else speaks to any DPDK program. They run on threads of
 * DPDK's and see the view (view.h) only.
 */
#ifndef CTL_TELEMETRY_H
#define CTL_TELEMETRY_H

/**
 * Registers the commands; those that can't be are said in the log. Once a process: DPDK
 * has no way back. They answer `null` while there is no view. Main, after EAL.
 */
void telemetry_register(void);

#endif /* CTL_TELEMETRY_H */
