/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the head of an HTTP request: bytes of a stranger → what to answer. Pure.
 */
#ifndef CTL_HTTP_REQUEST_H
#define CTL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum http_status {
	HTTP_INCOMPLETE = 0, /**< the headers haven't ended yet */
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_NOT_FOUND = 404,
	HTTP_BAD_METHOD = 405,
	HTTP_HEAD_TOO_LONG = 431,
	HTTP_UNAVAILABLE = 503,
	HTTP_BAD_VERSION = 505,
};

struct http_request {
	bool is_head; /**< the client wants no body */
};

/**
 * Judges the first @p len bytes that a client sent. Nothing behind the headers is looked at.
 * @param path  the one that exists; a query behind it is ignored
 */
enum http_status http_request_parse(const char *data, size_t len, const char *path,
				    struct http_request *r);

/** "Not Found"; a static string, never NULL. */
const char *http_status_text(enum http_status status);

#endif /* CTL_HTTP_REQUEST_H */
