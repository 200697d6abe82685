/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Routes of ports: what is configured, and what comes of addresses and of the host.
 */
#include <errno.h>
#include <string.h>

#include "ctl/commands_ip.h"
#include "ctl/l3.h"

/* ---- showing ---- */

static json_t *route_json(const struct port_rt *p, const struct ip_route *r)
{
	char dst[IP_STR_LEN], via[IP_STR_LEN];
	json_t *o = json_object();

	ip_prefix_format(&r->dst, dst);
	json_object_set_new(o, "dst", json_string(r->dst.len == 0 ? "default" : dst));
	if (r->via.family != 0)
		json_object_set_new(o, "gateway", json_string(ip_addr_format(&r->via, via)));
	json_object_set_new(o, "dev", json_string(p->conf->name));
	return o;
}

static void append_route(json_t *out, const struct port_rt *p, const struct ip_route *r,
			 const char *protocol)
{
	json_t *o = route_json(p, r);

	if (protocol != NULL)
		json_object_set_new(o, "protocol", json_string(protocol));
	if (r->via.family == 0)
		json_object_set_new(o, "scope", json_string("link"));
	json_array_append_new(out, o);
}

/* An address brings the route to its subnet (fib_add_ifaddr()). */
static void append_own(json_t *out, const struct port_rt *p, const struct ip_prefix *own)
{
	struct ip_route r = {.dst = *own};
	char src[IP_STR_LEN];
	json_t *o;

	if (own->len == (own->addr.family == 4 ? 32 : 128))
		return;
	for (unsigned int bit = own->len; bit < (own->addr.family == 4 ? 32 : 128); bit++)
		r.dst.addr.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	o = route_json(p, &r);
	json_object_set_new(o, "protocol", json_string("kernel"));
	json_object_set_new(o, "scope", json_string("link"));
	json_object_set_new(o, "prefsrc", json_string(ip_addr_format(&own->addr, src)));
	json_array_append_new(out, o);
}

static void append_port(json_t *out, const struct port_rt *p)
{
	const struct port_conf *c = p->conf;
	struct host_view host = l3_host(p);

	for (size_t i = 0; i < c->n_routes; i++)
		append_route(out, p, &c->routes[i], NULL);
	for (size_t i = 0; i < host.n_routes; i++)
		append_route(out, p, &host.routes[i], "host");
	for (size_t i = 0; i < c->n_addresses; i++)
		append_own(out, p, &c->addresses[i]);
}

json_t *command_route_show(const json_t *params, void *arg, struct err *err)
{
	return command_show_ports(params, arg, append_port, err);
}

/* ---- adding and deleting ---- */

/* What is asked for: `dst` on the port `dev`, and `via`, or on the link. */
struct route_params {
	const struct port_conf *port;
	const char *dst, *via;
	struct ip_route route;
};

static int no_route(const struct route_params *r, struct err *err)
{
	return err_set(
		err, EINVAL,
		"'%.60s%s%.60s' is not a route (default via 192.0.2.1, a network as 10.0.0.0/8 via "
		"192.0.2.1, or one on the link as 10.0.0.0/8) (EINVAL)",
		r->dst, r->via != NULL ? " via " : "", r->via != NULL ? r->via : "");
}

static int read_route(const json_t *params, const struct conf *c, struct arena *a,
		      struct route_params *r, struct err *err)
{
	static const char *const known[] = {"dev", "dst", "via", NULL};
	const char *dev = NULL, *text;
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "dev", &dev, err);
	if (rc == 0)
		rc = rpc_need_string(params, "dst", &r->dst, err);
	if (rc == 0)
		rc = rpc_param_string(params, "via", &r->via, err);
	if (rc != 0)
		return rc;
	r->port = conf_port(c, dev);
	if (r->port == NULL)
		return err_set(err, ENODEV, "there is no port \"%s\" (ENODEV)", dev);
	text = r->via != NULL ? arena_printf(a, "%s via %s", r->dst, r->via) : r->dst;
	if (strpbrk(r->dst, " \t,") != NULL ||
	    (r->via != NULL && (r->via[0] == '\0' || strpbrk(r->via, " \t,") != NULL)) ||
	    !ip_route_parse(text, &r->route))
		return no_route(r, err);
	return 0;
}

/* Who deletes without a gateway means the one route to there, whatever its way, as `ip` does. */
static bool is_meant(const struct ip_route *x, const struct route_params *r, bool adding)
{
	if (!ip_prefix_equal(&x->dst, &r->route.dst))
		return false;
	return adding || r->via == NULL || ip_addr_cmp(&x->via, &r->route.via) == 0;
}

static int change_route(struct runtime *rt, const struct route_params *r, struct arena *a,
			bool adding, struct err *err)
{
	const struct port_conf *p = r->port;
	struct ip_route *list = arena_alloc(a, (p->n_routes + 1) * sizeof(*list));
	bool found = false;
	size_t n = 0;

	for (size_t i = 0; i < p->n_routes; i++) {
		bool same = is_meant(&p->routes[i], r, adding);

		found |= same;
		if (!same || adding)
			list[n++] = p->routes[i];
	}
	if (adding && found)
		return err_set(err, EEXIST, "port %s has a route to %s already (EEXIST)", p->name,
			       r->dst);
	if (!adding && !found)
		return err_set(err, ESRCH, "port %s hasn't got a route to %s%s%s (ESRCH)", p->name,
			       r->dst, r->via != NULL ? " via " : "", r->via != NULL ? r->via : "");
	if (adding)
		list[n++] = r->route;
	return command_apply_list(rt, p->name, "routes", settings_routes(a, list, n), err);
}

static json_t *route_command(const json_t *params, void *arg, bool adding, struct err *err)
{
	struct runtime *rt = command_runtime(arg);
	struct arena *a = arena_create();
	struct route_params r = {0};
	int rc = read_route(params, rt->conf, a, &r, err);

	if (rc == 0)
		rc = change_route(rt, &r, a, adding, err);
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
