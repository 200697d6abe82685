/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <event2/buffer.h>

#include "ctl/rpc_message.h"

/** @p text as a JSON string. A text that was cut inside of a character is no UTF-8 any more. */
static json_t *text_to_json(const char *text)
{
	json_t *s = json_string(text);
	char plain[sizeof(((struct err *)0)->text)];

	if (s != NULL)
		return s;
	snprintf(plain, sizeof(plain), "%s", text);
	for (char *p = plain; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return json_string(plain);
}

/** {"jsonrpc":"2.0", KEY: value, "id": id}; takes the reference to @p value. */
static json_t *message(const json_t *id, const char *key, json_t *value)
{
	/* "O" counts a reference on the id, which is all that changes about it. */
	return json_pack("{s:s, s:o, s:O?}", "jsonrpc", "2.0", key, value, "id", (json_t *)id);
}

json_t *rpc_error(const json_t *id, enum rpc_code rpc_code, int code, const char *text)
{
	json_t *e = json_pack("{s:i, s:o}", "code", (int)rpc_code, "message", text_to_json(text));

	if (e != NULL && code != 0)
		(void)json_object_set_new(e, "data", json_pack("{s:s}", "errno", err_name(code)));
	return message(id, "error", e);
}

static json_t *error_of(const json_t *id, const struct err *e)
{
	if (e->code == RPC_EPARAMS)
		return rpc_error(id, RPC_INVALID_PARAMS, EINVAL, e->text);
	if (e->code == 0)
		return rpc_error(id, RPC_INTERNAL_ERROR, 0, "the method failed without a reason");
	return rpc_error(id, RPC_REFUSED, e->code, e->text);
}

static const struct rpc_method *find_method(const struct rpc_method *methods, size_t n,
					    const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

/** What is wrong with the form of @p request, or NULL. */
static const char *form_error(const json_t *request)
{
	const json_t *id = json_object_get(request, "id");
	const json_t *params = json_object_get(request, "params");
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));

	if (!json_is_object(request))
		return "invalid request: not an object";
	if (version == NULL || strcmp(version, "2.0") != 0)
		return "invalid request: \"jsonrpc\" must be \"2.0\"";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "invalid request: \"id\" must be a string or a number";
	if (!json_is_string(json_object_get(request, "method")))
		return "invalid request: \"method\" must be a string";
	if (params != NULL && !json_is_object(params) && !json_is_array(params))
		return "invalid request: \"params\" must be an object";
	return NULL;
}

static json_t *call(const struct rpc_method *m, void *arg, const json_t *id, const json_t *params)
{
	struct err e = {0};
	json_t *result;

	if (json_is_array(params) && json_array_size(params) == 0)
		params = NULL;
	if (json_is_array(params))
		return rpc_error(id, RPC_INVALID_PARAMS, EINVAL,
				 "parameters go by name: \"params\" must be an object");
	result = m->call(params, arg, &e);
	return result != NULL ? message(id, "result", result) : error_of(id, &e);
}

json_t *rpc_answer(const struct rpc_method *methods, size_t n_methods, void *arg,
		   const json_t *request)
{
	const char *wrong = form_error(request);
	const json_t *id = json_object_get(request, "id");
	const struct rpc_method *m;
	const char *name;
	json_t *answer;

	if (wrong != NULL)
		return rpc_error(json_is_string(id) || json_is_number(id) ? id : NULL,
				 RPC_INVALID_REQUEST, 0, wrong);
	name = json_string_value(json_object_get(request, "method"));
	m = find_method(methods, n_methods, name);
	if (m != NULL) {
		answer = call(m, arg, id, json_object_get(request, "params"));
	} else {
		char text[128];

		snprintf(text, sizeof(text), "method not found: '%.64s'", name);
		answer = rpc_error(id, RPC_METHOD_NOT_FOUND, 0, text);
	}
	if (id == NULL) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}

/** Where an answer is written to: jansson hands it over in tokens, the buffer takes blocks. */
struct sink {
	struct evbuffer *to;
	size_t room; /* bytes that may still come */
	size_t n;
	char block[4096];
};

static int sink_flush(struct sink *s)
{
	int ret = evbuffer_add(s->to, s->block, s->n);

	s->n = 0;
	return ret;
}

static int sink_write(const char *bytes, size_t len, void *arg)
{
	struct sink *s = arg;

	if (len > s->room)
		return -1;
	s->room -= len;
	while (len > 0) {
		size_t part = sizeof(s->block) - s->n;

		if (part > len)
			part = len;
		memcpy(s->block + s->n, bytes, part);
		s->n += part;
		bytes += part;
		len -= part;
		if (s->n == sizeof(s->block) && sink_flush(s) < 0)
			return -1;
	}
	return 0;
}

struct evbuffer *rpc_to_buffer(const json_t *message, size_t room)
{
	struct sink s = {.to = evbuffer_new(), .room = room};

	if (s.to == NULL || message == NULL)
		goto fail;
	if (json_dump_callback(message, sink_write, &s, JSON_COMPACT) == 0 && sink_flush(&s) == 0)
		return s.to;
fail:
	if (s.to != NULL)
		evbuffer_free(s.to);
	return NULL;
}

/** The parameter @p name, or NULL when it is absent or null. */
static const json_t *param(const json_t *params, const char *name)
{
	const json_t *p = json_object_get(params, name);

	return json_is_null(p) ? NULL : p;
}

int rpc_param_string(const json_t *params, const char *name, const char **out, struct err *err)
{
	const json_t *p = param(params, name);

	if (p == NULL)
		return 0;
	if (!json_is_string(p))
		return err_set(err, RPC_EPARAMS, "parameter '%s' must be a string", name);
	*out = json_string_value(p);
	return 0;
}

int rpc_need_string(const json_t *params, const char *name, const char **out, struct err *err)
{
	const char *value = NULL;
	int ret = rpc_param_string(params, name, &value, err);

	if (ret < 0)
		return ret;
	if (value == NULL || value[0] == '\0')
		return err_set(err, RPC_EPARAMS, "parameter '%s' is missing", name);
	*out = value;
	return 0;
}

int rpc_param_bool(const json_t *params, const char *name, bool *out, struct err *err)
{
	const json_t *p = param(params, name);

	if (p == NULL)
		return 0;
	if (!json_is_boolean(p))
		return err_set(err, RPC_EPARAMS, "parameter '%s' must be true or false", name);
	*out = json_is_true(p);
	return 0;
}

int rpc_param_int(const json_t *params, const char *name, json_int_t min, json_int_t max,
		  json_int_t *out, struct err *err)
{
	const json_t *p = param(params, name);

	if (p == NULL)
		return 0;
	if (!json_is_integer(p) || json_integer_value(p) < min || json_integer_value(p) > max)
		return err_set(err, RPC_EPARAMS,
			       "parameter '%s' must be an integer from %" JSON_INTEGER_FORMAT
			       " to %" JSON_INTEGER_FORMAT,
			       name, min, max);
	*out = json_integer_value(p);
	return 0;
}

int rpc_params_known(const json_t *params, const char *const names[], struct err *err)
{
	/* Iteration doesn't change the object; jansson merely has no const variant of it. */
	json_t *object = (json_t *)params;

	for (void *it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		const char *key = json_object_iter_key(it);
		size_t i = 0;

		while (names[i] != NULL && strcmp(names[i], key) != 0)
			i++;
		if (names[i] == NULL)
			return err_set(err, RPC_EPARAMS, "unknown parameter '%.64s'", key);
	}
	return 0;
}
