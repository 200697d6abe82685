/* SPDX-License-Identifier: BSD-3-Clause */
/* The second half of what frame.c does: the parsers and writers of lib/net. One thread. */
#ifndef TESTS_FUZZ_ASSIST_H
#define TESTS_FUZZ_ASSIST_H

#include <stdint.h>

/** Takes the frame through all of them; traps where what they promise isn't so. */
void fuzz_assist(const uint8_t *frame, uint32_t len);

#endif /* TESTS_FUZZ_ASSIST_H */
