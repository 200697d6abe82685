/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "dp/capture_ring.h"
#include "dp/stats.h"

/** In place of caplen: the rest of the ring is unused, go on at its beginning. */
#define WRAP UINT32_MAX

#define ALIGN sizeof(struct capture_record)

int capture_ring_open(struct capture_ring *r, uint32_t size)
{
	/* Touched first by its producer, so it lies on that one's NUMA node. */
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*r = (struct capture_ring){.size = size};
	if (bytes == MAP_FAILED)
		return -ENOMEM;
	r->bytes = bytes;
	return 0;
}

void capture_ring_close(struct capture_ring *r)
{
	if (r->bytes != NULL)
		munmap(r->bytes, r->size);
	r->bytes = NULL;
}

static struct capture_record *record_at(const struct capture_ring *r, uint64_t at)
{
	return (struct capture_record *)(void *)(r->bytes + (at & (r->size - 1)));
}

static bool has_room(struct capture_ring *r, uint64_t end)
{
	if (end - r->tail_seen <= r->size)
		return true;
	r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return end - r->tail_seen <= r->size;
}

struct capture_record *capture_ring_add(struct capture_ring *r, uint32_t caplen)
{
	uint64_t size = RTE_ALIGN_CEIL((uint64_t)sizeof(struct capture_record) + caplen, ALIGN);
	uint64_t to_end = r->size - (r->next & (r->size - 1));
	uint64_t skip = to_end < size ? to_end : 0;
	struct capture_record *rec;

	if (size > r->size || !has_room(r, r->next + skip + size)) {
		stats_add(&r->lost, 1);
		return NULL;
	}
	if (skip != 0) {
		rec = record_at(r, r->next);
		rec->size = (uint32_t)skip;
		rec->caplen = WRAP;
		r->next += skip;
	}
	rec = record_at(r, r->next);
	rec->size = (uint32_t)size;
	rec->caplen = caplen;
	rec->lost = r->lost;
	r->next += size;
	return rec;
}

struct capture_record *capture_ring_hidden(const struct capture_ring *r, uint64_t *at)
{
	while (*at != r->next) {
		struct capture_record *rec = record_at(r, *at);

		*at += rec->size;
		if (rec->caplen != WRAP)
			return rec;
	}
	return NULL;
}

void capture_ring_rewind(struct capture_ring *r, uint64_t at)
{
	r->next = at;
}

void capture_ring_show(struct capture_ring *r)
{
	if (r->next != r->head)
		__atomic_store_n(&r->head, r->next, __ATOMIC_RELEASE);
}

const struct capture_record *capture_ring_first(struct capture_ring *r)
{
	uint64_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);

	while (r->tail != head) {
		const struct capture_record *rec = record_at(r, r->tail);

		if (rec->caplen != WRAP)
			return rec;
		capture_ring_remove_first(r);
	}
	return NULL;
}

void capture_ring_remove_first(struct capture_ring *r)
{
	__atomic_store_n(&r->tail, r->tail + record_at(r, r->tail)->size, __ATOMIC_RELEASE);
}
