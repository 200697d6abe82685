/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames for the tests of offload_finish(), and what must become of them: an oracle of its own that
 * works on flat bytes, one at a time, and shares no code with lib/dp.
 */
#ifndef TESTS_EAL_OFFLOAD_FRAMES_H
#define TESTS_EAL_OFFLOAD_FRAMES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 70000

/** What to build. */
struct spec {
	bool v6;
	bool udp;
	unsigned int n_tags;
	unsigned int ip_opts; /**< IPv4: words of options; IPv6: extension headers, 0 to 3 */
	bool rerouted; /**< IPv6: the first extension header is a routing header */
	unsigned int tcp_opts; /**< words */
	uint8_t tcp_flags;
	uint32_t payload;
	uint32_t padding; /**< junk behind the IP packet */
};

struct frame {
	uint32_t len;
	uint16_t l2_len, l3_len, l4_len;
	uint32_t ip_end;
	bool v6, udp;
	uint8_t addresses[32]; /**< of the pseudo header */
	uint8_t bytes[FRAME_MAX];
};

/* splitmix64 */
static uint64_t random_state;

static inline uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_next() % n);
}

static inline bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static inline uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/** RFC 1071, byte by byte: @p sum and @p len bytes, folded. */
static inline uint32_t oracle_sum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint32_t frame_l4(const struct frame *f)
{
	return (uint32_t)f->l2_len + f->l3_len;
}

static inline uint32_t frame_hdr_len(const struct frame *f)
{
	return frame_l4(f) + f->l4_len;
}

static inline uint32_t frame_csum_at(const struct frame *f)
{
	return frame_l4(f) + (f->udp ? 6 : 16);
}

/** The sum of the pseudo header: what the field holds of a frame whose checksum is missing. */
static inline uint32_t oracle_pseudo(const struct frame *f)
{
	uint32_t sum = oracle_sum(0, f->addresses, f->v6 ? 32 : 8);
	uint8_t rest[4];

	put16(rest, f->udp ? IPPROTO_UDP : IPPROTO_TCP);
	put16(rest + 2, f->ip_end - frame_l4(f));
	return oracle_sum(sum, rest, 4);
}

/** Completes the IPv4 header checksum. */
static inline void oracle_ip_csum(struct frame *f)
{
	uint8_t *ip = f->bytes + f->l2_len;

	if (f->v6)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, ~oracle_sum(0, ip, f->l3_len));
}

/** Completes the transport checksum, from the addresses, whatever the field holds. */
static inline void oracle_l4_csum(struct frame *f)
{
	uint32_t sum;

	put16(f->bytes + frame_csum_at(f), 0);
	sum = oracle_sum(oracle_pseudo(f), f->bytes + frame_l4(f), f->ip_end - frame_l4(f));
	sum = ~sum & 0xffff;
	if (sum == 0 && f->udp)
		sum = 0xffff;
	put16(f->bytes + frame_csum_at(f), sum);
}

/** Writes the IP lengths that fit ip_end. */
static inline void frame_set_lengths(struct frame *f)
{
	uint8_t *ip = f->bytes + f->l2_len;

	if (f->v6)
		put16(ip + 4, f->ip_end - f->l2_len - 40);
	else
		put16(ip + 2, f->ip_end - f->l2_len);
	if (f->udp)
		put16(f->bytes + frame_l4(f) + 4, f->ip_end - frame_l4(f));
}

static inline void build_ip4(struct frame *f, const struct spec *s)
{
	uint8_t *ip = f->bytes + f->l2_len;

	f->l3_len = (uint16_t)(20 + 4 * s->ip_opts);
	ip[0] = (uint8_t)(0x40 | f->l3_len / 4);
	put16(ip + 6, random_next() & 0x4000); /* DF or not */
	ip[9] = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	memset(ip + 20, 1, 4 * s->ip_opts); /* no operation */
	memcpy(f->addresses, ip + 12, 8);
}

static inline void build_ip6(struct frame *f, const struct spec *s)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING};
	uint8_t *ip = f->bytes + f->l2_len, *next = ip + 6, *p = ip + 40;

	ip[0] = 0x60 | (ip[0] & 0xf);
	memcpy(f->addresses, ip + 8, 32);
	for (unsigned int i = 0; i < s->ip_opts; i++) {
		uint8_t kind = kinds[s->rerouted && i == 0 ? 2 : random_below(2)];
		uint8_t units = kind == IPPROTO_ROUTING ? 2 : (uint8_t)random_below(3);

		*next = kind;
		next = p;
		p[1] = units;
		if (kind == IPPROTO_ROUTING) {
			p[2] = 2;
			p[3] = 1; /* one more to go: the pseudo header has that one's address */
			memcpy(f->addresses + 16, p + 8, 16);
		}
		p += 8 * (units + 1);
	}
	*next = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	f->l3_len = (uint16_t)(p - ip);
}

/** A frame whose transport checksum is missing; what @p s leaves open is random. */
static inline void build(struct frame *f, const struct spec *s)
{
	uint8_t *p;

	/* Headers are random where nothing else is said: addresses, ports, numbers, options. */
	for (unsigned int i = 0; i < 400; i++)
		f->bytes[i] = (uint8_t)random_next();
	f->v6 = s->v6;
	f->udp = s->udp;
	f->l2_len = (uint16_t)(14 + 4 * s->n_tags);
	for (unsigned int i = 0; i < s->n_tags; i++)
		put16(f->bytes + 12 + 4 * i, i + 1 < s->n_tags ? 0x88a8 : 0x8100);
	put16(f->bytes + f->l2_len - 2, s->v6 ? 0x86dd : 0x0800);
	if (s->v6)
		build_ip6(f, s);
	else
		build_ip4(f, s);
	f->l4_len = (uint16_t)(s->udp ? 8 : 20 + 4 * s->tcp_opts);
	p = f->bytes + frame_l4(f);
	if (!s->udp) {
		p[12] = (uint8_t)(f->l4_len / 4 << 4 | (p[12] & 0xf));
		p[13] = s->tcp_flags;
	}
	f->ip_end = frame_hdr_len(f) + s->payload;
	f->len = f->ip_end + s->padding;
	for (uint32_t i = frame_hdr_len(f); i < f->len; i++)
		f->bytes[i] = (uint8_t)random_next();
	frame_set_lengths(f);
	oracle_ip_csum(f);
	put16(f->bytes + frame_csum_at(f), oracle_pseudo(f));
}

/** The same, over IPv6, with one extension header of 8 bytes, destination options. */
static inline void build_with_8_byte_extension(struct frame *f, const struct spec *s)
{
	uint8_t *ip;

	build(f, s);
	ip = f->bytes + f->l2_len;
	memmove(ip + 48, ip + 40, f->len - f->l2_len - 40);
	memcpy(ip + 40, (const uint8_t[8]){ip[6], 0, 1, 4}, 8);
	ip[6] = IPPROTO_DSTOPTS;
	f->l3_len += 8;
	f->ip_end += 8;
	f->len += 8;
	frame_set_lengths(f);
}

/** How many segments @p f must become. */
static inline uint32_t oracle_n_segs(const struct frame *f, uint32_t mss)
{
	uint32_t payload = f->ip_end - frame_hdr_len(f);

	return payload == 0 ? 1 : (payload + mss - 1) / mss;
}

/** The segment number @p i that @p f must become. */
static inline void oracle_segment(struct frame *want, const struct frame *f, uint32_t mss,
				  uint32_t i)
{
	uint32_t hdr = frame_hdr_len(f), from = hdr + i * mss;
	uint32_t end = from + mss < f->ip_end ? from + mss : f->ip_end;
	uint8_t *tcp;

	memcpy(want, f, offsetof(struct frame, bytes) + hdr);
	memcpy(want->bytes + hdr, f->bytes + from, end - from);
	want->len = want->ip_end = hdr + end - from;
	frame_set_lengths(want);
	if (!f->v6)
		put16(want->bytes + f->l2_len + 4, get16(f->bytes + f->l2_len + 4) + i);
	oracle_ip_csum(want);
	tcp = want->bytes + frame_l4(f);
	put32(tcp + 4, get32(tcp + 4) + i * mss);
	if (i > 0)
		tcp[13] &= 0x7f; /* CWR */
	if (end != f->ip_end)
		tcp[13] &= 0xf6; /* PSH, FIN */
	oracle_l4_csum(want);
}

#endif /* TESTS_EAL_OFFLOAD_FRAMES_H */
