/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipvlan_cases.h"

#define CASES	    TEST_DATA "/ipvlan-cases.tsv"
#define SYMBOLS	    TEST_DATA "/ipvlan-symbols.tsv"
#define FRAMES	    TEST_DATA "/ipvlan-frames.tsv"
#define STACK_ROWS  TEST_DATA "/ipvlan-stack-rows.tsv"
#define DIFFERENCES TEST_DATA "/../parity/ipvlan-differences.tsv"

#define MAX_LINE   (2 * IV_MAX_FRAME + 64)
#define MAX_FIELDS 9

/* ---- files ---- */

static void copy(char *to, size_t size, const char *from)
{
	if (strlen(from) >= size)
		fail_msg("'%s' is longer than %zu", from, size);
	snprintf(to, size, "%s", from);
}

/* The fields of a line that has some; the first of a table's names isn't one. */
static size_t split(char *line, const char *head, char *field[MAX_FIELDS])
{
	size_t n = 0;

	if (line[0] == '#')
		return 0;
	for (char *s = line; s != NULL && n < MAX_FIELDS; n++)
		field[n] = strsep(&s, "\t\n");
	return strcmp(field[0], head) == 0 ? 0 : n;
}

/* Calls @fn for every line of a table, with its fields; true ends it. */
static void read_table(const char *path, const char *head,
		       bool (*fn)(char *const *field, size_t n, void *arg), void *arg)
{
	static char line[MAX_LINE];
	FILE *f = fopen(path, "r");
	char *field[MAX_FIELDS];
	bool done = false;

	if (f == NULL)
		fail_msg("%s can't be read", path);
	while (!done && fgets(line, sizeof(line), f) != NULL) {
		size_t n = split(line, head, field);

		done = n > 1 && fn(field, n, arg);
	}
	fclose(f);
}

struct rows {
	struct iv_row *list;
	size_t n, max;
};

static bool add_row(char *const *field, size_t n, void *arg)
{
	struct rows *rows = arg;
	struct iv_row *r = &rows->list[rows->n];

	assert_true(n >= 8 && rows->n < rows->max);
	*r = (struct iv_row){0};
	copy(r->id, sizeof(r->id), field[0]);
	copy(r->mode, sizeof(r->mode), field[1]);
	copy(r->flags, sizeof(r->flags), field[2]);
	copy(r->setup, sizeof(r->setup), field[3]);
	copy(r->ingress, sizeof(r->ingress), field[4]);
	copy(r->packet, sizeof(r->packet), field[5]);
	copy(r->expected, sizeof(r->expected), field[6]);
	copy(r->changes, sizeof(r->changes), field[7]);
	rows->n++;
	return false;
}

/* Of a row that isn't there, or where ours is the kernel's, nobody could say what differs. */
static bool apply_difference(char *const *field, size_t n, void *arg)
{
	const struct rows *rows = arg;

	assert_true(n >= 4);
	for (size_t i = 0; i < rows->n; i++) {
		struct iv_row *r = &rows->list[i];

		if (strcmp(r->id, field[0]) != 0)
			continue;
		if (strcmp(r->expected, field[1]) == 0 && strcmp(r->changes, field[2]) == 0)
			fail_msg("%s: the difference is none", r->id);
		copy(r->expected, sizeof(r->expected), field[1]);
		copy(r->changes, sizeof(r->changes), field[2]);
		r->differs = true;
		return false;
	}
	fail_msg("there is no row %s to differ from", field[0]);
	return false;
}

size_t iv_rows(struct iv_row *list, size_t max)
{
	struct rows rows = {list, 0, max};

	read_table(CASES, "id", add_row, &rows);
	read_table(DIFFERENCES, "row", apply_difference, &rows);
	return rows.n;
}

const struct iv_row *iv_row_find(const struct iv_row *rows, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].id, id) == 0)
			return &rows[i];
	fail_msg("there is no row %s", id);
	return NULL;
}

bool iv_row_is_frame(const struct iv_row *row)
{
	int number = atoi(row->id + 3);

	return number < 600 || number >= 900;
}

bool iv_row_is_assist(const struct iv_row *row)
{
	int number = atoi(row->id + 3);

	return number == 914 || number == 915 || (number >= 917 && number <= 920);
}

static bool is_row(char *const *field, size_t n, void *arg)
{
	const struct iv_row **row = arg;

	(void)n;
	if (strcmp(field[0], (*row)->id) != 0)
		return false;
	*row = NULL;
	return true;
}

bool iv_row_has_stacks(const struct iv_row *row)
{
	const struct iv_row *found = row;

	read_table(STACK_ROWS, "row", is_row, &found);
	return found == NULL;
}

struct wanted_frame {
	const char *id;
	uint8_t *bytes;
	size_t len;
};

static bool take_frame(char *const *field, size_t n, void *arg)
{
	struct wanted_frame *w = arg;
	unsigned int byte;

	(void)n;
	if (strcmp(field[0], w->id) != 0)
		return false;
	for (const char *s = field[1]; sscanf(s, "%2x", &byte) == 1; s += 2)
		w->bytes[w->len++] = (uint8_t)byte;
	return true;
}

size_t iv_frame(const struct iv_row *row, uint8_t bytes[IV_MAX_FRAME])
{
	struct wanted_frame w = {row->id, bytes, 0};

	read_table(FRAMES, "id", take_frame, &w);
	if (w.len == 0)
		fail_msg("%s has no frame", row->id);
	return w.len;
}

/* ---- names ---- */

static struct symbol {
	char name[12], value[40];
} symbols[100];

static size_t n_symbols;

static bool add_symbol(char *const *field, size_t n, void *arg)
{
	struct symbol *s = &symbols[n_symbols++];

	(void)n;
	(void)arg;
	assert_true(n_symbols <= sizeof(symbols) / sizeof(symbols[0]));
	copy(s->name, sizeof(s->name), field[0]);
	copy(s->value, sizeof(s->value), field[1]);
	return false;
}

static void need_symbols(void)
{
	if (n_symbols == 0)
		read_table(SYMBOLS, "symbol", add_symbol, NULL);
}

const char *iv_symbol(const char *symbol)
{
	need_symbols();
	for (size_t i = 0; i < n_symbols; i++)
		if (strcmp(symbols[i].name, symbol) == 0)
			return symbols[i].value;
	fail_msg("'%s' is no symbol", symbol);
	return NULL;
}

uint64_t iv_mac(const char *symbol)
{
	uint64_t mac;

	assert_true(mac_parse(iv_symbol(symbol), &mac));
	return mac;
}

struct ip_addr iv_addr(const char *symbol)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(iv_symbol(symbol), &a));
	return a;
}

const char *iv_mac_name(uint64_t mac)
{
	static char text[MAC_STR_LEN];

	need_symbols();
	mac_format(mac, text);
	for (size_t i = 0; i < n_symbols; i++)
		if (strcmp(symbols[i].value, text) == 0)
			return symbols[i].name;
	return text;
}

/* ---- setups ---- */

const struct iv_station iv_stations[IV_N_STATIONS] = {
	{"R", {"R4", "R6", "RL6"}},
	{"X", {"X4", "X6"}},
};

/* What a Linux netdev joins by itself: all systems, all nodes, its addresses' solicited nodes. */
static const struct iv_setup s0 = {
	.has_host = true,
	.own = {"10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"},
	.routes = {"default via 10.0.0.254", "default via 2001:db8::fe"},
	.vnics = {{"A",
		   true,
		   false,
		   1500,
		   {"MG4", "MAN6", "MSA6"},
		   {"10.0.0.2/24", "2001:db8::2/64", "fe80::2/64"}},
		  {"B",
		   true,
		   false,
		   1500,
		   {"MG4", "MAN6", "MSB6"},
		   {"10.0.0.3/24", "2001:db8::3/64", "fe80::3/64"}},
		  {"C", true, false, 1500, {"MG4", "MAN6"}, {NULL}}},
};

static void append(const char **list, size_t max, const char *what)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	assert_true(n + 1 < max);
	list[n] = what;
}

static void add_option(struct iv_setup *s, const char *o)
{
	struct iv_vnic *a = &s->vnics[0], *b = &s->vnics[1];

	if (strcmp(o, "Bdown") == 0)
		b->up = false;
	else if (strcmp(o, "Bmtu1000") == 0)
		b->mtu = 1000;
	else if (strcmp(o, "Bpromisc") == 0 || strcmp(o, "Ballmulti") == 0)
		b->all_groups = true;
	else if (strcmp(o, "Ajoin") == 0)
		append(a->groups, 8, "MG4x");
	else if (strcmp(o, "secondary") == 0)
		append(a->addresses, 6, "10.7.0.2/24");
	else if (strcmp(o, "hostdup") == 0)
		append(s->own, 6, "10.0.0.2/24");
	else if (strcmp(o, "noneigh") == 0)
		s->silent = true;
	else if (strcmp(o, "nodefault") == 0)
		memset(s->routes, 0, sizeof(s->routes));
	else if (strcmp(o, "nohostip") == 0) {
		memset(s->own, 0, sizeof(s->own));
		memset(s->routes, 0, sizeof(s->routes));
		append(s->routes, 6, "0.0.0.0/0");
	} else if (strcmp(o, "tworoutes") == 0) {
		append(s->routes, 6, "198.51.100.0/24 via 10.0.0.200");
		append(s->routes, 6, "2001:db8:ffff::/48 via 2001:db8::c8");
	} else if (strcmp(o, "bigmtu") != 0 && strcmp(o, "hostvlan5") != 0 &&
		   strcmp(o, "hostdummy") != 0) {
		/* A vnic's own MTU doesn't stop its owner; the host's devices aren't ours. */
		fail_msg("setup option '%s'", o);
	}
}

/* The setups that no kernel has are sentences. */
static bool read_sentence(struct iv_setup *s, const char *setup)
{
	if (strncmp(setup, "L3T", 3) == 0)
		s->arp = true;
	else if (strstr(setup, "policy strict") != NULL)
		s->strict = true;
	else if (strcmp(setup, "no H port configured") == 0)
		s->has_host = false;
	else
		return false;
	s->proxy = strstr(setup, "l3_proxy on") != NULL;
	if (strstr(setup, "no route") != NULL)
		memset(s->routes, 0, sizeof(s->routes));
	return true;
}

void iv_setup_read(struct iv_setup *s, const struct iv_row *row)
{
	char setup[sizeof(row->setup)], *rest = setup;

	*s = s0;
	s->mode = strcmp(row->mode, "l2") == 0	 ? MODE_L2
		  : strcmp(row->mode, "l3") == 0 ? MODE_L3
						 : MODE_L3S;
	s->flags = strcmp(row->flags, "private") == 0 ? VNIC_F_PRIVATE
		   : strcmp(row->flags, "vepa") == 0  ? VNIC_F_VEPA
						      : VNIC_F_BRIDGE;
	if (read_sentence(s, row->setup))
		return;
	copy(setup, sizeof(setup), row->setup);
	assert_string_equal(strsep(&rest, "+"), "S0");
	for (char *o; (o = strsep(&rest, "+")) != NULL;)
		add_option(s, o);
}

/* ---- results ---- */

void iv_add(struct iv_words *w, const char *fmt, ...)
{
	va_list ap;

	assert_true(w->n < IV_MAX_WORDS);
	va_start(ap, fmt);
	vsnprintf(w->list[w->n++], sizeof(w->list[0]), fmt, ap);
	va_end(ap);
}

/* "A", "W*2", "A (generated NA)" */
static void add_receiver(struct iv_words *w, const char *item)
{
	char name = item[0];
	int n = item[1] == '*' ? atoi(item + 2) : 1;

	for (int i = 0; i < n; i++)
		iv_add(w, strstr(item, "(generated") != NULL ? "%c:answer" : "%c", name);
}

static bool is_shown(const char *change)
{
	return strcmp(change, "-") != 0 && strstr(change, ".pkttype=") == NULL &&
	       strstr(change, ".vlan=") == NULL;
}

void iv_expected(const struct iv_row *row, struct iv_words *w)
{
	char text[sizeof(row->expected)], *s = text;

	copy(text, sizeof(text), row->expected);
	for (char *item; strcmp(row->expected, "none") != 0 && (item = strsep(&s, ",")) != NULL;)
		add_receiver(w, item);
	copy(text, sizeof(text), row->changes);
	s = text;
	for (char *word; (word = strsep(&s, " ")) != NULL;)
		if (is_shown(word))
			iv_add(w, "%s", word);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *iv_join(struct iv_words *w, char *buf, size_t size)
{
	size_t at = 0;

	qsort(w->list, w->n, sizeof(w->list[0]), compare);
	snprintf(buf, size, "-");
	for (size_t i = 0; i < w->n; i++)
		if (i == 0 || strchr(w->list[i], '.') == NULL ||
		    strcmp(w->list[i], w->list[i - 1]) != 0)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", i > 0 ? " " : "",
					       w->list[i]);
	return buf;
}
