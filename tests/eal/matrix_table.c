/* SPDX-License-Identifier: BSD-3-Clause */
#include "matrix_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *means;
} words[N_WORDS] = {
	[WORD_PASSED] = {"passed", "the checksum was missing when it was sent and is when it "
				   "arrives, and the far end is told so: it negotiated that. The "
				   "pseudo header's sum is right"},
	[WORD_WHOLE] = {"whole", "a super-frame arrives in one piece, as super-frame: the far "
				 "end negotiated segmentation offload"},
	[WORD_COMPLETED] = {"completed", "sent without its checksum, it arrives with it: the far "
					 "end could not do it"},
	[WORD_CUT] = {"cut", "a super-frame arrives as segments, each with lengths, numbers, "
			     "flags and checksums of its own: the far end could not cut it"},
	[WORD_SAME] = {"same", "sent complete, and the same bytes arrive: such a sender leaves "
			       "nothing to others"},
	[WORD_FREED] = {"counted", "nobody is there: counted as received, and freed"},
	[WORD_TOO_LONG] = {"too_long", "dropped, and counted under this name at the port: "
				       "semantics.md §10"},
	[WORD_REFUSED] = {"refused", "the sender's own kernel doesn't send it (EMSGSIZE): longer "
				     "than its netdev's MTU"},
	[WORD_UNSENT] = {"tx_refused", "the device can't carry it: freed, and counted under this "
				       "name in `-d link show`"},
	[WORD_NEVER] = {"–", "can't be: such an end sends no super-frames (a device hands over "
			     "what was on the wire, we ask none to merge it), or a frame does "
			     "not leave by the port that it came from"},
};

static const struct {
	const char *name;
	const char *title;
	const char *means;
} traffics[N_TRAFFIC] = {
	[TRAFFIC_TCP] = {"tcp", "TCP", "A full frame, MTU 1500."},
	[TRAFFIC_UDP] = {"udp", "UDP", "One byte less than a full frame, MTU 1500."},
	[TRAFFIC_SUPER] = {"super", "TCP super-frame",
			   "40 segments of 1,448 bytes (IPv6: 1,428), the last one shorter; MTU "
			   "1500."},
	[TRAFFIC_JUMBO_TCP] = {"jumbo-tcp", "Jumbo TCP", "A full frame, MTU 9000."},
	[TRAFFIC_JUMBO_UDP] = {"jumbo-udp", "Jumbo UDP",
			       "One byte less than a full frame, MTU 9000."},
	[TRAFFIC_TO_ALL] = {"to-all", "UDP to all",
			    "One broadcast, MTU 1500. All vnics and the port share its mbuf; what "
			    "one of them needs done must not show at another."},
	[TRAFFIC_OVER] = {"over", "Longer than the MTU",
			  "TCP, 9,000 bytes of IP where the MTU is 1500. What the wire brings "
			  "isn't checked."},
};

static const char *const sides[N_SIDES] = {
	[END_VHOST] = "vhost",
	[END_VHOST_PLAIN] = "vhost −",
	[END_TAP] = "tap",
	[END_DEV] = "dev",
	[END_DEV_PLAIN] = "dev −",
	[END_NETDEV] = "netdev",
	[END_NONE] = "none",
	[SIDE_PORT_DEV] = "port dev",
	[SIDE_PORT_PLAIN] = "port dev −",
	[SIDE_PORT_NETDEV] = "port netdev",
};

static const char head[] =
	"<!-- SPDX-License-Identifier: BSD-3-Clause -->\n"
	"<!-- Written by tests/eal/matrix_test.c, which fails where this file differs. -->\n"
	"# Offloads on every pair of endpoints\n"
	"\n"
	"Rows send, columns receive. vnics are macvlan in bridge mode on one port; `port` is that "
	"port's device. Each cell was played\n"
	"through the forwarder with IPv4 and IPv6, each untagged, with one VLAN tag, and with IPv4 "
	"options or IPv6 extension headers (`options`); it\n"
	"holds for all six unless it says otherwise.\n"
	"What arrived was compared byte by byte with what a second implementation makes of what "
	"was sent: checksums, lengths,\n"
	"segments. Nothing was truncated, nobody else had a copy, and every mbuf is back.\n"
	"\n"
	"| end | is here |\n"
	"|---|---|\n"
	"| vhost | a vhost-user guest with checksum and segmentation offload both ways, mergeable "
	"buffers of 2 KiB |\n"
	"| vhost − | one that negotiated none of that; buffers of 10,000 bytes |\n"
	"| tap | a kernel netdev, watched through a packet socket in its namespace |\n"
	"| dev | `net_virtio_user`, checksums and TSO; behind it librte_vhost. Behind options "
	"drivers' "
	"`tx_prepare` makes wrong pseudo headers (of the bare IP header), so there we do the work "
	"|\n"
	"| dev − | `net_ring`, no offload |\n"
	"| netdev | `net_af_packet`, no offload; behind it the other end of a veth. Its owner must "
	"finish checksums and segments itself (`ethtool -K … tx off`): the driver doesn't tell "
	"when they aren't |\n"
	"| none | nobody |\n"
	"\n"
	"| word | means |\n"
	"|---|---|\n";

static const char *const variants[N_VARIANTS] = {
	"IPv4", "IPv6", "IPv4 tagged", "IPv6 tagged", "IPv4 options", "IPv6 extension headers",
};

const char *word_name(enum word w)
{
	return words[w].name != NULL ? words[w].name : "?";
}

const char *traffic_name(enum traffic t)
{
	return traffics[t].name;
}

const char *side_name(unsigned int side)
{
	return sides[side];
}

const char *variant_name(unsigned int variant)
{
	return variants[variant];
}

/** Where the variants @p v and @p v + 1 agree with each other, but not with the first. */
static bool is_exception(const enum word *cell, unsigned int v)
{
	return cell[v] == cell[v + 1] && cell[v] != cell[0];
}

static bool write_cell(FILE *f, const enum word *cell)
{
	for (unsigned int v = 0; v < N_VARIANTS; v++) {
		if (cell[v] == WORD_UNKNOWN)
			return false;
		if (v == 0) {
			fprintf(f, " %s", word_name(cell[v]));
		} else if (VARIANT_EXT(v) && !VARIANT_V6(v) && is_exception(cell, v)) {
			fprintf(f, " (options: %s)", word_name(cell[v]));
			v++;
		} else if (cell[v] != cell[0]) {
			fprintf(f, "; %s: %s", variant_name(v), word_name(cell[v]));
		}
	}
	fputs(" |", f);
	return true;
}

static bool write_traffic(FILE *f, const struct table *t, enum traffic k)
{
	fprintf(f, "\n## %s\n\n%s\n\n| from \\ to |", traffics[k].title, traffics[k].means);
	for (unsigned int to = 0; to < N_SIDES; to++)
		fprintf(f, " %s |", sides[to]);
	fputs("\n|---|", f);
	for (unsigned int to = 0; to < N_SIDES; to++)
		fputs("---|", f);
	fputc('\n', f);
	for (unsigned int from = 0; from < N_SIDES; from++) {
		if (from == END_NONE)
			continue;
		fprintf(f, "| **%s** |", sides[from]);
		for (unsigned int to = 0; to < N_SIDES; to++) {
			if (write_cell(f, t->cells[k][from][to]))
				continue;
			fprintf(stderr, "%s from %s to %s was never played\n", traffics[k].name,
				sides[from], sides[to]);
			return false;
		}
		fputc('\n', f);
	}
	return true;
}

char *table_write(const struct table *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok = f != NULL;

	if (!ok)
		return NULL;
	fputs(head, f);
	for (enum word w = WORD_PASSED; w < N_WORDS; w++)
		fprintf(f, "| %s | %s |\n", words[w].name, words[w].means);
	for (enum traffic k = 0; ok && k < N_TRAFFIC; k++)
		ok = write_traffic(f, t, k);
	fclose(f);
	if (ok)
		return text;
	free(text);
	return NULL;
}
