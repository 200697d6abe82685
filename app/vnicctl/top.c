/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "top.h"
#include "top_table.h"
#include "top_term.h"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

/** The daemon is left in peace so many times as long as it took to answer. */
#define REST 2

struct top {
	const struct options *o;
	double interval; /* seconds */
	unsigned long count; /* pictures left; 0: no end */
	bool endless;
	enum top_sort sort;
	bool screen;
	size_t first; /* row at the top: scrolled */
	struct top_look before, now;
	struct top_table table;
	double took; /* to ask the daemon */
};

static const char *const sort_names[] = {
	[TOP_BY_NAME] = "name", [TOP_BY_RX] = "rx", [TOP_BY_TX] = "tx", [TOP_BY_DROPS] = "drops"};

#define N_SORTS (sizeof(sort_names) / sizeof(sort_names[0]))

/* ---- words ---- */

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "vnicctl: top: %s '", what);
	show_text(word, stderr);
	fputs("' (try 'vnicctl top help')\n", stderr);
	return EXIT_USAGE;
}

static bool parse_sort(struct top *t, const char *word)
{
	for (size_t i = 0; i < N_SORTS; i++) {
		if (word_matches(word, sort_names[i])) {
			t->sort = (enum top_sort)i;
			return true;
		}
	}
	return false;
}

static int parse(struct top *t, int argc, char **argv)
{
	for (int i = 0; i < argc; i += 2) {
		const char *key = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		char *end = NULL;

		if (!word_matches(key, "interval") && !word_matches(key, "count") &&
		    !word_matches(key, "sort"))
			return usage("unexpected", key);
		if (value == NULL)
			return usage("a value is missing after", key);
		if (word_matches(key, "interval")) {
			t->interval = strtod(value, &end);
			if (end == value || *end != '\0' ||
			    !(t->interval >= 0.1 && t->interval <= 3600))
				return usage("not a number of seconds from 0.1 to 3600:", value);
		} else if (word_matches(key, "count")) {
			t->count = strtoul(value, &end, 10);
			if (end == value || *end != '\0' || value[0] == '-' || t->count == 0)
				return usage("not a count:", value);
			t->endless = false;
		} else if (!parse_sort(t, value)) {
			return usage("not one of name, rx, tx, drops:", value);
		}
	}
	return EXIT_DONE;
}

/* ---- looks ---- */

static double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The list that @p method answers, or NULL, and why is in @p err. */
static json_t *ask(const struct top *t, const char *method, json_t *params, struct err *err)
{
	struct answer a = {0};
	json_t *list = NULL;

	if (client_call(t->o->socket, method, params, &a, err) == 0 && a.error != NULL)
		err_set(err, EPROTO, "%.200s", a.error);
	else if (a.result != NULL)
		list = json_incref((json_t *)a.result);
	json_decref(a.message);
	json_decref(params);
	return list;
}

static json_t *counters_only(void)
{
	return json_pack("{s:b,s:b}", "statistics", 1, "details", 0);
}

static int look(struct top *t, struct err *err)
{
	double begin = clock_now();
	struct top_look l = {.at = begin};

	l.links = ask(t, "link.show", counters_only(), err);
	if (l.links != NULL)
		l.ports = ask(t, "port.show", counters_only(), err);
	if (l.ports != NULL)
		l.workers = ask(t, "worker.show", json_pack("{s:b}", "details", 0), err);
	if (l.workers == NULL) {
		top_look_free(&l);
		return -1;
	}
	t->took = clock_now() - begin;
	top_look_free(&t->before);
	t->before = t->now;
	t->now = l;
	return 0;
}

/* ---- pictures ---- */

static void put_line(const char *text, FILE *out)
{
	fputs(text, out);
	putc('\n', out);
}

static void put_workers(const struct top *t, FILE *out)
{
	const json_t *w;
	size_t i;

	json_array_foreach (t->now.workers, i, w) {
		top_worker(w, out);
		putc('\n', out);
	}
}

/* @p room: lines for rows of vnics and ports. */
static void put_rows(struct top *t, size_t room, FILE *out)
{
	size_t n = t->table.n;

	top_table_head(out);
	putc('\n', out);
	if (n > room && room > 1)
		room--; /* for the last line, which tells of the rest */
	if (t->first + room > n)
		t->first = n > room ? n - room : 0;
	for (size_t i = t->first; i < n && i < t->first + room; i++) {
		top_table_row(&t->table.rows[i], out);
		putc('\n', out);
	}
	if (n > room)
		fprintf(out, "%zu above, %zu below\n", t->first, n - t->first - room);
}

static size_t room_for_rows(const struct top *t)
{
	unsigned int rows, columns;
	size_t others = json_array_size(t->now.workers) + 4;

	term_size(&rows, &columns);
	return rows > others ? rows - others : 1;
}

static void draw(struct top *t)
{
	char *picture = NULL;
	size_t len;
	FILE *out = open_memstream(&picture, &len);

	if (out == NULL)
		return;
	fprintf(out, "dpdk-vnic: %zu ports, %zu vnics; every %g s, by %s\n", t->table.n_ports,
		t->table.n - t->table.n_ports, t->interval, sort_names[t->sort]);
	put_workers(t, out);
	putc('\n', out);
	put_rows(t, room_for_rows(t), out);
	put_line("sort: n name  r rx  t tx  d drops;  arrows, pages: scroll;  q quit", out);
	if (fclose(out) == 0)
		term_draw(picture);
	free(picture);
}

static void print(struct top *t)
{
	if (t->o->json) {
		json_t *o = top_table_json(&t->table, &t->now);

		show_json(t->o, o, stdout);
		json_decref(o);
	} else {
		put_workers(t, stdout);
		put_rows(t, t->table.n, stdout);
		putchar('\n');
	}
	fflush(stdout);
}

static void make(struct top *t)
{
	top_table_free(&t->table);
	if (top_table_make(&t->table, &t->before, &t->now) == 0)
		top_table_sort(&t->table, t->sort);
	if (t->screen)
		draw(t);
	else
		print(t);
}

/* ---- keys ---- */

static void scroll(struct top *t, long by)
{
	size_t up = by < 0 ? (size_t)-by : 0;

	t->first = up > t->first ? 0 : t->first - up + (by > 0 ? (size_t)by : 0);
}

/* @return false: it ends */
static bool obey(struct top *t, int key)
{
	static const char sorts[] = "nrtd"; /* by enum top_sort */
	const char *s = key > 0 && key < 128 ? strchr(sorts, key) : NULL;
	long page = (long)room_for_rows(t);

	if (key == 'q' || key == KEY_END)
		return false;
	if (s != NULL)
		t->sort = (enum top_sort)(s - sorts);
	else if (key == KEY_UP || key == 'k')
		scroll(t, -1);
	else if (key == KEY_DOWN || key == 'j')
		scroll(t, 1);
	else if (key == KEY_PAGE_UP)
		scroll(t, -page);
	else if (key == KEY_PAGE_DOWN || key == ' ')
		scroll(t, page);
	else if (key == KEY_HOME)
		t->first = 0;
	if (t->before.at != 0 && key != KEY_NONE)
		make(t);
	return true;
}

/* Until it is time for the next look. @return false: it ends */
static bool wait_interval(struct top *t)
{
	double rest = t->took * REST, end;

	end = t->now.at + (rest > t->interval ? rest : t->interval);
	for (;;) {
		double left = end - clock_now();
		int key = left > 0 ? term_wait(left) : KEY_NONE;

		if (key == KEY_NONE)
			return true;
		if (!t->screen && key != KEY_END)
			continue;
		if (!obey(t, key))
			return false;
	}
}

static int watch(struct top *t, struct err *err)
{
	if (look(t, err) != 0)
		return EXIT_REFUSED;
	while (wait_interval(t)) {
		if (look(t, err) != 0)
			return EXIT_REFUSED;
		make(t);
		if (ferror(stdout) || (!t->endless && --t->count == 0))
			break;
	}
	return EXIT_DONE;
}

int top_main(const struct options *o, int argc, char **argv)
{
	struct top t = {.o = o, .interval = 1, .endless = true, .sort = TOP_BY_NAME};
	struct err err = {0};
	int status = parse(&t, argc, argv);

	if (status != EXIT_DONE)
		return status;
	t.screen = !o->json && isatty(STDOUT_FILENO);
	term_open(t.screen);
	status = watch(&t, &err);
	term_close();
	if (status != EXIT_DONE) {
		fputs("vnicctl: ", stderr);
		show_text(err.text, stderr);
		putc('\n', stderr);
	}
	top_table_free(&t.table);
	top_look_free(&t.before);
	top_look_free(&t.now);
	return status;
}
