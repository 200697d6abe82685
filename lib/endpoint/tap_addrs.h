/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IP addresses of a netdev, from rtnetlink's messages. Pure: it is told what the
 * kernel said, keeps a sorted list, and says whether that changed. Whoever owns the
 * struct serialises calls.
 *
 * A list may be long (65,536) and its owner hostile, so a message is but noted; notes are
 * sorted into the list together, by tap_addrs_settle().
 *
 * What a dump lists and what events tell meanwhile come in any order. For an address that an
 * event spoke of during the dump the last event is the truth, whatever the dump says: any
 * change after it would have made another one.
 */
#ifndef ENDPOINT_TAP_ADDRS_H
#define ENDPOINT_TAP_ADDRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "net/ip.h"

/** More than that on one netdev aren't listed: the lowest are. */
#define TAP_MAX_ADDRESSES 65536
/** Notes that may wait for being settled. */
#define TAP_MAX_NEWS (2 * TAP_MAX_ADDRESSES)

/**
 * An address as the kernel tells it apart: of IPv4 a netdev may have the same one
 * several times, with other lengths or peers (net/ipv4/devinet.c), of IPv6 it may not.
 * Bytes only, so that it is compared as such.
 */
struct tap_addr {
	struct ip_addr ip; /**< the local one */
	uint8_t len; /**< of its prefix */
	uint8_t peer[4]; /**< IPv4; else 0 */
};

struct tap_addr_news {
	struct tap_addr addr;
	bool is_gone;
	uint32_t at; /**< in which order they came */
};

/** All zero: empty. */
struct tap_addrs {
	struct ip_prefix *told; /**< sorted by address, each once; until settled again */
	size_t n_told;
	/* Ours. */
	struct ip_prefix *shown; /**< handed out last; `told` or what it was then */
	struct ip_prefix *spare;
	struct tap_addr *all, *merged, *dumped;
	struct tap_addr_news *news;
	size_t n_all, n_dumped, n_news;
	size_t cap_told, cap_spare, cap_all, cap_merged, cap_dumped, cap_news;
	bool in_dump;
	bool has_dumped; /**< a dump is through and not settled */
	bool is_lost; /**< something could not be noted */
	bool is_over; /**< there are more than are listed */
};

/**
 * Reads an RTM_NEWADDR or RTM_DELADDR message.
 * @return false: it is incomplete, or neither IPv4 nor IPv6; nothing is changed
 */
bool tap_addr_parse(const struct nlmsghdr *nlh, int *ifindex, struct tap_addr *a);

/**
 * Writes into @p buf a request for the addresses of netdev @p ifindex; 0: of all. Where the socket has no
 * NETLINK_GET_STRICT_CHK it is always all.
 */
struct nlmsghdr *tap_addr_put_get(void *buf, int ifindex, uint32_t seq);

/** The link-local address of an ipvlan slave (the kernel's addrconf_ifid_eui48()): @p mac with @p dev_id in its middle. */
struct ip_addr tap_addr_link_local(uint64_t mac, uint16_t dev_id);

/** Notes an event. */
void tap_addrs_note(struct tap_addrs *s, const struct tap_addr *a, bool is_gone);

/**
 * A dump: what it lists replaces the list at the next tap_addrs_settle(); not @p whole: as if it
 * had not been. Notes from before are settled before it begins: they may be older than what was lost.
 */
void tap_addrs_dump_begin(struct tap_addrs *s);
void tap_addrs_dumped(struct tap_addrs *s, const struct tap_addr *a);
void tap_addrs_dump_end(struct tap_addrs *s, bool whole);

/** Takes notes over into the list, but not during a dump. True: s->told differs. */
bool tap_addrs_settle(struct tap_addrs *s);

/** Only a dump can tell what the list should be. False afterwards. */
bool tap_addrs_take_loss(struct tap_addrs *s);

/** As of the last tap_addrs_settle(). */
bool tap_addrs_has(const struct tap_addrs *s, const struct ip_addr *ip);

/**
 * s->told, for who reads it later: whatever becomes of the list, that memory stays as it is until the
 * next tap_addrs_show().
 */
const struct ip_prefix *tap_addrs_show(struct tap_addrs *s);

/** Empties it and gives its memory back, but for what is shown. */
void tap_addrs_clear(struct tap_addrs *s);
/** And that, too. */
void tap_addrs_free(struct tap_addrs *s);

#endif /* ENDPOINT_TAP_ADDRS_H */
