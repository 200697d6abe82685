/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "ctl/rpc_client.h"
#include "ctl/rpc_message.h"

/** A client that took this much of its answer in reply_ms is slow, not silent. */
#define MIN_PROGRESS ((size_t)1 << 20)
/** Answers up to this size are never refused for want of room: errors and "done" get through. */
#define SMALL_REPLY ((size_t)16 << 10)
/** After an answer of this size memory goes back to the system. */
#define LONG_REPLY ((size_t)4 << 20)

void rpc_client_free(struct rpc_client *c)
{
	LIST_REMOVE(c, entry);
	c->rpc->n_clients--;
	if (c->take != NULL)
		c->take(-1, c->take_arg);
	json_decref(c->batch);
	if (c->turn != NULL)
		event_free(c->turn);
	if (c->deadline != NULL)
		event_free(c->deadline);
	bufferevent_free(c->bev);
	free(c);
}

/** Ends @p c, and the server too if it was closed and only waited for this one. */
static void client_gone(struct rpc_client *c)
{
	struct rpc *r = c->rpc;

	rpc_client_free(c);
	if (r->closed && LIST_EMPTY(&r->clients))
		rpc_free(r);
}

/* The connection goes on without us; what came behind the request is nobody's. */
static void client_hand_over(struct rpc_client *c)
{
	int fd = bufferevent_getfd(c->bev);

	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	bufferevent_setfd(c->bev, -1);
	c->take(fd, c->take_arg);
	c->take = NULL;
	client_gone(c);
}

static void client_schedule(struct rpc_client *c)
{
	static const struct timeval now = {0, 0};

	if (!evtimer_pending(c->turn, NULL))
		evtimer_add(c->turn, &now);
}

static void client_set_wait(struct rpc_client *c, enum client_wait wait)
{
	const struct rpc_limits *l = &c->rpc->limits;
	unsigned int ms = wait == WAIT_IDLE	 ? l->idle_ms
			  : wait == WAIT_REQUEST ? l->request_ms
						 : l->reply_ms;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	c->wait = wait;
	c->unread = evbuffer_get_length(bufferevent_get_output(c->bev));
	/* libevent's clock stands still while we work, and an answer may have taken long to make. */
	event_base_update_cache_time(c->rpc->base);
	evtimer_add(c->deadline, &tv);
}

static size_t buffered(const struct rpc *r)
{
	const struct rpc_client *c;
	size_t sum = 0;

	LIST_FOREACH (c, &r->clients, entry)
		sum += evbuffer_get_length(bufferevent_get_output(c->bev));
	return sum;
}

/** @p answer as bytes, or an error in its place when it is too long for the limits. */
static struct evbuffer *answer_to_buffer(const struct rpc *r, const json_t *answer)
{
	size_t waiting = buffered(r);
	size_t room = waiting < r->limits.max_buffered ? r->limits.max_buffered - waiting : 0;
	struct evbuffer *buf;
	json_t *error;

	if (room < SMALL_REPLY)
		room = SMALL_REPLY;
	if (room > r->limits.max_reply)
		room = r->limits.max_reply;
	buf = rpc_to_buffer(answer, room);
	if (buf != NULL)
		return buf;
	error = rpc_error(json_object_get(answer, "id"), RPC_REFUSED, EMSGSIZE,
			  room == r->limits.max_reply
				  ? "the answer is too long; ask for less, one name at a time"
				  : "too many long answers wait for other clients; try again");
	/* An id can be as long as a request; without it the error has a length we know. */
	buf = rpc_to_buffer(error, r->limits.max_line + SMALL_REPLY);
	json_decref(error);
	return buf;
}

/** Sends @p answer as a line, or as an element of the batch's array. Takes the reference. */
static void client_say(struct rpc_client *c, json_t *answer)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct evbuffer *buf = answer_to_buffer(c->rpc, answer);

	json_decref(answer);
	/* 60,000 vnics are 30 MB of text, but ten times that as jansson's objects: not to keep. */
	if (buf != NULL && evbuffer_get_length(buf) >= LONG_REPLY)
		malloc_trim(0);
	if (buf == NULL) {
		c->closing = true; /* no memory: it learns from the end of the stream */
		return;
	}
	if (c->batch != NULL) {
		evbuffer_add(out, c->batch_answered ? "," : "[", 1);
		c->batch_answered = true;
	}
	evbuffer_add_buffer(out, buf);
	evbuffer_free(buf);
	if (c->batch == NULL)
		evbuffer_add(out, "\n", 1);
}

/** Says why, and nothing is read from @p c any more. */
static void client_refuse(struct rpc_client *c, enum rpc_code code, const char *text)
{
	bufferevent_disable(c->bev, EV_READ);
	c->closing = true;
	client_say(c, rpc_error(NULL, code, 0, text));
}

static void client_serve(struct rpc_client *c, const json_t *request)
{
	struct rpc *r = c->rpc;
	json_t *answer;

	r->calling = c;
	answer = rpc_answer(r->methods, r->n_methods, r->arg, request);
	r->calling = NULL;
	if (answer != NULL)
		client_say(c, answer);
	if (r->closed) {
		bufferevent_disable(c->bev, EV_READ);
		c->closing = true;
	}
}

static void client_serve_batch(struct rpc_client *c)
{
	client_serve(c, json_array_get(c->batch, c->batch_next++));
	if (c->batch_next < json_array_size(c->batch) && !c->closing)
		return;
	if (c->batch_answered)
		evbuffer_add(bufferevent_get_output(c->bev), "]\n", 2);
	json_decref(c->batch);
	c->batch = NULL;
}

/** One line of the input, @p len bytes of it, is a message: serves it. */
static void client_serve_line(struct rpc_client *c, const char *line, size_t len)
{
	json_error_t why;
	json_t *request;
	size_t i = 0;

	while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
		i++;
	if (i == len)
		return;
	request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (request == NULL) {
		char text[sizeof(why.text) + 64];

		snprintf(text, sizeof(text), "parse error: %s (column %d)", why.text, why.column);
		client_say(c, rpc_error(NULL, RPC_PARSE_ERROR, 0, text));
	} else if (!json_is_array(request)) {
		client_serve(c, request);
	} else if (json_array_size(request) == 0) {
		client_say(c, rpc_error(NULL, RPC_INVALID_REQUEST, 0,
					"invalid request: an empty batch"));
	} else {
		c->batch = request;
		c->batch_next = 0;
		c->batch_answered = false;
		client_serve_batch(c);
		return;
	}
	json_decref(request);
}

/** Has a line come in? @return its length, with @p end bytes of newline after it, or -1 */
static ssize_t client_line(struct rpc_client *c, size_t *end)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(in);
	struct evbuffer_ptr at;

	if (c->scanned < n) {
		if (evbuffer_ptr_set(in, &at, c->scanned, EVBUFFER_PTR_SET) < 0)
			return -1;
		at = evbuffer_search(in, "\n", 1, &at);
		if (at.pos >= 0) {
			*end = 1;
			return at.pos;
		}
	}
	c->scanned = n;
	*end = 0;
	/* The end of the stream ends a line, too: `printf '{…}' | nc -UN` shall do. */
	return c->eof && n > 0 ? (ssize_t)n : -1;
}

/** Serves the next line that @p c sent. @return false: there is none */
static bool client_serve_next(struct rpc_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t end = 0;
	ssize_t len = client_line(c, &end);
	unsigned char *line;

	if ((len < 0 ? evbuffer_get_length(in) : (size_t)len) > c->rpc->limits.max_line) {
		client_refuse(c, RPC_INVALID_REQUEST, "invalid request: the line is too long");
		return true;
	}
	if (len < 0)
		return false;
	c->scanned = 0;
	c->wait = WAIT_NONE;
	line = evbuffer_pullup(in, len);
	if (line != NULL || len == 0)
		client_serve_line(c, (const char *)line, (size_t)len);
	else
		c->closing = true; /* no memory */
	evbuffer_drain(in, (size_t)len + end);
	return true;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_client *c = arg;

	(void)fd;
	(void)what;
	/* Until it has taken its answer it gets no other; on_written() comes then. */
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
		return;
	if (c->closing) {
		client_gone(c);
		return;
	}
	if (c->take != NULL) {
		client_hand_over(c);
		return;
	}
	if (c->batch != NULL) {
		client_serve_batch(c);
	} else if (!client_serve_next(c)) {
		if (c->eof)
			client_gone(c);
		else if (evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
			client_set_wait(c, WAIT_IDLE);
		else if (c->wait != WAIT_REQUEST)
			client_set_wait(c, WAIT_REQUEST);
		return;
	}
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
		client_set_wait(c, WAIT_REPLY);
	else
		client_schedule(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_client *c = arg;
	size_t unread = evbuffer_get_length(bufferevent_get_output(c->bev));

	(void)fd;
	(void)what;
	if (c->wait == WAIT_REQUEST && unread == 0 && !c->closing) {
		client_refuse(c, RPC_INVALID_REQUEST,
			      "invalid request: its end did not come in time");
		client_set_wait(c, WAIT_REPLY);
	} else if (c->wait == WAIT_REPLY && unread > 0 && c->unread - unread >= MIN_PROGRESS) {
		client_set_wait(c, WAIT_REPLY);
	} else if (unread > 0 || c->closing || !evtimer_pending(c->turn, NULL)) {
		client_gone(c);
	}
	/* Else its turn is due in this very moment, and sets the next deadline. */
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_schedule(arg);
}

/** All of the answer was taken. */
static void on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_schedule(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct rpc_client *c = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0) {
		c->eof = true; /* perhaps of its half only: what it asked for is still served */
		client_schedule(c);
	} else {
		client_gone(c);
	}
}

void rpc_client_open(struct rpc *r, int fd)
{
	struct rpc_client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->rpc = r;
	c->bev = bufferevent_socket_new(r->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		close(fd);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&r->clients, c, entry);
	r->n_clients++;
	c->turn = evtimer_new(r->base, on_turn, c);
	c->deadline = evtimer_new(r->base, on_deadline, c);
	if (c->turn == NULL || c->deadline == NULL) {
		rpc_client_free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	/* One byte more than a line may have: that byte is its newline or it is too long. */
	bufferevent_setwatermark(c->bev, EV_READ, 0, r->limits.max_line + 1);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	client_set_wait(c, WAIT_IDLE);
}
