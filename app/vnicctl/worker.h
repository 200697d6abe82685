/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vnicctl worker`: a line a worker, from the daemon's `worker.show`.
 */
#ifndef VNICCTL_WORKER_H
#define VNICCTL_WORKER_H

#include "base/err.h"
#include "show.h"

/** [LCORE] */
int parse_worker(const struct options *o, int argc, char **argv, json_t *params, struct err *err);

/** Busy and asleep over the last second, and what it receives from; -s: stages; -d: all queues. */
void show_workers(const struct options *o, const json_t *result, FILE *out);

#endif /* VNICCTL_WORKER_H */
