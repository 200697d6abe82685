/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink, as far as a tap needs it: what a netdev looks like, and how to change
 * it. Every function that talks to the kernel does so in the namespace of the
 * calling thread (netns_run() gets there) and waits for the answer.
 *
 * Main, or a helper thread on its behalf.
 */
#ifndef ENDPOINT_TAP_LINK_H
#define ENDPOINT_TAP_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "net/ip.h"

/** A netdev as rtnetlink tells it. */
struct tap_link {
	int ifindex;
	char name[IFNAMSIZ];
	uint64_t mac; /**< MAC key */
	uint32_t mtu;
	bool up;
	bool promisc; /**< somebody wants every frame (IFLA_PROMISCUITY, which `ip link` shows only with -d) */
	bool allmulti;
	bool noarp; /**< it does neither ARP nor neighbour discovery */
	bool has_token; /**< what its SLAAC addresses end in was set by somebody (IFLA_INET6_TOKEN) */
};

/** Equal in all that an owner can change? */
bool tap_link_equal(const struct tap_link *a, const struct tap_link *b);

/**
 * Reads an RTM_NEWLINK message.
 * @return false: it is incomplete or not about a link itself (a bridge's port, say); @p l untouched
 */
bool tap_link_parse(const struct nlmsghdr *nlh, struct tap_link *l);

/** Writes into @p buf (MNL_SOCKET_BUFFER_SIZE) a request for link @p ifindex; 0: for all links. */
struct nlmsghdr *tap_link_put_get(void *buf, int ifindex, uint32_t seq);

/** A conversation with the kernel, in the calling thread's namespace at opening. */
struct rtnl {
	struct mnl_socket *s;
	uint32_t seq;
};

int rtnl_open(struct rtnl *r);
void rtnl_close(struct rtnl *r);

/** Each: 0 or the kernel's -errno. */
int rtnl_get_link(struct rtnl *r, const char *name, struct tap_link *l);
int rtnl_get_link_at(struct rtnl *r, int ifindex, struct tap_link *l);
int rtnl_set_mac(struct rtnl *r, int ifindex, uint64_t mac);
int rtnl_set_mtu(struct rtnl *r, int ifindex, uint32_t mtu);
int rtnl_set_up(struct rtnl *r, int ifindex, bool up);
int rtnl_set_noarp(struct rtnl *r, int ifindex, bool noarp);
/** Has the kernel make no link-local address by itself (IN6_ADDR_GEN_MODE_NONE). */
int rtnl_set_addr_gen_none(struct rtnl *r, int ifindex);
/** Whose low half its SLAAC addresses end in, instead of the MAC's digits. -EINVAL where it takes no router advertisements. */
int rtnl_set_token(struct rtnl *r, int ifindex, const struct ip_addr *token);
/** Adding an address that is there, or deleting one that isn't, is no error. */
int rtnl_set_address(struct rtnl *r, int ifindex, const struct ip_addr *a, uint8_t len, bool add);

/**
 * Sends @p req, a dump request, and hands each message of the answer to @p fn.
 * @return 0, the kernel's -errno, or -EAGAIN: what was asked for changed meanwhile, so some may be missing
 */
int rtnl_dump(struct rtnl *r, struct nlmsghdr *req,
	      void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg);

#endif /* ENDPOINT_TAP_LINK_H */
