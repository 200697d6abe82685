/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readers of values, one for each kind of value. Each takes the text of one entry,
 * writes the field that its row of the grammar names, or reports what is wrong and
 * what is allowed. Main thread.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/load.h"
#include "conf/words.h"

/** What a reader is asked: this value, for this row, into this object. */
struct parse {
	struct load *ld;
	struct entry *entry;
	const struct key *key;
	void *object; /**< struct global_conf, port_draft or vnic_draft, as the row's table says */
};

/** A row of the grammar: one key. */
struct key {
	const char *name;
	/** Reports and returns false, or writes the field and returns true. */
	bool (*parse)(struct parse *p, const char *text);
	size_t field; /**< offset in the object */
	const struct word *words; /**< parse_word, parse_bool: what is allowed */
	int64_t min, max; /**< numbers */
	const char *zero; /**< numbers: a word that stands for 0 */
	unsigned int types; /**< bits of enum vnic_type that have it; 0: all */
	bool list; /**< goes on as NAME.2; the reader is called for each part */
	bool may_be_empty;
	bool by_type; /**< what is allowed depends on the vnic's type: not judged without one */
};

bool parse_word(struct parse *p, const char *text);
bool parse_bool(struct parse *p, const char *text);
bool parse_u16(struct parse *p, const char *text);
bool parse_u32(struct parse *p, const char *text);
bool parse_i32(struct parse *p, const char *text);
bool parse_type(struct parse *p, const char *text);
bool parse_mode(struct parse *p, const char *text);
bool parse_flags(struct parse *p, const char *text);
bool parse_mac(struct parse *p, const char *text);
bool parse_lcores(struct parse *p, const char *text);
bool parse_name(struct parse *p, const char *text);
bool parse_socket(struct parse *p, const char *text);
bool parse_metrics(struct parse *p, const char *text);
bool parse_endpoint(struct parse *p, const char *text);
bool parse_device(struct parse *p, const char *text);
bool parse_prefixes(struct parse *p, const char *text);
bool parse_routes(struct parse *p, const char *text);
bool parse_ranges(struct parse *p, const char *text);
bool parse_sources(struct parse *p, const char *text);
bool parse_multicast(struct parse *p, const char *text);

/** Removes doubles, keeping the order, after the last part of a list; returns the new length. */
size_t parse_dedup_macs(struct arena *scratch, uint64_t *list, size_t n);

#endif /* CONF_PARSE_H */
