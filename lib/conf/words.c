/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/words.h"

const struct word words_on_off[] = {{"off", false}, {"on", true}, {NULL, 0}};
const struct word words_up_down[] = {{"up", true}, {"down", false}, {NULL, 0}};
const struct word words_idle[] = {{"poll", false}, {"adaptive", true}, {NULL, 0}};
const struct word words_promisc[] = {
	{"auto", PROMISC_AUTO}, {"off", PROMISC_OFF}, {"on", PROMISC_ON}, {NULL, 0}};
const struct word words_spoofcheck[] = {
	{"off", SPOOFCHECK_OFF}, {"mac", SPOOFCHECK_MAC}, {"ip", SPOOFCHECK_IP}, {NULL, 0}};
const struct word words_arp[] = {{"auto", ARP_AUTO}, {"on", ARP_ON}, {"off", ARP_OFF}, {NULL, 0}};
const struct word words_mac_policy[] = {
	{"pass", MAC_PASS}, {"strict", MAC_STRICT}, {"macnat", MAC_NAT}, {NULL, 0}};
const struct word words_vnic_type[] = {{"macvlan", VNIC_MACVLAN}, {"macvtap", VNIC_MACVTAP},
				       {"ipvlan", VNIC_IPVLAN},	  {"ipvtap", VNIC_IPVTAP},
				       {"veth", VNIC_VETH},	  {NULL, 0}};
const struct word words_macvlan_mode[] = {{"private", MODE_PRIVATE}, {"vepa", MODE_VEPA},
					  {"bridge", MODE_BRIDGE},   {"passthru", MODE_PASSTHRU},
					  {"source", MODE_SOURCE},   {NULL, 0}};
const struct word words_ipvlan_mode[] = {
	{"l2", MODE_L2}, {"l3", MODE_L3}, {"l3s", MODE_L3S}, {NULL, 0}};
const struct word words_macvlan_flag[] = {
	{"nopromisc", VNIC_F_NOPROMISC}, {"nodst", VNIC_F_NODST}, {NULL, 0}};
const struct word words_ipvlan_flag[] = {
	{"bridge", VNIC_F_BRIDGE}, {"private", VNIC_F_PRIVATE}, {"vepa", VNIC_F_VEPA}, {NULL, 0}};
const struct word words_endpoint_type[] = {{"dev", ENDPOINT_DEV},
					   {"vhost", ENDPOINT_VHOST},
					   {"tap", ENDPOINT_TAP},
					   {"none", ENDPOINT_NONE},
					   {NULL, 0}};

bool words_find(const struct word *words, const char *text, int *value)
{
	for (; words->text != NULL; words++)
		if (strcmp(words->text, text) == 0) {
			*value = words->value;
			return true;
		}
	return false;
}

const char *words_name(const struct word *words, int value, const char *none)
{
	for (; words->text != NULL; words++)
		if (words->value == value)
			return words->text;
	return none;
}

const char *words_list(const struct word *words, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const struct word *w = words; w->text != NULL && n < len; w++) {
		int r = snprintf(buf + n, len - n, "%s%s", w == words ? "" : ", ", w->text);

		n += r > 0 ? (size_t)r : 0;
	}
	return buf;
}

const char *vnic_type_name(enum vnic_type t)
{
	return words_name(words_vnic_type, (int)t, "unknown");
}

const char *vnic_mode_name(enum vnic_mode m)
{
	return words_name(words_macvlan_mode, (int)m,
			  words_name(words_ipvlan_mode, (int)m, "none"));
}

const char *ipvlan_flag_name(uint32_t flags)
{
	return words_name(words_ipvlan_flag, (int)(flags & (VNIC_F_PRIVATE | VNIC_F_VEPA)),
			  "bridge");
}

const char *endpoint_type_name(enum endpoint_type t)
{
	return words_name(words_endpoint_type, (int)t, "unknown");
}
