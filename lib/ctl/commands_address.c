/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of vnics and ports: what is configured, and what is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/addresses.h"
#include "ctl/commands_ip.h"
#include "fwd/ip_table.h"

int command_apply_list(struct runtime *rt, const char *dev, const char *key, const char *list,
		       struct err *err)
{
	bool port = conf_port(rt->conf, dev) != NULL;
	const struct setting set = {key, list[0] != '\0' ? list : NULL};
	const struct edit edit = {
		.kind = port ? EDIT_PORT : EDIT_VNIC, .name = dev, .list = &set, .n = 1};
	struct conf *new = conf_copy(rt->conf, 0, NULL, 0);
	int rc = edit_apply(new, &edit, 1, err);

	if (rc == 0)
		return commands_apply(rt, new, err);
	conf_free(new);
	return rc;
}

int command_no_device(const char *dev, struct err *err)
{
	return err_set(err, ENODEV, "there is no vnic or port \"%s\" (ENODEV)", dev);
}

int command_show_params(const json_t *params, const struct conf *c, bool ports_only,
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
	return conf_vnic(c, *dev) != NULL ? 0 : command_no_device(*dev, err);
}

json_t *command_show_ports(const json_t *params, void *arg,
			   void (*append)(json_t *out, const struct port_rt *p), struct err *err)
{
	const struct runtime *rt = command_runtime(arg);
	const char *dev = NULL;
	json_t *out;

	if (command_show_params(params, rt->conf, true, &dev, err) != 0)
		return NULL;
	out = json_array();
	for (size_t i = 0; i < rt->conf->n_ports; i++)
		if (dev == NULL || strcmp(dev, rt->conf->ports[i].name) == 0)
			append(out, rt->ports[i]);
	return out;
}

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

/* ---- adding and deleting ---- */

/** One of the addresses that a command names, perhaps tens of thousands. */
struct wanted {
	struct ip_range r;
	const char *text;
	bool any_len; /* without a length any will do, as `ip` has it */
	bool found;
};

struct wishes {
	struct wanted *list; /* sorted by range */
	size_t n;
};

static int compare_ranges(const struct ip_range *a, const struct ip_range *b)
{
	int rc = ip_addr_cmp(&a->first, &b->first);

	return rc != 0 ? rc : ip_addr_cmp(&a->last, &b->last);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	int rc = compare_ranges(&x->r, &y->r);

	return rc != 0 ? rc : x->r.len - y->r.len;
}

/* The first wish that @r fulfils, and that isn't fulfilled yet; NULL: none. */
static struct wanted *find_wanted(const struct wishes *w, const struct ip_range *r)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_ranges(&w->list[mid].r, r) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < w->n && compare_ranges(&w->list[low].r, r) == 0; low++)
		if (!w->list[low].found && (w->list[low].any_len || w->list[low].r.len == r->len))
			return &w->list[low];
	return NULL;
}

static int no_string(struct err *err)
{
	return err_set(err, RPC_EPARAMS,
		       "parameter \"address\" must be a string or an array of strings");
}

/* `address`: one, or an array of them. */
static int read_wishes(const json_t *params, struct arena *a, bool adding, struct wishes *w,
		       struct err *err)
{
	const json_t *value = json_object_get(params, "address");
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	if (n == 0)
		return no_string(err);
	w->list = arena_alloc(a, n * sizeof(*w->list));
	for (; w->n < n; w->n++) {
		const json_t *item = json_is_array(value) ? json_array_get(value, w->n) : value;
		const char *text = json_string_value(item);
		struct wanted *x = &w->list[w->n];

		if (text == NULL || text[0] == '\0')
			return no_string(err);
		*x = (struct wanted){.text = text,
				     .any_len = !adding && strpbrk(text, "/-") == NULL};
		if (!ip_range_parse(text, &x->r))
			return err_set(err, EINVAL,
				       "'%.60s' is not an IP address (10.0.0.2/24) (EINVAL)", text);
	}
	return 0;
}

/* What is wished for, as one list. Texts go to the grammar as they are: ranges are for some types only. */
static const char *list_text(struct arena *a, const struct wishes *w)
{
	size_t room = 1, len = 0;
	char *text;

	for (size_t i = 0; i < w->n; i++)
		room += strlen(w->list[i].text) + 2;
	text = arena_alloc(a, room);
	for (size_t i = 0; i < w->n; i++) {
		size_t k = strlen(w->list[i].text);

		if (len > 0) {
			memcpy(text + len, ", ", 2);
			len += 2;
		}
		memcpy(text + len, w->list[i].text, k);
		len += k;
	}
	text[len] = '\0';
	return text;
}

/* The @n addresses at @list, and behind them those of @more (NULL: none). */
static int apply(struct runtime *rt, struct arena *a, const char *dev, const struct ip_range *list,
		 size_t n, const char *more, struct err *err)
{
	const struct setting set = {"address", more};
	const struct edit edit = {EDIT_VNIC, dev, &set, 1, list, n};
	struct conf *new;
	int rc;

	if (conf_port(rt->conf, dev) != NULL)
		return command_apply_list(
			rt, dev, "address",
			more == NULL ? settings_ranges(a, list, n)
			: n == 0     ? more
				     : arena_printf(a, "%s, %s", settings_ranges(a, list, n), more),
			err);
	new = conf_copy(rt->conf, 0, NULL, 0);
	rc = edit_apply(new, &edit, 1, err);
	if (rc == 0)
		return commands_apply(rt, new, err);
	conf_free(new);
	return rc;
}

static int has_already(const char *dev, const struct wanted *x, struct err *err)
{
	return err_set(err, EEXIST, "%s has %.60s already (EEXIST)", dev, x->text);
}

static const struct vnic_rt *find_sibling(const struct runtime *rt, const struct vnic_rt *v,
					  const struct wishes *w, struct ip_addr *which)
{
	const struct vnic_rt *has = NULL;

	for (size_t i = 0; v != NULL && has == NULL && i < w->n; i++)
		has = addresses_find(rt, v, &w->list[i].r, which);
	return has;
}

#define MAX_LOOKS 4 /* at who has an address, while owners go on changing theirs */

/*
 * IV-601, 602: what its owner gave a sibling is as taken as what the file gave it. If he took it
 * away just now (IV-606), that may not have been heard of yet, or not have been published.
 */
static int check_siblings(struct runtime *rt, const char *dev, const struct wishes *w,
			  struct err *err)
{
	const struct vnic_rt *v = runtime_vnic(rt, dev), *has;
	char text[IP_STR_LEN];
	struct ip_addr which;

	for (int looks = 0; (has = find_sibling(rt, v, w, &which)) != NULL; looks++) {
		if (looks == MAX_LOOKS || (!rt->dirty && !endpoint_refresh(has->at.endpoint)))
			break;
		rt->dirty = true;
		runtime_settle(rt);
	}
	if (has == NULL)
		return 0;
	return err_set(err, EADDRINUSE, "%s is an address of vnic %s, from its owner (EADDRINUSE)",
		       ip_addr_format(&which, text), has->conf->name);
}

static int add_all(struct runtime *rt, struct arena *a, const char *dev, struct wishes *w,
		   struct err *err)
{
	const char *text;
	size_t n;
	const struct ip_range *list = list_of(a, rt->conf, dev, &n);

	/* Sorted only now: the list is to have the order in which they were named. */
	text = list_text(a, w);
	qsort(w->list, w->n, sizeof(*w->list), compare_wanted);
	for (size_t i = 0; i < n; i++) {
		const struct wanted *x = find_wanted(w, &list[i]);

		if (x != NULL)
			return has_already(dev, x, err);
	}
	for (size_t i = 1; i < w->n; i++)
		if (compare_wanted(&w->list[i - 1], &w->list[i]) == 0)
			return has_already(dev, &w->list[i], err);
	if (check_siblings(rt, dev, w, err) != 0)
		return -EADDRINUSE;
	return apply(rt, a, dev, list, n, text, err);
}

static int del_all(struct runtime *rt, struct arena *a, const char *dev, struct wishes *w,
		   struct err *err)
{
	size_t n, kept = 0;
	struct ip_range *list = list_of(a, rt->conf, dev, &n);

	qsort(w->list, w->n, sizeof(*w->list), compare_wanted);
	for (size_t i = 0; i < n; i++) {
		struct wanted *x = find_wanted(w, &list[i]);

		if (x != NULL)
			x->found = true;
		else
			list[kept++] = list[i];
	}
	for (size_t i = 0; i < w->n; i++)
		if (!w->list[i].found)
			return err_set(err, EADDRNOTAVAIL, "%s hasn't got %.60s (EADDRNOTAVAIL)",
				       dev, w->list[i].text);
	return apply(rt, a, dev, list, kept, NULL, err);
}

static json_t *address_command(const json_t *params, void *arg, bool adding, struct err *err)
{
	static const char *const known[] = {"dev", "address", NULL};
	struct runtime *rt = command_runtime(arg);
	struct arena *a = arena_create();
	const char *dev = NULL;
	struct wishes w = {0};
	int rc = rpc_params_known(params, known, err);

	if (rc == 0)
		rc = rpc_need_string(params, "dev", &dev, err);
	if (rc == 0)
		rc = read_wishes(params, a, adding, &w, err);
	if (rc == 0 && conf_port(rt->conf, dev) == NULL && conf_vnic(rt->conf, dev) == NULL)
		rc = command_no_device(dev, err);
	if (rc == 0)
		rc = adding ? add_all(rt, a, dev, &w, err) : del_all(rt, a, dev, &w, err);
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

/* ---- showing ---- */

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

/** What a device has, as it is gathered: what is configured, sorted, to be recognised in it. */
struct shown {
	const struct runtime *rt;
	json_t *infos;
	struct wishes configured;
};

static void note_configured(struct shown *s, struct arena *a, const char *dev)
{
	struct wishes *w = &s->configured;
	const struct ip_range *list = list_of(a, s->rt->conf, dev, &w->n);

	w->list = arena_alloc(a, (w->n + 1) * sizeof(*w->list));
	for (size_t i = 0; i < w->n; i++)
		w->list[i] = (struct wanted){.r = list[i], .any_len = true};
	qsort(w->list, w->n, sizeof(*w->list), compare_wanted);
}

/* @learned: a vnic was seen to send from it. What nobody configured is its owner's doing: dynamic, as `ip` says. */
static json_t *append_one(struct shown *s, struct ip_range r, bool learned)
{
	const struct wanted *x = find_wanted(&s->configured, &r);
	json_t *o;

	if (x != NULL && learned)
		r.len = x->r.len;
	o = range_json(&r);
	if (x == NULL)
		json_object_set_new(o, "dynamic", json_true());
	if (learned)
		json_object_set_new(o, "learned", json_true());
	json_array_append_new(s->infos, o);
	return o;
}

/* Of several with one address the first keeps it; the others are told whose it is. */
static void tell_owner(const struct shown *s, const struct vnic_rt *v, const struct ip_range *r,
		       json_t *o)
{
	struct ip_key key = ip_key_of(&r->first);
	const struct vnic_rt *owner;
	uint16_t id;

	if (v->port == NULL || v->port->addresses == NULL || !v->active)
		return;
	id = ip_table_find(v->port->addresses, &key, r->first.family == 6, v->id);
	owner = id != v->id ? s->rt->by_id[id] : NULL;
	if (owner != NULL)
		json_object_set_new(o, "conflict", json_string(owner->conf->name));
}

static void append_vnic(struct shown *s, const struct vnic_rt *v)
{
	size_t n = addresses_count(v);

	for (size_t i = 0; i < n; i++) {
		struct ip_range r = addresses_get(v, i);
		json_t *o = append_one(s, r, i < v->n_learned);

		tell_owner(s, v, &r, o);
	}
}

static void append_port(struct shown *s, const struct port_rt *p)
{
	const struct endpoint_state *host = &p->host.state;
	size_t n = p->host.endpoint != NULL && host->present ? host->n_addresses : 0;

	for (size_t i = 0; i < p->conf->n_addresses; i++) {
		const struct ip_prefix *x = &p->conf->addresses[i];

		append_one(s, (struct ip_range){x->addr, x->addr, x->len}, false);
	}
	for (size_t i = 0; i < n; i++) {
		const struct ip_prefix *a = &host->addresses[i];
		struct ip_range r = {a->addr, a->addr, a->len};

		if (find_wanted(&s->configured, &r) == NULL)
			append_one(s, r, false);
	}
}

/* As `ip -j address` has it. Without a name those that have none are left out. */
static void append_addresses(json_t *out, const struct runtime *rt, const char *dev, bool always)
{
	struct arena *a = arena_create();
	struct shown s = {.rt = rt, .infos = json_array()};
	const struct port_rt *p = runtime_port(rt, dev);

	note_configured(&s, a, dev);
	if (p != NULL)
		append_port(&s, p);
	else
		append_vnic(&s, runtime_vnic(rt, dev));
	arena_destroy(a);
	if (json_array_size(s.infos) > 0 || always)
		json_array_append_new(out,
				      json_pack("{s:s,s:o}", "ifname", dev, "addr_info", s.infos));
	else
		json_decref(s.infos);
}

json_t *command_address_show(const json_t *params, void *arg, struct err *err)
{
	const struct runtime *rt = command_runtime(arg);
	const struct conf *c = rt->conf;
	const char *dev = NULL;
	json_t *out;

	if (command_show_params(params, c, false, &dev, err) != 0)
		return NULL;
	out = json_array();
	if (dev != NULL)
		append_addresses(out, rt, dev, true);
	for (size_t i = 0; dev == NULL && i < c->n_ports; i++)
		append_addresses(out, rt, c->ports[i].name, false);
	for (size_t i = 0; dev == NULL && i < c->n_vnics; i++)
		append_addresses(out, rt, c->vnics[i].name, false);
	return out;
}
