/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations of endpoint.h on a vhost-user socket. Main. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_malloc.h>

#include "endpoint/vhost.h"
#include "endpoint/watch.h"

/* ---- opening and closing ------------------------------------------------------------ */

static struct vhost_use *alloc_uses(uint16_t n)
{
	return rte_zmalloc("vhost", n * sizeof(struct vhost_use), RTE_CACHE_LINE_SIZE);
}

static void vhost_close(struct endpoint *ep)
{
	struct vhost *v = vhost_of(ep);

	watch_unlisten(ep);
	vhost_dev_unregister(v);
	for (size_t i = 0; i < RTE_DIM(v->rings); i++)
		rte_free(v->rings[i]);
	rte_free(v->rx_uses);
	rte_free(v->tx_uses);
	pthread_mutex_destroy(&v->lock);
	endpoint_free(ep);
}

static int setup(struct vhost *v, const struct endpoint_args *args, struct err *err)
{
	v->ep.pool = pool_get(SOCKET_ID_ANY, err);
	if (v->ep.pool == NULL)
		return -err->code;
	if (rte_pktmbuf_data_room_size(v->ep.pool) < RTE_PKTMBUF_HEADROOM + 128)
		return err_set(err, EINVAL, "vhost %s: mbuf-size is too small", v->path);
	v->rx_uses = alloc_uses(v->ep.n_rx_queues);
	v->tx_uses = alloc_uses(v->ep.n_tx_queues);
	if (v->rx_uses == NULL || v->tx_uses == NULL)
		return err_set(err, ENOMEM, "no memory for the queues of vhost %s", v->path);
	for (uint16_t q = 0; q < v->ep.n_rx_queues; q++)
		v->rx_uses[q].next = q;
	if (endpoint_alloc_counts(&v->ep, v->ep.n_rx_queues, err) != 0)
		return -err->code;
	if (watch_listen(&v->ep) != 0)
		return err_set(err, ENOMEM, "no memory to watch vhost %s", v->path);
	return vhost_dev_register(v, args->conf, err);
}

static int vhost_open(const struct endpoint_args *args, struct endpoint **ep, struct err *err)
{
	uint16_t queues = args->n_rx_queues != 0 ? args->n_rx_queues : args->conf->queues;
	struct err own = {0};
	struct vhost *v;

	*ep = NULL;
	if (err == NULL)
		err = &own;
	if (args->conf->target[0] == '\0' || strlen(args->conf->target) >= sizeof(v->path))
		return err_set(err, EINVAL, "vhost: a socket's path has 1 to %zu bytes",
			       sizeof(v->path) - 1);
	v = (struct vhost *)endpoint_alloc(sizeof(*v), &vhost_ops, args, err);
	if (v == NULL)
		return -err->code;
	snprintf(v->path, sizeof(v->path), "%s", args->conf->target);
	v->client = args->conf->client;
	v->vid = -1;
	v->conn_vid = -1;
	v->conn_fd = -1;
	pthread_mutex_init(&v->lock, NULL);
	v->ep.n_rx_queues = queues == 0 ? 1 : (uint16_t)RTE_MIN(queues, VHOST_MAX_PAIRS);
	v->ep.n_tx_queues = args->n_tx_queues == 0 ? 1 : args->n_tx_queues;
	v->ep.caps = ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_SHARED;
	if (setup(v, args, err) != 0) {
		vhost_close(&v->ep);
		return -err->code;
	}
	*ep = &v->ep;
	return 0;
}

/* A guest's kick could be heard on an eventfd, but it would cost the guest more than our look costs us. */
static int vhost_rx_fd(const struct endpoint *ep, uint16_t queue)
{
	(void)ep;
	(void)queue;
	return -1;
}

/* ---- telling -------------------------------------------------------------------------- */

static const struct {
	uint8_t bit;
	const char *name;
} feature_names[] = {
	{VIRTIO_NET_F_CSUM, "csum"},
	{VIRTIO_NET_F_GUEST_CSUM, "guest_csum"},
	{VIRTIO_NET_F_MTU, "mtu"},
	{5, "mac"},
	{6, "gso"},
	{VIRTIO_NET_F_GUEST_TSO4, "guest_tso4"},
	{VIRTIO_NET_F_GUEST_TSO6, "guest_tso6"},
	{VIRTIO_NET_F_GUEST_ECN, "guest_ecn"},
	{VIRTIO_NET_F_GUEST_UFO, "guest_ufo"},
	{VIRTIO_NET_F_HOST_TSO4, "host_tso4"},
	{VIRTIO_NET_F_HOST_TSO6, "host_tso6"},
	{VIRTIO_NET_F_HOST_ECN, "host_ecn"},
	{VIRTIO_NET_F_HOST_UFO, "host_ufo"},
	{VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf"},
	{VIRTIO_NET_F_STATUS, "status"},
	{VIRTIO_NET_F_MQ, "mq"},
	{33, "iommu_platform"},
	{VIRTIO_F_RING_PACKED, "packed"},
	{35, "in_order"},
};

static const char *name_feature(unsigned int bit, char *buf, size_t len)
{
	for (size_t i = 0; i < RTE_DIM(feature_names); i++)
		if (feature_names[i].bit == bit)
			return feature_names[i].name;
	snprintf(buf, len, "bit %u", bit);
	return buf;
}

static void list_features(uint64_t features, char *buf, size_t len)
{
	size_t at = 0;
	char number[16];

	buf[0] = '\0';
	for (unsigned int bit = 0; bit < 64 && at < len; bit++)
		if (features >> bit & 1)
			at += (size_t)snprintf(buf + at, len - at, "%s%s", at > 0 ? ", " : "",
					       name_feature(bit, number, sizeof(number)));
}

static void tell_gone(const struct vhost *v, char *buf, size_t len)
{
	char clock[16] = "", features[96];
	struct tm tm;

	if (localtime_r(&v->told.since, &tm) != NULL)
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (v->told.refused == 0) {
		snprintf(buf, len, "the client went away at %s", clock);
		return;
	}
	list_features(v->told.refused, features, sizeof(features));
	snprintf(buf, len,
		 "the client was sent away at %s: feature %s refused, as it isn't offered", clock,
		 features);
}

static void tell_fault(const struct vhost *v, char *buf, size_t len)
{
	if (v->told.fault == VHOST_CUT)
		snprintf(buf, len, "the client took its memory away; it must start anew");
	else if (v->told.fault == VHOST_DEAF)
		snprintf(buf, len,
			 "who calls the client has to wait for it; it may start anew in %d s",
			 VHOST_DEAF_MS / 1000);
}

static void tell_reason(const struct vhost *v, char *buf, size_t len)
{
	switch (v->told.phase) {
	case VHOST_NEVER:
		if (v->client)
			snprintf(buf, len, "no vhost-user server listens on %s yet", v->path);
		else
			snprintf(buf, len, "no vhost-user client has connected to %s yet", v->path);
		break;
	case VHOST_CONNECTED:
		snprintf(buf, len, "a client is connected to %.100s, but its driver isn't ready",
			 v->path);
		break;
	case VHOST_GONE:
		tell_gone(v, buf, len);
		break;
	case VHOST_FULL:
		snprintf(buf, len,
			 "a client was sent away: librte_vhost has no room for more than %d "
			 "sockets and connections",
			 VHOST_ROOM);
		break;
	case VHOST_RUNNING:
		tell_fault(v, buf, len);
		break;
	}
}

static bool vhost_refresh(struct endpoint *ep)
{
	struct vhost *v = vhost_of(ep);
	struct vhost_facts now;
	bool differs;

	pthread_mutex_lock(&v->lock);
	now = v->facts;
	pthread_mutex_unlock(&v->lock);
	now.fault = __atomic_load_n(&v->fault, __ATOMIC_RELAXED);
	now.is_broken = __atomic_load_n(&v->is_broken, __ATOMIC_RELAXED);
	differs = now.phase != v->told.phase || now.features != v->told.features ||
		  now.refused != v->told.refused || now.mtu != v->told.mtu ||
		  now.fault != v->told.fault || now.is_broken != v->told.is_broken ||
		  now.n_connections != v->told.n_connections;
	v->told = now;
	return differs;
}

static void vhost_get_state(const struct endpoint *ep, struct endpoint_state *state)
{
	const struct vhost *v = vhost_of_const(ep);
	bool running = v->told.phase == VHOST_RUNNING && v->told.fault == VHOST_SOUND;

	*state = (struct endpoint_state){
		.present = running,
		.up = true,
		.carrier = running,
		.mtu = running ? v->told.mtu : 0,
	};
	tell_reason(v, state->reason, sizeof(state->reason));
}

/* A remark on what the client didn't want, for who wonders about throughput; or on what it broke. */
static const char *remark(const struct vhost *v)
{
	const uint64_t tso = 1ULL << VIRTIO_NET_F_GUEST_TSO4 | 1ULL << VIRTIO_NET_F_GUEST_TSO6;
	uint64_t features = v->told.features;

	if (v->told.is_broken)
		return "the guest broke a ring, which is left alone until its driver starts anew";
	if (!(features & 1ULL << VIRTIO_NET_F_GUEST_CSUM))
		return "the client negotiated no checksum offload; frames are completed here";
	if (!(features & tso))
		return "the client negotiated no TSO; frames are segmented here";
	return NULL;
}

static unsigned int count_on(const uint64_t *words)
{
	unsigned int n = 0;

	for (int i = 0; i < VHOST_WORDS; i++)
		n += (unsigned int)__builtin_popcountll(
			__atomic_load_n(&words[i], __ATOMIC_RELAXED));
	return n;
}

static void vhost_describe(const struct endpoint *ep, char *buf, size_t len)
{
	const struct vhost *v = vhost_of_const(ep);
	uint64_t refused = 0, f = v->told.features;
	const char *note;
	int n;

	for (uint16_t i = 0; i < ep->n_tx_queues; i++)
		refused += __atomic_load_n(&v->tx_uses[i].refused, __ATOMIC_RELAXED);
	n = snprintf(buf, len, "client=%d connections=%" PRIu64 " tx_refused=%" PRIu64, v->client,
		     v->told.n_connections, refused);
	if (v->told.phase != VHOST_RUNNING || n < 0 || (size_t)n >= len)
		return;
	note = remark(v);
	snprintf(buf + n, len - (size_t)n,
		 " features=%#" PRIx64 " ring=%s mrg=%d rings_on=%u/%u mtu=%u%s%s", f,
		 f >> VIRTIO_F_RING_PACKED & 1 ? "packed" : "split",
		 (int)(f >> VIRTIO_NET_F_MRG_RXBUF & 1), count_on(v->from_guest),
		 count_on(v->to_guest), v->told.mtu, note != NULL ? " note=" : "",
		 note != NULL ? note : "");
}

const struct endpoint_ops vhost_ops = {
	.type = "vhost",
	.open = vhost_open,
	.close = vhost_close,
	.rx = vhost_rx,
	.tx = vhost_tx,
	.rx_fd = vhost_rx_fd,
	.refresh = vhost_refresh,
	.get_state = vhost_get_state,
	.describe = vhost_describe,
};
