/* SPDX-License-Identifier: BSD-3-Clause */
/* Many vhost endpoints in one process, up to what librte_vhost can watch, and beyond. */
#include "vhost_fixture.h"

#define MANY 500

static const struct endpoint_conf plain;
static struct front fronts[MANY];
static struct endpoint *eps[VHOST_ROOM];

static const char *name_of(unsigned int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "m%u", i);
	return path_of(name);
}

static void open_some(unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		eps[i] = open_vhost(name_of(i), plain, 1);
}

static void close_all(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close_vhost(eps[i]);
}

/* ---- new sockets ------------------------------------------------------------------------- */

/*
 * librte_vhost's thread isn't asked to look at a new socket; it would each time be when its second
 * is over. All together take less than a few of those seconds here.
 */
static void test_heard_at_once(void **state)
{
	double start = now_ms();

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct front f;

		open_some(i, i + 1);
		start_front(&f, eps[i], name_of(i), 1, 2048, 0);
		assert_works(eps[i], &f);
		front_destroy(&f);
	}
	assert_true(now_ms() - start < 6000);
}

/* ---- many -------------------------------------------------------------------------------- */

/* Connects again and again until it is let in: it may have to wait for who left to be forgotten. */
static void insist(struct front *f, unsigned int i)
{
	double end = now_ms() + 10000;

	front_init(f, 1, 2048);
	for (;;) {
		assert_int_equal(front_connect(f, name_of(i)), 0);
		if (front_start(f, 0))
			break;
		front_disconnect(f);
		if (now_ms() > end)
			fail_msg("front end %u isn't let in", i);
		usleep(10000);
	}
}

/* As after a crash of who manages them: all go at one moment, and all come back. */
static void come_back(void)
{
	for (unsigned int i = 0; i < MANY; i++)
		front_disconnect(&fronts[i]);
	for (unsigned int i = 0; i < MANY; i++) {
		front_destroy(&fronts[i]);
		insist(&fronts[i], i);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		wait_present(eps[i], true);
		assert_works(eps[i], &fronts[i]);
	}
}

static void test_many(void **state)
{
	uint64_t start, idle, unconnected;
	struct rte_mbuf *m[32];
	double t = now_ms();

	(void)state;
	open_some(0, MANY);
	start = rte_rdtsc();
	for (unsigned int i = 0; i < 100 * MANY; i++)
		assert_int_equal(endpoint_rx(eps[i % MANY], 0, m, 32), 0);
	unconnected = (rte_rdtsc() - start) / (100 * MANY);
	for (unsigned int i = 0; i < MANY; i++)
		start_front(&fronts[i], eps[i], name_of(i), 1, 2048, 0);
	print_message("# %d vhost vnics opened and connected in %.0f ms\n", MANY, now_ms() - t);
	for (unsigned int i = 0; i < MANY; i++)
		endpoint_rx(eps[i], 0, m, 32);
	start = rte_rdtsc();
	for (unsigned int i = 0; i < 100 * MANY; i++)
		assert_int_equal(endpoint_rx(eps[i % MANY], 0, m, 32), 0);
	idle = (rte_rdtsc() - start) / (100 * MANY);
	print_message("# cycles a poll: %lu not connected, %lu connected and idle\n", unconnected,
		      idle);
	for (unsigned int i = 0; i < MANY; i++)
		assert_works(eps[i], &fronts[i]);
	come_back();
	for (unsigned int i = 0; i < MANY; i++)
		front_destroy(&fronts[i]);
	t = now_ms();
	close_all(MANY);
	print_message("# %d closed in %.0f ms\n", MANY, now_ms() - t);
}

/* ---- too many ------------------------------------------------------------------------------ */

#define LISTENING 600
#define FITTING	  (VHOST_ROOM - LISTENING)

static struct endpoint_state wait_reason(struct endpoint *ep, const char *text)
{
	double end = now_ms() + FOLLOW_MS;
	struct endpoint_state s;
	unsigned int told = 0;

	do {
		endpoint_watch_run(count_told, &told);
		endpoint_get_state(ep, &s);
		if (strstr(s.reason, text) != NULL)
			return s;
		usleep(1000);
	} while (now_ms() < end);
	fail_msg("'%s' isn't '%s'", s.reason, text);
	return s;
}

/* Who finds no room is told, in the configuration or at the vnic; nobody else notices. */
static void test_no_room(void **state)
{
	struct err err = {0};
	struct endpoint *ep;
	struct front late;

	(void)state;
	open_some(0, LISTENING);
	for (unsigned int i = 0; i < FITTING; i++)
		start_front(&fronts[i], eps[i], name_of(i), 1, 2048, 0);
	assert_int_equal(try_open(path_of("more"), plain, 1, &ep, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "librte_vhost has room for 1016 sockets and connections"));
	assert_int_equal(access(path_of("more"), F_OK), -1);
	front_init(&late, 1, 2048);
	assert_int_equal(front_connect(&late, name_of(FITTING)), 0);
	assert_false(front_start(&late, 0));
	wait_reason(eps[FITTING], "a client was sent away: librte_vhost has no room for more");
	front_destroy(&late);
	for (unsigned int i = 0; i < FITTING; i++)
		assert_works(eps[i], &fronts[i]);
	front_destroy(&fronts[0]);
	insist(&late, FITTING);
	wait_present(eps[FITTING], true);
	assert_works(eps[FITTING], &late);
	front_destroy(&late);
	for (unsigned int i = 1; i < FITTING; i++)
		front_destroy(&fronts[i]);
	close_all(LISTENING);
	/* All room is there again, at once: for sockets alone, too. */
	open_some(0, VHOST_ROOM);
	assert_int_equal(try_open(path_of("more"), plain, 1, &ep, &err), -ENOSPC);
	close_all(VHOST_ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_heard_at_once),
		TEST(test_many),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests_name("vhost_many", tests, group_setup, group_teardown);
}
