/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is parsed and checked in full, but not delivered by this version yet. Whoever
 * delivers one of these deletes its lines here, and nothing else in lib/conf.
 */
#include <errno.h>

#include "conf/load.h"

static void refuse_vnic(struct load *ld, const struct vnic_draft *d)
{
	if (d->has_type && (d->v.type == VNIC_IPVLAN || d->v.type == VNIC_IPVTAP))
		load_bad_key(ld, d->section, "type", EOPNOTSUPP, "%s is not in this version yet",
			     vnic_type_name(d->v.type));
	if (d->v.spoofcheck == SPOOFCHECK_IP)
		load_bad_key(ld, d->section, "spoofcheck", EOPNOTSUPP,
			     "spoofcheck = ip is not in this version yet");
}

void later_refuse(struct load *ld)
{
	for (uint32_t i = 0; i < ld->n_vnics; i++)
		refuse_vnic(ld, &ld->vnics[i]);
}
