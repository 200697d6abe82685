/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/data/ipvlan-cases.tsv for tests in C: rows with their frames, what a row's setup is as
 * values, and results as sorted words to be compared. What the forwarder means to do differently
 * (tests/parity/ipvlan-differences.tsv) stands in the rows already. A file that can't be
 * read fails the test.
 */
#ifndef TESTS_IPVLAN_CASES_H
#define TESTS_IPVLAN_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "net/nd.h"
#include "net/pkt_ip.h"

#define IV_MAX_ROWS   400
#define IV_MAX_FRAME  4096
#define IV_VNICS      3 /**< A, B, C; their number is their id */
#define IV_MAX_WORDS  32
#define IV_N_STATIONS 2 /**< R and X */

struct iv_row {
	char id[12], mode[8], flags[16], setup[128], ingress[16], packet[400];
	char expected[256], changes[128];
	bool differs; /**< `expected` and `changes` are ours, not the kernel's */
};

/** All rows, in the order of the file; @return how many. */
size_t iv_rows(struct iv_row *rows, size_t max);

/** Fails the test if there is none. */
const struct iv_row *iv_row_find(const struct iv_row *rows, size_t n, const char *id);

/** Rows that put one frame in, and say who gets it; the others are scenarios, and counters. */
bool iv_row_is_frame(const struct iv_row *row);

/** IV-914, 915 and those that learn and assist: more than one frame, and state in between. */
bool iv_row_is_assist(const struct iv_row *row);

/** Those that tests/parity/ipvlan_daemon_test.py plays (tests/data/ipvlan-stack-rows.tsv). */
bool iv_row_has_stacks(const struct iv_row *row);

/** The bytes of the row's frame; @return their number. */
size_t iv_frame(const struct iv_row *row, uint8_t bytes[IV_MAX_FRAME]);

/* ---- names ---- */

/** The value of a symbol: "02:4d:00:00:00:01", "10.0.0.2". */
const char *iv_symbol(const char *symbol);
uint64_t iv_mac(const char *symbol);
struct ip_addr iv_addr(const char *symbol);
/** The symbol of a MAC, or its text. */
const char *iv_mac_name(uint64_t mac);

/* ---- setups ---- */

struct iv_vnic {
	const char *name;
	bool up, all_groups;
	uint32_t mtu;
	const char *groups[8]; /**< symbols; NULL ends them, here and below */
	const char *addresses[6];
};

struct iv_setup {
	enum vnic_mode mode;
	uint32_t flags; /**< VNIC_F_…, of the port */
	bool has_host;
	bool arp; /**< L3T: the owners ask for neighbours */
	bool proxy;
	bool strict;
	bool silent; /**< noneigh: nobody answers */
	const char *own[6]; /**< "10.0.0.1/24": the port's addresses */
	const char *routes[6]; /**< "default via 10.0.0.254" */
	struct iv_vnic vnics[IV_VNICS];
};

/** What @p row asks for. An option that isn't known fails the test. */
void iv_setup_read(struct iv_setup *s, const struct iv_row *row);

/** One of the other stations on the wire. */
struct iv_station {
	const char *mac;
	const char *addresses[3];
};

extern const struct iv_station iv_stations[IV_N_STATIONS];

/* ---- results ---- */

/**
 * "A B W W W.eth.dst=R": receivers, "A:answer" for what the forwarder says itself, and changes. What
 * the cases call pkttype and vlan is how the kernel showed a frame, not what is in it.
 */
struct iv_words {
	char list[IV_MAX_WORDS][32];
	size_t n;
};

void iv_add(struct iv_words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void iv_expected(const struct iv_row *row, struct iv_words *w);
/** Sorted, changes without doubles. */
const char *iv_join(struct iv_words *w, char *buf, size_t size);

#endif /* TESTS_IPVLAN_CASES_H */
