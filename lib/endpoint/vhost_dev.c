/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What librte_vhost tells. Callbacks run on its threads (and, when a socket is closed, on
 * the closing one); they store, wake main, and wait for nobody but workers in mid-burst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "base/log.h"
#include "endpoint/vhost.h"

#ifndef VIRTIO_NET_F_GSO
#define VIRTIO_NET_F_GSO 6
#endif

#define BIT(n) (1ULL << (n))

/* Fragmentation of UDP isn't done anywhere here; VIRTIO_NET_F_GSO would include it. */
#define NEVER_OFFERED \
	(BIT(VIRTIO_NET_F_HOST_UFO) | BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_NET_F_GSO))
/* Of the protocol; DPDK after 24.11 has it. Memory comes in one table, which vhost_message.c sees. */
#define MEMORY_IN_SLOTS BIT(15)
#define OFFLOADS                                                                                   \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |     \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	 BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN))

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, vhost) list = LIST_HEAD_INITIALIZER(list);
static struct vhost *by_vid[RTE_MAX_VHOST_DEVICE];

static struct vhost *find_vid(int vid)
{
	if (vid < 0 || vid >= RTE_MAX_VHOST_DEVICE)
		return NULL;
	return __atomic_load_n(&by_vid[vid], __ATOMIC_ACQUIRE);
}

static struct vhost *find_path(const char *path)
{
	struct vhost *v;

	pthread_mutex_lock(&list_lock);
	LIST_FOREACH (v, &list, next)
		if (strcmp(v->path, path) == 0)
			break;
	pthread_mutex_unlock(&list_lock);
	return v;
}

static void tell(struct vhost *v, enum vhost_phase phase)
{
	pthread_mutex_lock(&v->lock);
	v->facts.phase = phase;
	v->facts.since = time(NULL);
	pthread_mutex_unlock(&v->lock);
	endpoint_hint_slow(&v->ep);
}

/* ---- rings ------------------------------------------------------------------------------ */

static void set_bit(uint64_t *words, uint16_t bit, bool on)
{
	uint64_t mask = 1ULL << bit % 64;

	if (on)
		__atomic_fetch_or(&words[bit / 64], mask, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&words[bit / 64], ~mask, __ATOMIC_RELAXED);
}

/* Odd rings are those that the guest sends on. */
static uint64_t *words_of(struct vhost *v, uint32_t ring)
{
	return ring % 2 != 0 ? v->from_guest : v->to_guest;
}

static void close_ring(struct vhost *v, uint32_t ring, bool tell)
{
	set_bit(words_of(v, ring), (uint16_t)(ring / 2), false);
	if (v->rings[ring] != NULL)
		vhost_ring_close(v->rings[ring], tell);
}

static void open_ring(struct vhost *v, uint32_t ring)
{
	if (v->rings[ring] == NULL)
		v->rings[ring] = rte_zmalloc("vhost", sizeof(*v->rings[ring]), RTE_CACHE_LINE_SIZE);
	if (v->rings[ring] != NULL &&
	    vhost_ring_open(v->rings[ring], v->vid, (uint16_t)ring, &v->memory))
		set_bit(words_of(v, ring), (uint16_t)(ring / 2), true);
}

static bool is_on(struct vhost *v, uint32_t ring)
{
	return words_of(v, ring)[ring / 2 / 64] >> ring / 2 % 64 & 1;
}

void vhost_ring_pause(struct vhost *v, uint32_t ring)
{
	if (ring < RTE_DIM(v->rings))
		close_ring(v, ring, true);
}

static void close_rings(struct vhost *v, bool tell)
{
	for (uint32_t i = 0; i < RTE_DIM(v->rings); i++)
		close_ring(v, i, tell);
}

void vhost_rings_close(struct vhost *v)
{
	close_rings(v, true);
}

void vhost_rings_open(struct vhost *v)
{
	for (uint32_t i = 0; v->vid >= 0 && i < RTE_DIM(v->rings); i++)
		if (v->is_ready[i] && !is_on(v, i))
			open_ring(v, i);
}

/* Nobody is in a ring when it returns, and nobody enters. @tell: the device is still there to be told. */
static void withdraw(struct vhost *v, bool tell)
{
	__atomic_store_n(&v->vid, -1, __ATOMIC_RELAXED);
	close_rings(v, tell);
}

/* ---- connections ---------------------------------------------------------------------- */

static enum rte_vhost_msg_result before_message(int vid, void *msg)
{
	struct vhost *v = find_vid(vid);

	return v != NULL ? vhost_message_check(v, msg) : RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static enum rte_vhost_msg_result after_message(int vid, void *msg)
{
	struct vhost *v = find_vid(vid);

	if (v != NULL)
		vhost_message_done(v, vid, msg);
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops message_ops = {
	.pre_msg_handle = before_message,
	.post_msg_handle = after_message,
};

/* No callback for @vid finds @v any more, no worker uses its device. */
static void drop_vid(struct vhost *v, int vid)
{
	struct vhost *expected = v;

	withdraw(v, false);
	/* The number may be another socket's by now. */
	__atomic_compare_exchange_n(&by_vid[vid], &expected, NULL, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_RELAXED);
}

static void set_connection(struct vhost *v, int vid, int fd)
{
	pthread_mutex_lock(&v->lock);
	v->conn_vid = vid;
	v->conn_fd = fd;
	pthread_mutex_unlock(&v->lock);
}

static int on_connect(int vid)
{
	char path[PATH_MAX];
	struct vhost *v;
	int old, old_fd, fd;

	if (vid < 0 || vid >= RTE_MAX_VHOST_DEVICE ||
	    rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return -1;
	v = find_path(path);
	if (v == NULL)
		return -1;
	pthread_mutex_lock(&v->lock);
	old = v->conn_vid;
	old_fd = v->conn_fd;
	pthread_mutex_unlock(&v->lock);
	/* A client that came back may be heard before its former end is. */
	if (old >= 0 && vhost_socket_is_alive(old_fd, v->path, v->client)) {
		LOG(DEBUG, ENDPOINT, "%s: a second client at %s is sent away", v->ep.name, v->path);
		return -1;
	}
	if (old >= 0)
		drop_vid(v, old);
	if (!vhost_room_enter(v, vid)) {
		set_connection(v, -1, -1);
		tell(v, VHOST_FULL);
		return -1;
	}
	fd = vhost_socket_find(v->path, v->client, old_fd);
	vhost_socket_limit(fd);
	pthread_mutex_lock(&v->lock);
	v->conn_vid = vid;
	v->conn_fd = fd;
	v->facts.refused = 0;
	v->facts.n_connections++;
	pthread_mutex_unlock(&v->lock);
	vhost_message_begin(v);
	__atomic_store_n(&by_vid[vid], v, __ATOMIC_RELEASE);
	rte_vhost_extern_callback_register(vid, &message_ops, NULL);
	tell(v, VHOST_CONNECTED);
	return 0;
}

static void on_disconnect(int vid)
{
	struct vhost *v = find_vid(vid);

	vhost_room_leave(vid);
	if (v == NULL)
		return;
	drop_vid(v, vid);
	set_connection(v, -1, -1);
	tell(v, VHOST_GONE);
}

/* ---- devices ------------------------------------------------------------------------------ */

uint32_t vhost_caps_of(uint64_t features)
{
	/* A frame is copied, from as many pieces as it has. */
	uint32_t caps = ENDPOINT_CAP_MULTI_SEGS | ENDPOINT_CAP_SHARED;

	if (!(features & BIT(VIRTIO_NET_F_GUEST_CSUM)))
		return caps;
	caps |= ENDPOINT_CAP_CSUM | ENDPOINT_CAP_CSUM_ANY | ENDPOINT_CAP_IP_OPTS;
	if (features & BIT(VIRTIO_NET_F_GUEST_TSO4))
		caps |= ENDPOINT_CAP_TSO4;
	if (features & BIT(VIRTIO_NET_F_GUEST_TSO6))
		caps |= ENDPOINT_CAP_TSO6;
	return caps;
}

/* Whoever let a worker wait is not worked for at once again: he would do nothing else. */
static enum vhost_fault still_at_fault(const struct vhost *v)
{
	uint64_t until = __atomic_load_n(&v->deaf_until, __ATOMIC_RELAXED);

	return until > vhost_now_ms() ? VHOST_DEAF : VHOST_SOUND;
}

static int on_device(int vid)
{
	struct vhost *v = find_vid(vid);
	uint64_t features = 0;
	uint16_t mtu = 0;

	if (v == NULL || rte_vhost_get_negotiated_features(vid, &features) != 0)
		return -1;
	if (rte_vhost_get_mtu(vid, &mtu) != 0)
		mtu = 0;
	pthread_mutex_lock(&v->lock);
	v->facts.features = features;
	v->facts.mtu = mtu;
	pthread_mutex_unlock(&v->lock);
	__atomic_store_n(&v->ep.caps, vhost_caps_of(features), __ATOMIC_RELAXED);
	__atomic_store_n(&v->fault, still_at_fault(v), __ATOMIC_RELAXED);
	__atomic_store_n(&v->is_broken, false, __ATOMIC_RELAXED);
	__atomic_store_n(&v->vid, vid, __ATOMIC_RELAXED);
	vhost_rings_open(v);
	tell(v, VHOST_RUNNING);
	return 0;
}

static void on_device_gone(int vid)
{
	struct vhost *v = find_vid(vid);

	if (v == NULL)
		return;
	/* librte_vhost tells the front end how far its rings came. */
	withdraw(v, true);
	tell(v, VHOST_CONNECTED);
}

/* Called with librte_vhost's locks of all rings held, which none of ours is for. */
static int on_ring(int vid, uint16_t ring, int enable)
{
	struct vhost *v = find_vid(vid);

	if (v == NULL || ring >= RTE_DIM(v->rings))
		return 0;
	v->is_ready[ring] = enable != 0;
	if (!enable)
		close_ring(v, ring, true);
	else if (v->vid >= 0)
		open_ring(v, ring);
	return 0;
}

static int on_features(int vid, uint64_t features)
{
	struct vhost *v = find_vid(vid);

	/* Of a running device only the log of a migration is switched. */
	if (v == NULL)
		return 0;
	pthread_mutex_lock(&v->lock);
	v->facts.features = features;
	pthread_mutex_unlock(&v->lock);
	return 0;
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = on_device,
	.destroy_device = on_device_gone,
	.vring_state_changed = on_ring,
	.features_changed = on_features,
	.new_connection = on_connect,
	.destroy_connection = on_disconnect,
};

/* ---- main ------------------------------------------------------------------------------- */

/*
 * librte_vhost tells each message of each client at INFO, and its data path would have
 * guests make workers write lines. Whoever asked for more with --log-level gets it.
 */
static void quieten(void)
{
	int config = rte_log_register("lib.vhost.config");
	int data = rte_log_register("lib.vhost.data");

	if (config >= 0 && rte_log_get_level((uint32_t)config) == (int)RTE_LOG_INFO)
		rte_log_set_level((uint32_t)config, RTE_LOG_CRIT);
	if (data >= 0 && rte_log_get_level((uint32_t)data) <= (int)RTE_LOG_WARNING)
		rte_log_set_level((uint32_t)data, RTE_LOG_CRIT);
}

static uint64_t unwanted(const struct endpoint_conf *conf)
{
	uint64_t mask = NEVER_OFFERED;

	if (conf->no_packed)
		mask |= BIT(VIRTIO_F_RING_PACKED);
	if (conf->no_mrg)
		mask |= BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (conf->no_offload)
		mask |= OFFLOADS;
	return mask;
}

/* Has it listen, or begin to connect; what the file is like from its first moment on. */
static int start(struct vhost *v, const struct endpoint_conf *conf, uid_t uid, gid_t gid,
		 struct err *err)
{
	mode_t old = 0;
	int ret;

	if (!v->client)
		old = umask(0777 & ~(mode_t)(conf->has_mode ? conf->mode : 0660));
	ret = rte_vhost_driver_start(v->path);
	if (!v->client)
		umask(old);
	if (ret != 0)
		return err_set(err, v->client ? EIO : EADDRINUSE, "vhost %s: can't %s there (%s)",
			       v->path, v->client ? "connect" : "listen",
			       "too many sockets, or no right to the folder");
	if (!v->client)
		vhost_wake();
	if (!v->client && (uid != (uid_t)-1 || gid != (gid_t)-1) && chown(v->path, uid, gid) != 0)
		return err_set(err, errno, "vhost %s: owner: %s", v->path, strerror(errno));
	return 0;
}

static int set_up(struct vhost *v, const struct endpoint_conf *conf, uid_t uid, gid_t gid,
		  struct err *err)
{
	uint64_t protocol = 0;

	v->registered = true;
	if (rte_vhost_driver_get_protocol_features(v->path, &protocol) != 0 ||
	    rte_vhost_driver_set_protocol_features(v->path, protocol & ~MEMORY_IN_SLOTS) != 0 ||
	    rte_vhost_driver_disable_features(v->path, unwanted(conf)) != 0 ||
	    rte_vhost_driver_get_features(v->path, &v->offered) != 0 ||
	    rte_vhost_driver_callback_register(v->path, &device_ops) != 0)
		return err_set(err, EIO, "vhost %s: librte_vhost refuses to be set up", v->path);
	pthread_mutex_lock(&list_lock);
	LIST_INSERT_HEAD(&list, v, next);
	pthread_mutex_unlock(&list_lock);
	v->listed = true;
	return start(v, conf, uid, gid, err);
}

int vhost_dev_register(struct vhost *v, const struct endpoint_conf *conf, struct err *err)
{
	uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	int ret = vhost_memory_guard();

	if (ret != 0)
		return err_set(err, -ret, "vhost %s: no handler for SIGBUS", v->path);
	ret = vhost_call_guard();
	if (ret != 0)
		return err_set(err, -ret, "vhost %s: no guard for calls of guests", v->path);
	quieten();
	/* It would let two sockets have one path. */
	if (find_path(v->path) != NULL)
		return err_set(err, EADDRINUSE, "vhost %s: another vnic has this socket", v->path);
	if (conf->owner != NULL && vhost_socket_owner(conf->owner, &uid, &gid, err) != 0)
		return -err->code;
	if (!v->client && vhost_socket_clear(v->path, err) != 0)
		return -err->code;
	if (v->client)
		flags |= RTE_VHOST_USER_CLIENT;
	if (vhost_room_listen(v, err) != 0)
		return -err->code;
	if (rte_vhost_driver_register(v->path, flags) != 0) {
		vhost_room_close(v);
		return err_set(err, ENOSPC,
			       "vhost %s: librte_vhost has no room for it (%d sockets)", v->path,
			       RTE_MAX_VHOST_DEVICE);
	}
	if (set_up(v, conf, uid, gid, err) != 0) {
		vhost_dev_unregister(v);
		return -err->code;
	}
	return 0;
}

void vhost_dev_unregister(struct vhost *v)
{
	bool is_last;

	if (!v->registered)
		return;
	/*
	 * Its server may have gone just now. librte_vhost's thread then puts the socket back among those to be
	 * connected (lib/vhost/socket.c, vhost_user_read_cb()), and mustn't do so once it was freed.
	 */
	if (v->client)
		vhost_wake_wait();
	rte_vhost_driver_unregister(v->path);
	v->registered = false;
	vhost_room_close(v);
	pthread_mutex_lock(&list_lock);
	if (v->listed)
		LIST_REMOVE(v, next);
	v->listed = false;
	is_last = LIST_EMPTY(&list);
	pthread_mutex_unlock(&list_lock);
	/* What it was told to forget it forgets when it looks next. */
	if (is_last) {
		vhost_wake_close();
		vhost_call_leave();
	} else if (!v->client) {
		vhost_wake();
	}
	/* It told nothing of the connection's end. */
	if (v->conn_vid >= 0)
		drop_vid(v, v->conn_vid);
	v->conn_vid = -1;
}
