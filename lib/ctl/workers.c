/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_lcore.h>

#include "ctl/rpc.h"
#include "ctl/workers.h"

/** Samples kept; at four a second they reach a second back. */
#define SAMPLES 5

/** How many queues are named where details aren't asked for. */
#define FEW_QUEUES 8

struct sample {
	uint64_t at; /* TSC; 0: none */
	struct cycles_counts counts;
};

/** Of one worker: a ring. */
struct workers_past {
	struct sample samples[SAMPLES];
	uint32_t next; /* to be overwritten: the oldest */
};

/* ---- samples ---- */

static void take(const struct runtime *rt, uint32_t i, struct sample *s)
{
	cycles_read(&rt->dp.workers[i]->cycles, &s->counts);
	s->at = rte_rdtsc();
}

void workers_tick(struct runtime *rt)
{
	if (!rt->running)
		return;
	if (rt->past == NULL)
		rt->past = calloc(rt->n_workers, sizeof(*rt->past));
	for (uint32_t i = 0; rt->past != NULL && i < rt->n_workers; i++) {
		struct workers_past *p = &rt->past[i];

		take(rt, i, &p->samples[p->next]);
		p->next = (p->next + 1) % SAMPLES;
	}
}

void workers_forget(struct runtime *rt)
{
	free(rt->past);
	rt->past = NULL;
}

/* What happened since the oldest sample, or since the worker began. */
static void since(const struct runtime *rt, uint32_t i, const struct sample *now, struct sample *d)
{
	struct sample from = {.at = now->counts.began};
	uint64_t *to = (uint64_t *)&d->counts;
	const uint64_t *a, *b = (const uint64_t *)&now->counts;

	for (uint32_t k = 0; rt->past != NULL && k < SAMPLES; k++) {
		const struct workers_past *p = &rt->past[i];
		const struct sample *s = &p->samples[(p->next + k) % SAMPLES];

		if (s->at != 0 && s->counts.began != 0) {
			from = *s;
			break;
		}
	}
	a = (const uint64_t *)&from.counts;
	for (size_t k = 0; k < sizeof(d->counts) / sizeof(*to); k++)
		to[k] = b[k] - a[k];
	d->at = from.at != 0 && now->at > from.at ? now->at - from.at : 0;
}

/* ---- JSON ---- */

static double ratio(uint64_t part, uint64_t whole)
{
	double r = whole != 0 ? (double)part / (double)whole : 0;

	/* four digits are plenty, and shorter to read */
	return (double)(uint64_t)(r * 1e4 + 0.5) / 1e4;
}

/* Shares of its time: a turn's or a sleep's end counts all of it, so they can be over by a little. */
static double share(uint64_t part, uint64_t whole)
{
	return part < whole ? ratio(part, whole) : whole != 0;
}

double workers_busy_ratio(const struct runtime *rt, uint32_t i)
{
	struct sample now, d;

	take(rt, i, &now);
	since(rt, i, &now, &d);
	return share(d.counts.busy_cycles, d.at);
}

double workers_longest_turn(const struct runtime *rt, uint32_t i)
{
	struct sample now;

	take(rt, i, &now);
	return (double)cycles_longest(&now.counts, now.at, rte_get_tsc_hz()) /
	       (double)rte_get_tsc_hz();
}

static json_int_t per_second(uint64_t n, uint64_t cycles)
{
	if (cycles == 0)
		return 0;
	return (json_int_t)((double)n * (double)rte_get_tsc_hz() / (double)cycles + 0.5);
}

static json_t *stages(const struct cycles_counts *c)
{
	json_t *o = json_object();

	for (int s = 0; s < N_STAGES; s++)
		json_object_set_new(o, stage_name((enum stage)s),
				    json_real(ratio(c->stages[s], c->sampled_frames)));
	return o;
}

static json_t *totals(const struct sample *now)
{
	const struct cycles_counts *c = &now->counts;
	uint64_t cycles = c->began != 0 && now->at > c->began ? now->at - c->began : 0;
	uint64_t sampled = 0;

	for (int s = 0; s < N_STAGES; s++)
		sampled += c->stages[s];
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "cycles", (json_int_t)cycles,
			 "busy_cycles", (json_int_t)c->busy_cycles, "sleep_cycles",
			 (json_int_t)c->sleep_cycles, "busy_turns", (json_int_t)c->busy_turns,
			 "frames", (json_int_t)c->frames, "bursts", (json_int_t)c->bursts, "sleeps",
			 (json_int_t)c->sleeps, "sampled_frames", (json_int_t)c->sampled_frames,
			 "sampled_cycles", (json_int_t)sampled);
}

/** Queues of one worker on their way into a list. */
struct queues {
	json_t *list;
	uint32_t worker;
	size_t limit;
};

static void add_queues(const struct queues *qs, const struct attachment *a, const char *ifname,
		       const char *side)
{
	const struct endpoint *ep = a->endpoint;

	if (ep == NULL || ep->type == ENDPOINT_NONE || !a->placed)
		return;
	for (uint16_t q = 0; q < ep->n_rx_queues && q < CONF_MAX_QUEUES; q++) {
		if (a->worker[q] != qs->worker || json_array_size(qs->list) >= qs->limit)
			continue;
		json_array_append_new(qs->list, json_pack("{s:s,s:s,s:i,s:b}", "ifname", ifname,
							  "side", side, "queue", (int)q, "waits",
							  endpoint_rx_fd(ep, q) >= 0));
	}
}

static json_t *queues(const struct runtime *rt, uint32_t worker, bool details)
{
	const struct queues qs = {json_array(), worker, details ? SIZE_MAX : FEW_QUEUES};

	for (size_t i = 0; i < rt->conf->n_ports; i++) {
		add_queues(&qs, &rt->ports[i]->wire, rt->conf->ports[i].name, "wire");
		add_queues(&qs, &rt->ports[i]->host, rt->conf->ports[i].name, "host");
	}
	for (size_t i = 0; i < rt->conf->n_vnics; i++)
		add_queues(&qs, &rt->vnics[i]->at, rt->conf->vnics[i].name, "vnic");
	return qs.list;
}

static json_t *worker_json(const struct runtime *rt, uint32_t i, bool details)
{
	const struct plan *plan = &rt->dp.snapshot->plans[i];
	const uint64_t hz = rte_get_tsc_hz();
	struct sample now, d;
	json_t *o;

	take(rt, i, &now);
	since(rt, i, &now, &d);
	o = json_pack("{s:i,s:i,s:s,s:f,s:f,s:f,s:I,s:f,s:f,s:o,s:I,s:I,s:o}", "lcore",
		      (int)rt->lcores[i], "numa", (int)rte_lcore_to_socket_id(rt->lcores[i]),
		      "idle", rt->dp.adaptive ? "adaptive" : "poll", "seconds", ratio(d.at, hz),
		      "busy_ratio", share(d.counts.busy_cycles, d.at), "sleep_ratio",
		      share(d.counts.sleep_cycles, d.at), "frames_per_second",
		      per_second(d.counts.frames, d.at), "frames_per_burst",
		      ratio(d.counts.frames, d.counts.bursts), "cycles_per_frame",
		      ratio(d.counts.busy_cycles, d.counts.frames), "stages", stages(&d.counts),
		      "n_polled", (json_int_t)plan->n_polled, "n_waiting",
		      (json_int_t)(plan->n - plan->n_polled), "totals", totals(&now));
	json_object_set_new(
		o, "longest_us",
		json_real((double)(uint64_t)(workers_longest_turn(rt, i) * 1e8 + 0.5) / 100));
	json_object_set_new(o, "queues", queues(rt, i, details));
	return o;
}

json_t *workers_show(const struct runtime *rt, const json_t *params, struct err *err)
{
	static const char *const known[] = {"lcore", "details", NULL};
	json_int_t lcore = -1;
	bool details = true;
	json_t *list;

	if (rpc_params_known(params, known, err) != 0 ||
	    rpc_param_int(params, "lcore", 0, RTE_MAX_LCORE - 1, &lcore, err) != 0 ||
	    rpc_param_bool(params, "details", &details, err) != 0)
		return NULL;
	list = json_array();
	for (uint32_t i = 0; i < rt->n_workers; i++)
		if (lcore < 0 || (unsigned int)lcore == rt->lcores[i])
			json_array_append_new(list, worker_json(rt, i, details));
	if (lcore >= 0 && json_array_size(list) == 0) {
		json_decref(list);
		err_set(err, ENODEV, "there is no worker on lcore %d", (int)lcore);
		return NULL;
	}
	return list;
}
