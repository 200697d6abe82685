/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: a JSON-RPC 2.0 server, one message a line (docs/rpc.md).
 *
 * It runs in the libevent loop of the main thread, which is also where the methods
 * are called, one at a time, so a method may touch whatever main owns and should
 * not take long. Clients take turns: one request each a turn of the loop, and the
 * next of the same client only after it has taken the last answer. What a client
 * can cost in memory and time is bounded by struct rpc_limits.
 *
 * The server belongs to the caller of rpc_open(); clients belong to the server.
 */
#ifndef CTL_RPC_H
#define CTL_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <jansson.h>

#include "base/err.h"

struct rpc;

struct rpc_method {
	const char *name; /**< "link.show" */
	/**
	 * @param params  an object, or NULL: none were given; borrowed
	 * @param arg     as given to rpc_open()
	 * @param err     to be filled on failure: code is told as data.errno, text as message
	 * @return the result, a new reference, or NULL with @p err filled
	 */
	json_t *(*call)(const json_t *params, void *arg, struct err *err);
};

/** What a client may cost. Every field counts; take rpc_default_limits and change some. */
struct rpc_limits {
	size_t max_line; /**< bytes of a request; longer: refused, connection closed */
	size_t max_reply; /**< bytes of an answer; longer: an error in its place */
	size_t max_buffered; /**< bytes of all clients' answers that wait to be read */
	unsigned int max_clients; /**< one more gets an error line and is closed */
	unsigned int idle_ms; /**< without any request */
	unsigned int request_ms; /**< from the first byte of a request to its newline */
	unsigned int reply_ms; /**< to take an answer, or at least 1 MiB more of it */
};

/**
 * 1 MiB a request, 128 MiB an answer, 256 MiB of answers, 64 clients; 300, 10 and
 * 30 seconds. 60,000 vnics with statistics are about 30 MB.
 */
extern const struct rpc_limits rpc_default_limits;

/**
 * Opens the socket (mode 0660; a dead daemon's file is replaced, a live one's never)
 * and serves it from @p base. The process ignores SIGPIPE from here on.
 * @param base     outlives the server
 * @param methods  a table that outlives the server
 * @param limits   copied; NULL: rpc_default_limits
 * @return NULL with @p err filled: EADDRINUSE, ENAMETOOLONG, ENOENT, EEXIST, …
 */
struct rpc *rpc_open(struct event_base *base, const char *path, const struct rpc_method *methods,
		     size_t n_methods, void *arg, const struct rpc_limits *limits, struct err *err);

/**
 * Closes and removes the socket, drops all clients. A method may call it: its own
 * client still gets the answer, from the loop, then the rest is freed.
 */
void rpc_close(struct rpc *r);

/**
 * For a method whose connection becomes something else: when the client has taken
 * the answer (or at once, to a notification), its fd belongs to @p take and the client is no
 * longer one of this server. A client that leaves before gives an fd of -1. @p take is called
 * once in any case, from the loop, not from within this function or rpc_open().
 * @return 0, or -EINVAL with @p err: a request of a batch can't
 */
int rpc_hand_over(struct rpc *r, void (*take)(int fd, void *arg), void *arg, struct err *err);

/** How many clients are connected. */
unsigned int rpc_n_clients(const struct rpc *r);

/**
 * An err code for what is wrong with the request itself, no errno: answered as
 * -32602 (invalid params) with data.errno EINVAL. The helpers below use it.
 */
#define RPC_EPARAMS 100000

/**
 * Getters of named parameters. @p params may be NULL. An absent or null parameter
 * leaves @p out as it was.
 * @return 0, or -RPC_EPARAMS with @p err filled: wrong type, out of range
 */
int rpc_param_string(const json_t *params, const char *name, const char **out, struct err *err);
int rpc_param_bool(const json_t *params, const char *name, bool *out, struct err *err);
int rpc_param_int(const json_t *params, const char *name, json_int_t min, json_int_t max,
		  json_int_t *out, struct err *err);

/** As rpc_param_string(), but absent, null and "" are errors. */
int rpc_need_string(const json_t *params, const char *name, const char **out, struct err *err);

/**
 * Refuses parameters that the method doesn't know, which else would be silently ignored.
 * @param names  ends with NULL
 */
int rpc_params_known(const json_t *params, const char *const names[], struct err *err);

#endif /* CTL_RPC_H */
