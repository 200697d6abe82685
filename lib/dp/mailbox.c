/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include <rte_mbuf.h>

#include "dp/mailbox.h"

_Static_assert((MAILBOX_LETTERS & (MAILBOX_LETTERS - 1)) == 0, "indexes are masked");
_Static_assert((MAILBOX_PARCELS & (MAILBOX_PARCELS - 1)) == 0, "indexes are masked");

void mailbox_init(struct mailbox *b, int fd)
{
	*b = (struct mailbox){.fd = fd};
}

void mailbox_close(struct mailbox *b)
{
	struct letter l;
	struct parcel p;

	while (mailbox_read(b, &l))
		rte_pktmbuf_free(l.m);
	while (mailbox_unpack(b, &p))
		rte_pktmbuf_free(p.m);
}

/* One system call until main has looked, however many letters. */
static void ring(struct mailbox *b)
{
	const uint64_t one = 1;

	if (b->fd < 0 || __atomic_exchange_n(&b->rung, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	if (write(b->fd, &one, sizeof(one)) < 0) {
		/* The counter is full, so main is awake anyway. */
	}
}

bool mailbox_write(struct mailbox *b, const struct letter *l)
{
	uint32_t head = b->letters_head;
	uint32_t room =
		l->kind == LETTER_WANTED ? MAILBOX_LETTERS : MAILBOX_LETTERS - MAILBOX_RESERVED;

	if (head - __atomic_load_n(&b->letters_tail, __ATOMIC_ACQUIRE) >= room) {
		__atomic_store_n(&b->lost, b->lost + 1, __ATOMIC_RELAXED);
		return false;
	}
	b->letters[head % MAILBOX_LETTERS] = *l;
	__atomic_store_n(&b->letters_head, head + 1, __ATOMIC_RELEASE);
	ring(b);
	return true;
}

bool mailbox_unpack(struct mailbox *b, struct parcel *p)
{
	uint32_t tail = b->parcels_tail;

	if (!mailbox_has_parcels(b))
		return false;
	*p = b->parcels[tail % MAILBOX_PARCELS];
	__atomic_store_n(&b->parcels_tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

void mailbox_look(struct mailbox *b)
{
	__atomic_store_n(&b->rung, 0, __ATOMIC_SEQ_CST);
}

bool mailbox_read(struct mailbox *b, struct letter *l)
{
	uint32_t tail = b->letters_tail;

	if (__atomic_load_n(&b->letters_head, __ATOMIC_ACQUIRE) == tail)
		return false;
	*l = b->letters[tail % MAILBOX_LETTERS];
	__atomic_store_n(&b->letters_tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

bool mailbox_send(struct mailbox *b, uint32_t receiver, struct rte_mbuf *m)
{
	uint32_t head = b->parcels_head;

	if (head - __atomic_load_n(&b->parcels_tail, __ATOMIC_ACQUIRE) == MAILBOX_PARCELS)
		return false;
	b->parcels[head % MAILBOX_PARCELS] = (struct parcel){receiver, m};
	__atomic_store_n(&b->parcels_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
