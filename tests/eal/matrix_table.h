/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The offload matrix as a table: what became of each kind of traffic on each pair of ends, in
 * words, and docs/offload-matrix.md written from it. Plain data, one thread.
 */
#ifndef TESTS_EAL_MATRIX_TABLE_H
#define TESTS_EAL_MATRIX_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "matrix_ends.h"

/** The ends of a pair: vnics as `enum end_kind`, and then the devices as ports. */
enum { SIDE_PORT_DEV = N_END_KINDS, SIDE_PORT_PLAIN, SIDE_PORT_NETDEV, N_SIDES };

enum traffic {
	TRAFFIC_TCP,
	TRAFFIC_UDP,
	TRAFFIC_SUPER,
	TRAFFIC_JUMBO_TCP,
	TRAFFIC_JUMBO_UDP,
	TRAFFIC_TO_ALL,
	TRAFFIC_OVER,
	N_TRAFFIC
};

enum word {
	WORD_UNKNOWN, /**< never played */
	WORD_PASSED,
	WORD_WHOLE,
	WORD_COMPLETED,
	WORD_CUT,
	WORD_SAME,
	WORD_FREED,
	WORD_TOO_LONG,
	WORD_REFUSED,
	WORD_UNSENT,
	WORD_NEVER,
	N_WORDS
};

/** IPv4 or IPv6: untagged, tagged, and with options or extension headers. */
#define N_VARIANTS     6
#define VARIANT_V6(v)  ((v) % 2 == 1)
#define VARIANT_TAG(v) ((v) / 2 == 1)
#define VARIANT_EXT(v) ((v) / 2 == 2)

struct table {
	enum word cells[N_TRAFFIC][N_SIDES][N_SIDES][N_VARIANTS];
};

const char *word_name(enum word w);
const char *traffic_name(enum traffic t);
const char *side_name(unsigned int side);
const char *variant_name(unsigned int variant);

/** The document; to be freed. NULL: a cell was never played; it is told. */
char *table_write(const struct table *t);

#endif /* TESTS_EAL_MATRIX_TABLE_H */
