/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "endpoint/netns.h"

#define HELPER_STACK (256 * 1024)

static bool is_number(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "0123456789")] == '\0';
}

int netns_path(const char *spec, enum netns_kind *kind, char path[NETNS_PATH_LEN], struct err *err)
{
	int n;

	if (spec == NULL) {
		*kind = NETNS_OWN;
		n = snprintf(path, NETNS_PATH_LEN, "/proc/self/ns/net");
	} else if (spec[0] == '/') {
		*kind = NETNS_PATH;
		n = snprintf(path, NETNS_PATH_LEN, "%s", spec);
	} else if (is_number(spec)) {
		*kind = NETNS_PID;
		n = snprintf(path, NETNS_PATH_LEN, "/proc/%s/ns/net", spec);
	} else if (spec[0] == '\0' || strchr(spec, '/') != NULL || strcmp(spec, ".") == 0 ||
		   strcmp(spec, "..") == 0) {
		return err_set(
			err, EINVAL,
			"netns '%s' is not the name of a namespace, a PID or an absolute path",
			spec);
	} else {
		*kind = NETNS_NAME;
		n = snprintf(path, NETNS_PATH_LEN, NETNS_DIR "/%s", spec);
	}
	if (n < 0 || n >= NETNS_PATH_LEN)
		return err_set(err, EINVAL, "netns '%.40s…' is too long", spec);
	return 0;
}

int netns_open(const char *path)
{
	/* The path is the operator's, but what lies there needn't be: a FIFO must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int netns_stat(const char *path, struct netns_id *id)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return -errno;
	*id = (struct netns_id){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

int netns_fstat(int fd, struct netns_id *id)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	*id = (struct netns_id){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

struct helper {
	int nsfd;
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

/* Who is there already needs no CAP_SYS_ADMIN: a forwarder with TAPs of its own namespace only. */
static int enter(int nsfd)
{
	struct netns_id here, there;

	if (netns_stat("/proc/thread-self/ns/net", &here) == 0 && netns_fstat(nsfd, &there) == 0 &&
	    netns_id_equal(here, there))
		return 0;
	return setns(nsfd, CLONE_NEWNET) == 0 ? 0 : -errno;
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;

	h->ret = enter(h->nsfd);
	if (h->ret == 0)
		h->ret = h->fn(h->arg);
	return NULL;
}

int netns_run(int nsfd, int (*fn)(void *arg), void *arg)
{
	struct helper h = {.nsfd = nsfd, .fn = fn, .arg = arg};
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	if (nsfd < 0)
		return fn(arg);
	ret = pthread_attr_init(&attr);
	if (ret != 0)
		return -ret;
	pthread_attr_setstacksize(&attr, HELPER_STACK);
	/* Signals are for the thread that waits for them, and it isn't this one. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, &attr, helper_main, &h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret != 0)
		return -ret;
	pthread_join(thread, NULL);
	return h.ret;
}

void netns_explain(const char *spec, enum netns_kind kind, int code, char *buf, size_t len)
{
	const char *what = kind == NETNS_PID ? "process" : "namespace";
	char why[120];

	code = code < 0 ? -code : code;
	if (spec == NULL)
		spec = "of our own";
	if (code == ENOENT || code == ENOTDIR || code == ESRCH)
		snprintf(buf, len, "%s %s does not exist", what, spec);
	else if (code == EINVAL)
		snprintf(buf, len, "%s %s is not a network namespace", what, spec);
	else
		snprintf(buf, len, "%s %s can't be entered: %s", what, spec,
			 netns_strerror(code, why, sizeof(why)));
}

const char *netns_strerror(int code, char *buf, size_t len)
{
	struct rlimit limit;

	code = code < 0 ? -code : code;
	if (code == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		snprintf(buf, len, "out of file descriptors (RLIMIT_NOFILE is %llu)",
			 (unsigned long long)limit.rlim_cur);
	else if (code == ENFILE)
		snprintf(buf, len, "the machine is out of file descriptors (fs.file-max)");
	else
		snprintf(buf, len, "%s", strerror(code));
	return buf;
}
