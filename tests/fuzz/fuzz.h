/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's two entrances, as replay.c calls them too. One thread. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
/** Always 0; what is wrong traps, or a sanitizer says it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_FUZZ_FUZZ_H */
