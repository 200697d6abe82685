/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/stat.h>

#include "ctl/commands.h"
#include "ctl/control.h"
#include "ctl/methods.h"
#include "ctl/show.h"
#include "ctl/workers.h"

static json_t *no_such(const struct runtime *rt, struct err *err, const char *name)
{
	if (runtime_port(rt, name) != NULL)
		err_set(err, ENODEV, "\"%s\" is a port: try port show (ENODEV)", name);
	else if (runtime_vnic(rt, name) != NULL)
		err_set(err, ENODEV, "\"%s\" is a vnic: try link show (ENODEV)", name);
	else
		err_set(err, ENODEV, "there is no \"%s\" (ENODEV)", name);
	return NULL;
}

/* One interface or all, and how much of it: everything, unless something is switched off. */
static int show_params(const json_t *params, const char **name, struct show_what *w,
		       struct err *err)
{
	static const char *const known[] = {"name", "statistics", "details", NULL};
	int rc = rpc_params_known(params, known, err);

	*w = (struct show_what){true, true};
	if (rc == 0)
		rc = rpc_param_bool(params, "statistics", &w->statistics, err);
	if (rc == 0)
		rc = rpc_param_bool(params, "details", &w->details, err);
	return rc != 0 ? rc : rpc_param_string(params, "name", name, err);
}

static json_t *link_show(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;
	const struct runtime *rt = a->rt;
	const char *name = NULL;
	struct show_what what;
	const struct vnic_rt *v;
	json_t *list;

	if (show_params(params, &name, &what, err) != 0)
		return NULL;
	v = name != NULL ? runtime_vnic(rt, name) : NULL;
	if (name != NULL && v == NULL)
		return no_such(rt, err, name);
	list = json_array();
	if (v != NULL)
		json_array_append_new(list, show_link(rt, v, &what));
	for (size_t i = 0; name == NULL && i < rt->conf->n_vnics; i++)
		json_array_append_new(list, show_link(rt, rt->vnics[i], &what));
	return list;
}

static json_t *port_show(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;
	const struct runtime *rt = a->rt;
	const char *name = NULL;
	struct show_what what;
	const struct port_rt *p;
	json_t *list;

	if (show_params(params, &name, &what, err) != 0)
		return NULL;
	p = name != NULL ? runtime_port(rt, name) : NULL;
	if (name != NULL && p == NULL)
		return no_such(rt, err, name);
	list = json_array();
	if (p != NULL)
		json_array_append_new(list, show_port(rt, p, &what));
	for (size_t i = 0; name == NULL && i < rt->conf->n_ports; i++)
		json_array_append_new(list, show_port(rt, rt->ports[i], &what));
	return list;
}

static json_t *drops_show(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;
	const struct runtime *rt = a->rt;
	const char *name = NULL;
	struct show_what what;
	struct iface_stats sum;
	bool found = false, all;
	json_t *list;

	if (show_params(params, &name, &what, err) != 0)
		return NULL;
	/* Nearly all are 0, and of 65,000 vnics they would be a hundred megabytes: only who asks gets them. */
	all = json_is_true(json_object_get(params, "details"));
	list = json_array();
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		if (name != NULL && strcmp(name, rt->conf->ports[i].name) != 0)
			continue;
		runtime_port_stats(rt, rt->ports[i], &sum);
		show_drops(list, rt->conf->ports[i].name, &sum, all);
		found = true;
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		if (name != NULL && strcmp(name, rt->conf->vnics[i].name) != 0)
			continue;
		runtime_vnic_stats(rt, rt->vnics[i], &sum);
		show_drops(list, rt->conf->vnics[i].name, &sum, all);
		found = true;
	}
	if (name != NULL && !found) {
		json_decref(list);
		return no_such(rt, err, name);
	}
	return list;
}

/* Whoever writes into a pipe may take his time, and main would wait for him. */
static bool is_pipe(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && S_ISFIFO(st.st_mode);
}

static json_t *config_check(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {"file", NULL};
	struct errors es = {0};
	const char *file;
	json_t *list;

	(void)arg;
	if (rpc_params_known(params, known, err) != 0 ||
	    rpc_need_string(params, "file", &file, err) != 0)
		return NULL;
	es.file = file;
	if (is_pipe(file))
		errors_add(&es, 0, EINVAL, NULL, NULL, "is a pipe; only a file can be checked");
	else
		conf_free(control_load(file, &es));
	list = json_array();
	for (size_t i = 0; i < es.n; i++) {
		char line[1024];

		errors_format(&es, i, line, sizeof(line));
		json_array_append_new(list, json_string(line));
	}
	errors_free(&es);
	return json_pack("{s:o}", "errors", list);
}

static json_t *config_reload(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {NULL};
	const struct methods_arg *a = arg;

	if (rpc_params_known(params, known, err) != 0 || a->reload(a->control, err) != 0)
		return NULL;
	return json_object();
}

static json_t *capture_start(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;

	return captures_start(a->captures, a->rpc, params, err);
}

static json_t *worker_show(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;

	return workers_show(a->rt, params, err);
}

static json_t *capture_show(const json_t *params, void *arg, struct err *err)
{
	const struct methods_arg *a = arg;

	return captures_show(a->captures, params, err);
}

const struct rpc_method methods[] = {
	/* clang-format off */
	{"address.add", command_address_add},
	{"address.del", command_address_del},
	{"address.show", command_address_show},
	{"capture.show", capture_show},
	{"capture.start", capture_start},
	{"config.check", config_check},
	{"config.reload", config_reload},
	{"config.show", command_config_show},
	{"drops.show", drops_show},
	{"link.add", command_link_add},
	{"link.del", command_link_del},
	{"link.set", command_link_set},
	{"link.show", link_show},
	{"neigh.add", command_neigh_add},
	{"neigh.del", command_neigh_del},
	{"neigh.flush", command_neigh_flush},
	{"neigh.show", command_neigh_show},
	{"port.show", port_show},
	{"route.add", command_route_add},
	{"route.del", command_route_del},
	{"route.show", command_route_show},
	{"worker.show", worker_show},
	/* clang-format on */
};
const size_t n_methods = sizeof(methods) / sizeof(methods[0]);
