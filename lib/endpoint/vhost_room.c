/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * librte_vhost's set of descriptors holds 1,024 (MAX_FDS in its lib/vhost/fd_man.h): listening
 * sockets and connections. One connection too many is closed without a word, and where the set is
 * full while 22.11's event thread works through it, entries move under its feet. So we count, and say
 * no before it does. Main and librte_vhost's threads.
 */
#include <errno.h>

#include "endpoint/vhost.h"

#define SET_SIZE 1024
/* Its own pipe, our waker (vhost_wake.c), and some that nobody thought of. */
#define SPARE 8
/* A place is free only when the event thread has gone through its set again. */
#define REST_MS 500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int n_listening, n_connected;
/* Places left in this period of REST_MS, and in the one before. */
static unsigned int n_resting[2];
static uint64_t period;
static struct vhost *whose[RTE_MAX_VHOST_DEVICE]; /* connections, by vid */

static unsigned int count_resting(void)
{
	uint64_t now = vhost_now_ms() / REST_MS;

	if (now != period) {
		n_resting[1] = now == period + 1 ? n_resting[0] : 0;
		n_resting[0] = 0;
		period = now;
	}
	return n_resting[0] + n_resting[1];
}

/* In one go through the set a vnic can lose no more than it had, however fast its clients come and go. */
static void rest(struct vhost *v)
{
	count_resting();
	if (v->rested != period)
		n_resting[0]++;
	v->rested = period;
}

/*
 * Main needn't leave it to chance. Callbacks of the event thread want the lock, so it is
 * given away meanwhile.
 */
static void wait_for_resting(void)
{
	pthread_mutex_unlock(&lock);
	vhost_wake_wait();
	pthread_mutex_lock(&lock);
	n_resting[0] = 0;
	n_resting[1] = 0;
}

int vhost_room_listen(struct vhost *v, struct err *err)
{
	int ret = 0;

	_Static_assert(VHOST_ROOM == SET_SIZE - SPARE, "vhost.h");
	if (v->client)
		return 0;
	pthread_mutex_lock(&lock);
	if (n_listening + n_connected + count_resting() >= VHOST_ROOM)
		wait_for_resting();
	if (n_listening + n_connected >= VHOST_ROOM)
		ret = err_set(err, ENOSPC,
			      "vhost %s: librte_vhost has room for %d sockets and connections in "
			      "all, and they are taken",
			      v->path, VHOST_ROOM);
	else
		n_listening++;
	v->has_room = ret == 0;
	pthread_mutex_unlock(&lock);
	return ret;
}

bool vhost_room_enter(struct vhost *v, int vid)
{
	bool full;

	pthread_mutex_lock(&lock);
	full = n_listening + n_connected + count_resting() >= VHOST_ROOM;
	if (!full) {
		whose[vid] = v;
		n_connected++;
	}
	pthread_mutex_unlock(&lock);
	return !full;
}

static void take_out(int vid)
{
	rest(whose[vid]);
	whose[vid] = NULL;
	n_connected--;
}

void vhost_room_leave(int vid)
{
	pthread_mutex_lock(&lock);
	if (vid >= 0 && vid < RTE_MAX_VHOST_DEVICE && whose[vid] != NULL)
		take_out(vid);
	pthread_mutex_unlock(&lock);
}

void vhost_room_close(struct vhost *v)
{
	pthread_mutex_lock(&lock);
	for (int vid = 0; vid < RTE_MAX_VHOST_DEVICE; vid++)
		if (whose[vid] == v)
			take_out(vid);
	if (v->has_room) {
		n_listening--;
		n_resting[0]++;
	}
	v->has_room = false;
	pthread_mutex_unlock(&lock);
}
