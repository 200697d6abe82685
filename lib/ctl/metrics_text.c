/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format wants all samples of one metric together, so counters are summed up
 * first, and then each metric walks over them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/l3.h"
#include "ctl/metrics_text.h"
#include "ctl/workers.h"
#include "fwd/ip_table.h"

struct writer {
	FILE *out;
	const struct runtime *rt;
	struct iface_stats *vnics; /* as rt->vnics */
	struct iface_stats *ports; /* as rt->ports */
};

/** A counter of struct iface_stats: its name behind dpdk_vnic_ or dpdk_vnic_port_. */
struct counter {
	const char *name, *of_vnic, *of_port;
	size_t offset;
};

#define COUNTER(name, field, of_vnic, of_port)                              \
	{                                                                   \
		name, of_vnic, of_port, offsetof(struct iface_stats, field) \
	}

static const struct counter counters[] = {
	COUNTER("rx_packets_total", rx_packets, "Frames that the vnic's owner received.",
		"Frames that came from the wire."),
	COUNTER("rx_bytes_total", rx_bytes, "Bytes that the vnic's owner received.",
		"Bytes that came from the wire."),
	COUNTER("rx_multicast_packets_total", rx_multicast,
		"Group frames that the vnic's owner received.",
		"Group frames that came from the wire."),
	COUNTER("rx_dropped_total", rx_dropped, "Frames dropped on their way to the vnic's owner.",
		"Frames from the wire that were dropped."),
	COUNTER("tx_packets_total", tx_packets, "Frames that the vnic's owner sent.",
		"Frames that went to the wire."),
	COUNTER("tx_bytes_total", tx_bytes, "Bytes that the vnic's owner sent.",
		"Bytes that went to the wire."),
	COUNTER("tx_dropped_total", tx_dropped, "Frames of the vnic's owner that were dropped.",
		"Frames dropped on their way to the wire."),
};

static uint64_t value(const struct iface_stats *s, const struct counter *c)
{
	return *(const uint64_t *)((const char *)s + c->offset);
}

static void write_head(FILE *out, const char *prefix, const char *name, const char *type,
		       const char *help)
{
	fprintf(out, "# HELP dpdk_vnic_%s%s %s\n# TYPE dpdk_vnic_%s%s %s\n", prefix, name, help,
		prefix, name, type);
}

/* A label's value with what would end it too soon escaped. */
static void write_escaped(FILE *out, const char *text)
{
	for (size_t n = strcspn(text, "\\\"\n"); text[n] != '\0'; n = strcspn(text, "\\\"\n")) {
		fprintf(out, "%.*s\\%c", (int)n, text, text[n] == '\n' ? 'n' : text[n]);
		text += n + 1;
	}
	fputs(text, out);
}

static void write_vnic_labels(FILE *out, const struct vnic_conf *c)
{
	fputs("{vnic=\"", out);
	write_escaped(out, c->name);
	fputs("\",port=\"", out);
	write_escaped(out, c->port != NULL ? c->port : "");
	fprintf(out, "\",type=\"%s\"} ", vnic_type_name(c->type));
}

static void write_label(FILE *out, const char *name, const char *text)
{
	fprintf(out, "{%s=\"", name);
	write_escaped(out, text);
	fputs("\"} ", out);
}

static void write_drops(FILE *out, const char *metric, const char *label, const char *name,
			const struct iface_stats *s)
{
	/* All reasons, zero or not: a rate is known from the first drop on only if there was a 0. */
	for (int r = DROP_NONE + 1; r < DROP_N_REASONS; r++) {
		fprintf(out, "%s{%s=\"", metric, label);
		write_escaped(out, name);
		fprintf(out, "\",reason=\"%s\"} %" PRIu64 "\n",
			drop_reason_name((enum drop_reason)r), s->drops[r]);
	}
}

static void write_vnics(const struct writer *w)
{
	const struct conf *conf = w->rt->conf;

	write_head(w->out, "", "up", "gauge", "Whether the vnic is up and has a link.");
	for (size_t i = 0; i < conf->n_vnics; i++) {
		const struct vnic_rt *v = w->rt->vnics[i];

		fputs("dpdk_vnic_up", w->out);
		write_label(w->out, "vnic", conf->vnics[i].name);
		fputs(v->up && v->carrier ? "1\n" : "0\n", w->out);
	}
	for (size_t k = 0; k < RTE_DIM(counters); k++) {
		write_head(w->out, "", counters[k].name, "counter", counters[k].of_vnic);
		for (size_t i = 0; i < conf->n_vnics; i++) {
			fprintf(w->out, "dpdk_vnic_%s", counters[k].name);
			write_vnic_labels(w->out, &conf->vnics[i]);
			fprintf(w->out, "%" PRIu64 "\n", value(&w->vnics[i], &counters[k]));
		}
	}
	write_head(w->out, "", "drops_total", "counter",
		   "Frames dropped to or from the vnic's owner, by reason.");
	for (size_t i = 0; i < conf->n_vnics; i++)
		write_drops(w->out, "dpdk_vnic_drops_total", "vnic", conf->vnics[i].name,
			    &w->vnics[i]);
}

static void write_ports(const struct writer *w)
{
	const struct conf *conf = w->rt->conf;

	write_head(w->out, "port_", "up", "gauge",
		   "Whether the port's device is there and has a link.");
	for (size_t i = 0; i < conf->n_ports; i++) {
		const struct port_rt *p = w->rt->ports[i];

		fputs("dpdk_vnic_port_up", w->out);
		write_label(w->out, "port", conf->ports[i].name);
		fputs(p->wire.state.present && p->carrier ? "1\n" : "0\n", w->out);
	}
	for (size_t k = 0; k < RTE_DIM(counters); k++) {
		write_head(w->out, "port_", counters[k].name, "counter", counters[k].of_port);
		for (size_t i = 0; i < conf->n_ports; i++) {
			fprintf(w->out, "dpdk_vnic_port_%s", counters[k].name);
			write_label(w->out, "port", conf->ports[i].name);
			fprintf(w->out, "%" PRIu64 "\n", value(&w->ports[i], &counters[k]));
		}
	}
	write_head(w->out, "port_", "drops_total", "counter",
		   "Frames dropped at the port, by reason.");
	for (size_t i = 0; i < conf->n_ports; i++)
		write_drops(w->out, "dpdk_vnic_port_drops_total", "port", conf->ports[i].name,
			    &w->ports[i]);
}

/* What ipvlan knows: who has addresses, and who is on the link. */
static void write_ip(const struct writer *w)
{
	const struct conf *conf = w->rt->conf;

	write_head(w->out, "port_", "addresses", "gauge",
		   "IP addresses by which the port tells its vnics apart.");
	for (size_t i = 0; i < conf->n_ports; i++) {
		fputs("dpdk_vnic_port_addresses", w->out);
		write_label(w->out, "port", conf->ports[i].name);
		fprintf(w->out, "%zu\n", ip_table_count(w->rt->ports[i]->addresses));
	}
	write_head(w->out, "port_", "neighbours", "gauge", "The port's neighbours by state.");
	for (size_t i = 0; i < conf->n_ports; i++) {
		uint32_t counts[NEIGH_N_STATES];

		l3_count(w->rt->ports[i], counts);
		for (int s = NEIGH_NONE + 1; s < NEIGH_N_STATES; s++) {
			fputs("dpdk_vnic_port_neighbours{port=\"", w->out);
			write_escaped(w->out, conf->ports[i].name);
			fprintf(w->out, "\",state=\"%s\"} %u\n",
				neigh_state_name((enum neigh_state)s), counts[s]);
		}
	}
}

/* Busy seconds are for rate(), which knows the reader's own interval; the ratio for a quick look. */
static void write_workers(const struct writer *w)
{
	const struct dataplane *dp = &w->rt->dp;
	struct cycles_counts c[CONF_MAX_WORKERS];
	const uint64_t hz = rte_get_tsc_hz();

	for (uint32_t i = 0; i < dp->n_workers; i++)
		cycles_read(&dp->workers[i]->cycles, &c[i]);
	write_head(
		w->out, "worker_", "busy_ratio", "gauge",
		"Share of its time that the worker had frames to work on, over the last second.");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_busy_ratio{lcore=\"%u\"} %.6f\n",
			dp->workers[i]->lcore, workers_busy_ratio(w->rt, i));
	write_head(w->out, "worker_", "busy_seconds_total", "counter",
		   "Time that the worker had frames to work on.");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_busy_seconds_total{lcore=\"%u\"} %.6f\n",
			dp->workers[i]->lcore, (double)c[i].busy_cycles / (double)hz);
	write_head(w->out, "worker_", "sleep_seconds_total", "counter",
		   "Time that the worker slept (idle = adaptive).");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_sleep_seconds_total{lcore=\"%u\"} %.6f\n",
			dp->workers[i]->lcore, (double)c[i].sleep_cycles / (double)hz);
	write_head(w->out, "worker_", "longest_turn_seconds", "gauge",
		   "Longest turn with frames of the last second or two, unless it was preempted.");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_longest_turn_seconds{lcore=\"%u\"} %.9f\n",
			dp->workers[i]->lcore, workers_longest_turn(w->rt, i));
	write_head(w->out, "worker_", "frames_total", "counter",
		   "Frames that the worker received.");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_frames_total{lcore=\"%u\"} %" PRIu64 "\n",
			dp->workers[i]->lcore, c[i].frames);
	write_head(w->out, "worker_", "letters_lost_total", "counter",
		   "What the worker had to tell main and found no room for.");
	for (uint32_t i = 0; i < dp->n_workers; i++)
		fprintf(w->out, "dpdk_vnic_worker_letters_lost_total{lcore=\"%u\"} %" PRIu64 "\n",
			dp->workers[i]->lcore,
			__atomic_load_n(&dp->workers[i]->mail->lost, __ATOMIC_RELAXED));
}

static void write_all(const struct writer *w)
{
	for (size_t i = 0; i < w->rt->conf->n_vnics; i++)
		runtime_vnic_stats(w->rt, w->rt->vnics[i], &w->vnics[i]);
	for (size_t i = 0; i < w->rt->conf->n_ports; i++)
		runtime_port_stats(w->rt, w->rt->ports[i], &w->ports[i]);
	write_head(w->out, "", "build_info", "gauge", "1, and which version this is.");
	fputs("dpdk_vnic_build_info{version=\"" DPDK_VNIC_VERSION "\"} 1\n", w->out);
	write_workers(w);
	write_ports(w);
	write_ip(w);
	write_vnics(w);
}

char *metrics_text(const struct runtime *rt, size_t *len)
{
	char *text = NULL;
	struct writer w = {
		.rt = rt,
		.out = open_memstream(&text, len),
		/* struct iface_stats is aligned to cache lines, which calloc() doesn't know. */
		.vnics = aligned_alloc(RTE_CACHE_LINE_SIZE,
				       (rt->conf->n_vnics + 1) * sizeof(*w.vnics)),
		.ports = aligned_alloc(RTE_CACHE_LINE_SIZE,
				       (rt->conf->n_ports + 1) * sizeof(*w.ports)),
	};
	bool good = w.out != NULL && w.vnics != NULL && w.ports != NULL;

	if (good)
		write_all(&w);
	good = good && ferror(w.out) == 0;
	if (w.out != NULL && fclose(w.out) != 0)
		good = false;
	free(w.vnics);
	free(w.ports);
	if (good)
		return text;
	free(text);
	return NULL;
}
