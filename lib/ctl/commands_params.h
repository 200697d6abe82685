/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a method's parameters to the settings of a vnic's section: names differ where
 * iproute2's and vnic.ini's words do, values are texts, numbers or lists. Main.
 */
#ifndef CTL_COMMANDS_PARAMS_H
#define CTL_COMMANDS_PARAMS_H

#include "conf/settings.h"
#include "ctl/rpc.h"

/** Parameters that are a vnic's settings, for lists of those that a method knows. */
#define PARAMS_OF_A_VNIC                                                                   \
	"address", "mtu", "mode", "flags", "endpoint", "state", "spoofcheck", "multicast", \
		"bcqueuelen", "bclim", "queues", "workers", "sources", "netns", "arp",     \
		"mac-policy", "learn", "dhcp", "announce"

/**
 * Puts each parameter that is given into @p s. `netns` becomes a part of the endpoint.
 * @param name     the vnic's: that of its netdev where netns is all that is said
 * @param present  its endpoint so far; NULL: none
 * @return 0, or -errno or -RPC_EPARAMS with @p err
 */
int params_settings(const json_t *params, const char *name, const struct endpoint_conf *present,
		    struct settings *s, struct err *err);

/** Was the setting @p key asked for? (`s` is from params_settings(), or NULL) */
static inline bool is_asked(const struct settings *s, const char *key)
{
	return settings_get(s, key) != NULL;
}

#endif /* CTL_COMMANDS_PARAMS_H */
