/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A copy of a conf that shares nothing with it, for a change to be made in. Pure; main.
 */
#ifndef CONF_COPY_H
#define CONF_COPY_H

#include "conf/conf.h"

/**
 * @param room       for so many vnics more
 * @param without    names of vnics to leave out, usually one or two
 * @return the copy, to be freed with conf_free()
 */
struct conf *conf_copy(const struct conf *c, size_t room, const char *const *without,
		       size_t n_without);

#endif /* CONF_COPY_H */
