/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "commands.h"
#include "doctor.h"
#include "top.h"
#include "words.h"
#include "worker.h"

static int unexpected(const char *word, struct err *err)
{
	return err_set(err, EINVAL, "unexpected '%s'%s", word,
		       word[0] == '-' ? "; options go before the object" : "");
}

static int set(json_t *params, const char *key, json_t *value, const char *what, struct err *err)
{
	if (value == NULL)
		return err_set(err, EINVAL, "%s is not UTF-8 text", what);
	return json_object_set_new(params, key, value) < 0 ? err_set(err, ENOMEM, "out of memory")
							   : 0;
}

/** [[dev] NAME] */
static int parse_name(const struct options *o, int argc, char **argv, json_t *params,
		      struct err *err)
{
	(void)o;
	if (argc > 0 && strcmp(argv[0], "dev") == 0) {
		if (argc == 1)
			return err_set(err, EINVAL, "a name is missing after 'dev'");
		argc--;
		argv++;
	}
	if (argc == 0)
		return 0;
	if (argc > 1 || argv[0][0] == '-')
		return unexpected(argv[argc > 1], err);
	return set(params, "name", json_string(argv[0]), "the name", err);
}

/** As parse_name(), and how much is asked for: a script that reads JSON gets all of it. */
static int parse_show(const struct options *o, int argc, char **argv, json_t *params,
		      struct err *err)
{
	int ret = parse_name(o, argc, argv, params, err);

	if (ret == 0)
		ret = set(params, "statistics", json_boolean(o->stats || o->json), "-s", err);
	if (ret == 0)
		ret = set(params, "details", json_boolean(o->details || o->json), "-d", err);
	return ret;
}

/** As parse_name(); also those that are 0 only for who asks, though he reads JSON: there may be a million. */
static int parse_drops(const struct options *o, int argc, char **argv, json_t *params,
		       struct err *err)
{
	int ret = parse_name(o, argc, argv, params, err);

	return ret == 0 && o->details ? set(params, "details", json_true(), "-d", err) : ret;
}

static int parse_nothing(const struct options *o, int argc, char **argv, json_t *params,
			 struct err *err)
{
	(void)o;
	(void)params;
	return argc > 0 ? unexpected(argv[0], err) : 0;
}

/** FILE: the daemon has another working directory, so it gets an absolute path. */
static int parse_file(const struct options *o, int argc, char **argv, json_t *params,
		      struct err *err)
{
	char *dir, *path = NULL;
	int ret;

	(void)o;
	if (argc == 0 || argv[0][0] == '\0')
		return err_set(err, EINVAL, "a FILE is missing");
	if (argc > 1)
		return unexpected(argv[1], err);
	if (argv[0][0] == '/')
		return set(params, "file", json_string(argv[0]), "the path", err);
	dir = getcwd(NULL, 0);
	if (dir == NULL)
		return err_set(err, EINVAL, "the current directory: %s", strerror(errno));
	if (asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, argv[0]) < 0)
		path = NULL;
	free(dir);
	if (path == NULL)
		return err_set(err, ENOMEM, "out of memory");
	ret = set(params, "file", json_string(path), "the path", err);
	free(path);
	return ret;
}

static int judge_errors(const struct options *o, const json_t *result)
{
	const json_t *errors = json_object_get(result, "errors");
	const json_t *line;
	size_t i;

	json_array_foreach (errors, i, line) {
		if (o->json || !json_is_string(line))
			continue;
		show_text(json_string_value(line), stderr);
		putc('\n', stderr);
	}
	return json_array_size(errors) > 0 ? 1 : 0;
}

static void show_check(const struct options *o, const json_t *result, FILE *out)
{
	(void)o;
	if (json_array_size(json_object_get(result, "errors")) == 0)
		fputs("no errors\n", out);
}

static const struct verb link_verbs[] = {
	{{"show", "lst", "list"},
	 "[NAME]",
	 "vnics; -d their endpoints, -s their counters",
	 "link.show",
	 parse_show,
	 show_links,
	 NULL},
	{{"add"},
	 "[link PORT] NAME type TYPE [WORDS]",
	 "a new vnic, or a pair of veths",
	 "link.add",
	 parse_link_add,
	 NULL,
	 NULL},
	{{"set"},
	 "NAME WORDS",
	 "change a vnic while it works",
	 "link.set",
	 parse_link_set,
	 NULL,
	 NULL},
	{{"del", "delete"},
	 "NAME",
	 "delete a vnic; of a veth both ends go",
	 "link.del",
	 parse_link_del,
	 NULL,
	 NULL},
};

static const struct verb address_verbs[] = {
	{{"show", "lst", "list"},
	 "[NAME]",
	 "IP addresses that vnics and ports have now",
	 "address.show",
	 parse_dev,
	 show_addresses,
	 NULL},
	{{"add"},
	 "ADDRESS/LEN... dev NAME",
	 "give it more; ipvlan takes ranges, too: A-B",
	 "address.add",
	 parse_address,
	 NULL,
	 NULL},
	{{"del", "delete"},
	 "ADDRESS/LEN... dev NAME",
	 "take them away",
	 "address.del",
	 parse_address,
	 NULL,
	 NULL},
};

static const struct verb route_verbs[] = {
	{{"show", "lst", "list"},
	 "[PORT]",
	 "where ipvlan sends what isn't local",
	 "route.show",
	 parse_dev,
	 show_routes,
	 NULL},
	{{"add"},
	 "PREFIX [via ADDRESS] dev PORT",
	 "PREFIX may be: default; without via: on the link",
	 "route.add",
	 parse_route,
	 NULL,
	 NULL},
	{{"del", "delete"},
	 "PREFIX [via ADDRESS] dev PORT",
	 "take it away",
	 "route.del",
	 parse_route,
	 NULL,
	 NULL},
};

static const struct verb neigh_verbs[] = {
	{{"show", "lst", "list"},
	 "[PORT]",
	 "who is behind the addresses on the link",
	 "neigh.show",
	 parse_dev,
	 show_neighbours,
	 NULL},
	{{"add"},
	 "ADDRESS lladdr MAC dev PORT",
	 "a permanent one",
	 "neigh.add",
	 parse_neigh_add,
	 NULL,
	 NULL},
	{{"del", "delete"}, "ADDRESS dev PORT", "forget one", "neigh.del", parse_neigh, NULL, NULL},
	{{"flush"},
	 "[PORT]",
	 "forget all but permanent ones",
	 "neigh.flush",
	 parse_dev,
	 NULL,
	 NULL},
};

static const struct verb port_verbs[] = {
	{{"show", "lst", "list"},
	 "[NAME]",
	 "lower devices; -d, -s as with link",
	 "port.show",
	 parse_show,
	 show_ports,
	 NULL},
};

static const struct verb drops_verbs[] = {
	{{"show", "lst", "list"},
	 "[NAME]",
	 "dropped frames by name and reason; -d: also those that are 0",
	 "drops.show",
	 parse_drops,
	 show_drops,
	 NULL},
};

static const struct verb config_verbs[] = {
	{{"show"}, "", "what runs, as a vnic.ini", "config.show", parse_nothing, show_config, NULL},
	{{"check"},
	 "FILE",
	 "every error that the daemon finds in this vnic.ini",
	 "config.check",
	 parse_file,
	 show_check,
	 judge_errors},
	{{"reload"},
	 "",
	 "read vnic.ini again and apply what differs",
	 "config.reload",
	 parse_nothing,
	 NULL,
	 NULL},
	{{"save"},
	 "FILE",
	 "write what runs into a file; '-': print it",
	 "config.show",
	 parse_save,
	 NULL,
	 judge_save},
};

static const struct verb worker_verbs[] = {
	{{"show", "lst", "list"},
	 "[LCORE]",
	 "who polls what, and how busy; -s: cycles by stage",
	 "worker.show",
	 parse_worker,
	 show_workers,
	 NULL},
};

/* An object of verbs, and one with a grammar of its own. */
#define ROWS(verbs, has_default) \
	verbs, sizeof(verbs) / sizeof((verbs)[0]), has_default, NULL, NULL, NULL
#define OWN(run, args, help) NULL, 0, true, run, args, help

/*
 * Order is meaning: `l` is link and `s` is show. What is to come goes behind
 * these, where it takes no abbreviation away.
 */
const struct object objects[] = {
	{"link", "the vnics", ROWS(link_verbs, true)},
	{"port", "the devices below them", ROWS(port_verbs, true)},
	{"drops", "what was dropped, and why", ROWS(drops_verbs, true)},
	{"config", "the configuration file", ROWS(config_verbs, false)},
	{"address", "IP addresses", ROWS(address_verbs, true)},
	{"route", "ports' routes", ROWS(route_verbs, true)},
	{"neigh", "neighbours", ROWS(neigh_verbs, true)},
	{"capture", "frames as they pass", OWN(capture_run, CAPTURE_ARGS, CAPTURE_HELP)},
	{"doctor", "this machine",
	 OWN(doctor_main, "[-c FILE] [-- EAL OPTIONS]",
	     "what would stop dpdk-vnic here, and the command that mends it")},
	{"worker", "the cores that forward", ROWS(worker_verbs, true)},
	{"top", "live rates", OWN(top_main, TOP_ARGS, TOP_HELP)},
};
const size_t n_objects = sizeof(objects) / sizeof(objects[0]);

bool word_matches(const char *word, const char *name)
{
	size_t n = strlen(word);

	return n > 0 && strncmp(word, name, n) == 0;
}

const struct object *object_find(const char *word)
{
	for (size_t i = 0; i < n_objects; i++) {
		if (word_matches(word, objects[i].name))
			return &objects[i];
	}
	return NULL;
}

const struct verb *verb_find(const struct object *object, const char *word)
{
	for (size_t i = 0; i < object->n_verbs; i++) {
		const struct verb *v = &object->verbs[i];

		for (size_t k = 0; k < MAX_NAMES && v->names[k] != NULL; k++) {
			if (word_matches(word, v->names[k]))
				return v;
		}
	}
	return NULL;
}

#define HELP_COLUMN 32

void usage_print(const struct object *object, FILE *out)
{
	fputs(object != NULL ? "Usage:\n"
			     : "Usage: vnicctl [OPTIONS] OBJECT [VERB [ARGUMENTS]]\n\n",
	      out);
	for (size_t i = 0; i < n_objects; i++) {
		const struct object *ob = &objects[i];

		if (object != NULL && object != ob)
			continue;
		for (size_t k = 0; k < ob->n_verbs; k++) {
			const struct verb *v = &ob->verbs[k];
			int n = fprintf(out, "  vnicctl %s %s %s", ob->name, v->names[0], v->args);

			/* Help has a column of its own, on the next line where words are in it. */
			if (n >= HELP_COLUMN)
				n = fprintf(out, "\n") - 1;
			fprintf(out, "%*s%s\n", HELP_COLUMN - n, "", v->help);
		}
		if (ob->run != NULL)
			fprintf(out, "  vnicctl %s %s\n%*s%s\n", ob->name, ob->run_args,
				HELP_COLUMN, "", ob->run_help);
	}
	if (object != NULL && object->verbs == link_verbs)
		fputs(link_words, out);
	if (object != NULL)
		return;
	fputs("  vnicctl [OBJECT] help        this text\n"
	      "\n"
	      "Objects and verbs may be shortened: `vnicctl l s`. Without a verb: show.\n"
	      "\n"
	      "Options, before the object:\n"
	      "  -j, -json          JSON, all of it, as the daemon sends it\n"
	      "  -p, -pretty        with -j: indented\n"
	      "  -s, -statistics    counters and drops\n"
	      "  -d, -details       endpoints and more\n"
	      "  -b, -batch FILE    the commands of FILE, one a line; '-': standard input. It ends "
	      "at\n"
	      "                     the first that fails, but for -force\n"
	      "  --socket PATH      the daemon's socket; default /run/dpdk-vnic.sock\n"
	      "  -V, -Version       print the version\n"
	      "\n"
	      "Exit status: 0 done; 1 refused, or the daemon can't be reached; 2 usage.\n",
	      out);
}
