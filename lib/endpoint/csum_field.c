/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_errno.h>

#include "endpoint/csum_field.h"

uint64_t offload_csum_flag;
int offload_csum_offset;

int csum_field_register(void)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "dpdk_vnic_csum_field",
		.size = sizeof(struct csum_field),
		.align = __alignof__(struct csum_field),
	};
	static const struct rte_mbuf_dynflag flag = {.name = "dpdk_vnic_csum_flag"};
	int offset = rte_mbuf_dynfield_register(&field);
	int bit = rte_mbuf_dynflag_register(&flag);

	if (offset < 0 || bit < 0)
		return -rte_errno;
	offload_csum_offset = offset;
	offload_csum_flag = 1ULL << bit;
	return 0;
}
