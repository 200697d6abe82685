/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors that a person will read.
 *
 * Two shapes: `struct err` is the one reason why an operation failed, written
 * by the function that failed and told to whoever asked (log, vnicctl). `struct
 * errors` collects many, each with its place in a file, because a configuration
 * is checked as a whole and all its errors are told at once.
 *
 * Plain values without threads: each belongs to the function that made it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>
#include <stdio.h>

/** Why one operation failed. Start with `= {0}`; `code` 0 means no error. */
struct err {
	int code; /**< a positive errno value */
	char text[480]; /**< one line, without a newline, complete in itself */
};

/**
 * Fills @p e with @p code and a text, overwriting what was there.
 * @param e     may be NULL, then only the return value is made
 * @param code  a positive errno value
 * @return -code, so that a caller can write `return err_set(e, EBUSY, …);`
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Puts "WORDS: " in front of the text of @p e, to say in what the failure happened. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The kernel's name of @p code ("EADDRINUSE"); a static string, never NULL. Sign is ignored. */
const char *err_name(int code);

/** One error of a file, or of one vnic or port of it. */
struct error {
	int line; /**< 1-based; 0: no line */
	int code; /**< positive errno: what the kernel would have answered; EINVAL by default */
	char section[80]; /**< "vnic web"; empty: none */
	char key[40]; /**< empty: none */
	char text[320];
};

/** A growing list of errors. Start with `= {0}`, end with errors_free(). */
struct errors {
	const char *file; /**< borrowed; named in front of each error; may be NULL */
	size_t n;
	struct error *list;
};

/** Adds one error; @p section and @p key may be NULL. Order is kept. Never fails (memory short: abort at start-up only). */
void errors_add(struct errors *es, int line, int code, const char *section, const char *key,
		const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/** Sorts by line, keeping the order of errors that share one. */
void errors_sort(struct errors *es);

/** Prints all, one a line: `vnic.ini:14: [vnic web] mode: 'brigde' is not …`. */
void errors_print(const struct errors *es, FILE *out);

/** Writes error @p i as errors_print() would, without a newline, into @p buf. */
void errors_format(const struct errors *es, size_t i, char *buf, size_t len);

void errors_free(struct errors *es);

#endif /* BASE_ERR_H */
