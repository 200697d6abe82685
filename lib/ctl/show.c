/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "conf/words.h"
#include "ctl/show.h"

static json_t *flags(bool up, bool carrier, bool noarp)
{
	json_t *list = json_array();

	if (up && !carrier)
		json_array_append_new(list, json_string("NO-CARRIER"));
	json_array_append_new(list, json_string("BROADCAST"));
	json_array_append_new(list, json_string("MULTICAST"));
	if (noarp)
		json_array_append_new(list, json_string("NOARP"));
	if (up)
		json_array_append_new(list, json_string("UP"));
	if (up && carrier)
		json_array_append_new(list, json_string("LOWER_UP"));
	return list;
}

static json_t *mac_string(uint64_t mac)
{
	char text[MAC_STR_LEN];

	return json_string(mac_format(mac, text));
}

static json_t *stats64(const struct iface_stats *s)
{
	return json_pack("{s:{s:I,s:I,s:I,s:I,s:I},s:{s:I,s:I,s:I,s:I}}", "rx", "bytes",
			 (json_int_t)s->rx_bytes, "packets", (json_int_t)s->rx_packets, "errors",
			 (json_int_t)0, "dropped", (json_int_t)s->rx_dropped, "multicast",
			 (json_int_t)s->rx_multicast, "tx", "bytes", (json_int_t)s->tx_bytes,
			 "packets", (json_int_t)s->tx_packets, "errors", (json_int_t)0, "dropped",
			 (json_int_t)s->tx_dropped);
}

/* All reasons, zero or not, so that a script finds each by name. */
static json_t *drops(const struct iface_stats *s)
{
	json_t *o = json_object();

	for (int r = DROP_NONE + 1; r < DROP_N_REASONS; r++)
		json_object_set_new(o, drop_reason_name((enum drop_reason)r),
				    json_integer((json_int_t)s->drops[r]));
	return o;
}

static void add_statistics(json_t *o, const struct iface_stats *sum)
{
	json_object_set_new(o, "stats64", stats64(sum));
	json_object_set_new(o, "drops", drops(sum));
}

static json_t *endpoint_json(const struct endpoint_conf *c, const struct attachment *a,
			     const char *reason, const struct show_what *w)
{
	const char *state = reason[0] == '\0' ? "up" : "down";
	json_t *o =
		json_pack("{s:s,s:s}", "type", endpoint_type_name(c->type), "target", c->target);
	char detail[400] = "";

	if (c->netns != NULL)
		json_object_set_new(o, "netns", json_string(c->netns));
	json_object_set_new(o, "queues",
			    json_integer(a->endpoint != NULL ? a->endpoint->n_rx_queues : 0));
	json_object_set_new(o, "state", json_string(state));
	json_object_set_new(o, "reason", reason[0] != '\0' ? json_string(reason) : json_null());
	if (a->endpoint != NULL && w->details)
		endpoint_describe(a->endpoint, detail, sizeof(detail));
	if (detail[0] != '\0')
		json_object_set_new(o, "detail", json_string(detail));
	return o;
}

/* The flag is a member of its own, as iproute2 has it (ip/iplink_ipvlan.c); the rest is ours. */
static json_t *ipvlan_data(const struct vnic_conf *c)
{
	json_t *o = json_pack("{s:s,s:b}", "mode", vnic_mode_name(c->mode),
			      ipvlan_flag_name(c->flags), true);

	if (c->arp != ARP_AUTO)
		json_object_set_new(o, "arp", json_string(words_name(words_arp, (int)c->arp, "")));
	if (c->mac_policy != MAC_PASS)
		json_object_set_new(
			o, "mac-policy",
			json_string(words_name(words_mac_policy, (int)c->mac_policy, "")));
	if (c->learn != 0)
		json_object_set_new(o, "learn", json_integer(c->learn));
	if (c->dhcp)
		json_object_set_new(o, "dhcp", json_true());
	return o;
}

static json_t *info_data(const struct runtime *rt, const struct vnic_rt *v)
{
	const struct vnic_conf *c = v->conf;
	json_t *o, *list;

	if (c->type == VNIC_VETH)
		return json_object();
	if (vnic_is_ipvlan(c->type))
		return ipvlan_data(c);
	o = json_pack("{s:s}", "mode", vnic_mode_name(c->mode));
	if (c->flags & VNIC_F_NOPROMISC)
		json_object_set_new(o, "nopromisc", json_true());
	if (c->flags & VNIC_F_NODST)
		json_object_set_new(o, "nodst", json_true());
	json_object_set_new(o, "bcqueuelen", json_integer(c->bcqueuelen));
	/* The one in force, of all vnics of the port (MV-540). */
	json_object_set_new(o, "usedbcqueuelen",
			    json_integer(rt->dp.snapshot->ports[v->port->id].bcqueuelen));
	if (c->bclim != 1)
		json_object_set_new(o, "bclim", json_integer(c->bclim));
	if (c->mode == MODE_SOURCE) {
		list = json_array();
		for (size_t i = 0; i < c->n_sources; i++)
			json_array_append_new(list, mac_string(c->sources[i]));
		json_object_set_new(o, "macaddr_count", json_integer((json_int_t)c->n_sources));
		json_object_set_new(o, "macaddr_data", list);
	}
	return o;
}

/* Why nothing can reach the owner now; empty: it can. */
static void vnic_reason(const struct vnic_rt *v, char *buf, size_t len)
{
	if (v->refused.code != 0)
		snprintf(buf, len, "%s", v->refused.text);
	else if (v->at.state.reason[0] != '\0')
		snprintf(buf, len, "%s", v->at.state.reason);
	else if (v->port != NULL && v->port->down)
		snprintf(buf, len, "port %s is down: its host's netdev is", v->port->conf->name);
	else if (v->port != NULL && !v->port->carrier)
		snprintf(buf, len, "port %s has no link", v->port->conf->name);
	else if (v->peer != NULL && !v->peer->up)
		snprintf(buf, len, "its peer %s is down", v->peer->conf->name);
	else
		buf[0] = '\0';
}

const char *show_operstate(bool up, bool carrier, bool has_lower)
{
	if (!up)
		return "DOWN";
	return carrier ? "UP" : has_lower ? "LOWERLAYERDOWN" : "DOWN";
}

/*
 * Nobody can tell a guest its MTU but its own side of the socket; where that told more than there
 * is, the guest's owner learns here why long frames vanish.
 */
static void add_mtu_note(json_t *endpoint, const struct vnic_rt *v)
{
	const char *detail = json_string_value(json_object_get(endpoint, "detail"));

	if (detail == NULL || v->conf->endpoint.type != ENDPOINT_VHOST || v->at.state.mtu <= v->mtu)
		return;
	json_object_set_new(endpoint, "detail",
			    json_sprintf("%s note=the client's MTU %u is more than the vnic's %u; "
					 "longer frames may be dropped",
					 detail, v->at.state.mtu, v->mtu));
}

/* What isn't the default of what is said nowhere else. */
static void add_details(json_t *o, const struct vnic_rt *v)
{
	const struct vnic_conf *c = v->conf;

	if (c->spoofcheck != SPOOFCHECK_OFF)
		json_object_set_new(
			o, "spoofcheck",
			json_string(words_name(words_spoofcheck, (int)c->spoofcheck, "")));
	if (c->announce)
		json_object_set_new(o, "announce", json_true());
	if (vnic_is_ipvlan(c->type) || c->spoofcheck == SPOOFCHECK_IP)
		json_object_set_new(o, "conflicts", json_integer((json_int_t)v->conflicts));
}

/* As a kernel slave of mode l3; an owner behind another endpoint asks, unless he was told not to. */
static bool is_noarp(const struct vnic_conf *c)
{
	return (c->mode == MODE_L3 || c->mode == MODE_L3S) &&
	       (c->arp == ARP_OFF || (c->arp == ARP_AUTO && c->endpoint.type == ENDPOINT_TAP));
}

json_t *show_link(const struct runtime *rt, const struct vnic_rt *v, const struct show_what *w)
{
	const struct vnic_conf *c = v->conf;
	struct iface_stats sum;
	char reason[sizeof(v->refused.text)];
	json_t *o = json_object();

	if (w->statistics)
		runtime_vnic_stats(rt, v, &sum);
	vnic_reason(v, reason, sizeof(reason));
	json_object_set_new(o, "ifname", json_string(c->name));
	if (c->type == VNIC_VETH)
		json_object_set_new(o, "link", json_string(c->peer));
	else
		json_object_set_new(o, "link", json_string(c->port));
	json_object_set_new(o, "flags", flags(v->up, v->carrier, is_noarp(c)));
	json_object_set_new(o, "mtu", json_integer(v->mtu));
	json_object_set_new(o, "operstate",
			    json_string(show_operstate(v->up, v->carrier, v->port != NULL)));
	json_object_set_new(o, "link_type", json_string("ether"));
	json_object_set_new(o, "address", mac_string(v->mac));
	json_object_set_new(o, "linkinfo",
			    json_pack("{s:s,s:o}", "info_kind", vnic_type_name(c->type),
				      "info_data", info_data(rt, v)));
	json_object_set_new(o, "endpoint", endpoint_json(&c->endpoint, &v->at, reason, w));
	add_mtu_note(json_object_get(o, "endpoint"), v);
	if (w->details)
		add_details(o, v);
	if (w->statistics)
		add_statistics(o, &sum);
	return o;
}

json_t *show_port(const struct runtime *rt, const struct port_rt *p, const struct show_what *w)
{
	const struct port_conf *c = p->conf;
	struct iface_stats sum;
	json_t *o = json_object();
	bool up = p->wire.state.present && !p->down;

	if (w->statistics)
		runtime_port_stats(rt, p, &sum);
	json_object_set_new(o, "ifname", json_string(c->name));
	json_object_set_new(o, "flags", flags(up, p->carrier, false));
	json_object_set_new(o, "mtu", json_integer(p->mtu));
	json_object_set_new(o, "operstate", json_string(show_operstate(up, p->carrier, false)));
	json_object_set_new(o, "link_type", json_string("ether"));
	json_object_set_new(o, "address", mac_string(p->mac));
	json_object_set_new(o, "promisc", json_boolean(!p->filtered));
	json_object_set_new(o, "device",
			    endpoint_json(&c->device, &p->wire, p->wire.state.reason, w));
	if (c->has_host)
		json_object_set_new(o, "host",
				    endpoint_json(&c->host, &p->host, p->host.state.reason, w));
	if (w->statistics)
		add_statistics(o, &sum);
	return o;
}

void show_drops(json_t *list, const char *ifname, const struct iface_stats *sum, bool all)
{
	for (int r = DROP_NONE + 1; r < DROP_N_REASONS; r++)
		if (all || sum->drops[r] != 0)
			json_array_append_new(
				list, json_pack("{s:s,s:s,s:I,s:s}", "ifname", ifname, "reason",
						drop_reason_name((enum drop_reason)r), "packets",
						(json_int_t)sum->drops[r], "text",
						drop_reason_text((enum drop_reason)r)));
}
