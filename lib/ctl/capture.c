/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/capture.h"
#include "ctl/capture_stream.h"
#include "ctl/rpc.h"
#include "ctl/runtime.h"

/** One capture: from the method's call to its thread's end. */
struct session {
	struct captures *owner;
	struct capture_stream stream;
	int pid; /**< of the client; 0: unknown */
	char why[CONF_NAME_LEN + 32];
};

struct captures {
	struct runtime *rt;
	struct event *done;
	int done_fd;
	uint32_t n;
	struct session *all[CAPTURE_MAX];
	struct capture_set sets[2]; /**< the one that workers see, and the next */
	uint32_t set; /**< which is the next */
};

static const struct {
	const char *name;
	unsigned int dirs;
} directions[] = {
	{"in", CAPTURE_IN},
	{"out", CAPTURE_OUT},
	{"drops", CAPTURE_DROPS},
	{"any", CAPTURE_ANY},
};

/* Returns when no worker sees the set before. */
static void publish(struct captures *cs)
{
	struct capture_set *set = &cs->sets[cs->set];
	struct dataplane *dp = &cs->rt->dp;

	set->n = cs->n;
	for (uint32_t i = 0; i < cs->n; i++)
		set->all[i] = cs->all[i]->stream.capture;
	for (uint32_t i = 0; i < dp->n_workers; i++)
		__atomic_store_n(&dp->workers[i]->captures, cs->n > 0 ? set : NULL,
				 __ATOMIC_RELEASE);
	dataplane_wait(dp);
	cs->set = !cs->set;
}

static void session_free(struct session *s)
{
	if (s == NULL)
		return;
	capture_stream_join(&s->stream);
	capture_destroy(s->stream.capture);
	free(s);
}

static void session_remove(struct session *s)
{
	struct captures *cs = s->owner;
	uint32_t i = 0;

	while (cs->all[i] != s)
		i++;
	cs->all[i] = cs->all[--cs->n];
	publish(cs);
	LOG(INFO, CTL, "capture of %s ended: %llu frames, %llu copies lost", s->stream.name,
	    (unsigned long long)s->stream.written,
	    (unsigned long long)capture_lost(s->stream.capture));
	session_free(s);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct captures *cs = arg;
	uint64_t n;

	(void)what;
	(void)!read((int)fd, &n, sizeof(n));
	for (uint32_t i = cs->n; i-- > 0;)
		if (__atomic_load_n(&cs->all[i]->stream.done, __ATOMIC_ACQUIRE))
			session_remove(cs->all[i]);
}

struct captures *captures_create(struct event_base *base, struct runtime *rt, struct err *err)
{
	struct captures *cs = calloc(1, sizeof(*cs));

	if (cs == NULL) {
		err_set(err, ENOMEM, "no memory for captures");
		return NULL;
	}
	cs->rt = rt;
	cs->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cs->done_fd >= 0)
		cs->done = event_new(base, cs->done_fd, EV_READ | EV_PERSIST, on_done, cs);
	if (cs->done == NULL || event_add(cs->done, NULL) != 0) {
		err_set(err, ENOMEM, "no memory for captures");
		captures_destroy(cs);
		return NULL;
	}
	return cs;
}

void captures_destroy(struct captures *cs)
{
	if (cs == NULL)
		return;
	for (uint32_t i = 0; i < cs->n; i++)
		capture_stream_stop(&cs->all[i]->stream, "dpdk-vnic stops");
	while (cs->n > 0)
		session_remove(cs->all[cs->n - 1]);
	if (cs->done != NULL)
		event_free(cs->done);
	if (cs->done_fd >= 0)
		close(cs->done_fd);
	free(cs);
}

/* ---- names ---- */

/* Whose frames @p name means now; false: there is none of this name. */
static bool find_owner(const struct runtime *rt, const char *name, uint32_t *owner)
{
	const struct vnic_rt *v = runtime_vnic(rt, name);
	const struct port_rt *p = runtime_port(rt, name);

	if (v != NULL)
		*owner = TX_VNIC(v->id);
	else if (p != NULL)
		*owner = TX_WIRE(p->id);
	return v != NULL || p != NULL;
}

void captures_follow(struct captures *cs)
{
	for (uint32_t i = 0; i < cs->n; i++) {
		struct session *s = cs->all[i];
		uint32_t owner = TX_RECEIVERS; /* nobody's */

		if (!find_owner(cs->rt, s->stream.name, &owner) && s->why[0] == '\0') {
			snprintf(s->why, sizeof(s->why), "%s is gone", s->stream.name);
			capture_stream_stop(&s->stream, s->why);
		}
		__atomic_store_n(&s->stream.capture->owner, owner, __ATOMIC_RELAXED);
	}
}

/* ---- methods ---- */

struct wish {
	const char *name, *direction, *filter;
	unsigned int dirs;
	uint32_t owner;
	json_int_t count, snaplen;
};

static int read_wish(const struct captures *cs, const json_t *params, struct wish *w,
		     struct err *err)
{
	static const char *const known[] = {"name",  "direction", "filter",
					    "count", "snaplen",	  NULL};
	int rc = rpc_params_known(params, known, err);

	*w = (struct wish){.direction = "any", .filter = "", .snaplen = CAPTURE_SNAPLEN_MAX};
	if (rc == 0)
		rc = rpc_need_string(params, "name", &w->name, err);
	if (rc == 0)
		rc = rpc_param_string(params, "direction", &w->direction, err);
	if (rc == 0)
		rc = rpc_param_string(params, "filter", &w->filter, err);
	if (rc == 0)
		rc = rpc_param_int(params, "count", 1, INT64_MAX, &w->count, err);
	if (rc == 0)
		rc = rpc_param_int(params, "snaplen", CAPTURE_SNAPLEN_MIN, CAPTURE_SNAPLEN_MAX,
				   &w->snaplen, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < RTE_DIM(directions); i++)
		if (strcmp(w->direction, directions[i].name) == 0)
			w->dirs = directions[i].dirs;
	if (w->dirs == 0)
		return err_set(err, RPC_EPARAMS,
			       "parameter 'direction' must be in, out, drops or any");
	if (!find_owner(cs->rt, w->name, &w->owner))
		return err_set(err, ENODEV, "there is no \"%s\" (ENODEV)", w->name);
	return 0;
}

static struct session *session_create(struct captures *cs, const struct wish *w, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(err, ENOMEM, "no memory for a capture");
		return NULL;
	}
	s->owner = cs;
	s->stream.fd = -1;
	s->stream.done_fd = cs->done_fd;
	s->stream.limit = (uint64_t)w->count;
	s->stream.capture =
		capture_create(w->dirs, (uint32_t)w->snaplen, w->filter, cs->rt->n_workers, err);
	if (s->stream.capture == NULL) {
		session_free(s);
		return NULL;
	}
	s->stream.capture->owner = w->owner;
	snprintf(s->stream.name, sizeof(s->stream.name), "%s", w->name);
	snprintf(s->stream.filter, sizeof(s->stream.filter), "%s", w->filter);
	return s;
}

/* The answer was taken, and the connection is the capture's; -1: nobody is there any more. */
static void take(int fd, void *arg)
{
	struct session *s = arg;
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		s->pid = (int)peer.pid;
	if (fd >= 0 && capture_stream_start(&s->stream, fd) == 0)
		return;
	if (fd >= 0) {
		LOG(ERR, CTL, "capture of %s: no thread for it", s->stream.name);
		close(fd);
	}
	session_remove(s);
}

static const char *direction_name(unsigned int dirs)
{
	for (size_t i = 0; i < RTE_DIM(directions); i++)
		if (directions[i].dirs == dirs)
			return directions[i].name;
	return "any";
}

static json_t *describe(const struct session *s)
{
	const struct capture *c = s->stream.capture;

	return json_pack("{s:s, s:s, s:s, s:b, s:I}", "name", s->stream.name, "direction",
			 direction_name(c->dirs), "filter", s->stream.filter, "native",
			 c->filter.native != NULL, "snaplen", (json_int_t)c->snaplen);
}

json_t *captures_start(struct captures *cs, struct rpc *r, const json_t *params, struct err *err)
{
	struct session *s;
	struct wish w;

	if (read_wish(cs, params, &w, err) != 0)
		return NULL;
	if (cs->n == CAPTURE_MAX) {
		err_set(err, EBUSY, "%d captures run already, and no more can", CAPTURE_MAX);
		return NULL;
	}
	s = session_create(cs, &w, err);
	if (s == NULL)
		return NULL;
	if (rpc_hand_over(r, take, s, err) != 0) {
		session_free(s);
		return NULL;
	}
	/* Before the answer: what happens behind it is captured. */
	cs->all[cs->n++] = s;
	publish(cs);
	return describe(s);
}

json_t *captures_show(const struct captures *cs, const json_t *params, struct err *err)
{
	static const char *const known[] = {NULL};
	json_t *list;

	if (rpc_params_known(params, known, err) != 0)
		return NULL;
	list = json_array();
	for (uint32_t i = 0; i < cs->n; i++) {
		const struct session *s = cs->all[i];
		uint64_t written = __atomic_load_n(&s->stream.written, __ATOMIC_RELAXED);
		json_t *o = describe(s);

		json_object_set_new(o, "captured", json_integer((json_int_t)written));
		json_object_set_new(o, "lost",
				    json_integer((json_int_t)capture_lost(s->stream.capture)));
		json_object_set_new(o, "pid", json_integer(s->pid));
		json_array_append_new(list, o);
	}
	return list;
}
