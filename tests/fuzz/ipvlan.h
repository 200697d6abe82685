/* SPDX-License-Identifier: BSD-3-Clause */
/* The third part of what frame.c does: ipvlan's keys and decisions. One thread. */
#ifndef TESTS_FUZZ_IPVLAN_H
#define TESTS_FUZZ_IPVLAN_H

#include <stdint.h>

/** Decides the frame in every mode, from both sides; traps where a decision breaks a rule. */
void fuzz_ipvlan(const uint8_t *frame, uint32_t len);

#endif /* TESTS_FUZZ_IPVLAN_H */
