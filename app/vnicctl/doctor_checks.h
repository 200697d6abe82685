/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the doctor: the patient, the report, and the checks, one function a subject.
 *
 * All files are looked at below a root, which tests replace by a directory with
 * faults. What stands in these files is text of unknown length and form.
 */
#ifndef VNICCTL_DOCTOR_CHECKS_H
#define VNICCTL_DOCTOR_CHECKS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "conf/conf.h"

enum level {
	LEVEL_OK,
	LEVEL_WARNING, /**< it runs, but slower or not as the file says */
	LEVEL_ERROR, /**< it doesn't start */
};

#define MAX_CPUS 1024

struct cpus {
	uint64_t bits[MAX_CPUS / 64];
};

struct doctor {
	const char *root; /**< "" or a directory, in front of every path that is looked at */
	const struct conf *conf; /**< NULL: no file was named, or it has errors */
	const char *socket; /**< the control socket that the daemon would make */
	bool no_huge; /**< the EAL options say so */
	bool has_lcores;
	struct cpus lcores; /**< of the EAL options */
	bool running; /**< a daemon answers at the socket: what is in use may be its own */
	json_t *findings; /**< the report */
	unsigned int n_errors, n_warnings;
};

/* ---- the report (doctor_report.c) ---- */

/** Adds a finding on @p check ("hugepages"). */
void found(struct doctor *d, enum level level, const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** The command that mends the last finding. */
void mend(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Prints the report as text. */
void report_print(const struct doctor *d, FILE *out);

/* ---- the kernel's files (doctor_sys.c) ---- */

/** Path @p fmt below the root, in @p path. @return false: too long */
bool sys_path(const struct doctor *d, char path[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

bool sys_exists(const struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The first line of a file without its end, cut to @p len. @return false: there is none */
bool sys_line(const struct doctor *d, char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** The number that a file begins with; @p otherwise where there is none. */
long long sys_number(const struct doctor *d, long long otherwise, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** The last part of what a symbolic link names ("vfio-pci"). @return false: there is no link */
bool sys_link(const struct doctor *d, char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** Is there a program of this name where root looks for programs? */
bool sys_program(const struct doctor *d, const char *name);

/** @p word as the shell takes it for one word; quoted where it must be. A static buffer: one use at a time. */
const char *sys_quote(const char *word);

/** "0-3,8" → @p set; false: not a list of numbers. Anything but a digit, ',' or '-' ends it. */
bool cpus_parse(struct cpus *set, const char *list);
bool cpus_has(const struct cpus *set, unsigned int cpu);
unsigned int cpus_count(const struct cpus *set);
bool cpus_overlap(const struct cpus *a, const struct cpus *b);
/** @p set as "0-3,8", for a person. */
void cpus_format(const struct cpus *set, char *buf, size_t len);

/* ---- the file's endpoints (doctor_sys.c) ---- */

/** Whose an endpoint is. */
struct place {
	char name[CONF_NAME_LEN + 24]; /**< "[vnic web] endpoint" */
	const struct endpoint_conf *ep;
	uint16_t queues;
};

/** Calls @p fn for every endpoint of the file, ports first. */
void each_endpoint(struct doctor *d, void (*fn)(struct doctor *d, const struct place *p, void *arg),
		   void *arg);

/** Has @p ep a PCI address for its device? Then in full form in @p addr: "0000:3b:00.0". */
bool pci_address(const struct endpoint_conf *ep, char addr[20]);

/** Is there a PCI device in the file? */
bool needs_pci(struct doctor *d);

/* ---- the checks ---- */

void check_socket(struct doctor *d);
void check_iproute(struct doctor *d);
void check_hugepages(struct doctor *d);
void check_nofile(struct doctor *d);
void check_tun(struct doctor *d);
void check_namespaces(struct doctor *d);
void check_devices(struct doctor *d);
void check_vfio(struct doctor *d, const char *place, const char *addr);
void check_cores(struct doctor *d);
void check_capabilities(struct doctor *d);

#endif /* VNICCTL_DOCTOR_CHECKS_H */
