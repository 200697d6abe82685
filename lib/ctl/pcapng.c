/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/pcapng.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

/** Options; a code's meaning depends on the block, but for COMMENT. */
enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	PACKET_LOST = 4,
	STATISTICS_SEEN = 4,
	STATISTICS_LOST = 5,
	STATISTICS_WRITTEN = 8,
};

#define BYTE_ORDER_MAGIC  0x1a2b3c4d
#define LINK_ETHERNET	  1
#define NANOSECONDS	  9 /* 10^-9 */
#define FILTER_IS_LIBPCAP 0
#define FLAG_INBOUND	  1
#define FLAG_OUTBOUND	  2

/* Numbers are in the writer's own byte order. */
static uint8_t *put(uint8_t *at, const void *value, uint32_t n)
{
	memcpy(at, value, n);
	return at + n;
}

static uint8_t *put16(uint8_t *at, uint16_t v)
{
	return put(at, &v, sizeof(v));
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put(at, &v, sizeof(v));
}

static uint8_t *put64(uint8_t *at, uint64_t v)
{
	return put(at, &v, sizeof(v));
}

static uint8_t *put_time(uint8_t *at, uint64_t ns)
{
	return put32(put32(at, (uint32_t)(ns >> 32)), (uint32_t)ns);
}

/* Up to a multiple of 4. */
static uint8_t *put_padded(uint8_t *at, const void *bytes, uint32_t n)
{
	static const uint8_t zeros[4];

	return put(put(at, bytes, n), zeros, -n & 3);
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *value, uint16_t n)
{
	return put_padded(put16(put16(at, code), n), value, n);
}

static uint8_t *put_text(uint8_t *at, uint16_t code, const char *text)
{
	return put_option(at, code, text, (uint16_t)strlen(text));
}

static uint8_t *put_option64(uint8_t *at, uint16_t code, uint64_t v)
{
	return put_option(at, code, &v, sizeof(v));
}

/* A block's length stands behind its type and at its end. */
static uint8_t *begin(uint8_t *b, uint32_t type)
{
	return put32(put32(b, type), 0);
}

static uint32_t end(uint8_t *b, uint8_t *at)
{
	uint32_t n;

	at = put16(put16(at, OPTION_END), 0);
	n = (uint32_t)(at - b) + 4;
	put32(at, n);
	put32(b + 4, n);
	return n;
}

uint32_t pcapng_section(uint8_t *b, const char *program)
{
	uint8_t *at = put32(begin(b, BLOCK_SECTION), BYTE_ORDER_MAGIC);

	at = put16(put16(at, 1), 0); /* version 1.0 */
	at = put64(at, UINT64_MAX); /* of unknown length */
	return end(b, put_text(at, SECTION_PROGRAM, program));
}

uint32_t pcapng_interface(uint8_t *b, const char *name, const char *filter, uint32_t snaplen)
{
	static const uint8_t resolution = NANOSECONDS;
	uint8_t *at = put16(put16(begin(b, BLOCK_INTERFACE), LINK_ETHERNET), 0);

	at = put_text(put32(at, snaplen), INTERFACE_NAME, name);
	at = put_option(at, INTERFACE_RESOLUTION, &resolution, 1);
	if (filter != NULL && filter[0] != '\0') {
		uint32_t n = (uint32_t)strlen(filter);

		at = put16(put16(at, INTERFACE_FILTER), (uint16_t)(n + 1));
		*at = FILTER_IS_LIBPCAP;
		at = put(at + 1, filter, n);
		for (; (at - b) & 3; at++)
			*at = 0;
	}
	return end(b, at);
}

uint32_t pcapng_packet(uint8_t *b, const struct pcapng_packet *p)
{
	uint32_t flags = p->outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	uint8_t *at = put32(begin(b, BLOCK_PACKET), 0); /* interface 0 */

	at = put32(put32(put_time(at, p->ns), p->caplen), p->len);
	at = put_padded(at, p->bytes, p->caplen);
	at = put_option(at, PACKET_FLAGS, &flags, sizeof(flags));
	if (p->lost != 0)
		at = put_option64(at, PACKET_LOST, p->lost);
	if (p->comment != NULL)
		at = put_text(at, OPTION_COMMENT, p->comment);
	return end(b, at);
}

uint32_t pcapng_statistics(uint8_t *b, uint64_t ns, uint64_t written, uint64_t lost,
			   const char *why)
{
	uint8_t *at = put_time(put32(begin(b, BLOCK_STATISTICS), 0), ns);

	at = put_option64(at, STATISTICS_SEEN, written + lost);
	at = put_option64(at, STATISTICS_LOST, lost);
	at = put_option64(at, STATISTICS_WRITTEN, written);
	if (why != NULL)
		at = put_text(at, OPTION_COMMENT, why);
	return end(b, at);
}
