/* SPDX-License-Identifier: BSD-3-Clause */
/* Netlink messages for tests, from the hex digits of captured ones. Any thread; the caller frees. */
#ifndef TESTS_NETLINK_BYTES_H
#define TESTS_NETLINK_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/netlink.h>

/** The first @p n bytes of @p hex, in a block that ends where the next message would begin, with a header that says so; at least a header. */
static inline struct nlmsghdr *netlink_cut(const char *hex, size_t n)
{
	size_t len = strlen(hex) / 2;
	struct nlmsghdr *nlh;
	uint8_t *b;

	len = n < len ? n : len;
	assert_true(len >= sizeof(*nlh));
	b = calloc(1, NLMSG_ALIGN(len));
	assert_non_null(b);
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		b[i] = (uint8_t)byte;
	}
	nlh = (struct nlmsghdr *)b;
	nlh->nlmsg_len = (uint32_t)len;
	return nlh;
}

#endif /* TESTS_NETLINK_BYTES_H */
