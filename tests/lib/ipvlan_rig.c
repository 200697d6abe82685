/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "ctl/mail.h"
#include "ipvlan_rig.h"
#include "net/answer.h"

#define ROUNDS 12 /* more would be a loop */

/* ---- vnic.ini ---- */

static void append(char *ini, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *ini, size_t size, const char *fmt, ...)
{
	size_t at = strlen(ini);
	va_list ap;

	va_start(ap, fmt);
	assert_true((size_t)vsnprintf(ini + at, size - at, fmt, ap) < size - at);
	va_end(ap);
}

static void append_list(char *ini, size_t size, const char *key, const char *const *list)
{
	for (size_t i = 0; list[i] != NULL; i++)
		append(ini, size, "%s%s%s", i == 0 ? key : "", i == 0 ? " = " : ", ", list[i]);
	append(ini, size, "\n");
}

static void append_vnic(const struct iv_setup *s, const struct iv_vnic *v, char *ini, size_t size)
{
	const char *groups[9] = {NULL};

	append(ini, size,
	       "[vnic %c]\ntype = ipvlan\nport = p\nmode = %s\nflags = %s\n"
	       "endpoint = dev:net_ring_%s\nstate = %s\nmtu = %u\narp = %s\nmac-policy = %s\n",
	       v->name[0] | 0x20, vnic_mode_name(s->mode), ipvlan_flag_name(s->flags), v->name,
	       v->up ? "up" : "down", v->mtu, s->arp ? "on" : "off", s->strict ? "strict" : "pass");
	append_list(ini, size, "address", v->addresses);
	for (size_t i = 0; v->groups[i] != NULL; i++)
		groups[i] = iv_symbol(v->groups[i]);
	if (v->all_groups)
		append(ini, size, "multicast = all\n");
	else
		append_list(ini, size, "multicast", groups);
}

void iv_ini(const struct iv_setup *s, char *ini, size_t size)
{
	ini[0] = '\0';
	append(ini, size, "[port p]\ndevice = dev:net_ring_W\nmac = %s\nproxy-arp = %s\n",
	       iv_symbol("M"), s->proxy ? "on" : "off");
	if (s->has_host)
		append(ini, size, "host = dev:net_ring_H\n");
	append_list(ini, size, "address", s->own);
	append_list(ini, size, "routes", s->routes);
	for (size_t i = 0; i < IV_VNICS; i++)
		if (s->vnics[i].name != NULL)
			append_vnic(s, &s->vnics[i], ini, size);
}

/* ---- life ---- */

void iv_start(struct iv_rig *r, const struct iv_row *row)
{
	*r = (struct iv_rig){0};
	iv_setup_read(&r->s, row);
	iv_ini(&r->s, r->ini, sizeof(r->ini));
	rig_start(&r->rig, r->ini);
	r->runs = true;
}

void iv_stop(struct iv_rig *r)
{
	if (r->runs) {
		r->runs = false;
		rig_stop(&r->rig);
	}
}

int iv_reload(struct iv_rig *r)
{
	struct err err = {0};

	iv_ini(&r->s, r->ini, sizeof(r->ini));
	return rig_reload(&r->rig, r->ini, &err);
}

void iv_send(struct iv_rig *r, const char *end, const uint8_t *bytes, size_t len)
{
	const char name[2] = {end[0], '\0'};

	rig_send(&r->rig, name, bytes, len, 0);
}

/* ---- R and X ---- */

static const char *mac_of_station(const struct ip_addr *a)
{
	for (size_t i = 0; i < IV_N_STATIONS; i++) {
		const struct iv_station *s = &iv_stations[i];

		for (size_t k = 0; k < 3 && s->addresses[k] != NULL; k++) {
			struct ip_addr own = iv_addr(s->addresses[k]);

			if (ip_addr_cmp(&own, a) == 0)
				return s->mac;
		}
	}
	return NULL;
}

static const char *name_of(const struct ip_addr *a)
{
	static const char *const names[] = {"A4", "B4", "N4", "F4", "R4", "X4", "A6",
					    "B6", "N6", "F6", "R6", "X6", "RL6"};
	static char text[IP_STR_LEN];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ip_addr named = iv_addr(names[i]);

		if (ip_addr_cmp(&named, a) == 0)
			return names[i];
	}
	return ip_addr_format(a, text);
}

static void answer(struct iv_rig *r, const struct iv_copy *c, uint64_t mac)
{
	uint8_t out[ANSWER_MAX];
	uint32_t len = answer_arp(c->bytes, c->len, mac, out);

	if (len == 0)
		len = answer_ns(c->bytes, c->len, mac, false, out);
	assert_true(len > 0);
	iv_send(r, "W", out, len);
	r->n_answers++;
}

/* A question of the forwarder's own: l3 vnics' never get as far as the wire. */
static bool take_question(struct iv_rig *r, const struct iv_copy *c)
{
	const char *mac;
	struct nd m;

	if (c->end != 'W' || r->s.mode == MODE_L2 || !nd_parse(&m, c->bytes, c->len) ||
	    (m.op != ND_ARP_REQUEST && m.op != ND_NS))
		return false;
	iv_add(&r->asked, "%s", name_of(&m.target));
	r->question = *c;
	mac = mac_of_station(&m.target);
	if (mac != NULL && !r->s.silent)
		answer(r, c, iv_mac(mac));
	return true;
}

/* The host gets what the stations say to its address, as it would have in the kernel (IV-308). */
static bool take_answer(struct iv_rig *r, const struct iv_copy *c)
{
	struct nd m;

	if (c->end != 'H' || r->n_answers == 0 || !nd_parse(&m, c->bytes, c->len) ||
	    m.eth_src == iv_mac("M") || (m.op != ND_ARP_REPLY && m.op != ND_NA))
		return false;
	r->n_answers--;
	return true;
}

/* ---- time goes on ---- */

static size_t take_all(struct iv_rig *r)
{
	static const char ends[] = "WHABC";
	size_t n = 0;

	for (size_t i = 0; i < r->rig.n_ends; i++) {
		const char *name = r->rig.ends[i].name;
		struct rte_mbuf *m;

		assert_non_null(strchr(ends, name[0]));
		while ((m = rig_take(&r->rig, name)) != NULL) {
			struct iv_copy *c = &r->copies[r->n];
			const void *bytes;

			assert_true(r->n < IV_MAX_COPIES && m->pkt_len <= sizeof(c->bytes));
			c->end = name[0];
			c->len = m->pkt_len;
			bytes = rte_pktmbuf_read(m, 0, m->pkt_len, c->bytes);
			if (bytes != c->bytes)
				memcpy(c->bytes, bytes, m->pkt_len);
			rte_pktmbuf_free(m);
			r->n += !take_question(r, c) && !take_answer(r, c);
			n++;
		}
	}
	return n;
}

void iv_run(struct iv_rig *r)
{
	int quiet = 0;

	for (int i = 0; i < ROUNDS && quiet < 2; i++) {
		rig_turn(&r->rig, 1);
		mail_run(&r->rig.rt);
		runtime_settle(&r->rig.rt);
		quiet = take_all(r) == 0 ? quiet + 1 : 0;
	}
	assert_int_equal(quiet, 2);
	if (r->s.has_host)
		assert_int_equal(r->n_answers, 0);
}

/* ---- results ---- */

const char *iv_receivers(const struct iv_rig *r, const uint8_t *bytes, size_t len, char *buf,
			 size_t size)
{
	struct iv_words w = {.n = 0};

	for (size_t i = 0; i < r->n; i++)
		if (r->copies[i].len == len && memcmp(r->copies[i].bytes, bytes, len) == 0)
			iv_add(&w, "%c", r->copies[i].end);
	return iv_join(&w, buf, size);
}

static size_t put_ip(uint8_t *b, const struct ip_addr *from, const struct ip_addr *to)
{
	size_t n = from->family == 6 ? 16 : 4;
	size_t len = from->family == 6 ? 40 : 20;
	uint32_t sum = 0;

	memset(b, 0, len);
	b[0] = from->family == 6 ? 0x60 : 0x45;
	b[from->family == 6 ? 5 : 3] = (uint8_t)(from->family == 6 ? 8 : 28);
	b[from->family == 6 ? 6 : 9] = 17;
	b[from->family == 6 ? 7 : 8] = 64;
	memcpy(b + len - 2 * n, from->b, n);
	memcpy(b + len - n, to->b, n);
	if (from->family == 6)
		return len;
	for (size_t i = 0; i < len; i += 2)
		sum += pkt_load16(b + i);
	sum = ~((sum & 0xffff) + (sum >> 16));
	b[10] = (uint8_t)(sum >> 8);
	b[11] = (uint8_t)sum;
	return len;
}

size_t iv_udp(uint8_t *bytes, const char *dst, const char *src, const char *from, const char *to)
{
	const uint8_t udp[8] = {7000 >> 8, 7000 & 0xff, 7777 >> 8, 7777 & 0xff, 0, 8};
	struct ip_addr a = iv_addr(from), b = iv_addr(to);
	size_t at = PKT_ETH_LEN;

	mac_store(bytes, iv_mac(dst));
	mac_store(bytes + 6, iv_mac(src));
	bytes[12] = a.family == 6 ? 0x86 : 0x08;
	bytes[13] = a.family == 6 ? 0xdd : 0x00;
	at += put_ip(bytes + at, &a, &b);
	memcpy(bytes + at, udp, sizeof(udp));
	return at + sizeof(udp);
}
