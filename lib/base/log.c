/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

/** What LOG() begins a line with; the journal says it by itself. */
#define OWN_NAME "dpdk-vnic: "

static const char *const names[LOG_N_MODULES] = {
	[LOG_CONF] = "vnic.conf", [LOG_FWD] = "vnic.fwd", [LOG_ENDPOINT] = "vnic.endpoint",
	[LOG_DP] = "vnic.dp",	  [LOG_CTL] = "vnic.ctl",
};

static int types[LOG_N_MODULES] = {
	RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1,
	RTE_LOGTYPE_USER1, RTE_LOGTYPE_USER1,
};

static bool to_journal;

/* systemd names the journal's end by device and inode: what we were given may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(fileno(stderr), &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* rte_log counts from 1 (emergency), syslog from 0. */
static int priority(void)
{
	int level = rte_log_cur_msg_loglevel();

	return level < (int)RTE_LOG_EMERG   ? (int)RTE_LOG_INFO - 1
	       : level > (int)RTE_LOG_DEBUG ? (int)RTE_LOG_DEBUG - 1
					    : level - 1;
}

/* What stdio hands on: usually one line, but also several, or a part of a long one. The stream is locked. */
static ssize_t write_journal(void *cookie, const char *buf, size_t len)
{
	static bool inside_line;
	const char *p = buf, *end = buf + len;

	(void)cookie;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline != NULL ? newline + 1 : end;

		if (!inside_line && (size_t)(next - p) > strlen(OWN_NAME) &&
		    memcmp(p, OWN_NAME, strlen(OWN_NAME)) == 0)
			p += strlen(OWN_NAME);
		/* One call and so one write(2): lines of several threads don't mix. */
		if (inside_line)
			fprintf(stderr, "%.*s", (int)(next - p), p);
		else
			fprintf(stderr, "<%d>%.*s", priority(), (int)(next - p), p);
		inside_line = newline == NULL;
		p = next;
	}
	return (ssize_t)len;
}

void log_open(void)
{
	const cookie_io_functions_t journal = {.write = write_journal};
	FILE *stream = NULL;

	for (int i = 0; i < LOG_N_MODULES; i++) {
		int type = rte_log_register_type_and_pick_level(names[i], RTE_LOG_INFO);

		if (type >= 0)
			types[i] = type;
	}
	if (stderr_is_journal())
		stream = fopencookie(NULL, "w", journal);
	to_journal = stream != NULL;
	/* EAL's own choice would be stdout and syslog: every line twice where both end in the journal. */
	rte_openlog_stream(stream != NULL ? stream : stderr);
}

bool log_is_journal(void)
{
	return to_journal;
}

int log_type(enum log_module module)
{
	return types[module];
}
