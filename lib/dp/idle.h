/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `idle = adaptive`: when a worker that has nothing to do sleeps, how long, and what
 * wakes it.
 *
 *   busy ──► an empty turn ──► IDLE_SPIN_US without work: pauses between turns ──► sleeps
 *    ▲         │      ▲                                                              │
 *    │         └─nap──┘ behind a stream                                              │
 *    └──────────────── a turn with work ◄── a turn ◄── woken, or the time is up ◄────┘
 *
 * Queues that have a descriptor wake it by the worker's epoll set, at once. Queues that
 * must be polled can't, so a worker that has some sleeps in slices: as long as it has been
 * idle already, and never longer than IDLE_SLICE_US. Main wakes it by an eventfd when it
 * published something or wants it to end.
 *
 * idle_wake(): any thread, also a signal handler. All else: main opens and closes, the
 * worker's thread does the rest.
 */
#ifndef DP_IDLE_H
#define DP_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Without work for so long before the first sleep: frames of one flow come closer together. Who
 * has queues that tell of frames gives the core to whoever else wants it meanwhile: the stacks
 * behind its TAPs, say. Who has queues that must be polled doesn't: he would get it back too late.
 */
#define IDLE_SPIN_US 50

/**
 * Who has received so many bytes since the last nap naps at the next empty turn, if all its queues tell of
 * frames: a stream's next ones gather meanwhile, and the stacks at its ends have the core. Frames don't
 * end a nap, for a sender that has to wake somebody pays more than that is worth. Requests and
 * answers of a few hundred bytes bring about one nap in a hundred, which no median sees.
 */
#define IDLE_NAP_BYTES 16384
#define IDLE_NAP_US    50

/**
 * The longest sleep of a worker that polls: a frame shall not wait a millisecond, and
 * waking up comes on top. A sleep costs some 4 µs of a core,
 * in a virtual machine 20 to 40: 500 µs would be more than 3 % there.
 */
#define IDLE_SLICE_US 800

/** The longest sleep of one that is always woken; a bound for what nobody thought of. */
#define IDLE_LONG_US 100000

struct idle {
	int wake; /**< eventfd */
	uint64_t tsc_per_us;
	uint64_t since; /**< TSC of the first empty turn; 0: the last one had work */
	uint64_t bytes; /**< received since the last nap */
	bool nap; /**< the sleep that begins is one */
};

/** @p tsc_hz  of the clock that idle_after_turn() is given. 0 or -errno. */
int idle_open(struct idle *i, uint64_t tsc_hz);
void idle_close(struct idle *i);

/** @p n bytes were received. */
static inline void idle_received(struct idle *i, uint64_t n)
{
	i->bytes += n;
}

/** The turn that began at @p now had nothing to do: pauses, or tells how long to sleep. */
uint32_t idle_empty_turn(struct idle *i, bool polls, uint64_t now);

/**
 * After the turn that began at TSC @p now.
 * @param worked  it had something to do, or something waits
 * @param polls   some queue of the worker has no descriptor
 * @return µs to sleep; 0: go on
 */
static inline uint32_t idle_after_turn(struct idle *i, bool worked, bool polls, uint64_t now)
{
	if (worked) {
		i->since = 0;
		return 0;
	}
	return idle_empty_turn(i, polls, now);
}

/** Sleeps @p us; if that is no nap, until a descriptor in @p epoll is ready or somebody calls idle_wake(). */
void idle_sleep(struct idle *i, int epoll, uint32_t us);

/** Ends the sleep that is, or else the next one. */
void idle_wake(const struct idle *i);

#endif /* DP_IDLE_H */
