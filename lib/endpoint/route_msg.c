/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "endpoint/route_msg.h"
#include "net/mac.h"

/** With a usable MAC, and not made by the kernel for a group. */
#define NUD_USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* ---- routes ---------------------------------------------------------------------- */

/* A next hop, from a route's attributes or from one of several. */
struct hop {
	uint32_t ifindex;
	struct ip_addr via;
	bool has_encap;
};

static size_t ip_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static bool read_ip(uint8_t family, const void *data, size_t len, struct ip_addr *a)
{
	if ((family != AF_INET && family != AF_INET6) || len != ip_size(family))
		return false;
	*a = (struct ip_addr){.family = family == AF_INET ? 4 : 6};
	memcpy(a->b, data, len);
	return true;
}

static void read_hop_attr(const struct nlattr *attr, uint8_t family, struct hop *h)
{
	const uint8_t *data = mnl_attr_get_payload(attr);
	uint16_t len = mnl_attr_get_payload_len(attr);
	uint16_t via_family;

	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		if (len == sizeof(h->ifindex))
			h->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		read_ip(family, data, len, &h->via);
		break;
	case RTA_VIA: /* struct rtvia: the gateway is of another family */
		if (len <= sizeof(via_family))
			break;
		memcpy(&via_family, data, sizeof(via_family));
		read_ip((uint8_t)via_family, data + sizeof(via_family), len - sizeof(via_family),
			&h->via);
		break;
	case RTA_ENCAP_TYPE:
		h->has_encap = true;
		break;
	}
}

/* The first of several next hops that goes through @p ifindex. */
static bool find_hop(const struct nlattr *multi, uint8_t family, int ifindex, struct hop *found)
{
	const uint8_t *at = mnl_attr_get_payload(multi);
	size_t left = mnl_attr_get_payload_len(multi), size;

	while (left >= sizeof(struct rtnexthop)) {
		struct rtnexthop nh;
		const struct nlattr *attr;

		memcpy(&nh, at, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return false;
		if (nh.rtnh_ifindex == ifindex && !(nh.rtnh_flags & RTNH_F_DEAD)) {
			struct hop h = {.ifindex = (uint32_t)ifindex};

			mnl_attr_for_each_payload((const void *)(at + sizeof(nh)),
						  nh.rtnh_len - sizeof(nh))
				read_hop_attr(attr, family, &h);
			h.ifindex = (uint32_t)ifindex;
			*found = h;
			return true;
		}
		size = ((size_t)nh.rtnh_len + RTNH_ALIGNTO - 1) & ~(size_t)(RTNH_ALIGNTO - 1);
		if (size >= left)
			return false;
		at += size;
		left -= size;
	}
	return false;
}

struct route_attrs {
	uint32_t table;
	struct hop hop;
	const struct nlattr *multi;
};

static bool read_attrs(const struct nlmsghdr *nlh, const struct rtmsg *rtm, struct route_attrs *a,
		       struct route_told *r)
{
	struct nlattr *attr;

	a->table = rtm->rtm_table;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		const void *data = mnl_attr_get_payload(attr);
		uint16_t len = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			if (!read_ip(rtm->rtm_family, data, len, &r->route.dst.addr))
				return false;
			break;
		case RTA_PRIORITY:
			if (len == sizeof(uint32_t))
				r->metric = mnl_attr_get_u32(attr);
			break;
		case RTA_TABLE:
			if (len == sizeof(uint32_t))
				a->table = mnl_attr_get_u32(attr);
			break;
		case RTA_MULTIPATH:
			a->multi = attr;
			break;
		default:
			read_hop_attr(attr, rtm->rtm_family, &a->hop);
		}
	}
	return true;
}

enum route_sense route_parse(const struct nlmsghdr *nlh, int ifindex, struct route_told *r)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route_told got = {0};
	struct route_attrs a = {0};
	enum route_sense other = ROUTE_OTHER;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    rtm->rtm_flags & RTM_F_CLONED || rtm->rtm_src_len != 0 || rtm->rtm_tos != 0 ||
	    rtm->rtm_dst_len > 8 * ip_size(rtm->rtm_family))
		return ROUTE_OTHER;
	/* Without RTA_DST it is the default route. */
	got.route.dst = (struct ip_prefix){.addr.family = rtm->rtm_family == AF_INET ? 4 : 6,
					   .len = rtm->rtm_dst_len};
	if (!read_attrs(nlh, rtm, &a, &got) || a.table != RT_TABLE_MAIN)
		return ROUTE_OTHER;
	if (nlh->nlmsg_type == RTM_NEWROUTE && nlh->nlmsg_flags & NLM_F_REPLACE) {
		other = ROUTE_REPLACES;
		*r = got;
	}
	if (a.multi != NULL && !find_hop(a.multi, rtm->rtm_family, ifindex, &a.hop))
		return other;
	if (rtm->rtm_type != RTN_UNICAST || (a.multi == NULL && rtm->rtm_flags & RTNH_F_DEAD) ||
	    a.hop.has_encap || a.hop.ifindex != (uint32_t)ifindex)
		return other;
	got.route.via = a.hop.via;
	*r = got;
	return ROUTE_OURS;
}

struct nlmsghdr *route_put_get(void *buf, uint8_t family, int ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	/* These narrow the answer where the socket checks strictly, and are ignored where it doesn't. */
	mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	return nlh;
}

static int compare_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int d = ip_addr_cmp(&a->addr, &b->addr);

	return d != 0 ? d : (int)a->len - (int)b->len;
}

/* Lowest metric first; of equals, any order that is always the same. */
static int compare_routes(const void *x, const void *y)
{
	const struct route_told *a = x, *b = y;
	int d = compare_prefix(&a->route.dst, &b->route.dst);

	if (d != 0)
		return d;
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	return memcmp(&a->route.via, &b->route.via, sizeof(a->route.via));
}

size_t routes_sort(struct route_told *list, size_t n)
{
	size_t out = 0;

	if (n == 0)
		return 0;
	qsort(list, n, sizeof(*list), compare_routes);
	for (size_t i = 1; i < n; i++)
		if (compare_prefix(&list[i].route.dst, &list[out].route.dst) != 0)
			list[++out] = list[i];
	return out + 1;
}

bool routes_have(const struct ip_route *list, size_t n, const struct ip_prefix *dst)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = compare_prefix(&list[mid].dst, dst);

		if (d == 0)
			return true;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* ---- neighbours -------------------------------------------------------------------- */

bool neigh_parse(const struct nlmsghdr *nlh, int ifindex, struct host_neigh *n)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct host_neigh got = {0};
	struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm) || ndm->ndm_ifindex != ifindex ||
	    ndm->ndm_flags & NTF_PROXY)
		return false;
	mnl_attr_for_each(attr, nlh, sizeof(*ndm))
	{
		const void *data = mnl_attr_get_payload(attr);
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == NDA_DST)
			read_ip(ndm->ndm_family, data, len, &got.ip);
		else if (mnl_attr_get_type(attr) == NDA_LLADDR && len == 6)
			got.mac = mac_load(data);
	}
	if (got.ip.family == 0 || !ip_addr_is_unicast(&got.ip))
		return false;
	if (nlh->nlmsg_type != RTM_NEWNEIGH || !(ndm->ndm_state & NUD_USABLE) ||
	    !mac_is_valid(got.mac))
		got.mac = 0;
	*n = got;
	return true;
}

struct nlmsghdr *neigh_put_get(void *buf, uint8_t family, int ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = family;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)ifindex);
	return nlh;
}

static int compare_neighs(const void *x, const void *y)
{
	const struct host_neigh *a = x, *b = y;

	return ip_addr_cmp(&a->ip, &b->ip);
}

size_t neighs_sort(struct host_neigh *list, size_t n)
{
	size_t out = 0;

	if (n == 0)
		return 0;
	qsort(list, n, sizeof(*list), compare_neighs);
	for (size_t i = 1; i < n; i++)
		if (compare_neighs(&list[i], &list[out]) != 0)
			list[++out] = list[i];
	return out + 1;
}
