/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost_front_packed.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

void packed_reset(struct front_ring *r)
{
	r->at = 0;
	r->used_at = 0;
	r->wrap = true;
	r->used_wrap = true;
}

void packed_desc(struct front_ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t id)
{
	struct vring_packed_desc *d = &r->packed[i % r->size];
	bool wrap = r->wrap != (i >= r->size);

	d->addr = addr;
	d->len = len;
	d->id = id;
	/* Of the round that is over, so that nobody takes it for available. */
	d->flags = flags | (wrap ? USED : AVAIL);
}

void packed_chain(struct front_ring *r, uint16_t i)
{
	uint16_t marks[FRONT_RING], n = 0;
	uint16_t id = 0;

	r->at = i;
	do {
		const struct vring_packed_desc *d = &r->packed[(i + n) % r->size];

		marks[n++] = (uint16_t)((d->flags & ~(AVAIL | USED)) | (r->wrap ? AVAIL : USED));
		id = d->id;
		if (++r->at == r->size) {
			r->at = 0;
			r->wrap = !r->wrap;
		}
	} while (marks[n - 1] & VRING_DESC_F_NEXT && n < r->size);
	r->chain[id % FRONT_RING] = n;
	/* The first one last: with it the whole chain is there. */
	while (n-- > 0)
		__atomic_store_n(&r->packed[(i + n) % r->size].flags, marks[n], __ATOMIC_RELEASE);
}

bool packed_used(struct front_ring *r, uint16_t *id, uint32_t *len)
{
	const struct vring_packed_desc *d = &r->packed[r->used_at];
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	bool avail = flags & AVAIL, used = flags & USED;

	if (avail != used || used != r->used_wrap)
		return false;
	*id = d->id;
	*len = d->len;
	r->used_at += r->chain[d->id % FRONT_RING];
	if (r->used_at >= r->size) {
		r->used_at -= r->size;
		r->used_wrap = !r->used_wrap;
	}
	return true;
}
