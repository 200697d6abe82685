/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vnicctl: asks a running dpdk-vnic over its control socket. It is nothing but a
 * client of it: all knowledge of vnics is the daemon's.
 */
#include <errno.h>
#include <string.h>

#include "batch.h"
#include "client.h"
#include "commands.h"
#include "complain.h"

#define DEFAULT_SOCKET "/run/dpdk-vnic.sock"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

/** Several letters in one word: -js, -ds. @return false: one of them is no option */
static bool take_letters(struct options *o, const char *letters)
{
	if (strspn(letters, "jpsd") != strlen(letters))
		return false;
	o->json |= strchr(letters, 'j') != NULL;
	o->pretty |= strchr(letters, 'p') != NULL;
	o->stats |= strchr(letters, 's') != NULL;
	o->details |= strchr(letters, 'd') != NULL;
	return true;
}

/**
 * Takes the options off the front, as iproute2 does: words that may be shortened,
 * behind one dash or two.
 * @return how many words they are, or -1 to end with @p status
 */
static int take_options(struct options *o, int argc, char **argv, int *status)
{
	int i = 0;

	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i] + 1;

		if (word[0] == '-')
			word++;
		if (word[0] == '\0')
			return strcmp(argv[i], "--") == 0 ? i + 1 : i;
		if (word_matches(word, "json")) {
			o->json = true;
		} else if (word_matches(word, "pretty")) {
			o->pretty = true;
		} else if (word_matches(word, "statistics") || strcmp(word, "stats") == 0) {
			o->stats = true;
		} else if (word_matches(word, "details")) {
			o->details = true;
		} else if (strcmp(word, "force") == 0) {
			o->force = true;
		} else if (word_matches(word, "batch")) {
			if (++i == argc) {
				complain(EXIT_USAGE, "a FILE is missing after %s", argv[i - 1]);
				return -1;
			}
			o->batch = argv[i];
		} else if (strncmp(word, "socket=", 7) == 0) {
			o->socket = word + 7;
		} else if (word_matches(word, "socket")) {
			if (++i == argc) {
				complain(EXIT_USAGE, "a path is missing after %s", argv[i - 1]);
				return -1;
			}
			o->socket = argv[i];
		} else if (word_matches(word, "Version") || word_matches(word, "version")) {
			printf("vnicctl, dpdk-vnic %s\n", DPDK_VNIC_VERSION);
			*status = EXIT_DONE;
			return -1;
		} else if (word_matches(word, "help")) {
			usage_print(NULL, stdout);
			*status = EXIT_DONE;
			return -1;
		} else if (!take_letters(o, word)) {
			complain(EXIT_USAGE, "option '%s' is unknown, try 'vnicctl help'", argv[i]);
			return -1;
		}
	}
	return i;
}

/** Most reasons that the kernel has a number for end with its name already. */
static bool ends_with_name(const char *text, const char *name)
{
	size_t n = strlen(text), k = strlen(name);

	return n >= k + 2 && text[n - 1] == ')' && text[n - k - 2] == '(' &&
	       strncmp(text + n - k - 1, name, k) == 0;
}

static int refused(const struct options *o, const struct verb *v, const struct answer *a)
{
	/* -32601: JSON-RPC's "method not found" */
	if (a->error_code == -32601)
		return complain(EXIT_REFUSED,
				"this dpdk-vnic can't do %s: is it older than vnicctl?", v->method);
	fputs("vnicctl: ", stderr);
	show_text(a->error, stderr);
	if (o->details && a->error_name != NULL && !ends_with_name(a->error, a->error_name)) {
		fputs(" (", stderr);
		show_text(a->error_name, stderr);
		putc(')', stderr);
	}
	putc('\n', stderr);
	return EXIT_REFUSED;
}

static int run(const struct options *o, const struct object *ob, const struct verb *v, int argc,
	       char **argv)
{
	json_t *params = json_object();
	int status = EXIT_DONE;
	struct answer a = {0};
	struct err e = {0};

	if (params == NULL)
		return complain(EXIT_REFUSED, "out of memory");
	if (v->parse(o, argc, argv, params, &e) < 0) {
		json_decref(params);
		return complain(e.code == ENOMEM ? EXIT_REFUSED : EXIT_USAGE,
				"%s %s: %s (try 'vnicctl %s help')", ob->name, v->names[0], e.text,
				ob->name);
	}
	if (client_call(o->socket, v->method, params, &a, &e) < 0) {
		status = complain(EXIT_REFUSED, "%s", e.text);
	} else if (a.error != NULL) {
		status = refused(o, v, &a);
	} else {
		if (o->json)
			show_json(o, a.result, stdout);
		else if (v->show != NULL)
			v->show(o, a.result, stdout);
		if (v->judge != NULL)
			status = v->judge(o, a.result);
	}
	json_decref(a.message);
	json_decref(params);
	return status;
}

int command_run(const struct options *o, int argc, char **argv)
{
	const struct object *ob;
	const struct verb *v;

	if (argc == 0) {
		usage_print(NULL, stderr);
		return EXIT_USAGE;
	}
	ob = object_find(argv[0]);
	if (ob == NULL && word_matches(argv[0], "help")) {
		usage_print(NULL, stdout);
		return EXIT_DONE;
	}
	if (ob == NULL)
		return complain(EXIT_USAGE, "object '%s' is unknown, try 'vnicctl help'", argv[0]);
	if (ob->run != NULL && !(argc == 2 && strcmp(argv[1], "help") == 0))
		return ob->run(o, argc - 1, argv + 1);
	if (ob->run != NULL) {
		usage_print(ob, stdout);
		return EXIT_DONE;
	}
	if (argc == 1 && ob->has_default)
		return run(o, ob, &ob->verbs[0], 0, NULL);
	if (argc == 1) {
		usage_print(ob, stderr);
		return EXIT_USAGE;
	}
	v = verb_find(ob, argv[1]);
	if (v == NULL && word_matches(argv[1], "help")) {
		usage_print(ob, stdout);
		return EXIT_DONE;
	}
	if (v == NULL)
		return complain(EXIT_USAGE, "%s: '%s' is unknown, try 'vnicctl %s help'", ob->name,
				argv[1], ob->name);
	return run(o, ob, v, argc - 2, argv + 2);
}

static int dispatch(const struct options *o, int argc, char **argv)
{
	if (o->batch == NULL)
		return command_run(o, argc, argv);
	if (argc > 0)
		return complain(EXIT_USAGE, "unexpected '%s' behind -batch FILE", argv[0]);
	return batch_run(o, o->batch, o->force);
}

/** What was printed is there only when it was written. Nobody reads any more: no words about it. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		complain(EXIT_REFUSED, "cannot write: %s", strerror(errno));
	return status != EXIT_DONE ? status : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct options o = {.socket = DEFAULT_SOCKET};
	int status = EXIT_USAGE;
	int n = argc > 0 ? take_options(&o, argc - 1, argv + 1, &status) : -1;

	if (n >= 0)
		status = dispatch(&o, argc - 1 - n, argv + 1 + n);
	return finish(status);
}
