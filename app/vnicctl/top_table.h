/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates of all interfaces between two looks at their counters: what `vnicctl top` shows.
 * No terminal and no daemon here.
 */
#ifndef VNICCTL_TOP_TABLE_H
#define VNICCTL_TOP_TABLE_H

#include <stddef.h>

#include "show.h"

/** One look: what the daemon answered, and when. Zeroed: none. */
struct top_look {
	double at; /**< seconds, CLOCK_MONOTONIC */
	json_t *ports, *links, *workers; /**< port.show, link.show, worker.show; owned */
};

enum top_column {
	TOP_RX,
	TOP_RX_BITS,
	TOP_RX_DROPS,
	TOP_TX,
	TOP_TX_BITS,
	TOP_TX_DROPS,
	TOP_COLUMNS
};

struct top_row {
	char name[48]; /**< fit for a terminal */
	bool is_port;
	bool up;
	double rate[TOP_COLUMNS]; /**< frames, bits, drops a second */
};

struct top_table {
	struct top_row *rows; /**< ports, then vnics */
	size_t n, n_ports;
	double seconds; /**< between the looks */
};

enum top_sort { TOP_BY_NAME, TOP_BY_RX, TOP_BY_TX, TOP_BY_DROPS };

void top_look_free(struct top_look *l);

/** Rates from @p before to @p now; an interface that was made between them counts from zero. 0 or -ENOMEM. */
int top_table_make(struct top_table *t, const struct top_look *before, const struct top_look *now);
void top_table_free(struct top_table *t);

/** Ports stay in front; vnics by @p by, the busiest first; by name: as the daemon has them. */
void top_table_sort(struct top_table *t, enum top_sort by);

/** The table's head and one row, each a line without its end. */
void top_table_head(FILE *out);
void top_table_row(const struct top_row *r, FILE *out);

/** A line a worker, without its end: "lcore 1: busy 42.0 %, asleep 0.0 %, …". */
void top_worker(const json_t *worker, FILE *out);

/** The table as one JSON object; NULL: out of memory. */
json_t *top_table_json(const struct top_table *t, const struct top_look *now);

#endif /* VNICCTL_TOP_TABLE_H */
