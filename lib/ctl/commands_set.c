/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.set: what may change while a vnic works, as the kernel has it.
 */
#include <errno.h>
#include <string.h>

#include "conf/copy.h"
#include "conf/words.h"
#include "ctl/commands_link.h"
#include "ctl/effective.h"

/* ---- mode and allow list ---- */

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
	/* Addresses are looked at before all else (macvlan_validate()). */
	rc = strcmp(verb, "flush") == 0 ? 0
					: read_macs(c, json_object_get(macaddr, verb), &macs, &n);
	if (rc == 0 && mode_asked(v, &c->asked) != MODE_SOURCE)
		return err_set(c->err, EINVAL,
			       "vnic %s: macaddr: only mode source has an allow list (EINVAL)",
			       v->name);
	if (rc == 0 && n == 0 && (strcmp(verb, "add") == 0 || strcmp(verb, "del") == 0))
		return err_set(c->err, EINVAL,
			       "vnic %s: macaddr %s: an address is missing (EINVAL)", v->name,
			       verb);
	if (rc == 0)
		put_sources(c, v, verb, macs, n);
	return rc;
}

/* ---- addresses ---- */

/* A passthru vnic has its port's MAC: who sets the one sets the other (MV-521). */
static int lower_mac(struct command *c, const struct vnic_rt *v, uint64_t *mac)
{
	const char *text = settings_get(&c->asked, "mac");
	int rc;

	*mac = 0;
	if (text == NULL || !is_passthru(v->conf))
		return 0;
	rc = command_read_mac(v->conf->name, text, mac, c->err);
	if (rc == 0)
		settings_put(&c->asked, "mac", NULL);
	return rc;
}

/*
 * A file can't give one MAC to two vnics that are up. One that was made with a sibling's, and has another
 * from its owner since, may come up as in the kernel; what it came up with is then its configured one.
 */
static void keep_owners_mac(struct command *c, const struct vnic_rt *v)
{
	const char *state = settings_get(&c->asked, "state");
	struct err taken = {0};

	if (state == NULL || strcmp(state, "up") != 0 || is_asked(&c->asked, "mac") ||
	    is_passthru(v->conf) || v->mac == v->conf->mac)
		return;
	if (command_check_mac(c->rt, v->conf, v->conf->mac, &taken) != 0)
		settings_put(&c->asked, "mac", settings_macs(c->scratch, &v->mac, 1));
}

/* Setting an address is checked even while down (MV-516), coming up always. */
static int check_addresses(struct command *c, const struct vnic_rt *v, const struct vnic_conf *new)
{
	bool set = is_asked(&c->asked, "mac");
	uint64_t mac = set ? new->mac : v->mac;

	if (new->port == NULL || is_passthru(new))
		return 0;
	if (set && mac != v->mac)
		return command_check_mac(c->rt, new, mac, c->err);
	if (new->up && is_asked(&c->asked, "state") && !v->active)
		return command_check_mac(c->rt, new, mac, c->err);
	return 0;
}

/* ---- owners ---- */

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

/* ---- siblings ---- */

/* Set for one vnic, it holds for all of its port: ipvlan's mode and flag (IV-624), macvlan's cutoff. */
static bool is_ports_own(const struct vnic_conf *v, const char *key)
{
	if (vnic_is_ipvlan(v->type))
		return strcmp(key, "mode") == 0 || strcmp(key, "flags") == 0;
	return v->port != NULL && strcmp(key, "bclim") == 0;
}

/* One edit for each other vnic of @p v 's port, which are of one kind. */
static size_t edit_siblings(struct command *c, const struct vnic_conf *v, struct edit *edits)
{
	const struct conf *conf = c->rt->conf;
	struct setting *own = arena_alloc(c->scratch, (c->asked.n + 1) * sizeof(*own));
	size_t n_own = 0, n = 0;

	for (size_t i = 0; i < c->asked.n; i++)
		if (is_ports_own(v, c->asked.list[i].key))
			own[n_own++] = c->asked.list[i];
	for (size_t i = 0; i < conf->n_vnics && n_own > 0; i++) {
		const struct vnic_conf *x = &conf->vnics[i];

		if (x->port != NULL && strcmp(x->port, v->port) == 0 && x != v)
			edits[n++] = (struct edit){
				.kind = EDIT_VNIC, .name = x->name, .list = own, .n = n_own};
	}
	return n;
}

/* ---- all of it ---- */

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
	struct edit *edits = arena_alloc(c->scratch, (c->rt->conf->n_vnics + 1) * sizeof(*edits));
	struct conf *new;
	uint64_t port_mac = 0;
	int rc = change_sources(c, old, params);

	if (rc == 0)
		rc = change_mode(c, old);
	if (rc == 0)
		rc = lower_mac(c, v, &port_mac);
	if (rc != 0)
		return rc;
	keep_owners_mac(c, v);
	new = conf_copy(c->rt->conf, 0, NULL, 0);
	edits[0] = (struct edit){
		.kind = EDIT_VNIC, .name = old->name, .list = c->asked.list, .n = c->asked.n};
	rc = edit_apply(new, edits, 1 + edit_siblings(c, old, &edits[1]), c->err);
	if (rc == 0)
		rc = check_addresses(c, v, conf_vnic(new, old->name));
	if (rc == 0 && is_asked(&c->asked, "mtu"))
		rc = command_check_mtu(c->rt, conf_vnic(new, old->name), c->err);
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
		rc = v == NULL ? command_no_vnic(c.rt, name, err) : 0;
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
