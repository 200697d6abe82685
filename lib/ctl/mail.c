/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "ctl/addresses.h"
#include "ctl/dhcp_assist.h"
#include "ctl/l3.h"
#include "ctl/mail.h"

uint64_t mail_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int mail_fd(const struct runtime *rt)
{
	return rt->running ? rt->dp.mail_fd : -1;
}

static void read_seen(struct runtime *rt, const struct letter *l, uint64_t now)
{
	struct vnic_rt *v = rt->by_id[l->id];
	struct ip_addr ip = {.family = l->v6 ? 6 : 4};

	if (v == NULL)
		return;
	memcpy(ip.b, &l->ip, l->v6 ? 16 : 4);
	if (l->kind == LETTER_CONFLICT)
		v->conflicts++;
	else if (addresses_learn(v, &ip, now))
		rt->dirty = true;
}

static void read_mac(struct runtime *rt, const struct letter *l)
{
	struct vnic_rt *v = rt->by_id[l->id];

	if (v == NULL || v->owner_mac == l->mac || v->conf->mac_policy != MAC_NAT)
		return;
	/* A netdev's own is known; and who is checked can't have another one tomorrow. */
	if (v->conf->endpoint.type == ENDPOINT_TAP ||
	    (v->conf->spoofcheck != SPOOFCHECK_OFF && v->owner_mac != 0))
		return;
	v->owner_mac = l->mac;
	rt->dirty = true;
}

static void read_letter(struct runtime *rt, struct letter *l, uint64_t now)
{
	switch ((enum letter_kind)l->kind) {
	case LETTER_WANTED:
	case LETTER_ND:
		l3_read(rt, l, now);
		break;
	case LETTER_SEEN:
	case LETTER_CONFLICT:
		read_seen(rt, l, now);
		break;
	case LETTER_MAC:
		read_mac(rt, l);
		break;
	case LETTER_DHCP_ASKED:
		dhcp_assist_asked(rt, l, now);
		break;
	case LETTER_DHCP_ANSWER:
	case LETTER_DHCP_NOTED:
		dhcp_assist_answered(rt, l, now);
		break;
	}
	rte_pktmbuf_free(l->m);
}

void mail_run(struct runtime *rt)
{
	uint64_t now = mail_now(), count;
	struct letter l;

	if (!rt->running)
		return;
	if (read(rt->dp.mail_fd, &count, sizeof(count)) < 0) {
		/* Nobody rang; there may be letters all the same. */
	}
	for (uint32_t i = 0; i < rt->dp.n_workers; i++) {
		struct mailbox *b = rt->dp.workers[i]->mail;

		mailbox_look(b);
		for (uint32_t n = 0; n < MAILBOX_LETTERS && mailbox_read(b, &l); n++)
			read_letter(rt, &l, now);
	}
	rt->dirty |= l3_is_changed(rt);
}

void mail_forward(struct runtime *rt, uint32_t receiver, const struct attachment *a,
		  struct rte_mbuf *m)
{
	uint32_t i = a->placed && a->worker[0] < rt->dp.n_workers ? a->worker[0] : 0;
	struct worker *w = rt->dp.workers[i];

	if (mailbox_send(w->mail, receiver, m))
		idle_wake(&w->idle);
	else
		rte_pktmbuf_free(m);
}

void mail_send(struct runtime *rt, uint32_t receiver, const struct attachment *a,
	       const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m;

	if (!rt->running || a->endpoint == NULL)
		return;
	m = rte_pktmbuf_alloc(a->endpoint->pool);
	if (m == NULL)
		return;
	if (len > rte_pktmbuf_tailroom(m)) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	mail_forward(rt, receiver, a, m);
}
