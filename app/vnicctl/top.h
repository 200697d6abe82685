/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vnicctl top`: live rates. On a terminal a screen that is drawn anew, with keys;
 * otherwise, or with -j, a table or a JSON line each interval.
 */
#ifndef VNICCTL_TOP_H
#define VNICCTL_TOP_H

#include "show.h"

/** For the usage text. */
#define TOP_ARGS "[interval SECONDS] [count N] [sort name|rx|tx|drops]"
#define TOP_HELP "live rates by vnic; on a terminal a screen with keys"

/** The words behind `top`. @return exit status; what is wrong is said on stderr */
int top_main(const struct options *o, int argc, char **argv);

#endif /* VNICCTL_TOP_H */
