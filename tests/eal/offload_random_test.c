/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offload_finish() with random frames, splits, other owners, egresses and lies: every byte
 * of what comes out against an oracle of its own (offload_frames.h). The seeds are
 * 1, 2, 3 …; OFFLOAD_TEST_SEED=N replays one alone.
 */
#include "offload_mbufs.h"

enum kind {
	KIND_TSO,
	KIND_TCP,
	KIND_UDP,
	KIND_FIELD,
	KIND_IP,
	KIND_PLAIN,
	N_KINDS,
};

struct random_case {
	enum kind kind;
	uint32_t caps;
	uint16_t mss;
	uint16_t start, offset;
	bool says_v6; /* the flags do */
};

static void random_spec(struct random_case *c, struct spec *s)
{
	uint32_t longest = one_in(8) ? 65000 : one_in(2) ? 6000 : 300;

	*c = (struct random_case){
		.kind = (enum kind)random_below(N_KINDS),
		.caps = random_below(ALL_CAPS + 1),
	};
	*s = (struct spec){
		.v6 = c->kind != KIND_IP && one_in(2),
		.udp = c->kind == KIND_UDP,
		.n_tags = random_below(3),
		.tcp_opts = one_in(2) ? 3 : random_below(11),
		.tcp_flags = (uint8_t)random_next(),
		.payload = random_below(longest),
		.padding = one_in(4) ? random_below(40) : 0,
	};
	if (one_in(3)) {
		s->ip_opts = s->v6 ? 1 + random_below(3) : 1 + random_below(10);
		s->rerouted = one_in(2);
	}
	/* At times just on a multiple, just beside it, or one segment. */
	if (one_in(3))
		c->mss = (uint16_t)(1 + s->payload / (150 + random_below(150)));
	else
		c->mss = (uint16_t)(one_in(8) ? 9000 : 300 + random_below(1500));
	if (one_in(4))
		s->payload = RTE_MIN(c->mss * (1 + random_below(3)) + random_below(3), 65000u);
}

static struct rte_mbuf *random_mbuf(struct random_case *c)
{
	struct rte_mbuf *m = make_mbuf(&super, (enum split)random_below(4), one_in(2));
	uint64_t version = super.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;

	switch (c->kind) {
	case KIND_TSO:
		m->ol_flags |= version | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
		if (!super.v6)
			m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		m->tso_segsz = c->mss;
		break;
	case KIND_TCP:
		m->ol_flags |= version | RTE_MBUF_F_TX_TCP_CKSUM;
		break;
	case KIND_UDP:
		/* The version is there to be checked, but not needed. */
		m->ol_flags |= (one_in(2) ? version : 0) | RTE_MBUF_F_TX_UDP_CKSUM;
		break;
	case KIND_FIELD:
		m->ol_flags |= offload_csum_flag;
		c->start = (uint16_t)random_below(super.len - 1);
		c->offset = (uint16_t)random_below(super.len - c->start - 1);
		*csum_field(m) = (struct csum_field){.start = c->start, .offset = c->offset};
		break;
	case KIND_IP:
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
		break;
	case KIND_PLAIN:
	case N_KINDS:
		break;
	}
	c->says_v6 = m->ol_flags & RTE_MBUF_F_TX_IPV6;
	return m;
}

/** The frame that must come out where none is cut; @p left: the egress finishes the rest. */
static void oracle_whole(const struct random_case *c, bool left)
{
	uint32_t sum;

	memcpy(&want, &super, offsetof(struct frame, bytes) + super.len);
	if (c->kind == KIND_TSO || c->kind == KIND_IP)
		oracle_ip_csum(&want);
	if (left)
		return;
	if (c->kind == KIND_TSO || c->kind == KIND_TCP || c->kind == KIND_UDP)
		oracle_l4_csum(&want);
	if (c->kind != KIND_FIELD)
		return;
	sum = ~oracle_sum(0, want.bytes + c->start, want.len - c->start) & 0xffff;
	put16(want.bytes + c->start + c->offset, sum == 0 ? 0xffff : sum);
}

/** Is `super`'s transport checksum the egress's? What isn't known as IPv6 has the length of a bare IPv4 header. */
static bool can_sum(const struct random_case *c)
{
	bool is_bare = super.l3_len == (c->says_v6 ? 40 : 20);

	return c->caps & ENDPOINT_CAP_CSUM && (is_bare || c->caps & ENDPOINT_CAP_IP_OPTS);
}

static void check_whole(const struct random_case *c, const struct rte_mbuf *m, bool uncut)
{
	bool by_flags = c->kind == KIND_TSO || c->kind == KIND_TCP || c->kind == KIND_UDP;
	bool left = by_flags		    ? can_sum(c)
		    : c->kind == KIND_FIELD ? c->caps & ENDPOINT_CAP_CSUM_ANY
					    : false;

	oracle_whole(c, left);
	check_bytes(m, &want);
	check_fit(m, c->caps);
	check(!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == !uncut);
	check(!(m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == !(by_flags && left));
	check(!(m->ol_flags & offload_csum_flag) == !(c->kind == KIND_FIELD && left));
	check(uncut || !(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM));
	check((by_flags && left) || !(m->ol_flags & OFFLOAD_TX_FLAGS));
	if (by_flags && left) {
		check(m->l2_len == super.l2_len && m->l3_len == super.l3_len);
		/* A driver will write. */
		check(c->caps & ENDPOINT_CAP_CSUM_ANY ||
		      (m->data_len >= frame_hdr_len(&super) && is_alone(m)));
	}
}

/** What another owner holds of a frame, and how it looked. */
struct owner {
	struct rte_mbuf *m; /* NULL: there is no other owner */
	bool is_one_segment;
	uint64_t ol_flags, tx_offload;
	uint32_t len;
	uint8_t bytes[FRAME_MAX];
};

static struct owner owner;

static uint32_t flatten(const struct rte_mbuf *m, bool one_segment, uint8_t *to)
{
	uint32_t len = 0;

	for (; m != NULL; m = one_segment ? NULL : m->next) {
		memcpy(to + len, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		len += m->data_len;
	}
	return len;
}

/** Gives @p m another owner in one of the ways there are; returns what goes on as the frame. */
static struct rte_mbuf *share(struct rte_mbuf *m)
{
	struct rte_mbuf *other = m;

	owner.m = NULL;
	owner.is_one_segment = false;
	switch (random_below(6)) {
	case 0: /* as a flood does */
		rte_pktmbuf_refcnt_update(m, 1);
		break;
	case 1: /* any one segment */
		for (uint32_t i = random_below(m->nb_segs); i > 0; i--)
			other = other->next;
		rte_mbuf_refcnt_update(other, 1);
		owner.is_one_segment = true;
		break;
	case 2: /* indirect mbufs */
		m = rte_pktmbuf_clone(other, source);
		assert_non_null(m);
		break;
	default:
		return m;
	}
	owner.m = other;
	owner.ol_flags = other->ol_flags;
	owner.tx_offload = other->tx_offload;
	owner.len = flatten(other, owner.is_one_segment, owner.bytes);
	return m;
}

static void check_owner(void)
{
	if (owner.m == NULL)
		return;
	check(owner.m->ol_flags == owner.ol_flags);
	check(owner.m->tx_offload == owner.tx_offload);
	check(flatten(owner.m, owner.is_one_segment, got) == owner.len);
	check(memcmp(got, owner.bytes, owner.len) == 0);
	if (owner.is_one_segment)
		rte_pktmbuf_free_seg(owner.m);
	else
		rte_pktmbuf_free(owner.m);
}

static void run_random_case(void)
{
	struct random_case c;
	struct spec s;
	struct rte_mbuf *m;
	uint32_t tso, n = 1;
	bool multi, needed, cut = false, uncut = false, one_mbuf;
	int rc;

	random_spec(&c, &s);
	build(&super, &s);
	/* A checksum that is asked for isn't there yet. */
	if (!super.v6 && (c.kind == KIND_IP || (c.kind == KIND_TSO && s.payload <= c.mss)))
		put16(super.bytes + super.l2_len + 10, (uint32_t)random_next());
	m = share(random_mbuf(&c));
	needed = offload_is_needed(m, c.caps);
	multi = c.caps & ENDPOINT_CAP_MULTI_SEGS;
	one_mbuf = m->nb_segs == 1;
	if (c.kind == KIND_TSO)
		n = oracle_n_segs(&super, c.mss);
	if (n > 1) {
		tso = super.v6 ? ENDPOINT_CAP_TSO6 : ENDPOINT_CAP_TSO4;
		uncut = c.caps & tso && can_sum(&c) && (one_mbuf || multi);
		cut = !uncut;
	}

	rc = offload_finish(m, c.caps, target, out, OFFLOAD_MAX_SEGS);
	if (n > OFFLOAD_MAX_SEGS) {
		check(rc == -EINVAL);
	} else if (cut && !multi && frame_hdr_len(&super) + c.mss > ROOM) {
		check(rc == -EMSGSIZE);
	} else if (cut) {
		check(needed);
		check_segments(&super, c.mss, rc, c.caps);
	} else if (!one_mbuf && !multi && super.len > ROOM) {
		check(rc == -EMSGSIZE);
	} else {
		check(rc == 1);
		/* Nothing needed is nothing done: the very mbuf. */
		check(needed || out[0] == m || c.kind == KIND_TSO);
		check_whole(&c, out[0], uncut);
		rte_pktmbuf_free(out[0]);
	}
	check_owner();
	check_n_in_use(0, 0);
}

/** Random metadata on frames cut off and bent anywhere: no crash, no leak, no unfit frame. */
static void run_hostile_case(void)
{
	struct random_case c;
	struct spec s;
	struct rte_mbuf *m;
	int rc;

	random_spec(&c, &s);
	build(&super, &s);
	for (uint32_t i = random_below(4); i > 0; i--)
		super.bytes[random_below(RTE_MIN(super.len, 80u))] = (uint8_t)random_next();
	if (one_in(3))
		super.len = random_below(super.len);
	super.len = RTE_MAX(super.len, 2u);
	m = make_mbuf(&super, (enum split)random_below(4), true);
	m->tso_segsz = c.mss;
	m->ol_flags |= random_next() & OFFLOAD_TX_FLAGS;
	if (one_in(3))
		m->ol_flags |= offload_csum_flag;
	*csum_field(m) = (struct csum_field){.start = (uint16_t)random_below(super.len * 2),
					     .offset = (uint16_t)random_below(200)};
	if (one_in(4))
		m->l2_len = random_next() & 0x7f;
	if (one_in(4))
		m->l3_len = random_next() & 0x1ff;
	if (one_in(4))
		m->l4_len = random_next() & 0xff;
	if (one_in(4))
		m->tso_segsz = random_next() & 0xffff;
	m = share(m);
	rc = offload_finish(m, c.caps, target, out, OFFLOAD_MAX_SEGS);
	check(rc > 0 || rc == -EINVAL || rc == -EMSGSIZE);
	for (int i = 0; i < rc; i++) {
		check_fit(out[i], c.caps);
		rte_pktmbuf_free(out[i]);
	}
	check_owner();
	check_n_in_use(0, 0);
}

static void run_random(void (*run)(void), uint64_t n)
{
	const char *replay = getenv("OFFLOAD_TEST_SEED");

	for (uint64_t i = 1; i <= n; i++) {
		seed = replay != NULL ? strtoull(replay, NULL, 10) : i;
		random_state = seed;
		run();
		if (replay != NULL)
			break;
	}
	seed = 0;
}

static void test_any_frame_to_any_egress(void **state)
{
	(void)state;
	run_random(run_random_case, 20000);
}

static void test_hostile_metadata(void **state)
{
	(void)state;
	run_random(run_hostile_case, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_any_frame_to_any_egress),
		TEST(test_hostile_metadata),
	};
	int rc = mbufs_open();

	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name("offload_random", tests, NULL, NULL);
	mbufs_close();
	return rc;
}
