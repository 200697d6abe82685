/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pure decision against the kernel's answers: every row of
 * tests/data/macvlan-cases.tsv that injects a frame, and rules that need none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "fwd/kind.h"

/** The state that a decision reads, made without hash tables. */
struct world {
	struct case_topology t;
	struct port_lists lists;
	struct fwd_vnic vnics[CASE_MAX_VNICS];
	struct fwd_port port;
};

static void build(struct world *w, const struct case_row *row)
{
	case_topology_read(&w->t, row);
	assert_int_equal(lists_build(&w->lists, &w->t.port, 0, w->t.vnics, w->t.n), 0);
	w->port = w->t.port.port;
	w->port.vnics = w->vnics;
	w->port.kind = &macvlan_kind;
	w->port.passthru = w->lists.passthru;
	w->port.has_source_mode = w->lists.has_source_mode;
	w->port.bcqueuelen = w->lists.bcqueuelen;
	w->port.lists = w->lists.floods;
	w->port.sources = w->lists.sources;
	for (size_t i = 0; i < w->t.n; i++) {
		w->vnics[i] = w->t.vnics[i].vnic;
		w->vnics[i].port = &w->port;
	}
}

static uint16_t find(const struct key_pairs *pairs, uint64_t mac, uint16_t missing)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->list[i].key == mac)
			return pairs->list[i].value;
	return missing;
}

/* What dp/classify.c would have found. */
static struct hit classify(const struct world *w, const struct pkt *p, bool from_wire)
{
	struct hit h = {.dst = VNIC_NONE, .owner = VNIC_NONE};

	if (!pkt_is_group(p))
		h.dst = find(&w->lists.vnic_macs, p->dst, VNIC_NONE);
	else if (p->dst == MAC_BROADCAST)
		h.list = FLOOD_EVERYONE;
	else
		h.list = find(&w->lists.group_macs, p->dst, FLOOD_OPEN);
	if (pkt_is_group(p) && from_wire)
		h.owner = find(&w->lists.vnic_macs, p->src, VNIC_NONE);
	h.sources = find(&w->lists.source_macs, p->src, 0);
	return h;
}

static const char *tag_text(const struct case_row *row)
{
	static char text[64];
	char *dot;

	if (row->type[0] != 'c' && row->type[0] != 's')
		return "";
	snprintf(text, sizeof(text), "@%s", row->type);
	dot = strrchr(text, '.');
	*dot = '\0';
	return text;
}

/* How a Linux receiver would call the frame: to it, broadcast, multicast, for another host. */
static char class_of(const struct pkt *p, uint64_t own)
{
	if (p->dst == MAC_BROADCAST)
		return 'B';
	if (pkt_is_group(p))
		return 'M';
	return p->dst == own ? 'H' : 'O';
}

static void add(struct case_words *out, const char *name, char class, const char *tag)
{
	char word[96];

	snprintf(word, sizeof(word), "%s:%c%s", name, class, tag);
	words_add(out, word);
}

static void add_host(const struct world *w, const struct case_row *row, const struct pkt *p,
		     struct case_words *out)
{
	/* Tagged, and no VLAN device there. The rows leave its tag out. */
	add(out, "host", p->tagged ? 'O' : class_of(p, w->port.mac), "");
	(void)row;
}

static void add_flood(const struct world *w, const struct case_row *row, const struct pkt *p,
		      const struct verdict *v, struct case_words *out)
{
	struct id_run runs[2];

	flood_runs(&w->port, v, runs);
	for (int r = 0; r < 2; r++) {
		for (uint32_t i = 0; i < runs[r].n; i++) {
			const struct fwd_vnic *x = &w->vnics[runs[r].ids[i]];

			if (x->id != v->except &&
			    (!(v->flags & VERDICT_LOCAL) || p->len <= x->mtu + FWD_MTU_OVERHEAD))
				add(out, w->t.names[x->id], class_of(p, x->mac), tag_text(row));
		}
	}
}

static void from_wire(struct world *w, const struct case_row *row, const struct pkt *p,
		      struct case_words *out);

static void add_verdict(struct world *w, const struct case_row *row, const struct pkt *p,
			const struct verdict *v, struct case_words *out)
{
	bool wire = v->op == VERDICT_WIRE || v->also & ALSO_WIRE;

	for (uint32_t i = 0; v->copies != 0 && i < w->port.sources[v->copies].n; i++) {
		uint16_t id = w->port.sources[v->copies].ids[i];
		char class = class_of(p, w->port.mac);

		add(out, w->t.names[id], p->dst == w->vnics[id].mac ? 'H' : class, tag_text(row));
	}
	if (v->op == VERDICT_VNIC)
		add(out, w->t.names[v->vnic], pkt_is_group(p) ? class_of(p, 0) : 'H',
		    tag_text(row));
	if (v->op == VERDICT_FLOOD)
		add_flood(w, row, p, v, out);
	if (v->op == VERDICT_HOST || v->also & ALSO_HOST)
		add_host(w, row, p, out);
	if (wire) {
		char word[96];

		snprintf(word, sizeof(word), "wire%s", tag_text(row));
		words_add(out, word);
		if (w->t.hairpin)
			from_wire(w, row, p, out);
	}
}

static void from_wire(struct world *w, const struct case_row *row, const struct pkt *p,
		      struct case_words *out)
{
	struct burst b = {.n = 1, .p = {*p}, .h = {classify(w, p, true)}};

	macvlan_kind.from_wire(&w->port, &b);
	add_verdict(w, row, p, &b.v[0], out);
}

static void inject(struct world *w, const struct case_row *row, const struct pkt *p,
		   struct case_words *out)
{
	struct burst b = {.n = 1, .p = {*p}, .h = {classify(w, p, false)}};

	if (strcmp(row->ingress, "wire") == 0) {
		from_wire(w, row, p, out);
		return;
	}
	if (strcmp(row->ingress, "host") == 0) {
		macvlan_kind.from_host(&w->port, &b);
	} else {
		size_t i = 0;

		while (strcmp(w->t.names[i], row->ingress) != 0)
			assert_true(++i < w->t.n);
		macvlan_kind.from_vnic(&w->vnics[i], &b);
		if (b.v[0].op == VERDICT_DROP && b.v[0].reason == DROP_VNIC_DOWN)
			words_add(out, "send:ENETDOWN");
	}
	add_verdict(w, row, p, &b.v[0], out);
}

static void one_row(void **state)
{
	const struct case_row *row = *state;
	struct case_words got = {.n = 0}, want;
	char got_text[512], want_text[512];
	uint8_t bytes[128];
	struct world w;
	struct pkt p;

	build(&w, row);
	case_frame(row, bytes, &p);
	inject(&w, row, &p, &got);
	words_split(&want, row->expected);
	words_join(&got, got_text, sizeof(got_text));
	words_join(&want, want_text, sizeof(want_text));
	lists_free(&w.lists);
	assert_string_equal(got_text, want_text);
}

int main(void)
{
	static struct case_row rows[400];
	static struct CMUnitTest tests[400];
	size_t n = cases_read(rows, 400);

	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = rows[i].id,
			.test_func = one_row,
			.initial_state = &rows[i],
		};
	return _cmocka_run_group_tests("macvlan cases", tests, n, NULL, NULL);
}
