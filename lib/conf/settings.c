/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "conf/settings.h"
#include "conf/words.h"

/* "FIRST-LAST", or a network, " via " and a gateway, with ", " behind. */
#define ITEM_MAX (2 * IP_STR_LEN + 8)

/* iniparser's line, less the key, " = ", ".99999" and two quotes. */
#define VALUE_MAX 960

/* ---- the list ---- */

static struct setting *find(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].key, key) == 0)
			return &s->list[i];
	return NULL;
}

void settings_put(struct settings *s, const char *key, const char *value)
{
	struct setting *old = find(s, key);

	if (old != NULL) {
		old->value = value;
		return;
	}
	s->list = arena_grow(s->arena, s->list, s->n, sizeof(*s->list));
	s->list[s->n++] = (struct setting){key, value};
}

const char *settings_get(const struct settings *s, const char *key)
{
	const struct setting *found = find(s, key);

	return found != NULL ? found->value : NULL;
}

static void put_number(struct settings *s, const char *key, long long value)
{
	settings_put(s, key, arena_printf(s->arena, "%lld", value));
}

static void put_mac(struct settings *s, const char *key, uint64_t mac)
{
	char text[MAC_STR_LEN];

	mac_format(mac, text);
	settings_put(s, key, arena_strndup(s->arena, text, strlen(text)));
}

/* ---- lists ---- */

struct joined {
	char *text;
	size_t n;
};

static struct joined joined_start(struct arena *a, size_t n_items)
{
	return (struct joined){.text = arena_alloc(a, n_items * ITEM_MAX + 1)};
}

static void join(struct joined *j, const char *item)
{
	int n = snprintf(j->text + j->n, ITEM_MAX, "%s%s", j->n > 0 ? ", " : "", item);

	if (n > 0)
		j->n += n < ITEM_MAX ? (size_t)n : ITEM_MAX - 1;
}

const char *settings_ranges(struct arena *a, const struct ip_range *list, size_t n)
{
	struct joined j = joined_start(a, n);

	for (size_t i = 0; i < n; i++) {
		char first[IP_STR_LEN], last[IP_STR_LEN], item[ITEM_MAX];

		ip_addr_format(&list[i].first, first);
		ip_addr_format(&list[i].last, last);
		if (ip_addr_cmp(&list[i].first, &list[i].last) == 0)
			snprintf(item, sizeof(item), "%s/%u", first, list[i].len);
		else
			snprintf(item, sizeof(item), "%s-%s", first, last);
		join(&j, item);
	}
	return j.text;
}

const char *settings_prefixes(struct arena *a, const struct ip_prefix *list, size_t n)
{
	struct joined j = joined_start(a, n);
	char text[IP_STR_LEN];

	for (size_t i = 0; i < n; i++)
		join(&j, ip_prefix_format(&list[i], text));
	return j.text;
}

const char *settings_routes(struct arena *a, const struct ip_route *list, size_t n)
{
	struct joined j = joined_start(a, n);

	for (size_t i = 0; i < n; i++) {
		char dst[IP_STR_LEN], via[IP_STR_LEN], item[ITEM_MAX];

		if (list[i].via.family == 0)
			ip_prefix_format(&list[i].dst, item);
		else
			snprintf(item, sizeof(item), "%s via %s",
				 list[i].dst.len != 0 ? ip_prefix_format(&list[i].dst, dst)
						      : "default",
				 ip_addr_format(&list[i].via, via));
		join(&j, item);
	}
	return j.text;
}

const char *settings_macs(struct arena *a, const uint64_t *list, size_t n)
{
	struct joined j = joined_start(a, n);
	char text[MAC_STR_LEN];

	for (size_t i = 0; i < n; i++)
		join(&j, mac_format(list[i], text));
	return j.text;
}

/* ---- values that have a form of their own ---- */

static const char *lcores_text(struct arena *a, const struct lcore_set *set)
{
	struct joined j = joined_start(a, CONF_MAX_WORKERS);
	char item[24];

	for (unsigned int i = 0; i < CONF_MAX_WORKERS; i++) {
		unsigned int last = i;

		if (!lcore_set_has(set, i))
			continue;
		while (last + 1 < CONF_MAX_WORKERS && lcore_set_has(set, last + 1))
			last++;
		if (last > i)
			snprintf(item, sizeof(item), "%u-%u", i, last);
		else
			snprintf(item, sizeof(item), "%u", i);
		join(&j, item);
		i = last;
	}
	return j.text;
}

static const char *flags_text(struct arena *a, const struct word *words, uint32_t flags)
{
	struct joined j = joined_start(a, 8);

	for (; words->text != NULL; words++)
		if ((flags & (uint32_t)words->value) != 0)
			join(&j, words->text);
	return j.text;
}

/* ---- sections ---- */

void settings_of_global(struct settings *s, const struct global_conf *g)
{
	settings_put(s, "control", g->control);
	if (g->metrics != NULL)
		settings_put(s, "metrics", g->metrics);
	if (g->idle_adaptive)
		settings_put(s, "idle", words_name(words_idle, true, NULL));
	if (g->mbufs != 0)
		put_number(s, "mbufs", g->mbufs);
	if (g->mbuf_size != 2176)
		put_number(s, "mbuf-size", g->mbuf_size);
}

void settings_of_port(struct settings *s, const struct port_conf *p)
{
	settings_put(s, "device", p->device.spec);
	if (p->mac != 0)
		put_mac(s, "mac", p->mac);
	if (p->mtu != 1500)
		put_number(s, "mtu", p->mtu);
	if (p->queues != p->device.queues)
		put_number(s, "queues", p->queues);
	if (!p->workers.all)
		settings_put(s, "workers", lcores_text(s->arena, &p->workers));
	if (p->promisc != PROMISC_AUTO)
		settings_put(s, "promisc", words_name(words_promisc, (int)p->promisc, NULL));
	if (p->has_host)
		settings_put(s, "host", p->host.spec);
	if (p->host_reach)
		settings_put(s, "host-reach", words_name(words_on_off, true, NULL));
	if (p->n_addresses != 0)
		settings_put(s, "address",
			     settings_prefixes(s->arena, p->addresses, p->n_addresses));
	if (p->n_routes != 0)
		settings_put(s, "routes", settings_routes(s->arena, p->routes, p->n_routes));
	if (p->proxy_arp)
		settings_put(s, "proxy-arp", words_name(words_on_off, true, NULL));
	if (p->host_routes)
		settings_put(s, "host-routes", words_name(words_on_off, true, NULL));
}

static void put_kind(struct settings *s, const struct vnic_conf *v)
{
	settings_put(s, "type", vnic_type_name(v->type));
	if (v->port != NULL)
		settings_put(s, "port", v->port);
	if (v->peer != NULL)
		settings_put(s, "peer", v->peer);
	if (v->mode != MODE_NONE)
		settings_put(s, "mode", vnic_mode_name(v->mode));
	if (v->flags != 0)
		settings_put(
			s, "flags",
			flags_text(s->arena,
				   vnic_is_ipvlan(v->type) ? words_ipvlan_flag : words_macvlan_flag,
				   v->flags));
}

static void put_endpoint(struct settings *s, const struct vnic_conf *v)
{
	if (v->endpoint.type != ENDPOINT_NONE)
		settings_put(s, "endpoint", v->endpoint.spec);
	if (v->queues != (v->endpoint.queues != 0 ? v->endpoint.queues : 1))
		put_number(s, "queues", v->queues);
	if (!v->workers.all)
		settings_put(s, "workers", lcores_text(s->arena, &v->workers));
}

static void put_groups(struct settings *s, const struct vnic_conf *v)
{
	if (v->multicast == MULTICAST_ALL)
		settings_put(s, "multicast", "all");
	else if (v->multicast == MULTICAST_LIST)
		settings_put(s, "multicast", settings_macs(s->arena, v->groups, v->n_groups));
	if (v->bcqueuelen != CONF_DEFAULT_BCQUEUELEN)
		put_number(s, "bcqueuelen", v->bcqueuelen);
	if (v->bclim != 1)
		put_number(s, "bclim", v->bclim);
}

static void put_ipvlan(struct settings *s, const struct vnic_conf *v)
{
	if (v->arp != ARP_AUTO)
		settings_put(s, "arp", words_name(words_arp, (int)v->arp, NULL));
	if (v->mac_policy != MAC_PASS)
		settings_put(s, "mac-policy",
			     words_name(words_mac_policy, (int)v->mac_policy, NULL));
	if (v->learn != 0)
		put_number(s, "learn", v->learn);
	if (v->dhcp)
		settings_put(s, "dhcp", words_name(words_on_off, true, NULL));
	if (v->announce)
		settings_put(s, "announce", words_name(words_on_off, true, NULL));
}

void settings_of_vnic(struct settings *s, const struct vnic_conf *v)
{
	put_kind(s, v);
	if (v->mac_given)
		put_mac(s, "mac", v->mac);
	if (v->mtu != 0)
		put_number(s, "mtu", v->mtu);
	if (v->n_addresses != 0)
		settings_put(s, "address", settings_ranges(s->arena, v->addresses, v->n_addresses));
	if (v->n_sources != 0)
		settings_put(s, "sources", settings_macs(s->arena, v->sources, v->n_sources));
	put_endpoint(s, v);
	if (!v->up)
		settings_put(s, "state", words_name(words_up_down, false, NULL));
	if (v->spoofcheck != SPOOFCHECK_OFF)
		settings_put(s, "spoofcheck",
			     words_name(words_spoofcheck, (int)v->spoofcheck, NULL));
	put_ipvlan(s, v);
	put_groups(s, v);
}

/* ---- lines ---- */

bool setting_is_list(const char *key)
{
	static const char *const lists[] = {"address", "sources", "multicast", "routes"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(key, lists[i]) == 0)
			return true;
	return false;
}

bool setting_is_writable(const struct setting *s)
{
	size_t n = strlen(s->value);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s->value[i] < ' ')
			return false;
	if (strchr(s->value, '"') != NULL && strchr(s->value, '\'') != NULL)
		return false;
	return n <= VALUE_MAX || setting_is_list(s->key);
}
