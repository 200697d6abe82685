/* SPDX-License-Identifier: BSD-3-Clause */
/* What a virtio-net header may claim of a frame, what it is taken for, and how it is said again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "endpoint/vnet_hdr.h"

#define NEEDS VIRTIO_NET_HDR_F_NEEDS_CSUM

/** A frame under construction, headers first; what isn't written is zero. */
struct frame {
	uint8_t b[2048];
	uint32_t n;
	uint32_t l3, l4; /* where they begin */
};

static void put16(struct frame *f, uint16_t v)
{
	f->b[f->n++] = (uint8_t)(v >> 8);
	f->b[f->n++] = (uint8_t)v;
}

static void put_eth(struct frame *f, int n_tags, uint16_t type)
{
	memset(f, 0, sizeof(*f));
	f->n = 12;
	for (int i = 0; i < n_tags; i++) {
		put16(f, i == 0 && n_tags > 1 ? 0x88a8 : 0x8100);
		put16(f, (uint16_t)(100 + i));
	}
	put16(f, type);
	f->l3 = f->n;
}

static void put_ipv4(struct frame *f, uint8_t ihl, uint8_t proto)
{
	f->b[f->n] = (uint8_t)(0x40 | ihl);
	f->b[f->n + 9] = proto;
	f->n += ihl * 4u;
	f->l4 = f->n;
}

static void put_ipv6(struct frame *f, uint8_t next)
{
	f->b[f->n] = 0x60;
	f->b[f->n + 6] = next;
	f->n += 40;
	f->l4 = f->n;
}

/* An extension header of @p units * 8 bytes. */
static void put_ext(struct frame *f, uint8_t next, uint8_t units)
{
	f->b[f->n] = next;
	f->b[f->n + 1] = (uint8_t)(units - 1);
	f->n += units * 8u;
	f->l4 = f->n;
}

static void put_tcp(struct frame *f, uint8_t doff)
{
	f->b[f->n + 12] = (uint8_t)(doff << 4);
	f->n += doff * 4u;
}

static struct virtio_net_hdr csum_at(uint32_t start, uint16_t offset)
{
	return (struct virtio_net_hdr){
		.flags = NEEDS, .csum_start = (uint16_t)start, .csum_offset = offset};
}

static struct virtio_net_hdr gso(uint8_t type, uint32_t start, uint16_t size)
{
	struct virtio_net_hdr h = csum_at(start, 16);

	h.gso_type = type;
	h.gso_size = size;
	return h;
}

/* Reads with the frame in a block of its own, so that ASan sees a step beyond. */
static int read_exact(const struct virtio_net_hdr *h, const struct frame *f, uint32_t n,
		      uint32_t len, struct vnet_work *w)
{
	uint8_t *copy = malloc(n);
	int ret;

	assert_non_null(copy);
	memcpy(copy, f->b, n);
	ret = vnet_hdr_read(h, copy, n, len, w);
	free(copy);
	return ret;
}

static void test_no_claims_no_work(void **state)
{
	struct virtio_net_hdr h = {.hdr_len = 0xffff, .csum_start = 0xffff, .gso_size = 9};
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 0, 0x0800);
	assert_int_equal(read_exact(&h, &f, 14, 14, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_NONE);
	assert_int_equal(w.tso, 0);
	h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_int_equal(read_exact(&h, &f, 14, 14, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_NONE);
}

static void test_tcp_and_udp_behind_tags_and_options(void **state)
{
	(void)state;
	for (int tags = 0; tags <= 2; tags++) {
		for (uint8_t ihl = 5; ihl <= 15; ihl += 5) {
			struct virtio_net_hdr h;
			struct vnet_work w;
			struct frame f;

			put_eth(&f, tags, 0x0800);
			put_ipv4(&f, ihl, 6);
			put_tcp(&f, 5);
			h = csum_at(f.l4, 16);
			assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
			assert_int_equal(w.csum, VNET_CSUM_TCP);
			assert_int_equal(w.ip, 4);
			assert_int_equal(w.l2_len, 14 + 4 * tags);
			assert_int_equal(w.l3_len, ihl * 4);
			assert_int_equal(w.tso, 0);

			put_eth(&f, tags, 0x0800);
			put_ipv4(&f, ihl, 17);
			f.n += 8;
			h = csum_at(f.l4, 6);
			assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
			assert_int_equal(w.csum, VNET_CSUM_UDP);
		}
	}
}

static void test_ipv6_extension_headers_count_as_l3(void **state)
{
	struct virtio_net_hdr h;
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 1, 0x86dd);
	put_ipv6(&f, 0);
	put_ext(&f, 60, 1);
	put_ext(&f, 6, 3);
	put_tcp(&f, 5);
	f.n += 1000;
	h = gso(VIRTIO_NET_HDR_GSO_TCPV6, f.l4, 400);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_TCP);
	assert_int_equal(w.ip, 6);
	assert_int_equal(w.l2_len, 18);
	assert_int_equal(w.l3_len, 40 + 8 + 24);
	assert_int_equal(w.l4_len, 20);
	assert_int_equal(w.tso, 400);
}

static void test_other_sums_keep_start_and_offset(void **state)
{
	struct virtio_net_hdr h;
	struct vnet_work w;
	struct frame f;

	(void)state;
	/* TCP inside UDP: the inner sum. */
	put_eth(&f, 0, 0x0800);
	put_ipv4(&f, 5, 17);
	f.n += 200;
	h = csum_at(84, 16);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_ANY);
	assert_int_equal(w.csum_start, 84);
	assert_int_equal(w.csum_offset, 16);
	/* A protocol without a name here, a field of TCP that isn't the checksum, a fragment. */
	h = csum_at(f.l4, 16);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_ANY);
	f.b[f.l3 + 9] = 6;
	h = csum_at(f.l4, 14);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_ANY);
	h = csum_at(f.l4, 16);
	f.b[f.l3 + 6] = 0x20;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_ANY);
	f.b[f.l3 + 6] = 0x40; /* "don't fragment" is no fragment */
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_TCP);
	/* Headers that aren't all in sight. */
	assert_int_equal(read_exact(&h, &f, 30, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_ANY);
}

static void test_sums_outside_the_frame_are_refused(void **state)
{
	struct virtio_net_hdr h;
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 0, 0x0800);
	put_ipv4(&f, 5, 6);
	put_tcp(&f, 5);
	h = csum_at(f.n - 18, 16);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	h = csum_at(f.n - 17, 16);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = csum_at(0xffff, 0xffff);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = csum_at(f.l4, 0xffff);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = csum_at(13, 0);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
}

static void test_lying_super_frames_are_refused(void **state)
{
	struct virtio_net_hdr good, h;
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 0, 0x0800);
	put_ipv4(&f, 5, 6);
	put_tcp(&f, 8);
	f.n += 1000;
	good = gso(VIRTIO_NET_HDR_GSO_TCPV4, f.l4, 100);
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.tso, 100);
	assert_int_equal(w.l4_len, 32);

	h = good;
	h.flags = 0;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = good;
	h.gso_size = 0;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = good;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	/* UFO, USO, numbers that don't exist, ECN of nothing. */
	static const uint8_t types[] = {2, 3, 5, 6, 0x7f, 0x80, 0x84, 0xff};
	for (size_t i = 0; i < sizeof(types); i++) {
		h = good;
		h.gso_type = types[i];
		assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	}
	h = good;
	h.csum_offset = 6;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	h = good;
	h.csum_start += 4;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), -EINVAL);
	/* A TCP header that ends before it began, or behind what is in sight. */
	f.b[f.l4 + 12] = 0x40;
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), -EINVAL);
	f.b[f.l4 + 12] = 0xf0;
	assert_int_equal(read_exact(&good, &f, f.l4 + 59, f.n, &w), -EINVAL);
	assert_int_equal(read_exact(&good, &f, f.l4 + 60, f.n, &w), 0);
	/* UDP, a fragment, IPv4 that is none. */
	f.b[f.l3 + 9] = 17;
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), -EINVAL);
	f.b[f.l3 + 9] = 6;
	f.b[f.l3 + 7] = 1;
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), -EINVAL);
	f.b[f.l3 + 7] = 0;
	f.b[f.l3] = 0x65;
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), -EINVAL);
	f.b[f.l3] = 0x44;
	assert_int_equal(read_exact(&good, &f, f.n, f.n, &w), -EINVAL);
}

static void test_one_segment_is_no_super_frame(void **state)
{
	struct virtio_net_hdr h;
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 0, 0x0800);
	put_ipv4(&f, 5, 6);
	put_tcp(&f, 5);
	f.n += 500;
	h = gso(VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, f.l4, 500);
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.csum, VNET_CSUM_TCP);
	assert_int_equal(w.tso, 0);
	h.gso_size = 499;
	assert_int_equal(read_exact(&h, &f, f.n, f.n, &w), 0);
	assert_int_equal(w.tso, 499);
	assert_true(w.ecn);
}

static void test_said_again_as_it_was(void **state)
{
	struct virtio_net_hdr in, out;
	struct vnet_work w;
	struct frame f;

	(void)state;
	put_eth(&f, 2, 0x86dd);
	put_ipv6(&f, 6);
	put_tcp(&f, 6);
	f.n += 900;
	in = gso(VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, f.l4, 300);
	in.hdr_len = (uint16_t)(f.l4 + 24);
	assert_int_equal(read_exact(&in, &f, f.n, f.n, &w), 0);
	vnet_hdr_write(&out, &w);
	assert_memory_equal(&in, &out, sizeof(in));

	in = csum_at(200, 30);
	assert_int_equal(read_exact(&in, &f, f.n, f.n, &w), 0);
	vnet_hdr_write(&out, &w);
	assert_memory_equal(&in, &out, sizeof(in));

	memset(&w, 0, sizeof(w));
	vnet_hdr_write(&out, &w);
	memset(&in, 0, sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

/* Whatever is claimed of whatever bytes: what comes through lies inside the frame. */
static void test_random_claims_stay_inside(void **state)
{
	unsigned int seed = 20, accepted = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct virtio_net_hdr h;
		struct vnet_work w;
		struct frame f;
		uint32_t n, len;

		put_eth(&f, rand_r(&seed) % 4, rand_r(&seed) % 2 ? 0x0800 : 0x86dd);
		for (uint32_t at = f.l3; at < 200; at++)
			f.b[at] = (uint8_t)rand_r(&seed);
		f.b[f.l3] = (uint8_t)(f.b[f.l3 - 1] == 0 ? 0x45 : 0x60);
		f.b[f.l3 + 9] = 6;
		f.b[f.l3 + 6] = (uint8_t)(rand_r(&seed) % 8 == 0 ? 0 : 6);
		n = 14 + (uint32_t)rand_r(&seed) % 180;
		len = n + (uint32_t)rand_r(&seed) % 3 * 700;
		h = gso((uint8_t)(rand_r(&seed) % 6), f.l3 + (rand_r(&seed) % 2 ? 20 : 40),
			(uint16_t)(rand_r(&seed) % 1000));
		if (rand_r(&seed) % 4 == 0)
			h.csum_offset = (uint16_t)rand_r(&seed);
		if (read_exact(&h, &f, n, len, &w) != 0)
			continue;
		accepted++;
		if (w.csum == VNET_CSUM_ANY)
			assert_true(w.csum_start + w.csum_offset + 2u <= len);
		else
			assert_true(w.l2_len + w.l3_len + 18u <= len);
		if (w.tso != 0)
			assert_true((uint32_t)w.l2_len + w.l3_len + w.l4_len + w.tso < len);
	}
	assert_in_range(accepted, 5000, 199999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_claims_no_work),
		cmocka_unit_test(test_tcp_and_udp_behind_tags_and_options),
		cmocka_unit_test(test_ipv6_extension_headers_count_as_l3),
		cmocka_unit_test(test_other_sums_keep_start_and_offset),
		cmocka_unit_test(test_sums_outside_the_frame_are_refused),
		cmocka_unit_test(test_lying_super_frames_are_refused),
		cmocka_unit_test(test_one_segment_is_no_super_frame),
		cmocka_unit_test(test_said_again_as_it_was),
		cmocka_unit_test(test_random_claims_stay_inside),
	};

	return cmocka_run_group_tests_name("vnet_hdr", tests, NULL, NULL);
}
