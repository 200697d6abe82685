/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/neigh.h"
#include "net/answer.h"
#include "net/mac.h"

#define NOWHERE UINT32_MAX

struct slot {
	struct neigh n; /* NEIGH_NONE: free */
	uint32_t next; /* in its bucket, or of the free ones */
};

struct neigh_table {
	struct slot *slots;
	uint32_t *buckets; /* `max` of them */
	uint32_t max, free;
	uint32_t n_incomplete;
	uint64_t generation;
	void (*emit)(void *arg, const uint8_t *frame, uint32_t len);
	void *arg;
	uint64_t mac;
	struct ip_prefix *addresses;
	size_t n_addresses;
	struct ip_addr link_local;
};

/* ---- slots ---------------------------------------------------------------- */

/* FNV-1a. Who chooses addresses badly makes chains no longer than the table. */
static uint32_t *bucket(const struct neigh_table *t, const struct ip_addr *ip)
{
	uint32_t h = 0x811c9dc5u;

	for (unsigned int i = 0; i < sizeof(ip->b); i++)
		h = (h ^ ip->b[i]) * 0x01000193u;
	return &t->buckets[(h ^ h >> 16) % t->max];
}

static struct neigh *find(const struct neigh_table *t, const struct ip_addr *ip)
{
	for (uint32_t i = *bucket(t, ip); i != NOWHERE; i = t->slots[i].next)
		if (ip_addr_cmp(&t->slots[i].n.ip, ip) == 0)
			return &t->slots[i].n;
	return NULL;
}

static void count(struct neigh_table *t, enum neigh_state state, int by)
{
	if (state == NEIGH_INCOMPLETE)
		t->n_incomplete += (uint32_t)by;
}

static void drop(struct neigh_table *t, struct neigh *e)
{
	struct slot *s = (struct slot *)e;
	uint32_t at = (uint32_t)(s - t->slots), *link = bucket(t, &e->ip);

	while (*link != at)
		link = &t->slots[*link].next;
	*link = s->next;
	if (neigh_is_usable(e))
		t->generation++;
	count(t, e->state, -1);
	e->state = NEIGH_NONE;
	s->next = t->free;
	t->free = at;
}

/* Is @e to go before @other, when one must? Who failed first, then who was used longest ago. */
static bool goes_before(const struct neigh *e, const struct neigh *other)
{
	if (other == NULL)
		return true;
	if ((e->state == NEIGH_FAILED) != (other->state == NEIGH_FAILED))
		return e->state == NEIGH_FAILED;
	return e->used_ms < other->used_ms;
}

static bool may_go(const struct neigh *e, uint64_t now)
{
	if (e->state == NEIGH_FAILED)
		return true;
	return (e->state == NEIGH_STALE || e->state == NEIGH_REACHABLE) &&
	       now - e->used_ms >= NEIGH_EVICT_MS;
}

static bool make_room(struct neigh_table *t, uint64_t now)
{
	struct neigh *victim = NULL;

	if (t->free != NOWHERE)
		return true;
	for (uint32_t i = 0; i < t->max; i++) {
		struct neigh *e = &t->slots[i].n;

		if (may_go(e, now) && goes_before(e, victim))
			victim = e;
	}
	if (victim == NULL)
		return false;
	drop(t, victim);
	return true;
}

static struct neigh *add(struct neigh_table *t, const struct ip_addr *ip, uint64_t now)
{
	uint32_t *head = bucket(t, ip), at;
	struct slot *s;

	if (!make_room(t, now))
		return NULL;
	at = t->free;
	s = &t->slots[at];
	t->free = s->next;
	s->n = (struct neigh){.ip = *ip, .used_ms = now, .updated_ms = now};
	s->next = *head;
	*head = at;
	return &s->n;
}

/* ---- states --------------------------------------------------------------- */

static uint64_t due(const struct neigh *e, uint64_t now)
{
	switch (e->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		return now + NEIGH_RETRY_MS;
	case NEIGH_REACHABLE:
		return now + NEIGH_REACHABLE_MS;
	case NEIGH_STALE:
		return e->used_ms + NEIGH_UNUSED_MS;
	case NEIGH_FAILED:
		return now + NEIGH_FAILED_MS;
	default:
		return UINT64_MAX;
	}
}

static void become(struct neigh_table *t, struct neigh *e, enum neigh_state state, uint64_t mac,
		   uint64_t now)
{
	const struct neigh before = *e;

	count(t, e->state, -1);
	count(t, state, 1);
	e->state = state;
	e->mac = mac;
	e->tries = 0;
	if (mac != before.mac)
		e->updated_ms = now;
	e->due_ms = due(e, now);
	if (neigh_is_usable(&before) != neigh_is_usable(e) ||
	    (neigh_is_usable(e) && mac != before.mac))
		t->generation++;
}

/* All who may have it, while nobody is known; him alone, to see whether he is still there. */
static void ask(struct neigh_table *t, struct neigh *e, uint64_t now)
{
	const struct ip_addr *src = neigh_source(t, &e->ip);
	uint8_t frame[ANSWER_MAX];
	uint32_t len;

	if (e->ip.family == 4)
		len = solicit_arp_to(frame, t->mac, src, &e->ip,
				     e->state == NEIGH_PROBE ? e->mac : MAC_BROADCAST);
	else if (e->state == NEIGH_PROBE)
		len = solicit_ns_to(frame, t->mac, src, &e->ip, e->mac);
	else
		len = solicit_ns(frame, t->mac, src, &e->ip);
	e->tries++;
	e->due_ms = due(e, now);
	if (len != 0)
		t->emit(t->arg, frame, len);
}

static int resolve(struct neigh_table *t, struct neigh *e, uint64_t now)
{
	become(t, e, NEIGH_INCOMPLETE, 0, now);
	ask(t, e, now);
	return 0;
}

static void use(struct neigh_table *t, struct neigh *e, uint64_t now)
{
	e->used_ms = now;
	if (e->state != NEIGH_STALE)
		return;
	become(t, e, NEIGH_PROBE, e->mac, now);
	ask(t, e, now);
}

int neigh_wanted(struct neigh_table *t, const struct ip_addr *ip, uint64_t now)
{
	struct neigh *e = find(t, ip);

	if (!ip_addr_is_unicast(ip))
		return -EINVAL;
	if (e != NULL)
		use(t, e, now);
	if (e != NULL && e->state != NEIGH_FAILED)
		return 0;
	if (t->n_incomplete >= t->max / 2)
		return -ENOSPC;
	if (e == NULL)
		e = add(t, ip, now);
	return e != NULL ? resolve(t, e, now) : -ENOSPC;
}

void neigh_used(struct neigh_table *t, const struct ip_addr *ip, uint64_t now)
{
	struct neigh *e = find(t, ip);

	if (e != NULL)
		use(t, e, now);
}

static void tick(struct neigh_table *t, struct neigh *e, uint64_t now)
{
	switch (e->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		if (e->tries < NEIGH_TRIES)
			ask(t, e, now);
		else
			become(t, e, NEIGH_FAILED, 0, now);
		break;
	case NEIGH_REACHABLE:
		become(t, e, NEIGH_STALE, e->mac, now);
		break;
	case NEIGH_STALE:
	case NEIGH_FAILED:
		drop(t, e);
		break;
	default:
		break;
	}
}

uint64_t neigh_tick(struct neigh_table *t, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < t->max; i++) {
		struct neigh *e = &t->slots[i].n;

		if (e->state != NEIGH_NONE && e->due_ms <= now)
			tick(t, e, now);
		if (e->state != NEIGH_NONE && e->due_ms < next)
			next = e->due_ms;
	}
	return next;
}

/* ---- what is heard -------------------------------------------------------- */

/* @mac is where @e is; Linux: neigh_update(). @confirmed: in answer to us. */
static void learnt(struct neigh_table *t, struct neigh *e, uint64_t mac, bool confirmed,
		   uint64_t now)
{
	if (confirmed)
		become(t, e, NEIGH_REACHABLE, mac, now);
	else if (!neigh_is_usable(e) || mac != e->mac)
		become(t, e, NEIGH_STALE, mac, now);
}

/* RFC 826's merge; of two answers to one question the first counts (arp_process()). */
static void learn_arp(struct neigh_table *t, struct neigh *e, const struct nd *m, uint64_t now)
{
	bool is_new = neigh_is_usable(e) && m->sender_mac != e->mac;

	if (is_new && !m->is_gratuitous && now - e->updated_ms < NEIGH_LOCK_MS)
		return;
	learnt(t, e, m->sender_mac, m->op == ND_ARP_REPLY && m->eth_dst == t->mac, now);
}

/* RFC 4861 §7.2.5. */
static void learn_na(struct neigh_table *t, struct neigh *e, const struct nd *m, uint64_t now)
{
	uint64_t mac = m->target_mac != 0 ? m->target_mac : e->mac;

	if (mac == 0)
		return;
	if (!neigh_is_usable(e) || mac == e->mac || m->override)
		learnt(t, e, mac, m->solicited, now);
	else if (e->state == NEIGH_REACHABLE)
		become(t, e, NEIGH_STALE, e->mac, now);
}

void neigh_learn(struct neigh_table *t, const struct nd *m, uint64_t now)
{
	struct neigh *e = find(t, m->op == ND_NA ? &m->target : &m->sender);

	if (e == NULL || e->state == NEIGH_PERMANENT)
		return;
	/* Our own words, reflected: a neighbour at our address would get nothing. */
	if (m->eth_src == t->mac || m->sender_mac == t->mac ||
	    (m->op == ND_NA && m->target_mac == t->mac))
		return;
	switch (m->op) {
	case ND_ARP_REQUEST:
	case ND_ARP_REPLY:
		learn_arp(t, e, m, now);
		break;
	case ND_NS: /* RFC 4861 §7.2.3 */
		if (m->sender_mac != 0)
			learnt(t, e, m->sender_mac, false, now);
		break;
	case ND_NA:
		learn_na(t, e, m, now);
		break;
	default:
		break;
	}
}

/* ---- the port ------------------------------------------------------------- */

static bool is_in(const struct ip_addr *a, const struct ip_prefix *p)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;

	return a->family == p->addr.family && memcmp(a->b, p->addr.b, whole) == 0 &&
	       (rest == 0 || (a->b[whole] ^ p->addr.b[whole]) >> (8 - rest) == 0);
}

int neigh_set_port(struct neigh_table *t, uint64_t mac, const struct ip_prefix *addresses,
		   size_t n_addresses)
{
	struct ip_prefix *copy = calloc(n_addresses + 1, sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	t->link_local = ip_link_local(mac);
	for (size_t i = n_addresses; i-- > 0;) {
		copy[i] = addresses[i];
		if (ip_addr_is_link_local(&copy[i].addr))
			t->link_local = copy[i].addr;
	}
	free(t->addresses);
	t->addresses = copy;
	t->n_addresses = n_addresses;
	t->mac = mac;
	return 0;
}

const struct ip_addr *neigh_source(const struct neigh_table *t, const struct ip_addr *target)
{
	const struct ip_addr *first = NULL;

	if (target->family == 6)
		return &t->link_local;
	for (size_t i = 0; i < t->n_addresses; i++) {
		const struct ip_prefix *p = &t->addresses[i];

		if (is_in(target, p))
			return &p->addr;
		if (first == NULL && p->addr.family == 4)
			first = &p->addr;
	}
	return first;
}

/* ---- the table ------------------------------------------------------------ */

struct neigh_table *
neigh_create(uint32_t max, void (*emit)(void *arg, const uint8_t *frame, uint32_t len), void *arg)
{
	struct neigh_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max < 2 ? 2 : max;
	t->emit = emit;
	t->arg = arg;
	t->slots = calloc(t->max, sizeof(*t->slots));
	t->buckets = calloc(t->max, sizeof(*t->buckets));
	if (t->slots == NULL || t->buckets == NULL || neigh_set_port(t, 0, NULL, 0) != 0) {
		neigh_free(t);
		return NULL;
	}
	for (uint32_t i = 0; i < t->max; i++) {
		t->buckets[i] = NOWHERE;
		t->slots[i].next = i + 1 < t->max ? i + 1 : NOWHERE;
	}
	return t;
}

void neigh_free(struct neigh_table *t)
{
	if (t == NULL)
		return;
	free(t->addresses);
	free(t->buckets);
	free(t->slots);
	free(t);
}

const struct neigh *neigh_find(const struct neigh_table *t, const struct ip_addr *ip)
{
	return find(t, ip);
}

void neigh_foreach(const struct neigh_table *t, void (*fn)(void *arg, const struct neigh *e),
		   void *arg)
{
	for (uint32_t i = 0; i < t->max; i++)
		if (t->slots[i].n.state != NEIGH_NONE)
			fn(arg, &t->slots[i].n);
}

uint64_t neigh_generation(const struct neigh_table *t)
{
	return t->generation;
}

int neigh_add_static(struct neigh_table *t, const struct ip_addr *ip, uint64_t mac, uint64_t now)
{
	struct neigh *e = find(t, ip);

	if (!ip_addr_is_unicast(ip) || !mac_is_valid(mac))
		return -EINVAL;
	if (e == NULL)
		e = add(t, ip, now);
	if (e == NULL)
		return -ENOSPC;
	become(t, e, NEIGH_PERMANENT, mac, now);
	return 0;
}

int neigh_del(struct neigh_table *t, const struct ip_addr *ip)
{
	struct neigh *e = find(t, ip);

	if (e == NULL)
		return -ENOENT;
	drop(t, e);
	return 0;
}

void neigh_flush(struct neigh_table *t)
{
	for (uint32_t i = 0; i < t->max; i++) {
		struct neigh *e = &t->slots[i].n;

		if (e->state != NEIGH_NONE && e->state != NEIGH_PERMANENT)
			drop(t, e);
	}
}

const char *neigh_state_name(enum neigh_state state)
{
	static const char *const names[] = {"NONE",  "INCOMPLETE", "REACHABLE", "STALE",
					    "PROBE", "FAILED",	   "PERMANENT"};

	return names[state];
}
