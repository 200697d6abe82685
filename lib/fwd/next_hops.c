/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "fwd/next_hops.h"

static struct ip_table *index_of(const struct next_hop_in *list, uint16_t n, int socket,
				 struct err *err)
{
	struct ip_pair *pairs = calloc(n + 1u, sizeof(*pairs));

	if (pairs == NULL) {
		err_set(err, ENOMEM, "no memory for %u neighbours", n);
		return NULL;
	}
	for (uint16_t i = 0; i < n; i++)
		pairs[i] = (struct ip_pair){
			.key = ip_key_of(&list[i].ip),
			.value = i,
			.v6 = list[i].ip.family == 6,
		};
	qsort(pairs, n, sizeof(*pairs), ip_pair_compare);
	return ip_table_create(pairs, n, socket, err);
}

struct next_hops *next_hops_create(const struct next_hop_in *list, uint16_t n, int socket,
				   struct err *err)
{
	struct next_hops *h = calloc(1, sizeof(*h) + n * sizeof(h->macs[0]));

	if (h == NULL || (h->used = calloc(n + 1u, 1)) == NULL) {
		free(h);
		err_set(err, ENOMEM, "no memory for %u neighbours", n);
		return NULL;
	}
	h->refs = 1;
	h->n = n;
	for (uint16_t i = 0; i < n; i++)
		h->macs[i] = list[i].mac;
	h->by_ip = index_of(list, n, socket, err);
	if (h->by_ip == NULL) {
		next_hops_put(h);
		return NULL;
	}
	return h;
}

struct next_hops *next_hops_get(struct next_hops *h)
{
	if (h != NULL)
		h->refs++;
	return h;
}

void next_hops_put(struct next_hops *h)
{
	if (h == NULL || --h->refs > 0)
		return;
	ip_table_put(h->by_ip);
	free(h->used);
	free(h);
}
