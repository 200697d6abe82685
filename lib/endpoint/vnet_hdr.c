/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "endpoint/vnet_hdr.h"
#include "net/pkt.h"

#define TCP_CSUM_OFFSET 16
#define UDP_CSUM_OFFSET 6
#define TCP_MIN_LEN	20
#define UDP_LEN		8
#define IPV6_LEN	40
#define MAX_VLAN_TAGS	2
#define MAX_EXT_HEADERS 8
/* What the mbuf's bit fields hold. */
#define MAX_L2_LEN 127
#define MAX_L3_LEN 511

/** Where a frame's transport header is, as its own headers tell. */
struct layers {
	uint8_t ip; /**< 0: not IP, or headers that we can't follow */
	uint8_t proto; /**< 0: none that a checksum could be asked for */
	uint32_t l2_len;
	uint32_t l3_len;
};

/* The EtherType behind the VLAN tags, and where its payload begins; 0: cut off. */
static uint16_t skip_l2(const uint8_t *b, uint32_t n, uint32_t *l2_len)
{
	uint32_t at = PKT_ETH_LEN;
	uint16_t type;

	if (n < at)
		return 0;
	type = pkt_load16(b + 12);
	for (int i = 0; i < MAX_VLAN_TAGS && (type == PKT_TYPE_VLAN || type == PKT_TYPE_QINQ);
	     i++) {
		if (n < at + PKT_VLAN_LEN)
			return 0;
		type = pkt_load16(b + at + 2);
		at += PKT_VLAN_LEN;
	}
	*l2_len = at;
	return type;
}

static void read_ipv4(const uint8_t *b, uint32_t n, struct layers *l)
{
	uint32_t ihl;

	if (n < 20 || b[0] >> 4 != 4)
		return;
	ihl = (b[0] & 15) * 4u;
	if (ihl < 20 || ihl > n)
		return;
	l->ip = 4;
	l->l3_len = ihl;
	/* A fragment (more to come, or not the first) has no checksum of its own to ask for. */
	if ((pkt_load16(b + 6) & 0x3fff) == 0)
		l->proto = b[9];
}

static void read_ipv6(const uint8_t *b, uint32_t n, struct layers *l)
{
	uint32_t at = IPV6_LEN;
	uint8_t next;

	if (n < IPV6_LEN || b[0] >> 4 != 6)
		return;
	next = b[6];
	for (int i = 0; i < MAX_EXT_HEADERS; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (at + 8 > n)
			return;
		next = b[at];
		at += (b[at + 1] + 1u) * 8;
	}
	if (at > n)
		return;
	l->ip = 6;
	l->l3_len = at;
	l->proto = next;
}

static void read_layers(const uint8_t *b, uint32_t n, struct layers *l)
{
	uint16_t type;

	memset(l, 0, sizeof(*l));
	type = skip_l2(b, n, &l->l2_len);
	if (type == PKT_TYPE_IPV4)
		read_ipv4(b + l->l2_len, n - l->l2_len, l);
	else if (type == PKT_TYPE_IPV6)
		read_ipv6(b + l->l2_len, n - l->l2_len, l);
	if (l->l2_len > MAX_L2_LEN || l->l3_len > MAX_L3_LEN)
		l->ip = 0;
}

/* Says it in the words of TCP and UDP where those fit; other sums stay as start and offset. */
static void read_csum(const struct virtio_net_hdr *h, const struct layers *l, uint32_t len,
		      struct vnet_work *w)
{
	w->csum = VNET_CSUM_ANY;
	w->csum_start = h->csum_start;
	w->csum_offset = h->csum_offset;
	if (l->ip == 0 || h->csum_start != l->l2_len + l->l3_len)
		return;
	if (l->proto == IPPROTO_TCP && h->csum_offset == TCP_CSUM_OFFSET &&
	    (uint32_t)h->csum_start + TCP_MIN_LEN <= len)
		w->csum = VNET_CSUM_TCP;
	else if (l->proto == IPPROTO_UDP && h->csum_offset == UDP_CSUM_OFFSET &&
		 (uint32_t)h->csum_start + UDP_LEN <= len)
		w->csum = VNET_CSUM_UDP;
	else
		return;
	w->ip = l->ip;
	w->l2_len = (uint16_t)l->l2_len;
	w->l3_len = (uint16_t)l->l3_len;
}

static int read_tso(const struct virtio_net_hdr *h, const uint8_t *b, uint32_t n, uint32_t len,
		    struct vnet_work *w)
{
	uint8_t type = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	uint32_t tcp = (uint32_t)w->l2_len + w->l3_len;
	uint32_t l4_len;

	if (type != (w->ip == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6))
		return -EINVAL;
	if (w->csum != VNET_CSUM_TCP || h->gso_size == 0 || tcp + TCP_MIN_LEN > n)
		return -EINVAL;
	l4_len = (b[tcp + 12] >> 4) * 4u;
	if (l4_len < TCP_MIN_LEN || tcp + l4_len > n)
		return -EINVAL;
	/* With one segment's payload, or less, it is an ordinary frame that lacks its checksum. */
	if (len - tcp - l4_len <= h->gso_size)
		return 0;
	w->l4_len = (uint16_t)l4_len;
	w->tso = h->gso_size;
	w->ecn = (h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
	return 0;
}

int vnet_hdr_read(const struct virtio_net_hdr *h, const uint8_t *b, uint32_t n, uint32_t len,
		  struct vnet_work *w)
{
	struct layers l;

	memset(w, 0, sizeof(*w));
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return h->gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : -EINVAL;
	if (h->csum_start < PKT_ETH_LEN || (uint32_t)h->csum_start + h->csum_offset + 2 > len)
		return -EINVAL;
	read_layers(b, n, &l);
	read_csum(h, &l, len, w);
	if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return 0;
	return read_tso(h, b, n, len, w);
}

void vnet_hdr_write(struct virtio_net_hdr *h, const struct vnet_work *w)
{
	memset(h, 0, sizeof(*h));
	h->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if (w->csum == VNET_CSUM_NONE)
		return;
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (w->csum == VNET_CSUM_ANY) {
		h->csum_start = w->csum_start;
		h->csum_offset = w->csum_offset;
		return;
	}
	h->csum_start = (uint16_t)(w->l2_len + w->l3_len);
	h->csum_offset = w->csum == VNET_CSUM_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	if (w->tso == 0)
		return;
	h->gso_type = w->ip == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	if (w->ecn)
		h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	h->gso_size = w->tso;
	h->hdr_len = (uint16_t)(h->csum_start + w->l4_len);
}
