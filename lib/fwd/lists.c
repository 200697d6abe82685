/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "fwd/lists.h"

/** Groups of one vnic that are told apart. */
#define MAX_GROUPS 256

/** A vnic under one of its keys, before the lists are cut. */
struct entry {
	uint64_t key;
	uint32_t order; /* flood_order() */
	uint16_t id;
	uint8_t mode;
	bool nodst;
};

struct entries {
	struct entry *list;
	size_t n, room;
};

static int add(struct entries *es, uint64_t key, const struct fwd_vnic *v)
{
	if (es->n == es->room) {
		size_t room = es->room != 0 ? 2 * es->room : 64;
		struct entry *list = reallocarray(es->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		es->list = list;
		es->room = room;
	}
	es->list[es->n++] = (struct entry){
		.key = key,
		.order = flood_order(v->mode, v->id),
		.id = v->id,
		.mode = v->mode,
		.nodst = v->nodst,
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void sort(struct entries *es)
{
	size_t n = 0;

	if (es->n == 0)
		return;
	qsort(es->list, es->n, sizeof(*es->list), compare);
	for (size_t i = 1; i < es->n; i++)
		if (compare(&es->list[n], &es->list[i]) != 0)
			es->list[++n] = es->list[i];
	es->n = n + 1;
}

static size_t n_keys(const struct entries *es)
{
	size_t n = 0;

	for (size_t i = 0; i < es->n; i++)
		n += i == 0 || es->list[i].key != es->list[i - 1].key;
	return n;
}

/* The entries of one key: ids to @p ids, counts to @p f. */
static size_t cut_flood(const struct entry *e, size_t n, uint16_t *ids, struct flood_list *f)
{
	size_t i;

	*f = (struct flood_list){.ids = ids};
	for (i = 0; i < n && e[i].key == e[0].key; i++) {
		ids[i] = e[i].id;
		f->end_bridge += e[i].mode == MODE_BRIDGE;
		f->end_vepa += e[i].mode == MODE_BRIDGE || e[i].mode == MODE_VEPA;
		f->n++;
	}
	return i;
}

/* Everything that the members of the port contribute, under its key. */
struct gathered {
	size_t max_groups; /* a vnic with more hears all, as a NIC does whose filter is full */
	struct entries everyone, open, groups, sources;
	uint32_t bcqueuelen;
	int32_t bclim;
	bool any;
};

static int gather_one(struct gathered *g, const struct vnic_in *in)
{
	const struct fwd_vnic *v = &in->vnic;
	int rc = 0;

	/* The kernel keeps the longest queue that any vnic of the port asked for, and the last cutoff. */
	if (!g->any || in->bcqueuelen > g->bcqueuelen)
		g->bcqueuelen = in->bcqueuelen;
	if (!g->any || in->bclim != 1)
		g->bclim = in->bclim;
	g->any = true;
	if (!v->up)
		return 0;
	if (v->mode == MODE_SOURCE) {
		for (size_t i = 0; i < in->n_sources && rc == 0; i++)
			rc = add(&g->sources, in->sources[i], v);
		return rc;
	}
	rc = add(&g->everyone, 0, v);
	if (in->all_groups || in->n_groups > g->max_groups)
		return rc != 0 ? rc : add(&g->open, 0, v);
	for (size_t i = 0; i < in->n_groups && rc == 0; i++)
		if (in->groups[i] != MAC_BROADCAST)
			rc = add(&g->groups, in->groups[i], v);
	return rc;
}

static void gathered_free(struct gathered *g)
{
	free(g->everyone.list);
	free(g->open.list);
	free(g->groups.list);
	free(g->sources.list);
}

/* §8 of docs/semantics.md: more subscribers than the cutoff, or a device that hears all groups anyway. */
static bool is_queued(const struct gathered *g, const struct port_in *port, size_t subscribers)
{
	return g->bclim >= 0 && (port->promisc || subscribers > (size_t)g->bclim);
}

static void cut_floods(struct port_lists *l, const struct gathered *g, const struct port_in *port,
		       uint16_t *ids)
{
	size_t done = 0;
	uint32_t list = FLOOD_FIRST_GROUP;

	ids += cut_flood(g->everyone.list, g->everyone.n, ids, &l->floods[FLOOD_EVERYONE]);
	l->floods[FLOOD_EVERYONE].queued = g->bclim >= 0;
	ids += cut_flood(g->open.list, g->open.n, ids, &l->floods[FLOOD_OPEN]);
	l->floods[FLOOD_OPEN].queued = is_queued(g, port, g->open.n);
	while (done < g->groups.n) {
		const struct entry *e = &g->groups.list[done];
		size_t n = cut_flood(e, g->groups.n - done, ids, &l->floods[list]);

		l->floods[list].queued = is_queued(g, port, n + g->open.n);
		l->group_macs.list[l->group_macs.n++] = (struct key_pair){e->key, (uint16_t)list++};
		ids += n;
		done += n;
	}
}

static void cut_sources(struct port_lists *l, const struct gathered *g, uint16_t *ids)
{
	uint32_t list = 0;

	for (size_t i = 0; i < g->sources.n; i++) {
		const struct entry *e = &g->sources.list[i];
		struct source_list *s;

		if (i == 0 || e->key != e[-1].key) {
			l->sources[++list].ids = ids;
			l->source_macs.list[l->source_macs.n++] =
				(struct key_pair){e->key, (uint16_t)list};
		}
		s = &l->sources[list];
		*ids++ = e->id;
		s->n++;
		s->nodst |= e->nodst;
	}
}

static int cut(struct port_lists *l, const struct gathered *g, const struct port_in *port)
{
	size_t groups = n_keys(&g->groups), sources = n_keys(&g->sources), n_ids;

	if (sources > LISTS_MAX_SOURCES)
		return -E2BIG;
	n_ids = g->everyone.n + g->open.n + g->groups.n + g->sources.n;
	l->n_floods = (uint32_t)groups + FLOOD_FIRST_GROUP;
	l->n_sources = (uint32_t)sources + 1;
	l->floods = calloc(l->n_floods, sizeof(*l->floods));
	l->sources = calloc(l->n_sources, sizeof(*l->sources));
	l->ids = calloc(n_ids + 1, sizeof(*l->ids));
	l->group_macs.list = calloc(groups + 1, sizeof(struct key_pair));
	l->source_macs.list = calloc(sources + 1, sizeof(struct key_pair));
	if (l->floods == NULL || l->sources == NULL || l->ids == NULL ||
	    l->group_macs.list == NULL || l->source_macs.list == NULL)
		return -ENOMEM;
	cut_floods(l, g, port, l->ids);
	cut_sources(l, g, l->ids + n_ids - g->sources.n);
	return 0;
}

static int list_macs(struct port_lists *l, int index, const struct vnic_in *vnics, size_t n_vnics)
{
	l->passthru = VNIC_NONE;
	l->vnic_macs.list = calloc(n_vnics + 1, sizeof(struct key_pair));
	if (l->vnic_macs.list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n_vnics; i++) {
		const struct fwd_vnic *v = &vnics[i].vnic;

		if (vnics[i].port != index)
			continue;
		if (v->mode == MODE_PASSTHRU)
			l->passthru = v->id;
		l->has_source_mode |= v->mode == MODE_SOURCE;
		if (v->up)
			l->vnic_macs.list[l->vnic_macs.n++] = (struct key_pair){v->mac, v->id};
	}
	return 0;
}

/*
 * Lists are named by 16 bits in hits. Owners choose how many groups they join, and none may
 * keep the others from being served: those who joined most hear all, until it fits.
 */
static int gather(struct gathered *g, int index, const struct vnic_in *vnics, size_t n_vnics)
{
	size_t max_groups = MAX_GROUPS;
	int rc = 0;

	do {
		gathered_free(g);
		*g = (struct gathered){
			.max_groups = max_groups,
			.bcqueuelen = CONF_DEFAULT_BCQUEUELEN,
			.bclim = 1,
		};
		for (size_t i = 0; i < n_vnics && rc == 0; i++)
			if (vnics[i].port == index)
				rc = gather_one(g, &vnics[i]);
		sort(&g->groups);
		max_groups /= 2;
	} while (rc == 0 && n_keys(&g->groups) + FLOOD_FIRST_GROUP > UINT16_MAX);
	sort(&g->everyone);
	sort(&g->open);
	sort(&g->sources);
	return rc;
}

int lists_build(struct port_lists *l, const struct port_in *port, int index,
		const struct vnic_in *vnics, size_t n_vnics)
{
	struct gathered g = {0};
	int rc;

	*l = (struct port_lists){0};
	rc = list_macs(l, index, vnics, n_vnics);
	if (rc == 0)
		rc = gather(&g, index, vnics, n_vnics);
	if (rc == 0)
		rc = cut(l, &g, port);
	l->bcqueuelen = g.bcqueuelen;
	gathered_free(&g);
	if (rc != 0)
		lists_free(l);
	return rc;
}

void lists_free(struct port_lists *l)
{
	free(l->floods);
	free(l->sources);
	free(l->ids);
	free(l->vnic_macs.list);
	free(l->group_macs.list);
	free(l->source_macs.list);
	*l = (struct port_lists){0};
}
