/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

int parse_worker(const struct options *o, int argc, char **argv, json_t *params, struct err *err)
{
	char *end;
	long lcore;

	json_object_set_new(params, "details", json_boolean(o->details || o->json));
	if (argc == 0)
		return 0;
	lcore = strtol(argv[0], &end, 10);
	if (end == argv[0] || *end != '\0' || lcore < 0)
		return err_set(err, EINVAL, "'%s' is not the number of an lcore", argv[0]);
	if (argc > 1)
		return err_set(err, EINVAL, "unexpected '%s'", argv[1]);
	json_object_set_new(params, "lcore", json_integer(lcore));
	return 0;
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* "eth0", "eth0:host", "web/1": queue 0 has no number. */
static void put_queue(const json_t *q, FILE *out)
{
	const char *name = json_string_value(json_object_get(q, "ifname"));
	const char *side = json_string_value(json_object_get(q, "side"));
	json_int_t number = json_integer_value(json_object_get(q, "queue"));

	putc(' ', out);
	show_text(name != NULL ? name : "?", out);
	if (side != NULL && strcmp(side, "host") == 0)
		fputs(":host", out);
	if (number != 0)
		fprintf(out, "/%" JSON_INTEGER_FORMAT, number);
}

/* " polls 2: eth0 web", in whole or with dots at the end. */
static void put_queues(const json_t *worker, const char *word, const char *count, bool waits,
		       FILE *out)
{
	json_int_t all = json_integer_value(json_object_get(worker, count)), n = 0;
	const json_t *q;
	size_t i;

	if (all == 0)
		return;
	fprintf(out, "  %s %" JSON_INTEGER_FORMAT ":", word, all);
	json_array_foreach (json_object_get(worker, "queues"), i, q) {
		if (json_is_true(json_object_get(q, "waits")) != waits)
			continue;
		put_queue(q, out);
		n++;
	}
	if (n < all)
		fputs(" ...", out);
}

static void put_stages(const json_t *worker, FILE *out)
{
	const char *stage;
	const json_t *v;

	fputs("       cycles a frame:", out);
	json_object_foreach ((json_t *)json_object_get(worker, "stages"), stage, v) {
		putc(' ', out);
		show_text(stage, out);
		fprintf(out, " %.1f", json_number_value(v));
	}
	fprintf(out, "; longest turn %.1f us\n", number_of(worker, "longest_us"));
}

void show_workers(const struct options *o, const json_t *result, FILE *out)
{
	const json_t *w;
	size_t i;

	if (json_array_size(result) > 0)
		fputs("LCORE      BUSY    ASLEEP    FRAMES/S  FRAMES/BURST  CYCLES/FRAME  QUEUES\n",
		      out);
	json_array_foreach (result, i, w) {
		fprintf(out, "%5" JSON_INTEGER_FORMAT "  %6.1f %%  %6.1f %%  %10.0f",
			json_integer_value(json_object_get(w, "lcore")),
			number_of(w, "busy_ratio") * 100, number_of(w, "sleep_ratio") * 100,
			number_of(w, "frames_per_second"));
		if (number_of(w, "frames_per_burst") > 0)
			fprintf(out, "  %12.1f  %12.1f", number_of(w, "frames_per_burst"),
				number_of(w, "cycles_per_frame"));
		else
			fprintf(out, "  %12s  %12s", "-", "-");
		put_queues(w, "polls", "n_polled", false, out);
		put_queues(w, "waits for", "n_waiting", true, out);
		putc('\n', out);
		if (o->stats)
			put_stages(w, out);
	}
}
