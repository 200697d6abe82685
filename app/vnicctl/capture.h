/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vnicctl capture`: a stream of frames instead of one answer, as a file, a pipe or text.
 * A grammar of its own, tcpdump's, so it isn't a row of verbs.
 */
#ifndef VNICCTL_CAPTURE_H
#define VNICCTL_CAPTURE_H

#include "show.h"

/** For the usage text: what stands behind `vnicctl capture`, and what it does. */
#define CAPTURE_ARGS "[NAME [in|out|drops|any] [-w FILE|-] [-c N] [-s BYTES] [FILTER]]"
#define CAPTURE_HELP "frames as they pass; -w: pcapng; no NAME: who captures"

/** The words behind `capture`. @return exit status; what is wrong is said on stderr */
int capture_run(const struct options *o, int argc, char **argv);

#endif /* VNICCTL_CAPTURE_H */
