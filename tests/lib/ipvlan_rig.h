/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A setup of ipvlan-cases.tsv as a running forwarder (rig.h), whose ends are W, H, A, B and C. Main's part,
 * reading letters and publishing, is played between turns; so are R and X, the other stations
 * on the wire, who answer ARP and neighbour discovery.
 */
#ifndef TESTS_IPVLAN_RIG_H
#define TESTS_IPVLAN_RIG_H

#include "ipvlan_cases.h"
#include "rig.h"

#define IV_MAX_COPIES 400
#define IV_INI_SIZE   4096

/** A frame that came out. */
struct iv_copy {
	char end; /**< 'W' … 'C' */
	uint32_t len;
	uint8_t bytes[2200];
};

struct iv_rig {
	bool runs;
	struct rig rig;
	struct iv_setup s;
	char ini[IV_INI_SIZE];
	struct iv_copy copies[IV_MAX_COPIES]; /**< what came out, in order; the test may clear it */
	size_t n;
	struct iv_words asked; /**< whom the forwarder asked for, on the wire: "R4" */
	struct iv_copy question; /**< its last question */
	size_t n_answers; /**< that R and X gave and H has not seen */
};

/** vnic.ini of @p s: port p, vnics a, b, c. */
void iv_ini(const struct iv_setup *s, char *ini, size_t size);

/** Starts @p r on what @p row asks for. */
void iv_start(struct iv_rig *r, const struct iv_row *row);

/** Stops, if it runs; every mbuf is back, or the test fails. Where tests fail: cmocka's teardown. */
void iv_stop(struct iv_rig *r);

/** Another state of r->s, as a changed file would bring it; 0 or -errno. */
int iv_reload(struct iv_rig *r);

/** Puts a frame into the end named by @p end's first letter. */
void iv_send(struct iv_rig *r, const char *end, const uint8_t *bytes, size_t len);

/** Turns, letters, publishing and the stations' answers, until nothing moves. */
void iv_run(struct iv_rig *r);

/** "A B H": who got @p bytes unchanged since r->n was cleared, in words of the cases. */
const char *iv_receivers(const struct iv_rig *r, const uint8_t *bytes, size_t len, char *buf,
			 size_t size);

/** The UDP frame eth(@p dst,@p src)/ip(@p from,@p to) of these symbols; its length. */
size_t iv_udp(uint8_t *bytes, const char *dst, const char *src, const char *from, const char *to);

#endif /* TESTS_IPVLAN_RIG_H */
