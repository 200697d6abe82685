/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers do that their rte_eth_dev_info does not tell. Each bit is one
 * deviation from an ordinary NIC; the table with the reasons is in dev_quirks.c.
 * Constant data; any thread.
 */
#ifndef ENDPOINT_DEV_QUIRKS_H
#define ENDPOINT_DEV_QUIRKS_H

#include <stdint.h>

#define DEV_ALL_QUEUES \
	(1u << 0) /**< its devargs made the rx queues: one left out would lose its frames */
#define DEV_SAME_QUEUES (1u << 1) /**< as many rx as tx queues, or it refuses */
#define DEV_HEARS_ALL	(1u << 2) /**< has no address filter: nothing to set, every frame comes */
#define DEV_NETDEV \
	(1u << 3) /**< sits on a kernel netdev, which knows link, MAC, MTU and filters better */
#define DEV_LOOSE_MTU (1u << 4) /**< larger frames pass than max_rx_pktlen says */
#define DEV_ANY_FRAME \
	(1u << 5) /**< frames larger than an mbuf arrive without the SCATTER offload */
#define DEV_COPIES     (1u << 6) /**< sends chains although it lacks MULTI_SEGS */
#define DEV_NO_SHARED  (1u << 7) /**< hands the mbuf itself on, or writes to it */
#define DEV_NO_OFFLOAD (1u << 8) /**< its tx offloads are no gain over ours, or wrong */
#define DEV_STOP_ENDS  (1u << 9) /**< can't start again after a stop */
#define DEV_OWN_POOL   (1u << 10) /**< keeps mbufs when closed: gets a pool of its own */
#define DEV_LOOPBACK   (1u << 11) /**< made by name alone, tx queue i is its own rx queue i */

/** The bits of driver @p driver; 0: an ordinary NIC. */
uint32_t dev_quirks(const char *driver);

#endif /* ENDPOINT_DEV_QUIRKS_H */
