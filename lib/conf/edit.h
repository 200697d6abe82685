/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of a conf: what vnicctl asks for, made in a copy of the running conf
 * (copy.h). A port or vnic is taken back to the settings that its section would have,
 * what changes is exchanged there, and the grammar of vnic.ini reads the whole section
 * again. So a value means, and is refused, what it would in the file. Pure; main.
 */
#ifndef CONF_EDIT_H
#define CONF_EDIT_H

#include "conf/settings.h"

enum edit_kind { EDIT_PORT, EDIT_ADD_VNIC, EDIT_VNIC };

/** One section and what changes in it. */
struct edit {
	enum edit_kind kind;
	const char *name;
	const struct setting *list; /**< value NULL: back to the default */
	size_t n;
	/**
	 * EDIT_VNIC: its addresses so far are these, in the place of all that it has, and the setting
	 * "address" goes on behind them. To write 65,536 down and read them again takes 50 ms. The
	 * caller's until edit_apply() returns; NULL: "address" is the whole list.
	 */
	const struct ip_range *kept;
	size_t n_kept;
};

/**
 * Makes all of @p edits in @p c, which has room for the vnics that are added. Checked is
 * all that conf_load() checks, as far as these sections are concerned: of ports, only what
 * vnics don't depend on may change (addresses, routes). kinds_check() is the caller's.
 * @return 0, or -errno with @p err; @p c is then good for nothing but conf_free()
 */
int edit_apply(struct conf *c, const struct edit *edits, size_t n, struct err *err);

#endif /* CONF_EDIT_H */
