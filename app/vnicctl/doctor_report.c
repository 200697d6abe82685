/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "doctor_checks.h"
#include "show.h"

static const char *const level_names[] = {
	[LEVEL_OK] = "ok", [LEVEL_WARNING] = "warning", [LEVEL_ERROR] = "error"};

/* What comes from a file may be no UTF-8, which JSON can't have. */
static json_t *text_of(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static json_t *text_of(const char *fmt, va_list ap)
{
	char text[2048];
	json_t *json;

	vsnprintf(text, sizeof(text), fmt, ap);
	json = json_string(text);
	for (size_t i = 0; json == NULL && text[i] != '\0'; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	return json != NULL ? json : json_string(text);
}

void found(struct doctor *d, enum level level, const char *check, const char *fmt, ...)
{
	json_t *finding = json_object();
	va_list ap;

	va_start(ap, fmt);
	json_object_set_new(finding, "text", text_of(fmt, ap));
	va_end(ap);
	json_object_set_new(finding, "level", json_string(level_names[level]));
	json_object_set_new(finding, "check", json_string(check));
	json_object_set_new(finding, "mend", json_null());
	json_array_append_new(d->findings, finding);
	d->n_errors += level == LEVEL_ERROR;
	d->n_warnings += level == LEVEL_WARNING;
}

void mend(struct doctor *d, const char *fmt, ...)
{
	size_t n = json_array_size(d->findings);
	va_list ap;

	va_start(ap, fmt);
	json_object_set_new(json_array_get(d->findings, n - 1), "mend", text_of(fmt, ap));
	va_end(ap);
}

/* Shell and eye take it as it stands, so a command is never broken into lines. */
static void print_finding(const json_t *f, FILE *out)
{
	const char *command = json_string_value(json_object_get(f, "mend"));
	const char *text = json_string_value(json_object_get(f, "text"));

	fprintf(out, "%-8s %-12s ", json_string_value(json_object_get(f, "level")),
		json_string_value(json_object_get(f, "check")));
	show_text(text != NULL ? text : "", out);
	putc('\n', out);
	if (command == NULL)
		return;
	fputs("                        # ", out);
	show_text(command, out);
	putc('\n', out);
}

static void print_count(unsigned int n, const char *what, FILE *out)
{
	fprintf(out, "%u %s%s", n, what, n == 1 ? "" : "s");
}

void report_print(const struct doctor *d, FILE *out)
{
	const json_t *f;
	size_t i;

	json_array_foreach (d->findings, i, f)
		print_finding(f, out);
	print_count(d->n_errors, "error", out);
	fputs(", ", out);
	print_count(d->n_warnings, "warning", out);
	fputs(d->n_errors > 0 ? ": dpdk-vnic would not start\n" : "\n", out);
}
