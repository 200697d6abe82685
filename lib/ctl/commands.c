/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "conf/copy.h"
#include "conf/words.h"
#include "ctl/commands.h"
#include "ctl/commands_params.h"
#include "ctl/effective.h"
#include "ctl/methods.h"

/* A command on its way. */
struct command {
	struct runtime *rt;
	struct arena *scratch;
	struct settings asked; /* for the vnic */
	struct err *err;
};

static struct command command_start(void *arg, struct err *err)
{
	const struct methods_arg *a = arg;
	struct command c = {.rt = a->rt, .scratch = arena_create(), .err = err};

	c.asked.arena = c.scratch;
	return c;
}

/* What a method returns: nothing to tell but that all is done. */
static json_t *command_end(struct command *c, int rc)
{
	arena_destroy(c->scratch);
	return rc == 0 ? json_object() : NULL;
}

/* ---- one path for every change ---- */

int commands_apply(struct runtime *rt, struct conf *new, struct err *err)
{
	struct errors es = {0};
	int rc = 0;

	kinds_check(new, &es);
	if (es.n > 0)
		rc = err_set(err, es.list[0].code, "%s: %s: %s", es.list[0].section, es.list[0].key,
			     es.list[0].text);
	errors_free(&es);
	if (rc == 0)
		rc = runtime_apply(rt, new, err);
	if (rc != 0)
		conf_free(new);
	return rc;
}

static int no_vnic(const struct runtime *rt, const char *name, struct err *err)
{
	return err_set(err, ENODEV, "there is no vnic \"%s\"%s (ENODEV)", name,
		       conf_port(rt->conf, name) != NULL
			       ? "; it is a port, and ports come from vnic.ini"
			       : "");
}

/* ---- what the kernel refuses of a step, though not of a state ---- */

static bool is_passthru(const struct vnic_conf *v)
{
	return v->mode == MODE_PASSTHRU;
}

/* Who of the same port has @p mac: in force, or once the configuration gets its way. NULL: nobody. */
static const char *mac_owner(const struct runtime *rt, const struct vnic_conf *v, uint64_t mac,
			     const char **kind)
{
	const struct port_rt *p = v->port != NULL ? runtime_port(rt, v->port) : NULL;

	if (p == NULL)
		return NULL;
	*kind = "port";
	if (p->mac == mac || p->conf->mac == mac)
		return p->conf->name;
	*kind = "vnic";
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		const struct vnic_rt *o = rt->vnics[i];

		if (o->port != p || is_passthru(o->conf) || strcmp(o->conf->name, v->name) == 0)
			continue;
		if ((o->active && o->mac == mac) || (o->conf->up && o->conf->mac == mac))
			return o->conf->name;
	}
	return NULL;
}

static int check_mac(const struct runtime *rt, const struct vnic_conf *v, uint64_t mac,
		     struct err *err)
{
	const char *kind, *owner = mac_owner(rt, v, mac, &kind);
	char text[MAC_STR_LEN];

	if (owner == NULL)
		return 0;
	return err_set(err, EADDRINUSE, "vnic %s: MAC address %s is that of %s %s (EADDRINUSE)",
		       v->name, mac_format(mac, text), kind, owner);
}

/* conf_load() knows the port's MTU in the file; its host's owner may have set another. */
static int check_mtu(const struct runtime *rt, const struct vnic_conf *v, struct err *err)
{
	const struct port_rt *p = v->port != NULL ? runtime_port(rt, v->port) : NULL;

	if (p == NULL || v->mtu <= p->mtu)
		return 0;
	return err_set(err, EINVAL, "vnic %s: mtu: %u is more than the %u of port %s (EINVAL)",
		       v->name, v->mtu, p->mtu, p->conf->name);
}

/* ---- link.add ---- */

/* The other end of a veth: a name, or an object with its settings. */
static int read_peer(const json_t *params, struct settings *set, const char **name, struct err *err)
{
	static const char *const known[] = {"name", PARAMS_OF_A_VNIC, NULL};
	const json_t *peer = json_object_get(params, "peer");
	int rc;

	*name = json_string_value(peer);
	if (peer == NULL || json_is_null(peer) || *name != NULL)
		return 0;
	if (!json_is_object(peer))
		return err_set(err, RPC_EPARAMS,
			       "parameter \"peer\" must be a string or an object");
	rc = rpc_params_known(peer, known, err);
	if (rc == 0)
		rc = rpc_need_string(peer, "name", name, err);
	return rc != 0 ? rc : params_settings(peer, *name, NULL, set, err);
}

static int read_new(struct command *c, const json_t *params, const char **name)
{
	static const char *const known[] = {"name", "type", "link", "peer", PARAMS_OF_A_VNIC, NULL};
	const char *type = NULL, *link = NULL, *mode;
	int rc = rpc_params_known(params, known, c->err);

	if (rc == 0)
		rc = rpc_need_string(params, "name", name, c->err);
	if (rc == 0)
		rc = rpc_param_string(params, "type", &type, c->err);
	if (rc == 0)
		rc = rpc_param_string(params, "link", &link, c->err);
	if (rc == 0)
		rc = params_settings(params, *name, NULL, &c->asked, c->err);
	if (rc != 0)
		return rc;
	settings_put(&c->asked, "type", type);
	settings_put(&c->asked, "port", link);
	mode = settings_get(&c->asked, "mode");
	/* It has its port's, whatever was said (MV-520). */
	if (mode != NULL && strcmp(mode, "passthru") == 0)
		settings_put(&c->asked, "mac", NULL);
	return 0;
}

/*
 * A MAC that is in use lets a vnic be made, but not come up (MV-513): so it comes up by
 * itself only where it can. Who says `up` wants an error.
 */
static int decide_state(const struct command *c, const struct settings *asked, struct vnic_conf *v)
{
	struct err e = {0};
	int rc;

	if (!v->up || v->port == NULL || is_passthru(v))
		return 0;
	rc = check_mac(c->rt, v, v->mac, &e);
	if (rc == 0)
		return 0;
	if (is_asked(asked, "state")) {
		*c->err = e;
		return rc;
	}
	v->up = false;
	return 0;
}

static int add(struct command *c, const struct edit *edits, size_t n)
{
	struct conf *new = conf_copy(c->rt->conf, n, NULL, 0);
	int rc = edit_apply(new, edits, n, c->err);

	for (size_t i = 0; i < n && rc == 0; i++) {
		/* The copy is still ours; its getters are for readers. */
		struct vnic_conf *v = &new->vnics[conf_vnic(new, edits[i].name) - new->vnics];

		rc = decide_state(c, &c->asked, v);
		if (rc == 0)
			rc = check_mtu(c->rt, v, c->err);
	}
	if (rc == 0)
		return commands_apply(c->rt, new, c->err);
	conf_free(new);
	return rc;
}

json_t *command_link_add(const json_t *params, void *arg, struct err *err)
{
	struct command c = command_start(arg, err);
	struct settings far = {.arena = c.scratch};
	const char *name = NULL, *peer = NULL;
	int rc = read_new(&c, params, &name);

	if (rc == 0)
		rc = read_peer(params, &far, &peer, err);
	if (rc == 0) {
		settings_put(&c.asked, "peer", peer);
		settings_put(&far, "type", settings_get(&c.asked, "type"));
		settings_put(&far, "peer", name);
		rc = add(&c,
			 (const struct edit[]){
				 {EDIT_ADD_VNIC, name, c.asked.list, c.asked.n},
				 {EDIT_ADD_VNIC, peer, far.list, far.n},
			 },
			 peer != NULL ? 2 : 1);
	}
	return command_end(&c, rc);
}

/* ---- link.set: mode and allow list ---- */

/* The mode that the vnic will have; MODE_NONE: no such mode, and the grammar will say so. */
static enum vnic_mode mode_asked(const struct vnic_conf *v, const struct settings *asked)
{
	const char *text = settings_get(asked, "mode");
	int mode = (int)v->mode;

	if (text != NULL && !words_find(words_macvlan_mode, text, &mode) &&
	    !words_find(words_ipvlan_mode, text, &mode))
		return MODE_NONE;
	return (enum vnic_mode)mode;
}

/* Who leaves mode source leaves its list (MV-528); flags of the old mode have no meaning in the new. */
static int change_mode(struct command *c, const struct vnic_conf *v)
{
	enum vnic_mode mode = mode_asked(v, &c->asked);

	if (mode == v->mode || mode == MODE_NONE)
		return 0;
	if (mode == MODE_PASSTHRU || is_passthru(v))
		return err_set(c->err, EINVAL,
			       "vnic %s: mode: there is no way into or out of passthru while it "
			       "exists (EINVAL)",
			       v->name);
	if (v->mode != MODE_SOURCE)
		return 0;
	if (!is_asked(&c->asked, "sources"))
		settings_put(&c->asked, "sources", NULL);
	if (!is_asked(&c->asked, "flags"))
		settings_put(&c->asked, "flags", NULL);
	return 0;
}

/* The addresses behind macaddr's verb, as the kernel takes them. */
static int read_macs(struct command *c, const json_t *list, uint64_t **macs, size_t *n)
{
	size_t n_list = json_is_string(list) ? 1 : json_array_size(list);

	*macs = arena_alloc(c->scratch, (n_list + 1) * sizeof(**macs));
	*n = n_list;
	for (size_t i = 0; i < n_list; i++) {
		const json_t *item = json_is_string(list) ? list : json_array_get(list, i);
		const char *text = json_string_value(item);

		if (text == NULL || !mac_parse(text, &(*macs)[i]))
			return err_set(c->err, EINVAL,
				       "macaddr: '%.60s' is not a MAC address (EINVAL)",
				       text != NULL ? text : "");
		if (!mac_is_valid((*macs)[i]))
			return err_set(c->err, EADDRNOTAVAIL,
				       "macaddr: %.60s is nobody's source (EADDRNOTAVAIL)", text);
	}
	return 0;
}

static bool is_in(uint64_t mac, const uint64_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == mac)
			return true;
	return false;
}

/* What the list of @p v becomes: its text, in the vnic's settings. */
static void put_sources(struct command *c, const struct vnic_conf *v, const char *verb,
			const uint64_t *macs, size_t n)
{
	bool fresh = strcmp(verb, "set") == 0 || strcmp(verb, "flush") == 0;
	uint64_t *list = arena_alloc(c->scratch, (v->n_sources + n + 1) * sizeof(*list));
	size_t n_list = 0;

	for (size_t i = 0; i < v->n_sources && !fresh && v->mode == MODE_SOURCE; i++)
		if (strcmp(verb, "del") != 0 || !is_in(v->sources[i], macs, n))
			list[n_list++] = v->sources[i];
	/* The grammar takes out doubles. */
	for (size_t i = 0; i < n && strcmp(verb, "del") != 0; i++)
		list[n_list++] = macs[i];
	settings_put(&c->asked, "sources",
		     n_list > 0 ? settings_macs(c->scratch, list, n_list) : NULL);
}

/* macaddr: {"add": […]}, {"del": […]}, {"set": […]} or {"flush": true} */
static int change_sources(struct command *c, const struct vnic_conf *v, const json_t *params)
{
	static const char *const verbs[] = {"add", "del", "set", "flush", NULL};
	const json_t *macaddr = json_object_get(params, "macaddr");
	uint64_t *macs = NULL;
	const char *verb;
	size_t n = 0;
	int rc;

	if (macaddr == NULL || json_is_null(macaddr))
		return 0;
	if (!json_is_object(macaddr) || json_object_size(macaddr) != 1)
		return err_set(c->err, RPC_EPARAMS,
			       "parameter \"macaddr\" must be an object with one of add, del, set, "
			       "flush");
	rc = rpc_params_known(macaddr, verbs, c->err);
	if (rc != 0)
		return rc;
	verb = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)macaddr));
	if (mode_asked(v, &c->asked) != MODE_SOURCE)
		return err_set(c->err, EINVAL,
			       "vnic %s: macaddr: only mode source has an allow list (EINVAL)",
			       v->name);
	rc = strcmp(verb, "flush") == 0 ? 0
					: read_macs(c, json_object_get(macaddr, verb), &macs, &n);
	if (rc == 0 && n == 0 && (strcmp(verb, "add") == 0 || strcmp(verb, "del") == 0))
		return err_set(c->err, EINVAL,
			       "vnic %s: macaddr %s: an address is missing (EINVAL)", v->name,
			       verb);
	if (rc == 0)
		put_sources(c, v, verb, macs, n);
	return rc;
}

/* ---- link.set: addresses ---- */

/* A passthru vnic has its port's MAC: who sets the one sets the other (MV-521). */
static int lower_mac(struct command *c, const struct vnic_rt *v, uint64_t *mac)
{
	const char *text = settings_get(&c->asked, "mac");

	*mac = 0;
	if (text == NULL || !is_passthru(v->conf))
		return 0;
	if (!mac_parse(text, mac))
		return err_set(c->err, EINVAL,
			       "vnic %s: mac: '%.60s' is not a MAC address (EINVAL)", v->conf->name,
			       text);
	if (!mac_is_valid(*mac))
		return err_set(c->err, EADDRNOTAVAIL,
			       "vnic %s: mac: no device can have %.60s (EADDRNOTAVAIL)",
			       v->conf->name, text);
	settings_put(&c->asked, "mac", NULL);
	return 0;
}

/* Setting an address is checked even while down (MV-516), coming up always. */
static int check_addresses(struct command *c, const struct vnic_rt *v, const struct vnic_conf *new)
{
	bool set = is_asked(&c->asked, "mac");
	uint64_t mac = set ? new->mac : v->mac;

	if (new->port == NULL || is_passthru(new))
		return 0;
	if (set && mac != v->mac)
		return check_mac(c->rt, new, mac, c->err);
	if (new->up && is_asked(&c->asked, "state") && !v->active)
		return check_mac(c->rt, new, mac, c->err);
	return 0;
}

/* ---- link.set: owners ---- */

/*
 * What an owner did by hand lasts until the configuration changes, so a command to the
 * contrary that is no change of it is carried out here. @p to: what is wanted.
 */
struct wish {
	bool up, mac, mtu; /* which of these */
	struct endpoint_state to;
};

static int grant(struct vnic_rt *v, const struct wish *w, struct err *err)
{
	struct endpoint *ep = v->at.endpoint;
	int rc = 0;

	if (w->mac)
		rc = endpoint_set_mac(ep, w->to.mac, err);
	if (rc == 0 && w->mtu)
		rc = endpoint_set_mtu(ep, w->to.mtu, err);
	if (rc == 0 && w->up)
		rc = endpoint_set_up(ep, w->to.up, err);
	if (w->mac || w->mtu || w->up)
		endpoint_refresh(ep);
	return rc;
}

static struct wish owners_wish(const struct command *c, const struct vnic_rt *v,
			       const struct vnic_conf *new)
{
	const struct endpoint_state *is = &v->at.state;
	struct wish w = {.to = {.up = new->up, .mac = new->mac, .mtu = new->mtu}};

	if (v->at.endpoint == NULL || v->at.endpoint->type != ENDPOINT_TAP ||
	    !endpoint_conf_equal(&new->endpoint, &v->conf->endpoint))
		return w;
	w.up = is_asked(&c->asked, "state") && new->up == v->conf->up &&
	       (is->up != new->up || (new->up && !is->present));
	w.mac = is_asked(&c->asked, "mac") && new->mac == v->conf->mac && is->present &&
		is->mac != new->mac;
	w.mtu = is_asked(&c->asked, "mtu") && new->mtu == v->conf->mtu && is->present &&
		is->mtu != new->mtu;
	return w;
}

/* ---- link.set ---- */

/* The settings are right: carries them out, all or nothing. */
static int set_all(struct command *c, struct vnic_rt *v, struct conf *new, uint64_t port_mac)
{
	struct wish wish = owners_wish(c, v, conf_vnic(new, v->conf->name));
	struct wish back = wish;
	uint64_t old_mac = v->mac;
	struct err ignored = {0};
	int rc;

	back.to = v->at.state;
	rc = grant(v, &wish, c->err);
	if (rc == 0 && port_mac != 0)
		rc = effective_set_lower_mac(v, port_mac, c->err);
	if (rc == 0)
		rc = commands_apply(c->rt, new, c->err);
	else
		conf_free(new);
	if (rc == 0)
		return 0;
	if (port_mac != 0)
		effective_set_lower_mac(v, old_mac, &ignored);
	grant(v, &back, &ignored);
	c->rt->dirty = true;
	runtime_settle(c->rt);
	return rc;
}

static int set(struct command *c, struct vnic_rt *v, const json_t *params)
{
	const struct vnic_conf *old = v->conf;
	struct edit edit = {.kind = EDIT_VNIC, .name = old->name};
	struct conf *new;
	uint64_t port_mac = 0;
	int rc = change_mode(c, old);

	if (rc == 0)
		rc = change_sources(c, old, params);
	if (rc == 0)
		rc = lower_mac(c, v, &port_mac);
	if (rc != 0)
		return rc;
	new = conf_copy(c->rt->conf, 0, NULL, 0);
	edit.list = c->asked.list;
	edit.n = c->asked.n;
	rc = edit_apply(new, &edit, 1, c->err);
	if (rc == 0)
		rc = check_addresses(c, v, conf_vnic(new, old->name));
	if (rc == 0 && is_asked(&c->asked, "mtu"))
		rc = check_mtu(c->rt, conf_vnic(new, old->name), c->err);
	if (rc == 0)
		return set_all(c, v, new, port_mac);
	conf_free(new);
	return rc;
}

json_t *command_link_set(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {"name", "type", "macaddr", PARAMS_OF_A_VNIC, NULL};
	struct command c = command_start(arg, err);
	const char *name = NULL, *type = NULL;
	struct vnic_rt *v = NULL;
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "name", &name, err);
	if (rc == 0)
		rc = rpc_param_string(params, "type", &type, err);
	if (rc == 0) {
		v = runtime_vnic(c.rt, name);
		rc = v == NULL ? no_vnic(c.rt, name, err) : 0;
	}
	if (rc == 0 && type != NULL && strcmp(type, vnic_type_name(v->conf->type)) != 0)
		rc = err_set(err, EOPNOTSUPP, "vnic %s is of type %s, and stays so (EOPNOTSUPP)",
			     name, vnic_type_name(v->conf->type));
	if (rc == 0)
		rc = params_settings(params, name, &v->conf->endpoint, &c.asked, err);
	if (rc == 0)
		rc = set(&c, v, params);
	return command_end(&c, rc);
}

/* ---- link.del ---- */

json_t *command_link_del(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {"name", NULL};
	struct command c = command_start(arg, err);
	const struct vnic_conf *v = NULL;
	const char *names[2] = {NULL, NULL};
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "name", &names[0], err);
	if (rc == 0) {
		v = conf_vnic(c.rt->conf, names[0]);
		rc = v == NULL ? no_vnic(c.rt, names[0], err) : 0;
	}
	if (rc == 0) {
		names[1] = v->peer; /* who deletes one end deletes the other (VE-009) */
		rc = commands_apply(c.rt, conf_copy(c.rt->conf, 0, names, names[1] != NULL ? 2 : 1),
				    err);
	}
	return command_end(&c, rc);
}
