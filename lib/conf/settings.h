/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A section of vnic.ini as keys and values: what a port or a vnic says when it is
 * written down again. Keys that have their default are left out, so that reading the
 * settings gives the same conf. Pure; lists and texts live in the arena.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "conf/arena.h"
#include "conf/conf.h"

struct setting {
	const char *key;
	const char *value;
};

/** In the order of docs/configuration.md. Start with `= {.arena = a}`. */
struct settings {
	struct arena *arena;
	struct setting *list;
	size_t n;
};

/** Appends, or exchanges the value that @p key has. Both are borrowed. NULL: as if it weren't there. */
void settings_put(struct settings *s, const char *key, const char *value);

/** The value of @p key, or NULL. */
const char *settings_get(const struct settings *s, const char *key);

/** Each appends all that isn't the default. */
void settings_of_global(struct settings *s, const struct global_conf *g);
void settings_of_port(struct settings *s, const struct port_conf *p);
void settings_of_vnic(struct settings *s, const struct vnic_conf *v);

/** Is @p key a list, which goes on as NAME.2? */
bool setting_is_list(const char *key);

/** Can a line of vnic.ini carry this? No control characters, not both kinds of quotes, not too long. */
bool setting_is_writable(const struct setting *s);

/** The items of a list between ", "; "" where there are none. */
const char *settings_ranges(struct arena *a, const struct ip_range *list, size_t n);
const char *settings_prefixes(struct arena *a, const struct ip_prefix *list, size_t n);
const char *settings_routes(struct arena *a, const struct ip_route *list, size_t n);
const char *settings_macs(struct arena *a, const uint64_t *list, size_t n);

#endif /* CONF_SETTINGS_H */
