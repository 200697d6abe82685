/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>
#include <rte_bpf.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "dp/capture_filter.h"

/** What libpcap's interpreter gets to see of a frame that isn't in one piece. */
#define SCATTERED_BYTES 2048

#define PCAP_SNAPLEN 262144

/**
 * What DPDK's BPF can be given. It adds offset and length without looking for overflow, and its
 * machine code compares them signed, so an offset that a frame's bytes decide, or a
 * huge one, would read outside of the mbuf: offsets are fixed and under 64 KiB, from the start or
 * from behind an IPv4 header. Its x86 code for `jset` is cut off if the mask fits into a
 * byte (22.11). What isn't listed wasn't compared with libpcap (tests/eal/capture_test.c).
 */
static bool is_safe(const struct bpf_insn *in)
{
	switch (in->code) {
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LDX | BPF_B | BPF_MSH:
		return in->k <= UINT16_MAX;
	case BPF_JMP | BPF_JSET | BPF_K:
		return in->k > INT8_MAX && in->k <= INT32_MAX;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_JMP | BPF_JA:
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_RET | BPF_K:
		return true;
	}
	return false;
}

static bool is_translatable(const struct bpf_program *p)
{
	for (u_int i = 0; i < p->bf_len; i++)
		if (!is_safe(&p->bf_insns[i]))
			return false;
	return true;
}

/**
 * rte_bpf_convert() names A (register 0) where it means X (register 7) as the index of indirect
 * loads (22.11): `tcp port 80` would look for the port where the fragment offset says. A version that
 * names X is left alone.
 */
static void mend_indirect_loads(struct rte_bpf_prm *prm)
{
	struct ebpf_insn *ins = (struct ebpf_insn *)(uintptr_t)prm->ins;

	for (uint32_t i = 0; i < prm->nb_ins; i++)
		if (BPF_CLASS(ins[i].code) == BPF_LD && BPF_MODE(ins[i].code) == BPF_IND &&
		    ins[i].src_reg == EBPF_REG_0)
			ins[i].src_reg = EBPF_REG_7;
}

/* No error: libpcap's interpreter is always there. */
static void translate(struct capture_filter *f)
{
	struct rte_bpf_prm *prm;
	struct rte_bpf_jit jit = {0};

	if (!is_translatable(f->classic))
		return;
	prm = rte_bpf_convert(f->classic);
	if (prm == NULL)
		return;
	mend_indirect_loads(prm);
	f->bpf = rte_bpf_load(prm);
	rte_free(prm);
	if (f->bpf != NULL && rte_bpf_get_jit(f->bpf, &jit) == 0)
		f->native = jit.func;
}

int capture_filter_compile(struct capture_filter *f, const char *text, struct err *err)
{
	pcap_t *dead;
	int rc = 0;

	*f = (struct capture_filter){0};
	if (text == NULL || text[0] == '\0')
		return 0;
	if (strlen(text) > CAPTURE_FILTER_MAX)
		return err_set(err, E2BIG, "the filter has more than %d characters",
			       CAPTURE_FILTER_MAX);
	dead = pcap_open_dead(DLT_EN10MB, PCAP_SNAPLEN);
	f->classic = calloc(1, sizeof(*f->classic));
	if (dead == NULL || f->classic == NULL)
		rc = err_set(err, ENOMEM, "no memory for the filter");
	else if (pcap_compile(dead, f->classic, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		rc = err_set(err, EINVAL, "filter '%.200s': %.200s", text, pcap_geterr(dead));
	if (dead != NULL)
		pcap_close(dead);
	if (rc == 0)
		translate(f);
	else
		capture_filter_free(f);
	return rc;
}

void capture_filter_free(struct capture_filter *f)
{
	if (f->bpf != NULL)
		rte_bpf_destroy(f->bpf);
	if (f->classic != NULL) {
		pcap_freecode(f->classic);
		free(f->classic);
	}
	*f = (struct capture_filter){0};
}

static bool matches_classic(const struct bpf_program *p, const struct rte_mbuf *m)
{
	uint32_t n = RTE_MIN(m->pkt_len, (uint32_t)SCATTERED_BYTES);
	uint8_t copy[SCATTERED_BYTES];
	struct pcap_pkthdr h = {.caplen = m->pkt_len, .len = m->pkt_len};
	const uint8_t *bytes = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->data_len < m->pkt_len) {
		h.caplen = n;
		bytes = rte_pktmbuf_read(m, 0, n, copy);
	}
	return bytes != NULL && pcap_offline_filter(p, &h, bytes) != 0;
}

bool capture_filter_matches(const struct capture_filter *f, const struct rte_mbuf *m)
{
	if (f->classic == NULL)
		return true;
	if (f->native != NULL)
		return f->native((void *)(uintptr_t)m) != 0;
	if (f->bpf != NULL)
		return rte_bpf_exec(f->bpf, (void *)(uintptr_t)m) != 0;
	return matches_classic(f->classic, m);
}
