/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "ctl/http.h"
#include "ctl/http_request.h"

#define BACKLOG 64
/** After the answer: how long a client may take to notice and hang up. */
#define LINGER_MS 2000

const struct http_limits http_default_limits = {
	.max_head = 8192,
	.max_buffered = (size_t)256 << 20,
	.max_clients = 32,
	.request_ms = 5 * 1000,
	.reply_ms = 30 * 1000,
};

enum client_state {
	ASKING, /* until its headers end */
	ANSWERED, /* until it has taken the answer */
	LINGERING, /* until it hangs up: closed with bytes unread, TCP would take the answer back */
};

struct http_client {
	TAILQ_ENTRY(http_client) entry;
	struct http *http;
	struct bufferevent *bev;
	struct event *deadline;
	enum client_state state;
	size_t page_len; /* of http->buffered */
	bool ended; /* it sends no more */
};

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *accept_again;
	struct http_page page;
	struct http_limits limits;
	size_t buffered; /* bytes of pages that clients hold */
	unsigned int n_clients;
	TAILQ_HEAD(, http_client) clients; /* the oldest first */
};

/* ---- clients ---- */

static void client_free(struct http_client *c)
{
	TAILQ_REMOVE(&c->http->clients, c, entry);
	c->http->n_clients--;
	c->http->buffered -= c->page_len;
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	free(c);
}

static void client_set_state(struct http_client *c, enum client_state state, unsigned int ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	c->state = state;
	/* libevent's clock stands still while we work, and a page may have taken long to make. */
	event_base_update_cache_time(c->http->base);
	evtimer_add(c->deadline, &tv);
}

static void free_page(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	free(arg);
}

static void send_head(struct http_client *c, enum http_status status, const char *type, size_t len)
{
	evbuffer_add_printf(bufferevent_get_output(c->bev),
			    "HTTP/1.1 %d %s\r\n%s"
			    "Content-Type: %s\r\n"
			    "Content-Length: %zu\r\n"
			    "Connection: close\r\n\r\n",
			    (int)status, http_status_text(status),
			    status == HTTP_BAD_METHOD ? "Allow: GET, HEAD\r\n" : "", type, len);
}

static void send_status(struct http_client *c, enum http_status status, bool with_body)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "%d %s\n", (int)status, http_status_text(status));

	send_head(c, status, "text/plain; charset=utf-8", (size_t)len);
	if (with_body)
		evbuffer_add(bufferevent_get_output(c->bev), text, (size_t)len);
}

/* The buffer refers to the page: a copy of 100 MB would take main's time for nothing. */
static void send_page(struct http_client *c, bool with_body)
{
	struct http *h = c->http;
	size_t len = 0;
	char *page = h->buffered < h->limits.max_buffered ? h->page.make(h->page.arg, &len) : NULL;

	if (page == NULL || len > h->limits.max_buffered - h->buffered) {
		free(page);
		send_status(c, HTTP_UNAVAILABLE, with_body);
		return;
	}
	send_head(c, HTTP_OK, h->page.content_type, len);
	if (!with_body || evbuffer_add_reference(bufferevent_get_output(c->bev), page, len,
						 free_page, page) != 0) {
		free(page);
		return;
	}
	c->page_len = len;
	h->buffered += len;
}

static void answer(struct http_client *c, enum http_status status, bool is_head)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	/* From here on what comes is thrown away, as it comes. */
	evbuffer_drain(in, evbuffer_get_length(in));
	bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
	if (status == HTTP_OK)
		send_page(c, !is_head);
	else
		send_status(c, status, !is_head);
	client_set_state(c, ANSWERED, c->http->limits.reply_ms);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct http_client *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(in);
	struct http_request r = {0};
	enum http_status status;
	const char *head;

	if (c->state != ASKING) {
		evbuffer_drain(in, len);
		return;
	}
	if (len > c->http->limits.max_head)
		len = c->http->limits.max_head;
	head = (const char *)evbuffer_pullup(in, (ev_ssize_t)len);
	if (head == NULL) {
		client_free(c);
		return;
	}
	status = http_request_parse(head, len, c->http->page.path, &r);
	if (status == HTTP_INCOMPLETE && len < c->http->limits.max_head)
		return;
	answer(c, status == HTTP_INCOMPLETE ? HTTP_HEAD_TOO_LONG : status, r.is_head);
}

/* All of the answer is with the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct http_client *c = arg;

	if (c->state != ANSWERED)
		return;
	c->http->buffered -= c->page_len;
	c->page_len = 0;
	if (c->ended) {
		client_free(c);
		return;
	}
	shutdown(bufferevent_getfd(bev), SHUT_WR);
	client_set_state(c, LINGERING, LINGER_MS);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
	struct http_client *c = arg;

	(void)bev;
	/* Who shuts down its sending half still gets the answer. */
	if ((what & BEV_EVENT_EOF) != 0 && c->state == ANSWERED)
		c->ended = true;
	else
		client_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_free(arg);
}

static void client_open(struct http *h, int fd)
{
	struct http_client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->http = h;
	TAILQ_INSERT_TAIL(&h->clients, c, entry);
	h->n_clients++;
	c->bev = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->deadline = evtimer_new(h->base, on_deadline, c);
	if (c->bev == NULL || c->deadline == NULL) {
		if (c->bev == NULL)
			close(fd);
		client_free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_end, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, h->limits.max_head);
	client_set_state(c, ASKING, h->limits.request_ms);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* Silent clients can't keep others out: the one that has been silent longest makes room. */
static bool make_room(struct http *h)
{
	struct http_client *c;

	if (h->n_clients < h->limits.max_clients)
		return true;
	TAILQ_FOREACH (c, &h->clients, entry) {
		if (c->state == ANSWERED)
			continue;
		client_free(c);
		return true;
	}
	return false;
}

/* ---- listening ---- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct http *h = arg;

	(void)listener;
	(void)sa;
	(void)len;
	if (make_room(h))
		client_open(h, fd);
	else
		close(fd);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(h->listener);
}

/* No fd is left: the waiting client would wake us without end, so look again in a second. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	static const struct timeval second = {1, 0};
	struct http *h = arg;

	evconnlistener_disable(listener);
	evtimer_add(h->accept_again, &second);
}

static int listen_on(const char *address, struct err *err)
{
	struct sockaddr_storage ss = {0};
	int len = sizeof(ss), on = 1, saved, fd;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&ss, &len) != 0)
		return err_set(err, EINVAL, "metrics: '%.100s' is not ADDR:PORT", address);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "metrics: a socket: %s", strerror(errno));
	/* The restart of a daemon doesn't wait for old connections to be forgotten. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, (socklen_t)len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	return err_set(err, saved, "metrics: can't listen on %.100s: %s", address, strerror(saved));
}

struct http *http_open(struct event_base *base, const char *address, const struct http_page *page,
		       const struct http_limits *limits, struct err *err)
{
	struct http *h;
	int fd = listen_on(address, err);

	if (fd < 0)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		close(fd);
		err_set(err, ENOMEM, "no memory for metrics");
		return NULL;
	}
	h->base = base;
	h->page = *page;
	h->limits = limits != NULL ? *limits : http_default_limits;
	TAILQ_INIT(&h->clients);
	/* libevent writes with writev(), which has no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	h->accept_again = evtimer_new(base, on_accept_again, h);
	h->listener = evconnlistener_new(base, on_accept, h,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (h->listener == NULL)
		close(fd);
	if (h->listener == NULL || h->accept_again == NULL) {
		err_set(err, ENOMEM, "no memory for metrics");
		http_close(h);
		return NULL;
	}
	evconnlistener_set_error_cb(h->listener, on_accept_error);
	return h;
}

void http_close(struct http *h)
{
	if (h == NULL)
		return;
	if (h->listener != NULL)
		evconnlistener_free(h->listener);
	if (h->accept_again != NULL)
		event_free(h->accept_again);
	while (!TAILQ_EMPTY(&h->clients))
		client_free(TAILQ_FIRST(&h->clients));
	free(h);
}
