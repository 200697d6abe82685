/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "dp/attention.h"

void attention_reset(struct attention *a, uint64_t generation, uint32_t n)
{
	a->generation = generation;
	a->n = n;
	a->n_warm = n;
	a->next = 0;
	a->all = false;
	for (uint32_t i = 0; i < n; i++)
		a->warm[i] = (uint16_t)i;
	memset(a->silent, 0, n);
}
