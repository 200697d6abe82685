/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpdk-vnic: the start list, top to bottom. What happens then is lib/ctl/control.c
 * (this thread) and lib/dp/worker.c (the others).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "args.h"
#include "base/log.h"
#include "ctl/control.h"

static struct dataplane *dataplane;
static unsigned int lcores[CONF_MAX_WORKERS];
static uint32_t n_workers;

static int run_worker(void *index)
{
	dataplane_run_worker(dataplane, (uint32_t)(uintptr_t)index);
	return 0;
}

/* ---- many lcores: the main one controls, the others forward ---- */

static int start_workers(struct dataplane *dp)
{
	dataplane = dp;
	for (uint32_t i = 0; i < n_workers; i++)
		rte_eal_remote_launch(run_worker, (void *)(uintptr_t)i, lcores[i]);
	return 0;
}

static void join_workers(void)
{
	rte_eal_mp_wait_lcore();
}

/* ---- a single lcore forwards, and control has a thread of its own ---- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static enum { PREPARING, FORWARDING, OVER } stage;

static void set_stage(int s)
{
	pthread_mutex_lock(&turn);
	stage = s;
	pthread_cond_broadcast(&turned);
	pthread_mutex_unlock(&turn);
}

static int wait_while(int s)
{
	int now;

	pthread_mutex_lock(&turn);
	while ((int)stage == s)
		pthread_cond_wait(&turned, &turn);
	now = (int)stage;
	pthread_mutex_unlock(&turn);
	return now;
}

static int start_main_worker(struct dataplane *dp)
{
	dataplane = dp;
	set_stage(FORWARDING);
	return 0;
}

static void join_main_worker(void)
{
	wait_while(FORWARDING);
}

/** What the control thread of a single lcore is given, and gives back. */
struct control_thread {
	const struct control_args *args;
	struct conf *conf;
	int status;
};

static void *control_main(void *arg)
{
	struct control_thread *t = arg;

	t->status = control_run(t->args, t->conf);
	set_stage(OVER);
	return NULL;
}

/* Off the lcore's own core: that one polls all the time. */
static int create_control_thread(pthread_t *id, struct control_thread *t)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t cpus;
	pthread_attr_t attr;
	int rc;

	CPU_ZERO(&cpus);
	for (long i = 0; i < n && i < CPU_SETSIZE; i++)
		CPU_SET((size_t)i, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	rc = pthread_create(id, &attr, control_main, t);
	pthread_attr_destroy(&attr);
	return rc;
}

static int run_single(struct control_args *args, struct conf *conf)
{
	struct control_thread t = {.args = args, .conf = conf, .status = 1};
	pthread_t id;

	args->start_workers = start_main_worker;
	args->join_workers = join_main_worker;
	if (create_control_thread(&id, &t) != 0) {
		LOG(ERR, CTL, "no thread for control");
		return 1;
	}
	if (wait_while(PREPARING) == FORWARDING) {
		dataplane_run_worker(dataplane, 0);
		set_stage(PREPARING);
	}
	pthread_join(id, NULL);
	return t.status;
}

static int run(const struct args *a, struct conf *conf)
{
	struct control_args args = {
		.conf_path = a->conf_path,
		.socket_path = a->socket_path,
		.stats_period = a->stats_period,
		.lcores = lcores,
		.start_workers = start_workers,
		.join_workers = join_workers,
	};
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER (lcore)
		if (n_workers < CONF_MAX_WORKERS)
			lcores[n_workers++] = lcore;
	args.n_workers = n_workers;
	if (n_workers > 0)
		return control_run(&args, conf);
	lcores[0] = rte_get_main_lcore();
	args.n_workers = n_workers = 1;
	return run_single(&args, conf);
}

/* What EAL finds wrong with its options is wrong at the next try, too. */
static int start_eal(int argc, char **argv)
{
	int error;

	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	error = rte_errno;
	if (error == EINVAL)
		LOG(ERR, CTL, "EAL can't start with these options, in front of the `--`");
	else
		LOG(ERR, CTL, "EAL can't start: %s",
		    error != 0 ? rte_strerror(error) : "its reason is above");
	return error == EINVAL ? 2 : 1;
}

static struct conf *load(const char *path)
{
	struct errors es = {.file = path};
	struct conf *conf = control_load(path, &es);

	for (size_t i = 0; log_is_journal() && i < es.n; i++) {
		char line[1024];

		errors_format(&es, i, line, sizeof(line));
		LOG(ERR, CONF, "%s", line);
	}
	if (!log_is_journal())
		errors_print(&es, stderr);
	errors_free(&es);
	return conf;
}

int main(int argc, char **argv)
{
	struct args a;
	struct conf *conf;
	int status = args_parse(&a, argc, argv);

	if (status >= 0)
		return status;
	log_open();
	conf = load(a.conf_path);
	if (conf == NULL)
		return 2;
	if (a.check) {
		conf_free(conf);
		return 0;
	}
	status = start_eal(a.n_eal, argv);
	if (status != 0) {
		conf_free(conf);
		return status;
	}
	status = run(&a, conf);
	rte_eal_cleanup();
	return status;
}
