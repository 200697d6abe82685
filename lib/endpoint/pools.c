/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <sched.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "endpoint/pools.h"
#include "endpoint/types.h"

/*
 * Wide mbufs, for super-frames: four hold one, where it takes 32 others. A quarter of what a frame may have,
 * because NICs have limits of a segment: 16 KiB less one byte is the least common one (i40e, vmxnet3).
 */
#define WIDE_SIZE 16384
#define MAX_WIDE  1024

/*
 * A worker's cache of them holds this part of the pool: more than a burst of super-frames takes and gives back.
 * With less, as a 64th of a pool of 512 would be, each burst goes through the whole pool in turn, none of which is in the
 * core's cache then: 18,000 cycles a super-frame instead of 14,000.
 */
#define WIDE_CACHES 16

/* Pools of single devices, open and retired; a few more than there can be ethdevs. */
#define MAX_OWN_POOLS 64

struct own_pool {
	struct rte_mempool *pool; /* NULL: free entry */
	unsigned int held; /* kept for ever by a closed driver */
	bool retired;
};

static struct pool_conf conf = {.n_mbufs = 16384, .mbuf_size = 2176};
static struct rte_mempool *pools[RTE_MAX_NUMA_NODES];
static struct rte_mempool *wide_pools[RTE_MAX_NUMA_NODES];
static struct own_pool own_pools[MAX_OWN_POOLS];

void pools_configure(const struct pool_conf *c)
{
	conf = *c;
}

int pool_socket(int socket)
{
	bool numa = numa_available() >= 0;

	if (socket < 0)
		socket = (int)rte_socket_id();
	if (socket < 0 && numa)
		socket = numa_node_of_cpu(sched_getcpu());
	if (socket < 0 || socket >= RTE_MAX_NUMA_NODES)
		return 0;
	/* A device behind a socket without memory is served from one that has some. */
	if (numa && (socket > numa_max_node() || numa_node_size64(socket, NULL) <= 0))
		return 0;
	return socket;
}

/* Half of what a worker may hoard must leave the others enough; small pools go with small caches. */
static unsigned int cache_size(uint32_t n)
{
	return RTE_MIN(n / 64, (uint32_t)RTE_MEMPOOL_CACHE_MAX_SIZE);
}

static struct rte_mempool *create_sized(const char *name, uint32_t n, unsigned int cache,
					uint32_t room, int socket, struct err *err)
{
	uint32_t elt = (uint32_t)sizeof(struct rte_mbuf) + room;
	uint64_t bytes = (uint64_t)n * rte_mempool_calc_obj_size(elt, 0, NULL);
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create(name, n, cache, 0, (uint16_t)room, socket);

	if (pool == NULL)
		err_set(err, rte_errno == 0 ? ENOMEM : rte_errno,
			"no memory for %" PRIu32 " mbufs of %" PRIu32 " bytes on NUMA node %d: "
			"%" PRIu64 " MiB wanted (%s); lower mbufs= or mbuf-size= in [global], or "
			"give EAL more: -m MB with --no-huge, else more hugepages on that node",
			n, room, socket, (bytes >> 20) + 1, rte_strerror(rte_errno));
	return pool;
}

static struct rte_mempool *create(const char *name, uint32_t n, int socket, struct err *err)
{
	return create_sized(name, n, cache_size(n), RTE_MIN(conf.mbuf_size, (uint32_t)UINT16_MAX),
			    socket, err);
}

struct rte_mempool *pool_get(int socket, struct err *err)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	socket = pool_socket(socket);
	if (pools[socket] == NULL) {
		snprintf(name, sizeof(name), "vnic_mbufs_%d", socket);
		pools[socket] = create(name, conf.n_mbufs, socket, err);
	}
	return pools[socket];
}

struct rte_mempool *pool_get_wide(int socket)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct err ignored = {0};
	uint32_t n;

	socket = pool_socket(socket);
	if (wide_pools[socket] == NULL && conf.mbuf_size < WIDE_SIZE) {
		snprintf(name, sizeof(name), "vnic_wide_%d", socket);
		n = RTE_MIN(conf.n_mbufs / 16, (uint32_t)MAX_WIDE);
		wide_pools[socket] =
			create_sized(name, n, n / WIDE_CACHES, WIDE_SIZE, socket, &ignored);
	}
	return wide_pools[socket];
}

/* Frees what nobody but a closed driver still holds; @p all: at the end, when nobody is left. */
static void free_retired(bool all)
{
	for (size_t i = 0; i < MAX_OWN_POOLS; i++) {
		struct own_pool *o = &own_pools[i];

		if (o->pool == NULL || (!all && !o->retired))
			continue;
		if (!all && rte_mempool_in_use_count(o->pool) > o->held)
			continue;
		rte_mempool_free(o->pool);
		*o = (struct own_pool){0};
	}
}

struct rte_mempool *pool_create_own(const char *name, uint32_t n, int socket, struct err *err)
{
	static unsigned int serial; /* a retired pool keeps its name while it lives */
	char pool_name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;
	size_t i;

	free_retired(false);
	for (i = 0; i < MAX_OWN_POOLS && own_pools[i].pool != NULL; i++)
		;
	if (i == MAX_OWN_POOLS) {
		err_set(err, ENOSPC, "%s: frames of %d closed devices still wait elsewhere", name,
			MAX_OWN_POOLS);
		return NULL;
	}
	snprintf(pool_name, sizeof(pool_name), "vnic_own_%u", serial++);
	pool = create(pool_name, n, pool_socket(socket), err);
	if (pool != NULL && pool->nb_mem_chunks != 1) {
		rte_mempool_free(pool);
		err_set(err, ENOMEM, "%s: no %u mbufs in one piece of memory; give EAL more", name,
			n);
		return NULL;
	}
	own_pools[i].pool = pool;
	return pool;
}

void pool_retire_own(struct rte_mempool *pool, unsigned int held)
{
	for (size_t i = 0; i < MAX_OWN_POOLS; i++)
		if (pool != NULL && own_pools[i].pool == pool) {
			own_pools[i].held = held;
			own_pools[i].retired = true;
		}
	free_retired(false);
}

unsigned int pools_in_use(void)
{
	unsigned int n = 0;

	free_retired(false);
	for (size_t i = 0; i < RTE_DIM(pools); i++)
		if (pools[i] != NULL)
			n += rte_mempool_in_use_count(pools[i]);
	for (size_t i = 0; i < RTE_DIM(wide_pools); i++)
		if (wide_pools[i] != NULL)
			n += rte_mempool_in_use_count(wide_pools[i]);
	for (size_t i = 0; i < MAX_OWN_POOLS; i++)
		if (own_pools[i].pool != NULL)
			n += rte_mempool_in_use_count(own_pools[i].pool) - own_pools[i].held;
	return n;
}

void pools_free(void)
{
	/* Devices that EAL was given stay stopped between two uses and may hold mbufs. */
	dev_close_given();
	free_retired(true);
	for (size_t i = 0; i < RTE_DIM(pools); i++) {
		rte_mempool_free(pools[i]);
		pools[i] = NULL;
		rte_mempool_free(wide_pools[i]);
		wide_pools[i] = NULL;
	}
}
