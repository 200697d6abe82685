/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "doctor.h"
#include "doctor_checks.h"

enum { EXIT_FINE, EXIT_STOPPED, EXIT_USAGE };

/* ---- the words ---- */

struct words {
	const char *file; /**< NULL: none named */
	const char *root;
	bool json;
};

static int usage(const char *fmt, const char *word)
{
	fputs("vnicctl: doctor: ", stderr);
	if (fmt != NULL)
		fprintf(stderr, "%s '%s'", fmt, word);
	fputs(" (try 'vnicctl doctor help')\n", stderr);
	return EXIT_USAGE;
}

/* `-l 0-3`, `-l0-3`: what EAL would be told. */
static int parse_eal(struct doctor *d, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *list = NULL;

		if (strcmp(argv[i], "--no-huge") == 0)
			d->no_huge = true;
		if (strcmp(argv[i], "-l") == 0 && i + 1 < argc)
			list = argv[++i];
		else if (strncmp(argv[i], "-l", 2) == 0)
			list = argv[i] + 2;
		if (list == NULL)
			continue;
		if (!cpus_parse(&d->lcores, list))
			return usage("-l: not a list of lcores:", list);
		d->has_lcores = true;
	}
	return 0;
}

static int parse_words(struct doctor *d, struct words *w, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--") == 0)
			return parse_eal(d, argc - i - 1, argv + i + 1);
		if (strcmp(word, "-j") == 0) {
			w->json = true;
			continue;
		}
		if (strcmp(word, "-c") != 0 && strcmp(word, "--root") != 0)
			return usage("unexpected", word);
		if (++i == argc)
			return usage("a path is missing after", word);
		if (word[1] == 'c')
			w->file = argv[i];
		else
			w->root = argv[i];
	}
	return 0;
}

/* ---- the file ---- */

static void tell_errors(struct doctor *d, const struct errors *es)
{
	for (size_t i = 0; i < es->n; i++) {
		char line[1024];

		errors_format(es, i, line, sizeof(line));
		found(d, LEVEL_ERROR, "file", "%s", line);
	}
}

/** Beside us when installed, in the directory beside ours when just built; else where the shell would look. */
static void find_daemon(char path[PATH_MAX])
{
	static const char *const places[] = {"dpdk-vnic", "../dpdk-vnic/dpdk-vnic"};
	char self[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; slash != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, PATH_MAX, "%s/%s", self, places[i]);
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, PATH_MAX, "dpdk-vnic");
}

/* Its output comes through @p fd. @return its process, or 0: it can't be run */
static pid_t spawn_check(const char *file, int fd)
{
	char *argv[] = {strdup("dpdk-vnic"), strdup("--"),	strdup("-c"),
			strdup(file),	     strdup("--check"), NULL};
	posix_spawn_file_actions_t actions;
	char path[PATH_MAX];
	pid_t pid = 0;

	find_daemon(path);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
	if (posix_spawnp(&pid, path, &actions, NULL, argv, environ) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	return pid;
}

/* What the kernel would refuse of vnics in combination is the daemon's knowledge: it is asked as --check. */
static void ask_daemon(struct doctor *d, const char *file)
{
	char line[1200];
	int out[2], status = 0;
	pid_t pid;
	FILE *f;

	if (pipe2(out, O_CLOEXEC) != 0)
		return;
	pid = spawn_check(file, out[1]);
	close(out[1]);
	f = fdopen(out[0], "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (pid != 0)
			found(d, LEVEL_ERROR, "file", "%s", line);
	}
	if (f != NULL)
		fclose(f);
	if (pid != 0)
		waitpid(pid, &status, 0);
	/* 127: it is there, but a library of its isn't */
	if (pid != 0 && WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2))
		return;
	found(d, LEVEL_WARNING, "daemon",
	      "there is no dpdk-vnic here that runs, and could check the file as a whole");
	mend(d, "scripts/setup --build && meson setup build && meson install -C build");
}

static struct conf *read_file(struct doctor *d, const char *file)
{
	struct errors es = {.file = file};
	struct conf *conf = conf_load(file, &es, NULL);
	unsigned int before = d->n_errors;

	tell_errors(d, &es);
	errors_free(&es);
	if (conf == NULL)
		return NULL;
	ask_daemon(d, file);
	if (d->n_errors == before)
		found(d, LEVEL_OK, "file", "%s: %zu ports, %zu vnics, no errors", file,
		      conf->n_ports, conf->n_vnics);
	return conf;
}

/* ---- all of it ---- */

static void examine(struct doctor *d)
{
	check_socket(d);
	check_hugepages(d);
	check_cores(d);
	check_devices(d);
	check_tun(d);
	check_namespaces(d);
	check_nofile(d);
	check_iproute(d);
	check_capabilities(d);
}

static int print(const struct doctor *d, const struct options *o)
{
	json_t *all;

	if (!o->json) {
		report_print(d, stdout);
	} else {
		all = json_pack("{s:O, s:i, s:i}", "findings", d->findings, "errors",
				(int)d->n_errors, "warnings", (int)d->n_warnings);
		show_json(o, all, stdout);
		json_decref(all);
	}
	return d->n_errors > 0 ? EXIT_STOPPED : EXIT_FINE;
}

int doctor_main(const struct options *o, int argc, char **argv)
{
	struct doctor d = {.root = "", .socket = o->socket, .findings = json_array()};
	struct words w = {.root = ""};
	struct options own = *o;
	struct conf *conf = NULL;
	int status = parse_words(&d, &w, argc, argv);

	if (status == 0) {
		d.root = w.root;
		own.json |= w.json;
		if (w.file != NULL)
			conf = read_file(&d, w.file);
		d.conf = conf;
		if (conf != NULL && strcmp(o->socket, "/run/dpdk-vnic.sock") == 0)
			d.socket = conf->global.control;
		examine(&d);
		status = print(&d, &own);
	}
	json_decref(d.findings);
	conf_free(conf);
	return status;
}
