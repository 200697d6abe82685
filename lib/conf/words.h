/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words that values are made of, each with what it stands for. Pure; static
 * tables that end with a NULL text.
 */
#ifndef CONF_WORDS_H
#define CONF_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct word {
	const char *text;
	int value;
};

extern const struct word words_on_off[];
extern const struct word words_up_down[];
extern const struct word words_idle[];
extern const struct word words_promisc[];
extern const struct word words_spoofcheck[];
extern const struct word words_arp[];
extern const struct word words_mac_policy[];
extern const struct word words_vnic_type[];
extern const struct word words_macvlan_mode[]; /**< macvtap, too */
extern const struct word words_ipvlan_mode[];
extern const struct word words_macvlan_flag[];
extern const struct word words_ipvlan_flag[];
extern const struct word words_endpoint_type[];

bool words_find(const struct word *words, const char *text, int *value);

/** The first word for @p value, or @p none. */
const char *words_name(const struct word *words, int value, const char *none);

/** "a, b, c" into @p buf, which is returned. */
const char *words_list(const struct word *words, char *buf, size_t len);

#endif /* CONF_WORDS_H */
