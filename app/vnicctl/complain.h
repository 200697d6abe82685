/* SPDX-License-Identifier: BSD-3-Clause */
/* How vnicctl says that something failed. */
#ifndef VNICCTL_COMPLAIN_H
#define VNICCTL_COMPLAIN_H

/** One line on stderr, "vnicctl: …"; returns @p status, so that a caller can write `return complain(…);`. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* VNICCTL_COMPLAIN_H */
