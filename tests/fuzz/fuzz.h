/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's two entrances, as replay.c calls them too. One thread. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

/** Bytes of an mbuf, behind its headroom. */
#define FUZZ_ROOM 1024

extern struct rte_mempool *fuzz_pool;

int LLVMFuzzerInitialize(int *argc, char ***argv);
/** Always 0; what is wrong traps, or a sanitizer says it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_FUZZ_FUZZ_H */
