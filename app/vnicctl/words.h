/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Words of a command line into the parameters of a method: what link.c, ip.c and
 * config.c are made of.
 */
#ifndef VNICCTL_WORDS_H
#define VNICCTL_WORDS_H

#include "commands.h"

/** A parser: see struct verb. */
#define PARSER(name) \
	int name(const struct options *o, int argc, char **argv, json_t *params, struct err *err)

/** The words of link add and set, for `vnicctl link help`. */
extern const char link_words[];

PARSER(parse_link_add);
PARSER(parse_link_set);
PARSER(parse_link_del);
PARSER(parse_address);
PARSER(parse_route);
PARSER(parse_neigh);
PARSER(parse_neigh_add);
PARSER(parse_dev);
PARSER(parse_save);

/** `address.show`, `route.show`, `neigh.show`: lines as `ip` prints them. */
void show_addresses(const struct options *o, const json_t *result, FILE *out);
void show_routes(const struct options *o, const json_t *result, FILE *out);
void show_neighbours(const struct options *o, const json_t *result, FILE *out);

/** `config.show`: the text itself; and judge_save(): the text into the file of parse_save(). */
void show_config(const struct options *o, const json_t *result, FILE *out);
int judge_save(const struct options *o, const json_t *result);

/** The words that are left. */
struct words {
	int n;
	char **next;
};

/** The next word, taken; NULL: there is none. */
static inline const char *take_word(struct words *w)
{
	if (w->n == 0)
		return NULL;
	w->n--;
	return *w->next++;
}

/** Is @p word the next one? Then it is taken. */
bool take_if(struct words *w, const char *word);

/** The word behind @p key into @p params as @p name. 0 or -EINVAL with @p err: missing, or there twice. */
int take_value(struct words *w, const char *key, const char *name, json_t *params, struct err *err);

/** Puts a text; 0 or -EINVAL: @p name is there twice, or it isn't UTF-8. */
int put_text(json_t *params, const char *name, const char *text, struct err *err);

int unexpected_word(const char *word, struct err *err);

#endif /* VNICCTL_WORDS_H */
