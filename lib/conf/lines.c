/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line index. iniparser keeps the last of two equal keys, folds case and forgets
 * line numbers; what it doesn't understand it prints to stderr and drops the whole
 * file. So the file is read here first, once, and only lines that iniparser reads the
 * way a person does are handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"

/* iniparser's ASCIILINESZ is 1024, with the newline and the NUL. */
#define MAX_LINE 1022

/* Every port, vnic and [global], and as many doubles to complain about as are shown. */
#define MAX_SECTIONS (1 + CONF_MAX_PORTS + CONF_MAX_VNICS + CONF_MAX_ERRORS)

/* Some bytes of the file; most have no NUL behind them. */
struct text {
	const char *p;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct text trim(struct text t)
{
	while (t.n > 0 && is_blank(t.p[0])) {
		t.p++;
		t.n--;
	}
	while (t.n > 0 && is_blank(t.p[t.n - 1]))
		t.n--;
	return t;
}

static bool is_comment(struct text t)
{
	return t.n > 0 && (t.p[0] == '#' || t.p[0] == ';');
}

/* For "%.*s": what a message shows of a text. */
static int shown(struct text t)
{
	return t.n > 60 ? 60 : (int)t.n;
}

static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, buf + *len, size - *len);
		if (n > 0)
			*len += (size_t)n;
	} while ((n > 0 && *len < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* Plain files, and pipes for `-c <(make-config)`. A device might never end. */
static int check_file(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return -EINVAL;
	*size = CONF_MAX_FILE + 1;
	if (S_ISREG(st.st_mode) && st.st_size >= 0 && st.st_size < CONF_MAX_FILE)
		*size = (size_t)st.st_size + 1;
	return 0;
}

static int read_file(struct load *ld, const char *path, struct text *t)
{
	/* A FIFO without a writer would hold open() forever, and with it a reload. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t size = 0;
	char *buf;
	int err;

	if (fd < 0)
		return -errno;
	err = check_file(fd, &size);
	if (err == 0 && fcntl(fd, F_SETFL, 0) != 0)
		err = -errno;
	if (err == 0) {
		buf = arena_alloc(ld->scratch, size);
		err = read_all(fd, buf, size, &t->n);
		t->p = buf;
	}
	close(fd);
	if (err == 0 && t->n > CONF_MAX_FILE)
		err = -EFBIG;
	return err;
}

static void report_unreadable(struct load *ld, int err)
{
	if (err == -EFBIG)
		load_error(ld, 0, EFBIG, NULL, NULL, "is larger than %u MiB", CONF_MAX_FILE >> 20);
	else if (err == -EINVAL)
		load_error(ld, 0, EINVAL, NULL, NULL, "is neither a file nor a pipe");
	else
		load_error(ld, 0, -err, NULL, NULL, "can't be read: %s", strerror(-err));
}

/* A lower-case copy; @upper tells whether it differs. */
static char *fold(struct load *ld, struct text t, bool *upper)
{
	char *s = arena_strndup(ld->scratch, t.p, t.n);

	*upper = false;
	for (size_t i = 0; i < t.n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z') {
			s[i] = (char)(s[i] - 'A' + 'a');
			*upper = true;
		}
	return s;
}

/* ---- section headers ---- */

bool load_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n < CONF_NAME_LEN && strchr("_.-", name[0]) == NULL &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

/* Takes "vnic web" apart; false: reported. */
static bool parse_title(struct load *ld, struct section *s, struct text inside)
{
	size_t n_kind = 0;
	struct text name;
	bool upper;

	while (n_kind < inside.n && !is_blank(inside.p[n_kind]))
		n_kind++;
	name = trim((struct text){inside.p + n_kind, inside.n - n_kind});
	s->name = fold(ld, name, &upper);
	s->title = fold(ld, (struct text){inside.p, n_kind}, &upper);
	if (strcmp(s->title, "global") == 0)
		s->kind = SECTION_GLOBAL;
	else if (strcmp(s->title, "port") == 0)
		s->kind = SECTION_PORT;
	else if (strcmp(s->title, "vnic") == 0)
		s->kind = SECTION_VNIC;
	if (name.n != 0)
		s->title = arena_printf(ld->scratch, "%s %s", s->title, s->name);
	if (s->kind == SECTION_BAD)
		load_error(ld, s->line, EINVAL, s, NULL,
			   "is not a section ([global], [port NAME], [vnic NAME])");
	else if (s->kind == SECTION_GLOBAL && name.n != 0)
		load_error(ld, s->line, EINVAL, s, NULL, "must be [global], which has no name");
	else if (s->kind != SECTION_GLOBAL && name.n == 0)
		load_error(ld, s->line, EINVAL, s, NULL, "needs a name: [%s NAME]", s->title);
	else if (s->kind != SECTION_GLOBAL && !load_name_is_valid(s->name))
		load_error(
			ld, s->line, EINVAL, s, NULL,
			"'%.60s' is not a name (1 to %d of a-z 0-9 _ . -, a letter or digit first)",
			s->name, CONF_NAME_LEN - 1);
	else
		return true;
	return false;
}

static void check_title(struct load *ld, struct section *s, struct text inside)
{
	const uint32_t *old;
	bool upper;

	if (!parse_title(ld, s, inside)) {
		s->kind = SECTION_BAD;
		return;
	}
	fold(ld, inside, &upper);
	old = names_add(ld->index, INDEX_SECTIONS, s->title, ld->n_sections);
	s->repeated = old != NULL;
	if (old != NULL && upper)
		load_error(ld, s->line, EEXIST, s, NULL,
			   "'%.*s' differs only in case from the section in line %d", shown(inside),
			   inside.p, ld->sections[*old].line);
	else if (old != NULL)
		load_error(ld, s->line, EEXIST, s, NULL, "is given twice; the first is in line %d",
			   ld->sections[*old].line);
	else if (upper)
		load_error(ld, s->line, EINVAL, s, NULL, "must be in lower case, not '%.*s'",
			   shown(inside), inside.p);
}

static void add_section(struct load *ld, struct text t, int line)
{
	const char *end = memchr(t.p, ']', t.n);
	struct text inside, rest;
	struct section *s;

	ld->sections = arena_grow(ld->scratch, ld->sections, ld->n_sections, sizeof(*s));
	s = &ld->sections[ld->n_sections];
	s->line = line;
	s->name = s->title = "";
	s->first_entry = ld->n_entries;
	if (end == NULL) {
		load_error(ld, line, EINVAL, NULL, NULL, "the section has no ']': '%.*s'", shown(t),
			   t.p);
	} else {
		inside = trim((struct text){t.p + 1, (size_t)(end - t.p) - 1});
		rest = trim((struct text){end + 1, t.n - (size_t)(end + 1 - t.p)});
		check_title(ld, s, inside);
		if (rest.n != 0 && !is_comment(rest))
			load_error(ld, line, EINVAL, s, NULL, "text after the ']': '%.*s'",
				   shown(rest), rest.p);
	}
	ld->n_sections++;
}

/* ---- keys ---- */

/*
 * iniparser is content with an opening quote, and drops what follows a closing one.
 * Between quotes, and only there, '#' and ';' are part of the value.
 */
static bool quotes_are_sound(struct text value)
{
	const char *end;

	if (value.n == 0 || (value.p[0] != '"' && value.p[0] != '\''))
		return true;
	end = memchr(value.p + 1, value.p[0], value.n - 1);
	if (end == NULL)
		return false;
	value = trim((struct text){end + 1, value.n - (size_t)(end + 1 - value.p)});
	return value.n == 0 || is_comment(value);
}

/* Reports what makes the line useless; false: nothing is left of it. */
static bool check_entry(struct load *ld, struct entry *e, struct text key, struct text value)
{
	const struct section *s = &ld->sections[e->section];
	const uint32_t *old;
	bool upper;

	e->key = fold(ld, key, &upper);
	old = names_add(ld->index, e->section, e->key, ld->n_entries);
	if (old != NULL && upper)
		load_error(ld, e->line, EEXIST, s, e->key,
			   "'%.*s' differs only in case from the key in line %d", shown(key), key.p,
			   ld->entries[*old].line);
	else if (old != NULL)
		load_error(ld, e->line, EEXIST, s, e->key,
			   "is given twice; the first is in line %d", ld->entries[*old].line);
	else if (upper)
		load_error(ld, e->line, EINVAL, s, e->key, "must be in lower case, not '%.*s'",
			   shown(key), key.p);
	if (!quotes_are_sound(value))
		load_bad(ld, e, EINVAL, "needs one closing quote, and nothing after it: %.*s",
			 shown(value), value.p);
	else if (value.n > 0 && value.p[value.n - 1] == '\\')
		load_bad(ld, e, EINVAL,
			 "a line can't go on with a backslash; lists go on as KEY.2 = …");
	return old == NULL;
}

static void add_entry(struct load *ld, struct text t, int line)
{
	const char *eq = memchr(t.p, '=', t.n);
	struct text key, value;
	struct entry *e;

	if (eq == NULL) {
		load_error(ld, line, EINVAL, NULL, NULL,
			   "is neither [section], 'key = value' nor a comment: '%.*s'", shown(t),
			   t.p);
		return;
	}
	key = trim((struct text){t.p, (size_t)(eq - t.p)});
	value = trim((struct text){eq + 1, t.n - (size_t)(eq + 1 - t.p)});
	if (key.n == 0) {
		load_error(ld, line, EINVAL, NULL, NULL, "no key before the '='");
		return;
	}
	if (ld->n_sections == 0) {
		load_error(ld, line, EINVAL, NULL, NULL,
			   "key '%.*s' stands before the first [section]", shown(key), key.p);
		return;
	}
	ld->entries = arena_grow(ld->scratch, ld->entries, ld->n_entries, sizeof(*e));
	e = &ld->entries[ld->n_entries];
	e->text = t.p;
	e->text_len = (uint32_t)t.n;
	e->section = ld->n_sections - 1;
	e->line = line;
	if (check_entry(ld, e, key, value)) {
		ld->n_entries++;
		ld->sections[e->section].n_entries++;
	} else {
		*e = (struct entry){0};
	}
}

/* ---- lines ---- */

/* Bytes that no editor shows; false: reported. */
static bool check_bytes(struct load *ld, struct text t, int line)
{
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];

		if ((c < ' ' && c != '\t' && !is_comment(t)) || c == '\0') {
			load_error(ld, line, EINVAL, NULL, NULL, "has a byte 0x%02x at column %zu",
				   c, i + 1);
			return false;
		}
	}
	return true;
}

static void add_line(struct load *ld, struct text t, int line)
{
	size_t len = t.n;

	t = trim(t);
	if (!check_bytes(ld, t, line))
		return;
	if (len > MAX_LINE)
		load_error(ld, line, EINVAL, NULL, NULL,
			   "is %zu bytes long, more than %d; lists go on as KEY.2 = …", len,
			   MAX_LINE);
	else if (t.n != 0 && !is_comment(t) && t.p[0] == '[')
		add_section(ld, t, line);
	else if (t.n != 0 && !is_comment(t))
		add_entry(ld, t, line);
}

/* The byte order mark that some editors put in front. */
static void skip_bom(struct text *t)
{
	if (t->n >= 3 && memcmp(t->p, "\xef\xbb\xbf", 3) == 0) {
		t->p += 3;
		t->n -= 3;
	}
}

int lines_read(struct load *ld, const char *path)
{
	struct text file = {0};
	int err = read_file(ld, path, &file);

	if (err != 0) {
		report_unreadable(ld, err);
		return -1;
	}
	skip_bom(&file);
	for (int line = 1; file.n > 0 && !load_is_full(ld); line++) {
		const char *nl = memchr(file.p, '\n', file.n);
		size_t n = nl != NULL ? (size_t)(nl - file.p) : file.n;

		add_line(ld, (struct text){file.p, n}, line);
		n += nl != NULL;
		file.p += n;
		file.n -= n;
		if (ld->n_sections > MAX_SECTIONS) {
			load_error(ld, line, EINVAL, NULL, NULL, "more than %d sections",
				   MAX_SECTIONS);
			break;
		}
	}
	if (ld->n_sections == 0 && ld->n_errors == 0)
		load_error(ld, 0, EINVAL, NULL, NULL,
			   "is empty: it has no [port NAME] and no [vnic NAME]");
	return load_is_full(ld) || ld->n_sections == 0 ? -1 : 0;
}
