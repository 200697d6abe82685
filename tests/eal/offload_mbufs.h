/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mbufs for the tests of offload_finish(), and what they check of each that comes
 * out. Included by the test files, each of which is a program with its own EAL.
 */
#ifndef TESTS_EAL_OFFLOAD_MBUFS_H
#define TESTS_EAL_OFFLOAD_MBUFS_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "dp/offload.h"
#include "endpoint/endpoint.h"
#include "offload_frames.h"

#define ROOM	 2048
#define N_SOURCE 16383
#define N_TARGET 1023
#define ALL_CAPS 0x7fu

static struct rte_mempool *source; /* of the frames that come in */
static struct rte_mempool *target; /* of copies and segments */
static struct frame super, want;
static uint8_t got[FRAME_MAX];
static struct rte_mbuf *out[OFFLOAD_MAX_SEGS];
static uint64_t seed; /* of the random case at work; 0: none */

#define check(cond)                                                                  \
	do {                                                                         \
		if (!(cond))                                                         \
			fail_msg("%s (OFFLOAD_TEST_SEED=%" PRIu64 ")", #cond, seed); \
	} while (0)

/* ---- mbufs --------------------------------------------------------------- */

static inline void free_heap(void *addr, void *arg)
{
	(void)addr;
	free(arg);
}

/** One segment. On the heap, of exactly its size, ASan sees whatever is read beside it. */
static inline struct rte_mbuf *make_segment(const uint8_t *bytes, uint32_t len, bool heap)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(source);

	assert_non_null(m);
	if (heap) {
		struct {
			struct rte_mbuf_ext_shared_info info;
			uint8_t bytes[];
		} *block = malloc(sizeof(*block) + len);

		assert_non_null(block);
		block->info.free_cb = free_heap;
		block->info.fcb_opaque = block;
		rte_mbuf_ext_refcnt_set(&block->info, 1);
		rte_pktmbuf_attach_extbuf(m, block->bytes, RTE_BAD_IOVA, (uint16_t)len,
					  &block->info);
		m->data_off = 0;
	}
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	if (len > 0)
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), bytes, len);
	return m;
}

enum split {
	SPLIT_NONE, /* as few segments as there can be */
	SPLIT_BYTES, /* the headers a byte at a time */
	SPLIT_RANDOM,
	SPLIT_ODD, /* 1001 bytes each */
};

static inline struct rte_mbuf *make_mbuf(const struct frame *f, enum split split, bool heap)
{
	struct rte_mbuf *m = NULL, *last = NULL;
	uint32_t off = 0;

	do {
		uint32_t n = ROOM;
		struct rte_mbuf *s;

		if (split == SPLIT_BYTES && off < frame_hdr_len(f))
			n = 1;
		else if (split == SPLIT_RANDOM)
			n = one_in(2) ? random_below(ROOM) + 1 : random_below(8);
		else if (split == SPLIT_ODD)
			n = 1001;
		n = RTE_MIN(n, f->len - off);
		s = make_segment(f->bytes + off, n, heap);
		if (m == NULL) {
			m = s;
		} else {
			last->next = s;
			m->nb_segs++;
			m->pkt_len += n;
		}
		last = s;
		off += n;
	} while (off < f->len);
	m->l2_len = f->l2_len;
	m->l3_len = f->l3_len;
	m->l4_len = f->l4_len;
	return m;
}

static inline struct rte_mbuf *make_tso(const struct frame *f, uint16_t mss, enum split split)
{
	struct rte_mbuf *m = make_mbuf(f, split, false);

	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
		      (f->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
	m->tso_segsz = mss;
	return m;
}

/** Is @p m, all its segments taken together, exactly @p f? */
static inline void check_bytes(const struct rte_mbuf *m, const struct frame *f)
{
	uint32_t len = 0, n = 0;

	for (const struct rte_mbuf *s = m; s != NULL; s = s->next, n++) {
		check(len + s->data_len <= sizeof(got));
		memcpy(got + len, rte_pktmbuf_mtod(s, const uint8_t *), s->data_len);
		len += s->data_len;
	}
	check(n == m->nb_segs);
	check(len == m->pkt_len);
	check(len == f->len);
	for (uint32_t i = 0; i < len; i++)
		if (got[i] != f->bytes[i])
			fail_msg("byte %u of %u is %02x, not %02x (OFFLOAD_TEST_SEED=%" PRIu64 ")",
				 i, len, got[i], f->bytes[i], seed);
}

static inline bool is_alone(const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		if (rte_mbuf_refcnt_read(m) != 1 || RTE_MBUF_CLONED(m))
			return false;
	return true;
}

/** What every egress may count on, whatever else was done. */
static inline void check_fit(const struct rte_mbuf *m, uint32_t caps)
{
	check(m->nb_segs == 1 || caps & ENDPOINT_CAP_MULTI_SEGS);
	check(caps & ENDPOINT_CAP_SHARED || is_alone(m));
	check(!offload_is_needed(m, caps));
}

static inline void check_n_in_use(unsigned int n_source, unsigned int n_target)
{
	check(rte_mempool_in_use_count(source) == n_source);
	check(rte_mempool_in_use_count(target) == n_target);
}

static inline void check_segments(const struct frame *f, uint32_t mss, int n, uint32_t caps)
{
	check(n == (int)oracle_n_segs(f, mss));
	for (int i = 0; i < n; i++) {
		oracle_segment(&want, f, mss, (uint32_t)i);
		check_bytes(out[i], &want);
		check((out[i]->ol_flags & (OFFLOAD_TX_FLAGS | offload_csum_flag)) == 0);
		check_fit(out[i], caps);
		rte_pktmbuf_free(out[i]);
	}
}

/* ---- the program --------------------------------------------------------- */

static inline int setup(void **state)
{
	(void)state;
	random_state = 1;
	return 0;
}

/* Whatever a test did, no mbuf stays behind. */
static inline int teardown(void **state)
{
	(void)state;
	return rte_mempool_in_use_count(source) != 0 || rte_mempool_in_use_count(target) != 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline int mbufs_open(void)
{
	static char words[][16] = {
		"offload_test", "--no-huge",   "-m",	"256", "--no-pci", "--no-telemetry",
		"--no-shconf",	"--log-level", "error", "-l",  "0"};
	char *args[RTE_DIM(words)];

	for (unsigned int i = 0; i < RTE_DIM(words); i++)
		args[i] = words[i];
	if (rte_eal_init((int)RTE_DIM(args), args) < 0 || csum_field_register() != 0)
		return 2;
	/* Without caches, so that the counts are exact. */
	source = rte_pktmbuf_pool_create("source", N_SOURCE, 0, 0, ROOM + RTE_PKTMBUF_HEADROOM, 0);
	target = rte_pktmbuf_pool_create("target", N_TARGET, 0, 0, ROOM + RTE_PKTMBUF_HEADROOM, 0);
	return source == NULL || target == NULL ? 2 : 0;
}

static inline void mbufs_close(void)
{
	rte_mempool_free(source);
	rte_mempool_free(target);
	rte_eal_cleanup();
}

#endif /* TESTS_EAL_OFFLOAD_MBUFS_H */
