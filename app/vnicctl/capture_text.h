/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A captured frame as one line of text, for who has no tcpdump at hand. The frame's bytes
 * are anybody's, so nothing is read beyond them.
 */
#ifndef VNICCTL_CAPTURE_TEXT_H
#define VNICCTL_CAPTURE_TEXT_H

#include <stdio.h>

#include "pcapng_read.h"

/** Local time, direction, addresses, protocol, length, and why it was dropped if it was. */
void capture_text_print(const struct frame *f, FILE *out);

#endif /* VNICCTL_CAPTURE_TEXT_H */
