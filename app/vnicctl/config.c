/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config show and save. The file is written here and not by the daemon: with the
 * rights of who asks, in his directory, and belonging to him.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "words.h"

/* One command a process: from parse_save() to judge_save(). */
static const char *save_path;

PARSER(parse_save)
{
	(void)o;
	(void)params;
	if (argc == 0 || argv[0][0] == '\0')
		return err_set(err, EINVAL, "a FILE is missing ('-' is the standard output)");
	if (argc > 1)
		return unexpected_word(argv[1], err);
	save_path = argv[0];
	return 0;
}

void show_config(const struct options *o, const json_t *result, FILE *out)
{
	const char *text = json_string_value(json_object_get(result, "text"));

	(void)o;
	for (; text != NULL && *text != '\0'; text++)
		putc(*text != '\n' && ((unsigned char)*text < ' ' || *text == 0x7f) ? '?' : *text,
		     out);
}

static int write_text(FILE *f, const char *text)
{
	int failed = f == NULL || fputs(text, f) < 0;

	if (f != NULL && fflush(f) != 0)
		failed = 1;
	return failed ? -errno : 0;
}

/* The old file is whole until the new one is. */
static int replace_file(const char *path, const char *text)
{
	char *temporary = NULL;
	struct stat old;
	mode_t mask = umask(0);
	int fd, rc = 0;
	FILE *f;

	umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkstemp(temporary);
	if (fd < 0) {
		rc = -errno;
		free(temporary);
		return rc;
	}
	if (fchmod(fd, stat(path, &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask) != 0)
		rc = -errno;
	f = fdopen(fd, "w");
	if (rc == 0)
		rc = write_text(f, text);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (f != NULL ? fclose(f) != 0 && rc == 0 : close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(temporary);
	free(temporary);
	return rc;
}

/* /dev/stdout and pipes can't be replaced, only written. */
static int write_file(const char *path, const char *text)
{
	struct stat st;
	FILE *f;
	int rc;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return replace_file(path, text);
	f = fopen(path, "w");
	if (f == NULL)
		return -errno;
	rc = write_text(f, text);
	return fclose(f) != 0 && rc == 0 ? -errno : rc;
}

int judge_save(const struct options *o, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));
	int rc = text == NULL ? -EPROTO : 0;

	if (rc == 0 && strcmp(save_path, "-") == 0) {
		/* With -j it was printed already. */
		rc = o->json ? 0 : write_text(stdout, text);
	} else if (rc == 0) {
		rc = write_file(save_path, text);
	}
	if (rc == 0)
		return 0;
	fprintf(stderr, "vnicctl: %s: %s\n", save_path, strerror(-rc));
	return 1;
}
