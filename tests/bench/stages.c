/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each stage costs by itself, in TSC cycles a frame: parse, classify, decide, deliver (with
 * the flush to `none`) for 16, 1,000 and 60,000 vnics, and finishing offloads. Warm: the same bursts
 * over and over. Cold: before every burst the core's caches are filled with something else.
 * Medians of many bursts; without hugepages, so the daemon has fewer TLB misses than this.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dp/classify.h"
#include "dp/deliver.h"
#include "rig.h"

#define COLD_BYTES  (16u << 20)
#define BURSTS	    2000
#define COLD_BURSTS 200
#define FIRST_MAC   0x010000000002 /* 02:00:00:00:00:01 */
#define FRAME_LEN   60
#define SUPER_LEN   65000
#define N_MEASURES  5 /* four stages, and all together */

struct bench {
	struct rig rig;
	struct worker *worker;
	const struct fwd_port *port;
	struct source wire;
	uint32_t n_vnics;
	uint64_t random;
	uint64_t cycles[N_MEASURES][BURSTS];
};

static uint8_t *cold;

/* Reads and writes what is more than the core's own caches hold. */
static void chill(void)
{
	for (size_t i = 0; i < COLD_BYTES; i += 64)
		cold[i]++;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return (double)values[n / 2];
}

static uint32_t next_random(struct bench *x)
{
	x->random = x->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(x->random >> 33);
}

/* The frames stay ours: delivery drops one of two references. */
static void address_frames(struct bench *x, struct rte_mbuf **m)
{
	for (uint16_t i = 0; i < BURST_MAX; i++) {
		uint8_t *b = rte_pktmbuf_mtod(m[i], uint8_t *);

		mac_store(b, mac_add(FIRST_MAC, next_random(x) % x->n_vnics));
		rte_mbuf_refcnt_set(m[i], 2);
	}
}

static void parse_burst(struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		pkt_parse(&b->p[i], rte_pktmbuf_mtod(b->m[i], uint8_t *), FRAME_LEN, FRAME_LEN);
}

static void measure_burst(struct bench *x, struct rte_mbuf **m, size_t at, bool is_cold)
{
	struct burst *b = &x->worker->burst;
	uint64_t t[N_MEASURES];

	b->n = BURST_MAX;
	memcpy(b->m, m, sizeof(b->m));
	address_frames(x, m);
	if (is_cold)
		chill();
	t[0] = rte_rdtsc_precise();
	parse_burst(b);
	t[1] = rte_rdtsc_precise();
	classify_from_wire(x->port, b);
	t[2] = rte_rdtsc_precise();
	x->port->kind->from_wire(x->port, b);
	t[3] = rte_rdtsc_precise();
	deliver(x->worker, &x->wire, b);
	tx_flush(&x->worker->tx);
	t[4] = rte_rdtsc_precise();
	for (int s = 0; s < N_MEASURES - 1; s++)
		x->cycles[s][at] = t[s + 1] - t[s];
	x->cycles[N_MEASURES - 1][at] = t[N_MEASURES - 1] - t[0];
}

static void measure_stages(struct bench *x, struct rte_mbuf **m, bool is_cold)
{
	size_t n = is_cold ? COLD_BURSTS : BURSTS;

	for (size_t i = 0; i < n; i++)
		measure_burst(x, m, i, is_cold);
	printf("| %u vnics, %s |", x->n_vnics, is_cold ? "cold" : "warm");
	for (int s = 0; s < N_MEASURES; s++)
		printf(" %.1f |", median(x->cycles[s], n) / BURST_MAX);
	printf("\n");
}

static void bench_vnics(struct bench *x, uint32_t n)
{
	struct rte_mbuf *m[BURST_MAX];
	char ini[400];

	snprintf(ini, sizeof(ini),
		 "[port eth0]\ndevice = dev:net_ring_wire\n"
		 "[vnic v]\ntype = macvlan\nport = eth0\nmode = bridge\n"
		 "mac = 02:00:00:00:00:01\nendpoint = none\ncount = %u\n",
		 n);
	rig_start(&x->rig, ini);
	x->worker = x->rig.rt.dp.workers[0];
	x->worker->snapshot = x->rig.rt.dp.snapshot;
	x->port = &x->worker->snapshot->ports[0];
	x->wire = (struct source){.side = FROM_WIRE};
	x->n_vnics = n;
	if (rte_pktmbuf_alloc_bulk(x->rig.pool, m, BURST_MAX) != 0)
		fail_msg("no mbufs");
	for (uint16_t i = 0; i < BURST_MAX; i++)
		memset(rte_pktmbuf_append(m[i], FRAME_LEN), 2, FRAME_LEN);
	measure_stages(x, m, false);
	measure_stages(x, m, true);
	rte_pktmbuf_free_bulk(m, BURST_MAX);
	rig_stop(&x->rig);
}

/* ---- offloads ---- */

/* An IPv4 TCP frame that lacks its checksum, a super-frame where @p segsz is given. */
static void make_tcp(struct rte_mbuf *m, uint16_t len, uint16_t segsz)
{
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);

	m->data_len = len;
	m->pkt_len = len;
	memset(b, 0, 54);
	b[12] = 8;
	b[14] = 0x45;
	b[16] = (uint8_t)((len - 14) >> 8);
	b[17] = (uint8_t)(len - 14);
	b[22] = 64;
	b[23] = 6;
	b[46] = 0x50;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = segsz;
	m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
	if (segsz != 0)
		m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
}

static void bench_offload(struct bench *x, const char *name, uint16_t len, uint16_t segsz)
{
	struct rte_mempool *big =
		rte_pktmbuf_pool_create("big", 1023, 0, 0, UINT16_MAX, SOCKET_ID_ANY);
	struct rte_mbuf *out[OFFLOAD_MAX_SEGS];
	int pieces = 0;

	if (big == NULL)
		fail_msg("no memory for big mbufs");
	for (int i = 0; i < BURSTS / 4; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(big);
		uint64_t begin;

		make_tcp(m, len, segsz);
		begin = rte_rdtsc_precise();
		pieces = offload_finish(m, ENDPOINT_CAP_MULTI_SEGS, big, out, OFFLOAD_MAX_SEGS);
		x->cycles[0][i] = rte_rdtsc_precise() - begin;
		if (pieces <= 0)
			fail_msg("%s: %d", name, pieces);
		rte_pktmbuf_free_bulk(out, (unsigned int)pieces);
	}
	printf("| %s | %.0f | %d |\n", name, median(x->cycles[0], BURSTS / 4), pieces);
	rte_mempool_free(big);
}

static void bench_all(void **state)
{
	static struct bench x = {.random = 1};

	(void)state;
	cold = calloc(1, COLD_BYTES);
	if (cold == NULL)
		fail_msg("no memory");
	printf("| cycles a frame | parse | classify | decide | deliver | sum |\n");
	printf("|---|--:|--:|--:|--:|--:|\n");
	bench_vnics(&x, 16);
	bench_vnics(&x, 1000);
	bench_vnics(&x, 60000);
	printf("\n| offload | cycles | frames |\n|---|--:|--:|\n");
	bench_offload(&x, "TCP checksum, 60 bytes", FRAME_LEN, 0);
	bench_offload(&x, "TCP checksum, 1514 bytes", 1514, 0);
	bench_offload(&x, "TCP super-frame, 65000 bytes", SUPER_LEN, 1448);
	free(cold);
}

int main(void)
{
	const struct CMUnitTest all[] = {cmocka_unit_test_setup(bench_all, rig_eal)};

	return cmocka_run_group_tests(all, NULL, NULL);
}
