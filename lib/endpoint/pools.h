/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mempools that endpoint.h does not show: one for a driver that keeps what it
 * is given (dev_quirks.h, DEV_OWN_POOL). Main only.
 */
#ifndef ENDPOINT_POOLS_H
#define ENDPOINT_POOLS_H

#include <stdint.h>

#include "base/err.h"

struct rte_mempool;

/** A pool of @p n mbufs for device @p name alone, sized like the shared ones, in one piece. NULL with @p err. */
struct rte_mempool *pool_create_own(const char *name, uint32_t n, int socket, struct err *err);

/**
 * The pool of wide mbufs of NUMA node @p socket, for receiving super-frames; there are few, so whoever
 * finds it empty does without. NULL: there is no memory for it, or ordinary mbufs are as wide.
 */
struct rte_mempool *pool_get_wide(int socket);

/**
 * Gives up @p pool, of which a closed driver keeps @p held mbufs for ever. It is
 * freed when no others are in use: frames received from it may still wait at
 * another endpoint.
 */
void pool_retire_own(struct rte_mempool *pool, unsigned int held);

/** The NUMA node that @p socket means here: one that has memory; never SOCKET_ID_ANY. */
int pool_socket(int socket);

#endif /* ENDPOINT_POOLS_H */
