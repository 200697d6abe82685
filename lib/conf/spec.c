/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf/spec.h"
#include "conf/words.h"

#define IFNAME_MAX   15 /* Linux: IFNAMSIZ with its NUL is 16 */
#define MAX_NUMBERS  8 /* of %d in a spec, which `count` may copy 65,000 times */
#define PID_LIMIT    (1 << 22) /* Linux: PID_MAX_LIMIT */
#define PATH_MAX_LEN (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* What is parsed: the result in the making, and which keys were there already. */
struct parsing {
	struct arena *arena;
	struct endpoint_conf ec;
	struct err *e;
	bool has_client, has_packed, has_mrg, has_offload;
};

static bool is_blank(const char *text)
{
	return strpbrk(text, " \t") != NULL;
}

/* Digits only; @max is at most 2^22 here. */
static bool parse_count(const char *text, uint32_t max, uint32_t *n)
{
	size_t len = strlen(text);

	if (len < 1 || len > 7 || strspn(text, "0123456789") != len)
		return false;
	*n = (uint32_t)strtoul(text, NULL, 10);
	return *n >= 1 && *n <= max;
}

/* ---- tap ---- */

/* Linux: dev_valid_name(), and no '%', which the kernel takes for a pattern. */
static int check_ifname(const char *name, bool numbered, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0)
		return err_set(e, EINVAL, "'tap:' needs an interface name: tap:IFNAME");
	if (n > IFNAME_MAX && !numbered)
		return err_set(e, EINVAL,
			       "'%.60s' is too long for an interface (%d characters, at most %d)",
			       name, (int)n, IFNAME_MAX);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strpbrk(name, "/:") != NULL ||
	    is_blank(name))
		return err_set(e, EINVAL,
			       "'%.60s' can't be an interface name (no '/', ':' or blank in it)",
			       name);
	return 0;
}

static int check_netns(const char *netns, struct err *e)
{
	size_t n = strlen(netns);
	uint32_t pid;

	if (n > 0 && netns[0] == '/')
		return n < 4096 ? 0 : err_set(e, EINVAL, "netns: the path is too long");
	if (n == 0 || n > 255 || strchr(netns, '/') != NULL || is_blank(netns) ||
	    strcmp(netns, ".") == 0 || strcmp(netns, "..") == 0)
		return err_set(
			e, EINVAL,
			"netns: '%.60s' is not a namespace (a name, a PID or an absolute path)",
			netns);
	if (strspn(netns, "0123456789") == n && !parse_count(netns, PID_LIMIT, &pid))
		return err_set(e, EINVAL, "netns: '%.60s' is not a PID (1 to %d)", netns,
			       PID_LIMIT);
	return 0;
}

/* ---- keys ---- */

static int set_queues(struct parsing *p, const char *value)
{
	uint32_t n;

	if (p->ec.queues != 0)
		return err_set(p->e, EINVAL, "'queues' is there twice");
	if (!parse_count(value, CONF_MAX_QUEUES, &n))
		return err_set(p->e, EINVAL, "queues: '%.40s' is not a number from 1 to %d", value,
			       CONF_MAX_QUEUES);
	p->ec.queues = (uint16_t)n;
	return 0;
}

static int set_netns(struct parsing *p, const char *value)
{
	if (p->ec.netns != NULL)
		return err_set(p->e, EINVAL, "'netns' is there twice");
	p->ec.netns = value;
	return check_netns(value, p->e);
}

static int set_client(struct parsing *p, const char *value)
{
	if (p->has_client)
		return err_set(p->e, EINVAL, "'client' is there twice");
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return err_set(p->e, EINVAL,
			       "client: '%.40s' is not 0 (we listen) or 1 (we connect)", value);
	p->has_client = true;
	p->ec.client = value[0] == '1';
	return 0;
}

static int set_mode(struct parsing *p, const char *value)
{
	size_t n = strlen(value);

	if (p->ec.has_mode)
		return err_set(p->e, EINVAL, "'mode' is there twice");
	if (n < 3 || n > 4 || strspn(value, "01234567") != n || (n == 4 && value[0] != '0'))
		return err_set(p->e, EINVAL, "mode: '%.40s' is not an octal mode (0000 to 0777)",
			       value);
	p->ec.has_mode = true;
	p->ec.mode = (uint16_t)strtoul(value, NULL, 8);
	return 0;
}

static int set_owner(struct parsing *p, const char *value)
{
	size_t n = strlen(value);
	const char *colon = strchr(value, ':');

	if (p->ec.owner != NULL)
		return err_set(p->e, EINVAL, "'owner' is there twice");
	if (n == 0 || n > 63 || strcmp(value, ":") == 0 || is_blank(value) ||
	    (colon != NULL && strchr(colon + 1, ':') != NULL))
		return err_set(p->e, EINVAL,
			       "owner: '%.60s' is not an owner (USER, USER:GROUP or :GROUP)",
			       value);
	p->ec.owner = value;
	return 0;
}

/* What guests may be offered: 1, the default, or 0. */
static int set_offer(struct parsing *p, const char *key, const char *value, bool *has, bool *no)
{
	if (*has)
		return err_set(p->e, EINVAL, "'%s' is there twice", key);
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return err_set(p->e, EINVAL, "%s: '%.40s' is not 0 (not offered) or 1", key, value);
	*has = true;
	*no = value[0] == '0';
	return 0;
}

#define VHOST_KEYS "client, queues, mode, owner, packed, mrg, offload"

static int set_vhost_key(struct parsing *p, const char *key, const char *value)
{
	if (strcmp(key, "client") == 0)
		return set_client(p, value);
	if (strcmp(key, "mode") == 0)
		return set_mode(p, value);
	if (strcmp(key, "owner") == 0)
		return set_owner(p, value);
	if (strcmp(key, "packed") == 0)
		return set_offer(p, key, value, &p->has_packed, &p->ec.no_packed);
	if (strcmp(key, "mrg") == 0)
		return set_offer(p, key, value, &p->has_mrg, &p->ec.no_mrg);
	if (strcmp(key, "offload") == 0)
		return set_offer(p, key, value, &p->has_offload, &p->ec.no_offload);
	return err_set(p->e, EINVAL, "'%.40s' is not a key of a vhost endpoint (" VHOST_KEYS ")",
		       key);
}

static int set_key(struct parsing *p, char *pair)
{
	bool tap = p->ec.type == ENDPOINT_TAP;
	char *eq = strchr(pair, '=');

	if (eq == NULL)
		return err_set(p->e, EINVAL, "'%.60s' is not key=value", pair);
	*eq++ = '\0';
	if (strcmp(pair, "queues") == 0)
		return set_queues(p, eq);
	if (strcmp(pair, "netns") == 0 && tap)
		return set_netns(p, eq);
	if (!tap)
		return set_vhost_key(p, pair, eq);
	return err_set(p->e, EINVAL, "'%.40s' is not a key of a tap endpoint (netns, queues)",
		       pair);
}

static int parse_keyed(struct parsing *p, const char *rest)
{
	char *text = arena_strndup(p->arena, rest, strlen(rest));
	char *next = strchr(text, ',');
	int err;

	p->ec.target = text;
	while (next != NULL) {
		char *pair = next + 1;

		*next = '\0';
		next = strchr(pair, ',');
		if (next != NULL)
			*next = '\0';
		err = set_key(p, pair);
		if (err != 0)
			return err;
	}
	if (p->ec.type == ENDPOINT_TAP)
		return check_ifname(p->ec.target, strchr(p->ec.target, '%') != NULL, p->e);
	if (*p->ec.target == '\0' || strlen(p->ec.target) > PATH_MAX_LEN)
		return err_set(p->e, EINVAL,
			       "'vhost:' needs a socket path of 1 to %zu bytes: vhost:PATH",
			       PATH_MAX_LEN);
	if (p->ec.client && (p->ec.has_mode || p->ec.owner != NULL))
		return err_set(p->e, EINVAL,
			       "mode and owner are for a socket of ours (client=0): whoever "
			       "listens there gives it its own");
	return 0;
}

static int parse_dev(struct parsing *p, const char *rest)
{
	if (*rest == '\0' || *rest == ',')
		return err_set(p->e, EINVAL, "'dev:' needs a device: dev:DEVARGS");
	if (is_blank(rest))
		return err_set(p->e, EINVAL, "a device can't have blanks in it: '%.60s'", rest);
	p->ec.target = arena_strndup(p->arena, rest, strlen(rest));
	return 0;
}

static int check_percents(const char *text, struct err *e)
{
	unsigned int n = 0;

	for (; *text != '\0'; text++) {
		if (*text != '%')
			continue;
		if (text[1] != 'd')
			return err_set(e, EINVAL, "only %%d is possible, no other %%: '%.20s'",
				       text);
		if (++n > MAX_NUMBERS)
			return err_set(e, EINVAL, "%%d is there more than %d times", MAX_NUMBERS);
	}
	return 0;
}

/* PCI addresses and bus names have colons, too, so only what is a type counts as one. */
static int parse_typed(struct parsing *p, const char *text, bool bare_dev)
{
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	char *word = arena_strndup(p->arena, text, n);
	int type = ENDPOINT_DEV;

	if (strcmp(word, "kni") == 0)
		return err_set(p->e, EINVAL,
			       "KNI was removed from DPDK in 23.11; tap:IFNAME takes its place, or "
			       "dev:net_virtio_user0,path=/dev/vhost-net,iface=IFNAME");
	if (words_find(words_endpoint_type, word, &type) &&
	    (colon != NULL) != (type == ENDPOINT_NONE)) {
		p->ec.type = (enum endpoint_type)type;
		if (type == ENDPOINT_NONE)
			return 0;
		return type == ENDPOINT_DEV ? parse_dev(p, colon + 1) : parse_keyed(p, colon + 1);
	}
	if (strcmp(word, "none") == 0)
		return err_set(p->e, EINVAL, "'none' has nothing behind it");
	if (words_find(words_endpoint_type, word, &type) || !bare_dev)
		return err_set(
			p->e, EINVAL,
			"'%.60s' is not an endpoint (dev:DEVARGS, tap:IFNAME, vhost:PATH, none)",
			text);
	p->ec.type = ENDPOINT_DEV;
	return parse_dev(p, text);
}

int spec_parse(struct arena *a, const char *text, bool bare_dev, struct endpoint_conf *out,
	       struct err *e)
{
	struct parsing p = {.arena = a, .e = e};
	int err;

	p.ec.spec = arena_strndup(a, text, strlen(text));
	p.ec.target = "";
	err = check_percents(text, e);
	if (err == 0)
		err = parse_typed(&p, text, bare_dev);
	if (err == 0)
		*out = p.ec;
	return err;
}

/* ---- numbers ---- */

bool spec_is_numbered(const struct endpoint_conf *ec)
{
	return strchr(ec->spec, '%') != NULL;
}

static const char *number(struct arena *a, const char *text, uint32_t n)
{
	const char *percent;

	while (text != NULL && (percent = strstr(text, "%d")) != NULL)
		text = arena_printf(a, "%.*s%u%s", (int)(percent - text), text, n, percent + 2);
	return text;
}

int spec_number(struct arena *a, const struct endpoint_conf *ec, uint32_t n,
		struct endpoint_conf *out, struct err *e)
{
	struct endpoint_conf r = *ec;
	int err = 0;

	r.spec = number(a, ec->spec, n);
	r.target = number(a, ec->target, n);
	r.netns = number(a, ec->netns, n);
	if (r.type == ENDPOINT_TAP)
		err = check_ifname(r.target, false, e);
	if (err == 0 && r.netns != NULL)
		err = check_netns(r.netns, e);
	if (err == 0 && r.type == ENDPOINT_VHOST && strlen(r.target) > PATH_MAX_LEN)
		err = err_set(e, EINVAL, "'%.60s' is too long for a socket (at most %zu bytes)",
			      r.target, PATH_MAX_LEN);
	if (err == 0)
		*out = r;
	return err;
}

/* ---- resources ---- */

/* "3b:00.0" is "0000:3b:00.0". */
static bool is_short_pci(const char *name)
{
	return strlen(name) == 7 && isxdigit((unsigned char)name[0]) &&
	       isxdigit((unsigned char)name[1]) && name[2] == ':' &&
	       isxdigit((unsigned char)name[3]) && isxdigit((unsigned char)name[4]) &&
	       name[5] == '.';
}

static const char *dev_resource(struct arena *a, const char *target)
{
	size_t n = strcspn(target, ",");
	char *name;

	/* "class=eth,mac=…" has no name in front. */
	if (strcspn(target, "=") < n)
		n = strlen(target);
	name = arena_strndup(a, target, n);
	return is_short_pci(name) ? arena_printf(a, "0000:%s", name) : name;
}

/* `ip netns` names are files there, by either name of the folder. */
static const char *netns_resource(const char *netns)
{
	static const char *const folders[] = {"/run/netns/", "/var/run/netns/"};

	for (size_t i = 0; i < 2; i++)
		if (strncmp(netns, folders[i], strlen(folders[i])) == 0)
			return netns + strlen(folders[i]);
	return netns;
}

const char *spec_resource(struct arena *a, const struct endpoint_conf *ec)
{
	switch (ec->type) {
	case ENDPOINT_DEV:
		return dev_resource(a, ec->target);
	case ENDPOINT_VHOST:
		return ec->target;
	case ENDPOINT_TAP:
		if (ec->netns == NULL)
			return ec->target;
		return arena_printf(a, "%s in namespace %s", ec->target, netns_resource(ec->netns));
	case ENDPOINT_NONE:
		break;
	}
	return NULL;
}
