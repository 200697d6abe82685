/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pure decision of ipvlan against the kernel's answers: every row of
 * tests/data/ipvlan-cases.tsv that is a frame. What the tables would have said is searched for
 * in the row's setup, entry by entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fwd/kind.h"
#include "fwd/lists.h"
#include "ipvlan_cases.h"

#define MTU 1500

/** A row and the state that its decision reads. */
struct world {
	struct iv_setup s;
	struct port_in port_in;
	struct vnic_in in[IV_VNICS];
	uint64_t groups[IV_VNICS][8];
	struct port_lists lists;
	struct fwd_vnic vnics[IV_VNICS];
	struct fwd_port port;
	uint8_t bytes[IV_MAX_FRAME];
	struct pkt p;
	struct pkt_ip ip;
};

/* ---- the state ---- */

static void build_vnic(struct world *w, uint16_t i)
{
	const struct iv_vnic *from = &w->s.vnics[i];
	struct vnic_in *in = &w->in[i];

	*in = (struct vnic_in){
		.vnic =
			{
				.kind = &ipvlan_kind,
				.mac = iv_mac("M"),
				.mtu = from->mtu,
				.id = i,
				.mode = (uint8_t)w->s.mode,
				.up = from->up,
				.carrier = true,
				.flags = w->s.flags,
				.arp_off = !w->s.arp,
				.strict = w->s.strict,
			},
		.peer = VNIC_NONE,
		.all_groups = from->all_groups,
		.groups = w->groups[i],
		.bcqueuelen = CONF_DEFAULT_BCQUEUELEN,
	};
	while (from->groups[in->n_groups] != NULL) {
		w->groups[i][in->n_groups] = iv_mac(from->groups[in->n_groups]);
		in->n_groups++;
	}
}

static void build(struct world *w, const struct iv_row *row)
{
	size_t len;

	iv_setup_read(&w->s, row);
	w->port = (struct fwd_port){
		.used = true,
		.vnics = w->vnics,
		.mac = iv_mac("M"),
		.mtu = MTU,
		.passthru = VNIC_NONE,
		.carrier = true,
		.has_host = w->s.has_host,
		.host_promisc = true,
		.proxy_arp = w->s.proxy,
		.mode = (uint8_t)w->s.mode,
		.flags = (uint8_t)w->s.flags,
		.kind = &ipvlan_kind,
	};
	w->port_in.port = w->port;
	for (uint16_t i = 0; i < IV_VNICS; i++)
		build_vnic(w, i);
	assert_int_equal(lists_build(&w->lists, &w->port_in, 0, w->in, IV_VNICS), 0);
	w->port.lists = w->lists.floods;
	for (uint16_t i = 0; i < IV_VNICS; i++) {
		w->vnics[i] = w->in[i].vnic;
		w->vnics[i].port = &w->port;
	}
	len = iv_frame(row, w->bytes);
	assert_true(pkt_parse(&w->p, w->bytes, (uint32_t)len, (uint32_t)len));
	pkt_ip_parse(&w->ip, &w->p, w->bytes, (uint32_t)len);
}

/* ---- what the tables would have said ---- */

static struct ip_key key_of(const struct ip_addr *a)
{
	return a->family == 6 ? ip_key6(a->b) : ip_key4(a->b);
}

static bool is_address(const char *text, const struct ip_key *k, bool v6)
{
	struct ip_range r;
	struct ip_key own;

	assert_true(ip_range_parse(text, &r));
	own = key_of(&r.first);
	return (r.first.family == 6) == v6 && ip_key_equal(&own, k);
}

static uint16_t owner_of(const struct world *w, const struct ip_key *k, bool v6)
{
	for (uint16_t i = 0; i < IV_VNICS; i++) {
		const struct iv_vnic *v = &w->s.vnics[i];

		for (size_t n = 0; v->up && v->addresses[n] != NULL; n++)
			if (is_address(v->addresses[n], k, v6))
				return i;
	}
	return VNIC_NONE;
}

static bool is_own(const struct world *w, const struct ip_key *k, bool v6)
{
	for (size_t i = 0; w->s.own[i] != NULL; i++)
		if (is_address(w->s.own[i], k, v6))
			return true;
	return false;
}

static bool is_within(const struct ip_prefix *p, const struct ip_key *k, bool v6)
{
	const uint8_t *b = (const uint8_t *)k;

	for (unsigned int bit = 0; bit < p->len; bit++)
		if (((p->addr.b[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0)
			return false;
	return (p->addr.family == 6) == v6;
}

/* The last address of one of the port's own IPv4 networks. */
static bool is_broadcast(const struct world *w, const struct ip_key *k, bool v6)
{
	const uint8_t *b = (const uint8_t *)k;

	for (size_t i = 0; w->s.own[i] != NULL && !v6; i++) {
		struct ip_prefix p;
		bool ones = true;

		assert_true(ip_prefix_parse(w->s.own[i], &p));
		for (unsigned int bit = p.len; bit < 32; bit++)
			ones = ones && (b[bit / 8] >> (7 - bit % 8) & 1) != 0;
		if (is_within(&p, k, v6) && ones)
			return true;
	}
	return false;
}

/* Neighbours are numbered as the stations' addresses are; all that exist are known. */
static uint16_t neighbour(const struct world *w, const struct ip_key *k, bool v6)
{
	uint16_t n = NEXT_FIRST;

	for (size_t i = 0; i < IV_N_STATIONS; i++)
		for (size_t a = 0; a < 3 && iv_stations[i].addresses[a] != NULL; a++, n++)
			if (is_address(iv_symbol(iv_stations[i].addresses[a]), k, v6))
				return w->s.silent ? NEXT_NONE : n;
	return NEXT_NONE;
}

static const char *neighbour_mac(uint16_t next)
{
	for (size_t i = 0; i < IV_N_STATIONS; i++)
		for (size_t a = 0; a < 3 && iv_stations[i].addresses[a] != NULL; a++)
			if (next-- == 0)
				return iv_stations[i].mac;
	return "?";
}

/* The longest prefix that has @k: its next hop. false: there is none. */
static bool find_hop(const struct world *w, const struct ip_key *k, bool v6, struct ip_key *hop)
{
	int longest = -1;

	for (size_t i = 0; w->s.own[i] != NULL; i++) {
		struct ip_prefix p;

		assert_true(ip_prefix_parse(w->s.own[i], &p));
		if (p.len > longest && is_within(&p, k, v6)) {
			longest = p.len;
			*hop = *k;
		}
	}
	for (size_t i = 0; w->s.routes[i] != NULL; i++) {
		struct ip_route r;

		assert_true(ip_route_parse(w->s.routes[i], &r));
		if (r.dst.len > longest && is_within(&r.dst, k, v6)) {
			longest = r.dst.len;
			*hop = key_of(&r.via);
		}
	}
	return longest >= 0;
}

static uint16_t next_of(const struct world *w, const struct ip_key *k, bool v6)
{
	struct ip_key hop;
	uint16_t next;

	if (is_own(w, k, v6))
		return NEXT_HOST;
	if (is_broadcast(w, k, v6))
		return NEXT_BROADCAST;
	if (!find_hop(w, k, v6, &hop))
		return NEXT_NONE;
	next = neighbour(w, &hop, v6);
	return next == NEXT_NONE ? NEXT_WAIT : next;
}

/* ---- classify ---- */

static uint16_t list_of(const struct world *w)
{
	if (w->p.dst == MAC_BROADCAST)
		return FLOOD_EVERYONE;
	for (size_t i = 0; i < w->lists.group_macs.n; i++)
		if (w->lists.group_macs.list[i].key == w->p.dst)
			return w->lists.group_macs.list[i].value;
	return FLOOD_OPEN;
}

static bool has_key(const struct world *w)
{
	return w->ip.what != PKT_IP_NONE && w->ip.what != PKT_IP_V6_UNKEYED;
}

static struct hit classify(struct world *w, bool from_wire)
{
	const struct pkt_ip *ip = &w->ip;
	bool l2 = w->s.mode == MODE_L2, group = pkt_is_group(&w->p), asks;
	struct hit h = {.dst = VNIC_NONE, .owner = VNIC_NONE};

	if (has_key(w) && !(l2 && group))
		h.dst = owner_of(w, &ip->dst, ip->v6);
	if (l2 && group)
		h.list = list_of(w);
	if (l2 && group && w->p.src == w->port.mac && has_key(w))
		h.owner = owner_of(w, &ip->src, ip->v6);
	if (l2)
		return h;
	if (!from_wire && w->ip.what != PKT_IP_NONE &&
	    (h.dst == VNIC_NONE || w->s.flags & VNIC_F_VEPA))
		h.next = next_of(w, &ip->dst, ip->v6);
	if (!from_wire || ip->nd == PKT_ND_NONE || ip->vlan)
		return h;
	h.owner = owner_of(w, &ip->target, ip->v6);
	h.next = neighbour(w, ip->nd == PKT_ND_ADVERTISE ? &ip->target : &ip->src, ip->v6);
	asks = ip->nd == PKT_ND_ARP_REQUEST || ip->nd == PKT_ND_SOLICIT;
	if (is_own(w, asks ? &ip->target : &ip->dst, ip->v6))
		h.next = NEXT_HOST;
	return h;
}

/* l3s looks at what the wire brings as the host's own input would: checksum, payload length. */
static bool is_bad(const struct world *w)
{
	const uint8_t *b = w->bytes + w->ip.at;
	uint32_t sum = 0;

	if (w->ip.what == PKT_IP_V6)
		return pkt_load16(b + 4) > w->p.len - w->ip.at - PKT_IPV6_LEN;
	for (uint32_t i = 0; i < (b[0] & 15u) * 4; i += 2)
		sum += pkt_load16(b + i);
	return w->ip.what == PKT_IP_V4 && (sum & 0xffff) + (sum >> 16) != 0xffff;
}

/* ---- the verdict in words ---- */

static void add_flood(const struct world *w, const struct verdict *v, struct iv_words *out)
{
	struct id_run runs[2];

	flood_runs(&w->port, v, runs);
	for (int r = 0; r < 2; r++) {
		for (uint32_t i = 0; i < runs[r].n; i++) {
			const struct fwd_vnic *x = &w->vnics[runs[r].ids[i]];

			if (x->id != v->except &&
			    (!(v->flags & VERDICT_LOCAL) || w->p.len <= x->mtu + FWD_MTU_OVERHEAD))
				iv_add(out, "%s", w->s.vnics[x->id].name);
		}
	}
}

static void add_mac(const struct world *w, const char *end, uint64_t dst, uint64_t src,
		    struct iv_words *out)
{
	if (dst != w->p.dst)
		iv_add(out, "%s.eth.dst=%s", end, iv_mac_name(dst));
	if (src != w->p.src)
		iv_add(out, "%s.eth.src=%s", end, iv_mac_name(src));
}

static void add_routed(const struct world *w, const struct verdict *v, struct iv_words *out)
{
	uint32_t packet = w->p.len - PKT_ETH_LEN, n = 1;

	if (v->flags & VERDICT_FRAGMENT) {
		const uint32_t room = (MTU - PKT_IPV4_LEN) & ~7u;

		n = (packet - PKT_IPV4_LEN + room - 1) / room;
		iv_add(out, "W.fragmented");
	}
	while (n-- > 0)
		iv_add(out, "W");
	add_mac(w, "W", iv_mac(neighbour_mac(v->next)), w->port.mac, out);
}

/* What delivery sends no farther than the wire's MTU allows (lib/dp/deliver.c). */
static void add_wire(const struct world *w, struct iv_words *out)
{
	if (w->p.len <= MTU + FWD_MTU_OVERHEAD)
		iv_add(out, "W");
}

/* What delivery does to frames for the host (lib/dp/deliver_ip.c). */
static void add_own(const struct world *w, struct iv_words *out)
{
	add_mac(w, "H", w->port.mac, w->port.mac, out);
	if (w->ip.v6 && w->bytes[w->ip.at + 7] == 255)
		iv_add(out, "H.ip6.hl=254");
}

static void add_verdict(const struct world *w, const struct iv_row *row, const struct verdict *v,
			struct iv_words *out)
{
	if (v->op == VERDICT_VNIC)
		iv_add(out, "%s", w->s.vnics[v->vnic].name);
	if (v->op == VERDICT_FLOOD)
		add_flood(w, v, out);
	if (v->op == VERDICT_HOST || (v->also & ALSO_HOST && w->s.has_host))
		iv_add(out, "H");
	if (v->op == VERDICT_HOST && v->flags & VERDICT_OWN_MAC)
		add_own(w, out);
	if (v->op == VERDICT_WIRE || v->also & ALSO_WIRE)
		add_wire(w, out);
	if (v->op == VERDICT_ROUTE)
		add_routed(w, v, out);
	if (v->op == VERDICT_ANSWER)
		iv_add(out, "%s:answer", row->ingress);
}

static void decide(struct world *w, const struct iv_row *row, struct verdict *v)
{
	bool wire = strcmp(row->ingress, "W") == 0;
	struct burst b = {.n = 1, .p = {w->p}, .ip = {w->ip}, .h = {classify(w, wire)}};

	if (wire && w->s.mode == MODE_L3S)
		b.ip[0].bad = is_bad(w);
	if (wire)
		ipvlan_kind.from_wire(&w->port, &b);
	else if (strcmp(row->ingress, "H") == 0)
		ipvlan_kind.from_host(&w->port, &b);
	else
		ipvlan_kind.from_vnic(&w->vnics[row->ingress[0] - 'A'], &b);
	*v = b.v[0];
}

static void play(const struct iv_row *row)
{
	struct iv_words got = {.n = 0}, want = {.n = 0};
	char got_text[512], want_text[512];
	static struct world w;
	struct verdict v;

	w = (struct world){0};
	build(&w, row);
	decide(&w, row, &v);
	add_verdict(&w, row, &v, &got);
	lists_free(&w.lists);
	iv_expected(row, &want);
	assert_string_equal(iv_join(&got, got_text, sizeof(got_text)),
			    iv_join(&want, want_text, sizeof(want_text)));
}

static void one_row(void **state)
{
	play(*state);
}

/* IV-129 is of a bridge, where both ways lead to B; here only the one behind the tag does. */
static void private_does_not_look_behind_a_tag(void **state)
{
	struct iv_row row = *(const struct iv_row *)*state;

	snprintf(row.flags, sizeof(row.flags), "private");
	play(&row);
}

int main(void)
{
	static struct iv_row rows[IV_MAX_ROWS];
	static struct CMUnitTest tests[IV_MAX_ROWS];
	size_t n = iv_rows(rows, IV_MAX_ROWS), n_tests = 0;

	for (size_t i = 0; i < n; i++) {
		if (!iv_row_is_frame(&rows[i]) || iv_row_is_assist(&rows[i]))
			continue;
		tests[n_tests++] = (struct CMUnitTest){
			.name = rows[i].id,
			.test_func = one_row,
			.initial_state = &rows[i],
		};
	}
	tests[n_tests++] = (struct CMUnitTest){
		.name = "private_does_not_look_behind_a_tag",
		.test_func = private_does_not_look_behind_a_tag,
		.initial_state = (void *)(uintptr_t)iv_row_find(rows, n, "IV-129"),
	};
	return _cmocka_run_group_tests("ipvlan cases", tests, n_tests, NULL, NULL);
}
