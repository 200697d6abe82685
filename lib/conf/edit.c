/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "conf/edit.h"
#include "conf/load.h"
#include "conf/spec.h"

/* A file of a few sections in the making. It has all ports, for the vnics to refer to. */
struct editing {
	struct conf *c; /* what is changed */
	struct conf made; /* what the stages of a load make of the sections */
	struct load ld;
	struct errors es;
	uint32_t room; /* for sections */
};

/* ---- sections ---- */

static struct section *new_section(struct editing *ed, enum section_kind kind, const char *name)
{
	struct load *ld = &ed->ld;
	struct section *s = &ld->sections[ld->n_sections];

	*s = (struct section){
		.kind = kind,
		.title = arena_printf(ld->scratch, "%s %s", kind == SECTION_VNIC ? "vnic" : "port",
				      name),
		.name = name,
		.first_entry = ld->n_entries,
	};
	names_add(ld->index, INDEX_SECTIONS, s->title, ld->n_sections++);
	return s;
}

static int write_entry(struct editing *ed, struct section *s, const struct setting *set,
		       struct err *err)
{
	struct load *ld = &ed->ld;
	struct entry *e;

	if (set->value == NULL)
		return 0;
	if (!setting_is_writable(set))
		return err_set(err, EINVAL,
			       "%s: %s: a vnic.ini can't carry this value (it is too long, or has "
			       "control characters or both kinds of quotes in it)",
			       s->title, set->key);
	ld->entries = arena_grow(ld->scratch, ld->entries, ld->n_entries, sizeof(*e));
	e = &ld->entries[ld->n_entries];
	*e = (struct entry){
		.key = set->key,
		.value = set->value,
		.section = (uint32_t)(s - ld->sections),
	};
	names_add(ld->index, e->section, e->key, ld->n_entries++);
	s->n_entries++;
	return 0;
}

static int write_section(struct editing *ed, const struct edit *e, struct err *err)
{
	struct settings set = {.arena = ed->ld.scratch};
	struct section *s;
	struct vnic_conf v;
	int rc = 0;

	if (e->kind == EDIT_PORT) {
		settings_of_port(&set, conf_port(ed->c, e->name));
	} else if (e->kind == EDIT_VNIC) {
		v = *conf_vnic(ed->c, e->name);
		if (e->kept != NULL)
			v.n_addresses = 0;
		settings_of_vnic(&set, &v);
	}
	for (size_t i = 0; i < e->n; i++)
		settings_put(&set, e->list[i].key, e->list[i].value);
	s = new_section(ed, e->kind == EDIT_PORT ? SECTION_PORT : SECTION_VNIC, e->name);
	for (size_t i = 0; i < set.n && rc == 0; i++)
		rc = write_entry(ed, s, &set.list[i], err);
	return rc;
}

static const struct edit *find_edit(const struct edit *edits, size_t n, bool port, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if ((edits[i].kind == EDIT_PORT) == port && strcmp(edits[i].name, name) == 0)
			return &edits[i];
	return NULL;
}

/* A port that stays as it is needs no reading. */
static void write_port(struct editing *ed, const struct port_conf *p)
{
	struct load *ld = &ed->ld;
	struct section *s = new_section(ed, SECTION_BAD, p->name);
	struct port_draft *d;

	s->line = p->line;
	ld->ports = arena_grow(ld->scratch, ld->ports, ld->n_ports, sizeof(*d));
	d = &ld->ports[ld->n_ports++];
	*d = (struct port_draft){.p = *p, .section = s};
}

/* The two ends of a veth are judged together. */
static int write_peer(struct editing *ed, const struct edit *e, const struct edit *edits, size_t n,
		      struct err *err)
{
	const struct vnic_conf *v = e->kind == EDIT_VNIC ? conf_vnic(ed->c, e->name) : NULL;
	struct edit peer = {.kind = EDIT_VNIC};

	if (v == NULL || v->peer == NULL || find_edit(edits, n, false, v->peer) != NULL)
		return 0;
	peer.name = v->peer;
	return write_section(ed, &peer, err);
}

static int write_all(struct editing *ed, const struct edit *edits, size_t n, struct err *err)
{
	struct load *ld = &ed->ld;
	int rc = 0;

	ld->sections =
		arena_alloc(ld->scratch, (ed->c->n_ports + 2 * n + 1) * sizeof(*ld->sections));
	for (size_t i = 0; i < ed->c->n_ports; i++)
		if (find_edit(edits, n, true, ed->c->ports[i].name) == NULL)
			write_port(ed, &ed->c->ports[i]);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = write_section(ed, &edits[i], err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = write_peer(ed, &edits[i], edits, n, err);
	return rc;
}

/* ---- what is wrong ---- */

static int check_name(const struct editing *ed, const struct edit *e, struct err *err)
{
	bool port = conf_port(ed->c, e->name) != NULL;
	bool vnic = conf_vnic(ed->c, e->name) != NULL;

	if (e->kind == EDIT_PORT && !port)
		return err_set(err, ENODEV, "there is no port \"%.60s\" (ENODEV)", e->name);
	if (e->kind == EDIT_VNIC && !vnic)
		return err_set(err, ENODEV, "there is no vnic \"%.60s\" (ENODEV)", e->name);
	if (e->kind != EDIT_ADD_VNIC)
		return 0;
	if (!load_name_is_valid(e->name))
		return err_set(err, EINVAL,
			       "'%.60s' is not a name (1 to %d of a-z 0-9 _ . -, a letter or digit "
			       "first) (EINVAL)",
			       e->name, CONF_NAME_LEN - 1);
	if (vnic || port)
		return err_set(err, EEXIST, "there is a %s \"%s\" already (EEXIST)",
			       vnic ? "vnic" : "port", e->name);
	return 0;
}

static int check_names(const struct editing *ed, const struct edit *edits, size_t n,
		       struct err *err)
{
	struct names *seen = names_create(ed->ld.scratch); /* all vnics of a port may be edited */

	for (size_t i = 0; i < n; i++) {
		int rc = check_name(ed, &edits[i], err);

		if (rc != 0)
			return rc;
		if (names_add(seen, edits[i].kind == EDIT_PORT, edits[i].name, 0) != NULL)
			return err_set(err, EEXIST, "\"%s\" is there twice (EEXIST)",
				       edits[i].name);
	}
	return 0;
}

/* "vnic web: mtu: 9000 is more than …", with the errno's name behind. */
static int first_error(const struct errors *es, struct err *err)
{
	const struct error *e = &es->list[0];
	const char *name = err_name(e->code);
	size_t n = strlen(e->text), k = strlen(name);
	bool told = n > k && e->text[n - 1] == ')' && strncmp(e->text + n - 1 - k, name, k) == 0;

	return err_set(err, e->code, "%s%s%s%s%s%s%s%s", e->section,
		       e->section[0] != '\0' ? ": " : "", e->key, e->key[0] != '\0' ? ": " : "",
		       e->text, told ? "" : " (", told ? "" : name, told ? "" : ")");
}

/* Has some vnic that isn't edited the endpoint already? The others are refs.c's. */
static int check_endpoint(struct editing *ed, const struct vnic_conf *v, struct err *err)
{
	const struct vnic_conf *old = conf_vnic(ed->c, v->name);
	const char *wanted = spec_resource(ed->ld.scratch, &v->endpoint);

	if (wanted == NULL || (old != NULL && endpoint_conf_equal(&old->endpoint, &v->endpoint)))
		return 0;
	for (size_t i = 0; i < ed->c->n_vnics; i++) {
		const struct vnic_conf *other = &ed->c->vnics[i];

		if (other->endpoint.type == v->endpoint.type &&
		    conf_vnic(&ed->made, other->name) == NULL &&
		    strcmp(spec_resource(ed->ld.scratch, &other->endpoint), wanted) == 0)
			return err_set(err, EBUSY,
				       "vnic %s: endpoint: %s '%.80s' is in use already, by vnic "
				       "%s (EBUSY)",
				       v->name, endpoint_type_name(v->endpoint.type), wanted,
				       other->name);
	}
	return 0;
}

static int check_numbers(const struct conf *c, struct err *err)
{
	size_t addresses = 0;

	if (c->n_vnics > CONF_MAX_VNICS)
		return err_set(err, ENOSPC, "more than %d vnics in all (ENOSPC)", CONF_MAX_VNICS);
	for (size_t i = 0; i < c->n_vnics; i++)
		addresses += c->vnics[i].n_addresses;
	if (addresses > CONF_MAX_ADDRESSES)
		return err_set(err, ENOSPC, "more than %u addresses of vnics in all (ENOSPC)",
			       CONF_MAX_ADDRESSES);
	return 0;
}

/* ---- making it so ---- */

static void take_port(struct conf *c, const struct port_conf *p)
{
	uint32_t i = *names_find(c->names, NAMES_PORT, p->name);

	c->ports[i] = *p;
}

static void take_vnic(struct conf *c, const struct vnic_conf *v)
{
	const uint32_t *i = names_find(c->names, NAMES_VNIC, v->name);

	if (i != NULL) {
		c->vnics[*i] = *v;
		return;
	}
	c->vnics[c->n_vnics] = *v;
	names_add(c->names, NAMES_VNIC, v->name, (uint32_t)c->n_vnics++);
}

/* Puts what was kept before what was read. */
static void join_kept(struct editing *ed, const struct edit *e)
{
	for (size_t i = 0; i < ed->made.n_vnics; i++) {
		struct vnic_conf *v = &ed->made.vnics[i];
		size_t n = e->n_kept + v->n_addresses;
		struct ip_range *list;

		if (strcmp(v->name, e->name) != 0)
			continue;
		list = arena_alloc(ed->c->arena, (n + 1) * sizeof(*list));
		memcpy(list, e->kept, e->n_kept * sizeof(*list));
		if (v->n_addresses > 0)
			memcpy(&list[e->n_kept], v->addresses, v->n_addresses * sizeof(*list));
		v->addresses = list;
		v->n_addresses = n;
	}
}

static int read_all(struct editing *ed, struct err *err)
{
	struct load *ld = &ed->ld;
	int rc = 0;

	grammar_read(ld);
	expand_all(ld);
	refs_check(ld);
	if (ed->es.n > 0)
		return first_error(&ed->es, err);
	for (size_t i = 0; i < ed->made.n_vnics && rc == 0; i++)
		rc = check_endpoint(ed, &ed->made.vnics[i], err);
	return rc;
}

int edit_apply(struct conf *c, const struct edit *edits, size_t n, struct err *err)
{
	struct editing ed = {.c = c};
	int rc;

	ed.ld = (struct load){.c = &ed.made, .es = &ed.es, .scratch = arena_create()};
	ed.ld.index = names_create(ed.ld.scratch);
	ed.made = (struct conf){
		.global = c->global,
		.arena = c->arena, /* what is made stays there */
		.names = names_create(ed.ld.scratch),
	};
	rc = check_names(&ed, edits, n, err);
	if (rc == 0)
		rc = write_all(&ed, edits, n, err);
	if (rc == 0)
		rc = read_all(&ed, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (edits[i].kept != NULL)
			join_kept(&ed, &edits[i]);
	for (size_t i = 0; i < ed.made.n_ports && rc == 0; i++)
		take_port(c, &ed.made.ports[i]);
	for (size_t i = 0; i < ed.made.n_vnics && rc == 0; i++)
		take_vnic(c, &ed.made.vnics[i]);
	if (rc == 0)
		rc = check_numbers(c, err);
	errors_free(&ed.es);
	arena_destroy(ed.ld.scratch);
	return rc;
}
