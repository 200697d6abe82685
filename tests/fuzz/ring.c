/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory as a hostile guest would fill it, with the ring in it, and frames both ways. Memory that isn't
 * the guest's is poisoned, so nobody reads or writes it unnoticed; each mbuf is back in the end.
 *
 * Input: what is negotiated, the ring's size, where the ring has come to, lengths of frames to send; then memory, of which
 * the ring's tables are the beginning. It is in two regions that follow each other for the guest only.
 */
#include <stdlib.h>
#include <string.h>

#include "endpoint/vhost_ring.h"
#include "fuzz.h"

#define N_FRAMES 6
#define HEAD	 (4 + N_FRAMES)
#define MAX_SIZE 16
/* Three tables of the longest ring. */
#define TABLES	(16 * MAX_SIZE + 6 + 2 * MAX_SIZE + 2 + 6 + 8 * MAX_SIZE)
#define MAX_LEN (TABLES + 4096)

static void receive(struct vhost_ring *r)
{
	struct endpoint_rx_count count = {0};
	struct rte_mbuf *m[64];
	uint16_t n = vhost_ring_receive(r, fuzz_pool, m, RTE_DIM(m), &count);

	for (uint16_t i = 0; i < n; i++) {
		if (rte_mbuf_check(m[i], 1, &(const char *){NULL}) != 0 || m[i]->pkt_len < 14 ||
		    m[i]->pkt_len > ENDPOINT_MAX_FRAME)
			__builtin_trap();
		rte_pktmbuf_free(m[i]);
	}
}

/* A frame of @len bytes in as many mbufs as that takes; NULL: there are none. */
static struct rte_mbuf *make(uint32_t len, bool unfinished)
{
	struct rte_mbuf *first = NULL, **next = &first;

	for (uint32_t at = 0; at < len; at += FUZZ_ROOM) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(fuzz_pool);

		if (m == NULL) {
			rte_pktmbuf_free(first);
			return NULL;
		}
		rte_pktmbuf_append(m, (uint16_t)RTE_MIN(len - at, (uint32_t)FUZZ_ROOM));
		*next = m;
		next = &m->next;
		if (m != first)
			first->nb_segs++;
	}
	first->pkt_len = len;
	if (unfinished) {
		first->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
		first->l2_len = 14;
		first->l3_len = 20;
	}
	return first;
}

static void send(struct vhost_ring *r, const uint8_t *lengths)
{
	struct rte_mbuf *m[N_FRAMES];
	uint64_t refused = 0;
	uint16_t n = 0;

	for (uint16_t i = 0; i < N_FRAMES; i++) {
		m[n] = make(14 + 16 * (lengths[i] & 0x7f), lengths[i] & 0x80);
		n += m[n] != NULL;
	}
	if (vhost_ring_send(r, m, n, &refused) > n || refused > n)
		__builtin_trap();
	rte_pktmbuf_free_bulk(m, n);
}

static void set_up(struct vhost_ring *r, struct vhost_map *map, const uint8_t *b)
{
	uint8_t *tables = map->regions[0].host;

	r->is_open = true;
	r->is_packed = b[0] & 1;
	r->is_mergeable = b[0] & 2;
	r->has_events = b[0] & 4;
	r->reads_headers = b[0] & 8;
	r->takes = b[0] & 16 ? ENDPOINT_CAP_CSUM : 0;
	r->header_len = r->is_packed || r->is_mergeable || b[0] & 32 ? 12 : 10;
	r->size = r->is_packed ? 1 + b[1] % MAX_SIZE : 1 << b[1] % 5;
	r->memory = map;
	r->call_fd = -1;
	r->at = r->is_packed ? b[2] % r->size : b[2];
	r->used_at = b[3];
	r->wrap = b[3] & 1;
	r->desc = (struct vring_desc *)tables;
	r->avail = (struct vring_avail *)(tables + 16 * MAX_SIZE);
	r->used = (struct vring_used *)(tables + 16 * MAX_SIZE + 8 + 2 * MAX_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vhost_ring r = {0};
	struct vhost_map map = {.n = 2};
	size_t len, second;

	if (size < HEAD + TABLES || size > HEAD + MAX_LEN)
		return 0;
	len = size - HEAD;
	second = (len - TABLES) / 2;
	map.regions[0] = (struct vhost_area){0, len - second, malloc(len - second)};
	map.regions[1] = (struct vhost_area){len - second, second, malloc(second + (second == 0))};
	if (map.regions[0].host == NULL || map.regions[1].host == NULL)
		exit(1);
	memcpy(map.regions[0].host, data + HEAD, len - second);
	memcpy(map.regions[1].host, data + HEAD + len - second, second);
	set_up(&r, &map, data);
	for (int i = 0; i < 2; i++) {
		receive(&r);
		send(&r, data + 4);
	}
	free(map.regions[0].host);
	free(map.regions[1].host);
	if (rte_mempool_in_use_count(fuzz_pool) != 0)
		__builtin_trap();
	return 0;
}
