/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/save.h"
#include "conf/settings.h"

/* A list goes on in a further key before its line gets longer than people like to read. */
#define PART_MAX 90

/* '#' and ';' begin a comment wherever they stand, and blanks at the ends are nobody's. */
static bool needs_quotes(const char *value)
{
	size_t n = strlen(value);

	return strpbrk(value, "#;") != NULL || n == 0 || strchr(" \t'\"", value[0]) != NULL ||
	       strchr(" \t\\", value[n - 1]) != NULL;
}

static void put_line(FILE *f, const char *key, const char *value)
{
	const char *quote = "";

	if (needs_quotes(value))
		quote = strchr(value, '"') != NULL ? "'" : "\"";
	fprintf(f, "%-10s = %s%s%s\n", key, quote, value, quote);
}

/* The bytes of @list up to a comma, as many items as a line should have, one at least. */
static size_t part_len(const char *list)
{
	size_t n = strcspn(list, ",");

	while (list[n] == ',') {
		size_t next = n + 1 + strcspn(list + n + 1, ",");

		if (next > PART_MAX)
			break;
		n = next;
	}
	return n;
}

static void put_list(FILE *f, const char *key, const char *list)
{
	for (unsigned int part = 1; *list != '\0'; part++) {
		size_t n = part_len(list);
		char name[40];

		if (part == 1)
			snprintf(name, sizeof(name), "%s", key);
		else
			snprintf(name, sizeof(name), "%s.%u", key, part);
		fprintf(f, "%-10s = %.*s\n", name, (int)n, list);
		list += n;
		list += strspn(list, ", ");
	}
}

static void put_section(FILE *f, const char *kind, const char *name, const struct settings *s)
{
	fprintf(f, "\n[%s%s%s]\n", kind, name[0] != '\0' ? " " : "", name);
	for (size_t i = 0; i < s->n; i++) {
		if (setting_is_list(s->list[i].key) && s->list[i].value[0] != '\0')
			put_list(f, s->list[i].key, s->list[i].value);
		else
			put_line(f, s->list[i].key, s->list[i].value);
	}
}

/* A scratch arena for each section: lists may be long, and there may be 65,000 of them. */
static void put_global(FILE *f, const struct global_conf *g)
{
	struct settings s = {.arena = arena_create()};

	settings_of_global(&s, g);
	put_section(f, "global", "", &s);
	arena_destroy(s.arena);
}

static void put_port(FILE *f, const struct port_conf *p)
{
	struct settings s = {.arena = arena_create()};

	settings_of_port(&s, p);
	put_section(f, "port", p->name, &s);
	arena_destroy(s.arena);
}

static void put_vnic(FILE *f, const struct vnic_conf *v)
{
	struct settings s = {.arena = arena_create()};

	settings_of_vnic(&s, v);
	put_section(f, "vnic", v->name, &s);
	arena_destroy(s.arena);
}

char *save_text(const struct conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fputs("; What ran when this was saved, by vnicctl config save.\n", f);
	put_global(f, &c->global);
	for (size_t i = 0; i < c->n_ports; i++)
		put_port(f, &c->ports[i]);
	for (size_t i = 0; i < c->n_vnics; i++)
		put_vnic(f, &c->vnics[i]);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
