/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL and mbufs, for every target. */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "endpoint/csum_field.h"
#include "fuzz.h"

struct rte_mempool *fuzz_pool;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char line[] = "fuzz --no-huge -m 96 --no-pci --no-telemetry --log-level=3 -l 0 "
		      "--no-shconf --file-prefix=vnic_fuzz";
	char *words[16], *s = line;
	int n = 0;

	(void)argc;
	(void)argv;
	while ((words[n] = strsep(&s, " ")) != NULL)
		n++;
	if (rte_eal_init(n, words) < 0 || csum_field_register() != 0)
		exit(1);
	fuzz_pool =
		rte_pktmbuf_pool_create("fuzz", 2047, 0, 0, RTE_PKTMBUF_HEADROOM + FUZZ_ROOM, -1);
	if (fuzz_pool == NULL)
		exit(1);
	return 0;
}
