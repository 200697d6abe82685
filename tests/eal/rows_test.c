/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's answers again (tests/data/macvlan-cases.tsv), this time asked of the
 * running forwarder: configuration, endpoints, classification and delivery
 * included, with net_ring at every end. Packet-type letters are the pure
 * decision's matter (tests/unit/macvlan_test.c); here copies are counted, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "rig.h"

static void append(char *ini, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *ini, size_t size, const char *fmt, ...)
{
	size_t at = strlen(ini);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ini + at, size - at, fmt, ap);
	va_end(ap);
}

static void append_macs(char *ini, size_t size, const char *key, const uint64_t *macs, size_t n)
{
	char text[MAC_STR_LEN];

	for (size_t i = 0; i < n; i++)
		append(ini, size, "%s %s", i == 0 ? key : ",", mac_format(macs[i], text));
	append(ini, size, "\n");
}

static void append_vnic(char *ini, size_t size, const struct case_row *row,
			const struct case_topology *t, size_t i)
{
	const struct vnic_in *v = &t->vnics[i];
	bool passthru = v->vnic.mode == MODE_PASSTHRU;
	char mac[MAC_STR_LEN], name[8];

	for (size_t k = 0; k <= strlen(t->names[i]); k++)
		name[k] = t->names[i][k] == '\0' ? '\0' : (char)(t->names[i][k] | 0x20);
	append(ini, size,
	       "[vnic %s]\ntype = macvlan\nport = l\nmode = %s\nendpoint = dev:net_ring_%s\n", name,
	       vnic_mode_name((enum vnic_mode)v->vnic.mode), t->names[i]);
	if (!passthru)
		append(ini, size, "mac = %s\n", mac_format(v->vnic.mac, mac));
	if (v->vnic.nodst || strstr(row->setup, "nopromisc") != NULL)
		append(ini, size, "flags = %s\n", v->vnic.nodst ? "nodst" : "nopromisc");
	append(ini, size, "state = %s\nmtu = %u\nbcqueuelen = %u\nbclim = %d\n",
	       v->vnic.up ? "up" : "down", v->vnic.mtu, v->bcqueuelen, v->bclim);
	if (v->all_groups)
		append(ini, size, "multicast = all\n");
	else
		append_macs(ini, size, "multicast =", v->groups, v->n_groups);
	if (v->n_sources > 0)
		append_macs(ini, size, "sources =", v->sources, v->n_sources);
}

static void write_ini(char *ini, size_t size, const struct case_row *row,
		      const struct case_topology *t)
{
	char mac[MAC_STR_LEN];

	ini[0] = '\0';
	append(ini, size,
	       "[port l]\ndevice = dev:net_ring_wire\nmac = %s\nhost = dev:net_ring_host\n",
	       mac_format(t->port.port.mac, mac));
	for (size_t i = 0; i < t->n; i++)
		append_vnic(ini, size, row, t, i);
}

/* Takes what came out at @p end: every copy must be the frame as it was sent. */
static void collect(struct rig *r, const char *end, const uint8_t *bytes, size_t len,
		    struct case_words *got)
{
	struct rte_mbuf *m;
	uint8_t copy[256];

	while ((m = rig_take(r, end)) != NULL) {
		assert_int_equal(m->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_read(m, 0, (uint32_t)len, copy), bytes, len);
		words_add(got, end);
		rte_pktmbuf_free(m);
	}
}

static void collect_all(struct rig *r, const struct case_topology *t, const uint8_t *bytes,
			size_t len, struct case_words *got)
{
	size_t wires = got->n;

	collect(r, "wire", bytes, len, got);
	wires = got->n - wires;
	collect(r, "host", bytes, len, got);
	for (size_t i = 0; i < t->n; i++)
		collect(r, t->names[i], bytes, len, got);
	if (wires > 0 && t->hairpin) { /* the switch gives it back */
		rig_send(r, "wire", bytes, len, 0);
		rig_turn(r, 2);
		collect_all(r, t, bytes, len, got);
	}
}

/* "B1:H@c100 host:B" to "B1 host": who, not how. */
static void strip(struct case_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		w->list[i][strcspn(w->list[i], ":@")] = '\0';
}

static bool is_linkless(const struct case_row *row)
{
	return strstr(row->setup, "W/down") != NULL || strstr(row->setup, "L/down") != NULL;
}

static void one_row(void **state)
{
	const struct case_row *row = *state;
	struct case_words got = {.n = 0}, want;
	char got_text[512], want_text[512];
	struct case_topology t;
	char ini[8192];
	uint8_t bytes[128];
	struct rig r;
	struct pkt p;
	size_t len;

	case_topology_read(&t, row);
	write_ini(ini, sizeof(ini), row, &t);
	len = case_frame(row, bytes, &p);
	rig_start(&r, ini);
	rig_send(&r, row->ingress, bytes, len, 0);
	rig_turn(&r, 2);
	collect_all(&r, &t, bytes, len, &got);
	rig_stop(&r);
	words_split(&want, strncmp(row->expected, "send:", 5) == 0 ? "-" : row->expected);
	strip(&want);
	assert_string_equal(words_join(&got, got_text, sizeof(got_text)),
			    words_join(&want, want_text, sizeof(want_text)));
}

int main(void)
{
	static struct case_row rows[400];
	static struct CMUnitTest tests[400];
	size_t n = cases_read(rows, 400), n_tests = 0;

	for (size_t i = 0; i < n; i++) {
		/* net_ring has no link to lose: tests/parity plays these rows with real ones. */
		if (is_linkless(&rows[i]))
			continue;
		tests[n_tests++] = (struct CMUnitTest){
			.name = rows[i].id,
			.test_func = one_row,
			.initial_state = &rows[i],
		};
	}
	return _cmocka_run_group_tests("macvlan rows", tests, n_tests, rig_eal, NULL);
}
