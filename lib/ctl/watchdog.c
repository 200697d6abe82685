/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "ctl/watchdog.h"

/** Patience for one long change, microseconds: 65,000 TAPs take a few minutes. */
#define STRETCHED (15 * 60 * UINT64_C(1000000))

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void watchdog_init(struct watchdog *d)
{
	*d = (struct watchdog){0};
	/* Not for us, or not a number: nobody watches. */
	if (sd_watchdog_enabled(0, &d->period) <= 0)
		d->period = 0;
}

void watchdog_tick(struct watchdog *d, struct dataplane *dp)
{
	uint64_t now;

	if (d->period == 0)
		return;
	now = now_us();
	if (!d->asked) {
		d->turn = dataplane_turn_begin(dp);
		d->asked = true;
	}
	if (dataplane_turn_passed(dp, d->turn)) {
		d->asked = false;
		d->stuck = false;
		if (now >= d->next) {
			sd_notify(0, "WATCHDOG=1");
			d->next = now + d->period / 4;
		}
	} else if (!d->stuck && now > d->next + d->period / 4) {
		d->stuck = true;
		LOG(CRIT, CTL,
		    "a worker passes no turns; the watchdog ends us within %" PRIu64 " s",
		    d->period / 1000000 + 1);
	}
}

void watchdog_stretch(const struct watchdog *d)
{
	if (d->period != 0 && d->period < STRETCHED && !d->stuck)
		sd_notifyf(0, "WATCHDOG_USEC=%" PRIu64, STRETCHED);
}

void watchdog_restore(const struct watchdog *d)
{
	if (d->period != 0 && d->period < STRETCHED && !d->stuck)
		sd_notifyf(0, "WATCHDOG_USEC=%" PRIu64, d->period);
}
