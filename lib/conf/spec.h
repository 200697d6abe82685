/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `TYPE:TARGET[,key=value…]`: endpoint specs, taken apart and numbered. Pure; what
 * they make lives in the arena.
 */
#ifndef CONF_SPEC_H
#define CONF_SPEC_H

#include "base/err.h"
#include "conf/arena.h"
#include "conf/conf.h"

/**
 * @param bare_dev  a text without a type is one of `dev:` (as in `device =`)
 * @return 0, or -errno with @p e filled and @p out untouched
 */
int spec_parse(struct arena *a, const char *text, bool bare_dev, struct endpoint_conf *out,
	       struct err *e);

/** Has it a %d? spec_parse() lets no other % through. */
bool spec_is_numbered(const struct endpoint_conf *ec);

/** Puts @p n for each %d. 0, or -errno when the result is no endpoint any more. */
int spec_number(struct arena *a, const struct endpoint_conf *ec, uint32_t n,
		struct endpoint_conf *out, struct err *e);

/**
 * What only one endpoint can have: the device's name, the socket's path, the interface
 * in its namespace. NULL: it needs nothing for itself (none).
 */
const char *spec_resource(struct arena *a, const struct endpoint_conf *ec);

#endif /* CONF_SPEC_H */
