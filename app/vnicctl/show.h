/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vnicctl prints: text modelled on `ip link`, from the daemon's JSON.
 *
 * A member that is missing or of another type prints as nothing, and control
 * characters as '?': what a guest named something can't drive the terminal.
 */
#ifndef VNICCTL_SHOW_H
#define VNICCTL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/** The options in front of the object. */
struct options {
	bool json;
	bool pretty;
	bool stats;
	bool details;
	const char *socket;
	const char *batch; /**< a file of commands, "-": standard input; NULL: none */
	bool force; /**< a batch goes on after what fails */
};

void show_json(const struct options *o, const json_t *result, FILE *out);

/** `link.show`: two lines a vnic; -d: endpoint; -s: counters and drops. */
void show_links(const struct options *o, const json_t *result, FILE *out);

/** `port.show`, in the same form. */
void show_ports(const struct options *o, const json_t *result, FILE *out);

/** `drops.show`: a table of what isn't 0; -d: of all. */
void show_drops(const struct options *o, const json_t *result, FILE *out);

/** Writes @p text with control characters replaced. */
void show_text(const char *text, FILE *out);

#endif /* VNICCTL_SHOW_H */
