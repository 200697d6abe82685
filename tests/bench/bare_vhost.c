/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floor of `vhost`: librte_vhost's calls with nothing in between.
 *
 *   bench_bare_vhost EAL… -- SOCKET          port 0 to the guest on SOCKET
 *   bench_bare_vhost EAL… -- SOCKET SOCKET   between the two guests, both ways
 *
 * One worker. Its figures are the guests': they count what they receive.
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
#include <rte_vhost.h>

#define BURST	 32
#define RX_RING	 0 /* of the guest */
#define TX_RING	 1
#define MAX_PATH 4096

static volatile bool stopped;
static volatile int vids[2] = {-1, -1};
static const char *paths[2];
static struct rte_mempool *pool;

static int new_device(int vid)
{
	char path[MAX_PATH];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return -1;
	rte_vhost_enable_guest_notification(vid, RX_RING, 0);
	rte_vhost_enable_guest_notification(vid, TX_RING, 0);
	for (int i = 0; i < 2; i++)
		if (paths[i] != NULL && strcmp(paths[i], path) == 0)
			vids[i] = vid;
	return 0;
}

/* The bench ends the guests last, so nobody is inside of a ring here. */
static void destroy_device(int vid)
{
	for (int i = 0; i < 2; i++)
		if (vids[i] == vid)
			vids[i] = -1;
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

static void send_to(int vid, struct rte_mbuf **m, uint16_t n)
{
	if (vid >= 0)
		rte_vhost_enqueue_burst(vid, RX_RING, m, n);
	rte_pktmbuf_free_bulk(m, n);
}

static int run_rx(void *arg)
{
	struct rte_mbuf *m[BURST];

	(void)arg;
	while (!stopped) {
		uint16_t n = rte_eth_rx_burst(0, 0, m, BURST);

		if (n != 0)
			send_to(vids[0], m, n);
	}
	return 0;
}

static int run_both_ways(void *arg)
{
	struct rte_mbuf *m[BURST];

	(void)arg;
	while (!stopped) {
		for (int from = 0; from < 2; from++) {
			uint16_t n = 0;

			if (vids[from] >= 0)
				n = rte_vhost_dequeue_burst(vids[from], TX_RING, pool, m, BURST);
			if (n != 0)
				send_to(vids[!from], m, n);
		}
	}
	return 0;
}

static void listen_at(const char *path)
{
	if (rte_vhost_driver_register(path, 0) != 0 ||
	    rte_vhost_driver_callback_register(path, &ops) != 0 ||
	    rte_vhost_driver_start(path) != 0)
		rte_exit(EXIT_FAILURE, "%s: no socket\n", path);
}

static void start_port(void)
{
	struct rte_eth_conf conf = {0};

	if (rte_eth_dev_configure(0, 1, 0, &conf) != 0 ||
	    rte_eth_rx_queue_setup(0, 0, 512, rte_eth_dev_socket_id(0), NULL, pool) != 0 ||
	    rte_eth_dev_start(0) != 0)
		rte_exit(EXIT_FAILURE, "port 0 does not start\n");
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int used, sig;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	used = rte_eal_init(argc, argv);
	if (used < 0 || argc - used < 2 || argc - used > 3)
		rte_exit(EXIT_FAILURE, "usage: bench_bare_vhost EAL... -- SOCKET [SOCKET]\n");
	pool = rte_pktmbuf_pool_create("bare", 16384, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for mbufs\n");
	paths[0] = argv[used + 1];
	paths[1] = argc - used == 3 ? argv[used + 2] : NULL;
	for (int i = 0; i < 2 && paths[i] != NULL; i++)
		listen_at(paths[i]);
	if (paths[1] == NULL)
		start_port();
	rte_eal_remote_launch(paths[1] == NULL ? run_rx : run_both_ways, NULL,
			      rte_get_next_lcore(-1, 1, 0));
	printf("ready\n");
	fflush(stdout);
	sigwait(&signals, &sig);
	stopped = true;
	rte_eal_mp_wait_lcore();
	for (int i = 0; i < 2 && paths[i] != NULL; i++)
		rte_vhost_driver_unregister(paths[i]);
	rte_eal_cleanup();
	return 0;
}
