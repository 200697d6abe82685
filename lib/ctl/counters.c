/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/counters.h"

/* What an endpoint refused before workers saw it belongs to whoever sent it. Returns how many. */
static uint64_t add_rx_errors(struct iface_stats *sum, const struct endpoint *ep)
{
	struct endpoint_rx_errors e = {0};

	if (ep == NULL)
		return 0;
	endpoint_get_rx_errors(ep, &e);
	sum->drops[DROP_MALFORMED] += e.malformed;
	sum->drops[DROP_BAD_OFFLOAD] += e.bad_offload;
	sum->drops[DROP_NO_BUFFER] += e.no_buffer;
	sum->drops[DROP_MISSED] += e.missed;
	return e.malformed + e.bad_offload + e.no_buffer + e.missed;
}

void counters_vnic(const struct dataplane *dp, uint16_t id, const struct endpoint *at,
		   struct iface_stats *sum)
{
	*sum = (struct iface_stats){0};
	for (uint32_t i = 0; i < dp->n_workers; i++)
		worker_collect_vnic(dp->workers[i], id, sum);
	sum->tx_dropped += add_rx_errors(sum, at);
}

void counters_port(const struct dataplane *dp, uint16_t id, const struct endpoint *wire,
		   const struct endpoint *host, struct iface_stats *sum)
{
	*sum = (struct iface_stats){0};
	for (uint32_t i = 0; i < dp->n_workers; i++)
		worker_collect_port(dp->workers[i], id, sum);
	sum->rx_dropped += add_rx_errors(sum, wire);
	sum->tx_dropped += add_rx_errors(sum, host);
}
