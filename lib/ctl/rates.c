/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <time.h>

#include "ctl/rates.h"

/** Counters of the table before, by id; an id that began anew counts from zero. */
struct rates {
	double at;
	struct iface_stats *vnics;
	struct iface_stats ports[CONF_MAX_PORTS];
};

struct rates *rates_create(void)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->vnics = calloc(STATS_MAX_VNICS, sizeof(*r->vnics));
	if (r->vnics == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void rates_free(struct rates *r)
{
	if (r == NULL)
		return;
	free(r->vnics);
	free(r);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rate(uint64_t after, uint64_t before, double seconds)
{
	return (double)(after >= before ? after - before : after) / seconds;
}

static void print_row(FILE *out, const char *name, const struct iface_stats *a,
		      const struct iface_stats *b, double s)
{
	fprintf(out, "%-20s %12.0f %10.1f %10.0f %12.0f %10.1f %10.0f\n", name,
		rate(a->rx_packets, b->rx_packets, s), rate(a->rx_bytes, b->rx_bytes, s) * 8 / 1e6,
		rate(a->rx_dropped, b->rx_dropped, s), rate(a->tx_packets, b->tx_packets, s),
		rate(a->tx_bytes, b->tx_bytes, s) * 8 / 1e6, rate(a->tx_dropped, b->tx_dropped, s));
}

void rates_print(struct rates *r, const struct runtime *rt, FILE *out)
{
	double t = now(), s = t - r->at;
	bool first = r->at == 0;
	struct iface_stats sum;

	r->at = t;
	if (!first)
		fprintf(out, "\n%-20s %12s %10s %10s %12s %10s %10s\n", "", "rx frame/s", "Mbit/s",
			"dropped/s", "tx frame/s", "Mbit/s", "dropped/s");
	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		const struct port_rt *p = rt->ports[i];

		runtime_port_stats(rt, p, &sum);
		if (!first)
			print_row(out, p->conf->name, &sum, &r->ports[p->id], s);
		r->ports[p->id] = sum;
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++) {
		const struct vnic_rt *v = rt->vnics[i];

		runtime_vnic_stats(rt, v, &sum);
		if (!first)
			print_row(out, v->conf->name, &sum, &r->vnics[v->id], s);
		r->vnics[v->id] = sum;
	}
	fflush(out);
}
