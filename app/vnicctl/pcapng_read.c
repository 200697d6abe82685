/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "pcapng_read.h"

#define HEAD_LEN 8 /* type and length; the length again at the end */
#define TAIL_LEN 4
#define BODY_MIN 20 /* of a packet or statistics block */

enum { BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_COMMENT = 1 };
enum { PACKET_FLAGS = 2, PACKET_LOST = 4, STATISTICS_LOST = 5 };
#define FLAG_OUTBOUND 2

static uint32_t get32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

static uint64_t get_time(const uint8_t *b)
{
	return (uint64_t)get32(b) << 32 | get32(b + 4);
}

/** What options we know tell, of whichever block. */
struct options_found {
	uint32_t flags;
	uint64_t lost;
	char *comment; /* PCAPNG_TEXT_MAX */
};

static void read_option(struct options_found *o, uint16_t lost_code, uint16_t code,
			const uint8_t *value, uint16_t n)
{
	if (code == OPTION_COMMENT) {
		uint16_t k = n < PCAPNG_TEXT_MAX ? n : PCAPNG_TEXT_MAX - 1;

		memcpy(o->comment, value, k);
		o->comment[k] = '\0';
	} else if (code == lost_code && n == sizeof(o->lost)) {
		memcpy(&o->lost, value, sizeof(o->lost));
	} else if (code == PACKET_FLAGS && n == sizeof(o->flags)) {
		o->flags = get32(value);
	}
}

static int read_options(struct options_found *o, uint16_t lost_code, const uint8_t *b, size_t n)
{
	while (n >= 4) {
		uint16_t code, len;
		size_t padded;

		memcpy(&code, b, 2);
		memcpy(&len, b + 2, 2);
		if (code == OPTION_END)
			return 0;
		padded = 4 + (((size_t)len + 3) & ~(size_t)3);
		if (padded > n)
			return -EPROTO;
		read_option(o, lost_code, code, b + 4, len);
		b += padded;
		n -= padded;
	}
	return 0;
}

/* The body: interface, time, caplen, len, bytes, options. */
static int read_packet(struct pcapng_reader *r, const uint8_t *b, size_t n)
{
	struct frame f = {0};
	struct options_found o = {.comment = f.comment};
	size_t padded;

	if (n < BODY_MIN)
		return -EPROTO;
	f.ns = get_time(b + 4);
	f.caplen = get32(b + 12);
	f.len = get32(b + 16);
	f.bytes = b + BODY_MIN;
	padded = ((size_t)f.caplen + 3) & ~(size_t)3;
	if (padded > n - BODY_MIN ||
	    read_options(&o, PACKET_LOST, f.bytes + padded, n - BODY_MIN - padded) != 0)
		return -EPROTO;
	f.outbound = (o.flags & 3) == FLAG_OUTBOUND;
	f.lost = o.lost;
	r->n_frames++;
	if (r->on_frame != NULL)
		r->on_frame(&f, r->arg);
	return 0;
}

/* The body: interface, time, options. */
static int read_statistics(struct pcapng_reader *r, const uint8_t *b, size_t n)
{
	struct options_found o = {.comment = r->why};

	if (n < 12 || read_options(&o, STATISTICS_LOST, b + 12, n - 12) != 0)
		return -EPROTO;
	r->ended = true;
	r->lost = o.lost;
	return 0;
}

static int read_block(struct pcapng_reader *r, uint32_t len)
{
	const uint8_t *body = r->block + HEAD_LEN;
	size_t n = len - HEAD_LEN - TAIL_LEN;

	switch (get32(r->block)) {
	case BLOCK_PACKET:
		return read_packet(r, body, n);
	case BLOCK_STATISTICS:
		return read_statistics(r, body, n);
	}
	return 0;
}

int pcapng_read(struct pcapng_reader *r, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		size_t want = HEAD_LEN, k;

		if (r->n >= HEAD_LEN) {
			want = get32(r->block + 4);
			if (want < HEAD_LEN + TAIL_LEN || want > PCAPNG_BLOCK_MAX || want % 4 != 0)
				return -EPROTO;
		}
		k = want - r->n < n ? want - r->n : n;
		memcpy(r->block + r->n, bytes, k);
		r->n += k;
		bytes += k;
		n -= k;
		if (r->n == want && want > HEAD_LEN) {
			int rc = read_block(r, (uint32_t)want);

			if (rc != 0)
				return rc;
			r->n = 0;
		}
	}
	return 0;
}
