/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_branch_prediction.h>

#include "dp/classify.h"
#include "fwd/key_table.h"

uint16_t classify_group(const struct fwd_port *port, uint64_t mac)
{
	if (mac == MAC_BROADCAST)
		return FLOOD_EVERYONE;
	if (port->group_table == NULL)
		return FLOOD_OPEN;
	return key_table_find(port->group_table, mac, FLOOD_OPEN);
}

static void find_sources(const struct fwd_port *port, struct burst *b)
{
	const struct key_table *t = port->source_table;

	if (key_table_is_big(t))
		for (uint32_t i = 0; i < b->n; i++)
			key_table_prefetch(t, b->p[i].src);
	for (uint32_t i = 0; i < b->n; i++)
		b->h[i].sources = key_table_find(t, b->p[i].src, 0);
}

/* One table answers two questions: whose is a unicast destination, and a group frame's source? */
static inline uint64_t wire_key(const struct pkt *p)
{
	return pkt_is_group(p) ? p->src : p->dst;
}

void classify_from_wire(const struct fwd_port *port, struct burst *b)
{
	const struct key_table *t = port->vnic_table;
	const uint32_t n = b->n;

	if (key_table_is_big(t))
		for (uint32_t i = 0; i < n; i++)
			key_table_prefetch(t, wire_key(&b->p[i]));
	for (uint32_t i = 0; i < n; i++) {
		uint16_t found = key_table_find(t, wire_key(&b->p[i]), VNIC_NONE);

		b->h[i] = (struct hit){.dst = found, .owner = found};
		if (unlikely(pkt_is_group(&b->p[i])))
			b->h[i].list = classify_group(port, b->p[i].dst);
	}
	if (port->source_table != NULL)
		find_sources(port, b);
}

void classify_local(const struct fwd_port *port, struct burst *b)
{
	const struct key_table *t = port->vnic_table;
	const uint32_t n = b->n;

	if (key_table_is_big(t))
		for (uint32_t i = 0; i < n; i++)
			key_table_prefetch(t, b->p[i].dst);
	for (uint32_t i = 0; i < n; i++) {
		b->h[i] = (struct hit){.dst = key_table_find(t, b->p[i].dst, VNIC_NONE),
				       .owner = VNIC_NONE};
		if (unlikely(pkt_is_group(&b->p[i])))
			b->h[i].list = classify_group(port, b->p[i].dst);
	}
	if (port->source_table != NULL)
		find_sources(port, b);
}
