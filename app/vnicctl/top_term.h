/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal below `vnicctl top`: a screen of its own, keys without Enter, and
 * everything put back at the end, whatever ends it. One at a time; single thread.
 */
#ifndef VNICCTL_TOP_TERM_H
#define VNICCTL_TOP_TERM_H

#include <stdbool.h>
#include <stddef.h>

/** Keys that aren't letters. */
enum {
	KEY_NONE = -1,
	KEY_UP = 256,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_RESIZED,
	KEY_END
};

/** Takes the terminal, if @p screen: other keys and signals are listened to in any case. */
void term_open(bool screen);
void term_close(void);

void term_size(unsigned int *rows, unsigned int *columns);

/** Writes a whole picture of lines, cut to the terminal's size. */
void term_draw(const char *picture);

/**
 * Waits @p seconds at most.
 * @return a key; KEY_RESIZED; KEY_END: a signal or the end of the terminal says so; KEY_NONE: time is up
 */
int term_wait(double seconds);

#endif /* VNICCTL_TOP_TERM_H */
