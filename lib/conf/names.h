/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash index: (scope, name) to a number. 65,000 vnics are looked up by name at
 * each reload, and a file of that size is checked for doubles.
 * Lives in an arena and borrows the names; main thread.
 */
#ifndef CONF_NAMES_H
#define CONF_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "conf/arena.h"

struct names;

struct names *names_create(struct arena *a);

/**
 * Adds @p name, which must live as long as the index.
 * @return NULL: added; else the number under which that name is already there
 */
const uint32_t *names_add(struct names *t, uint32_t scope, const char *name, uint32_t number);

/** The number of @p name, or NULL. */
const uint32_t *names_find(const struct names *t, uint32_t scope, const char *name);

#endif /* CONF_NAMES_H */
