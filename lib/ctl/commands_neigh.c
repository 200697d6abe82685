/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbours of ports: those that ipvlan's l3 modes have found, the host's where the port
 * follows it, and permanent ones.
 */
#include <errno.h>
#include <string.h>

#include "ctl/commands_ip.h"
#include "ctl/l3.h"
#include "ctl/static_neigh.h"

/* ---- showing ---- */

struct showing {
	json_t *out;
	const char *dev;
};

/* As `ip -j neigh` has it. */
static json_t *append_one(struct showing *s, const struct ip_addr *ip, uint64_t mac,
			  const char *state)
{
	char text[IP_STR_LEN], mac_text[MAC_STR_LEN];
	json_t *o = json_pack("{s:s,s:s}", "dst", ip_addr_format(ip, text), "dev", s->dev);

	if (mac != 0)
		json_object_set_new(o, "lladdr", json_string(mac_format(mac, mac_text)));
	json_object_set_new(o, "state", json_pack("[s]", state));
	json_array_append_new(s->out, o);
	return o;
}

static void append_entry(void *arg, const struct neigh *e)
{
	append_one(arg, &e->ip, e->mac, neigh_state_name(e->state));
}

static void append_port(json_t *out, const struct port_rt *p)
{
	const struct neigh_table *t = l3_neighbours(p);
	struct showing s = {.out = out, .dev = p->conf->name};
	struct host_view host = l3_host(p);

	if (t != NULL)
		neigh_foreach(t, append_entry, &s);
	for (size_t i = 0; t == NULL && i < p->n_neighs; i++)
		append_one(&s, &p->neighs[i].ip, p->neighs[i].mac,
			   neigh_state_name(NEIGH_PERMANENT));
	for (size_t i = 0; i < host.n_neighs; i++) {
		const struct neigh *own = t != NULL ? neigh_find(t, &host.neighs[i].ip) : NULL;

		if (own == NULL)
			json_object_set_new(append_one(&s, &host.neighs[i].ip, host.neighs[i].mac,
						       neigh_state_name(NEIGH_REACHABLE)),
					    "protocol", json_string("host"));
	}
}

json_t *command_neigh_show(const json_t *params, void *arg, struct err *err)
{
	return command_show_ports(params, arg, append_port, err);
}

/* ---- changing ---- */

/* Workers have the new neighbours when the method answers. */
static json_t *publish(struct runtime *rt, struct err *err)
{
	return runtime_publish(rt, err) == 0 ? json_object() : NULL;
}

json_t *command_neigh_flush(const json_t *params, void *arg, struct err *err)
{
	struct runtime *rt = command_runtime(arg);
	const char *dev = NULL;

	if (command_show_params(params, rt->conf, true, &dev, err) != 0)
		return NULL;
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		struct neigh_table *t = l3_neighbours(rt->ports[i]);

		if (t != NULL && (dev == NULL || strcmp(dev, rt->conf->ports[i].name) == 0))
			neigh_flush(t);
	}
	return publish(rt, err);
}

/** What neigh.add and neigh.del name. */
struct named {
	struct port_rt *port;
	struct ip_addr ip;
	uint64_t mac; /* 0: not said */
};

static int read_mac(const char *text, struct named *x, struct err *err)
{
	if (text != NULL && (!mac_parse(text, &x->mac) || !mac_is_valid(x->mac)))
		return err_set(err, EINVAL, "'%.60s' is not a unicast MAC address (EINVAL)", text);
	return 0;
}

static int read_named(const json_t *params, struct runtime *rt, bool adding, struct named *x,
		      struct err *err)
{
	static const char *const known[] = {"dev", "dst", "lladdr", NULL};
	const char *dev = NULL, *dst = NULL, *lladdr = NULL;
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "dev", &dev, err);
	if (rc == 0)
		rc = rpc_need_string(params, "dst", &dst, err);
	if (rc == 0)
		rc = adding ? rpc_need_string(params, "lladdr", &lladdr, err)
			    : rpc_param_string(params, "lladdr", &lladdr, err);
	if (rc != 0)
		return rc;
	x->port = runtime_port(rt, dev);
	if (x->port == NULL)
		return err_set(err, ENODEV, "there is no port \"%s\" (ENODEV)", dev);
	if (!ip_addr_parse(dst, &x->ip) || !ip_addr_is_unicast(&x->ip))
		return err_set(err, EINVAL, "'%.60s' is not a unicast IP address (EINVAL)", dst);
	return read_mac(lladdr, x, err);
}

json_t *command_neigh_add(const json_t *params, void *arg, struct err *err)
{
	struct runtime *rt = command_runtime(arg);
	struct named x = {0};

	if (read_named(params, rt, true, &x, err) != 0 ||
	    static_neigh_add(x.port, &x.ip, x.mac, err) != 0)
		return NULL;
	return publish(rt, err);
}

json_t *command_neigh_del(const json_t *params, void *arg, struct err *err)
{
	struct runtime *rt = command_runtime(arg);
	struct neigh_table *t;
	char text[IP_STR_LEN];
	struct named x = {0};
	bool found;

	if (read_named(params, rt, false, &x, err) != 0)
		return NULL;
	found = static_neigh_del(x.port, &x.ip) == 0;
	t = l3_neighbours(x.port);
	found |= t != NULL && neigh_del(t, &x.ip) == 0;
	if (found)
		return publish(rt, err);
	err_set(err, ENOENT, "port %s hasn't got neighbour %s (ENOENT)", x.port->conf->name,
		ip_addr_format(&x.ip, text));
	return NULL;
}
