/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload_finish(), case by case: every byte of what comes out against an oracle of its
 * own (offload_frames.h); metadata that lies; pools that run dry.
 */
#include "offload_mbufs.h"

/* ---- segmentation -------------------------------------------------------- */

static void check_cut(const struct spec *s, uint16_t mss, enum split split, uint32_t caps)
{
	struct rte_mbuf *m;

	build(&super, s);
	m = make_tso(&super, mss, split);
	check(offload_is_needed(m, caps));
	check_segments(&super, mss, offload_finish(m, caps, target, out, OFFLOAD_MAX_SEGS), caps);
	check_n_in_use(0, 0);
}

static void test_cuts_a_full_super_frame(void **state)
{
	const struct spec v4 = {.tcp_opts = 3, .tcp_flags = 0x18, .payload = 65535 - 52};
	const struct spec v6 = {
		.v6 = true, .tcp_opts = 3, .tcp_flags = 0x18, .payload = 65535 - 32};

	(void)state;
	check_cut(&v4, 1448, SPLIT_NONE, 0);
	check_cut(&v4, 1448, SPLIT_ODD, ENDPOINT_CAP_CSUM);
	check_cut(&v6, 1428, SPLIT_NONE, 0);
	check_cut(&v6, 1428, SPLIT_ODD, ENDPOINT_CAP_TSO4 | ENDPOINT_CAP_CSUM);
	/* As many segments as there may be. */
	check_cut(&v4, 256, SPLIT_NONE, 0);
}

static void test_cuts_headers_split_anywhere(void **state)
{
	struct spec s = {.tcp_opts = 10, .tcp_flags = 0x10, .payload = 5001};

	(void)state;
	for (s.n_tags = 0; s.n_tags <= 2; s.n_tags++) {
		s.v6 = false;
		s.ip_opts = 10;
		check_cut(&s, 1001, SPLIT_BYTES, 0);
		s.v6 = true;
		s.ip_opts = 3;
		check_cut(&s, 1001, SPLIT_BYTES, 0);
		s.rerouted = true;
		check_cut(&s, 1001, SPLIT_BYTES, 0);
		s.rerouted = false;
	}
}

static void test_flags_ids_and_sequence(void **state)
{
	const struct spec s = {.tcp_flags = 0xff, .payload = 300};
	static const uint8_t flags[] = {0xf6, 0x76, 0x7f};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	/* Both wrap. */
	put16(super.bytes + 14 + 4, 0xffff);
	put32(super.bytes + 34 + 4, 0xffffff80);
	oracle_ip_csum(&super);
	m = make_tso(&super, 100, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, 3), 3);
	for (uint32_t i = 0; i < 3; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(out[i], const uint8_t *);

		assert_int_equal(p[34 + 13], flags[i]);
		assert_int_equal(get16(p + 14 + 4), (0xffff + i) & 0xffff);
		assert_int_equal(get32(p + 34 + 4), 0xffffff80 + 100 * i);
	}
	check_segments(&super, 100, 3, 0);
}

static void test_senders_pseudo_sum_is_not_needed(void **state)
{
	const struct spec s = {.tcp_flags = 0x10, .payload = 3000};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	m = make_tso(&super, 1460, SPLIT_NONE);
	/* Without the length, as ethdev drivers want it. */
	rte_pktmbuf_mtod(m, uint8_t *)[frame_csum_at(&super)] ^= 0x55;
	check_segments(&super, 1460, offload_finish(m, 0, target, out, 3), 0);
}

static void test_padding_is_not_payload(void **state)
{
	const struct spec s = {.tcp_flags = 0x18, .payload = 2000, .padding = 1000};

	(void)state;
	check_cut(&s, 1000, SPLIT_NONE, 0);
}

static void test_jumbo_segments_are_chained_or_refused(void **state)
{
	const struct spec s = {.v6 = true, .tcp_opts = 3, .tcp_flags = 0x19, .payload = 30001};
	struct rte_mbuf *m;

	(void)state;
	check_cut(&s, 8928, SPLIT_NONE, ENDPOINT_CAP_MULTI_SEGS);
	check_cut(&s, 8928, SPLIT_ODD, ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_TSO4);
	m = make_tso(&super, 8928, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, OFFLOAD_MAX_SEGS), -EMSGSIZE);
	check_n_in_use(0, 0);
	/* The longest that one mbuf holds, and one more. */
	check_cut(&s, ROOM - 14 - 40 - 32, SPLIT_NONE, 0);
	m = make_tso(&super, ROOM - 14 - 40 - 32 + 1, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, OFFLOAD_MAX_SEGS), -EMSGSIZE);
}

/* A pool whose mbufs hold less than the headers: refused where they must be in one piece. */
static void test_tiny_mbufs(void **state)
{
	const struct spec s = {.tcp_opts = 3, .tcp_flags = 0x10, .payload = 300};
	struct rte_mempool *tiny =
		rte_pktmbuf_pool_create("tiny", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 65, 0);
	struct rte_mbuf *m;

	(void)state;
	assert_non_null(tiny);
	build(&super, &s);
	assert_int_equal(frame_hdr_len(&super), 66);
	m = make_tso(&super, 100, SPLIT_NONE);
	assert_int_equal(offload_finish(m, ENDPOINT_CAP_MULTI_SEGS, tiny, out, 3), -EMSGSIZE);
	m = make_tso(&super, 100, SPLIT_BYTES);
	assert_int_equal(
		offload_finish(m, ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_CSUM | ENDPOINT_CAP_TSO4,
			       tiny, out, 3),
		-EMSGSIZE);
	assert_int_equal(rte_mempool_in_use_count(tiny), 0);
	rte_mempool_free(tiny);
}

static void test_super_frame_of_one_segment_is_none(void **state)
{
	const struct spec s = {.tcp_flags = 0x18, .payload = 1000};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	m = make_tso(&super, 1000, SPLIT_NONE);
	m->ol_flags &= ~RTE_MBUF_F_TX_TCP_CKSUM; /* DPDK: TCP_SEG implies it */
	assert_int_equal(offload_finish(m, ALL_CAPS, target, out, 1), 1);
	assert_int_equal(out[0]->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(out[0]->tso_segsz, 0);
	rte_pktmbuf_free(out[0]);
}

static void test_more_segments_than_asked_for(void **state)
{
	const struct spec s = {.tcp_flags = 0x10, .payload = 3000};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	m = make_tso(&super, 1000, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, 2), -EMSGSIZE);
	m = make_tso(&super, 1000, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, 0), -EMSGSIZE);
}

static void test_segments_keep_port_and_dynamic_fields(void **state)
{
	const struct spec s = {.tcp_flags = 0x10, .payload = 200};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	m = make_tso(&super, 100, SPLIT_NONE);
	m->port = 7;
	m->vlan_tci = 5;
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	csum_field(m)->start = 4711;
	assert_int_equal(offload_finish(m, 0, target, out, 2), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(out[i]->port, 7);
		assert_int_equal(out[i]->vlan_tci, 5);
		assert_int_equal(out[i]->ol_flags, RTE_MBUF_F_TX_VLAN);
		assert_int_equal(csum_field(out[i])->start, 4711);
		rte_pktmbuf_free(out[i]);
	}
}

/* ---- checksums ----------------------------------------------------------- */

/* UDP has no other way to say that there is a checksum; TCP's zero is one. */
static void test_checksum_zero(void **state)
{
	struct spec s = {.payload = 100};
	struct rte_mbuf *m;

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint8_t *word;
		uint32_t sum;

		s.v6 = i & 1;
		s.udp = i & 2;
		build(&super, &s);
		word = super.bytes + frame_hdr_len(&super);
		put16(word, 0);
		/* The field holds the pseudo sum, so this is the sum over all the rest. */
		sum = oracle_sum(0, super.bytes + frame_l4(&super),
				 super.ip_end - frame_l4(&super));
		put16(word, ~sum);
		m = make_mbuf(&super, SPLIT_NONE, false);
		m->ol_flags = (s.udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM) |
			      (s.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
		assert_int_equal(offload_finish(m, 0, target, out, 1), 1);
		assert_int_equal(get16(rte_pktmbuf_mtod(out[0], uint8_t *) + frame_csum_at(&super)),
				 s.udp ? 0xffff : 0);
		rte_pktmbuf_free(out[0]);
	}
}

static void test_generic_checksum_zero_is_sent_as_ones(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	memset(super.bytes, 0, 64);
	put16(super.bytes + 20, 0x1234);
	put16(super.bytes + 40, 0xffff - 0x1234);
	super.len = 64;
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = offload_csum_flag;
	*csum_field(m) = (struct csum_field){.start = 20, .offset = 30};
	assert_int_equal(offload_finish(m, 0, target, out, 1), 1);
	assert_int_equal(get16(rte_pktmbuf_mtod(out[0], uint8_t *) + 50), 0xffff);
	rte_pktmbuf_free(out[0]);
}

/* A guest may name the last two bytes of a frame, and no further. */
static void test_generic_checksum_at_the_end(void **state)
{
	(void)state;
	for (uint32_t beyond = 0; beyond < 4; beyond++)
		for (uint32_t caps = 0; caps <= ENDPOINT_CAP_CSUM_ANY;
		     caps += ENDPOINT_CAP_CSUM_ANY) {
			struct rte_mbuf *m;
			int rc;

			for (uint32_t i = 0; i < 64; i++)
				super.bytes[i] = (uint8_t)random_next();
			super.len = 64;
			m = make_mbuf(&super, SPLIT_RANDOM, true);
			m->ol_flags |= offload_csum_flag;
			*csum_field(m) =
				(struct csum_field){.start = 30, .offset = (uint16_t)(32 + beyond)};
			rc = offload_finish(m, caps | ENDPOINT_CAP_MULTI_SEGS, target, out, 1);
			assert_int_equal(rc, beyond == 0 ? 1 : -EINVAL);
			if (rc != 1)
				continue;
			if (caps == 0) {
				uint32_t sum = ~oracle_sum(0, super.bytes + 30, 34) & 0xffff;

				put16(super.bytes + 62, sum == 0 ? 0xffff : sum);
			}
			check_bytes(out[0], &super);
			rte_pktmbuf_free(out[0]);
		}
}

/* ---- metadata that lies -------------------------------------------------- */

enum lie {
	LIE_L2_LONG,
	LIE_L2_SHORT,
	LIE_L3_LONG,
	LIE_L3_SHORT,
	LIE_L4_LONG,
	LIE_L4_SHORT,
	LIE_L4_ZERO,
	LIE_MSS_ZERO,
	LIE_MSS_TINY,
	LIE_OTHER_VERSION,
	LIE_BOTH_VERSIONS,
	LIE_NO_VERSION,
	LIE_VERSION_BYTE,
	LIE_PROTOCOL,
	LIE_UDP,
	LIE_SCTP,
	LIE_DATA_OFFSET_SMALL,
	LIE_DATA_OFFSET_LARGE,
	LIE_IP_LONG,
	LIE_IP_SHORT,
	LIE_IP_ZERO,
	LIE_FRAGMENT,
	LIE_TWO_CHECKSUMS,
	LIE_TRUNCATED,
	LIE_PKT_LEN,
	LIE_NB_SEGS,
	LIE_HEADER_WORDS,
	LIE_NO_ETHERNET,
	N_LIES,
};

static void tell(struct rte_mbuf *m, enum lie lie, bool v6)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *) + m->l2_len, *tcp = ip + m->l3_len;
	uint64_t version = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6;

	switch (lie) {
	case LIE_L2_LONG:
		m->l2_len = 127;
		break;
	case LIE_L2_SHORT:
		m->l2_len = 0;
		break;
	case LIE_L3_LONG:
		m->l3_len = 511;
		break;
	case LIE_L3_SHORT:
		m->l3_len = v6 ? 39 : 16;
		break;
	case LIE_L4_LONG:
		m->l4_len = 255;
		break;
	case LIE_L4_SHORT:
		m->l4_len = 16;
		break;
	case LIE_L4_ZERO:
		m->l4_len = 0;
		break;
	case LIE_MSS_ZERO:
		m->tso_segsz = 0;
		break;
	case LIE_MSS_TINY:
		m->tso_segsz = 1;
		break;
	case LIE_OTHER_VERSION:
		m->ol_flags ^= version;
		break;
	case LIE_BOTH_VERSIONS:
		m->ol_flags |= version;
		break;
	case LIE_NO_VERSION:
		m->ol_flags &= ~version;
		break;
	case LIE_VERSION_BYTE:
		ip[0] ^= 0x20;
		break;
	case LIE_PROTOCOL:
		ip[v6 ? 6 : 9] = IPPROTO_UDP;
		break;
	case LIE_UDP:
		m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
		break;
	case LIE_SCTP:
		m->ol_flags ^= RTE_MBUF_F_TX_L4_MASK;
		break;
	case LIE_DATA_OFFSET_SMALL:
		tcp[12] = 0x40;
		break;
	case LIE_DATA_OFFSET_LARGE:
		tcp[12] = 0xf0;
		break;
	case LIE_IP_LONG:
		put16(ip + (v6 ? 4 : 2), 20000);
		break;
	case LIE_IP_SHORT:
		put16(ip + (v6 ? 4 : 2), v6 ? 19 : 39);
		break;
	case LIE_IP_ZERO:
		put16(ip + (v6 ? 4 : 2), 0);
		break;
	case LIE_FRAGMENT:
		if (v6)
			ip[6] = IPPROTO_FRAGMENT;
		else
			put16(ip + 6, 0x2000);
		break;
	case LIE_TWO_CHECKSUMS:
		m->ol_flags |= offload_csum_flag;
		*csum_field(m) = (struct csum_field){.start = 34, .offset = 16};
		break;
	case LIE_TRUNCATED:
		rte_pktmbuf_trim(m, m->data_len - (v6 ? 60 : 40));
		break;
	case LIE_PKT_LEN:
		m->pkt_len += 1000;
		break;
	case LIE_NB_SEGS:
		m->nb_segs++;
		break;
	case LIE_HEADER_WORDS:
		if (v6)
			ip[6] = IPPROTO_DSTOPTS;
		else
			ip[0] = 0x46;
		break;
	case LIE_NO_ETHERNET:
		rte_pktmbuf_adj(m, 14);
		m->l2_len = 0;
		break;
	case N_LIES:
		break;
	}
}

static void test_lies_are_refused(void **state)
{
	struct spec s = {.tcp_flags = 0x18, .payload = 1500};
	static const uint32_t caps[] = {0, ALL_CAPS, ALL_CAPS & ~ENDPOINT_CAP_CSUM_ANY,
					ENDPOINT_CAP_CSUM | ENDPOINT_CAP_MULTI_SEGS};

	(void)state;
	for (int lie = 0; lie < N_LIES; lie++)
		for (unsigned int i = 0; i < 2 * RTE_DIM(caps); i++) {
			struct rte_mbuf *m;
			int rc;

			s.v6 = i % 2;
			build(&super, &s);
			m = make_tso(&super, 1000, SPLIT_NONE);
			tell(m, (enum lie)lie, s.v6);
			rc = offload_finish(m, caps[i / 2], target, out, OFFLOAD_MAX_SEGS);
			if (rc != -EINVAL)
				fail_msg("lie %d, IPv%d, caps %x: %d", lie, s.v6 ? 6 : 4,
					 caps[i / 2], rc);
			check_n_in_use(0, 0);
		}
}

/** Gives @p m, with one extension header of 8 bytes, another kind of it, length and successor. */
static void set_extension(struct rte_mbuf *m, uint8_t kind, uint8_t len, uint8_t next)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *) + 14;

	ip[6] = kind;
	ip[40] = next;
	ip[41] = len;
}

static void test_udp_is_not_cut(void **state)
{
	const struct spec s = {.udp = true, .payload = 1500};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	super.bytes[14 + 20 + 12] = 0x50; /* what TCP's data offset would be */
	super.l4_len = 20;
	m = make_tso(&super, 1000, SPLIT_NONE);
	assert_int_equal(offload_finish(m, 0, target, out, 2), -EINVAL);
	m = make_tso(&super, 1000, SPLIT_NONE);
	m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
	assert_int_equal(offload_finish(m, 0, target, out, 2), -EINVAL);
}

/* Where the chain of IPv6 extension headers doesn't end at l3_len with TCP, or can't be cut. */
static void test_bad_extension_headers_are_refused(void **state)
{
	static const uint8_t bad[][3] = {
		{IPPROTO_DSTOPTS, 255, IPPROTO_TCP}, {IPPROTO_DSTOPTS, 0, IPPROTO_HOPOPTS},
		{IPPROTO_DSTOPTS, 0, IPPROTO_UDP},   {200, 0, IPPROTO_TCP},
		{IPPROTO_FRAGMENT, 0, IPPROTO_TCP},  {IPPROTO_AH, 0, IPPROTO_TCP},
		{IPPROTO_TCP, 0, IPPROTO_TCP},
	};
	const struct spec s = {.v6 = true, .tcp_flags = 0x18, .payload = 1500};

	(void)state;
	for (unsigned int i = 0; i < 2 * RTE_DIM(bad); i++) {
		const uint8_t *b = bad[i / 2];
		struct rte_mbuf *m;

		build_with_8_byte_extension(&super, &s);
		m = make_tso(&super, 1000, SPLIT_NONE);
		set_extension(m, b[0], b[1], b[2]);
		assert_int_equal(
			offload_finish(m, i % 2 ? ALL_CAPS : 0, target, out, OFFLOAD_MAX_SEGS),
			-EINVAL);
	}
}

/* What must not be cut may well want a checksum. */
static void test_checksum_behind_fragment_and_authentication(void **state)
{
	static const uint8_t kinds[] = {IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_MH};
	const struct spec s = {.v6 = true, .payload = 501};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(kinds); i++) {
		struct rte_mbuf *m;

		build_with_8_byte_extension(&super, &s);
		m = make_mbuf(&super, SPLIT_NONE, false);
		m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6;
		set_extension(m, kinds[i], 0, IPPROTO_TCP);
		super.bytes[14 + 6] = kinds[i];
		memcpy(super.bytes, rte_pktmbuf_mtod(m, uint8_t *), 14 + 48);
		oracle_l4_csum(&super);
		assert_int_equal(offload_finish(m, 0, target, out, 1), 1);
		check_bytes(out[0], &super);
		rte_pktmbuf_free(out[0]);
	}
}

static void test_checksum_only_lies_are_refused(void **state)
{
	const struct spec udp6 = {.v6 = true, .udp = true, .payload = 0};
	const struct spec tcp4 = {.payload = 10};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &udp6);
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = RTE_MBUF_F_TX_IP_CKSUM; /* IPv6 has none */
	assert_int_equal(offload_finish(m, ALL_CAPS, target, out, 1), -EINVAL);
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6;
	assert_int_equal(offload_finish(m, ALL_CAPS, target, out, 1), -EINVAL);
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6;
	m->l3_len = 48;
	assert_int_equal(offload_finish(m, ALL_CAPS, target, out, 1), -EINVAL);
	build(&super, &tcp4);
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = RTE_MBUF_F_TX_SCTP_CKSUM | RTE_MBUF_F_TX_IPV4;
	assert_int_equal(offload_finish(m, ALL_CAPS, target, out, 1), -EINVAL);
	super.len = 0;
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM;
	assert_int_equal(offload_finish(m, 0, target, out, 1), -EINVAL);
	m = make_mbuf(&super, SPLIT_NONE, false);
	m->ol_flags = offload_csum_flag;
	assert_int_equal(offload_finish(m, 0, target, out, 1), -EINVAL);
	m = make_mbuf(&super, SPLIT_NONE, false);
	rte_mbuf_refcnt_update(m, 1);
	assert_int_equal(offload_finish(m, 0, target, out, 1), -EINVAL);
	rte_pktmbuf_free(m);
}

/* ---- pools that run dry -------------------------------------------------- */

/** @p n_needed mbufs are just enough for @p m_of(), any fewer are -ENOBUFS, and none is lost. */
static void check_dry(struct rte_mbuf *(*m_of)(void), uint32_t caps, uint32_t n_needed, int n_out)
{
	static struct rte_mbuf *held[N_TARGET];
	uint32_t n_held = 0;

	while (rte_mempool_avail_count(target) > 0) {
		held[n_held] = rte_pktmbuf_alloc(target);
		assert_non_null(held[n_held++]);
	}
	for (uint32_t n_free = 0; n_free <= n_needed; n_free++) {
		int rc = offload_finish(m_of(), caps, target, out, OFFLOAD_MAX_SEGS);

		assert_int_equal(rc, n_free < n_needed ? -ENOBUFS : n_out);
		if (rc > 0)
			rte_pktmbuf_free_bulk(out, (unsigned int)rc);
		assert_int_equal(rte_mempool_avail_count(target), n_free);
		assert_int_equal(rte_mempool_in_use_count(source), 0);
		rte_pktmbuf_free(held[--n_held]);
	}
	rte_pktmbuf_free_bulk(held, n_held);
}

static struct rte_mbuf *super_frame_1000(void)
{
	return make_tso(&super, 1000, SPLIT_RANDOM);
}

static struct rte_mbuf *super_frame_in_pieces(void)
{
	return make_tso(&super, 1000, SPLIT_BYTES);
}

static struct rte_mbuf *super_frame_5000(void)
{
	return make_tso(&super, 5000, SPLIT_NONE);
}

static void test_dry_pool_leaks_nothing(void **state)
{
	const struct spec s = {.tcp_flags = 0x18, .payload = 12000};

	(void)state;
	build(&super, &s);
	check_dry(super_frame_1000, 0, 12, 12);
	/* 5054 bytes are 3 mbufs, twice; 2054 are 2. */
	check_dry(super_frame_5000, ENDPOINT_CAP_MULTI_SEGS, 8, 3);
	/* Headers in pieces, for an egress that writes them: a copy of 12054 bytes. */
	check_dry(super_frame_in_pieces,
		  ENDPOINT_CAP_TSO4 | ENDPOINT_CAP_CSUM | ENDPOINT_CAP_MULTI_SEGS, 6, 1);
}

/* ---- the frame that needs nothing ---------------------------------------- */

static void test_most_frames_need_nothing(void **state)
{
	const struct spec s = {.payload = 100};
	struct rte_mbuf *m;

	(void)state;
	build(&super, &s);
	m = make_mbuf(&super, SPLIT_NONE, false);
	assert_false(offload_is_needed(m, 0));
	rte_mbuf_refcnt_update(m, 1);
	assert_true(offload_is_needed(m, 0));
	assert_false(offload_is_needed(m, ENDPOINT_CAP_SHARED));
	rte_pktmbuf_free(m);
	m->ol_flags = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
	assert_true(offload_is_needed(m, ALL_CAPS));
	rte_pktmbuf_free(m);

	/* A TAP takes headers in pieces, a driver doesn't. */
	m = make_mbuf(&super, SPLIT_BYTES, false);
	m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
	assert_false(offload_is_needed(m, ALL_CAPS));
	assert_true(offload_is_needed(m, ALL_CAPS & ~ENDPOINT_CAP_CSUM_ANY));
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_most_frames_need_nothing),
		TEST(test_cuts_a_full_super_frame),
		TEST(test_cuts_headers_split_anywhere),
		TEST(test_flags_ids_and_sequence),
		TEST(test_senders_pseudo_sum_is_not_needed),
		TEST(test_padding_is_not_payload),
		TEST(test_jumbo_segments_are_chained_or_refused),
		TEST(test_tiny_mbufs),
		TEST(test_super_frame_of_one_segment_is_none),
		TEST(test_more_segments_than_asked_for),
		TEST(test_segments_keep_port_and_dynamic_fields),
		TEST(test_checksum_zero),
		TEST(test_generic_checksum_zero_is_sent_as_ones),
		TEST(test_generic_checksum_at_the_end),
		TEST(test_lies_are_refused),
		TEST(test_udp_is_not_cut),
		TEST(test_bad_extension_headers_are_refused),
		TEST(test_checksum_behind_fragment_and_authentication),
		TEST(test_checksum_only_lies_are_refused),
		TEST(test_dry_pool_leaks_nothing),
	};
	int rc = mbufs_open();

	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name("offload", tests, NULL, NULL);
	mbufs_close();
	return rc;
}
