/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/unix_socket.h"

#define BACKLOG	     64
#define SOCKET_MODE  0660
#define LOCK_TRIES   20
#define LOCK_WAIT_US 50000

int unix_socket_address(struct sockaddr_un *sa, const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (len == 0)
		return err_set(err, EINVAL, "the control socket's path is empty");
	if (len >= sizeof(sa->sun_path))
		return err_set(
			err, ENAMETOOLONG,
			"the control socket's path has %zu bytes, at most %zu are possible: %s",
			len, sizeof(sa->sun_path) - 1, path);
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	memcpy(sa->sun_path, path, len + 1);
	return 0;
}

/**
 * Locks the directory of the socket, so that two daemons that start at once don't
 * both take the same dead socket for replaceable. Anybody who can read the
 * directory can hold such a lock, so it is waited for a second and no longer.
 * @param lock  the fd that holds the lock; -1: go on without
 */
static int lock_directory(const char *path, int *lock, struct err *err)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		strcpy(dir, ".");
	else if (slash == path)
		strcpy(dir, "/");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	*lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0) {
		int code = errno;

		if (code == EACCES)
			return 0; /* may still be writable; bind() will tell */
		return err_set(err, code, "cannot make the control socket %s: %s: %s", path, dir,
			       strerror(code));
	}
	for (int i = 0; i < LOCK_TRIES && flock(*lock, LOCK_EX | LOCK_NB) < 0; i++)
		usleep(LOCK_WAIT_US);
	return 0;
}

/** Removes a socket file that nobody listens on; anything else that is there is an error. */
static int remove_stale(const struct sockaddr_un *sa, struct err *err)
{
	const char *path = sa->sun_path;
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	struct stat st;
	int fd, code;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_set(err, errno, "cannot make the control socket %s: %s", path,
			       strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(
			err, EEXIST,
			"cannot make the control socket %s: a file that is not a socket is there",
			path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "socket: %s", strerror(errno));
	code = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? errno : 0;
	if (code == 0)
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	close(fd);
	if (code == ECONNREFUSED) {
		if (unlink(path) == 0 || errno == ENOENT)
			return 0;
		return err_set(err, errno, "cannot replace the dead control socket %s: %s", path,
			       strerror(errno));
	}
	if (peer.pid > 0)
		return err_set(err, EADDRINUSE,
			       "control socket %s is in use: process %d listens on it", path,
			       (int)peer.pid);
	/* EAGAIN: its backlog is full; EPROTOTYPE: another sort of socket. Alive, both. */
	if (code == 0 || code == EAGAIN || code == EPROTOTYPE)
		return err_set(err, EADDRINUSE,
			       "control socket %s is in use: another process listens on it", path);
	return err_set(err, code, "cannot make the control socket %s: %s", path, strerror(code));
}

static int bind_and_listen(struct unix_socket *s, const struct sockaddr_un *sa, struct err *err)
{
	struct stat st;
	int code;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_set(err, errno, "socket: %s", strerror(errno));
	/*
	 * The file gets the mode of the socket's inode less the umask: never more than
	 * 0660, whatever the umask. What the umask took away comes back by chmod(),
	 * and until listen() nobody can connect.
	 */
	if (fchmod(s->fd, SOCKET_MODE) < 0 ||
	    bind(s->fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0) {
		code = errno;
		close(s->fd);
		return err_set(err, code, "cannot make the control socket %s: %s", s->path,
			       strerror(code));
	}
	if (lstat(s->path, &st) == 0 && S_ISSOCK(st.st_mode) && chmod(s->path, SOCKET_MODE) == 0 &&
	    listen(s->fd, BACKLOG) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
		return 0;
	}
	code = errno;
	unlink(s->path);
	close(s->fd);
	return err_set(err, code, "cannot listen on the control socket %s: %s", s->path,
		       strerror(code));
}

int unix_socket_open(struct unix_socket *s, const char *path, struct err *err)
{
	struct sockaddr_un sa;
	int lock = -1;
	int ret;

	ret = unix_socket_address(&sa, path, err);
	if (ret < 0)
		return ret;
	memset(s, 0, sizeof(*s));
	memcpy(s->path, sa.sun_path, sizeof(s->path));
	ret = lock_directory(path, &lock, err);
	if (ret < 0)
		return ret;
	ret = remove_stale(&sa, err);
	if (ret == 0)
		ret = bind_and_listen(s, &sa, err);
	if (lock >= 0)
		close(lock);
	return ret;
}

void unix_socket_close(struct unix_socket *s)
{
	struct stat st;

	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	close(s->fd);
	s->fd = -1;
}
