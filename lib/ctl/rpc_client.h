/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection of the control socket: lines in, answers out, its deadlines.
 * Private to rpc.c and rpc_client.c, as is what struct rpc is made of.
 *
 * Main thread. A client belongs to its server, which frees it at the latest.
 */
#ifndef CTL_RPC_CLIENT_H
#define CTL_RPC_CLIENT_H

#include <sys/queue.h>

#include "ctl/rpc.h"
#include "ctl/unix_socket.h"

struct bufferevent;
struct evconnlistener;

/** What the deadline of a client is for. */
enum client_wait { WAIT_NONE, WAIT_IDLE, WAIT_REQUEST, WAIT_REPLY };

struct rpc_client {
	struct rpc *rpc;
	LIST_ENTRY(rpc_client) entry;
	struct bufferevent *bev;
	struct event *turn; /* a timer of 0 s: after the sockets of all others were looked at */
	struct event *deadline;
	enum client_wait wait;
	size_t scanned; /* bytes of the input known to have no newline */
	size_t unread; /* bytes of the answer not taken when the deadline was set */
	json_t *batch; /* the batch being served, one request a turn; NULL: none */
	size_t batch_next;
	bool batch_answered; /* the array of answers has begun */
	void (*take)(int fd, void *arg); /* gets the connection after the answer; NULL: nobody */
	void *take_arg;
	bool eof; /* it will send no more */
	bool closing; /* to be closed as soon as it has taken its answer */
};

struct rpc {
	struct event_base *base;
	const struct rpc_method *methods;
	size_t n_methods;
	void *arg;
	struct rpc_limits limits;
	struct unix_socket sock;
	struct evconnlistener *listener;
	struct event *accept_again;
	LIST_HEAD(, rpc_client) clients;
	unsigned int n_clients;
	struct rpc_client *calling; /* whose request's method runs */
	bool closed; /* rpc_close() was called by that method */
};

/** Serves @p fd as one more client of @p r; closes it where memory is short. */
void rpc_client_open(struct rpc *r, int fd);

/** Hangs up, and frees @p c, but never its server. */
void rpc_client_free(struct rpc_client *c);

/** Frees a server that was closed and has no clients any more. */
void rpc_free(struct rpc *r);

#endif /* CTL_RPC_CLIENT_H */
