/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture.h"
#include "capture_text.h"
#include "client.h"
#include "commands.h"
#include "complain.h"

enum { DONE, REFUSED, USAGE };

#define CHUNK ((size_t)64 << 10)

/* ---- words ---- */

struct request {
	const char *name;
	const char *direction;
	const char *file; /* NULL: text; "-": stdout */
	json_int_t count, snaplen; /* 0: not given */
	char filter[4096]; /* the words that are left, as tcpdump joins them */
};

static int bad(const char *text, const char *word)
{
	return complain(USAGE, "capture: %s '%s' (try 'vnicctl capture help')", text, word);
}

static bool read_number(const char *word, json_int_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(word, &end, 10);
	return errno == 0 && end != word && *end == '\0' && *out > 0;
}

static bool is_direction(const char *word)
{
	return strcmp(word, "in") == 0 || strcmp(word, "out") == 0 || strcmp(word, "drops") == 0 ||
	       strcmp(word, "any") == 0;
}

/** -w FILE, -c N, -s BYTES. @return exit status */
static int read_option(struct request *r, const char *letter, const char *value)
{
	if (value == NULL)
		return bad("a value is missing after", letter);
	if (strcmp(letter, "-w") == 0)
		r->file = value;
	else if (!read_number(value, letter[1] == 'c' ? &r->count : &r->snaplen))
		return bad("not a number above 0:", value);
	return DONE;
}

static int add_word(struct request *r, const char *word)
{
	size_t n = strlen(r->filter);
	int k = snprintf(r->filter + n, sizeof(r->filter) - n, "%s%s", n > 0 ? " " : "", word);

	return k < (int)(sizeof(r->filter) - n) ? DONE : complain(USAGE, "the filter is too long");
}

static int read_words(struct request *r, int argc, char **argv)
{
	int status = DONE;

	for (int i = 0; i < argc && status == DONE; i++) {
		const char *word = argv[i];

		if (strcmp(word, "-w") == 0 || strcmp(word, "-c") == 0 || strcmp(word, "-s") == 0) {
			i++;
			status = read_option(r, word, i < argc ? argv[i] : NULL);
		} else if (r->name == NULL && strcmp(word, "dev") == 0 && i + 1 < argc) {
			r->name = argv[++i];
		} else if (word[0] == '-' && r->filter[0] == '\0') {
			status = bad("unknown option", word);
		} else if (r->name == NULL) {
			r->name = word;
		} else if (r->direction == NULL && r->filter[0] == '\0' && is_direction(word)) {
			r->direction = word;
		} else {
			status = add_word(r, word);
		}
	}
	if (status == DONE && r->name == NULL)
		status = complain(USAGE, "capture: a NAME is missing (try 'vnicctl capture help')");
	return status;
}

static json_t *to_params(const struct request *r)
{
	json_t *p = json_pack("{s:s, s:s*, s:s*}", "name", r->name, "direction", r->direction,
			      "filter", r->filter[0] != '\0' ? r->filter : NULL);

	if (p != NULL && r->count != 0)
		json_object_set_new(p, "count", json_integer(r->count));
	if (p != NULL && r->snaplen != 0)
		json_object_set_new(p, "snaplen", json_integer(r->snaplen));
	return p;
}

/* ---- the stream ---- */

static volatile sig_atomic_t stream_fd = -1;

/* The daemon then sends what is on its way, and the totals; a second signal kills. */
static void on_stop(int sig)
{
	(void)sig;
	if (stream_fd >= 0)
		shutdown(stream_fd, SHUT_WR);
}

static void follow_signals(int fd)
{
	struct sigaction sa = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};

	stream_fd = fd;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static int write_all(int fd, const uint8_t *b, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, b, n);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			b += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

static void print_frame(const struct frame *f, void *arg)
{
	(void)arg;
	capture_text_print(f, stdout);
}

/* False: nobody reads what we write any more. */
static bool await(int fd, int out)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = out, .events = 0}};

	if (poll(p, 2, -1) < 0)
		return errno == EINTR;
	return (p[1].revents & POLLERR) == 0;
}

/** From the daemon to @p out (-1: as text) until either ends. @return exit status */
static int pass_on(int fd, int out, struct pcapng_reader *r)
{
	static uint8_t chunk[CHUNK];

	while (await(fd, out)) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		int rc = 0;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return DONE;
		if (out >= 0)
			rc = write_all(out, chunk, (size_t)n);
		if (rc == -EPIPE)
			break;
		if (rc < 0)
			return complain(REFUSED, "cannot write: %s", strerror(-rc));
		if (pcapng_read(r, chunk, (size_t)n) < 0)
			return complain(REFUSED, "what answers is not dpdk-vnic: no pcapng");
		if (out < 0 && fflush(stdout) != 0)
			break;
	}
	r->ended = true; /* enough, says who reads */
	return DONE;
}

static int summarize(const struct pcapng_reader *r)
{
	fprintf(stderr, "%" PRIu64 " frame%s captured, %" PRIu64 " lost\n", r->n_frames,
		r->n_frames == 1 ? "" : "s", r->lost);
	if (!r->ended)
		return complain(REFUSED, "dpdk-vnic hung up, the end is missing");
	if (r->why[0] == '\0')
		return DONE;
	fputs("vnicctl: ", stderr);
	show_text(r->why, stderr);
	putc('\n', stderr);
	return REFUSED;
}

static int stream(int fd, int out, const struct request *q)
{
	struct pcapng_reader r = {.block = malloc(PCAPNG_BLOCK_MAX)};
	int status;

	if (r.block == NULL)
		return complain(REFUSED, "out of memory");
	r.on_frame = out < 0 ? print_frame : NULL;
	fprintf(stderr, "capturing %s of %s%s%s\n", q->direction != NULL ? q->direction : "any",
		q->name, q->filter[0] != '\0' ? ": " : "", q->filter);
	status = pass_on(fd, out, &r);
	if (status == DONE)
		status = summarize(&r);
	free(r.block);
	return status;
}

/* -1: text; -2: it can't be. */
static int open_output(const struct request *q)
{
	int fd;

	if (q->file == NULL)
		return -1;
	if (strcmp(q->file, "-") == 0) {
		if (!isatty(STDOUT_FILENO))
			return STDOUT_FILENO;
		complain(USAGE, "capture: a terminal can't show pcapng; without -w it is text");
		return -2;
	}
	fd = open(q->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		complain(REFUSED, "%s: %s", q->file, strerror(errno));
	return fd < 0 ? -2 : fd;
}

static int refused(const struct options *o, const struct answer *a)
{
	fputs("vnicctl: ", stderr);
	show_text(a->error, stderr);
	if (o->details && a->error_name != NULL) {
		fputs(" (", stderr);
		show_text(a->error_name, stderr);
		putc(')', stderr);
	}
	putc('\n', stderr);
	return REFUSED;
}

/* The daemon is asked first: a refusal leaves an older FILE as it was. */
static int capture(const struct options *o, const struct request *q)
{
	json_t *params = to_params(q);
	struct answer a = {0};
	struct err e = {0};
	int fd, out, status = REFUSED;

	if (params == NULL)
		return complain(USAGE, "capture: the words are not UTF-8 text");
	fd = client_stream(o->socket, "capture.start", params, &a, &e);
	json_decref(params);
	if (fd < 0)
		return complain(REFUSED, "%s", e.text);
	if (a.error != NULL) {
		status = refused(o, &a);
	} else {
		follow_signals(fd);
		out = open_output(q);
		if (out > -2)
			status = stream(fd, out, q);
		if (out >= 0 && out != STDOUT_FILENO && close(out) != 0)
			status = complain(REFUSED, "%s: %s", q->file, strerror(errno));
	}
	close(fd);
	json_decref(a.message);
	return status;
}

/* ---- those that run ---- */

static void print_list(const json_t *list, FILE *out)
{
	static const char *const texts[] = {"name", "direction", "filter"};
	const json_t *c;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("nobody captures\n", out);
		return;
	}
	json_array_foreach (list, i, c) {
		json_int_t pid = json_integer_value(json_object_get(c, "pid"));
		const char *s[3];

		for (size_t k = 0; k < 3; k++) {
			s[k] = json_string_value(json_object_get(c, texts[k]));
			if (s[k] == NULL)
				s[k] = "";
		}
		show_text(s[0], out);
		putc(' ', out);
		show_text(s[1], out);
		fprintf(out,
			": captured %" JSON_INTEGER_FORMAT " lost %" JSON_INTEGER_FORMAT
			" pid %" JSON_INTEGER_FORMAT "%s",
			json_integer_value(json_object_get(c, "captured")),
			json_integer_value(json_object_get(c, "lost")), pid,
			s[2][0] != '\0' ? " filter " : "");
		show_text(s[2], out);
		putc('\n', out);
	}
}

static int list(const struct options *o)
{
	struct answer a = {0};
	struct err e = {0};
	int status = DONE;

	if (client_call(o->socket, "capture.show", NULL, &a, &e) < 0)
		return complain(REFUSED, "%s", e.text);
	if (a.error != NULL)
		status = refused(o, &a);
	else if (o->json)
		show_json(o, a.result, stdout);
	else
		print_list(a.result, stdout);
	json_decref(a.message);
	return status;
}

int capture_run(const struct options *o, int argc, char **argv)
{
	struct request *q;
	int status;

	if (argc == 0)
		return list(o);
	if (strcmp(argv[0], "help") == 0) {
		usage_print(object_find("capture"), stdout);
		return DONE;
	}
	if (o->json)
		return complain(USAGE, "capture: frames have no JSON; -w FILE writes pcapng");
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return complain(REFUSED, "out of memory");
	status = read_words(q, argc, argv);
	if (status == DONE)
		status = capture(o, q);
	free(q);
	return status;
}
