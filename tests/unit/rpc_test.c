/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket as its clients see it: a real Unix socket, the server's loop
 * and its clients in one thread, each step of the loop made while a client waits.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/rpc.h"

#define MAX_CALLS   4096
#define PATIENCE_MS 20000
/* A deadline of the server, and how much later than that we look. */
#define SHORT_MS      300
#define WELL_AFTER_MS 1500

struct fixture {
	char dir[32];
	char path[64];
	int n_fds;
	struct event_base *base;
	struct rpc *rpc;
	int n_bigs; /* calls of "big" */
	int big_ms; /* how long each takes */
	int n_taken; /* connections that "take" was given, or learned to be gone */
	int taken; /* the last one */
	int n_calls;
	int calls[MAX_CALLS]; /* the "n" of each call of "count", in order */
};

static json_t *call_echo(const json_t *params, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return params != NULL ? json_deep_copy(params) : json_object();
}

static json_t *call_refuse(const json_t *params, void *arg, struct err *err)
{
	(void)params;
	(void)arg;
	err_set(err, EADDRINUSE, "vnic 'web': MAC 02:00:00:00:00:01 is in use by 'db'");
	return NULL;
}

/* A text that was cut within a character, as err_set() does at its end. */
static json_t *call_refuse_cut(const json_t *params, void *arg, struct err *err)
{
	(void)params;
	(void)arg;
	err_set(err, EINVAL, "no such file: caf\xc3");
	return NULL;
}

static json_t *call_speechless(const json_t *params, void *arg, struct err *err)
{
	(void)params;
	(void)arg;
	(void)err;
	return NULL;
}

static json_t *call_count(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {"n", "name", "all", NULL};
	struct fixture *f = arg;
	const char *name = "?";
	json_int_t n = -1;
	bool all = false;

	if (rpc_params_known(params, known, err) < 0 ||
	    rpc_param_int(params, "n", 0, 9999, &n, err) < 0 ||
	    rpc_param_bool(params, "all", &all, err) < 0 ||
	    rpc_param_string(params, "name", &name, err) < 0)
		return NULL;
	if (f->n_calls < MAX_CALLS)
		f->calls[f->n_calls++] = (int)n;
	return json_pack("{s:I,s:b,s:s}", "n", n, "all", all, "name", name);
}

static json_t *call_need(const json_t *params, void *arg, struct err *err)
{
	const char *name = NULL;

	(void)arg;
	return rpc_need_string(params, "name", &name, err) == 0 ? json_string(name) : NULL;
}

/* An answer of "bytes" bytes and a few. */
static json_t *call_big(const json_t *params, void *arg, struct err *err)
{
	json_int_t n = 0;
	json_t *s;
	char *text;

	((struct fixture *)arg)->n_bigs++;
	usleep((unsigned int)((struct fixture *)arg)->big_ms * 1000);
	if (rpc_param_int(params, "bytes", 0, 100 << 20, &n, err) < 0)
		return NULL;
	text = malloc((size_t)n + 1);
	assert_non_null(text);
	memset(text, 'x', (size_t)n);
	text[n] = '\0';
	s = json_string(text);
	free(text);
	return s;
}

static json_t *call_close(const json_t *params, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)params;
	(void)err;
	rpc_close(f->rpc);
	f->rpc = NULL;
	return json_string("closed");
}

static void take(int fd, void *arg)
{
	struct fixture *f = arg;

	f->n_taken++;
	f->taken = fd;
}

/* An answer of "bytes" bytes, and the connection becomes ours. */
static json_t *call_take(const json_t *params, void *arg, struct err *err)
{
	struct fixture *f = arg;

	if (rpc_hand_over(f->rpc, take, f, err) != 0)
		return NULL;
	f->n_bigs--;
	return call_big(params, arg, err);
}

static const struct rpc_method methods[] = {
	{"take", call_take},
	{"echo", call_echo},
	{"refuse", call_refuse},
	{"refuse.cut", call_refuse_cut},
	{"speechless", call_speechless},
	{"count", call_count},
	{"need", call_need},
	{"big", call_big},
	{"close", call_close},
};

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void open_server(struct fixture *f, const struct rpc_limits *limits)
{
	struct err e = {0};

	f->rpc = rpc_open(f->base, f->path, methods, sizeof(methods) / sizeof(methods[0]), f,
			  limits, &e);
	if (f->rpc == NULL)
		fail_msg("rpc_open: %s", e.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/vnic-rpc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	f->n_fds = count_fds();
	f->base = event_base_new();
	assert_non_null(f->base);
	*state = f;
	return 0;
}

/* Whatever the clients did: nothing of them is left, neither memory (ASan) nor fds. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	rpc_close(f->rpc);
	event_base_free(f->base);
	assert_int_equal(count_fds(), f->n_fds);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void turn_loop(struct fixture *f)
{
	event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void run_for(struct fixture *f, int ms)
{
	for (long end = now_ms() + ms; now_ms() < end; usleep(200))
		turn_loop(f);
}

static int connect_path(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Until the server has so many. */
static void wait_for_clients(struct fixture *f, unsigned int n)
{
	long end = now_ms() + PATIENCE_MS;

	while (rpc_n_clients(f->rpc) != n && now_ms() < end)
		turn_loop(f);
	assert_int_equal(rpc_n_clients(f->rpc), n);
}

/* The client goes, and the server has noticed. */
static void hang_up(struct fixture *f, int fd)
{
	unsigned int n = rpc_n_clients(f->rpc);

	close(fd);
	wait_for_clients(f, n - 1);
}

/* A client that the server has accepted; those before it are there or gone for good. */
static int client(struct fixture *f)
{
	unsigned int n = rpc_n_clients(f->rpc);
	int fd = connect_path(f->path);

	wait_for_clients(f, n + 1);
	return fd;
}

/* Sends all, however small the socket's buffer is. @return false: the server hung up */
static bool send_bytes(struct fixture *f, int fd, const char *bytes, size_t len)
{
	for (long end = now_ms() + PATIENCE_MS; len > 0;) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0 && now_ms() > end)
			fail_msg("the server doesn't read");
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		turn_loop(f);
	}
	return true;
}

static void say(struct fixture *f, int fd, const char *text)
{
	assert_true(send_bytes(f, fd, text, strlen(text)));
}

/* The next line without its newline, for the caller to free; NULL: end of the stream. */
static char *get_line(struct fixture *f, int fd)
{
	size_t n = 0, size = 1 << 16;
	char *buf = malloc(size);

	assert_non_null(buf);
	for (long end = now_ms() + PATIENCE_MS; now_ms() < end;) {
		ssize_t got = recv(fd, buf + n, size - n - 1, MSG_PEEK);
		char *nl;

		if (got < 0 && errno == EAGAIN) {
			turn_loop(f);
			continue;
		}
		if (got <= 0) {
			assert_int_equal(n, 0);
			free(buf);
			return NULL;
		}
		nl = memchr(buf + n, '\n', (size_t)got);
		got = recv(fd, buf + n, nl != NULL ? (size_t)(nl - buf) - n + 1 : (size_t)got, 0);
		n += (size_t)got;
		if (nl != NULL) {
			*nl = '\0';
			return buf;
		}
		if (size - n < 1 << 15) {
			buf = realloc(buf, size *= 2);
			assert_non_null(buf);
		}
	}
	fail_msg("no answer within %d ms", PATIENCE_MS);
	return NULL;
}

static void expect_line(struct fixture *f, int fd, const char *want)
{
	char *line = get_line(f, fd);

	assert_non_null(line);
	assert_string_equal(line, want);
	free(line);
}

static void expect_end(struct fixture *f, int fd)
{
	char *line = get_line(f, fd);

	if (line != NULL)
		fail_msg("expected the end of the stream, got %.200s", line);
	close(fd);
}

/* Nothing is to be read, and the connection stands. */
static void expect_silence(struct fixture *f, int fd)
{
	char c;

	run_for(f, 30);
	assert_int_equal(recv(fd, &c, 1, MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

/* The next line is an error of this code; its message contains @p words. */
static void expect_error(struct fixture *f, int fd, int code, const char *errno_name,
			 const char *words)
{
	char *line = get_line(f, fd);
	const char *message, *name;
	json_t *answer, *e;

	assert_non_null(line);
	answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	e = json_object_get(answer, "error");
	message = json_string_value(json_object_get(e, "message"));
	name = json_string_value(json_object_get(json_object_get(e, "data"), "errno"));
	if (message == NULL || strstr(message, words) == NULL ||
	    json_integer_value(json_object_get(e, "code")) != code ||
	    json_object_get(answer, "result") != NULL || json_object_get(answer, "id") == NULL ||
	    strcmp(json_string_value(json_object_get(answer, "jsonrpc")), "2.0") != 0)
		fail_msg("expected error %d '%s', got %.300s", code, words, line);
	if (errno_name != NULL)
		assert_string_equal(name, errno_name);
	else
		assert_null(name);
	json_decref(answer);
	free(line);
}

/* The server still works, for somebody new. */
static void expect_alive(struct fixture *f)
{
	int fd = client(f);

	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"a\":1},\"id\":99}\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{\"a\":1},\"id\":99}");
	hang_up(f, fd);
}

static void test_results(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	say(f, fd,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"k\":[1,null]},\"id\":1}\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{\"k\":[1,null]},\"id\":1}");
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":\"a-\xc3\xa9\"}\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":\"a-\xc3\xa9\"}");
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[],\"id\":null}\r\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":null}");
	/* Blank lines and notifications get no answer, the next request does. */
	say(f, fd,
	    "\n  \r\n{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":{\"n\":5}}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"refuse\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":2}");
	expect_silence(f, fd);
	assert_int_equal(f->n_calls, 1);
	assert_int_equal(f->calls[0], 5);
	close(fd);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"refuse\",\"id\":7}\n");
	expect_line(f, fd,
		    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":\"vnic 'web': MAC "
		    "02:00:00:00:00:01 is in use by 'db'\",\"data\":{\"errno\":\"EADDRINUSE\"}},"
		    "\"id\":7}");
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"refuse.cut\",\"id\":7}\n");
	expect_error(f, fd, -32000, "EINVAL", "no such file: caf?");
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"speechless\",\"id\":7}\n");
	expect_error(f, fd, -32603, NULL, "without a reason");
	close(fd);
}

static void test_form(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *words;
	} cases[] = {
		{"{", -32700, "parse error"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}}", -32700, "parse error"},
		{"GET / HTTP/1.1", -32700, "parse error"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1,\"id\":2}", -32700,
		 "duplicate"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"e\\u0000\",\"id\":1}", -32700, "parse error"},
		{"{\"method\":\"\xff\xfe\"}", -32700, "unable to decode"},
		{"[[[[[[", -32700, "parse error"},
		{"1", -32600, "not an object"},
		{"\"echo\"", -32600, "not an object"},
		{"null", -32600, "not an object"},
		{"[]", -32600, "empty batch"},
		{"{}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":1}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":2.0,\"method\":\"echo\",\"id\":1}", -32600, "jsonrpc"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "method"},
		{"{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":1}", -32600, "method"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":{}}", -32600, "id"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":3,\"id\":1}", -32600,
		 "params"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"link.shwo\",\"id\":1}", -32601, "'link.shwo'"},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"\",\"id\":1}", -32601, "not found"},
	};
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(f, fd, cases[i].line);
		say(f, fd, "\n");
		expect_error(f, fd, cases[i].code, NULL, cases[i].words);
	}
	/* The same connection serves on, and errors carry the id where there is one. */
	say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":\"mine\"}\n");
	expect_line(f, fd,
		    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"method not "
		    "found: 'x'\"},\"id\":\"mine\"}");
	close(fd);
}

static void test_params(void **state)
{
	static const struct {
		const char *method, *params, *words;
	} cases[] = {
		{"count", "{\"n\":\"5\"}", "'n' must be an integer from 0 to 9999"},
		{"count", "{\"n\":10000}", "'n' must be an integer"},
		{"count", "{\"n\":-1}", "'n' must be an integer"},
		{"count", "{\"n\":1.5}", "'n' must be an integer"},
		{"count", "{\"all\":1}", "'all' must be true or false"},
		{"count", "{\"name\":[]}", "'name' must be a string"},
		{"count", "{\"nmae\":\"web\"}", "unknown parameter 'nmae'"},
		{"count", "[1]", "by name"},
		{"need", "{}", "'name' is missing"},
		{"need", "{\"name\":\"\"}", "'name' is missing"},
		{"need", "{\"name\":null}", "'name' is missing"},
		{"need", "{\"name\":1}", "'name' must be a string"},
	};
	struct fixture *f = *state;
	char line[256];
	int fd;

	open_server(f, NULL);
	fd = client(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s,\"id\":1}\n",
			 cases[i].method, cases[i].params);
		say(f, fd, line);
		expect_error(f, fd, -32602, "EINVAL", cases[i].words);
	}
	assert_int_equal(f->n_calls, 0);
	say(f, fd,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":1,\"params\":"
	    "{\"n\":9999,\"all\":true,\"name\":\"web\"}}\n");
	expect_line(f, fd,
		    "{\"jsonrpc\":\"2.0\",\"result\":{\"n\":9999,\"all\":true,\"name\":"
		    "\"web\"},\"id\":1}");
	say(f, fd,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":1,\"params\":"
	    "{\"n\":null,\"all\":null,\"name\":null}}\n");
	expect_line(f, fd,
		    "{\"jsonrpc\":\"2.0\",\"result\":{\"n\":-1,\"all\":false,\"name\":\"?\"},"
		    "\"id\":1}");
	close(fd);
}

static void test_batch(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	say(f, fd,
	    "[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":{\"n\":1}},"
	    "7,"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":{\"n\":2},\"id\":\"b\"}]\n");
	expect_line(f, fd,
		    "[{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"invalid "
		    "request: not an object\"},\"id\":null},"
		    "{\"jsonrpc\":\"2.0\",\"result\":{\"n\":2,\"all\":false,\"name\":\"?\"},"
		    "\"id\":\"b\"}]");
	assert_int_equal(f->n_calls, 2);
	/* Nothing but notifications: not even an empty array. */
	say(f, fd,
	    "[{\"jsonrpc\":\"2.0\",\"method\":\"count\"},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"count\"}]\n");
	expect_silence(f, fd);
	assert_int_equal(f->n_calls, 4);
	/* An array within a batch is no batch. */
	say(f, fd, "[[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}]]\n");
	expect_line(f, fd,
		    "[{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"invalid "
		    "request: not an object\"},\"id\":null}]");
	close(fd);
}

static void test_partial_lines(void **state)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"s\":"
				      "\"\xc3\xa9\"},\"id\":1}\n";
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		char c;

		assert_int_equal(recv(fd, &c, 1, MSG_PEEK), -1);
		assert_true(send_bytes(f, fd, request + i, 1));
		turn_loop(f);
	}
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{\"s\":\"\xc3\xa9\"},\"id\":1}");
	/* Two and a half at once. */
	say(f, fd,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}\n{\"jsonrpc\":\"2.0\",");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1}");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":2}");
	expect_silence(f, fd);
	say(f, fd, "\"method\":\"echo\",\"id\":3}\n");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":3}");
	close(fd);
}

/* The sender closes its half at once: all that it asked for is answered, then the end. */
static void test_half_close(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	say(f, fd,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":{\"bytes\":3},\"id\":1}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":\"xxx\",\"id\":1}");
	expect_line(f, fd, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":2}");
	expect_end(f, fd);
	wait_for_clients(f, 0);
}

/* One client floods: a line each, a batch, notifications. Another's one request doesn't wait for all of it. */
static void test_fairness(void **state)
{
	struct fixture *f = *state;
	char *flood = malloc(1 << 18);

	assert_non_null(flood);
	open_server(f, NULL);
	for (int way = 0; way < 3; way++) {
		bool batch = way == 1, notify = way == 2;
		int greedy = client(f), modest = client(f);
		size_t n = 0;
		int place = 0;
		ssize_t sent;

		f->n_calls = 0;
		for (int i = 0; i < 1000; i++) {
			n += (size_t)sprintf(
				flood + n,
				"%s{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":"
				"{\"n\":1}%s}%s",
				batch ? i == 0 ? "[" : "," : "", notify ? "" : ",\"id\":1",
				batch ? i == 999 ? "]\n" : "" : "\n");
		}
		/* As much as its socket takes at once. */
		sent = send(greedy, flood, n, MSG_NOSIGNAL);
		assert_true(sent > 0);
		/* The daemon's other events come between two of its calls. */
		for (int i = 0; i < 5; i++)
			turn_loop(f);
		assert_true(f->n_calls <= 5);
		say(f, modest,
		    "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":{\"n\":2},"
		    "\"id\":1}\n");
		free(get_line(f, modest));
		while (place < f->n_calls && f->calls[place] != 2)
			place++;
		assert_true(place < 50);
		assert_true(send_bytes(f, greedy, flood + sent, n - (size_t)sent));
		for (int i = 0; i < (notify ? 0 : batch ? 1 : 1000); i++)
			free(get_line(f, greedy));
		for (long end = now_ms() + PATIENCE_MS; f->n_calls < 1001 && now_ms() < end;)
			turn_loop(f);
		run_for(f, 5);
		assert_int_equal(f->n_calls, 1001);
		close(greedy);
		close(modest);
		wait_for_clients(f, 0);
	}
	free(flood);
}

static void test_pipeline_order(void **state)
{
	struct fixture *f = *state;
	char want[96], *text = malloc(1 << 17);
	size_t n = 0;
	int fd;

	assert_non_null(text);
	open_server(f, NULL);
	fd = client(f);
	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n,
				     "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":%d}\n", i);
	assert_true(send_bytes(f, fd, text, n));
	for (int i = 0; i < 1000; i++) {
		snprintf(want, sizeof(want), "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":%d}", i);
		expect_line(f, fd, want);
	}
	close(fd);
	free(text);
}

static void test_long_line(void **state)
{
	static const char head[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"need\",\"id\":1,\"params\":{\"name\":\"";
	static const char tail[] = "\"}}";
	size_t max = rpc_default_limits.max_line;
	struct fixture *f = *state;
	char *line = malloc(2 * max);
	char *answer;
	int fd;

	assert_non_null(line);
	assert_int_equal(max, 1 << 20);
	open_server(f, NULL);
	memset(line, 'n', 2 * max);
	memcpy(line, head, sizeof(head) - 1);

	fd = client(f);
	memcpy(line + max - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	line[max] = '\n';
	assert_true(send_bytes(f, fd, line, max + 1));
	answer = get_line(f, fd);
	assert_non_null(answer);
	assert_int_equal(strlen(answer),
			 max - (sizeof(head) - 1) - (sizeof(tail) - 1) +
				 strlen("{\"jsonrpc\":\"2.0\",\"result\":\"\",\"id\":1}"));
	free(answer);
	/* One byte more is refused, and the connection ends: nobody knows where the next begins. */
	memset(line + max - 8, 'n', 16);
	line[max + 1] = '\n';
	(void)send_bytes(f, fd, line, max + 2);
	expect_error(f, fd, -32600, NULL, "too long");
	expect_end(f, fd);
	/* The same without any newline, and with more to come. */
	fd = client(f);
	memset(line, '[', 2 * max);
	(void)send_bytes(f, fd, line, 2 * max);
	expect_error(f, fd, -32600, NULL, "too long");
	expect_end(f, fd);
	/* Deep nesting is a parse error, no stack overflow. */
	fd = client(f);
	line[max - 1] = '\n';
	assert_true(send_bytes(f, fd, line, max));
	expect_error(f, fd, -32700, NULL, "depth");
	hang_up(f, fd);
	expect_alive(f);
	free(line);
}

/* Bytes of any value, in any pieces; a failing seed is printed. */
static void test_garbage(void **state)
{
	static const char *const seeds[] = {
		"{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"params\":{\"n\":1},\"id\":1}\n",
		"[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1},{},[]]\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"need\",\"params\":{\"name\":\"x\"},\"id\":\"y\"}"
		"\n",
	};
	struct fixture *f = *state;
	const char *given = getenv("VNIC_SEED");
	unsigned int seed = given != NULL ? (unsigned int)atoi(given) : (unsigned int)time(NULL);

	print_message("# VNIC_SEED=%u\n", seed);
	srand(seed);
	open_server(f, NULL);
	for (int round = 0; round < 300; round++) {
		int fd = client(f);

		for (int i = rand() % 8; i >= 0; i--) {
			char text[256];
			size_t len = (size_t)snprintf(text, sizeof(text), "%s", seeds[rand() % 3]);

			for (int change = rand() % 4; change > 0; change--)
				text[(size_t)rand() % len] =
					rand() % 3 ? "{}[]\",:\n\\0e."[rand() % 12] : (char)rand();
			if (!send_bytes(f, fd, text, 1 + (size_t)rand() % len))
				break;
			turn_loop(f);
		}
		close(fd);
		wait_for_clients(f, 0);
	}
	expect_alive(f);
}

static struct rpc_limits short_limits(void)
{
	struct rpc_limits l = rpc_default_limits;

	l.idle_ms = SHORT_MS;
	l.request_ms = SHORT_MS;
	l.reply_ms = SHORT_MS;
	return l;
}

static void test_silent_clients(void **state)
{
	struct rpc_limits l = short_limits();
	struct fixture *f = *state;
	int idle, half, served, dripping;
	long begin;

	l.idle_ms = 3 * SHORT_MS;
	open_server(f, &l);
	idle = client(f);
	half = client(f);
	say(f, half, "{\"jsonrpc\":");
	expect_error(f, half, -32600, NULL, "in time");
	expect_end(f, half);
	/* A byte now and then doesn't buy more time for the same request. */
	dripping = client(f);
	begin = now_ms();
	while (send_bytes(f, dripping, " ", 1) && now_ms() - begin < WELL_AFTER_MS)
		run_for(f, SHORT_MS / 5);
	assert_true(now_ms() - begin < WELL_AFTER_MS);
	expect_error(f, dripping, -32600, NULL, "in time");
	expect_end(f, dripping);
	/* The one that connected and said nothing. */
	expect_end(f, idle);
	/* Each request has its own time, even where one begins as the other ends. */
	served = client(f);
	say(f, served, "{\"jsonrpc\":\"2.0\",");
	for (int i = 0; i < 6; i++) {
		run_for(f, SHORT_MS / 3);
		say(f, served, "\"method\":\"count\"}\n{\"jsonrpc\":\"2.0\",");
	}
	say(f, served, "\"method\":\"need\",\"id\":1}\n");
	expect_error(f, served, -32602, "EINVAL", "missing");
	hang_up(f, served);
	/* One that asks again in time stays, longer than any of the limits. */
	served = client(f);
	for (int i = 0; i < 5; i++) {
		run_for(f, SHORT_MS);
		say(f, served, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}\n");
		expect_line(f, served, "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1}");
	}
	expect_end(f, served);
	assert_int_equal(rpc_n_clients(f->rpc), 0);
}

static void ask_big(struct fixture *f, int fd, size_t bytes)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":{\"bytes\":%zu},\"id\":1}\n",
		 bytes);
	say(f, fd, line);
}

/* Asks, and waits until the server has made the answer. */
static void ask_big_and_wait(struct fixture *f, int fd, size_t bytes)
{
	long end = now_ms() + PATIENCE_MS;
	int n = f->n_bigs;

	ask_big(f, fd, bytes);
	while (f->n_bigs == n && now_ms() < end)
		turn_loop(f);
	assert_int_equal(f->n_bigs, n + 1);
}

static void test_clients_that_do_not_read(void **state)
{
	struct rpc_limits l = short_limits();
	struct fixture *f = *state;
	char *line;
	int fd;

	l.request_ms = l.idle_ms = 60 * 1000;
	l.reply_ms = 4 * SHORT_MS;
	open_server(f, &l);
	fd = client(f);
	ask_big_and_wait(f, fd, 8 << 20);
	assert_int_equal(rpc_n_clients(f->rpc), 1);
	/* More requests don't help. */
	for (int i = 0; i < 20 && rpc_n_clients(f->rpc) > 0; i++) {
		say(f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":1}\n");
		run_for(f, SHORT_MS / 2);
	}
	assert_int_equal(rpc_n_clients(f->rpc), 0);
	assert_int_equal(f->n_calls, 0);
	close(fd);
	/* A slow one that goes on reading gets all, though it takes longer than the limit. */
	fd = client(f);
	ask_big(f, fd, 8 << 20);
	line = malloc(9 << 20);
	assert_non_null(line);
	for (size_t n = 0, chunk = 0; n == 0 || line[n - 1] != '\n';) {
		ssize_t got = recv(fd, line + n, (size_t)64 << 10, 0);

		if (got < 0 && errno == EAGAIN) {
			turn_loop(f);
			continue;
		}
		assert_true(got > 0);
		n += (size_t)got;
		chunk += (size_t)got;
		if (chunk >= (size_t)2 << 20) {
			run_for(f, l.reply_ms / 2);
			chunk = 0;
		}
	}
	free(line);
	hang_up(f, fd);
	/* One that goes away in the middle. */
	fd = client(f);
	ask_big_and_wait(f, fd, 8 << 20);
	hang_up(f, fd);
	expect_alive(f);
}

/* The time that an answer takes to be made is not the client's. */
static void test_slow_methods(void **state)
{
	struct rpc_limits l = short_limits();
	struct fixture *f = *state;
	char *line;
	int fd;

	l.reply_ms = WELL_AFTER_MS;
	f->big_ms = WELL_AFTER_MS + SHORT_MS;
	open_server(f, &l);
	fd = client(f);
	ask_big(f, fd, 8 << 20);
	line = get_line(f, fd);
	assert_non_null(line);
	assert_true(strlen(line) > 8 << 20);
	free(line);
	close(fd);
}

static void test_long_answers(void **state)
{
	struct rpc_limits l = rpc_default_limits;
	struct fixture *f = *state;
	int a, b, c;
	char *line;

	assert_true(l.max_reply >= (size_t)96 << 20); /* 65,000 vnics */
	l.max_reply = 4 << 20;
	l.max_buffered = 6 << 20;
	open_server(f, &l);
	a = client(f);
	b = client(f);
	c = client(f);
	ask_big(f, a, l.max_reply);
	expect_error(f, a, -32000, "EMSGSIZE", "too long");
	/* Two long ones that nobody reads; the second is told that there is no room, the third fits. */
	ask_big_and_wait(f, a, 3 << 20);
	ask_big_and_wait(f, b, 3 << 20);
	ask_big(f, b, 3 << 20);
	ask_big_and_wait(f, c, 3 << 20);
	expect_error(f, c, -32000, "EMSGSIZE", "other clients");
	ask_big(f, c, 1000);
	line = get_line(f, c);
	assert_non_null(line);
	assert_true(strlen(line) > 1000);
	free(line);
	for (int i = 0; i < 3; i++) {
		line = get_line(f, i == 0 ? a : b);
		assert_non_null(line);
		assert_true(strlen(line) > 3 << 20);
		free(line);
	}
	ask_big(f, c, 3 << 20);
	line = get_line(f, c);
	assert_non_null(line);
	assert_true(strlen(line) > 3 << 20);
	free(line);
	/* As many of them in a batch as one likes: they are sent one by one. */
	say(f, a,
	    "[{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":{\"bytes\":3000000},\"id\":1},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":{\"bytes\":3000000},\"id\":2},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"params\":{\"bytes\":3000000},\"id\":3}]\n");
	line = get_line(f, a);
	assert_non_null(line);
	assert_true(strlen(line) > 9000000);
	free(line);
	close(a);
	close(b);
	close(c);
}

static void test_too_many_clients(void **state)
{
	unsigned int max = rpc_default_limits.max_clients;
	struct fixture *f = *state;
	int fds[64] = {0}, extra;

	assert_int_equal(max, 64);
	open_server(f, NULL);
	for (unsigned int i = 0; i < max; i++)
		fds[i] = client(f);
	/* It may ask before it is told: the line is still there to be read. */
	extra = connect_path(f->path);
	assert_true(send(extra, "{}\n", 3, MSG_NOSIGNAL) == 3);
	expect_error(f, extra, -32000, "EUSERS", "64 are connected");
	close(extra);
	for (unsigned int i = 0; i < max; i++) {
		say(f, fds[i], "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}\n");
		expect_line(f, fds[i], "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1}");
	}
	close(fds[3]);
	wait_for_clients(f, max - 1);
	expect_alive(f);
	for (unsigned int i = 0; i < max; i++) {
		if (i != 3)
			close(fds[i]);
	}
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

static void expect_no_server(struct fixture *f, const char *path, int code, const char *words)
{
	struct err e = {0};

	assert_null(rpc_open(f->base, path, methods, 1, f, NULL, &e));
	if (e.code != code || strstr(e.text, words) == NULL)
		fail_msg("expected %s and '%s', got %s: %s", err_name(code), words,
			 err_name(e.code), e.text);
}

static void test_socket_file(void **state)
{
	static const mode_t umasks[] = {0, 022, 077, 0177, 0777};
	struct fixture *f = *state;
	char text[160], path[300];
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	for (size_t i = 0; i < sizeof(umasks) / sizeof(umasks[0]); i++) {
		mode_t old = umask(umasks[i]);

		open_server(f, NULL);
		umask(old);
		assert_int_equal(mode_of(f->path), 0660);
		rpc_close(f->rpc);
		assert_int_equal(access(f->path, F_OK), -1);
	}
	/* A dead one is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	open_server(f, NULL);
	/* A live one never, and it goes on undisturbed. */
	snprintf(text, sizeof(text), "%s is in use: process %d", f->path, (int)getpid());
	expect_no_server(f, f->path, EADDRINUSE, text);
	expect_alive(f);
	/* At the end nobody else's file is removed. */
	assert_int_equal(unlink(f->path), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	rpc_close(f->rpc);
	f->rpc = NULL;
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(unlink(f->path), 0);
	close(fd);
	/* A datagram socket is alive, too, as is one whose backlog is full. */
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	expect_no_server(f, f->path, EADDRINUSE, f->path);
	close(fd);
	assert_int_equal(unlink(f->path), 0);

	fd = open(f->path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	expect_no_server(f, f->path, EEXIST, "not a socket");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(symlink("/dev/null", f->path), 0);
	expect_no_server(f, f->path, EEXIST, "not a socket");
	assert_int_equal(unlink(f->path), 0);

	snprintf(path, sizeof(path), "%s/missing/sock", f->dir);
	snprintf(text, sizeof(text), "%s/missing: No such file or directory", f->dir);
	expect_no_server(f, path, ENOENT, text);
	expect_no_server(f, "/dev/null/sock", ENOTDIR, "/dev/null");
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	expect_no_server(f, path, ENAMETOOLONG, "108 bytes, at most 107");
	expect_no_server(f, "", EINVAL, "empty");
}

/* "config reload" with another socket path: who asked still hears the answer. */
static void test_close_from_a_method(void **state)
{
	static const char *const ways[] = {
		"{\"jsonrpc\":\"2.0\",\"method\":\"close\",\"id\":1}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":2}\n",
		"[{\"jsonrpc\":\"2.0\",\"method\":\"close\",\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":2}]\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"close\"}\n",
	};
	static const char *const answers[] = {
		"{\"jsonrpc\":\"2.0\",\"result\":\"closed\",\"id\":1}",
		"[{\"jsonrpc\":\"2.0\",\"result\":\"closed\",\"id\":1}]",
		NULL,
	};
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		int other, fd;

		open_server(f, NULL);
		other = client(f);
		fd = client(f);
		say(f, fd, ways[i]);
		if (answers[i] != NULL)
			expect_line(f, fd, answers[i]);
		expect_end(f, fd);
		expect_end(f, other);
		assert_null(f->rpc);
		assert_int_equal(f->n_calls, 0);
		assert_int_equal(access(f->path, F_OK), -1);
	}
}

static void wait_for_taken(struct fixture *f, int n)
{
	long end = now_ms() + PATIENCE_MS;

	while (f->n_taken < n && now_ms() < end)
		turn_loop(f);
	assert_int_equal(f->n_taken, n);
}

/* A method that keeps its connection: the client has its answer first, and is no client then. */
static void test_hand_over(void **state)
{
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"result\":\"\",\"id\":1}";
	static const char *const asks[] = {
		"{\"jsonrpc\":\"2.0\",\"method\":\"take\",\"id\":1}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"take\",\"id\":1}\n"
		"{\"jsonrpc\":\"2.0\",\"method\":\"count\",\"id\":2}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"take\"}\n",
	};
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	for (int i = 0; i < 3; i++) {
		fd = client(f);
		say(f, fd, asks[i]);
		if (i < 2)
			expect_line(f, fd, answer);
		wait_for_taken(f, i + 1);
		assert_int_equal(rpc_n_clients(f->rpc), 0);
		assert_true(f->taken >= 0);
		assert_int_equal(send(f->taken, "raw\n", 4, 0), 4);
		expect_line(f, fd, "raw");
		close(f->taken);
		expect_end(f, fd);
	}
	assert_int_equal(f->n_calls, 0);
	expect_alive(f);
}

/* Who leaves, or is left, before he has taken the answer: told so, once. */
static void test_hand_over_to_nobody(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_server(f, NULL);
	for (int i = 1; i <= 2; i++) {
		fd = client(f);
		say(f, fd,
		    "{\"jsonrpc\":\"2.0\",\"method\":\"take\",\"params\":{\"bytes\":8000000},"
		    "\"id\":1}\n");
		/* More than the socket holds: it isn't handed over yet. */
		run_for(f, SHORT_MS);
		assert_int_equal(f->n_taken, i - 1);
		if (i == 1) {
			hang_up(f, fd);
		} else {
			rpc_close(f->rpc);
			f->rpc = NULL;
			close(fd);
		}
		assert_int_equal(f->n_taken, i);
		assert_int_equal(f->taken, -1);
	}
}

/* A batch has other answers to come: refused, and the client goes on. */
static void test_hand_over_in_a_batch(void **state)
{
	struct fixture *f = *state;
	char *line;
	int fd;

	open_server(f, NULL);
	fd = client(f);
	say(f, fd,
	    "[{\"jsonrpc\":\"2.0\",\"method\":\"take\",\"id\":1},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}]\n");
	line = get_line(f, fd);
	assert_non_null(strstr(line, "EINVAL"));
	assert_non_null(strstr(line, "\"id\":2"));
	free(line);
	assert_int_equal(f->n_taken, 0);
	hang_up(f, fd);
	assert_int_equal(f->n_taken, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_results),
		TEST(test_refusals),
		TEST(test_form),
		TEST(test_params),
		TEST(test_batch),
		TEST(test_partial_lines),
		TEST(test_half_close),
		TEST(test_fairness),
		TEST(test_pipeline_order),
		TEST(test_long_line),
		TEST(test_garbage),
		TEST(test_silent_clients),
		TEST(test_clients_that_do_not_read),
		TEST(test_slow_methods),
		TEST(test_long_answers),
		TEST(test_too_many_clients),
		TEST(test_socket_file),
		TEST(test_close_from_a_method),
		TEST(test_hand_over),
		TEST(test_hand_over_to_nobody),
		TEST(test_hand_over_in_a_batch),
	};

	return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
