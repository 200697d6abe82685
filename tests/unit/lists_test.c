/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lists_build(): who hears which group. The rows of macvlan-cases.tsv test what
 * comes of it; these test its limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fwd/kind.h"
#include "fwd/lists.h"

static struct vnic_in vnic(uint16_t id, enum vnic_mode mode)
{
	return (struct vnic_in){
		.vnic = {.kind = &macvlan_kind,
			 .id = id,
			 .mode = (uint8_t)mode,
			 .mac = 2 + 256ULL * id,
			 .up = true},
		.peer = VNIC_NONE,
		.bcqueuelen = CONF_DEFAULT_BCQUEUELEN,
		.bclim = 1,
	};
}

static uint64_t *many_groups(uint64_t from, size_t n)
{
	uint64_t *list = calloc(n, sizeof(*list));

	assert_non_null(list);
	for (size_t i = 0; i < n; i++)
		list[i] = 0x01 | (from + i) << 16;
	return list;
}

static size_t count_in(const struct flood_list *f, uint16_t id)
{
	size_t n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n += f->ids[i] == id;
	return n;
}

/* A list's members stand by mode, so that each span of modes is one run. */
static void members_stand_by_mode(void **state)
{
	static const enum vnic_mode modes[] = {MODE_PRIVATE, MODE_VEPA, MODE_BRIDGE, MODE_VEPA,
					       MODE_BRIDGE};
	struct vnic_in vnics[5];
	struct port_in port = {0};
	struct port_lists l;
	struct flood_list *f;

	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		vnics[i] = vnic(i, modes[i]);
	assert_int_equal(lists_build(&l, &port, 0, vnics, 5), 0);
	f = &l.floods[FLOOD_EVERYONE];
	assert_int_equal(f->n, 5);
	assert_int_equal(flood_run(f, SPAN_BRIDGE).n, 2);
	assert_int_equal(flood_run(f, SPAN_VEPA).n, 2);
	assert_int_equal(flood_run(f, SPAN_VEPA).ids[0], 1);
	assert_int_equal(flood_run(f, SPAN_BRIDGE_VEPA).n, 4);
	assert_int_equal(flood_run(f, SPAN_ALL).ids[4], 0);
	lists_free(&l);
}

/* One who joins more groups than a filter has room for hears all, like a NIC's; others don't. */
static void too_many_groups_of_one(void **state)
{
	struct vnic_in vnics[2] = {vnic(0, MODE_BRIDGE), vnic(1, MODE_BRIDGE)};
	struct port_in port = {0};
	struct port_lists l;

	(void)state;
	vnics[0].groups = many_groups(1, 4000);
	vnics[0].n_groups = 4000;
	vnics[1].groups = many_groups(5, 3);
	vnics[1].n_groups = 3;
	assert_int_equal(lists_build(&l, &port, 0, vnics, 2), 0);
	assert_int_equal(count_in(&l.floods[FLOOD_OPEN], 0), 1);
	assert_int_equal(count_in(&l.floods[FLOOD_OPEN], 1), 0);
	assert_int_equal(l.group_macs.n, 3);
	lists_free(&l);
	free((void *)(uintptr_t)vnics[0].groups);
	free((void *)(uintptr_t)vnics[1].groups);
}

/* However many owners join however many groups, the port goes on: those with most give way. */
static void too_many_groups_of_all(void **state)
{
	enum { N = 400, EACH = 200 };
	struct vnic_in *vnics = calloc(N + 1, sizeof(*vnics));
	struct port_in port = {0};
	struct port_lists l;

	(void)state;
	assert_non_null(vnics);
	for (uint16_t i = 0; i < N; i++) {
		vnics[i] = vnic(i, MODE_BRIDGE);
		vnics[i].groups = many_groups(1 + (uint64_t)i * EACH, EACH);
		vnics[i].n_groups = EACH;
	}
	vnics[N] = vnic(N, MODE_BRIDGE);
	vnics[N].groups = many_groups(1, 4);
	vnics[N].n_groups = 4;
	assert_int_equal(lists_build(&l, &port, 0, vnics, N + 1), 0);
	assert_int_equal(l.floods[FLOOD_OPEN].n, N);
	assert_int_equal(l.group_macs.n, 4);
	lists_free(&l);
	for (size_t i = 0; i <= N; i++)
		free((void *)(uintptr_t)vnics[i].groups);
	free(vnics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_stand_by_mode),
		cmocka_unit_test(too_many_groups_of_one),
		cmocka_unit_test(too_many_groups_of_all),
	};

	return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
