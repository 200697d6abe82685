/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers of lists: items between commas, and the parts NAME.2, NAME.3 of a key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"

/* Walks the items of a text, which it cuts up. */
struct items {
	char *next; /* NULL: no more */
};

static struct items items_of(struct parse *p, const char *text)
{
	struct items it = {NULL};

	if (text[strspn(text, " \t")] != '\0')
		it.next = arena_strndup(p->ld->scratch, text, strlen(text));
	return it;
}

static const char *next_item(struct items *it)
{
	char *item = it->next;
	char *comma;
	size_t n;

	if (item == NULL)
		return NULL;
	comma = strchr(item, ',');
	it->next = comma != NULL ? comma + 1 : NULL;
	if (comma != NULL)
		*comma = '\0';
	item += strspn(item, " \t");
	n = strlen(item);
	while (n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t'))
		item[--n] = '\0';
	return item;
}

#define APPEND(p, list, n, item)                                                                \
	do {                                                                                    \
		__typeof__(item) *room_ = arena_grow((p)->ld->c->arena, list, n, sizeof(item)); \
                                                                                                \
		room_[(n)++] = (item);                                                          \
		(list) = room_;                                                                 \
	} while (0)

bool parse_flags(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	bool ipvlan = d->v.type == VNIC_IPVLAN || d->v.type == VNIC_IPVTAP;
	const struct word *words = ipvlan ? words_ipvlan_flag : words_macvlan_flag;
	struct items it = items_of(p, text);
	const char *item;
	char list[64];
	bool ok = true;
	int value;

	while ((item = next_item(&it)) != NULL) {
		if (words_find(words, item, &value)) {
			d->v.flags |= (uint32_t)value;
			continue;
		}
		load_bad(p->ld, p->entry, EINVAL, "'%.60s' is not %s %s flag (%s)", item,
			 ipvlan ? "an" : "a", vnic_type_name(d->v.type),
			 words_list(words, list, sizeof(list)));
		ok = false;
	}
	return ok;
}

/* ---- IP ---- */

static bool check_unicast(struct parse *p, const struct ip_addr *a, const char *item)
{
	if (ip_addr_is_unicast(a))
		return true;
	load_bad(p->ld, p->entry, EADDRNOTAVAIL,
		 "%.60s is not an address that a host can have (EADDRNOTAVAIL)", item);
	return false;
}

bool parse_prefixes(struct parse *p, const char *text)
{
	struct port_draft *d = p->object;
	struct items it = items_of(p, text);
	struct ip_prefix prefix;
	const char *item;
	bool ok = true;

	while ((item = next_item(&it)) != NULL) {
		if (!ip_prefix_parse(item, &prefix)) {
			load_bad(p->ld, p->entry, EINVAL,
				 "'%.60s' is not an address with its prefix length (192.0.2.10/24)",
				 item);
			ok = false;
		} else if (!check_unicast(p, &prefix.addr, item)) {
			ok = false;
		} else {
			APPEND(p, d->p.addresses, d->p.n_addresses, prefix);
		}
	}
	return ok;
}

bool parse_routes(struct parse *p, const char *text)
{
	struct port_draft *d = p->object;
	struct items it = items_of(p, text);
	struct ip_route route;
	const char *item;
	bool ok = true;

	while ((item = next_item(&it)) != NULL) {
		if (!ip_route_parse(item, &route)) {
			load_bad(p->ld, p->entry, EINVAL,
				 "'%.60s' is not a route (default via 192.0.2.1, a network as "
				 "10.0.0.0/8 via 192.0.2.1, or one on the link as 10.0.0.0/8)",
				 item);
			ok = false;
		} else if (route.via.family != 0 && !check_unicast(p, &route.via, item)) {
			ok = false;
		} else {
			APPEND(p, d->p.routes, d->p.n_routes, route);
		}
	}
	return ok;
}

bool parse_ranges(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	bool ipvlan = d->v.type == VNIC_IPVLAN || d->v.type == VNIC_IPVTAP;
	struct items it = items_of(p, text);
	struct ip_range range;
	const char *item;
	bool ok = true;

	while ((item = next_item(&it)) != NULL) {
		if (!ip_range_parse(item, &range)) {
			load_bad(p->ld, p->entry, EINVAL,
				 "'%.60s' is not an IP address (10.0.0.2/24%s)", item,
				 ipvlan ? ", or a range 10.1.0.1-10.1.3.255" : "");
			ok = false;
		} else if (!ipvlan && strchr(item, '-') != NULL) {
			load_bad(p->ld, p->entry, EINVAL,
				 "'%.60s': ranges are for ipvlan and ipvtap; a %s takes single "
				 "addresses",
				 item, vnic_type_name(d->v.type));
			ok = false;
		} else if (!check_unicast(p, &range.first, item) ||
			   !check_unicast(p, &range.last, item)) {
			ok = false;
		} else {
			APPEND(p, d->v.addresses, d->v.n_addresses, range);
		}
	}
	return ok;
}

/* ---- MAC addresses ---- */

static bool read_mac(struct parse *p, const char *item, uint64_t *mac)
{
	if (mac_parse(item, mac))
		return true;
	load_bad(p->ld, p->entry, EINVAL, "'%.60s' is not a MAC address (as in 02:00:00:00:00:01)",
		 item);
	return false;
}

bool parse_sources(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	struct items it = items_of(p, text);
	const char *item;
	bool ok = true;
	uint64_t mac;

	while ((item = next_item(&it)) != NULL) {
		if (!read_mac(p, item, &mac)) {
			ok = false;
		} else if (!mac_is_valid(mac)) {
			load_bad(p->ld, p->entry, EADDRNOTAVAIL,
				 "%.60s is %s, which is nobody's source (EADDRNOTAVAIL)", item,
				 mac == 0 ? "the zero address" : "a group address");
			ok = false;
		} else {
			APPEND(p, d->v.sources, d->v.n_sources, mac);
		}
	}
	return ok;
}

/* `auto` and `all` stand alone; parts go on only after groups. */
bool parse_multicast(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	bool first = strcmp(p->entry->key, p->key->name) == 0;
	struct items it = items_of(p, text);
	const char *item;
	bool ok = true;
	uint64_t mac;

	if (first && (strcmp(text, "auto") == 0 || strcmp(text, "all") == 0)) {
		d->v.multicast = strcmp(text, "all") == 0 ? MULTICAST_ALL : MULTICAST_AUTO;
		return true;
	}
	if (!first && d->v.multicast != MULTICAST_LIST) {
		load_bad(p->ld, p->entry, EINVAL, "multicast goes on only where it is a list");
		return false;
	}
	d->v.multicast = MULTICAST_LIST;
	while ((item = next_item(&it)) != NULL) {
		if (mac_parse(item, &mac) && mac_is_group(mac)) {
			APPEND(p, d->v.groups, d->v.n_groups, mac);
			continue;
		}
		load_bad(p->ld, p->entry, EINVAL,
			 "'%.60s' is not allowed (auto, all, or group MAC addresses as in "
			 "01:00:5e:00:00:fb)",
			 item);
		ok = false;
	}
	return ok;
}

struct numbered_mac {
	uint64_t mac;
	size_t place;
};

static int compare_macs(const void *a, const void *b)
{
	const struct numbered_mac *x = a, *y = b;

	if (x->mac != y->mac)
		return x->mac < y->mac ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

size_t parse_dedup_macs(struct arena *scratch, uint64_t *list, size_t n)
{
	struct numbered_mac *sorted;
	size_t kept = 0;

	if (n < 2)
		return n;
	sorted = arena_alloc(scratch, n * sizeof(*sorted));
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct numbered_mac){list[i], i};
	qsort(sorted, n, sizeof(*sorted), compare_macs);
	/* No list has the zero address, so it can mark what goes. */
	for (size_t i = 1; i < n; i++)
		if (sorted[i].mac == sorted[i - 1].mac)
			list[sorted[i].place] = 0;
	for (size_t i = 0; i < n; i++)
		if (list[i] != 0)
			list[kept++] = list[i];
	return kept;
}
