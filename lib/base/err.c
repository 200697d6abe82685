/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (e != NULL) {
		va_list ap;

		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
	}
	return -code;
}

void err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->text)];
	va_list ap;
	size_t n;

	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", old);
}

const char *err_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name != NULL ? name : "EUNKNOWN";
}

void errors_add(struct errors *es, int line, int code, const char *section, const char *key,
		const char *fmt, ...)
{
	struct error *grown = reallocarray(es->list, es->n + 1, sizeof(*grown));
	struct error *e;
	va_list ap;

	if (grown == NULL)
		abort();
	es->list = grown;
	e = &es->list[es->n++];
	e->line = line;
	e->code = code;
	snprintf(e->section, sizeof(e->section), "%s", section != NULL ? section : "");
	snprintf(e->key, sizeof(e->key), "%s", key != NULL ? key : "");
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

void errors_sort(struct errors *es)
{
	/* Insertion sort: stable, and lists of errors are short or nearly sorted. */
	for (size_t i = 1; i < es->n; i++) {
		struct error e = es->list[i];
		size_t j = i;

		for (; j > 0 && es->list[j - 1].line > e.line; j--)
			es->list[j] = es->list[j - 1];
		es->list[j] = e;
	}
}

void errors_format(const struct errors *es, size_t i, char *buf, size_t len)
{
	const struct error *e = &es->list[i];
	char place[sizeof(e->section) + sizeof(e->key) + 32] = "";
	int n = 0;

	if (es->file != NULL && e->line > 0)
		n = snprintf(buf, len, "%s:%d: ", es->file, e->line);
	else if (es->file != NULL)
		n = snprintf(buf, len, "%s: ", es->file);
	if (e->section[0] != '\0')
		snprintf(place, sizeof(place), "[%s]%s%s: ", e->section,
			 e->key[0] != '\0' ? " " : "", e->key);
	else if (e->key[0] != '\0')
		snprintf(place, sizeof(place), "%s: ", e->key);
	if (n >= 0 && (size_t)n < len)
		snprintf(buf + n, len - n, "%s%s", place, e->text);
}

void errors_print(const struct errors *es, FILE *out)
{
	for (size_t i = 0; i < es->n; i++) {
		char line[1024];

		errors_format(es, i, line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
}

void errors_free(struct errors *es)
{
	free(es->list);
	es->list = NULL;
	es->n = 0;
}
