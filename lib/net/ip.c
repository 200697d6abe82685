/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/ip.h"
#include "net/mac.h"

static unsigned int addr_bytes(const struct ip_addr *a)
{
	return a->family == 4 ? 4 : 16;
}

static uint8_t addr_bits(const struct ip_addr *a)
{
	return a->family == 4 ? 32 : 128;
}

/* Reads the @n bytes at @text as an address; they need no NUL behind them. */
static bool parse_addr(const char *text, size_t n, struct ip_addr *a)
{
	struct ip_addr r = {0};
	char buf[INET6_ADDRSTRLEN];

	if (n == 0 || n >= sizeof(buf))
		return false;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (inet_pton(AF_INET, buf, r.b) == 1)
		r.family = 4;
	else if (inet_pton(AF_INET6, buf, r.b) == 1)
		r.family = 6;
	else
		return false;
	*a = r;
	return true;
}

/* One to three digits and no more; a leading zero would leave open which base is meant. */
static bool parse_len(const char *text, size_t n, uint8_t max, uint8_t *len)
{
	unsigned int v = 0;

	if (n == 0 || n > 3 || (text[0] == '0' && n > 1))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (unsigned int)(text[i] - '0');
	}
	if (v > max)
		return false;
	*len = (uint8_t)v;
	return true;
}

static bool parse_prefix(const char *text, size_t n, struct ip_prefix *p)
{
	const char *slash = memchr(text, '/', n);
	struct ip_prefix r = {0};

	if (!parse_addr(text, slash != NULL ? (size_t)(slash - text) : n, &r.addr))
		return false;
	r.len = addr_bits(&r.addr);
	if (slash != NULL && !parse_len(slash + 1, n - (size_t)(slash + 1 - text), r.len, &r.len))
		return false;
	*p = r;
	return true;
}

/* No bit is set behind the prefix length. */
static bool is_network(const struct ip_prefix *p)
{
	for (unsigned int bit = p->len; bit < addr_bits(&p->addr); bit++)
		if ((p->addr.b[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return false;
	return true;
}

bool ip_addr_parse(const char *text, struct ip_addr *a)
{
	return parse_addr(text, strlen(text), a);
}

bool ip_prefix_parse(const char *text, struct ip_prefix *p)
{
	return parse_prefix(text, strlen(text), p);
}

bool ip_range_parse(const char *text, struct ip_range *r)
{
	const char *dash = strchr(text, '-');
	struct ip_prefix p;
	struct ip_addr first, last;

	if (dash == NULL) {
		if (!ip_prefix_parse(text, &p))
			return false;
		*r = (struct ip_range){.first = p.addr, .last = p.addr, .len = p.len};
		return true;
	}
	if (!parse_addr(text, (size_t)(dash - text), &first) || !ip_addr_parse(dash + 1, &last))
		return false;
	if (first.family != last.family || ip_addr_cmp(&first, &last) > 0)
		return false;
	*r = (struct ip_range){.first = first, .last = last, .len = addr_bits(&first)};
	return true;
}

/* The next word of @text, which blanks separate; its length in @n, 0 at the end. */
static const char *next_word(const char *text, size_t *n)
{
	text += strspn(text, " \t");
	*n = strcspn(text, " \t");
	return text;
}

bool ip_route_parse(const char *text, struct ip_route *r)
{
	size_t n_dst, n_via, n_gw, n_rest;
	const char *dst = next_word(text, &n_dst);
	const char *via = next_word(dst + n_dst, &n_via);
	const char *gw = next_word(via + n_via, &n_gw);
	struct ip_route route = {0};

	next_word(gw + n_gw, &n_rest);
	if (n_rest != 0)
		return false;
	if (n_via != 0 &&
	    (n_via != 3 || memcmp(via, "via", 3) != 0 || !parse_addr(gw, n_gw, &route.via)))
		return false;
	if (n_dst == 7 && memcmp(dst, "default", 7) == 0)
		route.dst.addr.family = n_via != 0 ? route.via.family : 4;
	else if (!parse_prefix(dst, n_dst, &route.dst) || !is_network(&route.dst) ||
		 (n_via != 0 && route.dst.addr.family != route.via.family))
		return false;
	*r = route;
	return true;
}

const char *ip_addr_format(const struct ip_addr *a, char buf[IP_STR_LEN])
{
	if ((a->family != 4 && a->family != 6) ||
	    inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, buf, IP_STR_LEN) == NULL)
		snprintf(buf, IP_STR_LEN, "none");
	return buf;
}

const char *ip_prefix_format(const struct ip_prefix *p, char buf[IP_STR_LEN])
{
	size_t n = strlen(ip_addr_format(&p->addr, buf));

	snprintf(buf + n, IP_STR_LEN - n, "/%u", p->len);
	return buf;
}

uint32_t ip_range_count(const struct ip_range *r)
{
	uint64_t diff = 0;

	/* Most significant byte first; once well over 32 bits, no later byte can bring it back. */
	for (unsigned int i = 0; i < addr_bytes(&r->first); i++) {
		diff = diff * 256 + r->last.b[i] - r->first.b[i];
		if (diff > UINT32_MAX + 256ULL)
			return UINT32_MAX;
	}
	return diff >= UINT32_MAX ? UINT32_MAX : (uint32_t)diff + 1;
}

struct ip_addr ip_addr_add(struct ip_addr a, uint32_t n)
{
	uint64_t carry = n;

	for (unsigned int i = addr_bytes(&a); i-- > 0 && carry != 0;) {
		carry += a.b[i];
		a.b[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return a;
}

int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, addr_bytes(a));
}

bool ip_addr_is_unicast(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	if (memcmp(a->b, zero, addr_bytes(a)) == 0)
		return false;
	if (a->family == 4)
		return a->b[0] != 0 && a->b[0] < 224;
	return a->family == 6 && a->b[0] != 0xff;
}

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_addr_cmp(&a->addr, &b->addr) == 0;
}

bool ip_addr_is_link_local(const struct ip_addr *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

struct ip_addr ip_link_local(uint64_t mac)
{
	struct ip_addr a = {.family = 6, .b = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe}};
	uint8_t m[6];

	mac_store(m, mac);
	memcpy(a.b + 8, m, 3);
	memcpy(a.b + 13, m + 3, 3);
	a.b[8] ^= 2;
	return a;
}
