/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

static const char usage[] =
	"usage: dpdk-vnic [EAL options] -- -c vnic.ini [--check] [--socket PATH] "
	"[--stats-period SECONDS]\n";

static const char help[] =
	"\n"
	"  -c, --config FILE        what to run; docs/configuration.md\n"
	"      --check              only read and check FILE: needs no root, no hugepages\n"
	"      --socket PATH        control socket, instead of the file's `control =`\n"
	"      --stats-period N     a table of rates on stdout every N seconds\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"  dpdk-vnic -l 0-3 -- -c vnic.ini                  lcore 0 controls, 1 to 3 forward\n"
	"  dpdk-vnic -l 1 --no-huge -m 512 -- -c vnic.ini   without hugepages, lcore 1 forwards\n"
	"\n"
	"EAL options stand before the `--`; `dpdk-vnic --help` without `--` is ours, too.\n";

/* EAL takes -c for a core mask, so a forgotten `--` would end in an error about hexadecimal. */
static int without_separator(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			printf("%s%s", usage, help);
			return 0;
		}
		if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
			puts("dpdk-vnic " DPDK_VNIC_VERSION);
			return 0;
		}
	}
	for (int i = 1; i + 1 < argc; i++) {
		const char *dot = strrchr(argv[i + 1], '.');

		if (strcmp(argv[i], "-c") == 0 && dot != NULL) {
			fprintf(stderr,
				"dpdk-vnic: -c %s needs a `--` in front of it (EAL takes -c for a "
				"core mask):\n"
				"  dpdk-vnic [EAL options] -- -c %s\n",
				argv[i + 1], argv[i + 1]);
			return 2;
		}
	}
	fprintf(stderr, "dpdk-vnic: no `--`, so no configuration is named\n%s", usage);
	return 2;
}

static bool parse_seconds(const char *text, unsigned int *seconds)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || n < 1 || n > 86400)
		return false;
	*seconds = (unsigned int)n;
	return true;
}

static int parse_own(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"socket", required_argument, NULL, 's'},
		{"stats-period", required_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int o;

	optind = 1;
	while ((o = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			a->conf_path = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 's':
			a->socket_path = optarg;
			break;
		case 'p':
			if (!parse_seconds(optarg, &a->stats_period)) {
				fprintf(stderr,
					"dpdk-vnic: --stats-period: '%s' is not a number of "
					"seconds (1 to 86400)\n",
					optarg);
				return 2;
			}
			break;
		case 'V':
			puts("dpdk-vnic " DPDK_VNIC_VERSION);
			return 0;
		case 'h':
			printf("%s%s", usage, help);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "dpdk-vnic: '%s' is not an option\n%s", argv[optind], usage);
		return 2;
	}
	if (a->conf_path == NULL) {
		fprintf(stderr, "dpdk-vnic: which configuration? -c FILE is missing\n%s", usage);
		return 2;
	}
	return -1;
}

int args_parse(struct args *a, int argc, char **argv)
{
	int rc;

	*a = (struct args){.n_eal = argc};
	for (int i = 1; i < argc && a->n_eal == argc; i++)
		if (strcmp(argv[i], "--") == 0)
			a->n_eal = i;
	if (a->n_eal == argc)
		return without_separator(argc, argv);
	argv[a->n_eal] = argv[0];
	rc = parse_own(a, argc - a->n_eal, argv + a->n_eal);
	argv[a->n_eal] = NULL; /* where EAL's part ends */
	optind = 1;
	return rc;
}
