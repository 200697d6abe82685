/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that closes descriptors: the last one of a netdev takes the kernel 20 ms,
 * and a namespace that goes may take many netdevs along. One per process.
 */
#ifndef ENDPOINT_WATCH_CLOSER_H
#define ENDPOINT_WATCH_CLOSER_H

/** Main, before the first watch_closer_close(); 0 or -errno. */
int watch_closer_start(void);

/** Main: ends when all that was handed over is closed. */
void watch_closer_stop(void);

/** Hands @p fd over; closes it here and now if the thread isn't running or has too much to do. Main and the reaper. */
void watch_closer_close(int fd);

#endif /* ENDPOINT_WATCH_CLOSER_H */
