/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One frame as a hostile sender would make it, through all that believes nothing of
 * it: the frame parser, neighbour discovery, MAC translation and DHCP (assist.c), ipvlan
 * (ipvlan.c), the virtio-net header's check, and the offload engine.
 *
 * Input: one byte of egress caps, one of segment length (0: one segment), ten of
 * virtio-net header, then the frame. libFuzzer calls LLVMFuzzerTestOneInput()
 * (scripts/fuzz); replay.c gives it the corpus in every test run.
 */
#include <stdlib.h>
#include <string.h>

#include "assist.h"
#include "dp/offload.h"
#include "endpoint/vnet_hdr.h"
#include "endpoint/vnet_mbuf.h"
#include "fuzz.h"
#include "ipvlan.h"
#include "net/pkt.h"

#define HEAD	(2 + sizeof(struct virtio_net_hdr))
#define MAX_LEN 20000

/* The frame in an mbuf, chained as its sender chose. */
static struct rte_mbuf *make(const uint8_t *b, size_t len, size_t seg)
{
	struct rte_mbuf *first = NULL, **next = &first;

	seg = seg == 0 || seg > FUZZ_ROOM ? FUZZ_ROOM : seg;
	for (size_t at = 0; at < len || first == NULL; at += seg) {
		size_t part = RTE_MIN(seg, len - at);
		struct rte_mbuf *m = rte_pktmbuf_alloc(fuzz_pool);

		if (m == NULL) {
			rte_pktmbuf_free(first);
			return NULL;
		}
		memcpy(rte_pktmbuf_append(m, (uint16_t)part), b + at, part);
		*next = m;
		next = &m->next;
		if (m != first)
			first->nb_segs++;
	}
	first->pkt_len = (uint32_t)len;
	return first;
}

/* What comes out must be whole mbufs, and no byte more than the frame and its headers allow. */
static void finish(struct rte_mbuf *m, uint32_t caps)
{
	struct rte_mbuf *out[OFFLOAD_MAX_SEGS];
	int n = offload_finish(m, caps, fuzz_pool, out, OFFLOAD_MAX_SEGS);

	for (int i = 0; i < n; i++) {
		if (rte_mbuf_check(out[i], 1, &(const char *){NULL}) != 0)
			__builtin_trap();
		rte_pktmbuf_free(out[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr h;
	struct vnet_work work;
	const uint8_t *frame;
	struct rte_mbuf *m;
	struct pkt p;
	uint32_t len;

	if (size < HEAD || size > HEAD + MAX_LEN)
		return 0;
	memcpy(&h, data + 2, sizeof(h));
	frame = data + HEAD;
	len = (uint32_t)(size - HEAD);
	fuzz_assist(frame, len);
	fuzz_ipvlan(frame, len);
	if (!pkt_parse(&p, frame, RTE_MIN(len, (uint32_t)PKT_PARSE_LEN), len))
		return 0;
	if (vnet_hdr_read(&h, frame, RTE_MIN(len, 256u), len, &work) != 0)
		return 0;
	m = make(frame, len, data[1]);
	if (m == NULL)
		return 0;
	vnet_work_to_mbuf(m, &work);
	finish(m, data[0] & 0x3f);
	if (rte_mempool_in_use_count(fuzz_pool) != 0) /* every mbuf is somebody's, or back */
		__builtin_trap();
	return 0;
}
