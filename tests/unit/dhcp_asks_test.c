/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is answered: transactions, clients, ports; and that the list of them is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/dhcp_asks.h"

#define MAC_M  0x010000004d02ULL
#define NOBODY 0xffff
#define PORT   3
#define ID(s)  (const uint8_t *)(s), sizeof(s) - 1
#define NO_ID  NULL, 0

static struct dhcp message(uint32_t xid, uint64_t chaddr, const uint8_t *id, uint8_t len)
{
	return (struct dhcp){.op = DHCP_REQUEST,
			     .xid = xid,
			     .chaddr = chaddr,
			     .client_id = id,
			     .client_id_len = len};
}

static uint16_t who(const struct dhcp_asks *t, uint16_t port, struct dhcp d, uint64_t now)
{
	const struct dhcp_ask *a = dhcp_asks_find(t, port, &d, now);

	return a != NULL ? a->vnic : NOBODY;
}

static bool asks(struct dhcp_asks *t, uint16_t vnic, struct dhcp d, uint64_t now)
{
	return dhcp_asks_add(t, PORT, vnic, &d, now);
}

static void test_found_by_all_three(void **state)
{
	struct dhcp_asks *t = dhcp_asks_create();

	(void)state;
	assert_true(asks(t, 7, message(1, MAC_M, ID("seven")), 0));
	assert_int_equal(who(t, PORT, message(1, MAC_M, ID("seven")), 1), 7);
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 1), 7);
	assert_int_equal(who(t, PORT, message(1, MAC_M, ID("eight")), 1), NOBODY);
	assert_int_equal(who(t, PORT, message(2, MAC_M, ID("seven")), 1), NOBODY);
	assert_int_equal(who(t, PORT, message(1, MAC_M + 1, ID("seven")), 1), NOBODY);
	assert_int_equal(who(t, PORT + 1, message(1, MAC_M, ID("seven")), 1), NOBODY);
	dhcp_asks_free(t);
}

static void test_first_asker_keeps_it(void **state)
{
	struct dhcp_asks *t = dhcp_asks_create();

	(void)state;
	assert_true(asks(t, 7, message(1, MAC_M, NO_ID), 0));
	assert_false(asks(t, 8, message(1, MAC_M, NO_ID), 1));
	assert_true(asks(t, 8, message(1, MAC_M, ID("other")), 2));
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 3), 7);
	assert_int_equal(who(t, PORT, message(1, MAC_M, ID("other")), 3), 8);
	dhcp_asks_free(t);
}

static void test_forgotten_after_a_minute(void **state)
{
	struct dhcp_asks *t = dhcp_asks_create();

	(void)state;
	assert_true(asks(t, 7, message(1, MAC_M, NO_ID), 1000));
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 999 + DHCP_ASKS_MS), 7);
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 1000 + DHCP_ASKS_MS), NOBODY);
	assert_true(asks(t, 8, message(1, MAC_M, NO_ID), 1000 + DHCP_ASKS_MS));
	assert_true(asks(t, 8, message(1, MAC_M, NO_ID), 50000 + DHCP_ASKS_MS)); /* and again */
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 50000 + 2 * DHCP_ASKS_MS - 1), 8);
	dhcp_asks_forget(t, 8);
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 50001 + DHCP_ASKS_MS), NOBODY);
	dhcp_asks_free(t);
}

/* Who asks without end replaces what it asked itself. */
static void test_bounded(void **state)
{
	struct dhcp_asks *t = dhcp_asks_create();
	const uint32_t n = 10 * DHCP_ASKS_MAX;

	(void)state;
	assert_true(asks(t, 7, message(1, MAC_M, NO_ID), 0));
	for (uint32_t i = 0; i < n; i++)
		assert_true(asks(t, 8, message(100 + i, MAC_M, NO_ID), 1 + i / 1000));
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 100), 7);
	assert_int_equal(who(t, PORT, message(100 + n - 1, MAC_M, NO_ID), 100), 8);
	assert_int_equal(who(t, PORT, message(100, MAC_M, NO_ID), 100), NOBODY);
	for (uint32_t i = 0; i < n; i++) /* and many, the oldest of all */
		assert_true(asks(t, (uint16_t)(10 + i), message(5, MAC_M + i, NO_ID), 1000));
	assert_int_equal(who(t, PORT, message(1, MAC_M, NO_ID), 1000), NOBODY);
	assert_int_equal(who(t, PORT, message(5, MAC_M + n - 1, NO_ID), 1000), 10 + n - 1);
	dhcp_asks_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_by_all_three),
		cmocka_unit_test(test_first_asker_keeps_it),
		cmocka_unit_test(test_forgotten_after_a_minute),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
