/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running configuration as text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/save.h"
#include "ctl/commands_ip.h"

json_t *command_config_show(const json_t *params, void *arg, struct err *err)
{
	static const char *const known[] = {NULL};
	json_t *result;
	char *text;

	if (rpc_params_known(params, known, err) != 0)
		return NULL;
	text = save_text(command_runtime(arg)->conf);
	if (text != NULL && strlen(text) > CONF_MAX_FILE) {
		free(text);
		err_set(err, EFBIG, "the text is longer than a vnic.ini can be, %u MiB (EFBIG)",
			CONF_MAX_FILE >> 20);
		return NULL;
	}
	result = text != NULL ? json_pack("{s:s}", "text", text) : NULL;
	if (text == NULL)
		err_set(err, ENOMEM, "no memory for the text");
	else if (result == NULL)
		err_set(err, EILSEQ, "some value of the configuration is not UTF-8 (EILSEQ)");
	free(text);
	return result;
}
