/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_common.h>

#include "endpoint/dev_quirks.h"

/* Read in, or tried on, DPDK 22.11. A driver that is not here is believed as it is. */
static const struct {
	const char *driver;
	uint32_t bits;
} quirks[] = {
	/*
	 * Frees what it is sent. Its tx capabilities lack MULTI_SEGS, and with copy=1 it
	 * reads past the end of a short segment, so chains are made linear.
	 */
	{"net_null", DEV_HEARS_ALL},
	/*
	 * The reader of the ring gets the mbuf itself: with a second reference somewhere
	 * it would see another's bytes change. mac_addr_add and the promiscuous calls
	 * succeed without doing anything.
	 */
	{"net_ring", DEV_HEARS_ALL | DEV_ANY_FRAME | DEV_NO_SHARED | DEV_LOOPBACK},
	/*
	 * Files hold what they hold; an interface is opened promiscuous by the driver.
	 * Chains are written through rte_pktmbuf_read() (up to 9,728 bytes), and larger
	 * frames are read into chains, neither with a capability bit. After a stop,
	 * infinite_rx finds its files closed; queues are the files of the devargs.
	 */
	{"net_pcap", DEV_HEARS_ALL | DEV_ALL_QUEUES | DEV_ANY_FRAME | DEV_COPIES | DEV_STOP_ENDS},
	/*
	 * max_rx_pktlen says 1,518 whatever framesz= is; the kernel spreads frames over all
	 * qpairs; stop closes the sockets for good; link state is only "started".
	 */
	{"net_af_packet", DEV_NETDEV | DEV_ALL_QUEUES | DEV_LOOSE_MTU | DEV_STOP_ENDS},
	/*
	 * Sends only the first segment of a chain, and does not say MULTI_SEGS. Its fill ring's
	 * mbufs are lost when it closes, and its umem wants a pool in one piece. A queue_count
	 * that is not read loses what XDP redirects there.
	 */
	{"net_af_xdp",
	 DEV_NETDEV | DEV_ALL_QUEUES | DEV_SAME_QUEUES | DEV_STOP_ENDS | DEV_OWN_POOL},
	/* A client's zero-copy=yes gives the peer the mbuf itself. Copies into chains otherwise. */
	{"net_memif", DEV_HEARS_ALL | DEV_ANY_FRAME | DEV_NO_SHARED},
	/*
	 * Checksums and segments in software, as we do, but without TSO for IPv6 while it claims
	 * TCP_TSO; unequal numbers of queues are refused.
	 */
	{"net_tap", DEV_HEARS_ALL | DEV_SAME_QUEUES | DEV_NO_OFFLOAD},
	/* librte_vhost writes checksums into the mbuf. */
	{"net_vhost", DEV_HEARS_ALL | DEV_ANY_FRAME | DEV_NO_SHARED | DEV_NO_OFFLOAD},
	/* Mode 6 (ALB) rewrites MAC addresses of frames that it sends. */
	{"net_bonding", DEV_NO_SHARED},
};

uint32_t dev_quirks(const char *driver)
{
	for (size_t i = 0; i < RTE_DIM(quirks); i++)
		if (driver != NULL && strcmp(quirks[i].driver, driver) == 0)
			return quirks[i].bits;
	return 0;
}
