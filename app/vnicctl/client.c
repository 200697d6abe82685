/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define REQUEST_ID 1
/* The daemon sends at most 64 MiB; this only stops what isn't our daemon. */
#define MAX_ANSWER ((size_t)256 << 20)

static int client_connect(const char *path, struct err *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *hint = "";
	int fd, code;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, ENAMETOOLONG, "cannot reach dpdk-vnic at %s: %s", path,
			       "the path is too long for a socket");
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	code = errno;
	close(fd);
	if (code == ENOENT || code == ECONNREFUSED)
		hint = " (is it running?)";
	else if (code == EACCES || code == EPERM)
		hint = " (only root and the socket's group may)";
	return err_set(err, code, "cannot reach dpdk-vnic at %s: %s%s", path, strerror(code), hint);
}

/** Sends all. A daemon that hangs up early may still have said why: that is no error here. */
static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static int send_request(int fd, const char *method, json_t *params, struct err *err)
{
	json_t *request = json_pack("{s:s, s:s, s:O*, s:i}", "jsonrpc", "2.0", "method", method,
				    "params", params, "id", REQUEST_ID);
	char *line = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;

	json_decref(request);
	if (line == NULL)
		return err_set(err, ENOMEM, "out of memory");
	send_all(fd, line, strlen(line));
	send_all(fd, "\n", 1);
	free(line);
	return 0;
}

/** The line that the daemon sends, for the caller to free, or NULL with @p err. */
static char *read_line(int fd, size_t *len, struct err *err)
{
	size_t n = 0, size = (size_t)64 << 10;
	char *buf = malloc(size);

	while (buf != NULL) {
		ssize_t got = read(fd, buf + n, size - n);
		const char *newline;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && n == 0 && errno != ECONNRESET) {
			err_set(err, errno, "no answer from dpdk-vnic: %s", strerror(errno));
			break;
		}
		if (got <= 0 && n == 0) {
			err_set(err, ECONNRESET, "dpdk-vnic hung up without an answer");
			break;
		}
		newline = got > 0 ? memchr(buf + n, '\n', (size_t)got) : NULL;
		n += got > 0 ? (size_t)got : 0;
		if (got <= 0 || newline != NULL) {
			*len = newline != NULL ? (size_t)(newline - buf) : n;
			return buf;
		}
		if (n == size && size < MAX_ANSWER) {
			char *grown = realloc(buf, size * 2);

			if (grown == NULL)
				break;
			buf = grown;
			size *= 2;
		} else if (n == size) {
			err_set(err, EMSGSIZE, "dpdk-vnic's answer doesn't end");
			break;
		}
	}
	if (err->code == 0)
		err_set(err, ENOMEM, "out of memory");
	free(buf);
	return NULL;
}

static int parse_answer(const char *line, size_t len, struct answer *a, struct err *err)
{
	const json_t *error, *id;
	json_error_t why;

	a->message = json_loadb(line, len, 0, &why);
	error = json_object_get(a->message, "error");
	id = json_object_get(a->message, "id");
	a->result = json_object_get(a->message, "result");
	a->error = json_string_value(json_object_get(error, "message"));
	a->error_code = (int)json_integer_value(json_object_get(error, "code"));
	a->error_name = json_string_value(json_object_get(json_object_get(error, "data"), "errno"));
	/* The id is null where the daemon refused before it read the request. */
	if ((a->result != NULL && json_integer_value(id) == REQUEST_ID) ||
	    (a->error != NULL && a->error[0] != '\0'))
		return 0;
	if (a->message == NULL)
		return err_set(err, EPROTO, "what answers is not dpdk-vnic: no JSON: %s", why.text);
	json_decref(a->message);
	memset(a, 0, sizeof(*a));
	return err_set(err, EPROTO, "what answers is not dpdk-vnic: no JSON-RPC 2.0 answer");
}

int client_call(const char *path, const char *method, json_t *params, struct answer *a,
		struct err *err)
{
	size_t len = 0;
	char *line;
	int fd, ret;

	memset(a, 0, sizeof(*a));
	fd = client_connect(path, err);
	if (fd < 0)
		return fd;
	ret = send_request(fd, method, params, err);
	line = ret == 0 ? read_line(fd, &len, err) : NULL;
	if (line != NULL)
		ret = parse_answer(line, len, a, err);
	else if (ret == 0)
		ret = -err->code;
	free(line);
	close(fd);
	return ret;
}

#define STREAM_ANSWER_MAX ((size_t)64 << 10)

/** Reads up to the newline and no byte more. @return the line's length, or -errno with @p err */
static ssize_t read_first_line(int fd, char *buf, size_t size, struct err *err)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = recv(fd, buf + n, size - n, MSG_PEEK);
		const char *newline = got > 0 ? memchr(buf + n, '\n', (size_t)got) : NULL;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(err, ECONNRESET, "dpdk-vnic hung up without an answer");
		if (newline != NULL)
			got = newline - (buf + n) + 1;
		got = recv(fd, buf + n, (size_t)got, 0);
		n += got > 0 ? (size_t)got : 0;
		if (newline != NULL)
			return (ssize_t)n - 1;
	}
	return err_set(err, EMSGSIZE, "dpdk-vnic's answer doesn't end");
}

int client_stream(const char *path, const char *method, json_t *params, struct answer *a,
		  struct err *err)
{
	char *line = malloc(STREAM_ANSWER_MAX);
	ssize_t len = -ENOMEM;
	int fd;

	memset(a, 0, sizeof(*a));
	if (line == NULL)
		return err_set(err, ENOMEM, "out of memory");
	fd = client_connect(path, err);
	if (fd >= 0) {
		len = send_request(fd, method, params, err);
		if (len == 0)
			len = read_first_line(fd, line, STREAM_ANSWER_MAX, err);
		if (len >= 0)
			len = parse_answer(line, (size_t)len, a, err);
		if (len < 0) {
			close(fd);
			fd = (int)len;
		}
	}
	free(line);
	return fd;
}
