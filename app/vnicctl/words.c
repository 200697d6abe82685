/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "words.h"

int unexpected_word(const char *word, struct err *err)
{
	return err_set(err, EINVAL, "unexpected '%s'%s", word,
		       word[0] == '-' ? "; options go before the object" : "");
}

bool take_if(struct words *w, const char *word)
{
	if (w->n == 0 || strcmp(w->next[0], word) != 0)
		return false;
	take_word(w);
	return true;
}

int put_text(json_t *params, const char *name, const char *text, struct err *err)
{
	json_t *value = json_string(text);

	if (json_object_get(params, name) != NULL) {
		json_decref(value);
		return err_set(err, EINVAL, "the %s is there twice", name);
	}
	if (value == NULL)
		return err_set(err, EINVAL, "the %s is not UTF-8 text", name);
	return json_object_set_new(params, name, value) < 0 ? err_set(err, ENOMEM, "out of memory")
							    : 0;
}

int take_value(struct words *w, const char *key, const char *name, json_t *params, struct err *err)
{
	const char *value = take_word(w);

	if (value == NULL)
		return err_set(err, EINVAL, "a value is missing after '%s'", key);
	return put_text(params, name, value, err);
}
