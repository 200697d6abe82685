/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link add, set, del: iproute2's words. What values mean is the daemon's business, so
 * they are handed on as texts.
 */
#include <errno.h>
#include <string.h>

#include "words.h"

const char link_words[] =
	"\n"
	"WORDS, in any order:\n"
	"  up | down                add: up, unless the MAC address is in use\n"
	"  address MAC              of a passthru vnic: its port's, too\n"
	"  mtu N                    at most the port's\n"
	"  mode M [flag F]          macvlan, macvtap: private, vepa (default), bridge, source "
	"[nodst],\n"
	"                           passthru [nopromisc]; no flags: null\n"
	"  mode M [FLAG]            ipvlan, ipvtap: l3 (default), l2, l3s; bridge (default),\n"
	"                           private, vepa. They are the port's: add takes them over,\n"
	"                           set changes all its vnics\n"
	"  macaddr add|del|set MAC... | flush\n"
	"                           the addresses that mode source lets in\n"
	"  endpoint SPEC            dev:DEVARGS, tap:IFNAME[,netns=NS], vhost:PATH, none "
	"(default)\n"
	"  netns NS                 the tap is in this namespace; without an endpoint: tap:NAME "
	"there\n"
	"  spoofcheck off|mac|ip    what it sends must come from itself\n"
	"  multicast auto|all|MAC,MAC...\n"
	"  arp auto|on|off, learn N|off, dhcp on|off, mac-policy pass|strict|macnat\n"
	"                           ipvlan, ipvtap: what its owner's stack can't do\n"
	"  announce on|off          tell the wire of its IP addresses\n"
	"  bcqueuelen N, bclim N, queues N, workers LCORES\n"
	"  peer NAME [WORDS]        add type veth: the other end, and words for it\n";

/* Words with a value behind them, and the parameter that it is. */
static const struct {
	const char *word, *param;
} valued[] = {
	{"address", "address"},
	{"addr", "address"},
	{"lladdr", "address"},
	{"mtu", "mtu"},
	{"mode", "mode"},
	{"endpoint", "endpoint"},
	{"netns", "netns"},
	{"spoofcheck", "spoofcheck"},
	{"multicast", "multicast"},
	{"bcqueuelen", "bcqueuelen"},
	{"bclim", "bclim"},
	{"queues", "queues"},
	{"workers", "workers"},
	{"state", "state"},
	{"arp", "arp"},
	{"mac-policy", "mac-policy"},
	{"learn", "learn"},
	{"dhcp", "dhcp"},
	{"announce", "announce"},
};

/* Words that stand alone; ip writes the flags of a mode behind it. */
static const struct {
	const char *word, *param, *value;
} lonely[] = {
	{"up", "state", "up"},
	{"down", "state", "down"},
	{"nopromisc", "flags", "nopromisc"},
	{"nodst", "flags", "nodst"},
	{"bridge", "flags", "bridge"},
	{"private", "flags", "private"},
	{"vepa", "flags", "vepa"},
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool is_keyword(const char *word)
{
	static const char *const others[] = {"name", "link", "type",  "peer",
					     "dev",  "flag", "flags", "macaddr"};

	for (size_t i = 0; i < N(valued); i++)
		if (strcmp(word, valued[i].word) == 0)
			return true;
	for (size_t i = 0; i < N(lonely); i++)
		if (strcmp(word, lonely[i].word) == 0)
			return true;
	for (size_t i = 0; i < N(others); i++)
		if (strcmp(word, others[i]) == 0)
			return true;
	return false;
}

static int take_flags(struct words *w, json_t *params, struct err *err)
{
	const char *value = take_word(w);

	if (value == NULL)
		return err_set(err, EINVAL, "a value is missing after 'flag'");
	return put_text(params, "flags", strcmp(value, "null") == 0 ? "" : value, err);
}

/**
 * Takes one option that a vnic may have.
 * @return 1: taken; 0: the next word is none; -EINVAL with @p err
 */
static int take_option(struct words *w, json_t *params, struct err *err)
{
	int rc;

	if (take_if(w, "flag") || take_if(w, "flags")) {
		rc = take_flags(w, params, err);
		return rc != 0 ? rc : 1;
	}
	for (size_t i = 0; i < N(valued); i++) {
		if (!take_if(w, valued[i].word))
			continue;
		rc = take_value(w, valued[i].word, valued[i].param, params, err);
		return rc != 0 ? rc : 1;
	}
	for (size_t i = 0; i < N(lonely); i++) {
		if (!take_if(w, lonely[i].word))
			continue;
		rc = put_text(params, lonely[i].param, lonely[i].value, err);
		return rc != 0 ? rc : 1;
	}
	return 0;
}

/** All words up to the next that means something, as a list; NULL with @p err. */
static json_t *take_list(struct words *w, struct err *err)
{
	json_t *list = json_array();

	while (w->n > 0 && !is_keyword(w->next[0])) {
		if (json_array_append_new(list, json_string(take_word(w))) == 0)
			continue;
		err_set(err, EINVAL, "an address is not UTF-8 text");
		json_decref(list);
		return NULL;
	}
	return list;
}

/**
 * macaddr add|del|set MAC…, macaddr flush; a new vnic has an empty list, so add and set are one,
 * and so are del and flush.
 */
static int take_macaddr(struct words *w, bool is_new, json_t *params, struct err *err)
{
	static const char *const verbs[] = {"add", "del", "set", "flush"};
	const char *verb = take_word(w);
	json_t *list, *value;
	bool known = false;

	for (size_t i = 0; i < N(verbs) && verb != NULL; i++)
		known |= strcmp(verb, verbs[i]) == 0;
	if (!known)
		return err_set(err, EINVAL, "macaddr needs add, del, set or flush behind it");
	if (json_object_get(params, is_new ? "sources" : "macaddr") != NULL)
		return err_set(err, EINVAL, "macaddr is there twice");
	list = take_list(w, err);
	if (list == NULL)
		return -EINVAL;
	if (strcmp(verb, "flush") == 0 && json_array_size(list) > 0) {
		err_set(err, EINVAL, "macaddr flush is for all: '%s' is too much",
			json_string_value(json_array_get(list, 0)));
		json_decref(list);
		return -EINVAL;
	}
	if (is_new) {
		if (verb[0] == 'd')
			json_array_clear(list);
		return json_object_set_new(params, "sources", list);
	}
	value = json_object();
	if (strcmp(verb, "flush") == 0) {
		json_decref(list);
		list = json_true();
	}
	json_object_set_new(value, verb, list);
	return json_object_set_new(params, "macaddr", value);
}

/** Behind `peer` all words are the peer's. */
static int take_peer(struct words *w, json_t *params, struct err *err)
{
	json_t *peer = json_object();
	int rc = 1;

	json_object_set_new(params, "peer", peer);
	while (w->n > 0 && rc > 0) {
		rc = take_option(w, peer, err);
		if (rc != 0)
			continue;
		if (take_if(w, "name") || json_object_get(peer, "name") == NULL)
			rc = take_value(w, "name", "name", peer, err);
		else
			rc = unexpected_word(w->next[0], err);
		rc = rc == 0 ? 1 : rc;
	}
	if (rc > 0 && json_object_get(peer, "name") == NULL)
		rc = err_set(err, EINVAL, "a name is missing after 'peer'");
	return rc > 0 ? 0 : rc;
}

static int take_new(struct words *w, json_t *params, struct err *err)
{
	if (take_if(w, "name") || take_if(w, "dev"))
		return take_value(w, "name", "name", params, err);
	if (take_if(w, "link"))
		return take_value(w, "link", "link", params, err);
	if (take_if(w, "type"))
		return take_value(w, "type", "type", params, err);
	if (take_if(w, "peer"))
		return take_peer(w, params, err);
	if (take_if(w, "macaddr"))
		return take_macaddr(w, true, params, err);
	if (w->next[0][0] == '-' || json_object_get(params, "name") != NULL)
		return unexpected_word(w->next[0], err);
	return put_text(params, "name", take_word(w), err);
}

/** [link PORT] [name] NAME OPTION… type TYPE OPTION… */
PARSER(parse_link_add)
{
	struct words w = {argc, argv};
	int rc = 0;

	(void)o;
	while (w.n > 0 && rc >= 0) {
		rc = take_option(&w, params, err);
		if (rc == 0)
			rc = take_new(&w, params, err);
	}
	if (rc < 0)
		return rc;
	if (json_object_get(params, "name") == NULL)
		return err_set(err, EINVAL, "a NAME is missing");
	if (json_object_get(params, "type") == NULL)
		return err_set(err, EINVAL, "a type is missing (type macvlan, say)");
	return 0;
}

/** [dev] NAME */
static int take_name(struct words *w, json_t *params, struct err *err)
{
	if (take_if(w, "dev") && w->n == 0)
		return err_set(err, EINVAL, "a name is missing after 'dev'");
	if (w->n == 0)
		return err_set(err, EINVAL, "a NAME is missing");
	if (w->next[0][0] == '-')
		return unexpected_word(w->next[0], err);
	return put_text(params, "name", take_word(w), err);
}

PARSER(parse_link_set)
{
	struct words w = {argc, argv};
	int rc = take_name(&w, params, err);

	(void)o;
	if (rc == 0 && w.n == 0)
		return err_set(err, EINVAL, "there is nothing to set");
	while (w.n > 0 && rc >= 0) {
		rc = take_option(&w, params, err);
		if (rc != 0)
			continue;
		if (take_if(&w, "macaddr"))
			rc = take_macaddr(&w, false, params, err);
		else if (take_if(&w, "type"))
			rc = take_value(&w, "type", "type", params, err);
		else
			rc = unexpected_word(w.next[0], err);
	}
	return rc < 0 ? rc : 0;
}

PARSER(parse_link_del)
{
	struct words w = {argc, argv};
	int rc = take_name(&w, params, err);

	(void)o;
	return rc == 0 && w.n > 0 ? unexpected_word(w.next[0], err) : rc;
}
