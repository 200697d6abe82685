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
	return key_table_lookup(port->group_table, mac, FLOOD_OPEN);
}

static void find_sources(const struct fwd_port *port, struct burst *b)
{
	uint64_t keys[BURST_MAX];
	uint16_t found[BURST_MAX];

	for (uint16_t i = 0; i < b->n; i++)
		keys[i] = b->p[i].src;
	key_table_lookup_bulk(port->source_table, keys, b->n, 0, found);
	for (uint16_t i = 0; i < b->n; i++)
		b->h[i].sources = found[i];
}

/* One table answers two questions: whose is a unicast destination, and a group frame's source? */
void classify_from_wire(const struct fwd_port *port, struct burst *b)
{
	uint64_t keys[BURST_MAX];
	uint16_t found[BURST_MAX];

	for (uint16_t i = 0; i < b->n; i++)
		keys[i] = pkt_is_group(&b->p[i]) ? b->p[i].src : b->p[i].dst;
	key_table_lookup_bulk(port->vnic_table, keys, b->n, VNIC_NONE, found);
	for (uint16_t i = 0; i < b->n; i++) {
		b->h[i] = (struct hit){.dst = found[i], .owner = found[i]};
		if (unlikely(pkt_is_group(&b->p[i])))
			b->h[i].list = classify_group(port, b->p[i].dst);
	}
	if (port->source_table != NULL)
		find_sources(port, b);
}

void classify_local(const struct fwd_port *port, struct burst *b)
{
	uint64_t keys[BURST_MAX];
	uint16_t found[BURST_MAX];

	for (uint16_t i = 0; i < b->n; i++)
		keys[i] = b->p[i].dst;
	key_table_lookup_bulk(port->vnic_table, keys, b->n, VNIC_NONE, found);
	for (uint16_t i = 0; i < b->n; i++) {
		b->h[i] = (struct hit){.dst = found[i], .owner = VNIC_NONE};
		if (unlikely(pkt_is_group(&b->p[i])))
			b->h[i].list = classify_group(port, b->p[i].dst);
	}
	if (port->source_table != NULL)
		find_sources(port, b);
}
