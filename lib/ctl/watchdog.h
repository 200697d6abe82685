/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * systemd's watchdog (WatchdogSec= in the unit): told that we live only while every
 * worker passes turns. Control being alive is what calls this. Main.
 */
#ifndef CTL_WATCHDOG_H
#define CTL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dp/dataplane.h"

struct watchdog {
	uint64_t period; /**< systemd's patience in microseconds; 0: nobody watches */
	uint64_t next; /**< when to tell again, CLOCK_MONOTONIC in microseconds */
	uint64_t turn; /**< of dataplane_turn_begin(), when `asked` */
	bool asked;
	bool stuck; /**< a worker that passes no turns was complained about */
};

/** Reads what systemd set in the environment. */
void watchdog_init(struct watchdog *d);

/** Often, from the event loop, while workers run: tells systemd when it is time to and there is reason to. */
void watchdog_tick(struct watchdog *d, struct dataplane *dp);

/**
 * Control is about to do one long thing (thousands of netdevs to be made), or did it: systemd's
 * patience is stretched meanwhile, because nothing can be told.
 */
void watchdog_stretch(const struct watchdog *d);
void watchdog_restore(const struct watchdog *d);

#endif /* CTL_WATCHDOG_H */
