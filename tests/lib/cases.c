/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "fwd/kind.h"

#define CASES	    TEST_DATA "/macvlan-cases.tsv"
#define DIFFERENCES TEST_DATA "/../parity/intended-differences.tsv"

/* ---- files ---- */

static FILE *open_or_fail(const char *path)
{
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("%s can't be read", path);
	return f;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static bool read_row(struct case_row *row, char *line)
{
	char *field[9];
	int n = 0;

	if (line[0] == '#' || strncmp(line, "id\t", 3) == 0)
		return false;
	for (char *s = line; s != NULL && n < 9; n++)
		field[n] = strsep(&s, "\t\n");
	if (n < 8 || strcmp(field[3], "ctl") == 0)
		return false;
	copy(row->id, sizeof(row->id), field[0]);
	copy(row->class, sizeof(row->class), field[1]);
	copy(row->setup, sizeof(row->setup), field[2]);
	copy(row->ingress, sizeof(row->ingress), field[3]);
	copy(row->src, sizeof(row->src), field[4]);
	copy(row->dst, sizeof(row->dst), field[5]);
	copy(row->type, sizeof(row->type), field[6]);
	copy(row->expected, sizeof(row->expected), field[7]);
	return true;
}

/* "MV-033 => B1:H; MV-555": where a result is given, it is ours. */
static void apply_difference(struct case_row *rows, size_t n, char *cell)
{
	for (char *item; (item = strsep(&cell, ";")) != NULL;) {
		char *arrow = strstr(item, " => ");

		item += strspn(item, " ");
		if (arrow == NULL)
			continue;
		*arrow = '\0';
		for (size_t i = 0; i < n; i++)
			if (strcmp(rows[i].id, item) == 0)
				copy(rows[i].expected, sizeof(rows[i].expected), arrow + 4);
	}
}

size_t cases_read(struct case_row *rows, size_t max)
{
	FILE *f = open_or_fail(CASES);
	char line[2048];
	size_t n = 0;

	while (n < max && fgets(line, sizeof(line), f) != NULL)
		n += read_row(&rows[n], line);
	fclose(f);
	f = open_or_fail(DIFFERENCES);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *s = line;

		if (line[0] == '#')
			continue;
		strsep(&s, "\t");
		if (s != NULL)
			apply_difference(rows, n, strsep(&s, "\t"));
	}
	fclose(f);
	return n;
}

/* ---- addresses ---- */

uint64_t case_mac(const char *s)
{
	static const struct {
		const char *name, *mac;
	} fixed[] = {
		{"L", "02:4c:00:00:00:01"},  {"T", "02:4c:00:00:00:01"},
		{"U", "02:55:00:00:00:01"},  {"Z", "00:00:00:00:00:00"},
		{"BC", "ff:ff:ff:ff:ff:ff"}, {"AH", "01:00:5e:00:00:01"},
		{"MJ", "01:00:5e:01:02:03"}, {"MK", "33:33:00:01:00:03"},
		{"MU", "01:00:5e:7f:00:09"},
	};
	char text[MAC_STR_LEN];
	uint64_t mac;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].name, s) == 0)
			s = fixed[i].mac;
	if (strncmp(s, "LL", 2) == 0 && s[2] != '\0') {
		snprintf(text, sizeof(text), "01:80:c2:00:00:0%c", s[2]);
		s = text;
	} else if (strlen(s) == 2) {
		snprintf(text, sizeof(text), "02:%02x:00:00:00:0%c", (unsigned int)s[0], s[1]);
		s = text;
	}
	if (!mac_parse(s, &mac))
		fail_msg("'%s' is not an address", s);
	return mac;
}

/* ---- topology ---- */

static enum vnic_mode mode_of(const char *name)
{
	static const enum vnic_mode modes[] = {MODE_PRIVATE, MODE_VEPA, MODE_BRIDGE, MODE_PASSTHRU,
					       MODE_SOURCE};
	static const char *const names[] = {"private", "vepa", "bridge", "passthru", "source"};

	for (size_t i = 0; i < 5; i++)
		if (strcmp(names[i], name) == 0)
			return modes[i];
	fail_msg("'%s' is not a mode", name);
	return MODE_NONE;
}

static void join(struct case_topology *t, size_t i, char *list)
{
	for (char *g; (g = strsep(&list, "+")) != NULL;)
		t->groups[i][t->vnics[i].n_groups++] = case_mac(g);
}

static void vnic_option(struct case_topology *t, size_t i, char *option)
{
	struct vnic_in *v = &t->vnics[i];

	if (strcmp(option, "down") == 0)
		v->vnic.up = false;
	else if (strcmp(option, "promisc") == 0 || strcmp(option, "allmulti") == 0)
		v->all_groups = t->port.promisc = true;
	else if (strncmp(option, "join=", 5) == 0)
		join(t, i, option + 5);
	else if (strncmp(option, "bcq=", 4) == 0)
		v->bcqueuelen = (uint32_t)atoi(option + 4);
	else if (strncmp(option, "bclim=", 6) == 0)
		v->bclim = atoi(option + 6);
	else if (strncmp(option, "mtu=", 4) == 0)
		v->vnic.mtu = (uint32_t)atoi(option + 4);
	else
		fail_msg("vnic option '%s'", option);
}

/* "source(X1,nodst)" */
static void read_mode(struct case_topology *t, size_t i, char *text, bool *nopromisc)
{
	struct vnic_in *v = &t->vnics[i];
	char *mode = strsep(&text, "(");
	char *arguments = strsep(&text, ")");

	v->vnic.mode = (uint8_t)mode_of(mode);
	for (char *a; (a = strsep(&arguments, ",")) != NULL;) {
		if (strcmp(a, "nodst") == 0)
			v->vnic.nodst = true;
		else if (strcmp(a, "nopromisc") == 0)
			*nopromisc = true;
		else
			t->sources[i][v->n_sources++] = case_mac(a);
	}
}

/* The lower of these cases can't filter unicast: an up vnic makes it promiscuous (MV-535). */
static void read_vnic(struct case_topology *t, char *name, char *rest)
{
	size_t i = t->n++;
	struct vnic_in *v = &t->vnics[i];
	bool nopromisc = false;

	copy(t->names[i], sizeof(t->names[i]), name);
	*v = (struct vnic_in){
		.vnic = {.kind = &macvlan_kind, .id = (uint16_t)i, .up = true, .mtu = 1500},
		.peer = VNIC_NONE,
		.groups = t->groups[i],
		.sources = t->sources[i],
		.bcqueuelen = CONF_DEFAULT_BCQUEUELEN,
		.bclim = 1,
	};
	v->vnic.mac = case_mac(name);
	t->groups[i][v->n_groups++] = case_mac("AH"); /* every Linux netdev does */
	read_mode(t, i, strsep(&rest, "/"), &nopromisc);
	for (char *o; (o = strsep(&rest, "/")) != NULL;)
		vnic_option(t, i, o);
	if (v->vnic.up && !nopromisc)
		t->port.promisc = true;
}

void case_topology_read(struct case_topology *t, const struct case_row *row)
{
	char setup[sizeof(row->setup)], *s = setup;

	memset(t, 0, sizeof(*t));
	t->port.port = (struct fwd_port){
		.used = true,
		.mac = case_mac("L"),
		.mtu = 1500,
		.carrier = true,
		.has_host = true,
		.host_promisc = true, /* so that host:O shows */
	};
	copy(setup, sizeof(setup), row->setup);
	for (char *word; (word = strsep(&s, " ")) != NULL;) {
		char *rest = word, *name = strsep(&rest, "=/");

		if (strcmp(name, "wire") == 0)
			t->hairpin = strcmp(rest, "hairpin") == 0;
		else if (strcmp(name, "W") != 0 && strcmp(name, "L") != 0)
			read_vnic(t, name, rest);
		else if (strcmp(rest, "down") == 0)
			t->port.port.carrier = false;
		else if (strcmp(rest, "promisc") == 0)
			t->port.promisc = true;
	}
	for (size_t i = 0; i < t->n; i++)
		t->vnics[i].vnic.carrier = t->port.port.carrier;
}

/* ---- frames ---- */

size_t case_frame(const struct case_row *row, uint8_t *bytes, struct pkt *p)
{
	char type[sizeof(row->type)], *s = type;
	size_t at = 12;

	memset(bytes, 0, 100);
	mac_store(bytes, case_mac(row->dst));
	mac_store(bytes + 6, case_mac(row->src));
	copy(type, sizeof(type), row->type);
	while (*s == 'c' || *s == 's') {
		char *tag = strsep(&s, ".");
		unsigned int tpid = tag[0] == 'c' ? PKT_TYPE_VLAN : PKT_TYPE_QINQ;
		unsigned int vid = (unsigned int)atoi(tag + 1);

		bytes[at++] = (uint8_t)(tpid >> 8);
		bytes[at++] = (uint8_t)tpid;
		bytes[at++] = (uint8_t)(vid >> 8);
		bytes[at++] = (uint8_t)vid;
	}
	bytes[at++] = (uint8_t)(strtoul(s, NULL, 16) >> 8);
	bytes[at] = (uint8_t)strtoul(s, NULL, 16);
	assert_true(pkt_parse(p, bytes, PKT_PARSE_LEN, 100));
	return 100;
}

/* ---- results ---- */

void words_add(struct case_words *w, const char *word)
{
	copy(w->list[w->n++], sizeof(w->list[0]), word);
}

void words_split(struct case_words *w, const char *text)
{
	char line[256], *s = line;

	w->n = 0;
	copy(line, sizeof(line), text);
	for (char *word; (word = strsep(&s, " ")) != NULL;)
		if (word[0] != '\0' && strcmp(word, "-") != 0)
			words_add(w, word);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *words_join(struct case_words *w, char *buf, size_t len)
{
	size_t at = 0;

	qsort(w->list, w->n, sizeof(w->list[0]), compare);
	copy(buf, len, "-");
	for (size_t i = 0; i < w->n; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%s", i > 0 ? " " : "", w->list[i]);
	return buf;
}
