/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread of a capture: takes copies from the workers' rings, oldest first, and
 * writes them as pcapng to a socket.
 *
 * Main opens, starts, stops and closes a stream; between start and join only what is
 * said here is shared.
 */
#ifndef CTL_CAPTURE_STREAM_H
#define CTL_CAPTURE_STREAM_H

#include <pthread.h>

#include "base/err.h"
#include "conf/conf.h"
#include "dp/capture.h"

struct capture_stream {
	struct capture *capture;
	char name[CONF_NAME_LEN]; /**< of the vnic or port */
	char filter[CAPTURE_FILTER_MAX + 1];
	uint64_t limit; /**< frames; 0: no limit */
	int fd; /**< the client; -1: not started */
	int done_fd; /**< an eventfd that is told when the thread has ended */
	const char *why; /**< main, before `stop`: why it is stopped */
	bool stop; /**< main: rw (release), thread: ro (acquire) */
	bool done; /**< thread: rw (release), main: ro (acquire) */
	uint64_t written; /**< frames; thread: rw (relaxed), main: ro */
	/* The thread's own. */
	pthread_t thread;
	uint8_t *buffer;
	uint32_t n;
	uint64_t *lost; /**< by ring: told so far */
	bool gone; /**< the client */
};

/** Takes over @p fd, which is non-blocking. 0 or -errno, and the fd is still the caller's. */
int capture_stream_start(struct capture_stream *s, int fd);

/** Asks the thread to write what there is, within a second, and to end. */
void capture_stream_stop(struct capture_stream *s, const char *why);

/** Waits for the thread, closes the client. */
void capture_stream_join(struct capture_stream *s);

#endif /* CTL_CAPTURE_STREAM_H */
