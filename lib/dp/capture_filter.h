/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A filter in libpcap's language: compiled once, on main, and run by workers on
 * mbufs. Where DPDK's BPF can do it, it runs as machine code; else libpcap's own
 * interpreter runs it.
 */
#ifndef DP_CAPTURE_FILTER_H
#define DP_CAPTURE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct bpf_program;
struct rte_bpf;
struct rte_mbuf;

/** Longer texts are refused: libpcap's optimizer may take long over them. */
#define CAPTURE_FILTER_MAX 2048

struct capture_filter {
	uint64_t (*native)(void *mbuf); /**< machine code, or NULL */
	struct rte_bpf *bpf; /**< what `native` belongs to, or is interpreted from; or NULL */
	struct bpf_program *classic; /**< libpcap's; NULL: every frame matches */
};

/**
 * Compiles @p text; "" and NULL match everything. Names of hosts in it are looked up here.
 * @return 0, or -EINVAL, -E2BIG, -ENOMEM with @p err and nothing to be freed. Main.
 */
int capture_filter_compile(struct capture_filter *f, const char *text, struct err *err);

void capture_filter_free(struct capture_filter *f);

/** Worker: never faults, whatever the frame contains. */
bool capture_filter_matches(const struct capture_filter *f, const struct rte_mbuf *m);

#endif /* DP_CAPTURE_FILTER_H */
