/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers do with their time, for `vnicctl worker show` (docs/rpc.md): rates over
 * about the last second, which a tick of main keeps samples for, and all since the
 * start. Main.
 */
#ifndef CTL_WORKERS_H
#define CTL_WORKERS_H

#include <jansson.h>

#include "ctl/runtime.h"

struct workers_past;

/** Takes a sample of each worker; a few times a second. */
void workers_tick(struct runtime *rt);

/** Frees the samples. */
void workers_forget(struct runtime *rt);

/** Share of its time that worker @p i had frames to work on, over about the last second. */
double workers_busy_ratio(const struct runtime *rt, uint32_t i);

/** Seconds that its longest busy turn took, of the last second or two; see cycles_longest(). */
double workers_longest_turn(const struct runtime *rt, uint32_t i);

/** `worker.show`: one object a worker, or the one on `lcore`. NULL with @p err. */
json_t *workers_show(const struct runtime *rt, const json_t *params, struct err *err);

#endif /* CTL_WORKERS_H */
