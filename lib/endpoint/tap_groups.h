/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The groups that a namespace's netdevs listen to, read from the text of
 * /proc/net/dev_mcast. Pure; any thread.
 *
 * It is a list that the kernel keeps for people, one line a group:
 * "2    web0            1     0     333300000001". Names of netdevs are their owner's to
 * choose, so nothing but the first and the last word of a line is relied on.
 */
#ifndef ENDPOINT_TAP_GROUPS_H
#define ENDPOINT_TAP_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Reads the next line that names a group.
 * @param text  where to go on; moved behind the line. Lines that make no sense are skipped.
 * @param end   behind the last byte; a last line without newline counts
 * @return false: there is no more
 */
bool tap_groups_next(const char **text, const char *end, int *ifindex, uint64_t *group);

/** Sorts @p groups and drops doubles; the new count. */
size_t tap_groups_sort(uint64_t *groups, size_t n);

#endif /* ENDPOINT_TAP_GROUPS_H */
