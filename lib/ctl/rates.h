/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of --stats-period: rates by port and vnic since the table before. Main.
 */
#ifndef CTL_RATES_H
#define CTL_RATES_H

#include <stdio.h>

#include "ctl/runtime.h"

struct rates;

struct rates *rates_create(void);
void rates_free(struct rates *r);

/** Prints frames and bits a second since the call before; the first call only begins. */
void rates_print(struct rates *r, const struct runtime *rt, FILE *out);

#endif /* CTL_RATES_H */
