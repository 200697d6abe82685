/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network namespaces: by which path one is found, whether it is (still) the same,
 * and how to do something inside it.
 *
 * Main and the reaper. Nothing is kept: descriptors belong to the caller. No thread
 * of ours ever leaves its namespace for good: what has to happen elsewhere runs on a
 * short-lived helper thread, so a failure half-way can't strand the caller.
 */
#ifndef ENDPOINT_NETNS_H
#define ENDPOINT_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define NETNS_PATH_LEN 256
#define NETNS_DIR      "/run/netns"

/** How `netns=` was written. */
enum netns_kind {
	NETNS_OWN, /**< not given: this process's */
	NETNS_NAME, /**< as of `ip netns` */
	NETNS_PID, /**< a process's; when it has ended, its number means nobody we know */
	NETNS_PATH,
};

/** Which namespace it is. Valid as long as somebody holds the namespace: then its inode can't be used again. */
struct netns_id {
	dev_t dev;
	ino_t ino;
};

static inline bool netns_id_equal(struct netns_id a, struct netns_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/**
 * Where namespace @p spec (NULL: our own) is to be found.
 * @return 0 with @p kind and @p path; -EINVAL with @p err: not a name, a PID or an absolute path
 */
int netns_path(const char *spec, enum netns_kind *kind, char path[NETNS_PATH_LEN], struct err *err);

/** Opens the namespace at @p path: a descriptor for the caller to close, or -errno (-EINVAL: it is something else). */
int netns_open(const char *path);

/** Which namespace @p path names, 0 or -errno. Cheap: one stat. */
int netns_stat(const char *path, struct netns_id *id);

/** The same of an open descriptor. */
int netns_fstat(int fd, struct netns_id *id);

/**
 * Runs @p fn with @p arg on a helper thread inside the namespace @p nsfd and waits for it.
 * @param nsfd  -1: here and now, without a thread
 * @return what @p fn returned, or -errno when it could not be run
 */
int netns_run(int nsfd, int (*fn)(void *arg), void *arg);

/** Why namespace @p spec can't be used, for a person: "namespace web does not exist". @p code: of netns_open(). */
void netns_explain(const char *spec, enum netns_kind kind, int code, char *buf, size_t len);

/** strerror() that names the limit where descriptors ran out. Returns @p buf. */
const char *netns_strerror(int code, char *buf, size_t len);

#endif /* ENDPOINT_NETNS_H */
