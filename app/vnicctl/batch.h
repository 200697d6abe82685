/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vnicctl -batch FILE: a command a line, as `ip -batch` reads them. Lines behind each other that
 * add, or delete, addresses of one device go to the daemon as one change: each change
 * copies the configuration, and tens of thousands of them take minutes.
 */
#ifndef VNICCTL_BATCH_H
#define VNICCTL_BATCH_H

#include <stdbool.h>

#include "commands.h"

/**
 * Carries out the lines of @p path ("-": standard input) in their order. At the first that
 * fails it ends, unless @p force, and says which line it was.
 * @return exit status: the first one that wasn't 0
 */
int batch_run(const struct options *o, const char *path, bool force);

/** A command's words, options excluded: what main() does with them. @return exit status */
int command_run(const struct options *o, int argc, char **argv);

#endif /* VNICCTL_BATCH_H */
