/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

static const char *const names[LOG_N_MODULES] = {
	[LOG_CONF] = "vnic.conf", [LOG_FWD] = "vnic.fwd", [LOG_ENDPOINT] = "vnic.endpoint",
	[LOG_DP] = "vnic.dp",	  [LOG_CTL] = "vnic.ctl",
};

static int types[LOG_N_MODULES] = {
	RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1,
	RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1,
};

void log_open(void)
{
	for (int i = 0; i < LOG_N_MODULES; i++) {
		int type = rte_log_register_type_and_pick_level(names[i], RTE_LOG_INFO);

		if (type >= 0)
			types[i] = type;
	}
}

int log_type(enum log_module module)
{
	return types[module];
}
