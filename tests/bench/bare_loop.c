/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare loop: the rx and tx calls of a case with nothing in between, neither parsing, lookup
 * nor counters. What it reaches nobody can beat on the same ports.
 *
 *   bench_bare EAL… -- io             port 0 to port 1
 *   bench_bare EAL… -- split          port 0 to all other ports, in turn
 *   bench_bare EAL… -- free           port 0 to nobody
 *   bench_bare EAL… -- flood COPIES   a reference and a free for each copy
 *
 * Worker n takes rx queue n of port 0, as far as there are queues, else port n, and only its own.
 * Its figures are the ethdevs' own: telemetry's /ethdev/stats.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#define BURST 32
#define PORTS 32

struct job {
	uint16_t port, queue; /* to receive from */
	uint16_t n_sinks; /* ports 1 … n_sinks */
	unsigned int copies;
};

static volatile bool stopped;

static void tx_or_free(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(port, queue, m, n);

	if (sent < n)
		rte_pktmbuf_free_bulk(&m[sent], n - sent);
}

static int run_io(void *arg)
{
	const struct job *j = arg;
	struct rte_mbuf *m[BURST];

	while (!stopped) {
		uint16_t n = rte_eth_rx_burst(j->port, j->queue, m, BURST);

		if (n != 0)
			tx_or_free(1, j->queue, m, n);
	}
	return 0;
}

static int run_split(void *arg)
{
	const struct job *j = arg;
	struct rte_mbuf *m[BURST], *out[PORTS][BURST];
	uint16_t n_out[PORTS] = {0};
	uint16_t next = 0;

	while (!stopped) {
		uint16_t n = rte_eth_rx_burst(j->port, j->queue, m, BURST);

		for (uint16_t i = 0; i < n; i++) {
			out[next][n_out[next]++] = m[i];
			next = next + 1 == j->n_sinks ? 0 : next + 1;
		}
		for (uint16_t p = 0; p < j->n_sinks; p++) {
			if (n_out[p] != 0)
				tx_or_free(p + 1, j->queue, out[p], n_out[p]);
			n_out[p] = 0;
		}
	}
	return 0;
}

static int run_free(void *arg)
{
	const struct job *j = arg;
	struct rte_mbuf *m[BURST];

	while (!stopped) {
		uint16_t n = rte_eth_rx_burst(j->port, j->queue, m, BURST);

		if (n != 0)
			rte_pktmbuf_free_bulk(m, n);
	}
	return 0;
}

static int run_flood(void *arg)
{
	const struct job *j = arg;
	struct rte_mbuf *m[BURST];

	while (!stopped) {
		uint16_t n = rte_eth_rx_burst(j->port, j->queue, m, BURST);

		for (unsigned int c = 0; c < j->copies; c++) {
			for (uint16_t i = 0; i < n; i++) {
				rte_pktmbuf_refcnt_update(m[i], 1);
				rte_pktmbuf_free(m[i]);
			}
		}
		rte_pktmbuf_free_bulk(m, n);
	}
	return 0;
}

static void start_port(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint16_t n_rx, n_tx = rte_lcore_count() - 1;
	int rc = rte_eth_dev_info_get(port, &info);

	/* What infinite_rx has is one queue for each rx_pcap. */
	n_rx = RTE_MIN(info.max_rx_queues, n_tx);
	n_tx = RTE_MIN(info.max_tx_queues, n_tx);
	rc |= rte_eth_dev_configure(port, n_rx, n_tx, &conf);
	for (uint16_t q = 0; rc == 0 && q < n_rx; q++)
		rc |= rte_eth_rx_queue_setup(port, q, 512, rte_eth_dev_socket_id(port), NULL, pool);
	for (uint16_t q = 0; rc == 0 && q < n_tx; q++)
		rc |= rte_eth_tx_queue_setup(port, q, 512, rte_eth_dev_socket_id(port), NULL);
	if (rc != 0 || rte_eth_dev_start(port) != 0)
		rte_exit(EXIT_FAILURE, "port %u does not start\n", port);
}

static lcore_function_t *mode_of(const char *word)
{
	static const struct {
		const char *word;
		lcore_function_t *run;
	} modes[] = {
		{"io", run_io}, {"split", run_split}, {"free", run_free}, {"flood", run_flood}};

	for (size_t i = 0; i < RTE_DIM(modes); i++)
		if (strcmp(modes[i].word, word) == 0)
			return modes[i].run;
	rte_exit(EXIT_FAILURE, "modes are io, split, free, flood\n");
}

int main(int argc, char **argv)
{
	static struct job jobs[RTE_MAX_LCORE];
	struct rte_mempool *pool;
	lcore_function_t *run;
	unsigned int lcore;
	sigset_t signals;
	uint16_t n = 0;
	int used, sig;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	used = rte_eal_init(argc, argv);
	if (used < 0 || used + 1 >= argc)
		rte_exit(EXIT_FAILURE, "usage: bench_bare EAL... -- MODE [COPIES]\n");
	argv += used;
	argc -= used;
	run = mode_of(argv[1]);
	pool = rte_pktmbuf_pool_create("bare", 131071, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for mbufs\n");
	for (uint16_t p = 0; p < rte_eth_dev_count_avail(); p++)
		start_port(p, pool);
	RTE_LCORE_FOREACH_WORKER (lcore) {
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(0, &info) != 0)
			rte_exit(EXIT_FAILURE, "port 0 tells nothing of itself\n");
		jobs[n] = (struct job){
			.queue = info.nb_rx_queues > n ? n : 0,
			.port = info.nb_rx_queues > n ? 0 : n,
			.n_sinks = rte_eth_dev_count_avail() - 1,
			.copies = argc > 2 ? (unsigned int)atoi(argv[2]) : 1,
		};
		rte_eal_remote_launch(run, &jobs[n], lcore);
		n++;
	}
	printf("ready\n");
	fflush(stdout);
	sigwait(&signals, &sig);
	stopped = true;
	rte_eal_mp_wait_lcore();
	rte_eal_cleanup();
	return 0;
}
