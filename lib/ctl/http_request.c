/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/http_request.h"

/** Bytes of the request, without a NUL behind them. */
struct span {
	const char *p;
	size_t n;
};

static bool is(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

static bool has_prefix(struct span s, const char *prefix)
{
	return s.n >= strlen(prefix) && memcmp(s.p, prefix, strlen(prefix)) == 0;
}

/* Do the headers end here, with an empty line? A bare LF ends a line, too (RFC 9112, 2.2). */
static bool has_end(const char *data, size_t len)
{
	const char *end = data + len, *lf = data;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		lf++;
		if ((end - lf >= 1 && lf[0] == '\n') ||
		    (end - lf >= 2 && lf[0] == '\r' && lf[1] == '\n'))
			return true;
	}
	return false;
}

/* Takes what stands before the first @sep off @s; all of it when there is none. */
static struct span cut(struct span *s, char sep)
{
	const char *at = memchr(s->p, sep, s->n);
	struct span word = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};
	size_t taken = word.n + (at != NULL ? 1 : 0);

	s->p += taken;
	s->n -= taken;
	return word;
}

/* The path of a target: "/metrics?x", or of what a proxy is asked, "http://host/metrics". */
static struct span path_of(struct span target)
{
	if (has_prefix(target, "http://")) {
		target.p += 7;
		target.n -= 7;
		cut(&target, '/');
		target.p--; /* the slash, or what came before the end: no path begins with that */
		target.n++;
	}
	return cut(&target, '?');
}

static bool is_version(struct span s)
{
	return s.n == 8 && s.p[5] >= '0' && s.p[5] <= '9' && s.p[6] == '.' && s.p[7] >= '0' &&
	       s.p[7] <= '9' && has_prefix(s, "HTTP/");
}

enum http_status http_request_parse(const char *data, size_t len, const char *path,
				    struct http_request *r)
{
	struct span rest = {data, len}, line, method, target;

	*r = (struct http_request){0};
	if (len == 0 || !has_end(data, len))
		return HTTP_INCOMPLETE;
	line = cut(&rest, '\n');
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	method = cut(&line, ' ');
	target = cut(&line, ' ');
	/* What is left is the version, and has no blank in it. */
	if (method.n == 0 || target.n == 0 || !is_version(line))
		return HTTP_BAD_REQUEST;
	if (line.p[5] != '1')
		return HTTP_BAD_VERSION;
	r->is_head = is(method, "HEAD");
	if (!is(path_of(target), path))
		return HTTP_NOT_FOUND;
	return r->is_head || is(method, "GET") ? HTTP_OK : HTTP_BAD_METHOD;
}

const char *http_status_text(enum http_status status)
{
	switch (status) {
	case HTTP_OK:
		return "OK";
	case HTTP_BAD_REQUEST:
		return "Bad Request";
	case HTTP_NOT_FOUND:
		return "Not Found: the page is /metrics";
	case HTTP_BAD_METHOD:
		return "Method Not Allowed";
	case HTTP_HEAD_TOO_LONG:
		return "Request Header Fields Too Large";
	case HTTP_UNAVAILABLE:
		return "Service Unavailable";
	case HTTP_BAD_VERSION:
		return "HTTP Version Not Supported";
	case HTTP_INCOMPLETE:
		break;
	}
	return "";
}
