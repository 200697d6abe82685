/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request to the daemon's control socket, and its answer (docs/rpc.md).
 *
 * The answer is from another program, so its form is checked; what it contains is
 * JSON of any shape, which the printers must bear.
 */
#ifndef VNICCTL_CLIENT_H
#define VNICCTL_CLIENT_H

#include <jansson.h>

#include "base/err.h"

/** What the daemon answered: result, or else error (its reason, not empty). */
struct answer {
	json_t *message; /**< holds all of it; json_decref() it */
	const json_t *result;
	const char *error;
	const char *error_name; /**< "EADDRINUSE"; may be NULL */
	int error_code; /**< JSON-RPC's */
};

/**
 * Asks the daemon behind @p path.
 * @param params  borrowed; NULL: none
 * @return 0 with @p a filled, or -errno with @p err: not reached, or no proper answer
 */
int client_call(const char *path, const char *method, json_t *params, struct answer *a,
		struct err *err);

/**
 * As client_call() for a method whose connection becomes a stream: it stays open, and what
 * stands behind the answer's line has not been read.
 * @return the fd, for the caller to close, or -errno with @p err; with an error in @p a it is of no use
 */
int client_stream(const char *path, const char *method, json_t *params, struct answer *a,
		  struct err *err);

#endif /* VNICCTL_CLIENT_H */
