/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdio.h>

#include "net/mac.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(const char *text, uint64_t *mac)
{
	uint8_t b[6];

	for (int i = 0; i < 6; i++) {
		int v = hex(*text);

		if (v < 0)
			return false;
		text++;
		if (hex(*text) >= 0)
			v = v * 16 + hex(*text++);
		b[i] = (uint8_t)v;
		if (i < 5 && *text++ != ':')
			return false;
	}
	if (*text != '\0')
		return false;
	*mac = mac_load(b);
	return true;
}

const char *mac_format(uint64_t mac, char buf[MAC_STR_LEN])
{
	uint8_t b[6];

	mac_store(b, mac);
	snprintf(buf, MAC_STR_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	return buf;
}

uint64_t mac_add(uint64_t mac, uint32_t n)
{
	uint8_t b[6];
	uint32_t low;

	mac_store(b, mac);
	low = ((uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5]) + n;
	b[3] = (uint8_t)(low >> 16);
	b[4] = (uint8_t)(low >> 8);
	b[5] = (uint8_t)low;
	return mac_load(b);
}

uint64_t mac_from_names(const char *port, const char *name)
{
	/* FNV-1a, 64 bit; the separator keeps ("ab", "c") from ("a", "bc"). */
	uint64_t h = 0xcbf29ce484222325ULL;
	uint8_t b[6];

	for (const char *s = port; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ULL;
	h = (h ^ '/') * 0x100000001b3ULL;
	for (const char *s = name; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ULL;
	h ^= h >> 32;
	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)(h >> (8 * i));
	b[0] = (uint8_t)((b[0] & 0xfc) | 0x02);
	return mac_load(b);
}
