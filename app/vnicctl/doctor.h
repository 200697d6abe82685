/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vnicctl doctor`: what on this machine would stop dpdk-vnic, or a vnic.ini, or slow it
 * down, and the command that mends it. It asks the kernel's files and no daemon, changes
 * nothing, and needs no DPDK.
 */
#ifndef VNICCTL_DOCTOR_H
#define VNICCTL_DOCTOR_H

#include "show.h"

/**
 * Runs `doctor` with the words behind it.
 * @return exit status: 0 nothing in the way (there may be warnings), 1 something is, 2 usage
 */
int doctor_main(const struct options *o, int argc, char **argv);

#endif /* VNICCTL_DOCTOR_H */
