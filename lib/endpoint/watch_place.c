/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "endpoint/watch_place.h"

static LIST_HEAD(, watch_place) places = LIST_HEAD_INITIALIZER(places);

struct watch_place *watch_place_first(void)
{
	return LIST_FIRST(&places);
}

static void explain(struct watch_place *p, int code)
{
	p->code = -code;
	if (p->ended)
		snprintf(p->reason, sizeof(p->reason), "process %s has ended", p->spec);
	else
		netns_explain(p->spec, p->kind, code, p->reason, sizeof(p->reason));
}

static void enter(struct watch_place *p, int epoll, const struct watch_place_events *on)
{
	int nsfd = netns_open(p->path);
	int code = nsfd;

	if (nsfd >= 0)
		p->ns = watch_ns_get(nsfd, epoll, &code);
	if (p->ns != NULL)
		on->appeared(p, nsfd);
	else
		explain(p, code);
	if (nsfd >= 0)
		close(nsfd);
}

static void leave(struct watch_place *p, int code, const struct watch_place_events *on)
{
	struct watch_ns *ns = p->ns;

	p->ended = p->kind == NETNS_PID;
	p->ns = NULL;
	explain(p, code);
	on->gone(p);
	watch_ns_put(ns);
}

bool watch_place_look(struct watch_place *p, int epoll, const struct watch_place_events *on)
{
	struct netns_id id;
	int ret;

	if (p->ended)
		return false;
	ret = netns_stat(p->path, &id);
	if (p->ns != NULL && ret == 0 && netns_id_equal(id, p->ns->id))
		return false;
	if (p->ns != NULL) {
		leave(p, ret != 0 ? ret : -ENOENT, on);
		return true;
	}
	if (ret != 0)
		explain(p, ret);
	else
		enter(p, epoll, on);
	return false;
}

static bool is_spec(const struct watch_place *p, const char *spec)
{
	if (p->spec == NULL || spec == NULL)
		return p->spec == spec;
	return strcmp(p->spec, spec) == 0;
}

struct watch_place *watch_place_get(const char *spec, struct err *err)
{
	struct watch_place *p;

	LIST_FOREACH (p, &places, next)
		if (!p->ended && is_spec(p, spec))
			break;
	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p == NULL || (spec != NULL && (p->spec = strdup(spec)) == NULL)) {
			free(p);
			err_set(err, ENOMEM, "no memory for namespace %s", spec);
			return NULL;
		}
		if (netns_path(spec, &p->kind, p->path, err) != 0) {
			free(p->spec);
			free(p);
			return NULL;
		}
		TAILQ_INIT(&p->taps);
		LIST_INSERT_HEAD(&places, p, next);
	}
	return p;
}

void watch_place_put(struct watch_place *p)
{
	if (!TAILQ_EMPTY(&p->taps))
		return;
	LIST_REMOVE(p, next);
	if (p->ns != NULL)
		watch_ns_put(p->ns);
	free(p->spec);
	free(p);
}
