/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listening Unix stream socket with a name in the file system, opened so that
 * a running daemon is never robbed of its name and a dead one's is taken over.
 *
 * Main thread. The struct belongs to the caller; the fd and the file to the struct.
 */
#ifndef CTL_UNIX_SOCKET_H
#define CTL_UNIX_SOCKET_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"

struct unix_socket {
	int fd;
	dev_t dev; /**< of the file, to remove no other one at the end */
	ino_t ino;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/**
 * Binds and listens; the file has mode 0660 before anybody can connect. A socket
 * file that nobody listens on is replaced; anything else that is there stays.
 * The fd is non-blocking and closed on exec.
 * @return 0, or -errno with @p err: ENAMETOOLONG, EADDRINUSE (somebody listens),
 *         EEXIST (not a socket), ENOENT (no such directory), …
 */
int unix_socket_open(struct unix_socket *s, const char *path, struct err *err);

/** Closes, and removes the file if it still is ours. */
void unix_socket_close(struct unix_socket *s);

/** Fills @p sa from @p path. @return 0 or -EINVAL, -ENAMETOOLONG with @p err. */
int unix_socket_address(struct sockaddr_un *sa, const char *path, struct err *err);

#endif /* CTL_UNIX_SOCKET_H */
