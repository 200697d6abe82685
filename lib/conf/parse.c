/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers of single values. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf/parse.h"
#include "conf/spec.h"

static void *field(const struct parse *p)
{
	return (char *)p->object + p->key->field;
}

/* ---- words ---- */

static bool find_word(struct parse *p, const struct word *words, const char *what, const char *text,
		      int *value)
{
	char list[128];

	if (words_find(words, text, value))
		return true;
	load_bad(p->ld, p->entry, EINVAL, "'%.60s' is not %s (%s)", text, what,
		 words_list(words, list, sizeof(list)));
	return false;
}

bool parse_word(struct parse *p, const char *text)
{
	int value;

	if (!find_word(p, p->key->words, "allowed", text, &value))
		return false;
	memcpy(field(p), &value, sizeof(value)); /* an enum */
	return true;
}

bool parse_bool(struct parse *p, const char *text)
{
	int value;

	if (!find_word(p, p->key->words, "allowed", text, &value))
		return false;
	*(bool *)field(p) = value != 0;
	return true;
}

bool parse_type(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	int value;

	if (!find_word(p, words_vnic_type, "a vnic type", text, &value))
		return false;
	d->v.type = (enum vnic_type)value;
	d->has_type = true;
	return true;
}

static bool is_ipvlan(const struct vnic_draft *d)
{
	return d->v.type == VNIC_IPVLAN || d->v.type == VNIC_IPVTAP;
}

/* "macvlan's" words or "ipvlan's", and how to call them: "a macvlan mode". */
static const struct word *words_of(const struct parse *p, const struct word *macvlan,
				   const struct word *ipvlan, char what[40])
{
	const struct vnic_draft *d = p->object;

	snprintf(what, 40, "%s %s %s", is_ipvlan(d) ? "an" : "a", vnic_type_name(d->v.type),
		 p->key->name);
	return is_ipvlan(d) ? ipvlan : macvlan;
}

bool parse_mode(struct parse *p, const char *text)
{
	struct vnic_draft *d = p->object;
	const struct word *words;
	char what[40];
	int value;

	words = words_of(p, words_macvlan_mode, words_ipvlan_mode, what);
	if (!find_word(p, words, what, text, &value))
		return false;
	d->v.mode = (enum vnic_mode)value;
	return true;
}

/* ---- numbers ---- */

/* "a number from 1 to 64, or auto" */
static void report_number(struct parse *p, const char *text)
{
	const struct key *k = p->key;

	load_bad(p->ld, p->entry, EINVAL, "'%.60s' is not a number from %lld to %lld%s%s", text,
		 (long long)k->min, (long long)k->max, k->zero != NULL ? ", or " : "",
		 k->zero != NULL ? k->zero : "");
}

/* Decimal only: strtol() by itself takes blanks, a plus and what follows, too. */
static bool read_number(struct parse *p, const char *text, int64_t *n)
{
	const char *digits = text + (text[0] == '-');
	size_t len = strlen(digits);

	if (p->key->zero != NULL && strcmp(text, p->key->zero) == 0) {
		*n = 0;
		return true;
	}
	if (len >= 1 && len <= 11 && strspn(digits, "0123456789") == len &&
	    (digits[0] != '0' || len == 1)) {
		*n = strtoll(text, NULL, 10);
		if (*n >= p->key->min && *n <= p->key->max)
			return true;
	}
	report_number(p, text);
	return false;
}

bool parse_u16(struct parse *p, const char *text)
{
	int64_t n;

	if (!read_number(p, text, &n))
		return false;
	*(uint16_t *)field(p) = (uint16_t)n;
	return true;
}

bool parse_u32(struct parse *p, const char *text)
{
	int64_t n;

	if (!read_number(p, text, &n))
		return false;
	*(uint32_t *)field(p) = (uint32_t)n;
	return true;
}

bool parse_i32(struct parse *p, const char *text)
{
	int64_t n;

	if (!read_number(p, text, &n))
		return false;
	*(int32_t *)field(p) = (int32_t)n;
	return true;
}

/* ---- lcores ---- */

/* One lcore number at *@text, which moves behind it. */
static bool read_lcore(const char **text, unsigned int *n)
{
	size_t len = strspn(*text, "0123456789");

	if (len < 1 || len > 3)
		return false;
	*n = (unsigned int)strtoul(*text, NULL, 10);
	*text += len;
	return *n < CONF_MAX_WORKERS;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static bool read_lcores(const char *text, struct lcore_set *set)
{
	unsigned int first, last;

	for (;;) {
		text = skip_blanks(text);
		if (!read_lcore(&text, &first))
			return false;
		last = first;
		text = skip_blanks(text);
		if (*text == '-') {
			text = skip_blanks(text + 1);
			if (!read_lcore(&text, &last) || last < first)
				return false;
		}
		for (unsigned int i = first; i <= last; i++)
			set->bits[i / 64] |= 1ULL << i % 64;
		text = skip_blanks(text);
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
}

bool parse_lcores(struct parse *p, const char *text)
{
	struct lcore_set set = {0};

	if (strcmp(text, "all") == 0) {
		set.all = true;
	} else if (!read_lcores(text, &set)) {
		load_bad(p->ld, p->entry, EINVAL,
			 "'%.60s' is not a list of lcores (all, or numbers from 0 to %d as in "
			 "1,3-5)",
			 text, CONF_MAX_WORKERS - 1);
		return false;
	}
	*(struct lcore_set *)field(p) = set;
	return true;
}

/* ---- texts ---- */

static void set_text(struct parse *p, const char *text)
{
	*(const char **)field(p) = arena_strndup(p->ld->c->arena, text, strlen(text));
}

/* A section's name, which refs.c looks up; so nothing but emptiness is wrong here. */
bool parse_name(struct parse *p, const char *text)
{
	if (*text == '\0') {
		load_bad(p->ld, p->entry, EINVAL, "needs the name of a %s",
			 strcmp(p->key->name, "peer") == 0 ? "vnic" : "port");
		return false;
	}
	set_text(p, text);
	return true;
}

bool parse_socket(struct parse *p, const char *text)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	size_t n = strlen(text);

	if (text[0] != '/' || n < 2 || n > max || text[n - 1] == '/') {
		load_bad(p->ld, p->entry, EINVAL,
			 "'%.60s' is not the path of a socket (absolute, at most %zu bytes)", text,
			 max);
		return false;
	}
	set_text(p, text);
	return true;
}

/* "127.0.0.1:9477" or "[::1]:9477" */
static bool is_addr_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t n, len;
	char addr[IP_STR_LEN];
	struct ip_addr a;
	bool bracketed;

	if (colon == NULL)
		return false;
	n = (size_t)(colon - text);
	len = strlen(colon + 1);
	if (len < 1 || len > 5 || strspn(colon + 1, "0123456789") != len || colon[1] == '0' ||
	    atoi(colon + 1) > 65535)
		return false;
	bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
	if (bracketed) {
		text++;
		n -= 2;
	}
	if (n >= sizeof(addr))
		return false;
	memcpy(addr, text, n);
	addr[n] = '\0';
	/* IPv6 without brackets: where would the port begin? */
	return ip_addr_parse(addr, &a) && (a.family == 6) == bracketed;
}

bool parse_metrics(struct parse *p, const char *text)
{
	if (strcmp(text, "off") == 0)
		return true;
	if (!is_addr_port(text)) {
		load_bad(p->ld, p->entry, EINVAL,
			 "'%.60s' is not allowed (off, or ADDR:PORT as in 127.0.0.1:9477 or "
			 "[::1]:9477)",
			 text);
		return false;
	}
	set_text(p, text);
	return true;
}

/* ---- MAC addresses ---- */

bool parse_mac(struct parse *p, const char *text)
{
	uint64_t mac;

	if (p->key->zero != NULL && strcmp(text, p->key->zero) == 0)
		return true;
	if (!mac_parse(text, &mac)) {
		load_bad(p->ld, p->entry, EINVAL,
			 "'%.60s' is not a MAC address (as in 02:00:00:00:00:01)%s%s", text,
			 p->key->zero != NULL ? ", or " : "",
			 p->key->zero != NULL ? p->key->zero : "");
		return false;
	}
	if (!mac_is_valid(mac)) {
		load_bad(p->ld, p->entry, EADDRNOTAVAIL,
			 "%.60s is %s, which no device can have (EADDRNOTAVAIL)", text,
			 mac == 0 ? "the zero address" : "a group address");
		return false;
	}
	*(uint64_t *)field(p) = mac;
	return true;
}

/* ---- endpoints ---- */

static bool read_endpoint(struct parse *p, const char *text, bool bare_dev)
{
	struct err e = {0};

	if (spec_parse(p->ld->c->arena, text, bare_dev, field(p), &e) == 0)
		return true;
	load_bad(p->ld, p->entry, e.code, "%s", e.text);
	return false;
}

bool parse_endpoint(struct parse *p, const char *text)
{
	return read_endpoint(p, text, false);
}

bool parse_device(struct parse *p, const char *text)
{
	return read_endpoint(p, text, true);
}
