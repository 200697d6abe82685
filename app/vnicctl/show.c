/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "show.h"

/* The kernel's stats64 has 24 members; the daemon sends 5 at most. */
#define MAX_COLUMNS 24

void show_json(const struct options *o, const json_t *result, FILE *out)
{
	json_dumpf(result, out, JSON_ENCODE_ANY | (o->pretty ? JSON_INDENT(4) : JSON_COMPACT));
	putc('\n', out);
}

void show_text(const char *text, FILE *out)
{
	for (; *text != '\0'; text++)
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

static void put_value(const json_t *v, FILE *out)
{
	const json_t *item;
	size_t i;

	switch (json_typeof(v)) {
	case JSON_STRING:
		show_text(json_string_value(v), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(v));
		break;
	case JSON_TRUE:
		fputs("on", out);
		break;
	case JSON_FALSE:
		fputs("off", out);
		break;
	case JSON_ARRAY:
		json_array_foreach (v, i, item) {
			if (i > 0)
				putc(',', out);
			put_value(item, out);
		}
		break;
	default:
		break;
	}
}

/** Says it as iproute2 does: " key value key value", without what is null, empty or in @p but. */
static void put_pairs(const json_t *object, const char *const but[], FILE *out)
{
	const char *key;
	const json_t *v;

	/* Iteration doesn't change it; jansson has no const variant of it. */
	json_object_foreach ((json_t *)object, key, v) {
		size_t i = 0;

		while (but[i] != NULL && strcmp(but[i], key) != 0)
			i++;
		if (but[i] != NULL || json_is_null(v) || json_is_object(v) ||
		    (json_is_array(v) && json_array_size(v) == 0))
			continue;
		putc(' ', out);
		show_text(key, out);
		putc(' ', out);
		put_value(v, out);
	}
}

static void put_pair(const json_t *object, const char *key, FILE *out)
{
	const json_t *v = json_object_get(object, key);

	if (v == NULL || json_is_null(v))
		return;
	fprintf(out, " %s ", key);
	put_value(v, out);
}

/** "web@eth0: <BROADCAST,UP> mtu 1500 state UP" and the start of the second line. */
static void put_head(const json_t *link, FILE *out)
{
	const char *lower = text_of(link, "link");
	const json_t *flags = json_object_get(link, "flags");

	show_text(text_of(link, "ifname"), out);
	if (lower[0] != '\0') {
		putc('@', out);
		show_text(lower, out);
	}
	fputs(": <", out);
	if (json_is_array(flags))
		put_value(flags, out);
	putc('>', out);
	put_pair(link, "mtu", out);
	fputs(" state ", out);
	show_text(text_of(link, "operstate"), out);
	fputs("\n    link/ether ", out);
	show_text(text_of(link, "address"), out);
}

/** " tap:web0", what it is attached to. */
static void put_target(const json_t *endpoint, FILE *out)
{
	putc(' ', out);
	show_text(text_of(endpoint, "type"), out);
	if (text_of(endpoint, "target")[0] != '\0') {
		putc(':', out);
		show_text(text_of(endpoint, "target"), out);
	}
}

/** What its driver has to say, on a line of its own. */
static void put_detail(const json_t *endpoint, FILE *out)
{
	const char *text = text_of(endpoint, "detail");

	if (text[0] == '\0')
		return;
	fputs("        ", out);
	show_text(text, out);
	putc('\n', out);
}

/** "    endpoint tap:web0 netns web queues 1 state up" */
static void put_endpoint(const char *word, const json_t *endpoint, FILE *out)
{
	static const char *const told[] = {"type", "target", "state", "reason", "detail", NULL};

	if (!json_is_object(endpoint))
		return;
	fprintf(out, "    %s", word);
	put_target(endpoint, out);
	put_pairs(endpoint, told, out);
	put_pair(endpoint, "state", out);
	putc('\n', out);
	put_detail(endpoint, out);
}

/** "    down: no vhost-user client has connected yet" */
static void put_reason(const char *word, const json_t *endpoint, FILE *out)
{
	const char *state = text_of(endpoint, "state");

	if (text_of(endpoint, "reason")[0] == '\0')
		return;
	fprintf(out, "    %s", word);
	show_text(state[0] != '\0' ? state : "down", out);
	fputs(": ", out);
	show_text(text_of(endpoint, "reason"), out);
	putc('\n', out);
}

/** Two lines, each number under its word, as `ip -s link` does. */
static void put_counters(const char *side, const json_t *counters, FILE *out)
{
	struct {
		const char *word;
		json_int_t value;
		int width;
	} cols[MAX_COLUMNS];
	size_t n = 0;
	const char *key;
	const json_t *v;

	if (!json_is_object(counters))
		return;
	json_object_foreach ((json_t *)counters, key, v) {
		int digits;

		if (n == MAX_COLUMNS)
			break;
		cols[n].word = strcmp(key, "multicast") == 0 ? "mcast" : key;
		cols[n].value = json_integer_value(v);
		cols[n].width = (int)strlen(cols[n].word);
		digits = snprintf(NULL, 0, "%" JSON_INTEGER_FORMAT, cols[n].value);
		if (digits > cols[n].width)
			cols[n].width = digits;
		n++;
	}
	fprintf(out, "    %s:", side);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, " %*s", cols[i].width - (int)strlen(cols[i].word), "");
		show_text(cols[i].word, out);
	}
	fprintf(out, "\n       ");
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %*" JSON_INTEGER_FORMAT, cols[i].width, cols[i].value);
	putc('\n', out);
}

static void put_stats(const json_t *link, FILE *out)
{
	const json_t *stats = json_object_get(link, "stats64");
	const char *reason;
	const json_t *v;
	bool any = false;

	put_counters("RX", json_object_get(stats, "rx"), out);
	put_counters("TX", json_object_get(stats, "tx"), out);
	json_object_foreach (json_object_get(link, "drops"), reason, v) {
		if (json_integer_value(v) == 0)
			continue;
		fputs(any ? ", " : "    drops: ", out);
		any = true;
		show_text(reason, out);
		fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(v));
	}
	if (any)
		putc('\n', out);
}

/** Mode, flags and what else a type has, as `ip -d` prints it: flags stand alone, the allow list is last. */
static void put_info(const json_t *data, FILE *out)
{
	static const char *const flags[] = {"bridge", "private", "vepa", "nopromisc", "nodst"};
	static const char *const told[] = {"mode",	    "bridge",	    "private",
					   "vepa",	    "nopromisc",    "nodst",
					   "macaddr_count", "macaddr_data", NULL};
	const json_t *list = json_object_get(data, "macaddr_data"), *mac;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (json_is_true(json_object_get(data, flags[i])))
			fprintf(out, " %s", flags[i]);
	put_pairs(data, told, out);
	if (json_array_size(list) > 0)
		fprintf(out, " remotes (%zu)", json_array_size(list));
	json_array_foreach (list, i, mac) {
		putc(' ', out);
		put_value(mac, out);
	}
}

/** What the vnic has beside its type. */
static void put_details(const struct options *o, const json_t *link, FILE *out)
{
	static const char *const keys[] = {"spoofcheck", "announce", "conflicts"};

	for (size_t i = 0; o->details && i < sizeof(keys) / sizeof(keys[0]); i++)
		put_pair(link, keys[i], out);
}

void show_links(const struct options *o, const json_t *result, FILE *out)
{
	const json_t *link;
	size_t i;

	json_array_foreach (result, i, link) {
		const json_t *info = json_object_get(link, "linkinfo");
		const json_t *data = json_object_get(info, "info_data");
		const json_t *endpoint = json_object_get(link, "endpoint");

		put_head(link, out);
		putc(' ', out);
		show_text(text_of(info, "info_kind"), out);
		put_pair(data, "mode", out);
		if (o->details)
			put_info(data, out);
		put_details(o, link, out);
		putc('\n', out);
		if (o->details)
			put_endpoint("endpoint", endpoint, out);
		put_reason("", endpoint, out);
		if (o->stats)
			put_stats(link, out);
	}
}

void show_ports(const struct options *o, const json_t *result, FILE *out)
{
	static const char *const told[] = {"type",   "target", "driver", "state",
					   "reason", "detail", NULL};
	const json_t *port;
	size_t i;

	json_array_foreach (result, i, port) {
		const json_t *device = json_object_get(port, "device");
		const json_t *host = json_object_get(port, "host");

		put_head(port, out);
		fputs(" device", out);
		put_target(device, out);
		put_pair(device, "driver", out);
		if (o->details)
			put_pairs(device, told, out);
		putc('\n', out);
		if (o->details) {
			put_detail(device, out);
			put_endpoint("host", host, out);
		}
		put_reason("", device, out);
		put_reason("host ", host, out);
		if (o->stats)
			put_stats(port, out);
	}
}

static void put_cell(const char *text, size_t width, FILE *out)
{
	size_t n = strlen(text);

	if (width == 0)
		return;
	show_text(text, out);
	fprintf(out, "%*s", (int)(n < width ? width - n : 0) + 2, "");
}

void show_drops(const struct options *o, const json_t *result, FILE *out)
{
	static const char *const keys[] = {"ifname", "side", "reason"};
	static const char *const heads[] = {"NAME", "SIDE", "REASON"};
	size_t width[3] = {0}; /* 0: no row has it, so there is no column */
	bool any = false;
	const json_t *row;
	size_t i;

	json_array_foreach (result, i, row) {
		for (int k = 0; k < 3; k++) {
			size_t n = strlen(text_of(row, keys[k]));

			if (n > 0 && n < strlen(heads[k]))
				n = strlen(heads[k]);
			width[k] = n > width[k] ? n : width[k];
		}
	}
	json_array_foreach (result, i, row) {
		json_int_t n = json_integer_value(json_object_get(row, "packets"));

		if (n == 0 && !o->details)
			continue;
		for (int k = 0; !any && k < 3; k++)
			put_cell(heads[k], width[k], out);
		if (!any)
			fputs("     PACKETS  MEANING\n", out);
		any = true;
		for (int k = 0; k < 3; k++)
			put_cell(text_of(row, keys[k]), width[k], out);
		fprintf(out, "%12" JSON_INTEGER_FORMAT "  ", n);
		show_text(text_of(row, "text"), out);
		putc('\n', out);
	}
	if (!any)
		fputs("no drops\n", out);
}
