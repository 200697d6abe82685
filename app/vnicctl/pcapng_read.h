/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads a pcapng stream as the daemon writes it (lib/ctl/pcapng.c), in whatever pieces it
 * comes: one section, one interface, nanoseconds, this machine's byte order.
 *
 * Values and callbacks; what contradicts the format ends it with an error.
 */
#ifndef VNICCTL_PCAPNG_READ_H
#define VNICCTL_PCAPNG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_BLOCK_MAX (1u << 20)
#define PCAPNG_TEXT_MAX	 256

struct frame {
	uint64_t ns; /**< since 1970 */
	const uint8_t *bytes;
	uint32_t caplen, len;
	bool outbound;
	uint64_t lost; /**< copies that are missing before this one */
	char comment[PCAPNG_TEXT_MAX];
};

struct pcapng_reader {
	uint8_t *block; /**< PCAPNG_BLOCK_MAX bytes; the caller's */
	size_t n;
	uint64_t n_frames;
	bool ended; /**< the statistics block has come; what follows is from it */
	uint64_t lost;
	char why[PCAPNG_TEXT_MAX]; /**< the capture ended, if nobody here asked for it */
	void (*on_frame)(const struct frame *f, void *arg); /**< may be NULL */
	void *arg;
};

/** Takes the next bytes of the stream. @return 0 or -EPROTO */
int pcapng_read(struct pcapng_reader *r, const uint8_t *bytes, size_t n);

#endif /* VNICCTL_PCAPNG_READ_H */
