/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * librte_vhost's event thread (22.11: lib/vhost/fd_man.c) polls a set of descriptors that it looks
 * up before it begins to wait, for up to a second. Who adds a connection wakes it; who adds a
 * listening socket doesn't, so that clients of a new vnic would wait for the second to pass. A
 * connection of our own to ourselves, made as librte_vhost's client, is heard at once, and whatever
 * is sent on it from then on wakes the thread. It costs a place in that set and a device.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "endpoint/vhost.h"

#define MSG_GET_FEATURES 1
#define MSG_VERSION	 1
#define ANSWER_LEN	 20 /* the three words of a header, and a number */
#define PATIENCE_MS	 1000

static struct {
	char path[64];
	int fd; /* our end */
	size_t unanswered; /* bytes */
	bool registered, is_open;
} wake;

static const struct rte_vhost_device_ops no_ops;

static int listen_at(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd >= 0 &&
	    (bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 1) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Both ends, of which librte_vhost has one. */
static bool connect_to(int listener)
{
	if (rte_vhost_driver_register(wake.path,
				      RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT) != 0)
		return false;
	wake.registered = true;
	if (rte_vhost_driver_callback_register(wake.path, &no_ops) != 0 ||
	    rte_vhost_driver_start(wake.path) != 0)
		return false;
	wake.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return wake.fd >= 0;
}

/* The name is needed for a moment only. */
static void open_wake(void)
{
	char folder[] = "/tmp/dpdk-vnic-XXXXXX";
	int listener;

	if (mkdtemp(folder) == NULL)
		return;
	snprintf(wake.path, sizeof(wake.path), "%s/wake", folder);
	wake.fd = -1;
	wake.unanswered = 0;
	listener = listen_at(wake.path);
	wake.is_open = listener >= 0 && connect_to(listener);
	if (listener >= 0)
		close(listener);
	unlink(wake.path);
	rmdir(folder);
	if (!wake.is_open)
		vhost_wake_close();
}

/* Answers are of no interest, but they would fill the socket. False: there are none. */
static bool take_answers(void)
{
	char answers[256];
	bool some = false;
	ssize_t n;

	while ((n = recv(wake.fd, answers, sizeof(answers), 0)) > 0) {
		wake.unanswered -= RTE_MIN(wake.unanswered, (size_t)n);
		some = true;
	}
	return some;
}

/*
 * One question at a time: answers that nobody takes would fill the socket, and then its thread would
 * wait. One that isn't answered yet will have it look again, too.
 */
static bool ask(void)
{
	static const uint32_t question[3] = {MSG_GET_FEATURES, MSG_VERSION, 0};

	take_answers();
	if (wake.unanswered > 0)
		return true;
	if (send(wake.fd, question, sizeof(question), MSG_NOSIGNAL) != sizeof(question))
		return false;
	wake.unanswered = ANSWER_LEN;
	return true;
}

void vhost_wake(void)
{
	if (!wake.is_open) {
		open_wake();
		if (!wake.is_open)
			LOG(DEBUG, ENDPOINT, "vhost: clients of new sockets may wait for a second");
		return; /* being added was heard */
	}
	if (!ask())
		LOG(DEBUG, ENDPOINT, "vhost: %s: %s", wake.path, strerror(errno));
}

void vhost_wake_wait(void)
{
	struct pollfd p = {.events = POLLIN};

	if (!wake.is_open)
		open_wake();
	p.fd = wake.fd;
	/* One may be there from before; the next answer may come from the middle of a round. */
	for (int i = 0; wake.is_open && i < 3; i++) {
		if (!ask())
			return;
		while (wake.unanswered > 0 && poll(&p, 1, PATIENCE_MS) > 0 && take_answers())
			;
	}
}

void vhost_wake_close(void)
{
	if (wake.registered)
		rte_vhost_driver_unregister(wake.path);
	if (wake.is_open)
		close(wake.fd);
	wake.registered = false;
	wake.is_open = false;
}
