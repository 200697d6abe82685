/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/data/macvlan-cases.tsv for tests in C: rows, the topology that a row asks
 * for as values, and results as sorted words ("B1:H host:O wire") to be compared.
 */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "fwd/lists.h"
#include "net/pkt.h"

#define CASE_MAX_VNICS 16

struct case_row {
	char id[16], class[16], setup[256], ingress[16], src[32], dst[32], type[32];
	char expected[256];
};

/** A row's topology. Vnic ids are indexes. */
struct case_topology {
	struct port_in port;
	struct vnic_in vnics[CASE_MAX_VNICS];
	char names[CASE_MAX_VNICS][8];
	size_t n;
	bool hairpin; /**< the wire gives back what it gets */
	uint64_t groups[CASE_MAX_VNICS][16];
	uint64_t sources[CASE_MAX_VNICS][4];
};

/**
 * Reads all rows that inject a frame (no ctl rows), with what the forwarder means to
 * do differently (intended-differences.tsv) in `expected`.
 * @return how many; fails the test when a file can't be read
 */
size_t cases_read(struct case_row *rows, size_t max);

void case_topology_read(struct case_topology *t, const struct case_row *row);

/** The MAC key of a symbol ("B1", "X0", "BC", …) or of a literal address. */
uint64_t case_mac(const char *symbol);

/** The frame's header as parsing would have made it, and its bytes; @return its length. */
size_t case_frame(const struct case_row *row, uint8_t *bytes, struct pkt *p);

/** A set of words. */
struct case_words {
	char list[64][32];
	size_t n;
};

void words_split(struct case_words *w, const char *text);
void words_add(struct case_words *w, const char *word);
/** Sorted, blank-separated; "-" when empty. */
const char *words_join(struct case_words *w, char *buf, size_t len);

#endif /* TESTS_CASES_H */
