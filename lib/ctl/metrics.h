/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `[global] metrics`: where Prometheus can read, and its change by a reload. Main.
 *
 * A change has two halves around the rest of the reload: metrics_prepare() opens what
 * is new, and metrics_settle() closes what the outcome has made superfluous.
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include "ctl/http.h"
#include "ctl/runtime.h"

/** Where metrics are served; addresses are copies. */
struct metrics_server {
	struct http *http; /**< NULL: none */
	char address[80];
};

struct metrics {
	struct event_base *base;
	const struct runtime *rt;
	struct metrics_server now, next;
	bool changing; /**< between prepare and settle, and `next` differs */
};

void metrics_init(struct metrics *m, struct event_base *base, const struct runtime *rt);

/**
 * Opens @p address (NULL: off) beside what is served now, if it differs. Where both
 * can't be at once (0.0.0.0:9477 and 127.0.0.1:9477), the old one goes first.
 * @return 0, to be followed by metrics_settle(), or -errno with @p err and all as it was
 */
int metrics_prepare(struct metrics *m, const char *address, struct err *err);

/** Ends a change: @p done: the new one stays, else the old one does. */
void metrics_settle(struct metrics *m, bool done);

/** Serves no more. */
void metrics_close(struct metrics *m);

#endif /* CTL_METRICS_H */
