/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taps for tests: EAL, namespaces, sockets in them, and the watch as the runtime
 * uses it. Names carry our PID. Whatever a test opened is closed after it, failed or
 * not, and the mempools' count is then where it was; namespaces go even when the
 * test program dies, because another process waits for it.
 */
#ifndef TESTS_TAP_FIXTURE_H
#define TESTS_TAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "endpoint/csum_field.h"
#include "endpoint/endpoint.h"
#include "endpoint/netns.h"
#include "net/mac.h"

/** An EtherType of nobody: the kernel sends none of its own. */
#define TEST_TYPE 0x88b5
/** A change that isn't known by then never is: the machine may be slow, and others may use it, too. */
#define FOLLOW_MS 5000

/** Runs @p tests in a child process and cleans up behind it; main()'s return value. */
int tap_main(const char *name, int (*run)(void));

/** cmocka's group setup and teardown. */
int tap_group_setup(void **state);
int tap_group_teardown(void **state);
/** And each test's. */
int tap_setup(void **state);
int tap_teardown(void **state);

#define TAP_TEST(f) cmocka_unit_test_setup_teardown(f, tap_setup, tap_teardown)

/** A name of a namespace that isn't there yet; valid until the test ends. */
const char *ns_name(void);
/** A new namespace; without IPv6 unless @p ipv6, so that nothing talks by itself. */
const char *ns_add(bool ipv6);
void ns_make(const char *name, bool ipv6);
void ns_del(const char *name);
/** Runs a shell command; fails the test unless it succeeds. */
void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** The output of a shell command; static. */
const char *sh_output(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Runs @p fn inside namespace @p name. */
int ns_run(const char *name, int (*fn)(void *), void *arg);

/** What a tap is opened with; change what the test is about. */
struct endpoint_args tap_args(const char *ifname, const char *netns);
/** Opens, or fails the test; closed after it. */
struct endpoint *tap_open_args(const struct endpoint_args *args);
struct endpoint *tap_open_up(const char *ifname, const char *netns);
void tap_close_now(struct endpoint *ep);
/** Closes the @p n opened last, all at once; the time it took in ms. */
double tap_close_last(size_t n);

/** A packet socket on a netdev in a namespace, hearing @p type; with vnet headers if @p vnet. */
int packet_socket(const char *netns, const char *ifname, uint16_t type, bool vnet);

/** One frame of @p len bytes from @p src to @p dst. */
struct rte_mbuf *make_frame(struct rte_mempool *pool, uint64_t dst, uint64_t src, uint32_t len);
void fill_frame(uint8_t *b, uint64_t dst, uint64_t src, uint32_t len);
/** The bytes are what fill_frame() makes. */
void assert_filled(const uint8_t *b, uint32_t len);

/** Waits for one TEST_TYPE frame; NULL after @p ms. */
struct rte_mbuf *rx_one(struct endpoint *ep, uint16_t queue, int ms);

/** What endpoint_watch_run() told. */
struct told {
	struct endpoint *ep;
	unsigned int n;
};
/** Runs the watch as main would until @p is_so or @p ms are over; the time it took in ms, or -1. */
int watch_until(struct endpoint *ep, bool (*is_so)(const struct endpoint_state *s, uint64_t arg),
		uint64_t arg, int ms);
/** Runs it for @p ms; how often @p ep (NULL: any) was told of. */
unsigned int watch_for(struct endpoint *ep, int ms);

struct endpoint_state state_of(struct endpoint *ep);
double now_ms(void);

bool is_present(const struct endpoint_state *s, uint64_t arg);
bool is_absent(const struct endpoint_state *s, uint64_t arg);
bool has_mac(const struct endpoint_state *s, uint64_t arg);
bool has_mtu(const struct endpoint_state *s, uint64_t arg);
bool has_up(const struct endpoint_state *s, uint64_t arg);
bool has_promisc(const struct endpoint_state *s, uint64_t arg);
bool has_allmulti(const struct endpoint_state *s, uint64_t arg);
bool has_group(const struct endpoint_state *s, uint64_t arg);
bool lacks_group(const struct endpoint_state *s, uint64_t arg);

#endif /* TESTS_TAP_FIXTURE_H */
