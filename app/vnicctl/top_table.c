/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "top_table.h"

/* In the counters of stats64, and in JSON's rates, by enum top_column. */
static const char *const sides[TOP_COLUMNS] = {"rx", "rx", "rx", "tx", "tx", "tx"};
static const char *const counters[TOP_COLUMNS] = {"packets", "bytes", "dropped",
						  "packets", "bytes", "dropped"};
static const char *const rates[TOP_COLUMNS] = {"packets", "bits", "dropped",
					       "packets", "bits", "dropped"};

void top_look_free(struct top_look *l)
{
	json_decref(l->ports);
	json_decref(l->links);
	json_decref(l->workers);
	*l = (struct top_look){0};
}

static json_int_t counter(const json_t *link, int column)
{
	const json_t *side = json_object_get(json_object_get(link, "stats64"), sides[column]);

	return json_integer_value(json_object_get(side, counters[column]));
}

static bool is_up(const json_t *link)
{
	const char *s = json_string_value(json_object_get(link, "operstate"));

	return s != NULL && strcmp(s, "UP") == 0;
}

static void copy_name(char *to, size_t len, const json_t *link)
{
	const char *name = json_string_value(json_object_get(link, "ifname"));

	snprintf(to, len, "%s", name != NULL ? name : "?");
	for (; *to != '\0'; to++)
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = '?';
}

static void fill_row(struct top_row *r, const json_t *before, const json_t *now, double seconds)
{
	copy_name(r->name, sizeof(r->name), now);
	r->up = is_up(now);
	for (int c = 0; c < TOP_COLUMNS; c++) {
		json_int_t a = counter(before, c), b = counter(now, c);
		/* Less than before: it is another one of the same name. */
		json_int_t n = b >= a ? b - a : b;

		r->rate[c] = (double)n * (strcmp(rates[c], "bits") == 0 ? 8 : 1) / seconds;
	}
}

/* By name: lists change between two looks. */
static json_t *index_of(const json_t *list)
{
	json_t *o = json_object(), *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *name = json_string_value(json_object_get(item, "ifname"));

		if (name != NULL)
			json_object_set(o, name, item);
	}
	return o;
}

static void fill_rows(struct top_table *t, const json_t *before, const json_t *now, bool ports)
{
	json_t *old = index_of(before);
	const json_t *item;
	size_t i;

	json_array_foreach (now, i, item) {
		const char *name = json_string_value(json_object_get(item, "ifname"));
		struct top_row *r = &t->rows[t->n++];

		fill_row(r, name != NULL ? json_object_get(old, name) : NULL, item, t->seconds);
		r->is_port = ports;
	}
	json_decref(old);
}

int top_table_make(struct top_table *t, const struct top_look *before, const struct top_look *now)
{
	double seconds = now->at - before->at;

	*t = (struct top_table){.seconds = seconds > 0 ? seconds : 1e-9};
	t->rows = calloc(json_array_size(now->ports) + json_array_size(now->links) + 1,
			 sizeof(*t->rows));
	if (t->rows == NULL)
		return -ENOMEM;
	fill_rows(t, before->ports, now->ports, true);
	t->n_ports = t->n;
	fill_rows(t, before->links, now->links, false);
	return 0;
}

void top_table_free(struct top_table *t)
{
	free(t->rows);
	*t = (struct top_table){0};
}

/* ---- order ---- */

static int compare(double a, double b)
{
	return (a < b) - (a > b);
}

static int by_rx(const void *a, const void *b)
{
	return compare(((const struct top_row *)a)->rate[TOP_RX],
		       ((const struct top_row *)b)->rate[TOP_RX]);
}

static int by_tx(const void *a, const void *b)
{
	return compare(((const struct top_row *)a)->rate[TOP_TX],
		       ((const struct top_row *)b)->rate[TOP_TX]);
}

static int by_drops(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	return compare(x->rate[TOP_RX_DROPS] + x->rate[TOP_TX_DROPS],
		       y->rate[TOP_RX_DROPS] + y->rate[TOP_TX_DROPS]);
}

void top_table_sort(struct top_table *t, enum top_sort by)
{
	static int (*const orders[])(const void *, const void *) = {
		[TOP_BY_RX] = by_rx, [TOP_BY_TX] = by_tx, [TOP_BY_DROPS] = by_drops};

	/* glibc's qsort() is stable as long as memory suffices: those without frames keep their order. */
	if (by != TOP_BY_NAME)
		qsort(t->rows + t->n_ports, t->n - t->n_ports, sizeof(*t->rows), orders[by]);
}

/* ---- text ---- */

/* Four digits and a unit, as short as it can be read at a glance. */
static void put_rate(double v, FILE *out)
{
	static const char units[] = " kMGT";
	char text[32];
	int u = 0;

	while (v >= 9999.5 && units[u + 1] != '\0') {
		v /= 1000;
		u++;
	}
	if (u == 0)
		snprintf(text, sizeof(text), "%.0f", v);
	else
		snprintf(text, sizeof(text), "%.*f%c",
			 v < 99.95   ? 2
			 : v < 999.5 ? 1
				     : 0,
			 v, units[u]);
	fprintf(out, " %8s", text);
}

void top_table_head(FILE *out)
{
	fprintf(out, "%-20s %-5s %8s %8s %8s  %8s %8s %8s", "NAME", "STATE", "RX/s", "bit/s",
		"drop/s", "TX/s", "bit/s", "drop/s");
}

void top_table_row(const struct top_row *r, FILE *out)
{
	fprintf(out, "%-20.20s %-5s", r->name, r->up ? "up" : "down");
	for (int c = 0; c < TOP_COLUMNS; c++) {
		if (c == TOP_TX)
			putc(' ', out);
		put_rate(r->rate[c], out);
	}
}

void top_worker(const json_t *worker, FILE *out)
{
	const char *const keys[] = {"busy_ratio", "sleep_ratio", "frames_per_burst",
				    "cycles_per_frame"};
	double v[4];

	for (int i = 0; i < 4; i++)
		v[i] = json_number_value(json_object_get(worker, keys[i]));
	fprintf(out, "lcore %" JSON_INTEGER_FORMAT ": busy %.1f %%, asleep %.1f %%",
		json_integer_value(json_object_get(worker, "lcore")), v[0] * 100, v[1] * 100);
	if (v[2] > 0)
		fprintf(out, ", %.1f frames a burst, %.0f cycles a frame", v[2], v[3]);
}

/* ---- JSON ---- */

static json_t *row_json(const struct top_row *r)
{
	json_t *o = json_pack("{s:s,s:b,s:{},s:{}}", "ifname", r->name, "up", r->up, "rx", "tx");

	for (int c = 0; c < TOP_COLUMNS; c++)
		json_object_set_new(json_object_get(o, sides[c]), rates[c],
				    json_integer((json_int_t)(r->rate[c] + 0.5)));
	return o;
}

json_t *top_table_json(const struct top_table *t, const struct top_look *now)
{
	const double ms = (double)(long)(t->seconds * 1000 + 0.5) / 1000;
	json_t *o = json_pack("{s:f,s:[],s:[],s:O*}", "seconds", ms, "ports", "links", "workers",
			      now->workers);

	for (size_t i = 0; i < t->n; i++)
		json_array_append_new(json_object_get(o, t->rows[i].is_port ? "ports" : "links"),
				      row_json(&t->rows[i]));
	return o;
}
