/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Closing descriptors of netdevs. The last one of a netdev takes the kernel 20 ms, nearly
 * all of which is waiting for others to have passed; many who wait wait together. So
 * many descriptors are closed by many threads: no other way is needed, whichever
 * namespaces the netdevs are in, and nothing can go but what the descriptors stand for.
 *
 * One more thread, of which there is one per process, closes what nobody waits for.
 */
#ifndef ENDPOINT_WATCH_CLOSER_H
#define ENDPOINT_WATCH_CLOSER_H

#include <stddef.h>

/** Main, before the first watch_closer_close(); 0 or -errno. */
int watch_closer_start(void);

/** Main: ends when all that was handed over is closed. */
void watch_closer_stop(void);

/** Hands @p fd over; closes it here and now if the thread isn't running or has too much to do. Main and the reaper. */
void watch_closer_close(int fd);

/** Closes all of @p fds, negative ones left out, and returns when they are closed. Any thread. */
void watch_closer_close_all(const int *fds, size_t n);

#endif /* ENDPOINT_WATCH_CLOSER_H */
