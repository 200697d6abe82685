/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "endpoint/tap_addrs.h"
#include "net/mac.h"

/** Notes for more than that are given back when they are settled. */
#define KEEP_NEWS 64

/* ---- messages ------------------------------------------------------------------- */

bool tap_addr_parse(const struct nlmsghdr *nlh, int *ifindex, struct tap_addr *a)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const uint8_t *local = NULL, *address = NULL;
	struct nlattr *attr;
	size_t size;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6) ||
	    ifa->ifa_index > INT32_MAX)
		return false;
	size = ifa->ifa_family == AF_INET ? 4 : 16;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
	{
		if (mnl_attr_get_payload_len(attr) != size)
			continue;
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = mnl_attr_get_payload(attr);
		else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = mnl_attr_get_payload(attr);
	}
	if (local == NULL && address == NULL)
		return false;
	*ifindex = (int)ifa->ifa_index;
	*a = (struct tap_addr){.ip.family = size == 4 ? 4 : 6};
	/* With both, IFA_ADDRESS is the peer. IPv6 without a peer has no IFA_LOCAL. */
	memcpy(a->ip.b, local != NULL ? local : address, size);
	a->len = ifa->ifa_prefixlen;
	if (size == 4)
		memcpy(a->peer, address != NULL ? address : local, size);
	return true;
}

struct nlmsghdr *tap_addr_put_get(void *buf, int ifindex, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_UNSPEC;
	ifa->ifa_index = (uint32_t)ifindex;
	return nlh;
}

struct ip_addr tap_addr_link_local(uint64_t mac, uint16_t dev_id)
{
	struct ip_addr a = {.family = 6, .b = {0xfe, 0x80}};
	uint8_t m[6];

	mac_store(m, mac);
	memcpy(a.b + 8, m, 3);
	a.b[11] = (uint8_t)(dev_id >> 8);
	a.b[12] = (uint8_t)dev_id;
	memcpy(a.b + 13, m + 3, 3);
	return a;
}

/* ---- notes ------------------------------------------------------------------------ */

/* Makes room for @p n elements of @p size; false: there is no memory. */
static bool reserve(void *list, size_t *cap, size_t n, size_t size)
{
	void *old, *bigger;
	size_t want = n < 2 * *cap ? 2 * *cap : n;

	if (n <= *cap)
		return true;
	memcpy(&old, list, sizeof(old));
	bigger = realloc(old, want * size);
	if (bigger == NULL)
		return false;
	memcpy(list, &bigger, sizeof(bigger));
	*cap = want;
	return true;
}

void tap_addrs_note(struct tap_addrs *s, const struct tap_addr *a, bool is_gone)
{
	if (s->n_news >= TAP_MAX_NEWS ||
	    !reserve(&s->news, &s->cap_news, s->n_news + 1, sizeof(*s->news))) {
		s->is_lost = true;
		return;
	}
	s->news[s->n_news] =
		(struct tap_addr_news){.addr = *a, .is_gone = is_gone, .at = (uint32_t)s->n_news};
	s->n_news++;
}

void tap_addrs_dump_begin(struct tap_addrs *s)
{
	s->in_dump = true;
	s->has_dumped = false;
	s->n_dumped = 0;
	s->is_lost = false;
}

void tap_addrs_dumped(struct tap_addrs *s, const struct tap_addr *a)
{
	if (!s->in_dump)
		return;
	/* Enough to know that there are too many. */
	if (s->n_dumped > TAP_MAX_ADDRESSES)
		return;
	if (reserve(&s->dumped, &s->cap_dumped, s->n_dumped + 1, sizeof(*s->dumped)))
		s->dumped[s->n_dumped++] = *a;
	else
		s->is_lost = true;
}

void tap_addrs_dump_end(struct tap_addrs *s, bool whole)
{
	s->has_dumped = s->in_dump && whole && !s->is_lost;
	s->in_dump = false;
	if (s->has_dumped)
		s->is_over = false;
	else
		s->n_dumped = 0;
}

/* ---- settling ----------------------------------------------------------------------- */

static int compare_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tap_addr));
}

static int compare_news(const void *a, const void *b)
{
	const struct tap_addr_news *x = a, *y = b;
	int d = compare_addr(&x->addr, &y->addr);

	return d != 0 ? d : (x->at > y->at) - (x->at < y->at);
}

/* Sorts the notes and leaves each address's last. */
static void keep_last_words(struct tap_addrs *s)
{
	size_t out = 0;

	if (s->n_news == 0)
		return;
	qsort(s->news, s->n_news, sizeof(*s->news), compare_news);
	for (size_t i = 1; i < s->n_news; i++) {
		if (compare_addr(&s->news[i].addr, &s->news[out].addr) != 0)
			out++;
		s->news[out] = s->news[i];
	}
	s->n_news = out + 1;
}

static void swap_lists(struct tap_addr **a, size_t *cap_a, struct tap_addr **b, size_t *cap_b)
{
	struct tap_addr *list = *a;
	size_t cap = *cap_a;

	*a = *b;
	*cap_a = *cap_b;
	*b = list;
	*cap_b = cap;
}

/* What a dump listed becomes the list that notes are applied to. */
static void take_dump(struct tap_addrs *s)
{
	size_t out = 0;

	if (!s->has_dumped)
		return;
	s->has_dumped = false;
	if (s->n_dumped > 0)
		qsort(s->dumped, s->n_dumped, sizeof(*s->dumped), compare_addr);
	for (size_t i = 0; i < s->n_dumped; i++)
		if (i == 0 || compare_addr(&s->dumped[i], &s->dumped[out - 1]) != 0)
			s->dumped[out++] = s->dumped[i];
	swap_lists(&s->all, &s->cap_all, &s->dumped, &s->cap_dumped);
	s->n_all = out;
	free(s->dumped);
	s->dumped = NULL;
	s->cap_dumped = s->n_dumped = 0;
}

/* s->all and the notes, both sorted, into s->merged. */
static size_t merge(struct tap_addrs *s)
{
	size_t i = 0, j = 0, out = 0;

	while (i < s->n_all || j < s->n_news) {
		int d = i == s->n_all	 ? 1
			: j == s->n_news ? -1
					 : compare_addr(&s->all[i], &s->news[j].addr);

		if (d < 0)
			s->merged[out++] = s->all[i];
		else if (!s->news[j].is_gone)
			s->merged[out++] = s->news[j].addr;
		i += d <= 0;
		j += d >= 0;
	}
	return out;
}

static bool apply_news(struct tap_addrs *s)
{
	size_t n;

	if (s->n_news > 0) {
		keep_last_words(s);
		if (!reserve(&s->merged, &s->cap_merged, s->n_all + s->n_news, sizeof(*s->merged)))
			return false;
		n = merge(s);
		swap_lists(&s->all, &s->cap_all, &s->merged, &s->cap_merged);
		s->n_all = n;
	}
	if (s->n_all > TAP_MAX_ADDRESSES) {
		s->n_all = TAP_MAX_ADDRESSES;
		s->is_over = true;
	} else if (s->is_over && s->n_all < TAP_MAX_ADDRESSES) {
		/* There is room for those that weren't listed. */
		s->is_over = false;
		s->is_lost = true;
	}
	return true;
}

/* The prefix of one with a peer is the peer's. */
static struct ip_prefix prefix_of(const struct tap_addr *a)
{
	bool has_peer = a->ip.family == 4 && memcmp(a->peer, a->ip.b, sizeof(a->peer)) != 0;

	return (struct ip_prefix){a->ip, has_peer ? 32 : a->len};
}

/* The list as it is told: each address once. */
static bool tell(struct tap_addrs *s)
{
	struct ip_prefix *list;
	size_t n = 0, cap;

	if (!reserve(&s->spare, &s->cap_spare, s->n_all, sizeof(*s->spare))) {
		s->is_lost = true;
		return false;
	}
	for (size_t i = 0; i < s->n_all; i++)
		if (n == 0 || ip_addr_cmp(&s->spare[n - 1].addr, &s->all[i].ip) != 0)
			s->spare[n++] = prefix_of(&s->all[i]);
	if (n == s->n_told && (n == 0 || memcmp(s->told, s->spare, n * sizeof(*s->told)) == 0))
		return false;
	list = s->told;
	cap = s->cap_told;
	s->told = s->spare;
	s->cap_told = s->cap_spare;
	s->n_told = n;
	if (list == s->shown) {
		list = NULL;
		cap = 0;
	}
	s->spare = list;
	s->cap_spare = cap;
	return true;
}

bool tap_addrs_settle(struct tap_addrs *s)
{
	bool is_done;

	if (s->in_dump || (s->n_news == 0 && !s->has_dumped))
		return false;
	take_dump(s);
	is_done = apply_news(s);
	s->n_news = 0;
	if (s->cap_news > KEEP_NEWS) {
		free(s->news);
		s->news = NULL;
		s->cap_news = 0;
	}
	if (!is_done) {
		s->is_lost = true;
		return false;
	}
	return tell(s);
}

bool tap_addrs_take_loss(struct tap_addrs *s)
{
	bool is_lost = s->is_lost;

	s->is_lost = false;
	return is_lost;
}

bool tap_addrs_has(const struct tap_addrs *s, const struct ip_addr *ip)
{
	size_t lo = 0, hi = s->n_told;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = ip_addr_cmp(&s->told[mid].addr, ip);

		if (d == 0)
			return true;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

const struct ip_prefix *tap_addrs_show(struct tap_addrs *s)
{
	if (s->shown != s->told)
		free(s->shown);
	s->shown = s->told;
	return s->told;
}

void tap_addrs_clear(struct tap_addrs *s)
{
	struct ip_prefix *shown = s->shown;

	if (s->told != shown)
		free(s->told);
	free(s->spare);
	free(s->all);
	free(s->merged);
	free(s->dumped);
	free(s->news);
	*s = (struct tap_addrs){.shown = shown};
}

void tap_addrs_free(struct tap_addrs *s)
{
	tap_addrs_clear(s);
	tap_addrs_show(s);
}
