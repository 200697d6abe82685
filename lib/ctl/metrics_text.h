/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running state in Prometheus's text format (docs/metrics.md). Main.
 */
#ifndef CTL_METRICS_TEXT_H
#define CTL_METRICS_TEXT_H

#include "ctl/runtime.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/**
 * All metrics of @p rt.
 * @param len  their bytes
 * @return to be freed with free(); NULL: no memory
 */
char *metrics_text(const struct runtime *rt, size_t *len);

#endif /* CTL_METRICS_TEXT_H */
