/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "ctl/dhcp_asks.h"

struct dhcp_asks {
	struct dhcp_ask list[DHCP_ASKS_MAX];
};

struct dhcp_asks *dhcp_asks_create(void)
{
	return calloc(1, sizeof(struct dhcp_asks));
}

void dhcp_asks_free(struct dhcp_asks *t)
{
	free(t);
}

/* FNV-1a. Whoever makes two alike gains nothing: of two with one identifier the first is served. */
static uint64_t id_of(const struct dhcp *d)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	if (d->client_id_len == 0)
		return 0;
	for (uint8_t i = 0; i < d->client_id_len; i++)
		h = (h ^ d->client_id[i]) * 0x100000001b3ULL;
	return h | 1;
}

uint64_t dhcp_client(const struct dhcp *d)
{
	uint64_t id = id_of(d);

	return id != 0 ? id : d->chaddr << 1;
}

uint64_t dhcp_ask_client(const struct dhcp_ask *a)
{
	return a->id != 0 ? a->id : a->chaddr << 1;
}

static bool is_about(const struct dhcp_ask *a, uint16_t port, const struct dhcp *d, uint64_t now)
{
	return a->until > now && a->port == port && a->xid == d->xid && a->chaddr == d->chaddr;
}

/* Where the next ask of @p vnic goes: what is over, or its own oldest, or that of all. */
static struct dhcp_ask *place(struct dhcp_asks *t, uint16_t vnic, uint64_t now)
{
	struct dhcp_ask *unused = NULL, *own = NULL, *oldest = NULL;
	unsigned int n = 0;

	for (size_t i = 0; i < DHCP_ASKS_MAX; i++) {
		struct dhcp_ask *a = &t->list[i];

		if (a->until <= now) {
			unused = a;
			continue;
		}
		if (oldest == NULL || a->until < oldest->until)
			oldest = a;
		if (a->vnic != vnic)
			continue;
		n++;
		if (own == NULL || a->until < own->until)
			own = a;
	}
	if (n >= DHCP_ASKS_VNIC_MAX)
		return own;
	return unused != NULL ? unused : oldest;
}

bool dhcp_asks_add(struct dhcp_asks *t, uint16_t port, uint16_t vnic, const struct dhcp *d,
		   uint64_t now)
{
	uint64_t id = id_of(d);

	for (size_t i = 0; i < DHCP_ASKS_MAX; i++) {
		struct dhcp_ask *a = &t->list[i];

		if (!is_about(a, port, d, now) || a->id != id)
			continue;
		if (a->vnic == vnic)
			a->until = now + DHCP_ASKS_MS;
		return a->vnic == vnic;
	}
	*place(t, vnic, now) = (struct dhcp_ask){
		.until = now + DHCP_ASKS_MS,
		.since = now,
		.chaddr = d->chaddr,
		.id = id,
		.xid = d->xid,
		.port = port,
		.vnic = vnic,
	};
	return true;
}

/* Servers needn't tell the client's identifier (RFC 2131, but RFC 6842): then the first asked. */
const struct dhcp_ask *dhcp_asks_find(const struct dhcp_asks *t, uint16_t port,
				      const struct dhcp *d, uint64_t now)
{
	const struct dhcp_ask *best = NULL;
	uint64_t id = id_of(d);

	for (size_t i = 0; i < DHCP_ASKS_MAX; i++) {
		const struct dhcp_ask *a = &t->list[i];

		if (!is_about(a, port, d, now) || (id != 0 && a->id != id))
			continue;
		if (best == NULL || a->since < best->since)
			best = a;
	}
	return best;
}

void dhcp_asks_forget(struct dhcp_asks *t, uint16_t vnic)
{
	for (size_t i = 0; t != NULL && i < DHCP_ASKS_MAX; i++)
		if (t->list[i].vnic == vnic)
			t->list[i].until = 0;
}
