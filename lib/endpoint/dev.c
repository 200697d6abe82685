/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "endpoint/dev.h"
#include "endpoint/pools.h"

/* EAL's interrupt thread: says so and no more; main looks at its next refresh. */
static int on_removal(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct dev *d = arg;

	(void)port;
	(void)type;
	(void)ret;
	__atomic_store_n(&d->removed, true, __ATOMIC_RELAXED);
	return 0;
}

static void read_counts(struct dev *d)
{
	struct rte_eth_stats stats;
	uint64_t missed = netdev_read_drops(d);

	if (d->n_sockets > 0) {
		missed += d->ep.dev_missed;
	} else {
		if (rte_eth_stats_get(d->port, &stats) != 0)
			return;
		missed = stats.imissed;
		__atomic_store_n(&d->ep.dev_no_buffer, stats.rx_nombuf, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&d->ep.dev_missed, missed, __ATOMIC_RELAXED);
}

static void read_link(struct dev *d, struct endpoint_state *s)
{
	struct rte_eth_link link = {0};

	d->speed = rte_eth_link_get_nowait(d->port, &link) == 0 ? link.link_speed : 0;
	s->carrier = link.link_status == RTE_ETH_LINK_UP;
	if (!s->carrier)
		snprintf(s->reason, sizeof(s->reason), "%s has no link", d->device);
	s->mac = d->mac;
	/* Nobody but us sets it; several drivers that pass any frame don't keep the number. */
	s->mtu = d->mtu;
}

static void read_netdev(struct dev *d, struct endpoint_state *s)
{
	struct netdev_state n;

	if (!netdev_get_state(d, &n)) {
		s->present = false;
		s->carrier = false;
		snprintf(s->reason, sizeof(s->reason), "netdev %s is gone", d->if_name);
		return;
	}
	s->carrier = n.running;
	s->mac = n.mac;
	s->mtu = n.mtu;
	s->reason[0] = '\0';
	if (!n.up)
		snprintf(s->reason, sizeof(s->reason), "netdev %s is down (ip link set %s up)",
			 d->if_name, d->if_name);
	else if (!n.running)
		snprintf(s->reason, sizeof(s->reason), "netdev %s has no carrier", d->if_name);
}

static void read_state(struct dev *d, struct endpoint_state *s)
{
	*s = (struct endpoint_state){.present = true, .up = true, .carrier = true};
	if (dev_is_removed(d)) {
		s->present = false;
		s->carrier = false;
		snprintf(s->reason, sizeof(s->reason), "%s was unplugged", d->device);
		return;
	}
	read_link(d, s);
	if (d->quirks & DEV_NETDEV)
		read_netdev(d, s);
	if (d->ep.role == ENDPOINT_PORT || !s->present)
		return;
	/* A vnic's owner is beyond the device: neither its address nor its MTU nor its link shows here. */
	s->carrier = true;
	s->mac = 0;
	s->mtu = 0;
	s->reason[0] = '\0';
}

static bool state_equal(const struct endpoint_state *a, const struct endpoint_state *b)
{
	return a->present == b->present && a->carrier == b->carrier && a->mac == b->mac &&
	       a->mtu == b->mtu && strcmp(a->reason, b->reason) == 0;
}

static bool dev_refresh(struct endpoint *ep)
{
	struct dev *d = dev_of(ep);
	struct endpoint_state s;
	bool changed;

	if (!dev_is_removed(d))
		read_counts(d);
	read_state(d, &s);
	/* A driver on a netdev that is down keeps frames in its ring, and sends them, stale, when it is up. */
	__atomic_store_n(&d->tx_off, !s.present || (d->quirks & DEV_NETDEV && !s.carrier),
			 __ATOMIC_RELAXED);
	changed = !state_equal(&s, &d->state);
	d->state = s;
	return changed;
}

static void dev_get_state(const struct endpoint *ep, struct endpoint_state *state)
{
	*state = dev_of_const(ep)->state;
}

/* What waits in a ring of our own would be lost to the mempool with the ring. */
static void drain(struct dev *d)
{
	struct rte_mbuf *m[32];

	for (uint16_t q = 0; d->quirks & DEV_LOOPBACK && q < d->ep.n_rx_queues; q++)
		for (uint16_t n; (n = rte_eth_rx_burst(d->port, q, m, RTE_DIM(m))) > 0;)
			rte_pktmbuf_free_bulk(m, n);
	/* An empty burst has af_xdp take back what the kernel has sent. */
	for (uint16_t q = 0; d->quirks & DEV_OWN_POOL && q < d->ep.n_tx_queues; q++)
		rte_eth_tx_burst(d->port, q, m, 0);
}

static void dev_close(struct endpoint *ep)
{
	struct dev *d = dev_of(ep);

	while (rte_eth_dev_callback_unregister(d->port, RTE_ETH_EVENT_INTR_RMV, on_removal, d) ==
	       -EAGAIN)
		;
	if (!dev_is_removed(d) && d->started) {
		drain(d);
		dev_clear_filter(d);
	}
	netdev_detach(d);
	dev_unprobe(d);
	xdp_release_sockets(d);
	pool_retire_own(d->own_pool, d->own_pool_held);
	rte_free(d->txqs);
	endpoint_free(ep);
}

static int find_pool(struct dev *d, struct err *err)
{
	d->ep.socket = rte_eth_dev_socket_id(d->port);
	/* The virtual driver on a netdev only guesses: the node of the core that made it. */
	if (d->quirks & DEV_NETDEV)
		d->ep.socket = netdev_socket(d);
	d->ep.pool = pool_get(d->ep.socket, err);
	if (d->ep.pool == NULL)
		return -ENOMEM;
	if (d->ep.socket >= 0)
		d->ep.socket = pool_socket(d->ep.socket);
	return 0;
}

/* A vnic's or a host's device is a wire to its owner, who may send to anybody. */
static void open_ears(struct dev *d)
{
	static const struct endpoint_filter all = {.promisc = true, .allmulti = true};

	if (d->ep.role != ENDPOINT_PORT)
		dev_set_filter(&d->ep, &all);
}

static int open_once(const struct endpoint_args *args, struct dev **opened, bool *may_retry,
		     struct err *err)
{
	struct endpoint *base = endpoint_alloc(sizeof(struct dev), &dev_ops, args, err);
	struct dev *d;
	int rc;

	if (base == NULL)
		return -ENOMEM;
	d = dev_of(base);
	rc = dev_probe(d, args->conf->target, err);
	if (rc != 0) {
		endpoint_free(base);
		return rc;
	}
	rc = netdev_attach(d, err);
	if (rc == 0)
		rc = find_pool(d, err);
	if (rc == 0)
		rc = dev_setup(d, args, err);
	if (rc != 0) {
		*may_retry = d->may_retry;
		dev_close(base);
		return rc;
	}
	*opened = d;
	return 0;
}

static int dev_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err)
{
	struct dev *d = NULL;
	bool may_retry = false;
	int rc = open_once(args, &d, &may_retry, err);

	/* Anew from the probe: the driver does not set its rings up twice. */
	while (rc != 0 && may_retry) {
		may_retry = false;
		rte_delay_us_sleep(20000);
		rc = open_once(args, &d, &may_retry, err);
	}
	if (rc != 0)
		return rc;
	rte_eth_dev_callback_register(d->port, RTE_ETH_EVENT_INTR_RMV, on_removal, d);
	open_ears(d);
	dev_refresh(&d->ep);
	*ep = &d->ep;
	return 0;
}

static int dev_rx_fd(const struct endpoint *ep, uint16_t queue)
{
	(void)ep;
	(void)queue;
	return -1;
}

static uint64_t tx_refused(const struct dev *d)
{
	uint64_t n = 0;

	for (uint16_t q = 0; q < d->ep.n_tx_queues; q++)
		n += __atomic_load_n(&d->txqs[q].refused, __ATOMIC_RELAXED);
	return n;
}

static void dev_describe(const struct endpoint *ep, char *buf, size_t len)
{
	const struct dev *d = dev_of_const(ep);
	int n = snprintf(buf, len, "driver=%s device=%s port=%u numa=%d rx_queues=%u tx_queues=%u",
			 d->driver, d->device, d->port, ep->socket, ep->n_rx_queues,
			 ep->n_tx_queues);

	if (n >= 0 && (size_t)n < len && d->if_name[0] != '\0')
		n += snprintf(buf + n, len - (size_t)n, " netdev=%s", d->if_name);
	if (n >= 0 && (size_t)n < len && d->speed != 0 && d->speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		n += snprintf(buf + n, len - (size_t)n, " speed=%" PRIu32, d->speed);
	if (n >= 0 && (size_t)n < len)
		snprintf(buf + n, len - (size_t)n, " filter=%s tx_refused=%" PRIu64,
			 d->filters_unicast ? "unicast" : "none", tx_refused(d));
}

const struct endpoint_ops dev_ops = {
	.type = "dev",
	.open = dev_open,
	.close = dev_close,
	.rx = dev_rx,
	.tx = dev_tx,
	.rx_fd = dev_rx_fd,
	.set_mac = dev_set_mac,
	.set_mtu = dev_set_mtu,
	.set_filter = dev_set_filter,
	.refresh = dev_refresh,
	.get_state = dev_get_state,
	.describe = dev_describe,
};
