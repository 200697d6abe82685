/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "endpoint/tap_link.h"
#include "net/mac.h"

/* Headers older than Linux 5.19 lack it; the kernel ignores bits it doesn't know. */
#ifndef RTEXT_FILTER_SKIP_STATS
#define RTEXT_FILTER_SKIP_STATS (1 << 3)
#endif
/* An enumerator since Linux 6.0 and no macro, so it can't be asked for; its number is fixed for ever. */
#define ATTR_ALLMULTI 61

bool tap_link_equal(const struct tap_link *a, const struct tap_link *b)
{
	return a->ifindex == b->ifindex && a->mac == b->mac && a->mtu == b->mtu && a->up == b->up &&
	       a->promisc == b->promisc && a->allmulti == b->allmulti && a->noarp == b->noarp &&
	       strcmp(a->name, b->name) == 0;
}

static bool attr_is_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == sizeof(uint32_t);
}

/* Of what IPv6 says of the netdev. */
static bool is_token_set(const struct nlattr *families)
{
	static const uint8_t none[16];
	const struct nlattr *family, *attr;

	mnl_attr_for_each_nested(family, families)
	{
		if (mnl_attr_get_type(family) != AF_INET6)
			continue;
		mnl_attr_for_each_nested(attr, family)
		{
			if (mnl_attr_get_type(attr) == IFLA_INET6_TOKEN &&
			    mnl_attr_get_payload_len(attr) == sizeof(none))
				return memcmp(mnl_attr_get_payload(attr), none, sizeof(none)) != 0;
		}
	}
	return false;
}

static void read_attr(const struct nlattr *attr, struct tap_link *l, bool *has_mac)
{
	const char *name = mnl_attr_get_payload(attr);
	uint16_t len = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (len > 0 && strnlen(name, len) < sizeof(l->name))
			snprintf(l->name, sizeof(l->name), "%.*s", (int)len, name);
		break;
	case IFLA_ADDRESS:
		if (len == 6) {
			l->mac = mac_load(mnl_attr_get_payload(attr));
			*has_mac = true;
		}
		break;
	case IFLA_MTU:
		if (attr_is_u32(attr))
			l->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_PROMISCUITY:
		if (attr_is_u32(attr) && mnl_attr_get_u32(attr) > 0)
			l->promisc = true;
		break;
	case ATTR_ALLMULTI:
		if (attr_is_u32(attr) && mnl_attr_get_u32(attr) > 0)
			l->allmulti = true;
		break;
	case IFLA_AF_SPEC:
		l->has_token = is_token_set(attr);
		break;
	}
}

bool tap_link_parse(const struct nlmsghdr *nlh, struct tap_link *l)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct tap_link got = {0};
	struct nlattr *attr;
	bool has_mac = false;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
	    ifi->ifi_family != AF_UNSPEC)
		return false;
	got.ifindex = ifi->ifi_index;
	got.up = (ifi->ifi_flags & IFF_UP) != 0;
	got.promisc = (ifi->ifi_flags & IFF_PROMISC) != 0;
	got.allmulti = (ifi->ifi_flags & IFF_ALLMULTI) != 0;
	got.noarp = (ifi->ifi_flags & IFF_NOARP) != 0;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) read_attr(attr, &got, &has_mac);
	if (!has_mac || got.mtu == 0 || got.name[0] == '\0')
		return false;
	*l = got;
	return true;
}

struct nlmsghdr *tap_link_put_get(void *buf, int ifindex, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (ifindex == 0 ? NLM_F_DUMP : 0));
	nlh->nlmsg_seq = seq;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nlh;
}

int rtnl_open(struct rtnl *r)
{
	int one = 1;

	r->seq = 0;
	r->s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->s == NULL)
		return -errno;
	/* Since Linux 4.20; without it dumps are longer, and no worse. */
	mnl_socket_setsockopt(r->s, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	if (mnl_socket_bind(r->s, 0, MNL_SOCKET_AUTOPID) != 0) {
		int code = errno;

		rtnl_close(r);
		return -code;
	}
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (r->s != NULL)
		mnl_socket_close(r->s);
	r->s = NULL;
}

/* Sends, and waits for the kernel's verdict; a link that is told goes to @p l. */
static int talk(struct rtnl *r, struct nlmsghdr *nlh, struct tap_link *l)
{
	char buf[16384];
	const struct nlmsghdr *in = (const void *)buf;
	ssize_t got;

	nlh->nlmsg_seq = ++r->seq;
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	if (l == NULL)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(r->s, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		int left;

		got = mnl_socket_recvfrom(r->s, buf, sizeof(buf));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		left = (int)got;
		for (in = (const void *)buf; mnl_nlmsg_ok(in, left);
		     in = mnl_nlmsg_next(in, &left)) {
			if (in->nlmsg_seq != r->seq)
				continue;
			if (in->nlmsg_type == NLMSG_ERROR &&
			    mnl_nlmsg_get_payload_len(in) >= sizeof(struct nlmsgerr))
				return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(in))->error;
			if (l != NULL && in->nlmsg_type == RTM_NEWLINK)
				return tap_link_parse(in, l) ? 0 : -EPROTO;
		}
	}
}

int rtnl_get_link(struct rtnl *r, const char *name, struct tap_link *l)
{
	char buf[1024];
	struct nlmsghdr *nlh = tap_link_put_get(buf, 0, 0);

	nlh->nlmsg_flags = NLM_F_REQUEST;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return talk(r, nlh, l);
}

int rtnl_get_link_at(struct rtnl *r, int ifindex, struct tap_link *l)
{
	char buf[1024];

	return talk(r, tap_link_put_get(buf, ifindex, 0), l);
}

static struct nlmsghdr *put_set(void *buf, int ifindex, struct ifinfomsg **ifi)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_SETLINK;
	*ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(**ifi));
	(*ifi)->ifi_family = AF_UNSPEC;
	(*ifi)->ifi_index = ifindex;
	return nlh;
}

int rtnl_set_mac(struct rtnl *r, int ifindex, uint64_t mac)
{
	char buf[1024];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = put_set(buf, ifindex, &ifi);
	uint8_t b[6];

	mac_store(b, mac);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(b), b);
	return talk(r, nlh, NULL);
}

int rtnl_set_mtu(struct rtnl *r, int ifindex, uint32_t mtu)
{
	char buf[1024];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = put_set(buf, ifindex, &ifi);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return talk(r, nlh, NULL);
}

static int set_flag(struct rtnl *r, int ifindex, unsigned int flag, bool on)
{
	char buf[1024];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = put_set(buf, ifindex, &ifi);

	ifi->ifi_flags = on ? flag : 0;
	ifi->ifi_change = flag;
	return talk(r, nlh, NULL);
}

int rtnl_set_up(struct rtnl *r, int ifindex, bool up)
{
	return set_flag(r, ifindex, IFF_UP, up);
}

int rtnl_set_noarp(struct rtnl *r, int ifindex, bool noarp)
{
	return set_flag(r, ifindex, IFF_NOARP, noarp);
}

static int set_inet6(struct rtnl *r, int ifindex, uint16_t type, const void *value, size_t len)
{
	char buf[1024];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = put_set(buf, ifindex, &ifi);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);

	mnl_attr_put(nlh, type, len, value);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	return talk(r, nlh, NULL);
}

int rtnl_set_addr_gen_none(struct rtnl *r, int ifindex)
{
	const uint8_t mode = IN6_ADDR_GEN_MODE_NONE;

	return set_inet6(r, ifindex, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
}

int rtnl_set_token(struct rtnl *r, int ifindex, const struct ip_addr *token)
{
	uint8_t low[16] = {0};

	memcpy(low + 8, token->b + 8, 8);
	return set_inet6(r, ifindex, IFLA_INET6_TOKEN, low, sizeof(low));
}

int rtnl_set_address(struct rtnl *r, int ifindex, const struct ip_addr *a, uint8_t len, bool add)
{
	char buf[1024];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	size_t size = a->family == 4 ? 4 : 16;
	struct ifaddrmsg *ifa;
	int ret;

	nlh->nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = (uint16_t)(add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = a->family == 4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, size, a->b);
	mnl_attr_put(nlh, IFA_ADDRESS, size, a->b);
	ret = talk(r, nlh, NULL);
	return ret == (add ? -EEXIST : -EADDRNOTAVAIL) ? 0 : ret;
}

/* One datagram of a dump's answer; 1: there is more to come, 0: that was the end, or -errno. */
static int take_dumped(const struct rtnl *r, const char *buf, int left,
		       void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg, bool *is_torn)
{
	const struct nlmsghdr *in;

	for (in = (const void *)buf; mnl_nlmsg_ok(in, left); in = mnl_nlmsg_next(in, &left)) {
		if (in->nlmsg_seq != r->seq)
			continue;
		*is_torn |= (in->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (in->nlmsg_type == NLMSG_DONE)
			return 0;
		if (in->nlmsg_type == NLMSG_ERROR) {
			if (mnl_nlmsg_get_payload_len(in) < sizeof(struct nlmsgerr))
				return -EPROTO;
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(in))->error;
		}
		fn(in, arg);
	}
	return 1;
}

int rtnl_dump(struct rtnl *r, struct nlmsghdr *req,
	      void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	char buf[32768];
	bool is_torn = false;
	int ret = 1;

	req->nlmsg_seq = ++r->seq;
	req->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (mnl_socket_sendto(r->s, req, req->nlmsg_len) < 0)
		return -errno;
	while (ret == 1) {
		ssize_t got = mnl_socket_recvfrom(r->s, buf, sizeof(buf));

		if (got >= 0)
			ret = take_dumped(r, buf, (int)got, fn, arg, &is_torn);
		else if (errno != EINTR)
			return -errno;
	}
	return ret == 0 && is_torn ? -EAGAIN : ret;
}
