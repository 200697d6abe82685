/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 messages without a socket: a request goes in, its answer comes out.
 *
 * Any thread that may call the methods; values only, each return is a new reference.
 */
#ifndef CTL_RPC_MESSAGE_H
#define CTL_RPC_MESSAGE_H

#include "ctl/rpc.h"

struct evbuffer;

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_REFUSED = -32000, /**< the method's own error */
};

/**
 * Serves one request (not a batch): checks it, calls its method.
 * @return the answer, or NULL: a notification, which gets none (or memory is short)
 */
json_t *rpc_answer(const struct rpc_method *methods, size_t n_methods, void *arg,
		   const json_t *request);

/**
 * An error answer.
 * @param id    NULL: not known, told as null
 * @param code  a positive errno for data.errno; 0: none
 * @param text  any bytes; what is not UTF-8 is replaced
 */
json_t *rpc_error(const json_t *id, enum rpc_code rpc_code, int code, const char *text);

/**
 * Writes @p message as JSON of at most @p room bytes, without a newline.
 * @return a buffer for the caller to free, or NULL: too long, @p message NULL, memory short
 */
struct evbuffer *rpc_to_buffer(const json_t *message, size_t room);

#endif /* CTL_RPC_MESSAGE_H */
