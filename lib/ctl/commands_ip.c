/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of vnics and ports, routes of ports, and the running configuration as text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/copy.h"
#include "conf/save.h"
#include "ctl/commands.h"
#include "ctl/methods.h"

static struct runtime *runtime_of(void *arg)
{
	const struct methods_arg *a = arg;

	return a->rt;
}

/* The edit that gives `dev` another list under @p key; "" is none. */
static int apply_list(struct runtime *rt, const char *dev, const char *key, const char *list,
		      struct err *err)
{
	bool port = conf_port(rt->conf, dev) != NULL;
	const struct setting set = {key, list[0] != '\0' ? list : NULL};
	const struct edit edit = {port ? EDIT_PORT : EDIT_VNIC, dev, &set, 1};
	struct conf *new = conf_copy(rt->conf, 0, NULL, 0);
	int rc = edit_apply(new, &edit, 1, err);

	if (rc == 0)
		return commands_apply(rt, new, err);
	conf_free(new);
	return rc;
}

static int no_such(const char *dev, struct err *err)
{
	return err_set(err, ENODEV, "there is no vnic or port \"%s\" (ENODEV)", dev);
}

/* ---- addresses ---- */

/* A port's addresses as ranges, which vnics' are already. */
static struct ip_range *list_of(struct arena *a, const struct conf *c, const char *dev, size_t *n)
{
	const struct port_conf *p = conf_port(c, dev);
	const struct vnic_conf *v = conf_vnic(c, dev);
	struct ip_range *list;

	*n = p != NULL ? p->n_addresses : v->n_addresses;
	list = arena_alloc(a, (*n + 1) * sizeof(*list));
	for (size_t i = 0; i < *n; i++) {
		if (p != NULL)
			list[i] = (struct ip_range){p->addresses[i].addr, p->addresses[i].addr,
						    p->addresses[i].len};
		else
			list[i] = v->addresses[i];
	}
	return list;
}

/* The place of @p r in the list, or -1; without a length any will do, as `ip` has it. */
static long find_range(const struct ip_range *list, size_t n, const struct ip_range *r,
		       bool any_len)
{
	for (size_t i = 0; i < n; i++)
		if (ip_addr_cmp(&list[i].first, &r->first) == 0 &&
		    ip_addr_cmp(&list[i].last, &r->last) == 0 && (any_len || list[i].len == r->len))
			return (long)i;
	return -1;
}

static int change_address(struct runtime *rt, struct arena *a, const char *dev, const char *text,
			  bool adding, struct err *err)
{
	struct ip_range r, *list;
	size_t n;
	long at;

	if (conf_port(rt->conf, dev) == NULL && conf_vnic(rt->conf, dev) == NULL)
		return no_such(dev, err);
	if (!ip_range_parse(text, &r))
		return err_set(err, EINVAL, "'%.60s' is not an IP address (10.0.0.2/24) (EINVAL)",
			       text);
	list = list_of(a, rt->conf, dev, &n);
	at = find_range(list, n, &r, !adding && strpbrk(text, "/-") == NULL);
	if (adding && at >= 0)
		return err_set(err, EEXIST, "%s has %.60s already (EEXIST)", dev, text);
	if (!adding && at < 0)
		return err_set(err, EADDRNOTAVAIL, "%s hasn't got %.60s (EADDRNOTAVAIL)", dev,
			       text);
	if (adding)
		/* Its text goes to the grammar as it is: ranges are for some types only. */
		return apply_list(
			rt, dev, "address",
			n == 0 ? text
			       : arena_printf(a, "%s, %s", settings_ranges(a, list, n), text),
			err);
	memmove(&list[at], &list[at + 1], (n - (size_t)at - 1) * sizeof(*list));
	return apply_list(rt, dev, "address", settings_ranges(a, list, n - 1), err);
}

static json_t *address_command(const json_t *params, void *arg, bool adding, struct err *err)
{
	static const char *const known[] = {"dev", "address", NULL};
	struct arena *a = arena_create();
	const char *dev = NULL, *text = NULL;
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "dev", &dev, err);
	if (rc == 0)
		rc = rpc_need_string(params, "address", &text, err);
	if (rc == 0)
		rc = change_address(runtime_of(arg), a, dev, text, adding, err);
	arena_destroy(a);
	return rc == 0 ? json_object() : NULL;
}

json_t *command_address_add(const json_t *params, void *arg, struct err *err)
{
	return address_command(params, arg, true, err);
}

json_t *command_address_del(const json_t *params, void *arg, struct err *err)
{
	return address_command(params, arg, false, err);
}

static json_t *range_json(const struct ip_range *r)
{
	char text[IP_STR_LEN];
	json_t *o = json_object();

	json_object_set_new(o, "family", json_string(r->first.family == 6 ? "inet6" : "inet"));
	json_object_set_new(o, "local", json_string(ip_addr_format(&r->first, text)));
	json_object_set_new(o, "prefixlen", json_integer(r->len));
	if (ip_addr_cmp(&r->first, &r->last) != 0)
		json_object_set_new(o, "last", json_string(ip_addr_format(&r->last, text)));
	return o;
}

/* As `ip -j address` has it. Without a name those that have none are left out. */
static void append_addresses(json_t *out, const struct conf *c, const char *dev, bool always)
{
	struct arena *a = arena_create();
	json_t *infos = json_array();
	size_t n;
	struct ip_range *list = list_of(a, c, dev, &n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(infos, range_json(&list[i]));
	arena_destroy(a);
	if (n > 0 || always)
		json_array_append_new(out,
				      json_pack("{s:s,s:o}", "ifname", dev, "addr_info", infos));
	else
		json_decref(infos);
}

/* `dev`, if it was given, and exists. */
static int show_params(const json_t *params, const struct conf *c, bool ports_only,
		       const char **dev, struct err *err)
{
	static const char *const known[] = {"dev", NULL};
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_param_string(params, "dev", dev, err);
	if (rc != 0 || *dev == NULL || conf_port(c, *dev) != NULL)
		return rc;
	if (ports_only)
		return err_set(err, ENODEV, "there is no port \"%s\" (ENODEV)", *dev);
	return conf_vnic(c, *dev) != NULL ? 0 : no_such(*dev, err);
}

json_t *command_address_show(const json_t *params, void *arg, struct err *err)
{
	const struct conf *c = runtime_of(arg)->conf;
	const char *dev = NULL;
	json_t *out;

	if (show_params(params, c, false, &dev, err) != 0)
		return NULL;
	out = json_array();
	if (dev != NULL)
		append_addresses(out, c, dev, true);
	for (size_t i = 0; dev == NULL && i < c->n_ports; i++)
		if (c->ports[i].n_addresses > 0)
			append_addresses(out, c, c->ports[i].name, false);
	for (size_t i = 0; dev == NULL && i < c->n_vnics; i++)
		if (c->vnics[i].n_addresses > 0)
			append_addresses(out, c, c->vnics[i].name, false);
	return out;
}

/* ---- routes ---- */

json_t *command_route_show(const json_t *params, void *arg, struct err *err)
{
	const struct conf *c = runtime_of(arg)->conf;
	const char *dev = NULL;
	json_t *out;

	if (show_params(params, c, true, &dev, err) != 0)
		return NULL;
	out = json_array();
	for (size_t i = 0; i < c->n_ports; i++) {
		const struct port_conf *p = &c->ports[i];

		for (size_t k = 0; k < p->n_routes; k++) {
			char dst[IP_STR_LEN], via[IP_STR_LEN];

			if (dev != NULL && strcmp(dev, p->name) != 0)
				continue;
			ip_prefix_format(&p->routes[k].dst, dst);
			json_array_append_new(
				out,
				json_pack("{s:s,s:s,s:s}", "dst",
					  p->routes[k].dst.len == 0 ? "default" : dst, "gateway",
					  ip_addr_format(&p->routes[k].via, via), "dev", p->name));
		}
	}
	return out;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_addr_cmp(&a->addr, &b->addr) == 0;
}

/* What is asked for: `dst` and `via` on the port `dev`. */
struct route_params {
	const struct port_conf *port;
	const char *dst, *via;
	struct ip_route route;
};

static int read_route(const json_t *params, const struct conf *c, struct arena *a,
		      struct route_params *r, struct err *err)
{
	static const char *const known[] = {"dev", "dst", "via", NULL};
	const char *dev = NULL;
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "dev", &dev, err);
	if (rc == 0)
		rc = rpc_need_string(params, "dst", &r->dst, err);
	if (rc == 0)
		rc = rpc_need_string(params, "via", &r->via, err);
	if (rc != 0)
		return rc;
	r->port = conf_port(c, dev);
	if (r->port == NULL)
		return err_set(err, ENODEV, "there is no port \"%s\" (ENODEV)", dev);
	if (strpbrk(r->dst, " \t,") != NULL || strpbrk(r->via, " \t,") != NULL ||
	    !ip_route_parse(arena_printf(a, "%s via %s", r->dst, r->via), &r->route))
		return err_set(err, EINVAL,
			       "'%.60s via %.60s' is not a route (default via 192.0.2.1, or a "
			       "network as 10.0.0.0/8 via 192.0.2.1) (EINVAL)",
			       r->dst, r->via);
	return 0;
}

static int change_route(struct runtime *rt, const struct route_params *r, struct arena *a,
			bool adding, struct err *err)
{
	const struct port_conf *p = r->port;
	struct ip_route *list = arena_alloc(a, (p->n_routes + 1) * sizeof(*list));
	bool found = false;
	size_t n = 0;

	for (size_t i = 0; i < p->n_routes; i++) {
		bool same = same_prefix(&p->routes[i].dst, &r->route.dst) &&
			    (adding || ip_addr_cmp(&p->routes[i].via, &r->route.via) == 0);

		found |= same;
		if (!same || adding)
			list[n++] = p->routes[i];
	}
	if (adding && found)
		return err_set(err, EEXIST, "port %s has a route to %s already (EEXIST)", p->name,
			       r->dst);
	if (!adding && !found)
		return err_set(err, ESRCH, "port %s hasn't got a route to %s via %s (ESRCH)",
			       p->name, r->dst, r->via);
	if (adding)
		list[n++] = r->route;
	return apply_list(rt, p->name, "routes", settings_routes(a, list, n), err);
}

static json_t *route_command(const json_t *params, void *arg, bool adding, struct err *err)
{
	struct arena *a = arena_create();
	struct route_params r = {0};
	int rc = read_route(params, runtime_of(arg)->conf, a, &r, err);

	if (rc == 0)
		rc = change_route(runtime_of(arg), &r, a, adding, err);
	arena_destroy(a);
	return rc == 0 ? json_object() : NULL;
}

json_t *command_route_add(const json_t *params, void *arg, struct err *err)
{
	return route_command(params, arg, true, err);
}

json_t *command_route_del(const json_t *params, void *arg, struct err *err)
{
	return route_command(params, arg, false, err);
}

/* ---- neighbours ---- */

json_t *command_neigh(const json_t *params, void *arg, struct err *err)
{
	(void)params;
	(void)arg;
	err_set(err, EOPNOTSUPP,
		"neighbours are ipvlan's in the modes l3 and l3s, which aren't in this version yet "
		"(EOPNOTSUPP)");
	return NULL;
}

/* ---- the configuration ---- */

json_t *command_config_show(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {NULL};
	json_t *result;
	char *text;

	if (rpc_params_known(params, known, err) != 0)
		return NULL;
	text = save_text(runtime_of(arg)->conf);
	if (text != NULL && strlen(text) > CONF_MAX_FILE) {
		free(text);
		err_set(err, EFBIG, "the text is longer than a vnic.ini can be, %u MiB (EFBIG)",
			CONF_MAX_FILE >> 20);
		return NULL;
	}
	result = text != NULL ? json_pack("{s:s}", "text", text) : NULL;
	if (text == NULL)
		err_set(err, ENOMEM, "no memory for the text");
	else if (result == NULL)
		err_set(err, EILSEQ, "some value of the configuration is not UTF-8 (EILSEQ)");
	free(text);
	return result;
}
