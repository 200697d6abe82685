/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames for the benches of TAPs: a packet socket makes a netdev of this namespace send, and they then wait at its
 * queue's descriptor. One thread; who can't go on ends the program.
 */
#ifndef BENCH_TAP_SENDER_H
#define BENCH_TAP_SENDER_H

#include <stddef.h>
#include <stdint.h>

#define SENDER_MAX_FRAME (65536 + 256)
#define SENDER_HEADERS	 54 /**< Ethernet, IPv4, TCP */

/** A socket that makes netdev @p name send. */
int sender_open(const char *name);

/** A TCP segment from 02:00:00:00:00:02 to …:01, or a super-frame of them, of @p len bytes behind its virtio-net header; bytes in all. */
size_t sender_make(char *b, size_t len);

/** Has @p n copies of it sent. */
void sender_offer(int fd, const char *b, size_t len, int n);

/** The median; @p values are sorted. */
uint64_t sender_median(uint64_t *values, size_t n);

#endif /* BENCH_TAP_SENDER_H */
