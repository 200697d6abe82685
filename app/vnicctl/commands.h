/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The grammar: objects and their verbs, a table of rows, in iproute2's manner.
 *
 * Each verb is one method of the daemon. A new command is a row in commands.c, a
 * function that turns its words into parameters, and perhaps a printer in show.c.
 */
#ifndef VNICCTL_COMMANDS_H
#define VNICCTL_COMMANDS_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "base/err.h"
#include "show.h"

#define MAX_NAMES 4

struct verb {
	const char *names[MAX_NAMES]; /**< its name, then others that match; NULL ends */
	const char *args; /**< for the usage text: "[NAME]" */
	const char *help;
	const char *method; /**< the daemon's */
	/** Words after the verb → @p params. @return 0 or -EINVAL with @p err. */
	int (*parse)(const struct options *o, int argc, char **argv, json_t *params,
		     struct err *err);
	/** The result as text; NULL: nothing is printed but with -j. */
	void (*show)(const struct options *o, const json_t *result, FILE *out);
	/** Exit status by the result; NULL: 0. Says what is wrong on stderr. */
	int (*judge)(const struct options *o, const json_t *result);
};

struct object {
	const char *name;
	const char *help;
	const struct verb *verbs;
	size_t n_verbs;
	bool has_default; /**< without a verb the first one is meant */
	/** A grammar of its own, instead of verbs: takes all words behind the object. @return exit status */
	int (*run)(const struct options *o, int argc, char **argv);
	const char *run_args; /**< for the usage text, as a verb's */
	const char *run_help;
};

/** All objects; a shortened word means the first row that begins with it. */
extern const struct object objects[];
extern const size_t n_objects;

/** Getters: the row that @p word means, or NULL. */
const struct object *object_find(const char *word);
const struct verb *verb_find(const struct object *object, const char *word);

/** Is @p word (not empty) @p name or its beginning? */
bool word_matches(const char *word, const char *name);

/** All commands, or those of @p object. */
void usage_print(const struct object *object, FILE *out);

#endif /* VNICCTL_COMMANDS_H */
