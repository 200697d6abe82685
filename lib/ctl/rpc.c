/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "ctl/rpc.h"
#include "ctl/rpc_client.h"
#include "ctl/rpc_message.h"

const struct rpc_limits rpc_default_limits = {
	.max_line = (size_t)1 << 20,
	.max_reply = (size_t)128 << 20,
	.max_buffered = (size_t)256 << 20,
	.max_clients = 64,
	.idle_ms = 300 * 1000,
	.request_ms = 10 * 1000,
	.reply_ms = 30 * 1000,
};

void rpc_free(struct rpc *r)
{
	if (r->accept_again != NULL)
		event_free(r->accept_again);
	free(r);
}

/** One client too many: told so, as far as its socket takes it, and closed. */
static void turn_away(int fd, unsigned int max_clients)
{
	char text[64];
	json_t *error;
	char *line;

	snprintf(text, sizeof(text), "too many clients: %u are connected", max_clients);
	error = rpc_error(NULL, RPC_REFUSED, EUSERS, text);
	line = json_dumps(error, JSON_COMPACT);
	if (line != NULL) {
		struct iovec iov[] = {{line, strlen(line)}, {(char[]){'\n'}, 1}};
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

		(void)!sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	free(line);
	json_decref(error);
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct rpc *r = arg;

	(void)listener;
	(void)sa;
	(void)len;
	if (r->n_clients >= r->limits.max_clients)
		turn_away(fd, r->limits.max_clients);
	else
		rpc_client_open(r, fd);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct rpc *r = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(r->listener);
}

/** No fd is left: the waiting client would wake us without end, so look again in a second. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	static const struct timeval second = {1, 0};
	struct rpc *r = arg;

	evconnlistener_disable(listener);
	evtimer_add(r->accept_again, &second);
}

struct rpc *rpc_open(struct event_base *base, const char *path, const struct rpc_method *methods,
		     size_t n_methods, void *arg, const struct rpc_limits *limits, struct err *err)
{
	struct rpc *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ENOMEM, "no memory for the control socket");
		return NULL;
	}
	r->base = base;
	r->methods = methods;
	r->n_methods = n_methods;
	r->arg = arg;
	r->limits = limits != NULL ? *limits : rpc_default_limits;
	LIST_INIT(&r->clients);
	if (unix_socket_open(&r->sock, path, err) < 0) {
		free(r);
		return NULL;
	}
	/* libevent writes with writev(), which has no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	r->accept_again = evtimer_new(base, on_accept_again, r);
	r->listener = evconnlistener_new(base, on_accept, r, LEV_OPT_CLOSE_ON_EXEC, 0, r->sock.fd);
	if (r->listener == NULL || r->accept_again == NULL) {
		err_set(err, ENOMEM, "no memory for the control socket");
		rpc_close(r);
		return NULL;
	}
	evconnlistener_set_error_cb(r->listener, on_accept_error);
	return r;
}

void rpc_close(struct rpc *r)
{
	struct rpc_client *c, *next;

	if (r == NULL || r->closed)
		return;
	if (r->listener != NULL)
		evconnlistener_free(r->listener);
	r->listener = NULL;
	unix_socket_close(&r->sock);
	if (r->accept_again != NULL)
		evtimer_del(r->accept_again);
	for (c = LIST_FIRST(&r->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (c != r->calling)
			rpc_client_free(c);
	}
	r->closed = true;
	if (r->calling == NULL)
		rpc_free(r);
}

int rpc_hand_over(struct rpc *r, void (*take)(int fd, void *arg), void *arg, struct err *err)
{
	if (r->calling == NULL || r->calling->batch != NULL || r->calling->take != NULL)
		return err_set(err, EINVAL, "this method can't be part of a batch");
	r->calling->take = take;
	r->calling->take_arg = arg;
	return 0;
}

unsigned int rpc_n_clients(const struct rpc *r)
{
	return r->n_clients;
}
