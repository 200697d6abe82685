/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counters of one interface: what workers counted, and what its endpoints refused
 * before workers saw it. Everybody who tells numbers (vnicctl, telemetry, Prometheus)
 * takes them from here, so they are the same everywhere. Any thread, as long as the
 * endpoints named aren't closed meanwhile.
 */
#ifndef CTL_COUNTERS_H
#define CTL_COUNTERS_H

#include "dp/dataplane.h"
#include "endpoint/endpoint.h"

/** Over all workers of @p dp; none run yet: zeros. Endpoints may be NULL. */
void counters_vnic(const struct dataplane *dp, uint16_t id, const struct endpoint *at,
		   struct iface_stats *sum);
void counters_port(const struct dataplane *dp, uint16_t id, const struct endpoint *wire,
		   const struct endpoint *host, struct iface_stats *sum);

#endif /* CTL_COUNTERS_H */
