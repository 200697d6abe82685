/* SPDX-License-Identifier: BSD-3-Clause */
/* The netdev of a tap: made in its namespace, changed there, asked there. Main. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>

#include "endpoint/tap.h"
#include "endpoint/watch.h"
#include "endpoint/watch_closer.h"

#define TUN_PATH "/dev/net/tun"

/* ---- what stands behind a queue's number ------------------------------------ */

/*
 * An unconnected datagram socket: reading finds nothing, writing fails, epoll stays
 * quiet. (/dev/null can't be waited for; an eventfd would count what is written.)
 */
static int harmless_open(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int tap_park_new(struct tap *t, struct err *err)
{
	for (uint16_t i = 0; i < t->n_queues; i++) {
		char why[120];
		int fd = harmless_open();

		if (fd < 0)
			return err_set(err, -fd, "tap %s: %s", t->want.ifname,
				       netns_strerror(fd, why, sizeof(why)));
		t->queues[i].fd = fd;
	}
	return 0;
}

static void put_behind(struct tap_queue *q, int fd)
{
	/* The number alone is not what an epoll set knows: the old file would stay in it as long as it lives. */
	if (q->epoll >= 0)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->fd, NULL);
	q->epoll = -1;
	dup3(fd, q->fd, O_CLOEXEC);
}

void tap_park(struct tap *t)
{
	for (uint16_t i = 0; i < t->n_queues; i++) {
		int fd = harmless_open();
		/* The last close of a netdev takes long, so it isn't dup3() that does it. */
		int old = fcntl(t->queues[i].fd, F_DUPFD_CLOEXEC, 0);

		put_behind(&t->queues[i], fd >= 0 ? fd : watch_spare_fd());
		if (fd >= 0)
			close(fd);
		if (old >= 0)
			watch_closer_close(old);
	}
	t->where = TAP_ABSENT;
}

/* ---- making it ---------------------------------------------------------------- */

struct making {
	const struct tap *t;
	int fds[TAP_MAX_QUEUES];
	uint16_t n;
	struct tap_link link;
	struct err err;
};

static int tun_error(struct err *err, const char *ifname, int code)
{
	char why[120];

	if (code == ENOENT)
		return err_set(err, code, "tap %s: there is no " TUN_PATH " (modprobe tun)",
			       ifname);
	if (code == EACCES || code == EPERM)
		return err_set(err, code, "tap %s: not allowed (CAP_NET_ADMIN, " TUN_PATH ")",
			       ifname);
	return err_set(err, code, "tap %s: %s", ifname, netns_strerror(code, why, sizeof(why)));
}

/* The first queue makes the netdev and must not find one of that name; the others join it. */
static int attach(int fd, const struct tap *t, bool first, struct err *err)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", t->want.ifname);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	/* The flag makes the kernel set aside 256 queues, 6 MiB a netdev: only where it is needed. */
	if (t->n_queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (first)
		ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_TUN_EXCL);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return 0;
	if (first && (errno == EBUSY || errno == EINVAL) && if_nametoindex(t->want.ifname) != 0)
		return err_set(err, EEXIST,
			       "tap %s: the namespace has a netdev of that name already "
			       "(a persistent tap, perhaps); it is left alone",
			       t->want.ifname);
	return tun_error(err, t->want.ifname, errno);
}

static int queue_open(const struct tap *t, bool first, struct err *err)
{
	int len = (int)sizeof(struct virtio_net_hdr);
	int sndbuf = INT_MAX;
	unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return tun_error(err, t->want.ifname, errno);
	if (attach(fd, t, first, err) != 0) {
		close(fd);
		return -err->code;
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &len) != 0 || ioctl(fd, TUNSETOFFLOAD, offload) != 0 ||
	    ioctl(fd, TUNSETSNDBUF, &sndbuf) != 0) {
		tun_error(err, t->want.ifname, errno);
		close(fd);
		return -err->code;
	}
	return fd;
}

static int explain(struct err *err, const struct tap *t, const char *what, int code)
{
	char why[120];

	return err_set(err, -code, "tap %s: %s: %s", t->want.ifname, what,
		       netns_strerror(code, why, sizeof(why)));
}

static int put_address(struct rtnl *r, const struct tap *t, int ifindex, const struct ip_prefix *p,
		       bool add, struct err *err)
{
	char text[IP_STR_LEN], what[IP_STR_LEN + 40];
	int ret = rtnl_set_address(r, ifindex, &p->addr, p->len, add);

	if (ret == 0)
		return 0;
	snprintf(what, sizeof(what), "%s address %s", add ? "adding" : "deleting",
		 ip_prefix_format(p, text));
	return explain(err, t, what, ret);
}

/* The kernel's own, made of the MAC alone, which others share; net/ipv6/addrconf.c, addrconf_ifid_eui48(). */
static struct ip_addr eui64_of(uint64_t mac)
{
	struct ip_addr a = tap_addr_link_local(mac, 0xfffe);

	a.b[8] ^= 2;
	return a;
}

/*
 * Addresses that it makes of router advertisements end as its link-local one does, as a kernel
 * slave's: of the MAC alone all who share it would make the same. Who chose an end of his own keeps
 * it. Where this is refused, there is no ARP, or nobody listens to routers.
 */
static void put_token(struct rtnl *r, int ifindex, const struct ip_addr *own)
{
	struct tap_link l;

	if (rtnl_get_link_at(r, ifindex, &l) == 0 && !l.has_token)
		rtnl_set_token(r, ifindex, own);
}

/* IPv6 may be absent from the kernel or switched off here: then there is nothing to clash. */
static int put_link_local(struct rtnl *r, int ifindex, uint64_t mac, uint16_t dev_id)
{
	struct ip_addr own = tap_addr_link_local(mac, dev_id);
	struct ip_addr eui64 = eui64_of(mac);
	int ret = rtnl_set_addr_gen_none(r, ifindex);

	if (ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP)
		return 0;
	if (ret == 0)
		rtnl_set_address(r, ifindex, &eui64, 64, false);
	if (ret == 0) {
		put_token(r, ifindex, &own);
		ret = rtnl_set_address(r, ifindex, &own, 64, true);
	}
	return ret == -EACCES ? 0 : ret;
}

/* Up comes last, so that nobody sees the netdev with another MAC or MTU. */
static int configure(struct making *mk, struct rtnl *r)
{
	const struct tap_want *want = &mk->t->want;
	int ifindex, ret;

	ret = rtnl_get_link(r, want->ifname, &mk->link);
	if (ret != 0)
		return explain(&mk->err, mk->t, "asking for its state", ret);
	ifindex = mk->link.ifindex;
	if (want->mac != 0 && (ret = rtnl_set_mac(r, ifindex, want->mac)) != 0)
		return explain(&mk->err, mk->t, "setting its MAC address", ret);
	if (want->mtu != 0 && (ret = rtnl_set_mtu(r, ifindex, want->mtu)) != 0)
		return explain(&mk->err, mk->t, "setting its MTU", ret);
	if (want->noarp && (ret = rtnl_set_noarp(r, ifindex, true)) != 0)
		return explain(&mk->err, mk->t, "switching ARP off", ret);
	if (want->dev_id != 0 &&
	    (ret = put_link_local(r, ifindex, want->mac != 0 ? want->mac : mk->link.mac,
				  want->dev_id)) != 0)
		return explain(&mk->err, mk->t, "setting its link-local address", ret);
	for (size_t i = 0; i < want->n_addresses; i++)
		if (put_address(r, mk->t, ifindex, &want->addresses[i], true, &mk->err) != 0)
			return -mk->err.code;
	if (want->up && (ret = rtnl_set_up(r, ifindex, true)) != 0)
		return explain(&mk->err, mk->t, "bringing it up", ret);
	ret = rtnl_get_link(r, want->ifname, &mk->link);
	return ret == 0 ? 0 : explain(&mk->err, mk->t, "asking for its state", ret);
}

static void making_undo(struct making *mk)
{
	while (mk->n > 0)
		close(mk->fds[--mk->n]);
}

static int make_inside(void *arg)
{
	struct making *mk = arg;
	int carrier = mk->t->want.carrier;
	struct rtnl r = {0};
	int ret;

	for (; mk->n < mk->t->n_queues; mk->n++) {
		int fd = queue_open(mk->t, mk->n == 0, &mk->err);

		if (fd < 0)
			goto fail;
		mk->fds[mk->n] = fd;
	}
	/* Before it is up, lest the first thing its owner sees be a link that isn't there. */
	ioctl(mk->fds[0], TUNSETCARRIER, &carrier);
	ret = rtnl_open(&r);
	if (ret != 0) {
		explain(&mk->err, mk->t, "netlink", ret);
		goto fail;
	}
	if (configure(mk, &r) != 0)
		goto fail;
	rtnl_close(&r);
	return 0;
fail:
	rtnl_close(&r);
	making_undo(mk);
	return -mk->err.code;
}

int tap_make(struct tap *t, int nsfd, struct err *err)
{
	struct making mk = {.t = t};
	int ret = netns_run(nsfd, make_inside, &mk);

	if (ret != 0) {
		if (mk.err.code == 0)
			explain(&mk.err, t, "entering its namespace", ret);
		if (err != NULL)
			*err = mk.err;
		return ret;
	}
	for (uint16_t i = 0; i < t->n_queues; i++) {
		put_behind(&t->queues[i], mk.fds[i]);
		close(mk.fds[i]);
	}
	t->link = mk.link;
	t->where = TAP_HOME;
	return 0;
}

/* ---- asking and changing it ---------------------------------------------------- */

bool tap_has_device(const struct tap *t)
{
	struct ifreq ifr;

	return ioctl(t->queues[0].fd, TUNGETIFF, &ifr) == 0;
}

int tap_open_netns(const struct tap *t)
{
	int fd = ioctl(t->queues[0].fd, TUNGETDEVNETNS);

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct change {
	struct tap *t;
	int (*fn)(struct rtnl *r, struct change *c);
	const struct tap *asked;
	struct tap_link *link;
	uint64_t mac;
	uint32_t mtu;
	bool on;
	const struct ip_prefix *del, *add;
	size_t n_del, n_add;
	struct err *err;
};

static int change_inside(void *arg)
{
	struct change *c = arg;
	struct rtnl r;
	int ret = rtnl_open(&r);

	if (ret != 0)
		return ret;
	ret = c->fn(&r, c);
	rtnl_close(&r);
	return ret;
}

static int change(const struct tap *t, struct change *c)
{
	int nsfd = tap_open_netns(t);
	int ret;

	if (nsfd < 0)
		return nsfd;
	ret = netns_run(nsfd, change_inside, c);
	close(nsfd);
	return ret;
}

/* By the name that the netdev has now: its owner may have renamed it, and an index is another one elsewhere. */
static int ask(struct rtnl *r, struct change *c)
{
	struct ifreq ifr;

	if (ioctl(c->asked->queues[0].fd, TUNGETIFF, &ifr) != 0)
		return -errno;
	return rtnl_get_link(r, ifr.ifr_name, c->link);
}

int tap_ask(const struct tap *t, struct tap_link *l)
{
	struct change c = {.asked = t, .fn = ask, .link = l};

	return change(t, &c);
}

static int set_mac(struct rtnl *r, struct change *c)
{
	return rtnl_set_mac(r, c->t->link.ifindex, c->mac);
}

int tap_apply_mac(struct tap *t, uint64_t mac, struct err *err)
{
	struct change c = {.t = t, .fn = set_mac, .mac = mac};
	int ret = change(t, &c);

	return ret == 0 ? 0 : explain(err, t, "setting its MAC address", ret);
}

static int set_mtu(struct rtnl *r, struct change *c)
{
	return rtnl_set_mtu(r, c->t->link.ifindex, c->mtu);
}

int tap_apply_mtu(struct tap *t, uint32_t mtu, struct err *err)
{
	struct change c = {.t = t, .fn = set_mtu, .mtu = mtu};
	int ret = change(t, &c);

	return ret == 0 ? 0 : explain(err, t, "setting its MTU", ret);
}

static int set_up(struct rtnl *r, struct change *c)
{
	return rtnl_set_up(r, c->t->link.ifindex, c->on);
}

int tap_apply_up(struct tap *t, bool up, struct err *err)
{
	struct change c = {.t = t, .fn = set_up, .on = up};
	int ret = change(t, &c);

	return ret == 0 ? 0 : explain(err, t, up ? "bringing it up" : "taking it down", ret);
}

static int set_noarp(struct rtnl *r, struct change *c)
{
	const struct tap *t = c->t;
	struct ip_addr own = tap_addr_link_local(t->link.mac, t->want.dev_id);
	int ret = rtnl_set_noarp(r, t->link.ifindex, c->on);

	if (ret == 0 && !c->on && t->want.dev_id != 0)
		put_token(r, t->link.ifindex, &own);
	return ret;
}

int tap_apply_noarp(struct tap *t, bool noarp, struct err *err)
{
	struct change c = {.t = t, .fn = set_noarp, .on = noarp};
	int ret = change(t, &c);

	return ret == 0 ? 0
			: explain(err, t, noarp ? "switching ARP off" : "switching ARP on", ret);
}

static int set_link_local(struct rtnl *r, struct change *c)
{
	return put_link_local(r, c->t->link.ifindex, c->t->link.mac, c->t->want.dev_id);
}

int tap_apply_link_local(struct tap *t, struct err *err)
{
	struct change c = {.t = t, .fn = set_link_local};
	int ret = change(t, &c);

	return ret == 0 ? 0 : explain(err, t, "setting its link-local address", ret);
}

static void take_address(const struct nlmsghdr *nlh, void *arg)
{
	struct tap *t = arg;
	struct tap_addr a;
	int ifindex;

	if (nlh->nlmsg_type == RTM_NEWADDR && tap_addr_parse(nlh, &ifindex, &a) &&
	    ifindex == t->link.ifindex)
		tap_addrs_dumped(&t->addrs, &a);
}

static int ask_addresses(struct rtnl *r, struct change *c)
{
	char buf[256];

	return rtnl_dump(r, tap_addr_put_get(buf, c->t->link.ifindex, 0), take_address, c->t);
}

int tap_ask_addresses(struct tap *t)
{
	struct change c = {.t = t, .fn = ask_addresses};
	int ret;

	tap_addrs_dump_begin(&t->addrs);
	ret = change(t, &c);
	tap_addrs_dump_end(&t->addrs, ret == 0);
	return ret;
}

void tap_apply_carrier(struct tap *t)
{
	int carrier = t->want.carrier;

	ioctl(t->queues[0].fd, TUNSETCARRIER, &carrier);
}

static bool has_prefix(const struct ip_prefix *list, size_t n, const struct ip_prefix *p)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].len == p->len && ip_addr_cmp(&list[i].addr, &p->addr) == 0)
			return true;
	return false;
}

static int add_all(struct rtnl *r, const struct tap *t, const struct ip_prefix *list, size_t n,
		   struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (put_address(r, t, t->link.ifindex, &list[i], true, err) != 0)
			return -err->code;
	return 0;
}

/*
 * The kernel may take an address's secondaries along when it is deleted, so what stays
 * is added again, too; that is no change where it still is there.
 */
static int set_addresses(struct rtnl *r, struct change *c)
{
	const struct tap *t = c->t;
	struct err ignored;

	for (size_t i = 0; i < c->n_del; i++)
		if (!has_prefix(c->add, c->n_add, &c->del[i]) &&
		    put_address(r, t, t->link.ifindex, &c->del[i], false, c->err) != 0)
			return -c->err->code;
	if (add_all(r, t, c->add, c->n_add, c->err) == 0)
		return 0;
	for (size_t i = 0; i < c->n_add; i++)
		if (!has_prefix(c->del, c->n_del, &c->add[i]))
			rtnl_set_address(r, t->link.ifindex, &c->add[i].addr, c->add[i].len, false);
	add_all(r, t, c->del, c->n_del, &ignored);
	return -c->err->code;
}

int tap_apply_addresses(struct tap *t, const struct ip_prefix *old, size_t n_old,
			const struct ip_prefix *new, size_t n_new, struct err *err)
{
	struct err why = {0};
	struct change c = {.t = t,
			   .fn = set_addresses,
			   .del = old,
			   .n_del = n_old,
			   .add = new,
			   .n_add = n_new,
			   .err = &why};
	int ret = change(t, &c);

	if (ret != 0 && why.code == 0)
		explain(&why, t, "setting its addresses", ret);
	if (ret != 0 && err != NULL)
		*err = why;
	return ret;
}
