/* SPDX-License-Identifier: BSD-3-Clause */
#include "vhost_front.h"
#include "vhost_front_packed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#define RINGS_AT   0x1000 /* librte_vhost takes address 0 of a log for none */
#define RING_BYTES 8192 /* of one ring's three tables */
#define HEADER_LEN 12

struct header {
	uint32_t request, flags, size;
} __attribute__((packed));

/* ---- memory ---------------------------------------------------------------------- */

void front_init(struct front *f, unsigned int n_pairs, size_t slot_len)
{
	size_t slots_at = RINGS_AT + (size_t)RING_BYTES * 2 * n_pairs;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->n_pairs = n_pairs;
	f->slot_len = slot_len;
	f->rx_len = 2048;
	f->size = FRONT_RING;
	f->mem_len = slots_at + 2 * n_pairs * slot_len * FRONT_RING;
	f->memfd = memfd_create("front", MFD_CLOEXEC);
	if (f->memfd < 0 || ftruncate(f->memfd, (off_t)f->mem_len) != 0)
		abort();
	f->mem = mmap(NULL, f->mem_len, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	if (f->mem == MAP_FAILED)
		abort();
	for (unsigned int i = 0; i < 2 * n_pairs; i++) {
		struct front_ring *r = &f->rings[i];
		uint8_t *at = f->mem + RINGS_AT + (size_t)RING_BYTES * i;

		r->desc = (struct vring_desc *)at;
		r->avail = (struct vring_avail *)(at + 2048);
		r->used = (struct vring_used *)(at + 4096);
		r->slots = f->mem + slots_at + i * slot_len * FRONT_RING;
		r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
}

void front_destroy(struct front *f)
{
	front_disconnect(f);
	for (unsigned int i = 0; i < 2 * f->n_pairs; i++) {
		close(f->rings[i].kick);
		close(f->rings[i].call);
	}
	munmap(f->mem, f->mem_len);
	close(f->memfd);
}

/* ---- connection -------------------------------------------------------------------- */

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	return un;
}

int front_connect(struct front *f, const char *path)
{
	struct sockaddr_un un = address(path);

	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(f->fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return 0;
	front_disconnect(f);
	return -errno;
}

void front_disconnect(struct front *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int front_listen(const char *path)
{
	struct sockaddr_un un = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 8) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

int front_accept(struct front *f, int listener, int ms)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	if (poll(&p, 1, ms) <= 0)
		return -ETIMEDOUT;
	f->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return f->fd >= 0 ? 0 : -errno;
}

int front_bytes(struct front *f, const void *b, size_t n)
{
	return send(f->fd, b, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -errno;
}

/* Dies at its time: what was sent is sent, and the rest isn't. */
static bool lives(struct front *f, const struct iovec *iov)
{
	if (f->life == 0 || --f->life > 0)
		return true;
	if (f->dies_early)
		send(f->fd, iov->iov_base, iov->iov_len / 2, MSG_NOSIGNAL);
	front_disconnect(f);
	return false;
}

int front_message_fds(struct front *f, uint32_t request, const void *payload, uint32_t size,
		      const int *fds, unsigned int n)
{
	struct header h = {request, 1 | f->flags, size};
	struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)payload, size}};
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1};

	if (request < 64 && f->omit >> request & 1)
		return 0;
	if (!lives(f, iov))
		return -EPIPE;
	if (n > 0) {
		struct cmsghdr *c;

		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(f->fd, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(h) + size) ? 0 : -errno;
}

int front_message(struct front *f, uint32_t request, const void *payload, uint32_t size, int fd)
{
	return front_message_fds(f, request, payload, size, &fd, fd >= 0);
}

bool front_answer(struct front *f, uint64_t *answer)
{
	struct {
		struct header h;
		uint64_t value;
	} __attribute__((packed)) reply;
	struct pollfd p = {.fd = f->fd, .events = POLLIN};

	/* The front end's own patience ends, too: a test shall fail, not hang. */
	if (poll(&p, 1, 10000) <= 0 ||
	    recv(f->fd, &reply, sizeof(reply), MSG_WAITALL) != (ssize_t)sizeof(reply))
		return false;
	*answer = reply.value;
	return true;
}

bool front_ask(struct front *f, uint32_t request, uint64_t *answer)
{
	return front_message(f, request, NULL, 0, -1) == 0 && front_answer(f, answer);
}

static bool put_number(struct front *f, uint32_t request, uint64_t n, int fd)
{
	return front_message(f, request, &n, sizeof(n), fd) == 0;
}

static bool put_state(struct front *f, uint32_t request, uint32_t ring, uint32_t n)
{
	const uint32_t state[2] = {ring, n};

	return front_message(f, request, state, sizeof(state), -1) == 0;
}

/* ---- starting and stopping ----------------------------------------------------------- */

int front_share(struct front *f, const struct front_region *r, unsigned int n)
{
	struct {
		uint32_t n, padding;
		struct front_region r[8];
	} table = {n, 0, {{0}}};
	int fds[8];

	for (unsigned int i = 0; i < n; i++) {
		table.r[i] = r[i];
		fds[i] = f->memfd;
	}
	return front_message_fds(f, FRONT_SET_MEM_TABLE, &table,
				 (uint32_t)(8 + n * sizeof(table.r[0])), fds, n);
}

static bool share_memory(struct front *f)
{
	const struct front_region all = {0, f->mem_len, (uintptr_t)f->mem, 0};

	return front_share(f, &all, 1) == 0;
}

static uint64_t where(const struct front *f, const void *p)
{
	return (uint64_t)((const uint8_t *)p - f->mem);
}

static bool is_packed(const struct front *f)
{
	return f->features & FRONT_PACKED;
}

static void post(struct front *f, struct front_ring *r, uint16_t i)
{
	if (is_packed(f)) {
		packed_desc(r, r->at, where(f, r->slots + i * f->slot_len), f->rx_len,
			    VRING_DESC_F_WRITE, i);
		packed_chain(r, r->at);
		return;
	}
	r->desc[i] = (struct vring_desc){where(f, r->slots + i * f->slot_len), f->rx_len,
					 VRING_DESC_F_WRITE, 0};
	r->avail->ring[r->avail->idx % r->size] = i;
	__atomic_store_n(&r->avail->idx, (uint16_t)(r->avail->idx + 1), __ATOMIC_RELEASE);
}

static int put_addresses(struct front *f, unsigned int i, uint64_t desc, uint64_t avail,
			 uint64_t used, uint32_t flags, uint64_t log)
{
	struct {
		uint32_t ring, flags;
		uint64_t desc, used, avail, log;
	} addr = {i, flags, desc, used, avail, log};

	return front_message(f, FRONT_SET_VRING_ADDR, &addr, sizeof(addr), -1);
}

/* The log's address is that of the part "used" even of a packed ring, which has what is written elsewhere: so does QEMU. */
static bool tell_addresses(struct front *f, unsigned int i, bool logged)
{
	const struct front_ring *r = &f->rings[i];

	return put_addresses(f, i, (uintptr_t)r->desc, (uintptr_t)r->avail, (uintptr_t)r->used,
			     logged ? 1 << VHOST_VRING_F_LOG : 0, where(f, r->used)) == 0;
}

int front_place(struct front *f, unsigned int ring, uint64_t desc, uint64_t avail, uint64_t used)
{
	bool told = put_state(f, FRONT_SET_VRING_NUM, ring, f->size) &&
		    put_addresses(f, ring, desc, avail, used, 0, 0) == 0 &&
		    put_number(f, FRONT_SET_VRING_KICK, ring, f->rings[ring].kick) &&
		    put_number(f, FRONT_SET_VRING_CALL, ring, f->rings[ring].call);

	return told ? 0 : -EPIPE;
}

static bool tell_ring(struct front *f, unsigned int i, uint16_t base)
{
	const struct front_ring *r = &f->rings[i];

	return put_state(f, FRONT_SET_VRING_NUM, i, r->size) &&
	       put_state(f, FRONT_SET_VRING_BASE, i, base) && tell_addresses(f, i, false) &&
	       put_number(f, FRONT_SET_VRING_KICK, i, r->kick) &&
	       put_number(f, FRONT_SET_VRING_CALL, i, r->call);
}

static bool start_ring(struct front *f, unsigned int i)
{
	struct front_ring *r = &f->rings[i];

	memset(r->desc, 0, RING_BYTES);
	r->size = f->size;
	r->seen = 0;
	r->filled = 0;
	r->done = 0;
	packed_reset(r);
	for (uint16_t d = 0; i % 2 == 0 && d < r->size; d++)
		post(f, r, d);
	return tell_ring(f, i, is_packed(f) ? PACKED_BASE : 0);
}

static bool enable_all(struct front *f)
{
	for (unsigned int i = 0; i < 2 * f->n_pairs; i++)
		if (!front_enable(f, i, true))
			return false;
	return true;
}

bool front_enable(struct front *f, unsigned int ring, bool on)
{
	uint64_t sync;

	return put_state(f, FRONT_SET_VRING_ENABLE, ring, on) &&
	       front_ask(f, FRONT_GET_FEATURES, &sync);
}

int front_announce(struct front *f, const uint8_t *mac)
{
	uint64_t payload = 0;

	memcpy(&payload, mac, 6);
	return front_message(f, FRONT_SEND_RARP, &payload, sizeof(payload), -1);
}

bool front_start(struct front *f, uint64_t wanted)
{
	uint64_t protocol;

	f->features = wanted | (f->is_legacy ? 0 : FRONT_V1) | FRONT_PROTOCOL;
	if (!front_ask(f, FRONT_GET_FEATURES, &f->offered) ||
	    !front_ask(f, FRONT_GET_PROTOCOL_FEATURES, &protocol) ||
	    !put_number(f, FRONT_SET_PROTOCOL_FEATURES, protocol & (1 | f->protocol), -1) ||
	    front_message(f, FRONT_SET_OWNER, NULL, 0, -1) != 0 ||
	    (f->mtu != 0 && !put_number(f, FRONT_NET_SET_MTU, f->mtu, -1)) ||
	    !put_number(f, FRONT_SET_FEATURES, f->features, -1) || !share_memory(f))
		return false;
	f->protocol &= protocol;
	for (unsigned int i = 0; i < 2 * f->n_pairs; i++)
		if (!start_ring(f, i))
			return false;
	return enable_all(f);
}

bool front_log(struct front *f, int memfd, size_t len)
{
	const uint64_t log[2] = {len, 0};
	struct header answer;
	struct pollfd p = {.fd = f->fd, .events = POLLIN};

	if (front_message(f, FRONT_SET_LOG_BASE, log, sizeof(log), memfd) != 0 ||
	    poll(&p, 1, 10000) <= 0 ||
	    recv(f->fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		return false;
	f->features |= FRONT_LOG_ALL;
	if (!put_number(f, FRONT_SET_FEATURES, f->features, -1))
		return false;
	for (unsigned int i = 0; i < 2 * f->n_pairs; i++)
		if (!tell_addresses(f, i, true))
			return false;
	return front_ask(f, FRONT_GET_FEATURES, &f->offered);
}

bool front_stop(struct front *f)
{
	uint64_t base;

	for (unsigned int i = 0; i < 2 * f->n_pairs; i++)
		if (!put_state(f, FRONT_GET_VRING_BASE, i, 0) || !front_answer(f, &base))
			return false;
	return true;
}

bool front_pause(struct front *f)
{
	struct {
		struct header h;
		uint32_t ring, base;
	} __attribute__((packed)) reply;

	for (unsigned int i = 0; i < 2 * f->n_pairs; i++) {
		if (!put_state(f, FRONT_GET_VRING_BASE, i, 0) ||
		    recv(f->fd, &reply, sizeof(reply), MSG_WAITALL) != (ssize_t)sizeof(reply))
			return false;
		f->rings[i].base = (uint16_t)reply.base;
	}
	return true;
}

bool front_resume(struct front *f)
{
	for (unsigned int i = 0; i < 2 * f->n_pairs; i++)
		if (!tell_ring(f, i, f->rings[i].base))
			return false;
	return enable_all(f);
}

/* ---- frames --------------------------------------------------------------------------- */

bool front_wants_kicks(const struct front *f, unsigned int ring)
{
	const struct front_ring *r = &f->rings[ring];

	if (is_packed(f))
		return r->device_event->flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	return !(r->used->flags & VRING_USED_F_NO_NOTIFY);
}

void front_want_calls(struct front *f, unsigned int ring, bool on)
{
	struct front_ring *r = &f->rings[ring];

	if (is_packed(f))
		r->driver_event->flags =
			on ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;
	else
		r->avail->flags = on ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
}

void front_desc(struct front *f, unsigned int ring, uint16_t i, uint64_t addr, uint32_t len,
		uint16_t flags, uint16_t next)
{
	if (is_packed(f))
		packed_desc(&f->rings[ring], i, addr, len, flags, i);
	else
		f->rings[ring].desc[i] = (struct vring_desc){addr, len, flags, next};
}

void front_head(struct front *f, unsigned int ring, uint16_t head)
{
	struct front_ring *r = &f->rings[ring];

	r->filled++;
	if (is_packed(f)) {
		packed_chain(r, head);
		return;
	}
	r->avail->ring[r->avail->idx % r->size] = head;
	__atomic_store_n(&r->avail->idx, (uint16_t)(r->avail->idx + 1), __ATOMIC_RELEASE);
}

/* Frames of a send ring that the other side has done with. */
static uint16_t count_done(const struct front *f, struct front_ring *r)
{
	uint32_t len;
	uint16_t id;

	if (!is_packed(f))
		return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	while (packed_used(r, &id, &len))
		r->done++;
	return r->done;
}

bool front_send(struct front *f, unsigned int pair, const struct virtio_net_hdr *h,
		const void *frame, size_t len)
{
	unsigned int ring = 2 * pair + 1;
	struct front_ring *r = &f->rings[ring];
	uint16_t done = count_done(f, r);
	uint16_t slots = r->size / 2;
	uint16_t slot = r->filled % slots;
	uint16_t at = is_packed(f) ? r->at : 2 * slot;
	uint8_t *b = r->slots + slot * f->slot_len;

	if ((uint16_t)(r->filled - done) >= slots || len + HEADER_LEN > f->slot_len)
		return false;
	memset(b, 0, HEADER_LEN);
	if (h != NULL)
		memcpy(b, h, sizeof(*h));
	memcpy(b + HEADER_LEN, frame, len);
	front_desc(f, ring, at, where(f, b), HEADER_LEN, VRING_DESC_F_NEXT, at + 1);
	front_desc(f, ring, at + 1, where(f, b) + HEADER_LEN, (uint32_t)len, 0, 0);
	front_head(f, ring, at);
	return true;
}

/* The next buffer that the other side has filled; false: there is none. */
static bool take_used(const struct front *f, struct front_ring *r, uint16_t *id, uint32_t *len)
{
	const struct vring_used_elem *e = &r->used->ring[r->seen % r->size];

	if (is_packed(f))
		return packed_used(r, id, len);
	if (__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->seen)
		return false;
	r->seen++;
	*id = (uint16_t)e->id;
	*len = e->len;
	return true;
}

int front_receive(struct front *f, unsigned int pair, struct virtio_net_hdr_mrg_rxbuf *h, void *buf,
		  size_t len)
{
	struct front_ring *r = &f->rings[2 * pair];
	unsigned int n_buffers = 1;
	size_t got = 0;

	for (unsigned int i = 0; i < n_buffers; i++) {
		size_t skip = i == 0 ? HEADER_LEN : 0, part;
		const uint8_t *b;
		uint32_t used;
		uint16_t id;

		if (!take_used(f, r, &id, &used))
			return -1;
		b = r->slots + id * f->slot_len;
		if (i == 0) {
			memcpy(h, b, sizeof(*h));
			if (f->features & FRONT_MRG)
				n_buffers = h->num_buffers;
		}
		part = used - skip;
		if (used < skip || got + part > len)
			return -1;
		memcpy((uint8_t *)buf + got, b + skip, part);
		got += part;
		post(f, r, id);
	}
	return (int)got;
}
