/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The work of conf_load(), between its stages. Each stage is one file, and they
 * run in this order; main thread, no state but what is in `struct load`.
 *
 *   lines.c    the file itself: sections, keys, line numbers, what no INI line is
 *   values.c   what iniparser makes of the right hand sides
 *   grammar.c  the table of all keys; sections become drafts
 *   check.c    what holds inside one draft: keys that go together, defaults
 *   expand.c   `count = N`: drafts become the vnics and ports of the conf
 *   refs.c     what holds between sections: ports, peers, MTUs, endpoints used twice
 *
 * A stage reports what is wrong and goes on, so that one run tells all errors;
 * what was reported once is marked `bad` and not held against anything else.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "conf/arena.h"
#include "conf/conf.h"
#include "conf/names.h"

enum section_kind { SECTION_BAD, SECTION_GLOBAL, SECTION_PORT, SECTION_VNIC };

/** One `[…]` line. */
struct section {
	enum section_kind kind; /**< BAD: it was reported, and its keys can't be judged */
	const char *title; /**< "vnic web", lower case, single spaces */
	const char *name; /**< "web"; "" for [global] */
	int line;
	bool repeated; /**< there is an earlier one of this name */
	uint32_t first_entry, n_entries;
};

/** One `key = value` line. */
struct entry {
	const char *key; /**< lower case */
	const char *value; /**< from iniparser; NULL before values_read() */
	const char *text; /**< the line without blanks around it, not terminated */
	uint32_t text_len;
	uint32_t section;
	int line;
	bool bad; /**< reported */
	bool used; /**< some row of the grammar asked for it */
};

struct port_draft {
	struct port_conf p;
	const struct section *section;
};

struct vnic_draft {
	struct vnic_conf v;
	const struct section *section;
	bool has_type; /**< `type` was there and right */
	uint32_t count;
	uint32_t first; /**< its vnics in the conf, `count` of them; set by expand.c */
	bool expanded; /**< no vnic of it was left out */
};

struct load {
	struct conf *c;
	struct arena *scratch; /**< gone when conf_load() returns; results go to c->arena */
	struct errors *es;
	size_t n_errors; /**< ours; es may have had some before */

	struct section *sections;
	uint32_t n_sections;
	struct entry *entries;
	uint32_t n_entries;
	/** Scope INDEX_SECTIONS: title to section; scope N: key to entry of section N. */
	struct names *index;

	struct port_draft *ports;
	uint32_t n_ports;
	struct vnic_draft *vnics;
	uint32_t n_vnics;
	uint32_t *draft_of; /**< of each vnic of the conf */
	bool incomplete; /**< some vnic was left out, so that a name may be missing for it */
};

#define INDEX_SECTIONS UINT32_MAX

/** Scopes of conf->names. */
enum { NAMES_PORT, NAMES_VNIC };

/** Adds an error; @p s and @p key may be NULL. Beyond CONF_MAX_ERRORS only counts. */
void load_error(struct load *ld, int line, int code, const struct section *s, const char *key,
		const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/** load_error() at an entry: its line, its section, its key; marks it bad. */
void load_bad(struct load *ld, struct entry *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** May a port or vnic be called so? */
bool load_name_is_valid(const char *name);

/** So many errors that nobody would read more: loops over the file end. */
bool load_is_full(const struct load *ld);

/** The entry of @p key in @p s, or NULL. */
struct entry *load_entry(const struct load *ld, const struct section *s, const char *key);

/** Was @p key of @p s given, and already reported? Then nothing should be concluded from its value. */
bool load_entry_is_bad(const struct load *ld, const struct section *s, const char *key);

/** load_bad() at @p key of @p s, or load_error() at the section's header where the key isn't written. */
void load_bad_key(struct load *ld, const struct section *s, const char *key, int code,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The stages. 0, or -1 when there is nothing that the next one could look at. */
int lines_read(struct load *ld, const char *path);
int values_read(struct load *ld);
void grammar_read(struct load *ld);
void check_vnic(struct load *ld, struct vnic_draft *d);
void check_port(struct load *ld, struct port_draft *d);
void expand_all(struct load *ld);
void refs_check(struct load *ld);

#endif /* CONF_LOAD_H */
