/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fwd/kind.h"
#include "ipvlan.h"

#define PORT	0x010000004d02ULL /* 02:4d:00:00:00:01 */
#define SELF	1
#define SIBLING 2
#define MTU	1500

static void expect(bool true_that)
{
	if (!true_that)
		__builtin_trap();
}

/** One frame, and the world that decides it. */
struct world {
	struct fwd_port port;
	struct fwd_vnic vnics[3];
	struct burst b;
	bool from_wire;
};

/* Behind what was promised to suffice lies nothing that may be read. */
static bool parse(struct burst *b, const uint8_t *frame, uint32_t len)
{
	uint32_t n = len < PKT_IP_PARSE_LEN ? len : PKT_IP_PARSE_LEN;
	uint8_t *copy;

	b->n = 1;
	if (!pkt_parse(&b->p[0], frame, n, len) || (copy = malloc(n)) == NULL)
		return false;
	memcpy(copy, frame, n);
	pkt_ip_parse(&b->ip[0], &b->p[0], copy, n);
	free(copy);
	if (!b->ip[0].v6 && b->ip[0].what != PKT_IP_NONE)
		expect(b->ip[0].dst.w[1] == 0 && b->ip[0].dst.w[0] >> 32 == 0);
	return true;
}

/* What leaves by routing is an IP packet that may, and knows where to. */
static void check_routed(const struct world *w, const struct verdict *v)
{
	const struct pkt *p = &w->b.p[0];
	const struct pkt_ip *ip = &w->b.ip[0];

	expect(!w->from_wire && w->port.mode != MODE_L2 && !p->tagged && !pkt_is_group(p));
	expect(ip->what == PKT_IP_V4 || ip->what == PKT_IP_V6);
	expect(!ip_key_is_unroutable(&ip->dst, ip->v6));
	if (v->flags & VERDICT_FRAGMENT)
		expect(ip->fragmentable && !ip->v6);
	else
		expect(p->gso || p->len <= MTU + PKT_ETH_LEN);
	expect((v->op == VERDICT_WAIT) == (w->b.h[0].next == NEXT_WAIT));
	expect(v->op == VERDICT_WAIT || v->next == w->b.h[0].next - NEXT_FIRST);
}

/* Only questions are answered, or two forwarders would talk for ever. */
static void check_answer(const struct world *w)
{
	const struct pkt_ip *ip = &w->b.ip[0];

	expect(w->port.mode != MODE_L2);
	expect(ip->nd == PKT_ND_ARP_REQUEST || ip->nd == PKT_ND_SOLICIT);
	expect(w->from_wire ? w->b.p[0].src != PORT : !w->vnics[SELF].arp_off);
}

static void check(const struct world *w)
{
	const struct verdict *v = &w->b.v[0];
	bool l2 = w->port.mode == MODE_L2;

	expect((v->op == VERDICT_DROP) == (v->reason != DROP_NONE));
	if (v->also & ALSO_MAIN)
		expect(w->from_wire && !l2 && w->b.ip[0].nd != PKT_ND_NONE);
	switch ((enum verdict_op)v->op) {
	case VERDICT_VNIC:
		expect(v->vnic == w->b.h[0].dst && v->vnic != VNIC_NONE);
		/* In l2 a tag has a frame taken as the wire's (IV-129). */
		if (!w->from_wire && !l2)
			expect(w->port.flags == VNIC_F_BRIDGE && !w->b.p[0].tagged);
		break;
	case VERDICT_HOST:
		expect(w->port.has_host);
		break;
	case VERDICT_WIRE:
		expect(!w->from_wire && l2);
		break;
	case VERDICT_FLOOD:
		expect(l2 && pkt_is_group(&w->b.p[0]));
		break;
	case VERDICT_ROUTE:
	case VERDICT_WAIT:
		check_routed(w, v);
		break;
	case VERDICT_ANSWER:
		check_answer(w);
		break;
	case VERDICT_DROP:
	case VERDICT_CONSUMED:
		break;
	}
}

/* All that tables could say of it. */
static void decide(struct world *w)
{
	static const uint16_t owners[] = {VNIC_NONE, SELF, SIBLING};

	for (int i = 0; i < 3 * 3 * 6; i++) {
		w->b.h[0] = (struct hit){
			.dst = owners[i % 3],
			.owner = owners[i / 3 % 3],
			.next = (uint16_t)(i / 9),
		};
		w->b.v[0] = (struct verdict){.op = UINT8_MAX};
		if (w->from_wire)
			ipvlan_kind.from_wire(&w->port, &w->b);
		else
			ipvlan_kind.from_vnic(&w->vnics[SELF], &w->b);
		check(w);
	}
}

void fuzz_ipvlan(const uint8_t *frame, uint32_t len)
{
	static const uint8_t modes[] = {MODE_L2, MODE_L3, MODE_L3S};
	static const uint8_t flags[] = {VNIC_F_BRIDGE, VNIC_F_PRIVATE, VNIC_F_VEPA};
	static struct world w;
	uint32_t drawn = 0;

	if (!parse(&w.b, frame, len))
		return;
	w.port = (struct fwd_port){
		.used = true, .vnics = w.vnics, .mac = PORT, .mtu = MTU, .carrier = true};
	for (uint16_t i = SELF; i <= SIBLING; i++)
		w.vnics[i] = (struct fwd_vnic){.kind = &ipvlan_kind,
					       .port = &w.port,
					       .mac = PORT,
					       .mtu = MTU,
					       .id = i,
					       .up = true,
					       .carrier = true};
	/* Flags and the rest are drawn from the frame: all of them at once would be slow. */
	for (uint32_t i = 0; i < len && i < 64; i++)
		drawn = drawn * 31 + frame[i];
	for (int i = 0; i < 3 * 2; i++) {
		w.port.mode = modes[i % 3];
		w.port.flags = flags[(drawn >> 8) % 3];
		w.port.has_host = drawn & 1;
		w.port.proxy_arp = drawn & 2;
		w.vnics[SELF].arp_off = drawn & 4;
		w.from_wire = i >= 3;
		decide(&w);
	}
}
