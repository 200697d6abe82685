/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * address, route, neigh: words and lines as iproute2 has them.
 */
#include <errno.h>
#include <string.h>

#include "words.h"

static int need(const json_t *params, const char *name, const char *what, struct err *err)
{
	return json_object_get(params, name) != NULL ? 0
						     : err_set(err, EINVAL, "%s is missing", what);
}

/** [[dev] NAME] */
PARSER(parse_dev)
{
	struct words w = {argc, argv};
	int rc = 0;

	(void)o;
	if (take_if(&w, "dev"))
		rc = take_value(&w, "dev", "dev", params, err);
	else if (w.n > 0 && w.next[0][0] != '-')
		rc = put_text(params, "dev", take_word(&w), err);
	return rc == 0 && w.n > 0 ? unexpected_word(w.next[0], err) : rc;
}

/** One address is a text, as it always was; several are a list. */
static int put_address(json_t *params, const char *text, struct err *err)
{
	json_t *present = json_object_get(params, "address"), *list;

	if (present == NULL)
		return put_text(params, "address", text, err);
	if (!json_is_array(present)) {
		list = json_pack("[O]", present);
		if (list == NULL || json_object_set_new(params, "address", list) < 0)
			return err_set(err, ENOMEM, "out of memory");
		present = list;
	}
	return json_array_append_new(present, json_string(text)) == 0
		       ? 0
		       : err_set(err, EINVAL, "an address is not UTF-8 text");
}

/** [local] ADDRESS... dev NAME, in either order */
PARSER(parse_address)
{
	struct words w = {argc, argv};
	int rc = 0;

	(void)o;
	while (w.n > 0 && rc == 0) {
		if (take_if(&w, "dev"))
			rc = take_value(&w, "dev", "dev", params, err);
		else if (take_if(&w, "local") && w.n == 0)
			rc = err_set(err, EINVAL, "a value is missing after 'local'");
		else if (w.next[0][0] == '-')
			rc = unexpected_word(w.next[0], err);
		else
			rc = put_address(params, take_word(&w), err);
	}
	if (rc == 0)
		rc = need(params, "address", "an address", err);
	return rc != 0 ? rc : need(params, "dev", "'dev NAME'", err);
}

/** A word and the value behind it. */
struct clause {
	const char *word;
	const char *param; /**< the parameter that the value goes to; NULL: none */
	const char *only; /**< no param: what the value must be */
};

static int take_clause(struct words *w, const struct clause *c, json_t *params, struct err *err)
{
	if (c->param != NULL)
		return take_value(w, c->word, c->param, params, err);
	return take_if(w, c->only) ? 0
				   : err_set(err, EINVAL, "%s can only be %s", c->word, c->only);
}

/* Clauses in any order, and one bare word: `dst`, which @p what is. */
static int parse_clauses(int argc, char **argv, const struct clause *clauses, const char *what,
			 json_t *params, struct err *err)
{
	struct words w = {argc, argv};
	int rc = 0;

	while (w.n > 0 && rc == 0) {
		const struct clause *c = clauses;

		while (c->word != NULL && !take_if(&w, c->word))
			c++;
		if (c->word != NULL)
			rc = take_clause(&w, c, params, err);
		else if (w.next[0][0] == '-' || json_object_get(params, "dst") != NULL)
			rc = unexpected_word(w.next[0], err);
		else
			rc = put_text(params, "dst", take_word(&w), err);
	}
	if (rc == 0)
		rc = need(params, "dst", what, err);
	return rc != 0 ? rc : need(params, "dev", "'dev PORT'", err);
}

/** PREFIX [via ADDRESS] dev NAME */
PARSER(parse_route)
{
	static const struct clause clauses[] = {
		{"dev", "dev", NULL},
		{"via", "via", NULL},
		{NULL, NULL, NULL},
	};

	(void)o;
	return parse_clauses(argc, argv, clauses, "a PREFIX", params, err);
}

/** [to] ADDRESS [lladdr MAC] [nud permanent] dev PORT */
PARSER(parse_neigh)
{
	static const struct clause clauses[] = {
		{"dev", "dev", NULL}, {"lladdr", "lladdr", NULL}, {"nud", NULL, "permanent"},
		{"to", "dst", NULL},  {NULL, NULL, NULL},
	};

	(void)o;
	return parse_clauses(argc, argv, clauses, "an address", params, err);
}

PARSER(parse_neigh_add)
{
	int rc = parse_neigh(o, argc, argv, params, err);

	return rc != 0 ? rc : need(params, "lladdr", "'lladdr MAC'", err);
}

/* ---- printing ---- */

static void put(const json_t *object, const char *key, const char *before, FILE *out)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		return;
	fputs(before, out);
	show_text(text, out);
}

void show_addresses(const struct options *o, const json_t *result, FILE *out)
{
	const json_t *link, *info;
	size_t i, k;

	(void)o;
	json_array_foreach (result, i, link) {
		put(link, "ifname", "", out);
		fputs(":\n", out);
		json_array_foreach (json_object_get(link, "addr_info"), k, info) {
			const json_t *len = json_object_get(info, "prefixlen");

			put(info, "family", "    ", out);
			put(info, "local", " ", out);
			put(info, "last", "-", out);
			if (json_object_get(info, "last") == NULL && json_is_integer(len))
				fprintf(out, "/%" JSON_INTEGER_FORMAT, json_integer_value(len));
			if (json_is_true(json_object_get(info, "dynamic")))
				fputs(" dynamic", out);
			if (json_is_true(json_object_get(info, "learned")))
				fputs(" learned", out);
			put(info, "conflict", " conflict: it is that of ", out);
			putc('\n', out);
		}
	}
}

void show_routes(const struct options *o, const json_t *result, FILE *out)
{
	const json_t *route;
	size_t i;

	(void)o;
	json_array_foreach (result, i, route) {
		put(route, "dst", "", out);
		put(route, "gateway", " via ", out);
		put(route, "dev", " dev ", out);
		put(route, "protocol", " proto ", out);
		put(route, "scope", " scope ", out);
		put(route, "prefsrc", " src ", out);
		putc('\n', out);
	}
}

void show_neighbours(const struct options *o, const json_t *result, FILE *out)
{
	const json_t *neigh, *state;
	size_t i, k;

	(void)o;
	json_array_foreach (result, i, neigh) {
		put(neigh, "dst", "", out);
		put(neigh, "dev", " dev ", out);
		put(neigh, "lladdr", " lladdr ", out);
		put(neigh, "protocol", " proto ", out);
		json_array_foreach (json_object_get(neigh, "state"), k, state) {
			putc(' ', out);
			if (json_is_string(state))
				show_text(json_string_value(state), out);
		}
		putc('\n', out);
	}
}
