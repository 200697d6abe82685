/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers capture, turn by turn: the rig's ends are full, absent or picky, and every frame
 * must stand where its counter says it went. And filters: DPDK's BPF must say what
 * libpcap says, of frames in any number of pieces, whatever bytes are in them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "dp/capture.h"
#include "rig.h"

static const char lab[] = "[port eth0]\n"
			  "device = dev:net_ring_wire\n"
			  "mac = 02:4c:00:00:00:01\n"
			  "[vnic web]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:01\n"
			  "endpoint = dev:net_ring_web\n"
			  "[vnic db]\n"
			  "type = macvlan\nport = eth0\nmode = bridge\nmac = 02:00:00:00:00:02\n"
			  "mtu = 1400\nendpoint = dev:net_ring_db\n";

#define WEB    "\x02\x00\x00\x00\x00\x01"
#define DB     "\x02\x00\x00\x00\x00\x02"
#define FAR    "\x02\x58\x00\x00\x00\x01"
#define NOBODY "\x02\x55\x00\x00\x00\x01"
#define ALL    "\xff\xff\xff\xff\xff\xff"

static void give(struct rig *r, const char *end, const char *dst, const char *src, uint8_t number,
		 size_t len, size_t seg)
{
	static uint8_t b[70000];

	memset(b, number, len);
	memcpy(b, dst, 6);
	memcpy(b + 6, src, 6);
	b[12] = 0x88;
	b[13] = 0xb5;
	rig_send(r, end, b, len, seg);
}

/** A capture that the rig's one worker sees. */
struct watch {
	struct capture *c;
	struct capture_set set;
};

static void watch_also(struct watch *w, struct rig *r, struct watch *first, const char *name,
		       unsigned int dirs, const char *filter)
{
	const struct vnic_rt *v = runtime_vnic(&r->rt, name);
	struct err err = {0};

	w->c = capture_create(dirs, CAPTURE_SNAPLEN_MAX, filter, 1, &err);
	assert_non_null(w->c);
	w->c->owner = v != NULL ? TX_VNIC(v->id) : TX_WIRE(runtime_port(&r->rt, name)->id);
	first->set.all[first->set.n++] = w->c;
	r->rt.dp.workers[0]->captures = &first->set;
}

static void watch(struct watch *w, struct rig *r, const char *name, unsigned int dirs)
{
	w->set.n = 0;
	watch_also(w, r, w, name, dirs, NULL);
}

static void unwatch(struct watch *w, struct rig *r)
{
	assert_null(capture_ring_first(&w->c->rings[0]));
	r->rt.dp.workers[0]->captures = NULL;
	capture_destroy(w->c);
}

static void expect(struct watch *w, uint8_t number, size_t len, bool outbound,
		   enum drop_reason reason)
{
	const struct capture_record *rec = capture_ring_first(&w->c->rings[0]);

	if (rec == NULL)
		fail_msg("no copy of frame %u", number);
	assert_int_equal(rec->len, len);
	assert_int_equal(rec->caplen, len);
	assert_int_equal(rec->reason, reason);
	assert_int_equal(rec->outbound, outbound);
	for (size_t i = 14; i < len; i++)
		assert_int_equal(rec->bytes[i], number);
	capture_ring_remove_first(&w->c->rings[0]);
}

/* A receiver that takes only some of a burst: those are in, the rest is dropped. */
static void a_full_receiver(void **state)
{
	static const unsigned int dirs[] = {CAPTURE_IN, CAPTURE_DROPS, CAPTURE_IN | CAPTURE_DROPS};
	uint64_t dropped = 0;
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	for (size_t k = 0; k < RTE_DIM(dirs); k++) {
		unsigned int before = 0, n = 0;
		struct watch w;

		/* All but 5 places of its ring. */
		while (before < RIG_RING_SIZE - 1 - 5) {
			for (int i = 0; i < 17; i++, before++)
				give(&r, "wire", DB, FAR, 0, 60, 0);
			rig_turn(&r, 1);
		}
		n = RIG_RING_SIZE - 1 - before;
		watch(&w, &r, "db", dirs[k]);
		for (uint8_t i = 0; i < 20; i++)
			give(&r, "wire", DB, FAR, i, 100 + i, 30);
		rig_turn(&r, 1);
		dropped += 20 - n;
		assert_int_equal(rig_drops(&r, "db", DROP_RING_FULL), dropped);
		for (uint8_t i = 0; i < 20; i++) {
			bool taken = i < n;

			if (dirs[k] & (taken ? CAPTURE_IN : CAPTURE_DROPS))
				expect(&w, i, 100u + i, false, taken ? DROP_NONE : DROP_RING_FULL);
		}
		unwatch(&w, &r);
		assert_int_equal(rig_drain(&r, "db"), RIG_RING_SIZE - 1);
	}
	rig_stop(&r);
}

/* Each way for a frame to end as a drop. */
static void every_drop(void **state)
{
	/* Cut off in its tag; what is shorter is refused before. */
	static const uint8_t cut[16] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 7, 7};
	struct watch port, web, db;
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	watch(&port, &r, "eth0", CAPTURE_DROPS);
	watch_also(&web, &r, &port, "web", CAPTURE_DROPS, NULL);
	watch_also(&db, &r, &port, "db", CAPTURE_DROPS, NULL);
	give(&r, "wire", NOBODY, FAR, 1, 60, 0);
	rig_turn(&r, 1);
	expect(&port, 1, 60, false, DROP_NO_OWNER);
	give(&r, "web", FAR, WEB, 2, 1600, 0);
	rig_turn(&r, 1);
	expect(&port, 2, 1600, true, DROP_TOO_LONG);
	give(&r, "web", ALL, WEB, 3, 1450, 0);
	rig_turn(&r, 1);
	expect(&db, 3, 1450, false, DROP_TOO_LONG);
	rig_send(&r, "wire", cut, sizeof(cut), 0);
	rig_turn(&r, 1);
	expect(&port, 7, sizeof(cut), false, DROP_MALFORMED);
	rig_send(&r, "web", cut, sizeof(cut), 0);
	rig_turn(&r, 1);
	expect(&web, 7, sizeof(cut), true, DROP_MALFORMED);
	assert_int_equal(rig_drain(&r, "wire"), 1);
	assert_int_equal(rig_drain(&r, "db"), 0);
	assert_null(capture_ring_first(&web.c->rings[0]));
	assert_null(capture_ring_first(&db.c->rings[0]));
	capture_destroy(web.c);
	capture_destroy(db.c);
	unwatch(&port, &r);
	rig_stop(&r);
}

/* A frame whose offload can't be finished: it is gone when that is known, and yet captured. */
static void an_unfinished_frame(void **state)
{
	static const unsigned int dirs[] = {CAPTURE_IN, CAPTURE_DROPS, CAPTURE_ANY};
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	for (size_t k = 0; k < RTE_DIM(dirs); k++) {
		for (int good = 0; good < 2; good++) {
			struct rte_mbuf *m = rte_pktmbuf_alloc(r.pool);
			uint8_t *b = (uint8_t *)rte_pktmbuf_append(m, 100);
			struct watch w;

			memset(b, 9, 100);
			memcpy(b, DB WEB "\x08\x00\x45\0\0\x56\0\0\0\0\x40\x11", 24);
			memcpy(b + 38, "\0\x42", 2);
			watch(&w, &r, "db", dirs[k]);
			/* The rig's rings take checksum wishes away: so it is put into the outlet. */
			m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
			m->l2_len = 14;
			m->l3_len = good ? 20 : 511;
			r.rt.dp.workers[0]->tx.captures = &w.set;
			tx_put(&r.rt.dp.workers[0]->tx, w.c->owner,
			       runtime_vnic(&r.rt, "db")->at.endpoint, m, 100);
			tx_flush(&r.rt.dp.workers[0]->tx);
			if (good ? (dirs[k] & CAPTURE_IN) != 0 : (dirs[k] & CAPTURE_DROPS) != 0) {
				const struct capture_record *rec =
					capture_ring_first(&w.c->rings[0]);

				assert_non_null(rec);
				assert_int_equal(rec->reason, good ? DROP_NONE : DROP_BAD_OFFLOAD);
				assert_int_equal(rec->len, 100);
				capture_ring_remove_first(&w.c->rings[0]);
			}
			unwatch(&w, &r);
			assert_int_equal(rig_drain(&r, "db"), good);
		}
	}
	rig_stop(&r);
}

/* A reader who never comes: copies are lost and counted, frames aren't, and mbufs come back. */
static void nobody_reads(void **state)
{
	uint64_t got = 0, shown = 0;
	struct watch w;
	struct rig r;

	(void)state;
	rig_start(&r, lab);
	watch(&w, &r, "db", CAPTURE_IN);
	for (int i = 0; i < 4000; i++) {
		give(&r, "wire", DB, FAR, 5, 1400, 0);
		rig_turn(&r, 1);
		got += rig_drain(&r, "db");
	}
	assert_int_equal(got, 4000);
	assert_true(capture_lost(w.c) > 0);
	for (; capture_ring_first(&w.c->rings[0]) != NULL; shown++)
		expect(&w, 5, 1400, false, DROP_NONE);
	assert_int_equal(shown + capture_lost(w.c), 4000);
	unwatch(&w, &r);
	rig_stop(&r);
}

/* ---- filters ---- */

static const char *const texts[] = {
	"tcp port 80",
	"udp and dst port 53",
	"ip host 10.0.0.1 and not icmp",
	"ip6 and tcp",
	"vlan 5 and ip",
	"ether host 02:00:00:00:00:01 or broadcast",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"ip[6:2] & 0x1fff = 0 and udp[4:2] > 20",
	"len > 200",
	"arp or icmp6",
	"ether[20:4] > 0x7fffffff",
	"ip and ip[2:2] - ((ip[0] & 15) << 2) > 40",
	"ether[ether[14]:2] > 0x4000", /* the frame says where */
	"ether[ether[14:4]:4] = 0",
	"ether[0xfffffffc:4] = 0",
	"ether[0x7fffffff] = 0",
	"ip[ip[1]] / ip[3] = 1",
	"ether[65535] = 1",
};

static void fill(uint8_t *b, uint32_t n)
{
	static const uint8_t starts[][24] = {
		"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00\x45\0\0\x50\0\0\0\0\x40\x06",
		"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00\x46\0\0\x50\0\0\0\0\x40\x11",
		"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x02\x81\x00\x00\x05\x08\x00\x45\0\0\x50\0",
		"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x86\xdd\x60\0\0\0\0\x20\x06\x40\xfd",
		"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x06\0\x01\x08\0\x06\x04\0\x01\x02",
	};
	static const uint8_t addresses[] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0, 53};

	for (uint32_t i = 0; i < n; i++)
		b[i] = (uint8_t)(rand() % 3 == 0 ? 0xff : rand());
	if (rand() % 4 != 0)
		memcpy(b, starts[(size_t)rand() % RTE_DIM(starts)], RTE_MIN(n, 24u));
	if (rand() % 2 && n >= 38)
		memcpy(b + 26, addresses, sizeof(addresses));
}

static struct rte_mbuf *chain(struct rte_mempool *pool, const uint8_t *b, uint32_t n)
{
	struct rte_mbuf *first = rte_pktmbuf_alloc(pool), *last = first;
	uint32_t at = 0;

	assert_non_null(first);
	while (at < n) {
		uint32_t k = rand() % 2 ? n - at : 1 + (uint32_t)rand() % 40;

		if (k > n - at)
			k = n - at;
		if (at > 0) {
			last->next = rte_pktmbuf_alloc(pool);
			last = last->next;
			assert_non_null(last);
			first->nb_segs++;
		}
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), b + at, k);
		last->data_len = (uint16_t)k;
		at += k;
	}
	first->pkt_len = n;
	return first;
}

/** What a filter was compiled to, and how often it said yes. */
struct tally {
	unsigned int native, matched;
};

static void compare(struct rig *r, const char *text, int frames, struct tally *t)
{
	struct capture_filter f;
	struct err err = {0};
	uint8_t b[400];

	if (capture_filter_compile(&f, text, &err) == -EINVAL)
		return; /* some are never true, and libpcap says so */
	t->native += f.native != NULL;
	for (int i = 0; i < frames; i++) {
		uint32_t n = 14 + (uint32_t)rand() % (sizeof(b) - 14);
		struct pcap_pkthdr h = {.caplen = n, .len = n};
		struct rte_mbuf *m;
		bool wanted;

		fill(b, n);
		m = chain(r->pool, b, n);
		wanted = pcap_offline_filter(f.classic, &h, b) != 0;
		t->matched += wanted;
		if (capture_filter_matches(&f, m) != wanted)
			fail_msg("'%s': frame %d: libpcap says %d", text, i, wanted);
		rte_pktmbuf_free(m);
	}
	capture_filter_free(&f);
}

static void filters_say_what_libpcap_says(void **state)
{
	struct tally t = {0};
	struct rig r;

	(void)state;
	srand(1);
	rig_start(&r, lab);
	for (size_t k = 0; k < RTE_DIM(texts); k++)
		compare(&r, texts[k], 4000, &t);
	assert_true(t.matched > 1000);
#if defined(RTE_ARCH_X86_64) || defined(RTE_ARCH_ARM64)
	assert_true(t.native >= 8);
#endif
	rig_stop(&r);
}

/* Any depth, any offset, any mask and constant: what libpcap's optimizer makes of it. */
static void random_filter(char *text, size_t size, int depth)
{
	static const char *const plain[] = {"tcp",
					    "udp",
					    "ip",
					    "ip6",
					    "arp",
					    "vlan",
					    "icmp",
					    "broadcast",
					    "multicast",
					    "ether src 02:00:00:00:00:02",
					    "src host 10.0.0.1",
					    "dst net 10.0.0.0/8",
					    "port 53",
					    "src port 80",
					    "portrange 40-90",
					    "tcp port 80",
					    "ip proto 17",
					    "greater 200",
					    "less 90",
					    "ip6 host fd00::1",
					    "net 10.0.0.0 mask 255.0.0.0"};
	static const char *const bases[] = {"ether", "ip", "tcp", "udp", "ip6", "arp"};
	static const char *const compared[] = {"=", "!=", ">", "<", ">=", "<="};
	char a[700], b[700];

	if (depth > 0 && rand() % 3 != 0) {
		random_filter(a, sizeof(a), depth - 1);
		random_filter(b, sizeof(b), depth - 1);
		if (snprintf(text, size, "%s(%s) %s (%s)", rand() % 4 == 0 ? "not " : "", a,
			     rand() % 2 ? "and" : "or", b) >= (int)size)
			text[0] = '\0';
	} else if (rand() % 2) {
		snprintf(text, size, "%s", plain[(size_t)rand() % RTE_DIM(plain)]);
	} else {
		unsigned int width = 1u << rand() % 3, shift = (unsigned int)rand() % 32;

		a[0] = '\0';
		if (rand() % 2)
			snprintf(a, sizeof(a), " & 0x%x", (unsigned int)rand() >> shift);
		snprintf(text, size, "%s[%d:%u]%s %s 0x%x", bases[(size_t)rand() % RTE_DIM(bases)],
			 rand() % 60, width, a, compared[(size_t)rand() % RTE_DIM(compared)],
			 ((unsigned int)rand() << 1) >> (rand() % 4 == 0 ? 0 : 32 - 8 * width) >>
				 rand() % 8);
	}
}

static void random_filters_too(void **state)
{
	struct tally t = {0};
	struct rig r;

	(void)state;
	srand(2);
	rig_start(&r, lab);
	for (int k = 0; k < 3000; k++) {
		char text[1400];

		random_filter(text, sizeof(text), k % 4);
		compare(&r, text, 40, &t);
	}
	print_message("# %u of 3000 as machine code, %u of 120000 frames matched\n", t.native,
		      t.matched);
	assert_true(t.matched > 10000);
#if defined(RTE_ARCH_X86_64) || defined(RTE_ARCH_ARM64)
	assert_true(t.native > 500);
#endif
	rig_stop(&r);
}

static void bad_filters_are_refused(void **state)
{
	struct capture_filter f;
	struct err err = {0};
	char nested[CAPTURE_FILTER_MAX + 1], longer[CAPTURE_FILTER_MAX + 2];

	(void)state;
	assert_int_equal(capture_filter_compile(&f, "tcp prt 80", &err), -EINVAL);
	assert_non_null(strstr(err.text, "tcp prt 80"));
	memset(nested, '(', sizeof(nested) - 1);
	nested[sizeof(nested) - 1] = '\0';
	assert_int_equal(capture_filter_compile(&f, nested, &err), -EINVAL);
	memset(longer, ' ', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(capture_filter_compile(&f, longer, &err), -E2BIG);
	assert_int_equal(capture_filter_compile(&f, "", &err), 0);
	capture_filter_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_receiver),
		cmocka_unit_test(every_drop),
		cmocka_unit_test(an_unfinished_frame),
		cmocka_unit_test(nobody_reads),
		cmocka_unit_test(filters_say_what_libpcap_says),
		cmocka_unit_test(random_filters_too),
		cmocka_unit_test(bad_filters_are_refused),
	};

	return cmocka_run_group_tests(tests, rig_eal, NULL);
}
