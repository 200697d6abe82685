/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "ctl/addresses.h"
#include "ctl/announce.h"
#include "ctl/mail.h"
#include "fwd/ip_table.h"
#include "net/answer.h"

/** A range, and how far it is told. */
struct item {
	struct ip_range r;
	uint64_t due; /* ms: the next round begins */
	uint32_t at; /* within the round */
	uint8_t left; /* rounds */
	bool skipped; /* another vnic had some of it */
};

struct announce {
	struct item *items; /* sorted */
	size_t n;
	size_t next; /* the item to go on with */
	size_t n_left; /* of them, with rounds left */
	uint64_t signature; /* of the addresses that they are of */
	uint64_t mac;
	uint64_t table; /* the signature of its port's addresses */
	bool live; /* it had a link */
};

/* In l3 modes nobody asks for the vnics' addresses but who is answered by proxy-arp. */
static bool is_wanted(const struct vnic_rt *v)
{
	bool l3 = v->conf->mode == MODE_L3 || v->conf->mode == MODE_L3S;

	return v->conf->announce && v->port != NULL && (!l3 || v->port->conf->proxy_arp);
}

void announce_free_vnic(struct vnic_rt *v)
{
	if (v->announce != NULL)
		free(v->announce->items);
	free(v->announce);
	v->announce = NULL;
}

/* ---- what is new ---- */

static void begin(const struct vnic_rt *v, struct item *i, uint64_t now)
{
	struct announce *s = v->announce;
	bool dad = i->r.first.family == 6 && v->at.endpoint != NULL &&
		   v->at.endpoint->type == ENDPOINT_TAP;

	if (i->left == 0)
		s->n_left++;
	i->left = ANNOUNCE_TIMES;
	i->at = 0;
	i->due = now + (dad ? ANNOUNCE_DAD_MS : 0);
	i->skipped = false;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int rc = ip_addr_cmp(&x->r.first, &y->r.first);

	return rc != 0 ? rc : ip_addr_cmp(&x->r.last, &y->r.last);
}

/* The list anew; ranges that were in the old one go on where they are. */
static void follow(struct vnic_rt *v, uint64_t now)
{
	struct announce *s = v->announce;
	size_t n = addresses_count(v), old = 0;
	struct item *items = calloc(n + 1, sizeof(*items));

	if (items == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		items[i].r = addresses_get(v, i);
	qsort(items, n, sizeof(*items), compare_items);
	s->n_left = 0;
	for (size_t i = 0; i < n; i++) {
		while (old < s->n && compare_items(&s->items[old], &items[i]) < 0)
			old++;
		if (old < s->n && compare_items(&s->items[old], &items[i]) == 0) {
			items[i] = s->items[old];
			s->n_left += items[i].left > 0;
		} else {
			begin(v, &items[i], now);
		}
	}
	free(s->items);
	s->items = items;
	s->n = n;
	s->next = 0;
}

static void update(struct vnic_rt *v, uint64_t now)
{
	struct announce *s = v->announce;
	uint64_t signature = addresses_signature(v, 1);
	bool live = v->active && v->carrier;
	bool again = (live && !s->live) || v->mac != s->mac;

	if (signature != s->signature)
		follow(v, now);
	for (size_t i = 0; i < s->n; i++)
		if (again || (s->items[i].skipped && s->table != v->port->addresses_signature))
			begin(v, &s->items[i], now);
	s->signature = signature;
	s->live = live;
	s->mac = v->mac;
	s->table = v->port->addresses_signature;
}

void announce_update(struct runtime *rt, uint64_t now)
{
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		struct vnic_rt *v = rt->vnics[i];

		if (!is_wanted(v)) {
			announce_free_vnic(v);
			continue;
		}
		if (v->announce == NULL)
			v->announce = calloc(1, sizeof(*v->announce));
		if (v->announce != NULL)
			update(v, now);
	}
}

/* ---- what is due ---- */

/* ipvlan: the table says whose it is, should two have it. */
static bool is_owner(const struct vnic_rt *v, const struct ip_addr *a)
{
	struct ip_key key = ip_key_of(a);

	if (ip_key_is_unroutable(&key, a->family == 6))
		return false;
	if (!vnic_is_ipvlan(v->conf->type))
		return true;
	return v->port->addresses != NULL &&
	       ip_table_find(v->port->addresses, &key, a->family == 6, VNIC_NONE) == v->id;
}

static void send_one(struct runtime *rt, const struct vnic_rt *v, struct item *i)
{
	struct ip_addr a = ip_addr_add(i->r.first, i->at);
	uint8_t frame[ANSWER_MAX];
	uint32_t len;

	if (!is_owner(v, &a)) {
		i->skipped = true;
		return;
	}
	len = a.family == 6 ? announce_na(frame, v->mac, &a) : announce_arp(frame, v->mac, &a);
	if (len > 0)
		mail_send(rt, TX_WIRE(v->port->id), &v->port->wire, frame, len);
}

static struct item *next_due(struct announce *s, uint64_t now)
{
	for (size_t i = 0; i < s->n; i++, s->next++) {
		struct item *item;

		if (s->next >= s->n)
			s->next = 0;
		item = &s->items[s->next];
		if (item->left > 0 && item->due <= now)
			return item;
	}
	return NULL;
}

/* Up to @p max frames of @p v; how many there were. */
static uint32_t send_due(struct runtime *rt, struct vnic_rt *v, uint32_t max, uint64_t now)
{
	struct announce *s = v->announce;
	struct item *i;
	uint32_t n = 0;

	for (; n < max && (i = next_due(s, now)) != NULL; n++) {
		send_one(rt, v, i);
		if (++i->at < ip_range_count(&i->r))
			continue;
		i->at = 0;
		i->due = now + ANNOUNCE_GAP_MS;
		s->next++;
		if (--i->left == 0)
			s->n_left--;
	}
	return n;
}

static bool is_announcing(const struct vnic_rt *v)
{
	return v->announce != NULL && v->announce->n_left > 0 && v->announce->live;
}

void announce_tick(struct runtime *rt, uint64_t now)
{
	uint32_t left[CONF_MAX_PORTS], waiting[CONF_MAX_PORTS] = {0}, n = 0;
	size_t start = rt->announcer;

	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		if (is_announcing(rt->vnics[i])) {
			left[rt->vnics[i]->port->id] = ANNOUNCE_BUDGET;
			waiting[rt->vnics[i]->port->id]++;
			n++;
		}
	}
	for (size_t k = 0; n > 0 && k < rt->conf->n_vnics; k++) {
		size_t i = (start + k) % rt->conf->n_vnics;
		struct vnic_rt *v = rt->vnics[i];
		uint32_t share;

		if (!is_announcing(v) || left[v->port->id] == 0)
			continue;
		share = RTE_MAX(1u, ANNOUNCE_BUDGET / waiting[v->port->id]);
		left[v->port->id] -= send_due(rt, v, RTE_MIN(share, left[v->port->id]), now);
		rt->announcer = i + 1;
	}
}
