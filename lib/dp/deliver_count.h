/* SPDX-License-Identifier: BSD-3-Clause */
/* How deliveries and drops are counted, and told to who captures; for the files of delivery. Worker. */
#ifndef DP_DELIVER_COUNT_H
#define DP_DELIVER_COUNT_H

#include "dp/capture.h"
#include "dp/worker.h"

/** Beside each drop's counter: who captures drops gets a copy, while there is a frame. */
static inline void tell_drop(const struct worker *w, uint32_t owner, bool outbound,
			     enum drop_reason reason, const struct rte_mbuf *m)
{
	if (unlikely(w->tx.captures != NULL))
		capture_drop(w->tx.captures, w->tx.queue, owner, outbound, reason, m);
}

/** What a receiver counts: the kernel's don't count the outer tag (MV-709). */
static inline uint32_t rx_len(const struct pkt *p)
{
	uint32_t len = p->len - (p->tagged ? PKT_VLAN_LEN : 0);

	return pkt_is_group(p) ? len | TX_GROUP : len;
}

#endif /* DP_DELIVER_COUNT_H */
