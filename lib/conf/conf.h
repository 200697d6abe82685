/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `struct conf`: what the operator wants, as a value.
 *
 * conf_load() makes one from a vnic.ini, vnicctl's commands make a changed copy
 * of the running one, and the runtime (lib/ctl/runtime.c) makes reality follow the
 * difference. Nothing here knows DPDK, the kernel or a running forwarder; nothing
 * here needs a privilege. `dpdk-vnic --check` is conf_load() and kinds_check().
 *
 * A conf owns all its strings and lists (one arena; freed together). It belongs
 * to the main thread; nobody changes one that was handed to the runtime.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"
#include "net/mac.h"

#define CONF_MAX_PORTS		64
#define CONF_MAX_LEARN		1024 /**< addresses of one family that one vnic may be learnt to have */
#define CONF_MAX_VNICS		65000
#define CONF_MAX_WORKERS	128
#define CONF_MAX_ADDRESSES	(1u << 20) /**< of all vnics together: `count` multiplies them */
#define CONF_MAX_FILE		(16u << 20) /**< bytes of a vnic.ini */
#define CONF_MAX_ERRORS		1000 /**< told of one file; then conf_load() gives up */
#define CONF_NAME_LEN		32 /**< a name with its NUL */
#define CONF_MIN_MTU		68 /**< Linux: ETH_MIN_MTU */
#define CONF_MAX_MTU		65535
#define CONF_MAX_QUEUES		64
#define CONF_DEFAULT_BCQUEUELEN 1000 /**< Linux: MACVLAN_DEFAULT_BC_QUEUE_LEN */

enum endpoint_type { ENDPOINT_NONE, ENDPOINT_DEV, ENDPOINT_TAP, ENDPOINT_VHOST };

/** `TYPE:TARGET[,key=value…]`, taken apart (docs/configuration.md). */
struct endpoint_conf {
	enum endpoint_type type;
	const char *spec; /**< as written, after %d was filled in; what `show` tells */
	/** dev: devargs with all their keys; tap: interface name; vhost: path; none: "" */
	const char *target;
	const char *netns; /**< tap: name, PID or absolute path; NULL: our own namespace */
	uint16_t queues; /**< tap, vhost: `queues=`; 0: not given */
	bool client; /**< vhost: client=1 */
	bool has_mode; /**< vhost: `mode=` was given */
	bool no_packed, no_mrg, no_offload; /**< vhost: packed=0, mrg=0, offload=0: not offered */
	uint16_t mode; /**< vhost: of the socket's file */
	const char *owner; /**< vhost: USER, USER:GROUP or :GROUP of the file; NULL: not given */
};

enum promisc { PROMISC_AUTO, PROMISC_OFF, PROMISC_ON };

/** Lcores by number; `all` means every worker. */
struct lcore_set {
	bool all;
	uint64_t bits[CONF_MAX_WORKERS / 64];
};

struct port_conf {
	const char *name;
	int line; /**< of its section header; 0 when it came from vnicctl */
	struct endpoint_conf device;
	uint64_t mac; /**< 0: auto, the device's own */
	uint32_t mtu; /**< default 1500 */
	uint16_t queues; /**< rx queues; 0: auto, one per worker where the device can */
	struct lcore_set workers;
	enum promisc promisc;
	bool has_host;
	struct endpoint_conf host;
	bool host_reach;
	const struct ip_prefix *addresses; /**< the forwarder's own (ipvlan l3) */
	size_t n_addresses;
	const struct ip_route *routes;
	size_t n_routes;
	bool proxy_arp; /**< answer the wire's ARP and ND for l3 vnics */
	bool host_routes; /**< follow the host endpoint's routes and neighbours, too */
};

enum vnic_type { VNIC_MACVLAN, VNIC_MACVTAP, VNIC_IPVLAN, VNIC_IPVTAP, VNIC_VETH };

/** Modes of macvlan and macvtap (the kernel's words), then of ipvlan and ipvtap. */
enum vnic_mode {
	MODE_NONE, /**< veth */
	MODE_PRIVATE,
	MODE_VEPA,
	MODE_BRIDGE,
	MODE_PASSTHRU,
	MODE_SOURCE,
	MODE_L2,
	MODE_L3,
	MODE_L3S,
};

static inline bool vnic_is_ipvlan(enum vnic_type t)
{
	return t == VNIC_IPVLAN || t == VNIC_IPVTAP;
}

/** `flags =`; macvlan's two, then ipvlan's three. */
#define VNIC_F_NOPROMISC (1u << 0)
#define VNIC_F_NODST	 (1u << 1)
#define VNIC_F_BRIDGE	 (1u << 2)
#define VNIC_F_PRIVATE	 (1u << 3)
#define VNIC_F_VEPA	 (1u << 4)

enum spoofcheck { SPOOFCHECK_OFF, SPOOFCHECK_MAC, SPOOFCHECK_IP };
/** Does the endpoint of an l3 vnic ask for neighbours? AUTO: a tap doesn't, as the kernel's own. */
enum arp { ARP_AUTO, ARP_ON, ARP_OFF };

/** What becomes of an ipvlan owner's frames whose source MAC isn't the port's. */
enum mac_policy { MAC_PASS, MAC_STRICT, MAC_NAT };

enum multicast { MULTICAST_AUTO, MULTICAST_ALL, MULTICAST_LIST };

/** One vnic. `count = N` was expanded: N of these, numbered, with everything counted up. */
struct vnic_conf {
	const char *name;
	const char *port; /**< NULL: veth */
	int line;
	enum vnic_type type;
	enum vnic_mode mode;
	uint32_t flags; /**< VNIC_F_… */
	/** Always set; the default is made from port and name (ipvlan, passthru: 0, the port's). */
	uint64_t mac;
	bool mac_given; /**< written by the operator */
	uint32_t mtu; /**< 0: the port's (veth: 1500) */
	const struct ip_range *addresses;
	size_t n_addresses;
	const uint64_t *sources; /**< source mode's allow list, as written, without doubles */
	size_t n_sources;
	const char *peer; /**< veth */
	struct endpoint_conf endpoint;
	uint16_t queues; /**< at least 1; `queues =` of the vnic or of its endpoint */
	struct lcore_set workers;
	bool up;
	enum spoofcheck spoofcheck;
	enum arp arp; /**< ipvlan */
	enum mac_policy mac_policy; /**< ipvlan */
	uint32_t
		learn; /**< ipvlan: addresses of each family that it may be learnt to have; 0: off */
	bool dhcp; /**< ipvlan: match DHCP replies to it */
	bool announce; /**< tell the wire of its addresses, when they appear or move */
	enum multicast multicast;
	const uint64_t *groups; /**< MULTICAST_LIST */
	size_t n_groups;
	uint32_t bcqueuelen;
	int32_t bclim;
};

struct global_conf {
	const char *control; /**< socket path; default /run/dpdk-vnic.sock */
	const char *metrics; /**< "ADDR:PORT", or NULL: off */
	bool idle_adaptive;
	uint32_t mbufs; /**< per NUMA node; 0: auto */
	uint32_t mbuf_size; /**< data room with headroom; default 2176 */
};

struct conf {
	struct global_conf global;
	struct port_conf *ports;
	size_t n_ports;
	struct vnic_conf *vnics;
	size_t n_vnics;
	struct arena *arena; /**< conf.c's own; NULL in a conf that a test made by hand */
	struct names *names; /**< conf.c's own, for the getters; NULL: they search */
};

/** A conf with all defaults and no port or vnic. */
struct conf *conf_create(void);

/**
 * Reads and checks @p path: syntax, keys, values, ranges, names, references
 * between sections, and what this build can't do yet. Every error of the file is
 * added to @p es, in the order of lines.
 * @param check  adds to @p es what else is wrong with the whole: what the kernel would
 *               refuse of the combination is kinds_check()'s (lib/fwd/kind.h), which this
 *               layer doesn't know. It also sees a conf in which errors were found already,
 *               less what they were about. NULL: nothing
 * @return the conf, to be freed by the caller, or NULL when an error was added
 */
struct conf *conf_load(const char *path, struct errors *es,
		       void (*check)(const struct conf *c, struct errors *es));

/** @p c may be NULL. */
void conf_free(struct conf *c);

/** Getters: a pointer into @p c, or NULL. Constant time: a reload asks for every name. */
const struct port_conf *conf_port(const struct conf *c, const char *name);
const struct vnic_conf *conf_vnic(const struct conf *c, const char *name);

/** Equal in all that only a new endpoint could change: type, target, namespace, client, queues. */
bool endpoint_conf_equal(const struct endpoint_conf *a, const struct endpoint_conf *b);
bool port_conf_equal(const struct port_conf *a, const struct port_conf *b);
bool vnic_conf_equal(const struct vnic_conf *a, const struct vnic_conf *b);
bool global_conf_equal(const struct global_conf *a, const struct global_conf *b);

/** May lcore @p lcore serve this? */
static inline bool lcore_set_has(const struct lcore_set *s, unsigned int lcore)
{
	return s->all || (lcore < CONF_MAX_WORKERS && (s->bits[lcore / 64] >> lcore % 64 & 1) != 0);
}

/** The words of docs/configuration.md, for texts, JSON and errors; static strings, never NULL. */
const char *vnic_type_name(enum vnic_type t);
/** "bridge", the default, "private" or "vepa": the flag of an ipvlan port. */
const char *ipvlan_flag_name(uint32_t flags);
const char *vnic_mode_name(enum vnic_mode m);
const char *endpoint_type_name(enum endpoint_type t);

#endif /* CONF_CONF_H */
