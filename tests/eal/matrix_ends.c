/* SPDX-License-Identifier: BSD-3-Clause */
#include "matrix_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/if_packet.h>
#include <rte_vhost.h>

#include "endpoint/netns.h"

#define SLOT_LEN 70000
/* Of a guest without mergeable buffers: a jumbo frame needs one that holds it. */
#define BIG_BUFFER 10000

static char folder[32];
static char netns[32];

static int shell(const char *before, const char *what, const char *after)
{
	char command[200];
	int rc;

	snprintf(command, sizeof(command), "%s %s%s", before, what, after);
	rc = system(command);
	if (rc != 0)
		print_error("failed: %s\n", command);
	return rc;
}

int ends_prepare(void)
{
	snprintf(folder, sizeof(folder), "/tmp/matrix-XXXXXX");
	snprintf(netns, sizeof(netns), "mx%d", (int)getpid());
	if (mkdtemp(folder) == NULL)
		return -1;
	if (shell("ip netns add", netns, "") != 0)
		return -1;
	/* Its own chatter would only be in the way. */
	return shell("ip netns exec", netns, " sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
}

void ends_clean_up(void)
{
	shell("ip netns del", netns, "");
	shell("rm -rf", folder, "");
}

int ends_enter(void)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), NETNS_DIR "/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? setns(fd, CLONE_NEWNET) : -1;
}

bool end_leaves_work(enum end_kind kind)
{
	return kind == END_VHOST || kind == END_TAP;
}

/* ---- behind net_virtio_user: librte_vhost ----------------------------------------- */

static struct end *backs[8];

static struct end *find_back(int vid)
{
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return NULL;
	for (size_t i = 0; i < RTE_DIM(backs); i++)
		if (backs[i] != NULL && strcmp(backs[i]->path, path) == 0)
			return backs[i];
	return NULL;
}

static int on_device(int vid)
{
	struct end *e = find_back(vid);

	if (e != NULL)
		__atomic_store_n(&e->vid, vid, __ATOMIC_RELEASE);
	return 0;
}

static void on_device_gone(int vid)
{
	struct end *e = find_back(vid);

	if (e != NULL)
		__atomic_store_n(&e->vid, -1, __ATOMIC_RELEASE);
}

static const struct rte_vhost_device_ops back_ops = {
	.new_device = on_device,
	.destroy_device = on_device_gone,
};

static void start_back(struct end *e)
{
	for (size_t i = 0; i < RTE_DIM(backs) && !e->registered; i++) {
		if (backs[i] != NULL)
			continue;
		backs[i] = e;
		e->registered = true;
	}
	assert_true(e->registered);
	assert_int_equal(rte_vhost_driver_register(e->path, RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS),
			 0);
	assert_int_equal(rte_vhost_driver_callback_register(e->path, &back_ops), 0);
	assert_int_equal(rte_vhost_driver_start(e->path), 0);
}

static void stop_back(struct end *e)
{
	if (!e->registered)
		return;
	rte_vhost_driver_unregister(e->path);
	for (size_t i = 0; i < RTE_DIM(backs); i++)
		if (backs[i] == e)
			backs[i] = NULL;
	e->registered = false;
}

/* ---- life --------------------------------------------------------------------------- */

static void make_netdev(const struct end *e)
{
	char command[200];

	snprintf(command, sizeof(command),
		 "ip link add %s mtu %u type veth peer name %sp mtu %u && ip link set %sp up && "
		 "ip link set %s up",
		 e->name, e->mtu, e->name, e->mtu, e->name, e->name);
	assert_int_equal(system(command), 0);
}

void end_prepare(struct end *e, uint32_t mtu)
{
	e->mtu = mtu;
	e->vid = -1;
	e->fd = -1;
	snprintf(e->path, sizeof(e->path), "%s/%s", folder, e->name);
	if (e->kind == END_DEV)
		start_back(e);
	if (e->kind == END_NETDEV)
		make_netdev(e);
}

void end_spec(const struct end *e, char *buf, size_t len)
{
	switch (e->kind) {
	case END_VHOST:
	case END_VHOST_PLAIN:
		snprintf(buf, len, "vhost:%s", e->path);
		break;
	case END_TAP:
		snprintf(buf, len, "tap:%s,netns=%s", e->name, netns);
		break;
	case END_DEV:
		snprintf(buf, len, "dev:net_virtio_user_%s,path=%s,mac=" LAB_PORT_MAC, e->name,
			 e->path);
		break;
	case END_DEV_PLAIN:
		snprintf(buf, len, "dev:net_ring_%s", e->name);
		break;
	case END_NETDEV:
		snprintf(buf, len, "dev:net_af_packet_%s,iface=%sp%s", e->name, e->name,
			 e->mtu > 1500 ? ",framesz=12288,blocksz=12288" : "");
		break;
	default:
		snprintf(buf, len, "none");
	}
}

static void open_packet(struct end *e)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int one = 1;

	e->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sll_ifindex = (int)if_nametoindex(e->name);
	assert_true(e->fd >= 0 && at.sll_ifindex > 0);
	setsockopt(e->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
	setsockopt(e->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(e->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	assert_int_equal(bind(e->fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

void end_connect(struct rig *r, struct end *e)
{
	uint64_t features = e->kind == END_VHOST ? FRONT_MRG | FRONT_OFFLOADS : 0;

	(void)r;
	if (e->kind == END_TAP || e->kind == END_NETDEV)
		open_packet(e);
	if (e->kind != END_VHOST && e->kind != END_VHOST_PLAIN)
		return;
	front_init(&e->front, 1, SLOT_LEN);
	if (e->kind == END_VHOST_PLAIN)
		e->front.rx_len = BIG_BUFFER;
	e->has_front = true;
	assert_int_equal(front_connect(&e->front, e->path), 0);
	assert_true(front_start(&e->front, features));
}

void end_disconnect(struct end *e)
{
	if (e->has_front)
		front_destroy(&e->front);
	e->has_front = false;
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

void end_release(struct end *e)
{
	if (e->kind == END_DEV)
		stop_back(e);
	if (e->kind == END_NETDEV)
		shell("ip link del", e->name, "");
}

/* ---- sending ------------------------------------------------------------------------ */

static struct virtio_net_hdr header_of(const struct frame *f, bool unfinished, uint16_t mss)
{
	if (!unfinished)
		return (struct virtio_net_hdr){0};
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = mss == 0 ? VIRTIO_NET_HDR_GSO_NONE
			    : f->v6  ? VIRTIO_NET_HDR_GSO_TCPV6
				     : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = mss,
		.hdr_len = (uint16_t)frame_hdr_len(f),
		.csum_start = (uint16_t)frame_l4(f),
		.csum_offset = f->udp ? 6 : 16,
	};
}

static bool send_netdev(const struct end *e, const struct frame *f, const struct virtio_net_hdr *h)
{
	const struct iovec iov[] = {{(void *)(uintptr_t)h, sizeof(*h)},
				    {(void *)(uintptr_t)f->bytes, f->len}};

	if (writev(e->fd, iov, 2) == (ssize_t)(sizeof(*h) + f->len))
		return true;
	/* Everything else is a fault of the test. */
	assert_int_equal(errno, EMSGSIZE);
	return false;
}

static void send_back(struct rig *r, const struct end *e, const struct frame *f)
{
	struct rte_mbuf *m = rig_mbuf(r, f->bytes, f->len, 2000);

	assert_int_equal(rte_vhost_enqueue_burst(e->vid, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
}

bool end_send(struct rig *r, struct end *e, const struct frame *f, bool unfinished, uint16_t mss)
{
	struct virtio_net_hdr h = header_of(f, unfinished, mss);

	assert_true(!unfinished || end_leaves_work(e->kind));
	switch (e->kind) {
	case END_VHOST:
	case END_VHOST_PLAIN:
		assert_true(front_send(&e->front, 0, &h, f->bytes, f->len));
		return true;
	case END_TAP:
	case END_NETDEV:
		return send_netdev(e, f, &h);
	case END_DEV:
		send_back(r, e, f);
		return true;
	case END_DEV_PLAIN:
		rig_send(r, e->name, f->bytes, f->len, 2000);
		return true;
	default:
		fail_msg("nothing can be sent from there");
		return false;
	}
}

/* ---- receiving ------------------------------------------------------------------------ */

static void read_header(struct arrival *a, const struct virtio_net_hdr *h, uint32_t shift)
{
	a->unfinished = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	a->csum_at = h->csum_start + h->csum_offset + shift;
	a->mss = h->gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : h->gso_size;
	a->v6 = (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6;
}

static bool receive_front(struct end *e, struct arrival *a)
{
	struct virtio_net_hdr_mrg_rxbuf h;
	int n = front_receive(&e->front, 0, &h, a->bytes, sizeof(a->bytes));

	if (n < 0)
		return false;
	a->len = (uint32_t)n;
	read_header(a, &h.hdr, 0);
	return true;
}

/* The kernel took the tag out of the frame; here it goes back. */
static uint32_t put_tag(struct arrival *a, struct msghdr *m)
{
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			return 0;
		memmove(a->bytes + 16, a->bytes + 12, a->len - 12);
		put16(a->bytes + 12, aux.tp_vlan_tpid);
		put16(a->bytes + 14, aux.tp_vlan_tci);
		a->len += 4;
		return 4;
	}
	return 0;
}

static bool receive_netdev(const struct end *e, struct arrival *a)
{
	struct virtio_net_hdr h;
	struct iovec iov[] = {{&h, sizeof(h)}, {a->bytes, sizeof(a->bytes) - 4}};
	union {
		char buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct cmsghdr align;
	} control;
	struct msghdr m = {.msg_iov = iov,
			   .msg_iovlen = 2,
			   .msg_control = control.buf,
			   .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(e->fd, &m, 0);

	if (n < (ssize_t)sizeof(h))
		return false;
	assert_int_equal(m.msg_flags & MSG_TRUNC, 0);
	a->len = (uint32_t)n - (uint32_t)sizeof(h);
	read_header(a, &h, put_tag(a, &m));
	return true;
}

static void copy_bytes(struct arrival *a, const struct rte_mbuf *m)
{
	const void *p;

	assert_true(m->pkt_len <= sizeof(a->bytes));
	a->len = m->pkt_len;
	p = rte_pktmbuf_read(m, 0, m->pkt_len, a->bytes);
	assert_non_null(p);
	if (p != a->bytes)
		memcpy(a->bytes, p, m->pkt_len);
}

/* librte_vhost tells of a checksum by flags only if it is where TCP or UDP have it. */
static bool receive_back(struct rig *r, const struct end *e, struct arrival *a)
{
	int vid = __atomic_load_n(&e->vid, __ATOMIC_ACQUIRE);
	struct rte_mbuf *m;

	if (vid < 0 || rte_vhost_dequeue_burst(vid, 1, r->pool, &m, 1) != 1)
		return false;
	copy_bytes(a, m);
	a->unfinished = (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
	a->csum_at = 0;
	a->mss = m->ol_flags & RTE_MBUF_F_RX_LRO ? m->tso_segsz : 0;
	a->v6 = RTE_ETH_IS_IPV6_HDR(m->packet_type);
	rte_pktmbuf_free(m);
	return true;
}

static bool receive_ring(struct rig *r, const struct end *e, struct arrival *a)
{
	struct rte_mbuf *m = rig_take(r, e->name);

	if (m == NULL)
		return false;
	copy_bytes(a, m);
	/* Whoever reads the ring has no way to know of more. */
	a->unfinished = m->ol_flags & (RTE_MBUF_F_TX_OFFLOAD_MASK | offload_csum_flag);
	a->mss = 0;
	rte_pktmbuf_free(m);
	return true;
}

bool end_receive(struct rig *r, struct end *e, struct arrival *a)
{
	switch (e->kind) {
	case END_VHOST:
	case END_VHOST_PLAIN:
		return receive_front(e, a);
	case END_TAP:
	case END_NETDEV:
		return receive_netdev(e, a);
	case END_DEV:
		return receive_back(r, e, a);
	case END_DEV_PLAIN:
		return receive_ring(r, e, a);
	default:
		return false;
	}
}
