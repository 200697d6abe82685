/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_lcore.h>

#include "base/log.h"
#include "ctl/control.h"
#include "rig.h"

static pid_t eal_owner;

/* EAL leaves megabytes below /run, which is memory. */
static void remove_eal_files(void)
{
	char command[300];

	if (getpid() != eal_owner)
		return;
	snprintf(command, sizeof(command), "rm -rf '%s'", rte_eal_get_runtime_dir());
	if (system(command) != 0)
		fprintf(stderr, "# %s\n", command);
}

int rig_eal(void **state)
{
	static bool done;
	char words[160], *argv[16], *s = words;
	int argc = 0;

	(void)state;
	if (done)
		return 0;
	done = true;
	log_open();
	snprintf(words, sizeof(words),
		 "rig --no-huge -m 384 --no-pci --no-telemetry -l 0 --log-level=4 "
		 "--file-prefix=rig%d",
		 (int)getpid());
	while ((argv[argc] = strsep(&s, " ")) != NULL)
		argc++;
	if (rte_eal_init(argc, argv) < 0)
		return -1;
	eal_owner = getpid();
	atexit(remove_eal_files);
	return csum_field_register() == 0 && endpoint_watch_open(NULL) == 0 ? 0 : -1;
}

static struct rte_ring *ring(const char *name, const char *which)
{
	static unsigned int number;
	char full[RTE_RING_NAMESIZE];
	struct rte_ring *r;

	snprintf(full, sizeof(full), "%.12s_%s%u", name, which, number++);
	r = rte_ring_create(full, RIG_RING_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	assert_non_null(r);
	return r;
}

static struct rig_end *end_of(struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->n_ends; i++)
		if (strcmp(r->ends[i].name, name) == 0)
			return &r->ends[i];
	fail_msg("the rig has no end '%s'", name);
	return NULL;
}

/* An end for every dev:net_ring_NAME of the text that has none yet. */
static void make_ends(struct rig *r, const char *ini)
{
	static const char mark[] = "dev:net_ring_";

	for (const char *s = ini; (s = strstr(s, mark)) != NULL;) {
		struct rig_end *e = &r->ends[r->n_ends];
		size_t n;
		bool known = false;

		s += strlen(mark);
		n = strcspn(s, " \n");
		snprintf(e->name, sizeof(e->name), "%.*s", (int)n, s);
		for (size_t i = 0; i < r->n_ends; i++)
			known |= strcmp(r->ends[i].name, e->name) == 0;
		if (known)
			continue;
		assert_true(r->n_ends < RIG_MAX_ENDS - 1);
		e->in = ring(e->name, "in");
		e->out = ring(e->name, "out");
		assert_true(rte_eth_from_rings(e->name, &e->in, 1, &e->out, 1, 0) >= 0);
		r->n_ends++;
	}
}

static struct conf *load(const char *ini)
{
	char path[] = "/tmp/rig-XXXXXX";
	struct errors es = {.file = "rig.ini"};
	int fd = mkstemp(path);
	struct conf *conf;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, ini, strlen(ini)), strlen(ini));
	close(fd);
	conf = control_load(path, &es);
	unlink(path);
	errors_print(&es, stderr);
	assert_non_null(conf);
	errors_free(&es);
	return conf;
}

void rig_start(struct rig *r, const char *ini)
{
	unsigned int lcore = rte_get_main_lcore();
	struct err err = {0};
	struct conf *conf = load(ini);
	const struct pool_conf pools = {.n_mbufs = 8191, .mbuf_size = conf->global.mbuf_size};

	*r = (struct rig){0};
	make_ends(r, ini);
	r->pool = rte_pktmbuf_pool_create("rig", 8191, 0, 0, 2176, -1);
	assert_non_null(r->pool);
	pools_configure(&pools);
	runtime_init(&r->rt, &lcore, 1);
	if (runtime_apply(&r->rt, conf, &err) != 0)
		fail_msg("%s", err.text);
}

int rig_reload(struct rig *r, const char *ini, struct err *err)
{
	struct conf *conf = load(ini);
	int rc;

	make_ends(r, ini);
	rc = runtime_apply(&r->rt, conf, err);
	if (rc != 0)
		conf_free(conf);
	return rc;
}

void rig_stop(struct rig *r)
{
	runtime_destroy(&r->rt);
	for (size_t i = 0; i < r->n_ends; i++) {
		char device[40];

		snprintf(device, sizeof(device), "net_ring_%s", r->ends[i].name);
		rte_vdev_uninit(device);
		rig_drain(r, r->ends[i].name);
		rte_ring_free(r->ends[i].in);
		rte_ring_free(r->ends[i].out);
	}
	assert_int_equal(rte_mempool_in_use_count(r->pool), 0);
	assert_int_equal(pools_in_use(), 0);
	rte_mempool_free(r->pool);
	pools_free();
}

void rig_send_mbuf(struct rig *r, const char *name, struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(end_of(r, name)->in, m), 0);
}

struct rte_mbuf *rig_mbuf(struct rig *r, const void *bytes, size_t len, size_t seg)
{
	const uint8_t *from = bytes;
	struct rte_mbuf *first = NULL, **next = &first;
	size_t left = len;

	do {
		size_t n = seg != 0 && seg < left ? seg : left;
		struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

		assert_non_null(m);
		memcpy(rte_pktmbuf_mtod(m, void *), from, n);
		m->data_len = (uint16_t)n;
		*next = m;
		next = &m->next;
		if (m != first)
			first->nb_segs++;
		from += n;
		left -= n;
	} while (left > 0);
	first->pkt_len = (uint32_t)len;
	return first;
}

void rig_send(struct rig *r, const char *name, const void *bytes, size_t len, size_t seg)
{
	rig_send_mbuf(r, name, rig_mbuf(r, bytes, len, seg));
}

void rig_turn(struct rig *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		worker_poll(r->rt.dp.workers[0], r->rt.dp.snapshot);
}

struct rte_mbuf *rig_take(struct rig *r, const char *name)
{
	void *m;

	return rte_ring_dequeue(end_of(r, name)->out, &m) == 0 ? m : NULL;
}

unsigned int rig_drain(struct rig *r, const char *name)
{
	struct rte_mbuf *m;
	unsigned int n = 0;

	while ((m = rig_take(r, name)) != NULL) {
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

uint64_t rig_drops(struct rig *r, const char *name, enum drop_reason reason)
{
	struct vnic_rt *v = runtime_vnic(&r->rt, name);
	struct iface_stats sum;

	if (v != NULL) {
		runtime_vnic_stats(&r->rt, v, &sum);
	} else {
		struct port_rt *p = runtime_port(&r->rt, name);

		assert_non_null(p);
		runtime_port_stats(&r->rt, p, &sum);
	}
	return sum.drops[reason];
}
