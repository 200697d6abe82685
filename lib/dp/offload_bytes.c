/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_memcpy.h>

#include "dp/offload_bytes.h"

/*
 * 32-bit words into 64-bit sums: no carry to look after for any length that an
 * mbuf can have. Four sums, so that one addition need not wait for another.
 */
uint64_t offload_sum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t s[4] = {0};
	uint16_t w;

	for (; len >= 32; p += 32, len -= 32) {
		uint64_t q[4];

		memcpy(q, p, sizeof(q));
		s[0] += (q[0] & UINT32_MAX) + (q[0] >> 32);
		s[1] += (q[1] & UINT32_MAX) + (q[1] >> 32);
		s[2] += (q[2] & UINT32_MAX) + (q[2] >> 32);
		s[3] += (q[3] & UINT32_MAX) + (q[3] >> 32);
	}
	for (; len >= 2; p += 2, len -= 2) {
		memcpy(&w, p, sizeof(w));
		s[0] += w;
	}
	if (len != 0) {
		w = 0;
		memcpy(&w, p, 1);
		s[1] += w;
	}
	return s[0] + s[1] + s[2] + s[3];
}

uint64_t offload_frame_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	struct offload_cursor c;
	uint64_t sum = 0;
	uint32_t done = 0;

	offload_cursor_set(&c, m, off);
	for (; done < len && c.seg != NULL; c.seg = c.seg->next, c.off = 0) {
		uint32_t n = RTE_MIN(len - done, c.seg->data_len - c.off);
		uint64_t part = offload_sum(rte_pktmbuf_mtod_offset(c.seg, uint8_t *, c.off), n);

		/* After an odd number of bytes, each byte is the other half of its word. */
		if (done & 1)
			part = rte_bswap16(offload_fold(part));
		sum += part;
		done += n;
	}
	return sum;
}

void offload_frame_read(const struct rte_mbuf *m, uint32_t off, void *to, uint32_t len)
{
	struct offload_cursor c;

	offload_cursor_set(&c, m, off);
	offload_cursor_take(&c, to, len);
}

void offload_frame_write16(struct rte_mbuf *m, uint32_t off, uint16_t value)
{
	uint8_t b[2];

	memcpy(b, &value, sizeof(b));
	for (unsigned int i = 0; i < sizeof(b); i++, off++) {
		while (m != NULL && off >= m->data_len) {
			off -= m->data_len;
			m = m->next;
		}
		if (m == NULL)
			return;
		*rte_pktmbuf_mtod_offset(m, uint8_t *, off) = b[i];
	}
}

bool offload_frame_is_sane(const struct rte_mbuf *m)
{
	uint32_t n = 0, len = 0;

	for (const struct rte_mbuf *s = m; s != NULL && n <= m->nb_segs; s = s->next) {
		len += s->data_len;
		n++;
	}
	return n == m->nb_segs && len == m->pkt_len;
}

void offload_cursor_set(struct offload_cursor *c, const struct rte_mbuf *m, uint32_t off)
{
	for (; m != NULL && off >= m->data_len; m = m->next)
		off -= m->data_len;
	c->seg = m;
	c->off = off;
}

void offload_cursor_take(struct offload_cursor *c, uint8_t *to, uint32_t len)
{
	while (len > 0 && c->seg != NULL) {
		uint32_t n = RTE_MIN(len, c->seg->data_len - c->off);

		rte_memcpy(to, rte_pktmbuf_mtod_offset(c->seg, const uint8_t *, c->off), n);
		to += n;
		len -= n;
		c->off += n;
		if (c->off == c->seg->data_len) {
			c->seg = c->seg->next;
			c->off = 0;
		}
	}
}
