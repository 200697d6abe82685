/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For the tests of lib/conf: files made of a text, and their errors as a text.
 * Samples are in tests/data/conf: NAME.ini, with NAME.errors where it has some, the
 * exact text of all of them. Each test program has its own copy of all this.
 */
#ifndef TESTS_CONF_FILES_H
#define TESTS_CONF_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/load.h"

#define N(a)	   (sizeof(a) / sizeof((a)[0]))
#define DATA(name) TEST_DATA "/conf/" name

/* The file that load_text() writes; one for all tests. */
static char text_path[] = "/tmp/dpdk-vnic-conf-XXXXXX";

static inline int make_text_file(void **state)
{
	int fd = mkstemp(text_path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static inline int remove_text_file(void **state)
{
	(void)state;
	return unlink(text_path);
}

static inline void write_text(const char *text, size_t len)
{
	FILE *f;

	/* A new file each time: ext4 flushes one that was cut to nothing and written again. */
	unlink(text_path);
	f = fopen(text_path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline struct conf *load_bytes(const char *text, size_t len, struct errors *es)
{
	*es = (struct errors){.file = "vnic.ini"};
	write_text(text, len);
	return conf_load(text_path, es, NULL);
}

/* All errors, a line each; the caller frees it. */
static inline char *errors_text(const struct errors *es)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	errors_print(es, f);
	fclose(f);
	return text;
}

static inline struct conf *load_good(const char *text)
{
	struct errors es;
	struct conf *c = load_bytes(text, strlen(text), &es);

	if (c == NULL)
		errors_print(&es, stderr);
	assert_non_null(c);
	assert_int_equal(es.n, 0);
	errors_free(&es);
	return c;
}

/* @expected: every line of what is printed. */
static inline void expect_bytes(const char *text, size_t len, const char *expected)
{
	struct errors es;
	struct conf *c = load_bytes(text, len, &es);
	char *got = errors_text(&es);

	assert_string_equal(got, expected);
	assert_null(c);
	free(got);
	errors_free(&es);
}

static inline void expect(const char *text, const char *expected)
{
	expect_bytes(text, strlen(text), expected);
}

static inline char *read_data(const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = fopen(path, "r"), *out = open_memstream(&text, &len);
	char buf[4096];
	size_t n;

	assert_non_null(f);
	assert_non_null(out);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, out);
	fclose(f);
	fclose(out);
	return text;
}

static inline double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

#define PORT "[port eth0]\ndevice = net_null0\n"

#endif /* TESTS_CONF_FILES_H */
