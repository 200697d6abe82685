/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * veth: what one end sends, the other receives. No address, tag or group is looked
 * at (Linux: drivers/net/veth.c; docs/semantics.md). There is no port, so nothing
 * comes from a wire or a host.
 */
#include "fwd/kind.h"

static inline void from_vnic_one(struct verdict *v, const struct fwd_vnic *self,
				 const struct pkt *p)
{
	if (self->spoofcheck != SPOOFCHECK_OFF && p->src != self->mac) {
		verdict_drop(v, DROP_SPOOFED);
	} else if (p->len > self->peer->mtu + FWD_MTU_OVERHEAD && !p->gso) {
		verdict_drop(v, DROP_TOO_LONG);
		v->flags = VERDICT_BOTH_DROP;
		v->vnic = self->peer->id;
	} else {
		verdict_vnic(v, self->peer->id);
	}
}

static void from_vnic(const struct fwd_vnic *self, struct burst *b)
{
	const uint32_t n = b->n;

	if (!self->up) {
		burst_drop(b, DROP_VNIC_DOWN);
	} else if (!self->carrier) { /* the peer is down */
		burst_drop(b, DROP_NO_CARRIER);
	} else {
		for (uint32_t i = 0; i < n; i++)
			from_vnic_one(&b->v[i], self, &b->p[i]);
	}
}

static bool needs_hits(const struct fwd_vnic *self)
{
	(void)self;
	return false;
}

const struct kind veth_kind = {
	.name = "veth",
	.from_vnic = from_vnic,
	.needs_hits = needs_hits,
};
