/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "top_term.h"

static struct termios before;
static bool has_screen, has_keys;
static sigset_t outside; /* signals are let in during waits only */
static volatile sig_atomic_t ended, resized;

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

static void catch_signals(void)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t block;

	sigemptyset(&block);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], &sa, NULL);
		sigaddset(&block, caught[i]);
	}
	sigprocmask(SIG_BLOCK, &block, &outside);
}

void term_open(bool screen)
{
	struct termios raw;

	catch_signals();
	has_screen = screen;
	if (!screen)
		return;
	has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
	if (has_keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		/* Stopped with ^Z it would leave the terminal as it is now. */
		raw.c_cc[VSUSP] = _POSIX_VDISABLE;
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
}

void term_close(void)
{
	if (!has_screen)
		return;
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	has_screen = has_keys = false;
}

void term_size(unsigned int *rows, unsigned int *columns)
{
	struct winsize w = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0 || w.ws_col == 0) {
		w.ws_row = 24;
		w.ws_col = 80;
	}
	*rows = w.ws_row;
	*columns = w.ws_col;
}

void term_draw(const char *picture)
{
	unsigned int rows, columns;

	term_size(&rows, &columns);
	fputs("\033[H", stdout);
	for (unsigned int row = 0; row < rows && *picture != '\0'; row++) {
		size_t n = strcspn(picture, "\n");

		if (row > 0)
			putchar('\n');
		printf("%.*s\033[K", (int)(n < columns ? n : columns), picture);
		picture += n + (picture[n] == '\n');
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* "\033[A" and its like; what isn't known is no key. */
static int escape(const char *s, size_t n)
{
	if (n < 3 || (s[1] != '[' && s[1] != 'O'))
		return KEY_NONE;
	switch (s[2]) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'H':
		return KEY_HOME;
	case '5':
		return KEY_PAGE_UP;
	case '6':
		return KEY_PAGE_DOWN;
	default:
		return KEY_NONE;
	}
}

static int read_key(void)
{
	char s[16];
	ssize_t n = read(STDIN_FILENO, s, 1);

	if (n <= 0)
		return KEY_END;
	if (s[0] != '\033')
		return (unsigned char)s[0];
	/* A key's bytes come together; others that were typed meanwhile go with it. */
	n = read(STDIN_FILENO, s + 1, sizeof(s) - 1);
	return escape(s, (size_t)(n > 0 ? n + 1 : 1));
}

int term_wait(double seconds)
{
	struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
	struct timespec limit;
	int n;

	if (seconds < 0)
		seconds = 0;
	limit.tv_sec = (time_t)seconds;
	limit.tv_nsec = (long)((seconds - (double)limit.tv_sec) * 1e9);
	n = ppoll(&keys, 1, &limit, &outside);
	if (ended)
		return KEY_END;
	if (resized) {
		resized = 0;
		return KEY_RESIZED;
	}
	if (n <= 0)
		return KEY_NONE;
	return keys.revents & POLLIN ? read_key() : KEY_END;
}
