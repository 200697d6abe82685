/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <inttypes.h>
#include <time.h>

#include "capture_text.h"
#include "show.h"

/** What is left of the frame. */
struct bytes {
	const uint8_t *b;
	uint32_t n;
};

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd };
enum { TYPE_QINQ = 0x88a8 };
enum { PROTO_ICMP = 1, PROTO_IGMP = 2, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };

#define ETH_LEN	 14
#define TAG_LEN	 4
#define ARP_LEN	 28
#define IPV4_LEN 20
#define IPV6_LEN 40
#define SECOND	 1000000000

static uint16_t get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static struct bytes skip(struct bytes s, uint32_t n)
{
	return n < s.n ? (struct bytes){s.b + n, s.n - n} : (struct bytes){s.b, 0};
}

static void print_mac(const uint8_t *m, FILE *out)
{
	fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void print_ip(int family, const uint8_t *a, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(family, a, text, sizeof(text)) != NULL ? text : "?", out);
}

static void print_arp(struct bytes s, FILE *out)
{
	if (s.n < ARP_LEN || get16(s.b + 2) != TYPE_IPV4) {
		fputs("ARP", out);
		return;
	}
	if (get16(s.b + 6) == 1) {
		fputs("ARP who-has ", out);
		print_ip(AF_INET, s.b + 24, out);
		fputs(" tell ", out);
		print_ip(AF_INET, s.b + 14, out);
	} else {
		fputs("ARP ", out);
		print_ip(AF_INET, s.b + 14, out);
		fputs(" is-at ", out);
		print_mac(s.b + 8, out);
	}
}

static void print_protocol(uint8_t proto, FILE *out)
{
	switch (proto) {
	case PROTO_ICMP:
		fputs("ICMP", out);
		break;
	case PROTO_IGMP:
		fputs("IGMP", out);
		break;
	case PROTO_TCP:
		fputs("TCP", out);
		break;
	case PROTO_UDP:
		fputs("UDP", out);
		break;
	case PROTO_ICMPV6:
		fputs("ICMP6", out);
		break;
	default:
		fprintf(out, "proto %u", proto);
	}
}

/* @p s: the transport header; empty: a later fragment, or cut off. */
static void print_packet(int family, const uint8_t *src, const uint8_t *dst, uint8_t proto,
			 struct bytes s, FILE *out)
{
	bool ports = (proto == PROTO_TCP || proto == PROTO_UDP) && s.n >= 4;

	print_ip(family, src, out);
	if (ports)
		fprintf(out, ".%u", get16(s.b));
	fputs(" > ", out);
	print_ip(family, dst, out);
	if (ports)
		fprintf(out, ".%u", get16(s.b + 2));
	putc(' ', out);
	print_protocol(proto, out);
}

static void print_ipv4(struct bytes s, FILE *out)
{
	uint32_t head;
	bool is_later_fragment;

	if (s.n < IPV4_LEN) {
		fputs("IP, cut off", out);
		return;
	}
	head = (uint32_t)(s.b[0] & 15) * 4;
	is_later_fragment = (get16(s.b + 6) & 0x1fff) != 0;
	print_packet(AF_INET, s.b + 12, s.b + 16, s.b[9],
		     head < IPV4_LEN || is_later_fragment ? (struct bytes){s.b, 0} : skip(s, head),
		     out);
	if (is_later_fragment)
		fputs(" fragment", out);
}

static void print_ipv6(struct bytes s, FILE *out)
{
	if (s.n < IPV6_LEN)
		fputs("IP6, cut off", out);
	else
		print_packet(AF_INET6, s.b + 8, s.b + 24, s.b[6], skip(s, IPV6_LEN), out);
}

static void print_payload(uint16_t type, struct bytes s, FILE *out)
{
	while ((type == TYPE_VLAN || type == TYPE_QINQ) && s.n >= TAG_LEN) {
		fprintf(out, "vlan %u ", get16(s.b) & 0xfffu);
		type = get16(s.b + 2);
		s = skip(s, TAG_LEN);
	}
	switch (type) {
	case TYPE_ARP:
		print_arp(s, out);
		break;
	case TYPE_IPV4:
		print_ipv4(s, out);
		break;
	case TYPE_IPV6:
		print_ipv6(s, out);
		break;
	default:
		fprintf(out, "type 0x%04x", type);
	}
}

static void print_time(uint64_t ns, FILE *out)
{
	time_t seconds = (time_t)(ns / SECOND);
	char text[16] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%06u ", text, (unsigned int)(ns % SECOND / 1000));
}

void capture_text_print(const struct frame *f, FILE *out)
{
	struct bytes s = {f->bytes, f->caplen};

	if (f->lost > 0)
		fprintf(out, "(%" PRIu64 " copies lost)\n", f->lost);
	print_time(f->ns, out);
	fputs(f->outbound ? "out " : "in  ", out);
	if (s.n >= ETH_LEN) {
		print_mac(s.b + 6, out);
		fputs(" > ", out);
		print_mac(s.b, out);
		putc(' ', out);
		print_payload(get16(s.b + 12), skip(s, ETH_LEN), out);
		fputs(", ", out);
	}
	fprintf(out, "%" PRIu32 " bytes", f->len);
	if (f->comment[0] != '\0') {
		fputs(", ", out);
		show_text(f->comment, out);
	}
	putc('\n', out);
}
