/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "endpoint/tap_groups.h"
#include "endpoint/watch_addrs.h"
#include "endpoint/watch_ns.h"
#include "endpoint/watch_routes.h"

#define N_BUCKETS    1024
#define RECV_BUF     32768
#define SOCKET_BUF   (1 << 20)
#define TEXT_CHUNK   65536
#define MAX_TEXT     (16u << 20)
#define MAX_RECEIVES 4096 /* a turn; more than the socket's buffer holds */
#define MIN_READ_MS  20 /* between two looks at a namespace's groups */
#define READ_COST    20 /* and so many times what one look takes */
#define DUMP_COST    20 /* the same for two dumps, but no more than: */
#define MAX_WAIT_MS  1000

/* Linux 6.15 announces IP group membership; older headers lack the numbers, older kernels refuse the groups. */
#define GROUP_IPV4_MCADDR 37
#define GROUP_IPV6_MCADDR 38
#define MSG_NEWMULTICAST  56
#define MSG_DELMULTICAST  57

LIST_HEAD(bucket, tap);
static struct bucket buckets[N_BUCKETS];
static LIST_HEAD(, watch_ns) namespaces = LIST_HEAD_INITIALIZER(namespaces);
static char *text;
static size_t text_cap;

uint64_t watch_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t watch_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- namespaces -------------------------------------------------------------- */

struct opening {
	int netlink;
	int mcast;
};

static int netlink_open(void)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK,
				   .nl_groups =
					   RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int groups[] = {GROUP_IPV4_MCADDR, GROUP_IPV6_MCADDR};
	int size = SOCKET_BUF;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	/* A limit, not memory taken. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		int code = errno;

		close(fd);
		return -code;
	}
	for (size_t i = 0; i < RTE_DIM(groups); i++)
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i]));
	return fd;
}

static int open_inside(void *arg)
{
	struct opening *o = arg;

	o->netlink = netlink_open();
	if (o->netlink < 0)
		return o->netlink;
	/* Not /proc/self: that is the main thread's namespace, whoever asks. */
	o->mcast = open("/proc/thread-self/net/dev_mcast", O_RDONLY | O_CLOEXEC);
	if (o->mcast < 0) {
		int code = errno;

		close(o->netlink);
		return -code;
	}
	return 0;
}

static struct watch_ns *ns_create(int nsfd, struct netns_id id, int epoll, int *code)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct opening o;
	struct watch_ns *ns;

	*code = netns_run(nsfd, open_inside, &o);
	if (*code != 0)
		return NULL;
	ns = calloc(1, sizeof(*ns));
	ev.data.ptr = ns;
	if (ns == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, o.netlink, &ev) != 0) {
		*code = ns == NULL ? -ENOMEM : -errno;
		free(ns);
		close(o.netlink);
		close(o.mcast);
		return NULL;
	}
	ns->id = id;
	ns->netlink = o.netlink;
	ns->mcast = o.mcast;
	LIST_INIT(&ns->taps);
	LIST_INSERT_HEAD(&namespaces, ns, next);
	return ns;
}

struct watch_ns *watch_ns_get(int nsfd, int epoll, int *code)
{
	struct netns_id id;
	struct watch_ns *ns;

	*code = netns_fstat(nsfd, &id);
	if (*code != 0)
		return NULL;
	LIST_FOREACH (ns, &namespaces, next)
		if (netns_id_equal(ns->id, id))
			break;
	if (ns == NULL)
		ns = ns_create(nsfd, id, epoll, code);
	if (ns != NULL)
		ns->n_refs++;
	return ns;
}

void watch_ns_put(struct watch_ns *ns)
{
	if (--ns->n_refs > 0)
		return;
	LIST_REMOVE(ns, next);
	/* Closing takes the descriptor out of epoll, too. */
	close(ns->netlink);
	close(ns->mcast);
	free(ns);
}

int watch_ns_open(const struct watch_ns *ns)
{
	int fd = ioctl(ns->netlink, SIOCGSKNS);

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void watch_ns_listen(struct watch_ns *ns, bool on)
{
	int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH};

	ns->n_listeners += on ? 1 : -1u;
	if (ns->n_listeners != (on ? 1 : 0))
		return;
	for (size_t i = 0; i < RTE_DIM(groups); i++)
		setsockopt(ns->netlink, SOL_NETLINK,
			   on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &groups[i],
			   sizeof(groups[i]));
}

struct watch_ns *watch_ns_first(void)
{
	return LIST_FIRST(&namespaces);
}

void watch_ns_cleanup(void)
{
	free(text);
	text = NULL;
	text_cap = 0;
}

/* ---- its taps ------------------------------------------------------------------ */

static struct bucket *bucket_of(const struct watch_ns *ns, int ifindex)
{
	uint64_t h = ((uint64_t)ns->id.ino * 31 + (uint64_t)ifindex) * 0x9e3779b97f4a7c15ULL;

	return &buckets[h >> 54];
}

struct tap *watch_ns_find(const struct watch_ns *ns, int ifindex)
{
	struct tap *t;

	LIST_FOREACH (t, bucket_of(ns, ifindex), in_bucket)
		if (t->ns == ns && t->link.ifindex == ifindex)
			return t;
	return NULL;
}

void watch_ns_attach(struct watch_ns *ns, struct tap *t)
{
	t->ns = ns;
	ns->n_refs++;
	ns->is_new = true;
	ns->is_dirty = true;
	t->has_fresh = false;
	/* A dump that began before it was there doesn't name it. */
	t->seen = true;
	LIST_INSERT_HEAD(&ns->taps, t, in_ns);
	LIST_INSERT_HEAD(bucket_of(ns, t->link.ifindex), t, in_bucket);
}

void watch_ns_detach(struct tap *t)
{
	struct watch_ns *ns = t->ns;

	if (ns == NULL)
		return;
	LIST_REMOVE(t, in_ns);
	LIST_REMOVE(t, in_bucket);
	watch_addrs_forget(t);
	t->ns = NULL;
	t->has_fresh = false;
	watch_ns_put(ns);
}

/* ---- netlink -------------------------------------------------------------------- */

static int request(const struct watch_ns *ns, int ifindex, uint32_t seq)
{
	char buf[256];
	struct nlmsghdr *nlh = tap_link_put_get(buf, ifindex, seq);

	return send(ns->netlink, nlh, nlh->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int request_dump(const struct watch_ns *ns, unsigned int what, uint32_t seq)
{
	char buf[256];
	struct nlmsghdr *nlh;

	if (what == WATCH_DUMP_LINKS)
		return request(ns, 0, seq);
	nlh = tap_addr_put_get(buf, 0, seq);
	return send(ns->netlink, nlh, nlh->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

void watch_ns_ask(const struct tap *t)
{
	request(t->ns, t->link.ifindex, 0);
}

uint64_t watch_ns_dump(struct watch_ns *ns)
{
	static uint32_t seq;
	uint64_t now = watch_now_ms();
	struct tap *t;

	if (ns->need == 0 || ns->dump_seq != 0)
		return UINT64_MAX;
	if (now < ns->dump_ready_ms)
		return ns->dump_ready_ms;
	if (++seq == 0)
		seq = 1;
	ns->dumping = ns->need & WATCH_DUMP_LINKS ? WATCH_DUMP_LINKS : WATCH_DUMP_ADDRS;
	if (request_dump(ns, ns->dumping, seq) != 0) {
		ns->dump_ready_ms = now + MIN_READ_MS;
		return ns->dump_ready_ms;
	}
	ns->dump_seq = seq;
	ns->dump_began_ms = now;
	ns->need &= ~ns->dumping;
	if (ns->dumping == WATCH_DUMP_ADDRS)
		watch_addrs_dump_begin(ns);
	else
		LIST_FOREACH (t, &ns->taps, in_ns)
			t->seen = false;
	return UINT64_MAX;
}

static void dump_end(struct watch_ns *ns, bool whole, watch_ns_lost lost)
{
	uint64_t now = watch_now_ms();
	struct tap *t, *next;

	ns->dump_seq = 0;
	/* An owner who makes messages get lost shall not have all of main's time. Links that were lost have waited long enough. */
	if (ns->dumping == WATCH_DUMP_ADDRS || !whole)
		ns->dump_ready_ms =
			now + RTE_MIN(MIN_READ_MS + (now - ns->dump_began_ms) * DUMP_COST,
				      (uint64_t)MAX_WAIT_MS);
	if (!whole)
		ns->need |= ns->dumping;
	if (ns->dumping == WATCH_DUMP_ADDRS) {
		watch_addrs_dump_end(ns, whole);
		return;
	}
	if (!whole)
		return;
	for (t = LIST_FIRST(&ns->taps); t != NULL; t = next) {
		next = LIST_NEXT(t, in_ns);
		if (!t->seen)
			lost(t);
	}
}

static void on_link(struct watch_ns *ns, const struct nlmsghdr *nlh, watch_ns_lost lost)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct tap_link link;
	struct tap *t;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC)
		return;
	t = watch_ns_find(ns, ifi->ifi_index);
	if (t == NULL)
		return;
	t->seen = true;
	if (t->flags != ifi->ifi_flags)
		t->n_turns++;
	t->flags = ifi->ifi_flags;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		lost(t);
	} else if (tap_link_parse(nlh, &link)) {
		/* Coming up, or a new address, brings groups along. */
		ns->is_dirty |= !tap_link_equal(&t->link, &link);
		t->was_down |= !link.up;
		t->fresh = link;
		t->has_fresh = true;
	}
}

static void on_message(struct watch_ns *ns, const struct nlmsghdr *nlh, watch_ns_lost lost)
{
	bool of_dump = ns->dump_seq != 0 && nlh->nlmsg_seq == ns->dump_seq;

	if (of_dump && nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		ns->need |= ns->dumping;
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(ns, nlh, lost);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		watch_addrs_message(ns, nlh, of_dump);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		watch_routes_message(ns, nlh);
		break;
	case MSG_NEWMULTICAST:
	case MSG_DELMULTICAST:
		ns->is_dirty = true;
		break;
	case NLMSG_DONE:
	case NLMSG_ERROR:
		if (of_dump)
			dump_end(ns, nlh->nlmsg_type == NLMSG_DONE && !(ns->need & ns->dumping),
				 lost);
		break;
	}
}

static void lose_messages(struct watch_ns *ns)
{
	ns->need = WATCH_DUMP_LINKS | WATCH_DUMP_ADDRS;
	ns->is_lossy = true;
	watch_routes_lost(ns);
}

/* One datagram; false: there is none. */
static bool receive(struct watch_ns *ns, watch_ns_lost lost)
{
	static char buf[RECV_BUF] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t n = recvfrom(ns->netlink, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &from_len);
	int left;

	if (n < 0 && errno == ENOBUFS) {
		lose_messages(ns);
		return true;
	}
	if (n < 0)
		return errno == EINTR;
	if ((size_t)n > sizeof(buf)) {
		lose_messages(ns);
		return true;
	}
	/* The namespace's root may write to this socket, too; only the kernel is believed. */
	if (from.nl_pid != 0)
		return true;
	for (left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		on_message(ns, nlh, lost);
	return true;
}

void watch_ns_drain(struct watch_ns *ns, watch_ns_lost lost)
{
	int i = 0;

	/* The last tap that is lost must not take the namespace with it while it is being read. */
	ns->n_refs++;
	while (i < MAX_RECEIVES && receive(ns, lost))
		i++;
	/* What waits is older than a dump and must not be taken for newer. */
	if (i < MAX_RECEIVES) {
		ns->n_heard++;
		watch_ns_dump(ns);
	} else {
		ns->is_readable = true;
	}
	watch_ns_put(ns);
}

/* ---- groups --------------------------------------------------------------------- */

/* The whole text, however often the kernel wants to be asked; its length or -errno. */
static ssize_t read_text(const struct watch_ns *ns)
{
	size_t len = 0;

	for (;;) {
		ssize_t n;

		if (text_cap - len < TEXT_CHUNK) {
			char *bigger;

			if (len > MAX_TEXT)
				return -EFBIG;
			bigger = realloc(text, text_cap + 4 * TEXT_CHUNK);
			if (bigger == NULL)
				return -ENOMEM;
			text = bigger;
			text_cap += 4 * TEXT_CHUNK;
		}
		n = pread(ns->mcast, text + len, text_cap - len, (off_t)len);
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
}

/* Tells texts apart; nobody gains by making two collide but the namespace's own owner. */
static uint64_t hash_text(size_t len)
{
	uint64_t h = 0x9e3779b97f4a7c15ULL ^ len;
	uint64_t word;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, text + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	for (; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3ULL;
	return h;
}

static void gather(struct tap *t, uint64_t group)
{
	if (t->n_gather > TAP_MAX_GROUPS)
		return;
	if (t->n_gather == t->cap_gather) {
		size_t cap = t->cap_gather == 0 ? 8 : 2 * t->cap_gather;
		uint64_t *bigger = realloc(t->gather, cap * sizeof(*bigger));

		if (bigger == NULL) {
			/* As if there were too many: it gets all groups rather than too few. */
			t->n_gather = TAP_MAX_GROUPS + 1;
			return;
		}
		t->gather = bigger;
		t->cap_gather = cap;
	}
	t->gather[t->n_gather++] = group;
}

static void sort_out(struct watch_ns *ns, size_t len)
{
	const char *at = text;
	const char *end = text + len;
	uint64_t group;
	int ifindex;
	struct tap *t;

	LIST_FOREACH (t, &ns->taps, in_ns)
		t->n_gather = 0;
	t = NULL;
	while (tap_groups_next(&at, end, &ifindex, &group)) {
		/* A netdev's groups stand together. */
		if (t == NULL || t->link.ifindex != ifindex)
			t = watch_ns_find(ns, ifindex);
		if (t != NULL)
			gather(t, group);
	}
	LIST_FOREACH (t, &ns->taps, in_ns)
		if (t->n_gather <= TAP_MAX_GROUPS)
			t->n_gather = tap_groups_sort(t->gather, t->n_gather);
}

int watch_ns_read_groups(struct watch_ns *ns, uint64_t now_ms)
{
	uint64_t hash = 0, began;
	ssize_t len;
	int ret = 1;

	if (now_ms != 0 && now_ms < ns->ready_ms)
		return -EAGAIN;
	began = watch_now_us();
	ns->is_dirty = false;
	len = read_text(ns);
	if (len >= 0)
		hash = hash_text((size_t)len);
	if (len < 0) {
		ns->is_new = true;
		ret = (int)len;
	} else if (ns->is_new || hash != ns->text_hash) {
		ns->text_hash = hash;
		ns->is_new = false;
		sort_out(ns, (size_t)len);
		ret = 0;
	}
	ns->read_us = watch_now_us() - began;
	/* An owner who joins and leaves without end shall not have all of main's time. */
	ns->ready_ms =
		watch_now_ms() + RTE_MAX((uint64_t)MIN_READ_MS, ns->read_us * READ_COST / 1000);
	return ret;
}
