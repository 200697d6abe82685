/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint/vhost.h"

/** What a front end may take between two halves of a message, and to take an answer. */
#define PATIENCE_US 20000

/* ---- the file --------------------------------------------------------------------- */

static void fill_address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", path);
}

/* 0: somebody does; ECONNREFUSED: nobody; else we can't tell. */
static int ask_listener(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un un;
	int ret = 0;

	if (fd < 0)
		return errno;
	fill_address(&un, path);
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0)
		ret = errno == EAGAIN ? 0 : errno; /* a backlog that is full is somebody's */
	close(fd);
	return ret;
}

static int check_folder(const char *path, struct err *err)
{
	char folder[sizeof(((struct vhost *)NULL)->path)];
	struct stat st;
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return 0;
	slash[slash == folder] = '\0'; /* of "/x" the slash stays */
	if (stat(folder, &st) != 0)
		return err_set(err, errno, "vhost %s: the folder %s: %s", path, folder,
			       strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "vhost %s: %s is not a folder", path, folder);
	return 0;
}

int vhost_socket_clear(const char *path, struct err *err)
{
	struct stat st;
	int ret;

	if (check_folder(path, err) != 0)
		return -err->code;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "vhost %s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EEXIST, "vhost %s: there is a file already, not a socket",
			       path);
	ret = ask_listener(path);
	if (ret == 0 || ret == EPROTOTYPE)
		return err_set(err, EADDRINUSE, "vhost %s: somebody listens there already", path);
	if (ret != ECONNREFUSED && ret != ENOENT)
		return err_set(err, ret, "vhost %s: whose socket that is can't be told: %s", path,
			       strerror(ret));
	if (unlink(path) != 0 && errno != ENOENT)
		return err_set(err, errno, "vhost %s: the stale socket can't be removed: %s", path,
			       strerror(errno));
	return 0;
}

/* A number stands for itself. */
static bool parse_id(const char *text, uint32_t *id)
{
	size_t len = strlen(text);

	if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
		return false;
	*id = (uint32_t)strtoul(text, NULL, 10);
	return true;
}

int vhost_socket_owner(const char *owner, uid_t *uid, gid_t *gid, struct err *err)
{
	char user[64];
	const char *group = strchr(owner, ':');

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	snprintf(user, sizeof(user), "%.*s", (int)strcspn(owner, ":"), owner);
	if (user[0] != '\0' && !parse_id(user, uid)) {
		const struct passwd *pw = getpwnam(user);

		if (pw == NULL)
			return err_set(err, ENOENT, "owner: there is no user '%s'", user);
		*uid = pw->pw_uid;
	}
	if (group != NULL && group[1] != '\0' && !parse_id(group + 1, gid)) {
		const struct group *gr = getgrnam(group + 1);

		if (gr == NULL)
			return err_set(err, ENOENT, "owner: there is no group '%.60s'", group + 1);
		*gid = gr->gr_gid;
	}
	return 0;
}

/* ---- connections ------------------------------------------------------------------ */

/* Our end of a connection: a server's has the name itself, a client's has a peer of that name. */
static bool is_connection_at(int fd, const char *path, bool client)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	int listens = 0;
	socklen_t int_len = sizeof(listens);

	memset(&un, 0, sizeof(un));
	if (client ? getpeername(fd, (struct sockaddr *)&un, &len) != 0
		   : getsockname(fd, (struct sockaddr *)&un, &len) != 0)
		return false;
	return un.sun_family == AF_UNIX && strncmp(un.sun_path, path, sizeof(un.sun_path)) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_len) == 0 && listens == 0;
}

bool vhost_socket_is_alive(int fd, const char *path, bool client)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return fd >= 0 && is_connection_at(fd, path, client) &&
	       (poll(&p, 1, 0) <= 0 || (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) == 0);
}

int vhost_socket_find(const char *path, bool client, int but)
{
	/* It got the lowest number that was free a moment ago: look around the one that is free now. */
	int top = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (top < 0)
		return -1;
	close(top);
	for (int fd = top; fd > 2; fd--)
		if (fd != but && vhost_socket_is_alive(fd, path, client))
			return fd;
	for (int fd = top + 1; fd < top + 1024; fd++)
		if (fd != but && vhost_socket_is_alive(fd, path, client))
			return fd;
	return -1;
}

void vhost_socket_limit(int fd)
{
	const struct timeval patience = {.tv_usec = PATIENCE_US};

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}
