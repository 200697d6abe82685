/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "conf/names.h"

struct slot {
	const char *name; /* NULL: free */
	uint32_t scope;
	uint32_t number;
};

struct names {
	struct arena *arena;
	struct slot *slots;
	size_t n;
	size_t mask; /* slots - 1; a power of two, at most half of them in use */
};

static uint64_t hash(uint32_t scope, const char *name)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ scope; /* FNV-1a */

	h *= 0x100000001b3ULL;
	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	/* FNV's low bits alone are poor for names that differ in their last digits. */
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

/* The slot that holds the name, or the free one where it belongs. */
static struct slot *find_slot(const struct names *t, uint32_t scope, const char *name)
{
	size_t i = hash(scope, name) & t->mask;

	while (t->slots[i].name != NULL &&
	       (t->slots[i].scope != scope || strcmp(t->slots[i].name, name) != 0))
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

struct names *names_create(struct arena *a)
{
	struct names *t = arena_alloc(a, sizeof(*t));

	t->arena = a;
	t->mask = 63;
	t->slots = arena_alloc(a, (t->mask + 1) * sizeof(*t->slots));
	return t;
}

static void grow(struct names *t)
{
	struct slot *old = t->slots;
	size_t n = t->mask + 1;

	t->mask = 2 * n - 1;
	t->slots = arena_alloc(t->arena, 2 * n * sizeof(*t->slots));
	for (size_t i = 0; i < n; i++)
		if (old[i].name != NULL)
			*find_slot(t, old[i].scope, old[i].name) = old[i];
}

const uint32_t *names_add(struct names *t, uint32_t scope, const char *name, uint32_t number)
{
	struct slot *s = find_slot(t, scope, name);

	if (s->name != NULL)
		return &s->number;
	*s = (struct slot){.name = name, .scope = scope, .number = number};
	if (2 * ++t->n > t->mask)
		grow(t);
	return NULL;
}

const uint32_t *names_find(const struct names *t, uint32_t scope, const char *name)
{
	const struct slot *s = find_slot(t, scope, name);

	return s->name != NULL ? &s->number : NULL;
}
