/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "conf/copy.h"
#include "conf/words.h"
#include "ctl/commands_link.h"
#include "ctl/methods.h"

struct command command_start(void *arg, struct err *err)
{
	const struct methods_arg *a = arg;
	struct command c = {.rt = a->rt, .scratch = arena_create(), .err = err};

	c.asked.arena = c.scratch;
	return c;
}

json_t *command_end(struct command *c, int rc)
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

int command_no_vnic(const struct runtime *rt, const char *name, struct err *err)
{
	return err_set(err, ENODEV, "there is no vnic \"%s\"%s (ENODEV)", name,
		       conf_port(rt->conf, name) != NULL
			       ? "; it is a port, and ports come from vnic.ini"
			       : "");
}

/* ---- what the kernel refuses of a step, though not of a state ---- */

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

int command_check_mac(const struct runtime *rt, const struct vnic_conf *v, uint64_t mac,
		      struct err *err)
{
	const char *kind, *owner = NULL;
	char text[MAC_STR_LEN];

	/* All ipvlan vnics share one, their port's. */
	if (!vnic_is_ipvlan(v->type))
		owner = mac_owner(rt, v, mac, &kind);
	if (owner == NULL)
		return 0;
	return err_set(err, EADDRINUSE, "vnic %s: MAC address %s is that of %s %s (EADDRINUSE)",
		       v->name, mac_format(mac, text), kind, owner);
}

int command_read_mac(const char *name, const char *text, uint64_t *mac, struct err *err)
{
	if (!mac_parse(text, mac))
		return err_set(err, EINVAL, "vnic %s: mac: '%.60s' is not a MAC address (EINVAL)",
			       name, text);
	if (!mac_is_valid(*mac))
		return err_set(err, EADDRNOTAVAIL,
			       "vnic %s: mac: no device can have %.60s (EADDRNOTAVAIL)", name,
			       text);
	return 0;
}

int command_check_mtu(const struct runtime *rt, const struct vnic_conf *v, struct err *err)
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

/* Mode or flag: taken over, or as it is; else who wants another one is told how. */
static int follow_setting(struct command *c, const struct vnic_conf *v, const char *key,
			  const char *has)
{
	const char *asked = settings_get(&c->asked, key);
	bool is_flags = strcmp(key, "flags") == 0;
	int value;

	/* No such word: the grammar says so. */
	if (asked != NULL && strcmp(asked, has) != 0 &&
	    words_find(is_flags ? words_ipvlan_flag : words_ipvlan_mode, asked, &value))
		return err_set(
			c->err, EINVAL,
			"port %s has the %s %s (vnic %s), and all its ipvlan vnics have one; "
			"`link set %s type %s %s%s` changes them all (EINVAL)",
			v->port, is_flags ? "flag" : "mode", has, v->name, v->name,
			vnic_type_name(v->type), is_flags ? "" : "mode ", asked);
	if (asked == NULL && (!is_flags || v->flags != 0))
		settings_put(&c->asked, key, has);
	return 0;
}

/*
 * Mode and flag of ipvlan are the port's. A vnic that names none takes them over: the kernel
 * does so with the flag (IV-621), and has the mode of all become l3 (IV-620).
 */
static int follow_port(struct command *c, const char *type, const char *link)
{
	const struct conf *conf = c->rt->conf;
	int value;

	if (type == NULL || link == NULL || !words_find(words_vnic_type, type, &value) ||
	    !vnic_is_ipvlan((enum vnic_type)value))
		return 0;
	for (size_t i = 0; i < conf->n_vnics; i++) {
		const struct vnic_conf *v = &conf->vnics[i];
		int rc;

		if (!vnic_is_ipvlan(v->type) || strcmp(v->port, link) != 0)
			continue;
		rc = follow_setting(c, v, "mode", vnic_mode_name(v->mode));
		return rc != 0 ? rc : follow_setting(c, v, "flags", ipvlan_flag_name(v->flags));
	}
	return 0;
}

static int read_new(struct command *c, const json_t *params, const char **name)
{
	static const char *const known[] = {"name", "type", "link", "peer", PARAMS_OF_A_VNIC, NULL};
	const char *type = NULL, *link = NULL, *mode, *mac;
	uint64_t unused;
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
	rc = follow_port(c, type, link);
	if (rc != 0)
		return rc;
	mode = settings_get(&c->asked, "mode");
	mac = settings_get(&c->asked, "mac");
	if (mac == NULL || mode == NULL || strcmp(mode, "passthru") != 0)
		return 0;
	/* It has its port's, whatever was said (MV-520); but no device can have a group's (MV-518). */
	rc = command_read_mac(*name, mac, &unused, c->err);
	settings_put(&c->asked, "mac", NULL);
	return rc;
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
	rc = command_check_mac(c->rt, v, v->mac, &e);
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
			rc = command_check_mtu(c->rt, v, c->err);
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
				 {EDIT_ADD_VNIC, name, c.asked.list, c.asked.n, NULL, 0},
				 {EDIT_ADD_VNIC, peer, far.list, far.n, NULL, 0},
			 },
			 peer != NULL ? 2 : 1);
	}
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
		rc = v == NULL ? command_no_vnic(c.rt, names[0], err) : 0;
	}
	if (rc == 0) {
		names[1] = v->peer; /* who deletes one end deletes the other (VE-009) */
		rc = commands_apply(c.rt, conf_copy(c.rt->conf, 0, names, names[1] != NULL ? 2 : 1),
				    err);
	}
	return command_end(&c, rc);
}
