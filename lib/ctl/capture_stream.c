/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "ctl/capture_stream.h"
#include "ctl/pcapng.h"

/** Besides the longest frame; what is written at once. */
#define BUFFER_SIZE (1u << 20)
/** Rings are looked at this often while nothing comes. */
#define IDLE_MS 2
/** How often a thread that waits for its client looks whether it shall end. */
#define STUCK_MS 100
/** After it was asked to end, a client has this long to take the rest. */
#define LAST_MS	    1000
#define COMMENT_MAX 192
#define PROGRAM	    "dpdk-vnic " DPDK_VNIC_VERSION

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool is_stopped(const struct capture_stream *s)
{
	return __atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);
}

/* Waits until the client takes more. False: it is gone, or had its time. */
static bool await_room(const struct capture_stream *s, uint64_t *deadline)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	if (is_stopped(s) && *deadline == 0)
		*deadline = now_ns(CLOCK_MONOTONIC) + LAST_MS * 1000000ULL;
	if (*deadline != 0 && now_ns(CLOCK_MONOTONIC) > *deadline)
		return false;
	poll(&p, 1, STUCK_MS);
	return (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static void flush(struct capture_stream *s)
{
	uint64_t deadline = 0;
	uint32_t at = 0;

	while (at < s->n && !s->gone) {
		ssize_t k = send(s->fd, s->buffer + at, s->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k >= 0)
			at += (uint32_t)k;
		else if (errno == EAGAIN)
			s->gone = !await_room(s, &deadline);
		else if (errno != EINTR)
			s->gone = true;
	}
	s->n = 0;
}

static void write_packet(struct capture_stream *s, uint32_t ring, const struct capture_record *rec,
			 uint64_t tsc, uint64_t ns)
{
	char comment[COMMENT_MAX];
	/* Signed: a worker's TSC may be a little ahead of ours. */
	double age = (double)(int64_t)(tsc - rec->tsc) / (double)rte_get_tsc_hz();
	struct pcapng_packet p = {
		.ns = ns - (uint64_t)(int64_t)(age * 1e9),
		.bytes = rec->bytes,
		.caplen = rec->caplen,
		.len = rec->len,
		.outbound = rec->outbound,
		.lost = rec->lost - s->lost[ring],
	};

	if (rec->reason != DROP_NONE) {
		enum drop_reason r = (enum drop_reason)rec->reason;

		snprintf(comment, sizeof(comment), "dropped: %s: %s", drop_reason_name(r),
			 drop_reason_text(r));
		p.comment = comment;
	}
	s->lost[ring] = rec->lost;
	if (s->n + PCAPNG_OVERHEAD + COMMENT_MAX + rec->caplen > BUFFER_SIZE)
		flush(s);
	s->n += pcapng_packet(s->buffer + s->n, &p);
	__atomic_store_n(&s->written, s->written + 1, __ATOMIC_RELAXED);
}

static bool has_all(const struct capture_stream *s)
{
	return s->limit != 0 && s->written >= s->limit;
}

/* What the rings hold that is older than now; workers' copies are put in order. */
static bool drain(struct capture_stream *s)
{
	struct capture *c = s->capture;
	uint64_t tsc = rte_rdtsc(), ns = now_ns(CLOCK_REALTIME);
	bool any = false;

	while (!s->gone && !has_all(s)) {
		const struct capture_record *first = NULL;
		uint32_t ring = 0;

		for (uint32_t i = 0; i < c->n_rings; i++) {
			const struct capture_record *rec = capture_ring_first(&c->rings[i]);

			if (rec != NULL && (first == NULL || rec->tsc < first->tsc)) {
				first = rec;
				ring = i;
			}
		}
		if (first == NULL || (any && first->tsc > tsc))
			break;
		write_packet(s, ring, first, tsc, ns);
		capture_ring_remove_first(&c->rings[ring]);
		any = true;
	}
	flush(s);
	return any;
}

/* True: the client has gone, or has ended its sending half. */
static bool is_asked_to_end(struct capture_stream *s, int ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLRDHUP};

	poll(&p, 1, ms);
	s->gone |= (p.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
	return p.revents != 0;
}

static void *run(void *arg)
{
	struct capture_stream *s = arg;
	bool ending = false;
	uint64_t one = 1;

	s->n = pcapng_section(s->buffer, PROGRAM);
	s->n += pcapng_interface(s->buffer + s->n, s->name, s->filter, s->capture->snaplen);
	flush(s);
	while (!ending && !s->gone) {
		bool any;

		/* What came until it was asked to end is still wanted: so asked first, then drained. */
		ending = is_stopped(s);
		any = drain(s);
		if (has_all(s))
			break;
		if (!ending && is_asked_to_end(s, any ? 0 : IDLE_MS)) {
			drain(s);
			break;
		}
	}
	if (!s->gone) {
		s->n = pcapng_statistics(s->buffer, now_ns(CLOCK_REALTIME), s->written,
					 capture_lost(s->capture), is_stopped(s) ? s->why : NULL);
		flush(s);
	}
	shutdown(s->fd, SHUT_RDWR);
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	(void)!write(s->done_fd, &one, sizeof(one));
	return NULL;
}

static void free_buffers(struct capture_stream *s)
{
	free(s->buffer);
	free(s->lost);
	s->buffer = NULL;
	s->lost = NULL;
}

int capture_stream_start(struct capture_stream *s, int fd)
{
	sigset_t all, old;
	int rc;

	s->buffer = malloc(BUFFER_SIZE);
	s->lost = calloc(s->capture->n_rings, sizeof(*s->lost));
	if (s->buffer == NULL || s->lost == NULL) {
		free_buffers(s);
		return -ENOMEM;
	}
	s->fd = fd;
	/* Signals are main's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		free_buffers(s);
		s->fd = -1;
	}
	return -rc;
}

void capture_stream_stop(struct capture_stream *s, const char *why)
{
	s->why = why;
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
}

void capture_stream_join(struct capture_stream *s)
{
	if (s->fd < 0)
		return;
	pthread_join(s->thread, NULL);
	close(s->fd);
	s->fd = -1;
	free_buffers(s);
}
