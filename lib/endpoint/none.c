/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `none`: nobody is there. It takes every frame and frees it; the vnic's counters have counted it by then.
 * Nobody is the same everywhere, so all who have no endpoint share one, and the line in the core's
 * cache that workers read of it.
 */
#include <errno.h>

#include "endpoint/types.h"

static struct endpoint *nobody; /* NULL while n_users is 0 */
static unsigned int n_users;

static int make_nobody(const struct endpoint_args *args, struct err *err)
{
	struct endpoint *none = endpoint_alloc(sizeof(*none), &none_ops, args, err);

	if (none == NULL)
		return -ENOMEM;
	snprintf(none->name, sizeof(none->name), "none");
	none->pool = pool_get(SOCKET_ID_ANY, err);
	if (none->pool == NULL) {
		endpoint_free(none);
		return -ENOMEM;
	}
	/* Any frame can be freed: whatever work is left in it need not be done first. */
	none->caps = ENDPOINT_CAP_CSUM | ENDPOINT_CAP_CSUM_ANY | ENDPOINT_CAP_TSO4 |
		     ENDPOINT_CAP_TSO6 | ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_SHARED |
		     ENDPOINT_CAP_IP_OPTS;
	none->n_rx_queues = 0;
	none->n_tx_queues = args->n_tx_queues;
	nobody = none;
	return 0;
}

static int none_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err)
{
	if (n_users == 0 && make_nobody(args, err) != 0)
		return -ENOMEM;
	n_users++;
	*ep = nobody;
	return 0;
}

static void none_close(struct endpoint *ep)
{
	if (--n_users > 0)
		return;
	nobody = NULL;
	endpoint_free(ep);
}

static uint16_t none_rx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)ep;
	(void)queue;
	(void)m;
	(void)n;
	return 0;
}

static uint16_t none_tx(struct endpoint *ep, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	(void)ep;
	(void)queue;
	/* Mostly few at a time: a call to free_bulk() costs more than it saves. */
	for (uint16_t i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
	return n;
}

static int none_rx_fd(const struct endpoint *ep, uint16_t queue)
{
	(void)ep;
	(void)queue;
	return -1;
}

static void none_get_state(const struct endpoint *ep, struct endpoint_state *state)
{
	(void)ep;
	*state = (struct endpoint_state){.present = true, .up = true, .carrier = true};
}

const struct endpoint_ops none_ops = {
	.type = "none",
	.open = none_open,
	.close = none_close,
	.rx = none_rx,
	.tx = none_tx,
	.rx_fd = none_rx_fd,
	.get_state = none_get_state,
};
