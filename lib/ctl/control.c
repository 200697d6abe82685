/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "ctl/control.h"
#include "ctl/mail.h"
#include "ctl/methods.h"
#include "ctl/metrics.h"
#include "ctl/rates.h"
#include "ctl/telemetry.h"
#include "ctl/watchdog.h"

/** Devices whose drivers announce nothing are looked at this often. */
#define TICK_MS 250
/** Between two snapshots that owners of far sides bring about: they may change theirs as often as they like. */
#define SETTLE_MS 10
/** And so many times what the last one took: most of main's time is for others. */
#define SETTLE_COST 4

struct control {
	const struct control_args *args;
	struct event_base *base;
	struct event *sigterm, *sigint, *sighup, *watch, *mail, *tick, *settle, *stats;
	uint64_t settle_us; /**< not before */
	struct runtime rt;
	struct rpc *rpc;
	struct methods_arg methods_arg;
	struct metrics metrics;
	struct rates *rates;
	struct watchdog watchdog;
};

struct conf *control_load(const char *path, struct errors *es)
{
	return conf_load(path, es, kinds_check);
}

/* ---- events ---- */

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct control *c = arg;

	(void)what;
	LOG(INFO, CTL, "%s: stopping", strsignal((int)sig));
	event_base_loopbreak(c->base);
}

/* Of [global], only `metrics` and `idle` are followed while we run. */
static void warn_of_global(const struct global_conf *old, const struct global_conf *new)
{
	struct global_conf rest = *new;

	rest.metrics = old->metrics;
	rest.idle_adaptive = old->idle_adaptive;
	if (!global_conf_equal(old, &rest))
		LOG(WARNING, CTL, "what changed in [global] counts from the next start");
}

static int reload(void *arg, struct err *err)
{
	struct control *c = arg;
	struct errors es = {.file = c->args->conf_path};
	struct conf *new = control_load(c->args->conf_path, &es);
	int rc = 0;

	sd_notify(0, "RELOADING=1");
	if (new == NULL) {
		char first[1024];

		for (size_t i = 0; i < es.n; i++) {
			char line[1024];

			errors_format(&es, i, line, sizeof(line));
			LOG(ERR, CTL, "%s", line);
		}
		errors_format(&es, 0, first, sizeof(first));
		rc = err_set(err, EINVAL, "%.400s%s", first, es.n > 1 ? " (and more)" : "");
	} else {
		warn_of_global(&c->rt.conf->global, &new->global);
		watchdog_stretch(&c->watchdog);
		rc = metrics_prepare(&c->metrics, new->global.metrics, err);
		if (rc == 0)
			rc = runtime_apply(&c->rt, new, err);
		metrics_settle(&c->metrics, rc == 0);
		watchdog_restore(&c->watchdog);
		if (rc != 0)
			conf_free(new);
	}
	errors_free(&es);
	if (rc != 0)
		LOG(ERR, CTL, "not reloaded, nothing changed: %s", err->text);
	else
		LOG(INFO, CTL, "reloaded: %zu ports, %zu vnics", c->rt.conf->n_ports,
		    c->rt.conf->n_vnics);
	sd_notify(0, "READY=1");
	return rc;
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
	struct err err = {0};

	(void)sig;
	(void)what;
	reload(arg, &err);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* At once, if the last time was long enough ago; what comes until then is one burst and makes one snapshot. */
static void settle(struct control *c)
{
	uint64_t began = now_us(), took;

	if (!c->rt.dirty)
		return;
	if (began < c->settle_us) {
		const struct timeval rest = {
			.tv_sec = (time_t)((c->settle_us - began) / 1000000),
			.tv_usec = (suseconds_t)((c->settle_us - began) % 1000000),
		};

		if (!event_pending(c->settle, EV_TIMEOUT, NULL))
			event_add(c->settle, &rest);
		return;
	}
	runtime_settle(&c->rt);
	took = now_us() - began;
	c->settle_us = began + took + RTE_MAX(SETTLE_MS * 1000ULL, SETTLE_COST * took);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	settle(arg);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	endpoint_watch_run(runtime_endpoint_changed, &c->rt);
	settle(c);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	mail_run(&c->rt);
	settle(c);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	watchdog_tick(&c->watchdog, &c->rt.dp);
	runtime_tick(&c->rt);
	settle(c);
}

static void on_stats(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	rates_print(c->rates, &c->rt, stdout);
}

static struct event *listen_to(struct control *c, int fd, short what, event_callback_fn fn,
			       unsigned int ms)
{
	const struct timeval every = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
	struct event *e = event_new(c->base, fd, what | EV_PERSIST, fn, c);

	if (e != NULL)
		event_add(e, ms != 0 ? &every : NULL);
	return e;
}

static int open_events(struct control *c, struct err *err)
{
	c->sigterm = listen_to(c, SIGTERM, EV_SIGNAL, on_stop, 0);
	c->sigint = listen_to(c, SIGINT, EV_SIGNAL, on_stop, 0);
	c->sighup = listen_to(c, SIGHUP, EV_SIGNAL, on_reload, 0);
	c->watch = listen_to(c, endpoint_watch_fd(), EV_READ, on_watch, 0);
	c->mail = listen_to(c, mail_fd(&c->rt), EV_READ, on_mail, 0);
	c->tick = listen_to(c, -1, 0, on_tick, TICK_MS);
	c->settle = evtimer_new(c->base, on_settle, c);
	if (c->args->stats_period != 0) {
		c->rates = rates_create();
		if (c->rates == NULL)
			return err_set(err, ENOMEM, "no memory for --stats-period");
		rates_print(c->rates, &c->rt, stdout);
		c->stats = listen_to(c, -1, 0, on_stats, c->args->stats_period * 1000);
	}
	if (c->sigterm == NULL || c->sigint == NULL || c->sighup == NULL || c->watch == NULL ||
	    c->mail == NULL || c->tick == NULL || c->settle == NULL)
		return err_set(err, ENOMEM, "no memory for the event loop");
	return 0;
}

static void close_events(struct control *c)
{
	struct event *all[] = {c->sigterm, c->sigint, c->sighup, c->watch,
			       c->mail,	   c->tick,   c->settle, c->stats};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != NULL)
			event_free(all[i]);
	rates_free(c->rates);
}

/* ---- life ---- */

/* A tap is one descriptor a queue, and a namespace a few more. */
static void raise_nofile(void)
{
	struct rlimit r, more;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	more = (struct rlimit){RTE_MAX(r.rlim_max, (rlim_t)1 << 20),
			       RTE_MAX(r.rlim_max, (rlim_t)1 << 20)};
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return;
	/* No right to more, or more than fs.nr_open: as far as it goes. */
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

/* What devices hold in their rings, what waits in queues and caches, and some to spare. */
static uint32_t auto_mbufs(const struct conf *conf, uint32_t n_workers)
{
	uint64_t n = 16384 + 8192ULL * n_workers;

	for (size_t i = 0; i < conf->n_ports; i++)
		if (conf->ports[i].device.type == ENDPOINT_DEV)
			n += 2048ULL * (2 * n_workers);
	for (size_t i = 0; i < conf->n_vnics; i++)
		if (conf->vnics[i].endpoint.type == ENDPOINT_DEV)
			n += 2048ULL * (conf->vnics[i].queues + n_workers);
	return n > 1 << 18 ? 1 << 18 : (uint32_t)n;
}

static int start(struct control *c, struct conf *conf, struct err *err)
{
	const struct pool_conf pools = {
		.n_mbufs = conf->global.mbufs != 0 ? conf->global.mbufs
						   : auto_mbufs(conf, c->args->n_workers),
		.mbuf_size = conf->global.mbuf_size,
	};
	const char *path =
		c->args->socket_path != NULL ? c->args->socket_path : conf->global.control;
	int rc;

	pools_configure(&pools);
	rc = runtime_apply(&c->rt, conf, err);
	if (rc != 0) {
		conf_free(conf);
		return rc;
	}
	c->rt.captures = captures_create(c->base, &c->rt, err);
	if (c->rt.captures == NULL)
		return -err->code;
	c->methods_arg = (struct methods_arg){
		.rt = &c->rt,
		.captures = c->rt.captures,
		.conf_path = c->args->conf_path,
		.reload = reload,
		.control = c,
	};
	c->rpc = rpc_open(c->base, path, methods, n_methods, &c->methods_arg, NULL, err);
	if (c->rpc == NULL)
		return -err->code;
	c->methods_arg.rpc = c->rpc;
	rc = metrics_prepare(&c->metrics, c->rt.conf->global.metrics, err);
	if (rc != 0)
		return rc;
	metrics_settle(&c->metrics, true);
	rc = open_events(c, err);
	return rc != 0 ? rc : c->args->start_workers(&c->rt.dp);
}

static void run(struct control *c)
{
	LOG(INFO, CTL, "ready: %zu ports, %zu vnics, %u workers", c->rt.conf->n_ports,
	    c->rt.conf->n_vnics, c->rt.n_workers);
	watchdog_init(&c->watchdog);
	sd_notify(0, "READY=1");
	event_base_dispatch(c->base);
	sd_notify(0, "STOPPING=1");
	dataplane_stop(&c->rt.dp);
	c->args->join_workers();
}

int control_run(const struct control_args *args, struct conf *conf)
{
	struct control c = {.args = args, .base = event_base_new()};
	struct err err = {0};
	int rc;

	raise_nofile();
	if (c.base == NULL) {
		LOG(ERR, CTL, "no memory");
		return 1;
	}
	runtime_init(&c.rt, args->lcores, args->n_workers);
	metrics_init(&c.metrics, c.base, &c.rt);
	telemetry_register();
	rc = csum_field_register();
	if (rc != 0)
		err_set(&err, -rc, "no room in the mbuf for the checksum field");
	if (rc == 0)
		rc = endpoint_watch_open(&err);
	if (rc == 0)
		rc = start(&c, conf, &err);
	else
		conf_free(conf);
	if (rc == 0)
		run(&c);
	else
		LOG(ERR, CTL, "%s", err.text);
	if (c.rpc != NULL)
		rpc_close(c.rpc);
	captures_destroy(c.rt.captures);
	metrics_close(&c.metrics);
	runtime_destroy(&c.rt);
	endpoint_watch_close();
	pools_free();
	close_events(&c); /* late: a second SIGTERM must not end a stop that is under way */
	event_base_free(c.base);
	return rc == 0 ? 0 : 1;
}
