/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "endpoint/vhost.h"

struct view {
	struct rte_mempool *real; /* NULL: free entry */
	struct rte_mempool *pool;
	unsigned int n_users;
};

static struct view views[RTE_MAX_NUMA_NODES];
static __thread uint32_t allowed;

void vhost_pool_allow(uint32_t n)
{
	allowed = n;
}

/* ---- a mempool driver without objects of its own ---------------------------------- */

static int view_alloc(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

/* Mbufs know the pool that they are from and go back there. */
static int view_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	rte_mempool_put_bulk(mp->pool_config, objs, n);
	return 0;
}

static int view_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	int ret;

	if (n > allowed)
		return -ENOBUFS;
	ret = rte_mempool_get_bulk(mp->pool_config, objs, n);
	if (ret == 0)
		allowed -= n;
	return ret;
}

static unsigned int view_count(const struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static const struct rte_mempool_ops view_ops = {
	.name = "vnic_budget",
	.alloc = view_alloc,
	.enqueue = view_enqueue,
	.dequeue = view_dequeue,
	.get_count = view_count,
};

static int register_ops(void)
{
	static bool done;
	int ret;

	if (done)
		return 0;
	ret = rte_mempool_register_ops(&view_ops);
	done = ret >= 0;
	return ret < 0 ? ret : 0;
}

/* ---- views ---------------------------------------------------------------------------- */

static struct rte_mempool *create(struct rte_mempool *real)
{
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	if (register_ops() != 0)
		return NULL;
	snprintf(name, sizeof(name), "vnic_budget_%u", serial++);
	pool = rte_mempool_create_empty(name, 1, real->elt_size, 0, real->private_data_size,
					real->socket_id, 0);
	if (pool == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, view_ops.name, real) != 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	memcpy(rte_mempool_get_priv(pool), rte_mempool_get_priv(real), real->private_data_size);
	return pool;
}

struct rte_mempool *vhost_pool_get(struct rte_mempool *real, struct err *err)
{
	struct view *unused = NULL;

	for (size_t i = 0; i < RTE_DIM(views); i++) {
		if (views[i].real == real) {
			views[i].n_users++;
			return views[i].pool;
		}
		if (views[i].real == NULL && unused == NULL)
			unused = &views[i];
	}
	if (unused != NULL)
		unused->pool = create(real);
	if (unused == NULL || unused->pool == NULL) {
		err_set(err, ENOMEM, "no memory for the view of a mempool");
		return NULL;
	}
	unused->real = real;
	unused->n_users = 1;
	return unused->pool;
}

void vhost_pool_put(struct rte_mempool *view)
{
	for (size_t i = 0; view != NULL && i < RTE_DIM(views); i++) {
		if (views[i].pool != view || --views[i].n_users > 0)
			continue;
		rte_mempool_free(view);
		views[i] = (struct view){0};
	}
}
