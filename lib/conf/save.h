/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a conf back to the text of a vnic.ini, which read again gives an equal conf.
 * Defaults are left out; vnics that came from one `count` line are written one by
 * one. Pure; main.
 */
#ifndef CONF_SAVE_H
#define CONF_SAVE_H

#include "conf/conf.h"

/** The text, to be freed with free(); NULL: no memory. */
char *save_text(const struct conf *c);

#endif /* CONF_SAVE_H */
