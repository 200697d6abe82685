/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "client.h"
#include "complain.h"

#define MAX_WORDS 128
/** In one request: a line of JSON has at most 1 MiB, an address in it at most 100 bytes. */
#define MAX_GROUP 8192
#define MAX_TEXT  96

/** A run of lines that are one change: what each asks for, and where it stands. */
struct group {
	const struct verb *verb; /* NULL: there is none */
	char dev[64];
	char (*texts)[MAX_TEXT];
	unsigned long *lines;
	size_t n;
};

struct batch {
	const struct options *o;
	const char *path;
	bool force;
	int status; /* the first that wasn't 0 */
	struct group g;
};

/** False: it ends here. */
static bool note(struct batch *b, unsigned long line, int status)
{
	if (status == 0)
		return true;
	if (b->status == 0)
		b->status = status;
	fprintf(stderr, "Command failed %s:%lu\n", strcmp(b->path, "-") == 0 ? "-" : b->path, line);
	return b->force;
}

/* ---- groups ---- */

/** Lines @p from to @p to of the group as one request. 0, or 1 with what the daemon said in @p why. */
static int ask(const struct batch *b, size_t from, size_t to, char *why, size_t len)
{
	json_t *params = json_object(), *list = json_array();
	struct answer a = {0};
	struct err e = {0};
	int rc = 0;

	for (size_t i = from; i < to; i++)
		if (json_array_append_new(list, json_string(b->g.texts[i])) != 0)
			rc = snprintf(why, len, "an address is not UTF-8 text") >= 0;
	json_object_set_new(params, "dev", json_string(b->g.dev));
	json_object_set_new(params, "address", list);
	if (rc != 0) {
		/* refused already */
	} else if (client_call(b->o->socket, b->g.verb->method, params, &a, &e) < 0) {
		rc = snprintf(why, len, "%s", e.text) >= 0;
	} else if (a.error != NULL) {
		rc = snprintf(why, len, "%s", a.error) >= 0;
	}
	json_decref(a.message);
	json_decref(params);
	return rc;
}

/** As if they had been asked for one by one: halves what is refused, until the line is found. */
static bool send_part(struct batch *b, size_t from, size_t to)
{
	size_t mid = from + (to - from) / 2;
	char why[512] = "";

	if (ask(b, from, to, why, sizeof(why)) == 0)
		return true;
	if (to - from > 1)
		return send_part(b, from, mid) && send_part(b, mid, to);
	fputs("vnicctl: ", stderr);
	show_text(why, stderr);
	putc('\n', stderr);
	return note(b, b->g.lines[from], 1);
}

static bool flush_group(struct batch *b)
{
	size_t n = b->g.n;
	bool go_on = n == 0 || send_part(b, 0, n);

	b->g.n = 0;
	b->g.verb = NULL;
	return go_on;
}

/** `address add|del ADDRESS dev NAME`: its verb, or NULL. */
static const struct verb *is_address(int argc, char **argv)
{
	const struct object *ob = object_find(argv[0]);
	const struct verb *v = argc == 5 && ob != NULL ? verb_find(ob, argv[1]) : NULL;

	if (v == NULL ||
	    (strcmp(v->method, "address.add") != 0 && strcmp(v->method, "address.del") != 0))
		return NULL;
	if (strcmp(argv[3], "dev") != 0 || strlen(argv[2]) >= MAX_TEXT || argv[2][0] == '-' ||
	    strcmp(argv[2], "dev") == 0 || strcmp(argv[2], "local") == 0 || strlen(argv[4]) >= 64)
		return NULL;
	return v;
}

static bool is_same_group(const struct group *g, const struct verb *v, const char *dev)
{
	return g->verb == v && g->n < MAX_GROUP && strcmp(g->dev, dev) == 0;
}

static bool take_address(struct batch *b, unsigned long line, const struct verb *v, char **argv)
{
	struct group *g = &b->g;

	if (!is_same_group(g, v, argv[4]) && !flush_group(b))
		return false;
	g->verb = v;
	snprintf(g->dev, sizeof(g->dev), "%s", argv[4]);
	snprintf(g->texts[g->n], MAX_TEXT, "%s", argv[2]);
	g->lines[g->n++] = line;
	return true;
}

/* ---- lines ---- */

/** Cuts @p line into words, up to a comment. @return how many; -1: too many, or a quote stays open */
static int cut(char *line, char **words)
{
	int n = 0;

	for (char *p = line + strspn(line, " \t\r\n"); *p != '\0' && *p != '#';
	     p += strspn(p, " \t\r\n")) {
		char quote = *p == '"' || *p == '\'' ? *p : '\0';
		char *end;

		if (n == MAX_WORDS)
			return -1;
		words[n++] = quote != '\0' ? ++p : p;
		end = quote != '\0' ? strchr(p, quote) : p + strcspn(p, " \t\r\n");
		if (end == NULL)
			return -1;
		p = *end != '\0' ? end + 1 : end;
		*end = '\0';
	}
	return n;
}

static bool run_line(struct batch *b, unsigned long number, char *line)
{
	char *words[MAX_WORDS];
	int n = cut(line, words);
	const struct verb *v;

	if (n == 0)
		return true;
	v = n > 0 ? is_address(n, words) : NULL;
	if (v != NULL)
		return take_address(b, number, v, words);
	if (!flush_group(b))
		return false;
	if (n < 0)
		return note(b, number,
			    complain(2, "the line has a quote without its end, or more "
					"than 128 words"));
	return note(b, number, command_run(b->o, n, words));
}

static void run_lines(struct batch *b, FILE *in)
{
	unsigned long number = 0;
	bool go_on = true;
	char *line = NULL;
	size_t room = 0;

	while (go_on && getline(&line, &room, in) >= 0)
		go_on = run_line(b, ++number, line);
	if (go_on)
		flush_group(b);
	free(line);
}

int batch_run(const struct options *o, const char *path, bool force)
{
	struct batch b = {.o = o, .path = path, .force = force};
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (in == NULL)
		return complain(1, "%s: %s", path, strerror(errno));
	b.g.texts = calloc(MAX_GROUP, MAX_TEXT);
	b.g.lines = calloc(MAX_GROUP, sizeof(*b.g.lines));
	if (b.g.texts == NULL || b.g.lines == NULL)
		b.status = complain(1, "out of memory");
	else
		run_lines(&b, in);
	if (ferror(in) && b.status == 0)
		b.status = complain(1, "%s: %s", path, strerror(errno));
	free(b.g.texts);
	free(b.g.lines);
	if (in != stdin)
		fclose(in);
	return b.status;
}
