/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/arena.h"

#define ALIGN 16
#ifdef __SANITIZE_ADDRESS__
/* Each piece has a block of its very size, so that nobody reads beyond it unseen. */
#define CHUNK_SIZE 0
#define ROUND_TO   1
#else
#define CHUNK_SIZE 65536
#define ROUND_TO   ALIGN
#endif

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGN) char bytes[];
};

struct arena {
	struct chunk *chunks; /* the one that is being filled comes first */
};

struct arena *arena_create(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		abort();
	return a;
}

void arena_destroy(struct arena *a)
{
	struct chunk *next;

	if (a == NULL)
		return;
	for (struct chunk *c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

static struct chunk *new_chunk(size_t n)
{
	size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
	struct chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		abort();
	c = calloc(1, sizeof(*c) + size);
	if (c == NULL)
		abort();
	c->size = size;
	return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	void *p;

	if (n > SIZE_MAX / 2)
		abort();
	n = (n + ROUND_TO - 1) / ROUND_TO * ROUND_TO;
	if (c == NULL || c->size - c->used < n) {
		c = new_chunk(n);
		/* A big piece fills its chunk; the half empty one in front stays in use. */
		if (a->chunks != NULL && n > CHUNK_SIZE / 2) {
			c->next = a->chunks->next;
			a->chunks->next = c;
		} else {
			c->next = a->chunks;
			a->chunks = c;
		}
	}
	p = c->bytes + c->used;
	c->used += n;
	return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
	char *s = arena_alloc(a, n + 1);

	memcpy(s, text, n);
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char buf[128];
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if ((size_t)n < sizeof(buf))
		return arena_strndup(a, buf, (size_t)n);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *arena_grow(struct arena *a, const void *list, size_t n, size_t size)
{
	char *grown;

	/* Full at 0 and at every power of two, so the capacity need not be kept anywhere. */
	if (n != 0 && (n & (n - 1)) != 0)
		return (void *)(uintptr_t)list;
	if (n > SIZE_MAX / 4 / size)
		abort();
	grown = arena_alloc(a, (n != 0 ? 2 * n : 1) * size);
	if (n != 0)
		memcpy(grown, list, n * size);
	return grown;
}
