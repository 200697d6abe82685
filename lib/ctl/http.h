/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A web server of one page, for metrics: GET and HEAD of one path, one request a
 * connection, everything else refused by number. No body is read, nothing is kept
 * alive, nothing is decoded, and what a client may cost in memory, time and descriptors is bounded
 * by struct http_limits: whoever reaches the port is a stranger. (libevent's evhttp does
 * far more than this page needs, and has no limit on connections before 2.2.)
 *
 * It runs in the libevent loop of the main thread, where the page is made, too. The
 * server belongs to the caller of http_open(); clients belong to the server.
 */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <stddef.h>

#include <event2/event.h>

#include "base/err.h"

struct http;

struct http_page {
	const char *path; /**< "/metrics" */
	const char *content_type;
	/**
	 * Makes the page.
	 * @param len  its bytes
	 * @return to be freed with free(); NULL: no memory, which the client is told
	 */
	char *(*make)(void *arg, size_t *len);
	void *arg;
};

/** What clients may cost. Every field counts; take http_default_limits and change some. */
struct http_limits {
	size_t max_head; /**< bytes of request line and headers; longer: 431 */
	size_t max_buffered; /**< bytes of all pages that wait to be read; beyond: 503 */
	unsigned int max_clients; /**< the next one takes the place of one that asked nothing yet */
	unsigned int request_ms; /**< from connect to the end of the headers */
	unsigned int reply_ms; /**< to take the page */
};

/** 8 KiB, 256 MiB, 32 clients, 5 and 30 seconds. */
extern const struct http_limits http_default_limits;

/**
 * Listens on @p address, "ADDR:PORT" or "[ADDR6]:PORT", and serves @p page from @p base.
 * The process ignores SIGPIPE from here on.
 * @param page    copied, with borrowed strings
 * @param limits  copied; NULL: http_default_limits
 * @return NULL with @p err filled: EADDRINUSE, EADDRNOTAVAIL, EACCES, …
 */
struct http *http_open(struct event_base *base, const char *address, const struct http_page *page,
		       const struct http_limits *limits, struct err *err);

/** Stops listening and drops all clients; NULL is fine. Not from within `make`. */
void http_close(struct http *h);

#endif /* CTL_HTTP_H */
