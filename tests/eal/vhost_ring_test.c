/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What guests put into rings: what the standard allows and few drivers do, and what none should. The
 * first works; who does the second is left alone, and what isn't his is as it was.
 */
#include <rte_malloc.h>

#include "vhost_fixture.h"
#include "vhost_front_packed.h"

#define GAP 0xee /* where nobody may write */

static const struct endpoint_conf plain;
static struct frame frame;
static uint8_t bytes[FRAME_MAX];

static uint64_t place_of(const struct front *f, const void *p)
{
	return (uint64_t)((const uint8_t *)p - f->mem);
}

/* A guest whose ring number @p ring has nothing available. */
static void start_empty(struct front *f, struct endpoint *ep, unsigned int ring, size_t slot_len,
			uint64_t features)
{
	struct front_ring *r;

	start_front(f, ep, path_of("s"), 1, slot_len, features);
	if (ring % 2 != 0)
		return;
	r = &f->rings[ring];
	if (f->features & FRONT_PACKED) {
		memset(r->packed, 0, r->size * sizeof(*r->packed));
		packed_reset(r);
		return;
	}
	r->avail->idx = 0;
}

/* What a device is told of a frame in buffers. */
struct piece {
	uint32_t at, len;
};

/* Makes a chain of pieces of the ring's slots available. */
static void offer(struct front *f, unsigned int ring, uint16_t first, const struct piece *p,
		  uint16_t n, uint16_t flags)
{
	uint64_t slots = place_of(f, f->rings[ring].slots);

	for (uint16_t i = 0; i < n; i++)
		front_desc(f, ring, first + i, slots + p[i].at, p[i].len,
			   flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0), first + i + 1);
	front_head(f, ring, first);
}

/* ---- what is allowed -------------------------------------------------------------------- */

/* The header a byte at a time, the frame in three pieces, and gaps in which nothing may be written. */
static void test_scattered_receive_buffer(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct piece p[15];
	struct front f;
	uint8_t *b;

	(void)state;
	for (uint64_t features = 0; features <= FRONT_MRG; features += FRONT_MRG) {
		start_empty(&f, ep, 0, 4096, features);
		b = f.rings[0].slots;
		memset(b, GAP, 4096);
		for (uint32_t i = 0; i < 12; i++)
			p[i] = (struct piece){16 * i, 1};
		p[12] = (struct piece){1000, 1};
		p[13] = (struct piece){1010, 500};
		p[14] = (struct piece){2000, 1000};
		offer(&f, 0, 0, p, RTE_DIM(p), VRING_DESC_F_WRITE);
		fill(bytes, 900, 1);
		assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 900)), 1);
		for (uint32_t i = 0; i < 12; i++) {
			assert_int_equal(b[16 * i], i == 10); /* num_buffers is 1 */
			assert_int_equal(b[16 * i + 1], GAP);
		}
		assert_int_equal(b[1000], bytes[0]);
		assert_memory_equal(b + 1010, bytes + 1, 500);
		assert_memory_equal(b + 2000, bytes + 501, 399);
		assert_int_equal(b[1001], GAP);
		assert_int_equal(b[1510], GAP);
		assert_int_equal(b[2399], GAP);
		front_destroy(&f);
		wait_present(ep, false);
	}
}

/* Header and frame in one descriptor, each way; the short header of old drivers, too. */
static void test_one_descriptor(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	const uint32_t room = rte_pktmbuf_data_room_size(ep->pool) - RTE_PKTMBUF_HEADROOM;
	const uint32_t lens[] = {14, 60, 1500, room, room + 1, 9000};
	struct front f;

	(void)state;
	for (int legacy = 0; legacy <= (fx.rings == 0); legacy++) {
		uint32_t header = legacy ? 10 : 12;

		front_init(&f, 1, 16384);
		f.is_legacy = legacy;
		f.rx_len = 16384;
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		assert_true(front_start(&f, fx.rings));
		wait_present(ep, true);
		for (uint16_t i = 0; i < RTE_DIM(lens); i++) {
			const uint8_t *to = f.rings[0].slots + i * f.slot_len;
			uint16_t at = fx.rings ? f.rings[1].at : i;
			uint8_t *from = f.rings[1].slots;
			struct rte_mbuf *m;

			fill(bytes, lens[i], (uint8_t)i);
			memset(from, 0, header);
			memcpy(from + header, bytes, lens[i]);
			front_desc(&f, 1, at, place_of(&f, from), header + lens[i], 0, 0);
			front_head(&f, 1, at);
			m = rx_one(ep, 0, FOLLOW_MS);
			assert_non_null(m);
			assert_mbuf(m, bytes, lens[i]);
			assert_int_equal(tx_one(ep, 0, m), 1);
			for (uint32_t b = 0; b < header; b++)
				assert_int_equal(to[b], b == 10);
			assert_memory_equal(to + header, bytes, lens[i]);
		}
		front_destroy(&f);
		wait_present(ep, false);
	}
}

/* Mergeable buffers of 12 bytes each: the header's one, and many. */
static void test_tiny_receive_buffers(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct front f;

	(void)state;
	front_init(&f, 1, 2048);
	f.rx_len = 20;
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	assert_true(front_start(&f, FRONT_MRG | fx.rings));
	wait_present(ep, true);
	for (unsigned int round = 0; round < 10; round++) {
		fill(bytes, 508, (uint8_t)round);
		assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 508)), 1);
		assert_int_equal(front_receive(&f, 0, &h, frame.bytes, FRAME_MAX), 508);
		assert_int_equal(h.num_buffers, 26);
		assert_memory_equal(frame.bytes, bytes, 508);
		/* One that all of its buffers together don't hold. */
		fill(bytes, 1500, 1);
		assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 1500)), 0);
	}
	front_destroy(&f);
}

/* Of any size, 1 included; packed ones needn't be a power of 2. */
static void test_sizes(void **state)
{
	static const uint16_t sizes[] = {1, 2, 3, 4, 8, 16, 31, 32};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct front f;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		uint16_t n = sizes[i];

		if (!fx.rings && (n & (n - 1)) != 0)
			continue;
		front_init(&f, 1, 2048);
		f.size = n;
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		assert_true(front_start(&f, FRONT_MRG | fx.rings));
		wait_present(ep, true);
		for (unsigned int k = 0; k < 200; k++) {
			struct rte_mbuf *m[40];
			uint16_t done;

			for (size_t j = 0; j < RTE_DIM(m); j++)
				m[j] = mbuf_of(ep, bytes, 100);
			done = endpoint_tx(ep, 0, m, RTE_DIM(m));
			assert_int_equal(done, RTE_MIN(n, (uint16_t)RTE_DIM(m)));
			rte_pktmbuf_free_bulk(&m[done], RTE_DIM(m) - done);
			for (uint16_t j = 0; j < done; j++)
				assert_int_equal(front_receive(&f, 0, &h, frame.bytes, FRAME_MAX),
						 100);
			if (n < 2)
				continue;
			assert_works(ep, &f);
		}
		front_destroy(&f);
		wait_present(ep, false);
	}
}

/* The memory in two regions: a buffer, and a table of descriptors, go on in the second one. */
static void test_two_regions(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front_region r[2];
	uint64_t half, table;
	struct rte_mbuf *m;
	struct front f;

	(void)state;
	start_empty(&f, ep, 1, 4096, 0);
	half = RTE_ALIGN(f.mem_len / 2, 4096);
	r[0] = (struct front_region){0, half, (uintptr_t)f.mem, 0};
	r[1] = (struct front_region){half, f.mem_len - half, (uintptr_t)f.mem + half, half};
	assert_int_equal(front_share(&f, r, 2), 0);
	assert_true(front_ask(&f, FRONT_GET_FEATURES, &f.offered));
	fill(bytes, 1000, 1);
	/* Two bytes of the header and all else, across the border. */
	memset(f.mem + half - 100, 0, 12);
	memcpy(f.mem + half - 88, bytes, 1000);
	front_desc(&f, 1, f.rings[1].at, half - 100, 1012, 0, 0);
	front_head(&f, 1, f.rings[1].at);
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_mbuf(m, bytes, 1000);
	rte_pktmbuf_free(m);
	/* The same in an indirect table, of which one descriptor is cut in two. */
	table = half - 24;
	for (uint16_t i = 0; i < 4; i++) {
		struct vring_desc d = {.addr = half + 1000 + 400 * i, .len = i == 0 ? 12 : 300};
		struct vring_packed_desc p = {.addr = d.addr, .len = d.len};

		d.flags = i < 3 ? VRING_DESC_F_NEXT : 0;
		d.next = i + 1;
		memcpy(f.mem + table + 16 * i, fx.rings ? (void *)&p : (void *)&d, 16);
		memset(f.mem + d.addr, i, d.len);
	}
	front_desc(&f, 1, fx.rings ? f.rings[1].at : 1, table, 64, VRING_DESC_F_INDIRECT, 0);
	front_head(&f, 1, fx.rings ? f.rings[1].at : 1);
	m = rx_one(ep, 0, FOLLOW_MS);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 900);
	for (uint32_t i = 0; i < 900; i++)
		assert_int_equal(*rte_pktmbuf_mtod_offset(m, uint8_t *, i), 1 + i / 300);
	rte_pktmbuf_free(m);
	front_destroy(&f);
}

/* Its tables end where its memory ends. */
static void test_tables_at_the_edge(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (int past = 0; past < 2; past++) {
		uint64_t end, used;

		front_init(&f, 1, 2048);
		end = (uintptr_t)f.mem + f.mem_len;
		used = fx.rings ? end - 4 : end - 4 - 8 * FRONT_RING;
		used += past ? 4 : 0; /* by one entry */
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		f.omit = 1ULL << FRONT_SET_VRING_ENABLE;
		assert_true(front_start(&f, fx.rings));
		f.omit = 0;
		for (unsigned int i = 0; i < 2; i++) {
			struct front_ring *r = &f.rings[i];

			assert_int_equal(front_place(&f, i, (uintptr_t)r->desc, (uintptr_t)r->avail,
						     i == 1 ? used : (uintptr_t)r->used),
					 0);
		}
		f.rings[1].used = (struct vring_used *)(uintptr_t)used;
		assert_true(front_enable(&f, 0, true));
		front_enable(&f, 1, true);
		if (past == 0) {
			wait_present(ep, true);
			assert_works(ep, &f);
		}
		front_destroy(&f);
		wait_present(ep, false);
	}
}

/* Events need two bytes more, which aren't there: they are negotiated when the tables were told already. */
static void test_events_at_the_edge(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	uint8_t behind[8];
	struct front f;
	uint64_t used;

	(void)state;
	front_init(&f, 1, 2048);
	/* The last piece of what it shares; the test sees what is behind. */
	f.mem_len -= 4096;
	memset(f.mem + f.mem_len, GAP, 4096);
	used = (uintptr_t)f.mem + f.mem_len - 4 - 8 * FRONT_RING;
	assert_int_equal(front_connect(&f, path_of("s")), 0);
	f.omit = 1ULL << FRONT_SET_VRING_ENABLE;
	assert_true(front_start(&f, 0));
	f.omit = 0;
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(front_place(&f, i, (uintptr_t)f.rings[i].desc,
					     (uintptr_t)f.rings[i].avail, used),
				 0);
	f.features |= FRONT_EVENTS;
	front_message(&f, FRONT_SET_FEATURES, &f.features, 8, -1);
	for (unsigned int i = 0; i < 2; i++)
		front_enable(&f, i, true);
	for (int i = 0; i < 10; i++) {
		fill(bytes, 100, 1);
		tx_one(ep, 0, mbuf_of(ep, bytes, 100));
		assert_null(rx_one(ep, 0, 0));
	}
	memset(behind, GAP, sizeof(behind));
	assert_memory_equal(f.mem + f.mem_len, behind, sizeof(behind));
	f.mem_len += 4096;
	front_destroy(&f);
}

/* A machine is paused, and goes on where it was. */
static void test_pause(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	struct rte_mbuf *m;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_MRG);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 7; i++)
			assert_works(ep, &f);
		/* These are in the ring while it is away, and one that it hasn't looked at. */
		fill(bytes, 300, 9);
		assert_true(front_send(&f, 0, NULL, bytes, 300));
		assert_true(front_send(&f, 0, NULL, bytes, 300));
		assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 300)), 1);
		assert_true(front_pause(&f));
		assert_null(rx_one(ep, 0, 0));
		assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 300)), 0);
		assert_true(front_resume(&f));
		wait_present(ep, true);
		for (unsigned int i = 0; i < 2; i++) {
			m = rx_one(ep, 0, FOLLOW_MS);
			assert_non_null(m);
			assert_mbuf(m, bytes, 300);
			rte_pktmbuf_free(m);
		}
		assert_int_equal(front_receive(&f, 0, &h, frame.bytes, FRAME_MAX), 300);
		assert_memory_equal(frame.bytes, bytes, 300);
	}
	front_destroy(&f);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static bool was_called(struct front *f, unsigned int ring)
{
	uint64_t n;

	return read(f->rings[ring].call, &n, sizeof(n)) == sizeof(n);
}

/* Which use the guest wants to hear of: the one with number @p n since the ring began. */
static void want_event(struct front *f, unsigned int ring, uint16_t n)
{
	struct front_ring *r = &f->rings[ring];

	if (!(f->features & FRONT_PACKED)) {
		r->avail->ring[r->size] = n;
		return;
	}
	r->driver_event->off_wrap = (uint16_t)(n % r->size | (n / r->size % 2 == 0 ? 1u << 15 : 0));
	r->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
}

/* With events a guest is called for the use that it asked for, and for no other. */
static void test_events(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct virtio_net_hdr_mrg_rxbuf h;
	uint16_t n = 0;
	struct front f;

	(void)state;
	start_front(&f, ep, path_of("s"), 1, 2048, FRONT_EVENTS);
	fill(bytes, 100, 1);
	/* The first one is always told. */
	assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 100)), 1);
	assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), 100);
	n++;
	was_called(&f, 0);
	for (unsigned int round = 0; round < 100; round++) {
		uint16_t wait = 1 + round % 9;

		want_event(&f, 0, n + wait - 1);
		for (uint16_t i = 1; i <= wait; i++, n++) {
			assert_int_equal(tx_one(ep, 0, mbuf_of(ep, bytes, 100)), 1);
			assert_int_equal(was_called(&f, 0), i == wait);
			assert_int_equal(front_receive(&f, 0, &h, bytes, FRAME_MAX), 100);
		}
	}
	front_destroy(&f);
}

/* ---- lies ---------------------------------------------------------------------------------- */

static void assert_left_alone(struct endpoint *ep, struct front *f)
{
	char text[400];

	for (int i = 0; i < FOLLOW_MS; i++) {
		unsigned int told = 0;

		endpoint_watch_run(count_told, &told);
		endpoint_describe(ep, text, sizeof(text));
		if (strstr(text, "note=the guest broke a ring, which is left alone") != NULL)
			break;
		usleep(1000);
	}
	assert_non_null(strstr(text, "note=the guest broke a ring, which is left alone"));
	/* Its driver starts over. */
	assert_true(front_stop(f));
	wait_present(ep, false);
	f->size = FRONT_RING;
	assert_true(front_start(f, f->features));
	wait_present(ep, true);
	assert_works(ep, f);
	endpoint_describe(ep, text, sizeof(text));
	assert_null(strstr(text, "note=the guest broke"));
	front_destroy(f);
	wait_present(ep, false);
}

/* A burst each way, of frames that many buffers are needed for. */
static void try_bursts(struct endpoint *ep)
{
	for (int i = 0; i < 4; i++) {
		struct rte_mbuf *m[64];
		uint16_t done;

		rte_pktmbuf_free_bulk(m, endpoint_rx(ep, 0, m, 64));
		fill(bytes, 1400, 1);
		for (size_t j = 0; j < RTE_DIM(m); j++)
			m[j] = mbuf_of(ep, bytes, 1400);
		done = endpoint_tx(ep, 0, m, RTE_DIM(m));
		rte_pktmbuf_free_bulk(&m[done], RTE_DIM(m) - done);
	}
}

/* More is available than there are descriptors: in rings of all sizes, with buffers large and small. */
static void test_index_jumps(void **state)
{
	static const uint16_t jumps[] = {65, 1000, 30000, 65000};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (unsigned int i = 0; i < 4 * RTE_DIM(jumps); i++) {
		unsigned int ring = i % 2;
		struct front_ring *r;

		front_init(&f, 1, 2048);
		f.size = i % 4 < 2 ? 2 : FRONT_RING;
		f.rx_len = 50;
		assert_int_equal(front_connect(&f, path_of("s")), 0);
		assert_true(front_start(&f, FRONT_MRG));
		wait_present(ep, true);
		r = &f.rings[ring];
		for (uint16_t d = 0; d < r->size; d++) {
			r->desc[d] = (struct vring_desc){place_of(&f, r->slots), 50,
							 ring == 0 ? VRING_DESC_F_WRITE : 0, 0};
			r->avail->ring[d] = d;
		}
		r->avail->idx += jumps[i / 4];
		try_bursts(ep);
		f.rx_len = 2048;
		assert_left_alone(ep, &f);
	}
}

/* A place of a ring that isn't there. */
static void test_head_outside(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (unsigned int ring = 0; ring < 2; ring++) {
		start_empty(&f, ep, ring, 2048, 0);
		f.rings[ring].avail->ring[0] = 60000;
		f.rings[ring].avail->idx++;
		try_bursts(ep);
		assert_left_alone(ep, &f);
	}
}

/* Buffers that are for the other direction. */
static void test_wrong_direction(void **state)
{
	static const struct piece p[2] = {{0, 12}, {100, 1500}};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (unsigned int ring = 0; ring < 2; ring++) {
		start_empty(&f, ep, ring, 2048, 0);
		memset(f.rings[ring].slots, GAP, 2048);
		offer(&f, ring, 0, p, 2, ring == 0 ? 0 : VRING_DESC_F_WRITE);
		try_bursts(ep);
		for (unsigned int i = 0; i < 2048; i++)
			assert_int_equal(f.rings[ring].slots[i], GAP);
		assert_left_alone(ep, &f);
	}
}

struct table {
	const char *what;
	uint32_t len; /* of the table, in bytes */
	uint64_t addr; /* of its descriptors */
	uint32_t each; /* bytes of each */
	uint16_t flags;
};

/* Tables of descriptors that lie. Whatever they cost, no memory is kept. */
static void test_indirect_lies(void **state)
{
	static const struct table tables[] = {
		{"half a descriptor", 40, 0x30000, 10, 0},
		{"none", 0, 0x30000, 10, 0},
		{"too many", 257 * 16, 0x30000, 1, 0},
		{"in a table", 64, 0x30000, 10, VRING_DESC_F_INDIRECT},
		{"nowhere", 64, 1ULL << 50, 100, 0},
		{"on and on", 64, 0x30000, UINT32_MAX, 0},
	};
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct rte_malloc_socket_stats before = {0}, after = {0};
	struct front f;

	(void)state;
	for (size_t i = 0; i < 2 * RTE_DIM(tables); i++) {
		const struct table *t = &tables[i / 2];
		unsigned int ring = i % 2;
		uint64_t at;

		start_empty(&f, ep, ring, 70000, 0);
		at = place_of(&f, f.rings[ring].slots) + 60000;
		for (uint16_t d = 0; d < 300; d++) {
			struct vring_packed_desc p = {.addr = t->addr, .len = t->each};
			struct vring_desc s = {.addr = t->addr, .len = t->each};

			p.flags = t->flags | (ring == 0 ? VRING_DESC_F_WRITE : 0);
			s.flags = p.flags | VRING_DESC_F_NEXT;
			s.next = d + 1; /* the last one beyond the table */
			memcpy(f.mem + at + 16 * d, fx.rings ? (void *)&p : (void *)&s, 16);
		}
		front_desc(&f, ring, 0, at, t->len, VRING_DESC_F_INDIRECT, 0);
		front_head(&f, ring, 0);
		rte_malloc_get_socket_stats(0, &before);
		try_bursts(ep);
		rte_malloc_get_socket_stats(0, &after);
		assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
		/* Giant, or short, needn't be a lie of the table's. */
		if (strcmp(t->what, "on and on") == 0) {
			front_destroy(&f);
			wait_present(ep, false);
			continue;
		}
		assert_left_alone(ep, &f);
	}
}

/* Chains without an end, and of nothing: bounded, and over. */
static void test_endless_chains(void **state)
{
	struct endpoint *ep = open_vhost(path_of("s"), plain, 1);
	struct front f;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int ring = i % 2;
		uint16_t dir = ring == 0 ? VRING_DESC_F_WRITE : 0;

		start_empty(&f, ep, ring, 2048, FRONT_MRG);
		for (uint16_t d = 0; d < FRONT_RING; d++)
			front_desc(&f, ring, d, place_of(&f, f.rings[ring].slots), i < 2 ? 0 : 1,
				   dir | VRING_DESC_F_NEXT, d % 2 == 0 ? d + 1 : d - 1);
		front_head(&f, ring, 0);
		try_bursts(ep);
		assert_left_alone(ep, &f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(test_scattered_receive_buffer),
		TEST_BOTH(test_one_descriptor),
		TEST_BOTH(test_tiny_receive_buffers),
		TEST_BOTH(test_sizes),
		TEST_BOTH(test_two_regions),
		TEST_BOTH(test_tables_at_the_edge),
		TEST(test_events_at_the_edge),
		TEST_BOTH(test_pause),
		TEST_BOTH(test_events),
		TEST(test_index_jumps),
		TEST(test_head_outside),
		TEST_BOTH(test_wrong_direction),
		TEST_BOTH(test_indirect_lies),
		TEST_BOTH(test_endless_chains),
	};

	return cmocka_run_group_tests_name("vhost_ring", tests, group_setup, group_teardown);
}
