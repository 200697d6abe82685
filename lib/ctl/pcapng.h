/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pcapng blocks into memory (draft-ietf-opsawg-pcapng): one section, one Ethernet interface,
 * times in nanoseconds. Pure; any thread. Each function writes one whole
 * block at @p b, which has room for it, and returns its length.
 *
 * DPDK's rte_pcapng knows no comments before 24.07, and wants an mbuf for each block.
 */
#ifndef CTL_PCAPNG_H
#define CTL_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>

/** Room that suffices for any block, besides the frame's bytes and the strings'. */
#define PCAPNG_OVERHEAD 256

struct pcapng_packet {
	uint64_t ns; /**< since 1970 */
	const uint8_t *bytes;
	uint32_t caplen, len;
	bool outbound; /**< else inbound */
	uint64_t lost; /**< since the packet before; 0: none */
	const char *comment; /**< NULL: none */
};

/** The beginning of a file: which program writes it. */
uint32_t pcapng_section(uint8_t *b, const char *program);

/** @p filter: libpcap's language; NULL or "": none. */
uint32_t pcapng_interface(uint8_t *b, const char *name, const char *filter, uint32_t snaplen);

uint32_t pcapng_packet(uint8_t *b, const struct pcapng_packet *p);

/**
 * The end: how many frames were wanted and are here (@p written), or had no room (@p lost).
 * @param why  the capture ended, where nobody asked for it; NULL
 */
uint32_t pcapng_statistics(uint8_t *b, uint64_t ns, uint64_t written, uint64_t lost,
			   const char *why);

#endif /* CTL_PCAPNG_H */
