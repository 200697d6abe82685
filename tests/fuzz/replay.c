/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plays the corpus: what fuzzing found worth keeping stays a test. Prints TAP, a
 * point a file; a crash ends the program, which counts as failed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int play(const char *path)
{
	static uint8_t bytes[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		return -1;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	/* Behind the input lies nothing that may be read: its own block of the heap. */
	uint8_t *copy = malloc(n + (n == 0));

	if (copy == NULL)
		return -1;
	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **list;
	int n, failed = 0, played = 0;

	if (argc != 2)
		return 2;
	LLVMFuzzerInitialize(&argc, &argv);
	n = scandir(argv[1], &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[1024];

		if (list[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], list[i]->d_name);
		if (play(path) != 0) {
			printf("not ok %d - %s\n", ++played, list[i]->d_name);
			failed++;
		} else {
			printf("ok %d - %s\n", ++played, list[i]->d_name);
		}
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	printf("1..%d\n", played);
	return failed != 0 || played == 0;
}
