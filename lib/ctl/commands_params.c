/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "ctl/commands_params.h"

static const struct {
	const char *param, *key;
} names[] = {
	{"address", "mac"},	    {"mtu", "mtu"},	    {"mode", "mode"},
	{"flags", "flags"},	    {"state", "state"},	    {"spoofcheck", "spoofcheck"},
	{"multicast", "multicast"}, {"queues", "queues"},   {"bcqueuelen", "bcqueuelen"},
	{"bclim", "bclim"},	    {"workers", "workers"}, {"sources", "sources"},
	{"endpoint", "endpoint"},   {"arp", "arp"},	    {"mac-policy", "mac-policy"},
	{"learn", "learn"},	    {"dhcp", "dhcp"},	    {"announce", "announce"},
};

static int no_value(const char *param, struct err *err)
{
	return err_set(err, RPC_EPARAMS,
		       "parameter \"%s\" must be a string, an integer or an array of strings",
		       param);
}

/* "a, b, c"; NULL: some item is no string. */
static const char *list_text(struct arena *a, const json_t *list)
{
	const json_t *item;
	size_t i, n = 0;
	char *text;

	json_array_foreach (list, i, item) {
		if (!json_is_string(item))
			return NULL;
		n += json_string_length(item) + 2;
	}
	text = arena_alloc(a, n + 1);
	n = 0;
	json_array_foreach (list, i, item) {
		if (i > 0) {
			memcpy(text + n, ", ", 2);
			n += 2;
		}
		memcpy(text + n, json_string_value(item), json_string_length(item));
		n += json_string_length(item);
	}
	return text;
}

static const char *value_text(struct arena *a, const json_t *value)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return json_is_array(value) ? list_text(a, value) : NULL;
}

/* A namespace belongs to a tap: to the one that is there or is said, or to one called like the vnic. */
static int put_netns(struct settings *s, const char *netns, const char *name,
		     const struct endpoint_conf *present, struct err *err)
{
	const char *spec = settings_get(s, "endpoint");
	struct arena *a = s->arena;

	if (spec == NULL && present != NULL && present->type == ENDPOINT_TAP)
		spec = present->queues == 0 ? arena_printf(a, "tap:%s", present->target)
					    : arena_printf(a, "tap:%s,queues=%u", present->target,
							   present->queues);
	else if (spec == NULL && (present == NULL || present->type == ENDPOINT_NONE))
		spec = arena_printf(a, "tap:%s", name);
	if (spec == NULL || strncmp(spec, "tap:", 4) != 0)
		return err_set(err, EINVAL,
			       "%s: netns: only a tap endpoint has a namespace (EINVAL)", name);
	settings_put(s, "endpoint", arena_printf(a, "%s,netns=%s", spec, netns));
	return 0;
}

int params_settings(const json_t *params, const char *name, const struct endpoint_conf *present,
		    struct settings *s, struct err *err)
{
	const char *netns = NULL;
	int rc;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *value = json_object_get(params, names[i].param);
		const char *text;

		if (value == NULL || json_is_null(value))
			continue;
		text = value_text(s->arena, value);
		if (text == NULL)
			return no_value(names[i].param, err);
		settings_put(s, names[i].key, text);
	}
	rc = rpc_param_string(params, "netns", &netns, err);
	return rc != 0 || netns == NULL ? rc : put_netns(s, netns, name, present, err);
}
