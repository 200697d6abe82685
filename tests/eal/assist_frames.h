/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of the ipvlan cases that learning, MAC translation and DHCP are about. */
#ifndef TESTS_EAL_ASSIST_FRAMES_H
#define TESTS_EAL_ASSIST_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/csum.h"
#include "net/ip.h"
#include "net/mac.h"

#define M  "02:4d:00:00:00:01" /* the port */
#define R  "02:52:00:00:00:fe" /* outside */
#define Z  "02:5a:00:00:00:99" /* an endpoint's own */
#define BC "ff:ff:ff:ff:ff:ff"

struct frame {
	uint8_t b[700];
	uint32_t n;
};

static inline void put_mac(uint8_t *b, const char *text)
{
	uint64_t mac;

	assert_true(mac_parse(text, &mac));
	mac_store(b, mac);
}

static inline void put_ip(uint8_t *b, const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	memcpy(b, a.b, a.family == 6 ? 16 : 4);
}

static inline struct frame eth(const char *dst, const char *src, uint16_t type)
{
	struct frame f = {.n = 14};

	put_mac(f.b, dst);
	put_mac(f.b + 6, src);
	f.b[12] = (uint8_t)(type >> 8);
	f.b[13] = (uint8_t)type;
	return f;
}

/* @p op: 1 asks, 2 answers; the sender's hardware address is that of the frame. */
static inline struct frame arp(const char *dst, const char *src, uint8_t op, const char *spa,
			       const char *tpa)
{
	static const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0};
	struct frame f = eth(dst, src, 0x0806);

	memcpy(f.b + 14, head, sizeof(head));
	f.b[21] = op;
	memcpy(f.b + 22, f.b + 6, 6);
	put_ip(f.b + 28, spa);
	if (op == 2)
		memcpy(f.b + 32, f.b, 6);
	put_ip(f.b + 38, tpa);
	f.n = 42;
	return f;
}

static inline struct frame udp(const char *dst, const char *src, const char *sip, const char *dip,
			       uint16_t sport, uint16_t dport, uint16_t payload)
{
	struct frame f = eth(dst, src, 0x0800);
	uint16_t total = (uint16_t)(28 + payload), sum;

	f.b[14] = 0x45;
	f.b[16] = (uint8_t)(total >> 8);
	f.b[17] = (uint8_t)total;
	f.b[22] = 64;
	f.b[23] = 17;
	put_ip(f.b + 26, sip);
	put_ip(f.b + 30, dip);
	sum = (uint16_t)~csum_fold(csum_add(0, f.b + 14, 20));
	memcpy(f.b + 24, &sum, 2);
	f.b[34] = (uint8_t)(sport >> 8);
	f.b[35] = (uint8_t)sport;
	f.b[36] = (uint8_t)(dport >> 8);
	f.b[37] = (uint8_t)dport;
	f.b[38] = (uint8_t)((8 + payload) >> 8);
	f.b[39] = (uint8_t)(8 + payload);
	f.n = 14u + total;
	return f;
}

static inline struct frame ip4(const char *dst, const char *src, const char *sip, const char *dip)
{
	return udp(dst, src, sip, dip, 7000, 7777, 24);
}

/* UDP's checksum over the pseudo header; of a frame that has one it is 0xffff. */
static inline uint16_t udp_sum(const struct frame *f)
{
	uint16_t len = (uint16_t)(f->b[38] << 8 | f->b[39]);
	const uint8_t rest[4] = {0, 17, f->b[38], f->b[39]};

	return csum_fold(csum_add(csum_add(csum_add(0, f->b + 26, 8), rest, 4), f->b + 34, len));
}

static inline void set_udp_sum(struct frame *f)
{
	uint16_t sum;

	memset(f->b + 40, 0, 2);
	sum = (uint16_t)~udp_sum(f);
	memcpy(f->b + 40, &sum, 2);
}

/* NS (135) or NA (136), with the frame's source as its link-layer address. */
static inline struct frame nd(const char *dst, const char *src, uint8_t type, const char *sip,
			      const char *dip, const char *target)
{
	struct frame f = eth(dst, src, 0x86dd);
	uint16_t sum;

	f.b[14] = 0x60;
	f.b[19] = 32;
	f.b[20] = 58;
	f.b[21] = 255;
	put_ip(f.b + 22, sip);
	put_ip(f.b + 38, dip);
	f.b[54] = type;
	put_ip(f.b + 62, target);
	f.b[78] = type == 135 ? 1 : 2;
	f.b[79] = 1;
	memcpy(f.b + 80, f.b + 6, 6);
	f.n = 86;
	sum = (uint16_t)~csum_icmp6(f.b + 22, f.b + 54, 32);
	memcpy(f.b + 56, &sum, 2);
	return f;
}

/* What a DHCP message says; NULLs are zero. */
struct message {
	uint8_t op, type;
	uint32_t xid, lease;
	const char *chaddr, *ciaddr, *yiaddr, *id;
};

static inline struct frame dhcp(const char *dst, const char *src, const char *sip, const char *dip,
				const struct message *m)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	struct frame f = udp(dst, src, sip, dip, m->op == 1 ? 68 : 67, m->op == 1 ? 67 : 68, 300);
	uint8_t *b = f.b + 42, *o = b + 240;

	b[0] = m->op;
	b[1] = 1;
	b[2] = 6;
	for (int i = 0; i < 4; i++)
		b[4 + i] = (uint8_t)(m->xid >> (24 - 8 * i));
	if (m->ciaddr != NULL)
		put_ip(b + 12, m->ciaddr);
	if (m->yiaddr != NULL)
		put_ip(b + 16, m->yiaddr);
	put_mac(b + 28, m->chaddr);
	memcpy(b + 236, cookie, 4);
	*o++ = 53;
	*o++ = 1;
	*o++ = m->type;
	if (m->lease != 0) {
		*o++ = 51;
		*o++ = 4;
		for (int i = 0; i < 4; i++)
			*o++ = (uint8_t)(m->lease >> (24 - 8 * i));
	}
	if (m->id != NULL) {
		*o++ = 61;
		*o++ = (uint8_t)strlen(m->id);
		memcpy(o, m->id, strlen(m->id));
		o += strlen(m->id);
	}
	*o = 255;
	set_udp_sum(&f);
	return f;
}

#endif /* TESTS_EAL_ASSIST_FRAMES_H */
