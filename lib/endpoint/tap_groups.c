/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/tap_groups.h"
#include "net/mac.h"

#define HEX_LEN 12

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The twelve digits at @p s; other lengths are other kinds of netdev. */
static bool read_mac(const char *s, const char *end, uint64_t *mac)
{
	uint8_t b[6];

	if (end - s != HEX_LEN)
		return false;
	for (int i = 0; i < 6; i++) {
		int hi = hex_value(s[2 * i]);
		int lo = hex_value(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	*mac = mac_load(b);
	return true;
}

static bool read_index(const char *s, const char *end, int *ifindex)
{
	long v = 0;

	if (s == end || *s < '0' || *s > '9')
		return false;
	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (*s - '0');
		if (v > INT_MAX)
			return false;
	}
	*ifindex = (int)v;
	return v > 0 && s < end && *s == ' ';
}

static bool read_line(const char *s, const char *end, int *ifindex, uint64_t *group)
{
	const char *word = end;

	while (word > s && word[-1] != ' ')
		word--;
	/* Broadcast belongs to everyone and is nobody's group. */
	return read_index(s, end, ifindex) && read_mac(word, end, group) && mac_is_group(*group) &&
	       *group != MAC_BROADCAST;
}

bool tap_groups_next(const char **text, const char *end, int *ifindex, uint64_t *group)
{
	while (*text < end) {
		const char *line = *text;
		const char *eol = memchr(line, '\n', (size_t)(end - line));

		if (eol == NULL)
			eol = end;
		*text = eol < end ? eol + 1 : end;
		if (read_line(line, eol, ifindex, group))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

size_t tap_groups_sort(uint64_t *groups, size_t n)
{
	size_t out = 0;

	if (n == 0)
		return 0;
	qsort(groups, n, sizeof(*groups), compare);
	for (size_t i = 1; i < n; i++)
		if (groups[i] != groups[out])
			groups[++out] = groups[i];
	return out + 1;
}
