/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The values, which iniparser reads: what is a comment, what quotes mean, what an
 * empty value is, is its business.
 *
 * It gets the lines that lines.c let through, a few hundred at a time, as a file in
 * memory, with the section's number for its name. So it sees the same bytes that were
 * checked, even if the file on disk changes meanwhile; two sections of one name don't
 * overwrite each other; and its dictionary, which is searched from end to end at every
 * insertion, stays short (65,000 vnics in one dictionary take minutes).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include INIPARSER_H

#include "conf/load.h"

#define BATCH 256

/* Its complaints go to stderr by default; ours have a line and a place. */
__attribute__((format(printf, 1, 2))) static int be_silent(const char *fmt, ...)
{
	(void)fmt;
	return 0;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Makes @fd hold the entries from @first to @last as an INI file. */
static int write_batch(const struct load *ld, int fd, uint32_t first, uint32_t last)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);
	int err = 0;

	if (f == NULL)
		return -errno;
	for (uint32_t i = first; i < last; i++) {
		const struct entry *e = &ld->entries[i];

		if (i == first || e->section != ld->entries[i - 1].section)
			fprintf(f, "[%u]\n", e->section);
		if (!e->bad)
			fprintf(f, "%.*s\n", (int)e->text_len, e->text);
	}
	if (fclose(f) != 0)
		err = -errno;
	if (err == 0 && (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0))
		err = -errno;
	if (err == 0)
		err = write_all(fd, buf, len);
	free(buf);
	return err;
}

static void take_values(struct load *ld, const dictionary *d, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i < last; i++) {
		struct entry *e = &ld->entries[i];
		char name[1100];
		const char *value;

		if (e->bad)
			continue;
		snprintf(name, sizeof(name), "%u:%s", e->section, e->key);
		value = iniparser_getstring(d, name, NULL);
		if (value != NULL)
			e->value = arena_strndup(ld->scratch, value, strlen(value));
		else
			load_bad(ld, e, EINVAL, "iniparser can't read this line");
	}
}

static int read_batch(struct load *ld, int fd, uint32_t first, uint32_t last)
{
	int err = write_batch(ld, fd, first, last);
	dictionary *d;
	char path[40];

	if (err != 0)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	d = iniparser_load(path);
	if (d == NULL)
		return -EIO;
	take_values(ld, d, first, last);
	iniparser_freedict(d);
	return 0;
}

int values_read(struct load *ld)
{
	int fd = memfd_create("vnic.ini", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	iniparser_set_error_callback(be_silent);
	for (uint32_t i = 0; err == 0 && i < ld->n_entries; i += BATCH) {
		uint32_t last = ld->n_entries - i < BATCH ? ld->n_entries : i + BATCH;

		err = read_batch(ld, fd, i, last);
	}
	iniparser_set_error_callback(NULL);
	if (fd >= 0)
		close(fd);
	if (err != 0)
		load_error(ld, 0, -err, NULL, NULL, "iniparser can't read it: %s", strerror(-err));
	return err != 0 ? -1 : 0;
}
