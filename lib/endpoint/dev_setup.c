/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "endpoint/dev.h"
#include "endpoint/pools.h"

#define N_DESC 1024

/* Ethernet header and two VLAN tags: what an mbuf must hold besides the MTU. */
#define OVERHEAD (RTE_ETHER_HDR_LEN + 8)

/* Where the kernel puts a frame in a TPACKET_V2 slot, and the two tags that may come before. */
#define PACKET_SLOT_OVERHEAD (TPACKET2_HDRLEN + 14 + OVERHEAD)

#define TX_OFFLOADS                                                     \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	 RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |    \
	 RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

static uint32_t arg_number(const struct dev *d, const char *key, uint32_t otherwise)
{
	char value[16];

	return dev_arg(d->args, key, value, sizeof(value)) ? (uint32_t)strtoul(value, NULL, 10)
							   : otherwise;
}

static uint32_t mbuf_room(const struct dev *d)
{
	return rte_pktmbuf_data_room_size(d->ep.pool) - RTE_PKTMBUF_HEADROOM;
}

/*
 * af_packet cuts a frame that is larger than its ring's slot and does not tell, and
 * it looks for slots where they are only if blocks hold a whole number of them.
 */
static int check_packet_ring(const struct dev *d, uint32_t mtu, struct err *err)
{
	uint32_t slot = arg_number(d, "framesz", 2048), block = arg_number(d, "blocksz", 4096);
	uint32_t want = RTE_ALIGN(mtu + PACKET_SLOT_OVERHEAD, 4096);

	if (slot == 0 || block % slot != 0)
		return err_set(err, EINVAL, "%s: blocksz=%u is not a multiple of framesz=%u",
			       d->device, block, slot);
	if (mtu + PACKET_SLOT_OVERHEAD > slot)
		return err_set(err, EINVAL,
			       "%s: mtu %u does not fit its ring's framesz=%u; give it "
			       "framesz=%u,blocksz=%u and [global] mbuf-size = %u",
			       d->device, mtu, slot, want, want, want + RTE_PKTMBUF_HEADROOM);
	return 0;
}

static uint32_t mtu_limit(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	if (info->max_rx_pktlen <= overhead)
		return info->max_mtu;
	return RTE_MIN((uint32_t)info->max_mtu, info->max_rx_pktlen - overhead);
}

int dev_check_mtu(const struct dev *d, uint32_t mtu, struct err *err)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(d->port, &info) != 0)
		return err_set(err, ENODEV, "%s is gone", d->device);
	if (!(d->quirks & DEV_LOOSE_MTU) && mtu > mtu_limit(&info))
		return err_set(err, EINVAL, "mtu %u: %s (%s) carries %u at most", mtu, d->device,
			       d->driver, mtu_limit(&info));
	if (d->n_sockets > 0)
		return check_packet_ring(d, mtu, err);
	if (d->quirks & DEV_ANY_FRAME || mtu + OVERHEAD <= mbuf_room(d) || d->scatter)
		return 0;
	/* net_null's frames have the size that it was told, whatever the MTU is. */
	if (strcmp(d->driver, "net_null") == 0)
		return 0;
	if (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER)
		return err_set(err, EBUSY, "mtu %u: %s must be opened again for frames over %u",
			       mtu, d->device, mbuf_room(d));
	return err_set(err, EINVAL,
		       "mtu %u: %s (%s) receives a frame into one mbuf; [global] mbuf-size = %u "
		       "would do",
		       mtu, d->device, d->driver, mtu + OVERHEAD + RTE_PKTMBUF_HEADROOM);
}

/* net_null writes size= bytes into an mbuf without a look at its room. */
static int check_null(const struct dev *d, struct err *err)
{
	uint32_t size = arg_number(d, "size", 64);

	if (strcmp(d->driver, "net_null") != 0 || size <= mbuf_room(d))
		return 0;
	return err_set(err, EINVAL, "%s: size=%u is more than an mbuf's %u bytes", d->device, size,
		       mbuf_room(d));
}

static uint32_t caps_of(const struct dev *d, uint64_t offloads)
{
	const uint64_t csum = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	uint32_t caps = 0;

	/*
	 * Never IP_OPTS: drivers' tx_prepare makes the pseudo header's sum of the bare IP header,
	 * with an extension header's number for the protocol and its length in the length.
	 */
	if ((offloads & csum) == csum) {
		caps |= ENDPOINT_CAP_CSUM;
		if (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)
			caps |= ENDPOINT_CAP_TSO4 | ENDPOINT_CAP_TSO6;
	}
	if (offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS || d->quirks & DEV_COPIES)
		caps |= ENDPOINT_CAP_MULTI_SEGS;
	if (!(d->quirks & DEV_NO_SHARED))
		caps |= ENDPOINT_CAP_SHARED;
	return caps;
}

static void choose_queues(struct dev *d, const struct endpoint_args *args,
			  const struct rte_eth_dev_info *info)
{
	uint16_t rx = RTE_MAX(args->n_rx_queues, 1), tx = RTE_MAX(args->n_tx_queues, 1);

	rx = RTE_MIN(rx, info->max_rx_queues);
	tx = RTE_MIN(tx, info->max_tx_queues);
	if (d->quirks & DEV_ALL_QUEUES)
		rx = RTE_MIN(info->max_rx_queues, CONF_MAX_QUEUES);
	if (d->quirks & DEV_SAME_QUEUES)
		rx = tx = RTE_MIN(rx, info->max_tx_queues);
	if (d->quirks & DEV_LOOPBACK)
		tx = RTE_MIN(tx, rx);
	d->ep.n_rx_queues = rx;
	d->ep.n_tx_queues = tx;
	d->tx_shared = tx < args->n_tx_queues;
}

static struct rte_eth_conf make_conf(struct dev *d, const struct rte_eth_dev_info *info)
{
	uint64_t tx = TX_OFFLOADS;
	struct rte_eth_conf conf = {
		.rxmode.mtu = RTE_MIN(d->mtu, mtu_limit(info)),
	};

	if (d->quirks & DEV_NO_OFFLOAD)
		tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	/* MBUF_FAST_FREE is never wanted: floods share mbufs, and they come from several pools. */
	conf.txmode.offloads = tx & info->tx_offload_capa;
	if (d->ep.n_rx_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
			info->flow_type_rss_offloads;
	}
	d->scatter = d->mtu + OVERHEAD > mbuf_room(d) &&
		     info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (d->scatter)
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
	conf.intr_conf.rmv = (*info->dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	return conf;
}

static int make_ethdev_queues(struct dev *d, const struct rte_eth_conf *conf,
			      const struct rte_eth_dev_info *info)
{
	struct rte_mempool *pool = d->own_pool != NULL ? d->own_pool : d->ep.pool;
	uint16_t n_rxd = RTE_MAX(N_DESC, info->default_rxportconf.ring_size);
	uint16_t n_txd = RTE_MAX(N_DESC, info->default_txportconf.ring_size);
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	unsigned int socket = (unsigned int)d->ep.socket;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->port, &n_rxd, &n_txd);

	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	for (uint16_t q = 0; rc == 0 && q < d->ep.n_rx_queues; q++)
		rc = rte_eth_rx_queue_setup(d->port, q, n_rxd, socket, &rx, pool);
	for (uint16_t q = 0; rc == 0 && q < d->ep.n_tx_queues; q++)
		rc = rte_eth_tx_queue_setup(d->port, q, n_txd, socket, &tx);
	return rc;
}

/*
 * Queues of a driver that keeps mbufs for ever (af_xdp). Its pool is to hold its fill
 * ring, what was received and is on its way, and copies that it makes to send.
 */
static int make_own_queues(struct dev *d, const struct rte_eth_conf *conf,
			   const struct rte_eth_dev_info *info, struct err *err)
{
	uint32_t n = 3u * 2048 * RTE_MAX(d->ep.n_rx_queues, 1);
	struct dev_socket before[XDP_MAX_SOCKETS];
	size_t n_before = xdp_find_sockets(before, RTE_DIM(before));
	int rc;

	/* Trying at once would mostly fail, and the driver's complaints go to the log. */
	if (xdp_may_be_busy())
		rte_delay_us_sleep(50000);
	d->own_pool = pool_create_own(d->device, n, d->ep.socket, err);
	if (d->own_pool == NULL)
		return -ENOMEM;
	rc = make_ethdev_queues(d, conf, info);
	/* What it has taken by now it never gives back. */
	d->own_pool_held = rte_mempool_in_use_count(d->own_pool);
	xdp_note_sockets(d, before, n_before);
	d->may_retry = rc != 0 && xdp_may_be_busy();
	return rc;
}

static int make_queues(struct dev *d, const struct rte_eth_conf *conf,
		       const struct rte_eth_dev_info *info, struct err *err)
{
	int rc = d->quirks & DEV_OWN_POOL ? make_own_queues(d, conf, info, err)
					  : make_ethdev_queues(d, conf, info);

	if (rc != 0 && d->quirks & DEV_OWN_POOL && d->own_pool == NULL)
		return rc;
	if (rc != 0)
		return err_set(err, -rc, "%s (%s): %u rx and %u tx queues can't be set up (%s)",
			       d->device, d->driver, d->ep.n_rx_queues, d->ep.n_tx_queues,
			       strerror(-rc));
	d->txqs = rte_zmalloc_socket("txqs", RTE_MAX(d->ep.n_tx_queues, 1) * sizeof(*d->txqs),
				     RTE_CACHE_LINE_SIZE, d->ep.socket);
	if (d->txqs == NULL)
		return err_set(err, ENOMEM, "no memory for the tx queues of %s", d->device);
	return endpoint_alloc_counts(&d->ep, d->ep.n_rx_queues, err);
}

int dev_set_mac(struct endpoint *ep, uint64_t mac, struct err *err)
{
	struct dev *d = dev_of(ep);
	struct rte_ether_addr addr;
	int rc;

	/* The MAC of a vnic is its owner's, who is at the far side of the device. */
	if (ep->role != ENDPOINT_PORT || mac == d->mac)
		return 0;
	mac_store(addr.addr_bytes, mac);
	rc = rte_eth_dev_default_mac_addr_set(d->port, &addr);
	/* Where no filter depends on it, it is enough that we know our own address. */
	if (rc != 0 && !(d->quirks & DEV_HEARS_ALL)) {
		char text[MAC_STR_LEN];

		return err_set(err, -rc, "%s does not take the MAC %s (%s)", d->device,
			       mac_format(mac, text), strerror(-rc));
	}
	d->mac = mac;
	return 0;
}

static int apply_mtu(struct dev *d, uint32_t mtu, struct err *err)
{
	struct rte_eth_dev_info info;
	uint16_t now = 0;
	int rc = rte_eth_dev_info_get(d->port, &info);

	/* ethdev refuses what is over the driver's limit, although the netdev would take it. */
	if (rc == 0 && d->quirks & DEV_NETDEV && mtu > mtu_limit(&info))
		rc = netdev_set_mtu(d, mtu);
	else if (rc == 0)
		rc = rte_eth_dev_set_mtu(d->port, (uint16_t)mtu);
	if (rc != 0 && rte_eth_dev_get_mtu(d->port, &now) == 0 && now == mtu)
		rc = 0;
	/* No notion of an MTU: nothing is in the way of frames that dev_check_mtu() passed. */
	if (rc == -ENOTSUP)
		rc = 0;
	if (rc != 0)
		return err_set(err, -rc, "%s does not take mtu %u (%s)", d->device, mtu,
			       strerror(-rc));
	return 0;
}

int dev_set_mtu(struct endpoint *ep, uint32_t mtu, struct err *err)
{
	struct dev *d = dev_of(ep);
	int rc;

	if (mtu == d->mtu)
		return 0;
	rc = dev_check_mtu(d, mtu, err);
	if (rc == 0)
		rc = apply_mtu(d, mtu, err);
	if (rc == 0)
		__atomic_store_n(&d->mtu, mtu, __ATOMIC_RELAXED);
	return rc;
}

static void read_mac(struct dev *d)
{
	struct rte_ether_addr addr = {0};

	rte_eth_macaddr_get(d->port, &addr);
	d->found_mac = mac_load(addr.addr_bytes);
	/* A ring has none; a port needs one, and the same after a restart. */
	if (!mac_is_valid(d->found_mac))
		d->found_mac = mac_from_names(d->ep.name, d->device);
	d->mac = d->found_mac;
}

static int start(struct dev *d, const struct endpoint_args *args, struct err *err)
{
	int rc = 0;

	read_mac(d);
	if (args->mac != 0)
		rc = dev_set_mac(&d->ep, args->mac, err);
	if (rc == 0)
		rc = apply_mtu(d, d->mtu, err);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_start(d->port);
	if (rc != 0)
		return err_set(err, -rc, "%s (%s) does not start (%s)", d->device, d->driver,
			       strerror(-rc));
	d->started = true;
	return 0;
}

int dev_setup(struct dev *d, const struct endpoint_args *args, struct err *err)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int rc = rte_eth_dev_info_get(d->port, &info);

	if (rc != 0)
		return err_set(err, -rc, "%s is gone", d->device);
	d->mtu = args->mtu;
	choose_queues(d, args, &info);
	conf = make_conf(d, &info);
	rc = dev_check_mtu(d, d->mtu, err);
	if (rc == 0)
		rc = check_null(d, err);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_configure(d->port, d->ep.n_rx_queues, d->ep.n_tx_queues, &conf);
	if (rc != 0)
		return err_set(
			err, -rc, "%s (%s) can't be configured with %u rx and %u tx queues (%s)",
			d->device, d->driver, d->ep.n_rx_queues, d->ep.n_tx_queues, strerror(-rc));
	rc = make_queues(d, &conf, &info, err);
	if (rc != 0)
		return rc;
	d->ep.caps = caps_of(d, conf.txmode.offloads);
	d->looks = d->ep.caps & ENDPOINT_CAP_CSUM || d->n_sockets > 0;
	d->ip_csum = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	return start(d, args, err);
}
