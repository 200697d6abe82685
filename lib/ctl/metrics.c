/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ctl/metrics.h"
#include "ctl/metrics_text.h"

static char *make_page(void *arg, size_t *len)
{
	const struct metrics *m = arg;

	return metrics_text(m->rt, len);
}

static int server_open(struct metrics *m, struct metrics_server *s, const char *address,
		       struct err *err)
{
	const struct http_page page = {
		.path = "/metrics",
		.content_type = METRICS_CONTENT_TYPE,
		.make = make_page,
		.arg = m,
	};

	*s = (struct metrics_server){0};
	if (address == NULL)
		return 0;
	snprintf(s->address, sizeof(s->address), "%s", address);
	s->http = http_open(m->base, address, &page, NULL, err);
	return s->http == NULL ? -err->code : 0;
}

/* Keeps the address: it may have to be opened again. */
static void server_close(struct metrics_server *s)
{
	http_close(s->http);
	s->http = NULL;
}

void metrics_init(struct metrics *m, struct event_base *base, const struct runtime *rt)
{
	*m = (struct metrics){.base = base, .rt = rt};
}

static void reopen(struct metrics *m)
{
	char address[sizeof(m->now.address)];
	struct err err = {0};

	memcpy(address, m->now.address, sizeof(address));
	if (m->now.http == NULL && address[0] != '\0' &&
	    server_open(m, &m->now, address, &err) != 0)
		LOG(ERR, CTL, "metrics are not back: %s", err.text);
}

int metrics_prepare(struct metrics *m, const char *address, struct err *err)
{
	int rc;

	if (strcmp(address != NULL ? address : "", m->now.http != NULL ? m->now.address : "") == 0)
		return 0;
	rc = server_open(m, &m->next, address, err);
	if (rc == -EADDRINUSE && m->now.http != NULL) {
		server_close(&m->now);
		rc = server_open(m, &m->next, address, err);
		if (rc != 0)
			reopen(m);
	}
	m->changing = rc == 0;
	return rc;
}

void metrics_settle(struct metrics *m, bool done)
{
	if (!m->changing)
		return;
	m->changing = false;
	if (!done) {
		server_close(&m->next);
		reopen(m);
		return;
	}
	server_close(&m->now);
	m->now = m->next;
	m->next = (struct metrics_server){0};
	if (m->now.http != NULL)
		LOG(INFO, CTL, "metrics: http://%s/metrics", m->now.address);
	else
		LOG(INFO, CTL, "metrics: off");
}

void metrics_close(struct metrics *m)
{
	server_close(&m->now);
	server_close(&m->next);
}
