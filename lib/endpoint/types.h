/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of lib/endpoint share with each other and with nobody else: the
 * table of types and the part of a `struct endpoint` that all types set up alike.
 *
 * Main only, save endpoint_count(): the worker that owns the queue calls it.
 */
#ifndef ENDPOINT_TYPES_H
#define ENDPOINT_TYPES_H

#include <rte_common.h>

#include "endpoint/endpoint.h"

/** The longest frame taken from an owner: 64 KiB of IP behind an Ethernet header with tags; and then some, to tell longer ones. */
#define ENDPOINT_MAX_FRAME (65536 + 128)

/**
 * Bytes of copied frames after which a burst is handed on: what is written while it still stands in the core's cache costs half,
 * and a burst of 32 super-frames is 2 MiB. So a super-frame goes alone, and jumbo frames by the half dozen.
 */
#define ENDPOINT_BURST_BYTES 49152

extern const struct endpoint_ops dev_ops, tap_ops, vhost_ops, none_ops;

/**
 * Frames refused on one rx queue. Its worker is the only writer, so a relaxed
 * load and store suffice; a cache line of its own keeps neighbours apart.
 */
struct __rte_cache_aligned endpoint_rx_count {
	uint64_t malformed;
	uint64_t bad_offload;
	uint64_t no_buffer;
};

/** Adds @p n to @p counter of a queue's counts; the queue's worker. */
static inline void endpoint_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/** Allocates a zeroed endpoint of @p size bytes (its type's struct) and fills what all types share. NULL with @p err. */
struct endpoint *endpoint_alloc(size_t size, const struct endpoint_ops *ops,
				const struct endpoint_args *args, struct err *err);

/** Makes ep->rx_counts for @p n queues, on ep->socket; 0 or -ENOMEM with @p err. */
int endpoint_alloc_counts(struct endpoint *ep, uint16_t n, struct err *err);

/** Frees what the two above allocated; NULL is fine. */
void endpoint_free(struct endpoint *ep);

/** endpoint_close_many() for taps, which share the kernel's waiting times. */
void tap_close_many(struct endpoint **eps, size_t n);

/**
 * Closes the ethdevs that EAL was given and that were opened once (dev_probe.c):
 * they may hold mbufs until then. pools_free() calls it before the pools go.
 */
void dev_close_given(void);

#endif /* ENDPOINT_TYPES_H */
