/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/load.h"

bool load_is_full(const struct load *ld)
{
	return ld->n_errors > CONF_MAX_ERRORS;
}

__attribute__((format(printf, 6, 0))) static void verror(struct load *ld, int line, int code,
							 const struct section *s, const char *key,
							 const char *fmt, va_list ap)
{
	char text[sizeof(((struct error *)NULL)->text)];

	if (ld->n_errors++ >= CONF_MAX_ERRORS)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	errors_add(ld->es, line, code, s != NULL ? s->title : NULL, key, "%s", text);
}

void load_error(struct load *ld, int line, int code, const struct section *s, const char *key,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verror(ld, line, code, s, key, fmt, ap);
	va_end(ap);
}

void load_bad(struct load *ld, struct entry *e, int code, const char *fmt, ...)
{
	va_list ap;

	e->bad = true;
	va_start(ap, fmt);
	verror(ld, e->line, code, &ld->sections[e->section], e->key, fmt, ap);
	va_end(ap);
}

void load_bad_key(struct load *ld, const struct section *s, const char *key, int code,
		  const char *fmt, ...)
{
	struct entry *e = load_entry(ld, s, key);
	va_list ap;

	if (e != NULL)
		e->bad = true;
	va_start(ap, fmt);
	verror(ld, e != NULL ? e->line : s->line, code, s, key, fmt, ap);
	va_end(ap);
}

struct entry *load_entry(const struct load *ld, const struct section *s, const char *key)
{
	const uint32_t *i = names_find(ld->index, (uint32_t)(s - ld->sections), key);

	return i != NULL ? &ld->entries[*i] : NULL;
}

bool load_entry_is_bad(const struct load *ld, const struct section *s, const char *key)
{
	const struct entry *e = load_entry(ld, s, key);

	return e != NULL && e->bad;
}

/* Who sees only the conf gives a section's line: the key's own is better, where it is written. */
static void find_lines(const struct load *ld)
{
	uint32_t s = 0;

	errors_sort(ld->es);
	for (size_t i = 0; i < ld->es->n; i++) {
		struct error *e = &ld->es->list[i];
		const struct entry *entry;

		while (s < ld->n_sections && ld->sections[s].line < e->line)
			s++;
		if (s == ld->n_sections || ld->sections[s].line != e->line)
			continue;
		entry = load_entry(ld, &ld->sections[s], e->key);
		if (entry != NULL)
			e->line = entry->line;
	}
}

static void run_stages(struct load *ld, const char *path)
{
	if (lines_read(ld, path) != 0 || values_read(ld) != 0)
		return;
	grammar_read(ld);
	if (load_is_full(ld))
		return;
	expand_all(ld);
	refs_check(ld);
}

struct conf *conf_load(const char *path, struct errors *es,
		       void (*check)(const struct conf *c, struct errors *es))
{
	size_t before = es->n;
	struct load ld = {.es = es};
	struct conf *c;
	bool is_full;

	if (es->file == NULL)
		es->file = path;
	ld.scratch = arena_create();
	ld.index = names_create(ld.scratch);
	ld.c = conf_create();
	c = ld.c;
	run_stages(&ld, path);
	if (check != NULL && !load_is_full(&ld))
		check(ld.c, es);
	find_lines(&ld);
	arena_destroy(ld.scratch);
	errors_sort(es);
	is_full = load_is_full(&ld) || es->n - before > CONF_MAX_ERRORS;
	if (es->n - before > CONF_MAX_ERRORS)
		es->n = before + CONF_MAX_ERRORS;
	if (is_full)
		errors_add(es, 0, EINVAL, NULL, NULL, "has more errors; only %d are shown",
			   CONF_MAX_ERRORS);
	if (es->n == before)
		return c;
	conf_free(c);
	return NULL;
}
