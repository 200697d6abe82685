/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The post between main and workers (lib/dp/mailbox.h): letters are read and given to whom
 * they concern, frames of main's own making go out through a worker. Main.
 */
#ifndef CTL_MAIL_H
#define CTL_MAIL_H

#include "ctl/runtime.h"

/** Milliseconds of a clock that only goes forward. */
uint64_t mail_now(void);

/** Readable when there are letters; -1: no worker yet. */
int mail_fd(const struct runtime *rt);

/** Reads all letters; what changed by them is marked dirty, and runtime_settle() publishes it. */
void mail_run(struct runtime *rt);

/**
 * Has the worker that receives from @p a (or the first one) send the @p len bytes at @p frame.
 * What can't be sent is lost, as a frame may be.
 * @param receiver  TX_VNIC(), TX_WIRE() or TX_HOST(); @p a is its attachment
 */
void mail_send(struct runtime *rt, uint32_t receiver, const struct attachment *a,
	       const uint8_t *frame, uint32_t len);

/** The same with frame @p m as it is, which is consumed. */
void mail_forward(struct runtime *rt, uint32_t receiver, const struct attachment *a,
		  struct rte_mbuf *m);

#endif /* CTL_MAIL_H */
