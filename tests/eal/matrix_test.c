/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The offload matrix: every pair of ends, played through the whole forwarder, and what
 * arrives compared with what a second implementation of checksums and segmentation
 * (offload_frames.h) makes of what was sent. Writes docs/offload-matrix.md, and fails where
 * the one in the repository differs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "matrix_table.h"

#define MAX_ENDS   16
#define SUPER_SEGS 40
#define EXT_ROOM   80 /* for options or extension headers */
/* For a machine that does other things, too; the forwarder's own part is microseconds. */
#define PATIENCE_MS 5000

static struct table table;
static struct frame sent; /* as it was sent */
static struct frame complete; /* the same with its checksum */
static struct frame want;
static struct arrival got;

/** A forwarder with all ends. */
struct lab {
	struct rig rig;
	struct end port;
	struct end senders[N_END_KINDS], receivers[N_END_KINDS];
	unsigned int port_side;
	uint32_t mtu;
	bool running;
};

static struct lab lab;

/** One frame on its way. */
struct play {
	enum traffic traffic;
	unsigned int variant;
	struct end *from, *to;
	unsigned int from_side, to_side;
	uint16_t mss;
	bool unfinished;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void fail_play(const struct play *p, const char *why)
{
	fail_msg("%s, %s, from %s to %s: %s", traffic_name(p->traffic), variant_name(p->variant),
		 side_name(p->from_side), side_name(p->to_side), why);
}

/* ---- the lab ------------------------------------------------------------------------- */

static void for_all(void (*f)(struct end *e))
{
	f(&lab.port);
	for (int k = 0; k < N_END_KINDS; k++) {
		if (k != END_NONE)
			f(&lab.senders[k]);
		f(&lab.receivers[k]);
	}
}

static void prepare_end(struct end *e)
{
	end_prepare(e, lab.mtu);
}

static void connect_end(struct end *e)
{
	end_connect(&lab.rig, e);
}

static void name_vnics(void)
{
	for (int k = 0; k < N_END_KINDS; k++) {
		struct end *s = &lab.senders[k], *r = &lab.receivers[k];

		*s = (struct end){.kind = k, .mac = {2, 0, 0, 0, 0xa, (uint8_t)k}};
		*r = (struct end){.kind = k, .mac = {2, 0, 0, 0, 0xb, (uint8_t)k}};
		snprintf(s->name, sizeof(s->name), "mxs%d", k);
		snprintf(r->name, sizeof(r->name), "mxr%d", k);
	}
}

static FILE *ini;

static void write_vnic(struct end *e)
{
	char spec[200];

	if (e == &lab.port)
		return;
	end_spec(e, spec, sizeof(spec));
	fprintf(ini, "[vnic %s]\ntype = macvlan\nport = up\nmode = bridge\nendpoint = %s\n",
		e->name, spec);
	fprintf(ini, "mac = 02:00:00:00:%02x:%02x\n", e->mac[4], e->mac[5]);
}

static char *write_ini(void)
{
	char *text, spec[200];
	size_t len;

	ini = open_memstream(&text, &len);
	assert_non_null(ini);
	end_spec(&lab.port, spec, sizeof(spec));
	fprintf(ini, "[global]\nmbuf-size = %d\n", ENDS_MBUF_SIZE(lab.mtu));
	fprintf(ini, "[port up]\ndevice = %s\nmac = " LAB_PORT_MAC "\nmtu = %u\n", spec, lab.mtu);
	for_all(write_vnic);
	fclose(ini);
	return text;
}

static bool all_have_carrier(void)
{
	for (size_t i = 0; i < lab.rig.rt.conf->n_vnics; i++)
		if (!lab.rig.rt.vnics[i]->carrier || !lab.rig.rt.vnics[i]->active)
			return false;
	return true;
}

static void start_lab(unsigned int port_side, uint32_t mtu)
{
	static const enum end_kind kinds[] = {
		[SIDE_PORT_DEV] = END_DEV,
		[SIDE_PORT_PLAIN] = END_DEV_PLAIN,
		[SIDE_PORT_NETDEV] = END_NETDEV,
	};
	double end;
	char *text;

	name_vnics();
	lab.port_side = port_side;
	lab.mtu = mtu;
	lab.port = (struct end){
		.kind = kinds[port_side], .name = "wire", .mac = {2, 0x58, 0, 0, 0, 1}};
	for_all(prepare_end);
	text = write_ini();
	rig_start(&lab.rig, text);
	free(text);
	lab.running = true;
	for_all(connect_end);
	end = now_ms() + PATIENCE_MS;
	while (!all_have_carrier()) {
		assert_true(now_ms() < end);
		endpoint_watch_run(runtime_endpoint_changed, &lab.rig.rt);
		runtime_tick(&lab.rig.rt);
		runtime_settle(&lab.rig.rt);
		usleep(1000);
	}
}

static void stop_lab(void)
{
	lab.running = false;
	for_all(end_disconnect);
	rig_stop(&lab.rig);
	for_all(end_release);
}

/* ---- one frame ------------------------------------------------------------------------ */

static uint32_t ip_payload(const struct play *p)
{
	uint32_t headers = (VARIANT_V6(p->variant) ? 40 : 20);

	switch (p->traffic) {
	case TRAFFIC_TCP:
		return 1500 - headers - 32;
	case TRAFFIC_SUPER:
		return (uint32_t)p->mss * SUPER_SEGS - 333;
	case TRAFFIC_JUMBO_TCP:
	case TRAFFIC_OVER:
		return 9000 - headers - 32;
	case TRAFFIC_JUMBO_UDP:
		return 8999 - headers - 8;
	default:
		return 1499 - headers - 8;
	}
}

static void make_frame(struct play *p)
{
	bool udp = p->traffic == TRAFFIC_UDP || p->traffic == TRAFFIC_JUMBO_UDP ||
		   p->traffic == TRAFFIC_TO_ALL;
	struct spec s = {.v6 = VARIANT_V6(p->variant),
			 .udp = udp,
			 .n_tags = VARIANT_TAG(p->variant),
			 .tcp_opts = 3,
			 .tcp_flags = 0x18};

	p->unfinished = end_leaves_work(p->from->kind);
	if (p->traffic == TRAFFIC_SUPER)
		p->mss = VARIANT_EXT(p->variant) ? 1300 : s.v6 ? 1428 : 1448;
	s.payload = ip_payload(p);
	if (VARIANT_EXT(p->variant)) {
		s.ip_opts = 2;
		s.payload -= EXT_ROOM;
	}
	build(&sent, &s);
	memcpy(sent.bytes, p->to->mac, 6);
	if (p->traffic == TRAFFIC_TO_ALL)
		memset(sent.bytes, 0xff, 6);
	memcpy(sent.bytes + 6, p->from->mac, 6);
	memcpy(&complete, &sent, sizeof(sent));
	oracle_l4_csum(&complete);
	if (!p->unfinished)
		memcpy(&sent, &complete, sizeof(sent));
}

/* Kernels talk; what the sender of this frame sent, is ours. */
static bool receive_ours(struct end *e)
{
	while (end_receive(&lab.rig, e, &got))
		if (got.len >= 14 && memcmp(got.bytes + 6, sent.bytes + 6, 6) == 0)
			return true;
	return false;
}

static bool is_frame(const struct frame *f)
{
	return got.len == f->len && memcmp(got.bytes, f->bytes, f->len) == 0;
}

/* librte_vhost leaves no word of the field's place (0), but looked at it. */
static bool work_is_right(const struct play *p)
{
	return got.mss == p->mss && (p->mss == 0 || got.v6 == sent.v6) &&
	       (got.csum_at == 0 || got.csum_at == frame_csum_at(&sent));
}

/* What the arrival number @p n is; WORD_UNKNOWN: one segment of more. */
static enum word judge(const struct play *p, uint32_t n)
{
	if (got.unfinished) {
		if (!p->unfinished || n > 0 || !is_frame(&sent))
			fail_play(p, "something unfinished that nobody sent");
		if (!work_is_right(p))
			fail_play(p, "it came unfinished, and what is said of it is wrong");
		return p->mss != 0 ? WORD_WHOLE : WORD_PASSED;
	}
	if (got.mss != 0)
		fail_play(p, "a super-frame whose checksum is said to be there");
	if (p->mss == 0) {
		if (!is_frame(&complete))
			fail_play(p, "other bytes arrived");
		return p->unfinished ? WORD_COMPLETED : WORD_SAME;
	}
	oracle_segment(&want, &sent, p->mss, n);
	if (!is_frame(&want))
		fail_play(p, "a wrong segment");
	return n + 1 == oracle_n_segs(&sent, p->mss) ? WORD_CUT : WORD_UNKNOWN;
}

static uint64_t n_too_long(void)
{
	return rig_drops(&lab.rig, "up", DROP_TOO_LONG);
}

static uint64_t n_received(const struct end *e)
{
	struct iface_stats sum;

	if (e == &lab.port)
		return 0;
	runtime_vnic_stats(&lab.rig.rt, runtime_vnic(&lab.rig.rt, e->name), &sum);
	return sum.rx_packets;
}

/* As `-d link show` has it. */
static unsigned long n_unsent(const struct end *e)
{
	const struct endpoint *ep = e == &lab.port
					    ? runtime_port(&lab.rig.rt, "up")->wire.endpoint
					    : runtime_vnic(&lab.rig.rt, e->name)->at.endpoint;
	char text[400];
	const char *at;

	endpoint_describe(ep, text, sizeof(text));
	at = strstr(text, "tx_refused=");
	return at != NULL ? strtoul(at + strlen("tx_refused="), NULL, 10) : 0;
}

static void nothing_more(const struct play *p)
{
	rig_turn(&lab.rig, 3);
	if (receive_ours(p->to))
		fail_play(p, "more than was sent arrived");
	for (int k = 0; k < N_END_KINDS; k++) {
		struct end *others[] = {&lab.senders[k], &lab.receivers[k], &lab.port};

		for (size_t i = 0; i < RTE_DIM(others); i++)
			while (others[i] != p->to && receive_ours(others[i]))
				if (p->traffic != TRAFFIC_TO_ALL)
					fail_play(p, "somebody else got it, too");
	}
}

static enum word play(const struct play *p)
{
	uint64_t too_long = n_too_long(), received = n_received(p->to);
	unsigned long unsent = n_unsent(p->to);
	double end = now_ms() + PATIENCE_MS;
	enum word w = WORD_UNKNOWN;
	uint32_t n = 0;

	if (!end_send(&lab.rig, p->from, &sent, p->unfinished, p->mss))
		w = WORD_REFUSED;
	while (w == WORD_UNKNOWN) {
		rig_turn(&lab.rig, 1);
		while (w == WORD_UNKNOWN && receive_ours(p->to))
			w = judge(p, n++);
		if (p->to->kind == END_NONE && n_received(p->to) == received + 1)
			w = WORD_FREED;
		if (n_too_long() != too_long)
			w = WORD_TOO_LONG;
		if (n_unsent(p->to) != unsent)
			w = WORD_UNSENT;
		if (w == WORD_UNKNOWN && now_ms() > end)
			fail_play(p, n > 0 ? "segments are missing" : "nothing arrived");
	}
	nothing_more(p);
	return w;
}

/* ---- all of them ----------------------------------------------------------------------- */

static bool is_netdev(enum end_kind kind)
{
	return kind == END_TAP || kind == END_NETDEV;
}

/** Is unfinished work of this frame the receiver's? */
static bool takes_work(const struct play *p)
{
	switch (p->to->kind) {
	case END_VHOST:
	case END_TAP:
		return true;
	case END_DEV:
		return !VARIANT_EXT(p->variant);
	default:
		return false;
	}
}

/* The rule behind the table, from what the ends are: work is done where the receiver can't, and only there. */
static enum word rule(const struct play *p)
{
	if (p->traffic == TRAFFIC_OVER && is_netdev(p->from->kind))
		return WORD_REFUSED;
	if (p->traffic == TRAFFIC_OVER && p->from != &lab.port)
		return WORD_TOO_LONG;
	if (p->traffic == TRAFFIC_OVER && p->to->kind == END_NETDEV)
		return WORD_UNSENT;
	if (p->to->kind == END_NONE)
		return WORD_FREED;
	if (!p->unfinished)
		return WORD_SAME;
	if (p->mss != 0)
		return takes_work(p) ? WORD_WHOLE : WORD_CUT;
	return takes_work(p) ? WORD_PASSED : WORD_COMPLETED;
}

static void play_cell(struct play p)
{
	enum word *cell = table.cells[p.traffic][p.from_side][p.to_side];

	for (p.variant = 0; p.variant < N_VARIANTS; p.variant++) {
		if (p.traffic == TRAFFIC_SUPER && !end_leaves_work(p.from->kind)) {
			cell[p.variant] = WORD_NEVER;
			continue;
		}
		make_frame(&p);
		cell[p.variant] = play(&p);
		if (cell[p.variant] != rule(&p))
			fail_play(&p, word_name(cell[p.variant]));
	}
}

static void play_traffic(enum traffic t)
{
	for (unsigned int k = 0; k < N_END_KINDS; k++) {
		struct play p = {.traffic = t, .from = &lab.senders[k], .from_side = k};

		/* The pairs of vnics need but one of the labs. */
		for (unsigned int to = 0; lab.port_side == SIDE_PORT_PLAIN && to < N_END_KINDS;
		     to++) {
			p.to = &lab.receivers[to];
			p.to_side = to;
			if (k != END_NONE)
				play_cell(p);
		}
		p.to = &lab.port;
		p.to_side = lab.port_side;
		if (k != END_NONE)
			play_cell(p);
		p.from = &lab.port;
		p.from_side = lab.port_side;
		p.to = &lab.receivers[k];
		p.to_side = k;
		play_cell(p);
	}
}

static void play_normal(unsigned int port)
{
	static const enum traffic list[] = {TRAFFIC_TCP, TRAFFIC_UDP, TRAFFIC_SUPER, TRAFFIC_TO_ALL,
					    TRAFFIC_OVER};

	start_lab(port, 1500);
	for (size_t i = 0; i < RTE_DIM(list); i++)
		play_traffic(list[i]);
	stop_lab();
}

static void play_jumbo(unsigned int port)
{
	start_lab(port, 9000);
	play_traffic(TRAFFIC_JUMBO_TCP);
	play_traffic(TRAFFIC_JUMBO_UDP);
	stop_lab();
}

static void vnics_and_a_port_without_offloads(void **state)
{
	(void)state;
	play_normal(SIDE_PORT_PLAIN);
}

static void a_port_with_offloads(void **state)
{
	(void)state;
	play_normal(SIDE_PORT_DEV);
}

static void a_port_on_a_netdev(void **state)
{
	(void)state;
	play_normal(SIDE_PORT_NETDEV);
}

static void jumbo_vnics_and_a_port_without_offloads(void **state)
{
	(void)state;
	play_jumbo(SIDE_PORT_PLAIN);
}

static void a_jumbo_port_with_offloads(void **state)
{
	(void)state;
	play_jumbo(SIDE_PORT_DEV);
}

static void a_jumbo_port_on_a_netdev(void **state)
{
	(void)state;
	play_jumbo(SIDE_PORT_NETDEV);
}

/* ---- the document ------------------------------------------------------------------------ */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static void ports_are_not_joined(void)
{
	for (int t = 0; t < N_TRAFFIC; t++)
		for (unsigned int a = SIDE_PORT_DEV; a < N_SIDES; a++)
			for (unsigned int b = SIDE_PORT_DEV; b < N_SIDES; b++)
				for (int v = 0; v < N_VARIANTS; v++)
					table.cells[t][a][b][v] = WORD_NEVER;
}

/* To bring it up to date: copy what was written over it, and read what changed. */
static void the_document_is_true(void **state)
{
	char *made, *there;
	FILE *f = fopen(MATRIX_MADE, "w");

	(void)state;
	ports_are_not_joined();
	made = table_write(&table);
	assert_non_null(made);
	assert_non_null(f);
	fputs(made, f);
	assert_int_equal(fclose(f), 0);
	there = read_file(MATRIX_DOCUMENT);
	if (there == NULL || strcmp(made, there) != 0)
		fail_msg("docs/offload-matrix.md isn't what this run wrote: diff %s %s",
			 MATRIX_DOCUMENT, MATRIX_MADE);
	free(made);
	free(there);
}

/* Of a test that failed: the next one makes its own. */
static int clear(void **state)
{
	(void)state;
	if (lab.running)
		stop_lab();
	return 0;
}

static int setup(void **state)
{
	return ends_enter() == 0 ? rig_eal(state) : -1;
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(vnics_and_a_port_without_offloads, clear),
		cmocka_unit_test_teardown(a_port_with_offloads, clear),
		cmocka_unit_test_teardown(a_port_on_a_netdev, clear),
		cmocka_unit_test_teardown(jumbo_vnics_and_a_port_without_offloads, clear),
		cmocka_unit_test_teardown(a_jumbo_port_with_offloads, clear),
		cmocka_unit_test_teardown(a_jumbo_port_on_a_netdev, clear),
		cmocka_unit_test(the_document_is_true),
	};

	return cmocka_run_group_tests_name("matrix", tests, setup, NULL);
}

/* The tests' process may die; somebody must still remove the namespace. */
int main(void)
{
	int status = 1;
	pid_t pid;

	if (ends_prepare() == 0) {
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			exit(run());
		if (pid > 0)
			waitpid(pid, &status, 0);
	}
	ends_clean_up();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
