/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics port: reading of requests byte by byte, and what clients may cost. Server
 * and clients are in one thread; a step of the loop is made while a client waits. What
 * strangers send to a running forwarder is in tests/functional/metrics_http_test.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/http.h"
#include "ctl/http_request.h"

#define GOOD	    "GET /page HTTP/1.1\r\n\r\n"
#define PATIENCE_MS 20000
#define PAGE_LEN    (4u << 20) /* more than the kernel takes at once */

/* ---- requests ---- */

/* From a block that ends where the bytes end, so that ASan sees a step beyond. */
static enum http_status judge(const char *data, size_t len, struct http_request *r)
{
	char *copy = malloc(len + 1);
	enum http_status status;

	assert_non_null(copy);
	memcpy(copy + 1, data, len);
	status = http_request_parse(copy + 1, len, "/page", r);
	free(copy);
	return status;
}

static void assert_status(const char *text, enum http_status wanted)
{
	struct http_request r;
	enum http_status got = judge(text, strlen(text), &r);

	if (got != wanted)
		fail_msg("%d, not %d: %s", (int)got, (int)wanted, text);
}

static void test_requests(void **state)
{
	(void)state;
	assert_status("GET /page HTTP/1.1\r\n\r\n", HTTP_OK);
	assert_status("HEAD /page HTTP/1.0\nHost: x\n\nbody", HTTP_OK);
	assert_status("GET /page?a=b?c HTTP/1.1\r\n\r\n", HTTP_OK);
	assert_status("GET http://host:1/page?x HTTP/1.1\r\n\r\n", HTTP_OK);
	assert_status("GET /page/ HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("GET /pag HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("GET /?/page HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("GET http:// HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("GET http://page HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("GET https://host/page HTTP/1.1\r\n\r\n", HTTP_NOT_FOUND);
	assert_status("PUT /page HTTP/1.1\r\n\r\n", HTTP_BAD_METHOD);
	assert_status("GETS /page HTTP/1.1\r\n\r\n", HTTP_BAD_METHOD);
	assert_status("GET /page HTTP/2.0\r\n\r\n", HTTP_BAD_VERSION);
	assert_status("GET /page HTTP/1.1 x\r\n\r\n", HTTP_BAD_REQUEST);
	assert_status("GET /page XTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST);
	assert_status("GET /page\r\n\r\n", HTTP_BAD_REQUEST);
	assert_status(" GET /page HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST);
	assert_status("\n\n", HTTP_BAD_REQUEST);
	assert_status("\r\n\r\n", HTTP_BAD_REQUEST);
	assert_status("", HTTP_INCOMPLETE);
	assert_status("GET /page HTTP/1.1\r\nA: b\r\n\r", HTTP_INCOMPLETE);
}

/* However a request is cut, it isn't one before its end, and stays the same after. */
static void test_every_length(void **state)
{
	static const char text[] = "HEAD http://h/page?q HTTP/1.1\r\nHost: h\r\n\r\n";
	struct http_request r;
	char with_nul[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		assert_int_equal(judge(text, n, &r), HTTP_INCOMPLETE);
		memcpy(with_nul, text, sizeof(text));
		with_nul[n] = '\0';
		judge(with_nul, sizeof(text) - 1, &r);
	}
	assert_int_equal(judge(text, sizeof(text) - 1, &r), HTTP_OK);
	assert_true(r.is_head);
	assert_int_equal(judge(GOOD, strlen(GOOD), &r), HTTP_OK);
	assert_false(r.is_head);
}

/* ---- the server ---- */

struct fixture {
	struct event_base *base;
	struct http *http;
	struct http_limits limits;
	struct sockaddr_in sa;
	char address[32];
	size_t page_len;
	int n_made;
	unsigned int make_ms; /* how long each takes */
};

static char *make(void *arg, size_t *len)
{
	struct fixture *f = arg;
	char *page = malloc(f->page_len);

	assert_non_null(page);
	memset(page, 'p', f->page_len);
	usleep(f->make_ms * 1000);
	*len = f->page_len;
	f->n_made++;
	return page;
}

/* A port that the kernel says is free. */
static void choose_address(struct fixture *f)
{
	socklen_t len = sizeof(f->sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	f->sa = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_int_equal(bind(fd, (struct sockaddr *)&f->sa, sizeof(f->sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&f->sa, &len), 0);
	snprintf(f->address, sizeof(f->address), "127.0.0.1:%u", ntohs(f->sa.sin_port));
	close(fd);
}

static void open_server(struct fixture *f)
{
	const struct http_page page = {"/page", "text/plain", make, f};
	struct err err = {0};

	/* Somebody else may be quicker. */
	for (int i = 0; f->http == NULL && i < 10; i++) {
		choose_address(f);
		f->http = http_open(f->base, f->address, &page, &f->limits, &err);
	}
	if (f->http == NULL)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->base = event_base_new();
	f->limits = http_default_limits;
	f->page_len = 1000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_close(f->http);
	event_base_free(f->base);
	free(f);
	return 0;
}

static int connect_to(const struct fixture *f)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&f->sa, sizeof(f->sa)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void step(struct fixture *f)
{
	static const struct timespec ms = {0, 1000000};

	event_base_loop(f->base, EVLOOP_NONBLOCK);
	nanosleep(&ms, NULL);
}

/* Reads until the server hangs up; at most @p len bytes are kept. Returns how many came. */
static size_t read_all(struct fixture *f, int fd, char *buf, size_t len)
{
	static char more[1 << 16];
	size_t n = 0;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		ssize_t got;

		while ((got = recv(fd, more, sizeof(more), MSG_DONTWAIT)) > 0) {
			for (ssize_t i = 0; i < got && n + (size_t)i < len; i++)
				buf[n + (size_t)i] = more[i];
			n += (size_t)got;
		}
		if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
			close(fd);
			return n;
		}
		step(f);
	}
	fail_msg("the server did not hang up");
	return 0;
}

static void assert_answer(struct fixture *f, int fd, const char *start)
{
	char buf[256] = "";

	read_all(f, fd, buf, sizeof(buf) - 1);
	if (strncmp(buf, start, strlen(start)) != 0)
		fail_msg("not %s: %s", start, buf);
}

static void test_whole_page(void **state)
{
	struct fixture *f = *state;
	char buf[256] = "";
	const char *end;
	size_t n;
	int fd;

	f->page_len = PAGE_LEN;
	open_server(f);
	fd = connect_to(f);
	say(fd, GOOD);
	n = read_all(f, fd, buf, sizeof(buf) - 1);
	end = strstr(buf, "\r\n\r\n");
	assert_non_null(end);
	assert_non_null(strstr(buf, "Content-Length: 4194304\r\n"));
	assert_int_equal(n - (size_t)(end + 4 - buf), PAGE_LEN);
}

/* Pages that nobody reads fill the limit, and once their readers are gone there is room again. */
static void test_buffered(void **state)
{
	struct fixture *f = *state;
	int deaf[3];

	f->page_len = PAGE_LEN;
	f->limits.max_buffered = 2 * PAGE_LEN + 1;
	open_server(f);
	for (int i = 0; i < 3; i++) {
		deaf[i] = connect_to(f);
		say(deaf[i], GOOD);
		for (int ms = 0; f->n_made <= i && ms < PATIENCE_MS; ms++)
			step(f);
		assert_int_equal(f->n_made, i + 1);
	}
	assert_answer(f, deaf[2], "HTTP/1.1 503 ");
	close(deaf[0]);
	read_all(f, deaf[1], NULL, 0);
	for (int ms = 0; ms < 20; ms++)
		step(f);
	deaf[0] = connect_to(f);
	say(deaf[0], GOOD);
	assert_answer(f, deaf[0], "HTTP/1.1 200 ");
}

/* The fullest house: who has asked is served, who is silent makes room, from the oldest on. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	int reader, silent, late, last;

	f->page_len = PAGE_LEN;
	f->limits.max_clients = 2;
	open_server(f);
	reader = connect_to(f);
	say(reader, GOOD);
	for (int ms = 0; f->n_made == 0 && ms < PATIENCE_MS; ms++)
		step(f);
	silent = connect_to(f);
	late = connect_to(f);
	say(late, GOOD);
	assert_int_equal(read_all(f, silent, NULL, 0), 0);
	for (int ms = 0; f->n_made < 2 && ms < PATIENCE_MS; ms++)
		step(f);
	/* Both are readers now. */
	last = connect_to(f);
	assert_int_equal(read_all(f, last, NULL, 0), 0);
	assert_true(read_all(f, late, NULL, 0) > PAGE_LEN);
	assert_true(read_all(f, reader, NULL, 0) > PAGE_LEN);
}

static void test_deadlines(void **state)
{
	struct fixture *f = *state;
	char buf[16];
	int fd;

	f->page_len = 4 * PAGE_LEN;
	f->limits.request_ms = 50;
	f->limits.reply_ms = 50;
	open_server(f);
	fd = connect_to(f);
	say(fd, "GET /page HTTP/1.1\r\n");
	assert_int_equal(read_all(f, fd, buf, sizeof(buf)), 0);
	/* A reader that takes nothing in time loses the rest. */
	fd = connect_to(f);
	say(fd, GOOD);
	for (int ms = 0; ms < 1000; ms++)
		step(f);
	assert_true(read_all(f, fd, buf, sizeof(buf)) < f->page_len);
	/* The time that a page takes to be made is not the reader's. */
	f->limits.reply_ms = 1500;
	http_close(f->http);
	f->http = NULL;
	f->make_ms = 2000;
	open_server(f);
	fd = connect_to(f);
	say(fd, GOOD);
	assert_true(read_all(f, fd, buf, sizeof(buf)) > f->page_len);
}

static void test_in_use(void **state)
{
	struct fixture *f = *state;
	const struct http_page page = {"/page", "text/plain", make, f};
	struct err err = {0};

	open_server(f);
	assert_null(http_open(f->base, f->address, &page, NULL, &err));
	assert_int_equal(err.code, EADDRINUSE);
	assert_non_null(strstr(err.text, f->address));
	assert_null(http_open(f->base, "192.0.2.1:9477", &page, NULL, &err));
	assert_int_equal(err.code, EADDRNOTAVAIL);
}

/* Closed with clients in every state: nothing is left, says LeakSanitizer. */
static void test_close(void **state)
{
	struct fixture *f = *state;
	int fds[3];

	f->page_len = PAGE_LEN;
	open_server(f);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_to(f);
	say(fds[0], GOOD);
	say(fds[1], "GET / HTTP/1.1\r\n\r\n");
	for (int ms = 0; ms < 20; ms++)
		step(f);
	http_close(f->http);
	f->http = NULL;
	for (int i = 0; i < 3; i++)
		read_all(f, fds[i], NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test_setup_teardown(test_whole_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
