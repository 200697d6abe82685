/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delivery of what ipvlan's l3 modes decide: to a next hop, once its MAC address is known;
 * answers to who asked; copies for main. And what main sends. All consume their frame. Worker.
 */
#ifndef DP_DELIVER_IP_H
#define DP_DELIVER_IP_H

#include "dp/worker.h"

/** VERDICT_ROUTE: to next hop @p next of @p port. */
void deliver_routed(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		    const struct pkt *p, uint16_t next, bool fragment);

/** VERDICT_WAIT: @p vnic sent it, @p ip are its keys. */
void deliver_later(struct worker *w, const struct fwd_port *port, uint16_t vnic, struct rte_mbuf *m,
		   const struct pkt *p, const struct pkt_ip *ip, bool fragment);

/** VERDICT_ANSWER: to @p receiver, who asked. */
void deliver_answer(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
		    uint32_t receiver, struct endpoint *ep);

/** VERDICT_HOST with VERDICT_OWN_MAC. NULL: no mbuf, counted. */
struct rte_mbuf *deliver_own_mac(struct worker *w, const struct fwd_port *port, struct rte_mbuf *m,
				 const struct pkt *p);

/** Gives main a copy of @p m, or of its begin. false: no room in its mailbox, or no mbuf. */
bool deliver_letter(struct worker *w, enum letter_kind kind, uint16_t id, struct rte_mbuf *m);

/** Sends what main sent, and what waited for next hops that are known now, or never will be. */
void deliver_mail(struct worker *w);

#endif /* DP_DELIVER_IP_H */
