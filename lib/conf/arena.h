/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An arena: memory that is taken piece by piece and given back at once.
 *
 * A conf has tens of thousands of small strings and lists of one lifetime. One
 * arena belongs to one conf; main thread. What an arena can be asked for is
 * bounded by the limits in conf.h, so memory that is short of it aborts, as in
 * errors_add().
 */
#ifndef CONF_ARENA_H
#define CONF_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void);
void arena_destroy(struct arena *a);

/** @p n zeroed bytes, aligned for any type; never NULL. */
void *arena_alloc(struct arena *a, size_t n);

/** Copies the @p n bytes at @p text and adds a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * Room for one more element in a list that grows by doubling.
 * @param list  @p n elements of @p size bytes, from this function (NULL at n = 0)
 * @return the list, perhaps elsewhere, whose element @p n is zeroed and may be written
 */
void *arena_grow(struct arena *a, const void *list, size_t n, size_t size);

#endif /* CONF_ARENA_H */
