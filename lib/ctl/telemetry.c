/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#include "base/log.h"
#include "ctl/show.h"
#include "ctl/telemetry.h"
#include "ctl/view.h"

/** Names in one reply: what a reply holds of other things, too (RTE_TEL_MAX_DICT_ENTRIES). */
#define PAGE 256

/* DPDK 23.03 gave it a new name and deprecated the old one. */
static int add_number(struct rte_tel_data *d, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	return rte_tel_data_add_dict_uint(d, name, value);
#else
	return rte_tel_data_add_dict_u64(d, name, value);
#endif
}

/* ---- parameters: bytes of whoever may open the socket ---- */

/* "" and NULL: from the start. */
static int parse_from(const char *params, size_t *from)
{
	*from = 0;
	if (params == NULL || *params == '\0')
		return 0;
	if (strlen(params) > 9 || strspn(params, "0123456789") != strlen(params))
		return -EINVAL;
	*from = strtoul(params, NULL, 10);
	return 0;
}

static bool is_name(const char *params)
{
	return params != NULL && *params != '\0';
}

/* ---- commands ---- */

static int list_vnics(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct view *v;
	size_t from;
	int rc = parse_from(params, &from);

	(void)cmd;
	if (rc != 0)
		return rc;
	v = view_lock();
	rc = v == NULL ? -EAGAIN : rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (size_t i = from; rc == 0 && i < v->conf->n_vnics && i - from < PAGE; i++)
		rc = rte_tel_data_add_array_string(d, v->conf->vnics[i].name);
	view_unlock();
	return rc;
}

static int list_ports(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct view *v = view_lock();
	int rc = v == NULL ? -EAGAIN : rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);

	(void)cmd;
	(void)params;
	for (size_t i = 0; rc == 0 && i < v->conf->n_ports; i++)
		rc = rte_tel_data_add_array_string(d, v->conf->ports[i].name);
	view_unlock();
	return rc;
}

static void add_mac(struct rte_tel_data *d, uint64_t mac)
{
	char text[MAC_STR_LEN];

	rte_tel_data_add_dict_string(d, "address", mac_format(mac, text));
}

/* A value longer than a reply holds (a vhost path) is cut there. */
static void add_endpoint(struct rte_tel_data *d, const char *name, const struct endpoint_conf *c,
			 const struct endpoint *ep)
{
	rte_tel_data_add_dict_string(d, name, c->spec);
	add_number(d, "queues", ep != NULL ? ep->n_rx_queues : 0);
}

static void vnic_info(const struct view_vnic *n, struct rte_tel_data *d)
{
	const struct vnic_conf *c = n->conf;
	bool is_veth = c->type == VNIC_VETH;

	rte_tel_data_add_dict_string(d, "ifname", c->name);
	rte_tel_data_add_dict_string(d, "link", is_veth ? c->peer : c->port);
	rte_tel_data_add_dict_string(d, "info_kind", vnic_type_name(c->type));
	rte_tel_data_add_dict_string(d, "mode", is_veth ? "" : vnic_mode_name(c->mode));
	add_mac(d, n->mac);
	add_number(d, "mtu", n->mtu);
	rte_tel_data_add_dict_string(d, "operstate", show_operstate(n->up, n->carrier, !is_veth));
	add_endpoint(d, "endpoint", &c->endpoint, n->endpoint);
}

static void port_info(const struct view_port *p, struct rte_tel_data *d)
{
	rte_tel_data_add_dict_string(d, "ifname", p->conf->name);
	add_mac(d, p->mac);
	add_number(d, "mtu", p->mtu);
	rte_tel_data_add_dict_string(d, "operstate", show_operstate(p->present, p->carrier, false));
	add_endpoint(d, "device", &p->conf->device, p->wire);
	if (p->conf->has_host)
		rte_tel_data_add_dict_string(d, "host", p->conf->host.spec);
	add_number(d, "addresses", p->n_addresses);
	for (int s = NEIGH_NONE + 1; s < NEIGH_N_STATES; s++) {
		char name[32];

		snprintf(name, sizeof(name), "neighbours_%s",
			 neigh_state_name((enum neigh_state)s));
		add_number(d, name, p->n_neighs[s]);
	}
}

static int show_info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct view *v = view_lock();
	const struct view_vnic *n = is_name(params) ? view_find_vnic(v, params) : NULL;
	const struct view_port *p = is_name(params) ? view_find_port(v, params) : NULL;
	int rc = n == NULL && p == NULL ? -ENODEV : rte_tel_data_start_dict(d);

	(void)cmd;
	if (rc == 0 && n != NULL)
		vnic_info(n, d);
	else if (rc == 0)
		port_info(p, d);
	view_unlock();
	return rc;
}

/* The counters of the vnic or port of that name. */
static int collect(const char *name, struct iface_stats *sum)
{
	const struct view *v = view_lock();
	const struct view_vnic *n = is_name(name) ? view_find_vnic(v, name) : NULL;
	const struct view_port *p = is_name(name) ? view_find_port(v, name) : NULL;

	if (n != NULL)
		view_vnic_stats(v, n, sum);
	else if (p != NULL)
		view_port_stats(v, p, sum);
	view_unlock();
	return n == NULL && p == NULL ? -ENODEV : 0;
}

static int show_stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct iface_stats sum;
	int rc = collect(params, &sum);

	(void)cmd;
	if (rc == 0)
		rc = rte_tel_data_start_dict(d);
	if (rc != 0)
		return rc;
	add_number(d, "rx_packets", sum.rx_packets);
	add_number(d, "rx_bytes", sum.rx_bytes);
	add_number(d, "rx_multicast", sum.rx_multicast);
	add_number(d, "rx_dropped", sum.rx_dropped);
	add_number(d, "tx_packets", sum.tx_packets);
	add_number(d, "tx_bytes", sum.tx_bytes);
	add_number(d, "tx_dropped", sum.tx_dropped);
	return 0;
}

static int tell_drops(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct iface_stats sum;
	int rc = collect(params, &sum);

	(void)cmd;
	if (rc == 0)
		rc = rte_tel_data_start_dict(d);
	for (int r = DROP_NONE + 1; rc == 0 && r < DROP_N_REASONS; r++)
		rc = add_number(d, drop_reason_name((enum drop_reason)r), sum.drops[r]);
	return rc;
}

static int add_worker(struct rte_tel_data *d, const struct view *v, uint32_t i)
{
	struct rte_tel_data *w = rte_tel_data_alloc();
	struct cycles_counts c;
	char name[16];
	int rc;

	if (w == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(w);
	cycles_read(&v->dp->workers[i]->cycles, &c);
	add_number(w, "rx_queues", v->n_queues[i]);
	add_number(w, "cycles", c.began != 0 ? rte_rdtsc() - c.began : 0);
	add_number(w, "busy_cycles", c.busy_cycles);
	add_number(w, "sleep_cycles", c.sleep_cycles);
	add_number(w, "frames", c.frames);
	add_number(w, "bursts", c.bursts);
	add_number(w, "sleeps", c.sleeps);
	add_number(w, "letters_lost",
		   __atomic_load_n(&v->dp->workers[i]->mail->lost, __ATOMIC_RELAXED));
	add_number(w, "longest_turn", cycles_longest(&c, rte_rdtsc(), rte_get_tsc_hz()));
	snprintf(name, sizeof(name), "%u", v->dp->workers[i]->lcore);
	rc = rte_tel_data_add_dict_container(d, name, w, 0);
	if (rc != 0)
		rte_tel_data_free(w);
	return rc;
}

static int show_workers(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct view *v = view_lock();
	int rc = v == NULL ? -EAGAIN : rte_tel_data_start_dict(d);

	(void)cmd;
	(void)params;
	for (uint32_t i = 0; rc == 0 && i < v->dp->n_workers; i++)
		rc = add_worker(d, v, i);
	view_unlock();
	return rc;
}

static const struct {
	const char *name;
	telemetry_cb call;
	const char *help;
} commands[] = {
	{"/vnic/list", list_vnics,
	 "Names of vnics, 256 at most, from number FROM on. Parameters: [FROM]"},
	{"/vnic/ports", list_ports, "Names of ports. No parameters"},
	{"/vnic/info", show_info, "What a vnic or port is. Parameters: NAME"},
	{"/vnic/stats", show_stats, "Counters of a vnic or port. Parameters: NAME"},
	{"/vnic/drops", tell_drops, "Drops of a vnic or port by reason. Parameters: NAME"},
	{"/vnic/workers", show_workers, "Workers by lcore. No parameters"},
};

void telemetry_register(void)
{
	for (size_t i = 0; i < RTE_DIM(commands); i++) {
		int rc = rte_telemetry_register_cmd(commands[i].name, commands[i].call,
						    commands[i].help);

		if (rc != 0)
			LOG(WARNING, CTL, "telemetry has no %s: %s", commands[i].name,
			    strerror(-rc));
	}
}
