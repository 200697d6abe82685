/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker and main tell each other, frame by frame and seldom: letters to main (a
 * neighbour is wanted, somebody asked or answered, an address was seen), parcels to the
 * worker (a frame to send). Two rings of fixed size with one writer and one reader each; no
 * locks, nobody waits, what finds no room is counted as lost. Snapshots carry all else.
 */
#ifndef DP_MAILBOX_H
#define DP_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "net/pkt_ip.h"

struct rte_mbuf;

enum letter_kind {
	LETTER_WANTED, /**< the MAC of next hop `ip` of port `id` */
	LETTER_ND, /**< `m`: ARP or neighbour discovery that concerns port `id` itself */
	LETTER_SEEN, /**< vnic `id` sent from address `ip`, which nobody has */
	LETTER_CONFLICT, /**< vnic `id` sent from address `ip`, which another one has */
	LETTER_MAC, /**< vnic `id` sent from MAC `mac` (macnat) */
	LETTER_DHCP_ASKED, /**< `m`: vnic `id` asked */
	LETTER_DHCP_ANSWER, /**< `m`: a DHCP reply came to port `id`; main delivers it */
	LETTER_DHCP_NOTED, /**< `m`: the same, and it was delivered */
};

struct letter {
	uint8_t kind; /**< enum letter_kind */
	bool v6; /**< `ip` is an IPv6 address */
	uint16_t id; /**< of a port or vnic */
	struct ip_key ip;
	uint64_t mac;
	struct rte_mbuf *m; /**< the reader's: it frees it */
};

struct parcel {
	uint32_t receiver; /**< TX_VNIC(), TX_WIRE() or TX_HOST() */
	struct rte_mbuf *m;
};

#define MAILBOX_LETTERS 1024
#define MAILBOX_PARCELS 512
/** Letters that only LETTER_WANTED may be: who floods main otherwise stops nobody's next hop. */
#define MAILBOX_RESERVED 128

struct mailbox {
	int fd; /**< eventfd, borrowed: main sleeps on it; -1: main looks by itself */
	/* worker → main */
	uint32_t letters_head __rte_cache_aligned; /**< worker: rw (release), main: ro (acquire) */
	uint32_t rung; /**< main was woken, and has not looked since; both: rw */
	uint64_t lost; /**< letters without room; worker: rw, any: ro (relaxed) */
	uint32_t letters_tail __rte_cache_aligned; /**< main: rw, worker: ro */
	/* main → worker */
	uint32_t parcels_head __rte_cache_aligned; /**< main: rw (release), worker: ro (acquire) */
	uint32_t parcels_tail __rte_cache_aligned; /**< worker: rw, main: ro */
	struct letter letters[MAILBOX_LETTERS] __rte_cache_aligned;
	struct parcel parcels[MAILBOX_PARCELS];
};

/** All empty. Main. */
void mailbox_init(struct mailbox *b, int fd);

/** Frees the frames in it; its worker has ended. Main. */
void mailbox_close(struct mailbox *b);

/* ---- worker ---- */

/** Sends @p l; false: no room, counted, and l->m still is the caller's. */
bool mailbox_write(struct mailbox *b, const struct letter *l);

static inline bool mailbox_has_parcels(const struct mailbox *b)
{
	return __atomic_load_n(&b->parcels_head, __ATOMIC_ACQUIRE) != b->parcels_tail;
}

/** The oldest parcel into @p p; false: there is none. Its frame is the caller's. */
bool mailbox_unpack(struct mailbox *b, struct parcel *p);

/* ---- main ---- */

/** The oldest letter into @p l; false: there is none. Its frame is the caller's. */
bool mailbox_read(struct mailbox *b, struct letter *l);

/** To be called before the letters are read, so that the next one rings again. */
void mailbox_look(struct mailbox *b);

/** Sends a frame; false: no room, and @p m still is the caller's. */
bool mailbox_send(struct mailbox *b, uint32_t receiver, struct rte_mbuf *m);

#endif /* DP_MAILBOX_H */
