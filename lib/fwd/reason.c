/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/reason.h"

static const struct {
	const char *name, *text;
} reasons[DROP_N_REASONS] = {[DROP_NONE] = {"none", "not dropped"},
#define X(constant, name, text) [DROP_##constant] = {#name, text},
			     DROP_REASONS(X)
#undef X
};

const char *drop_reason_name(enum drop_reason r)
{
	return reasons[r].name;
}

const char *drop_reason_text(enum drop_reason r)
{
	return reasons[r].text;
}
