/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the VM-entry checker share; see vt_check.h. */
#ifndef VMX_PURE_VT_CHECK_INT_H
#define VMX_PURE_VT_CHECK_INT_H

#include "pure/vt_check.h"

enum {
	CR0_PE = 1 << 0,
	CR0_WP = 1 << 16,
};

#define CR0_PG (1ULL << 31)
#define CR0_NW_CD (3ULL << 29)
#define CR4_PAE (1ULL << 5)
#define CR4_PCIDE (1ULL << 17)
#define CR4_CET (1ULL << 23)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_KNOWN 0xd01ULL /* SCE, LME, LMA, NXE */
#define RFLAGS_TF (1ULL << 8)
#define RFLAGS_IF (1ULL << 9)
#define RFLAGS_VM (1ULL << 17)
#define DEBUGCTL_BTF (1ULL << 1)

/* Segments in the order of their encodings. */
enum {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDTR,
	SEG_TR,
	NR_SEGS,
};

struct vt_checker {
	const struct vt_check_env *env;
	const struct vt_caps *caps;
	u32 words[VT_NR_WORDS];	/* secondary controls: 0 if they are not active */
	bool unrestricted;
	bool guest_64;		/* "IA-32e mode guest" */
	bool v86;
	u64 cr0, cr4, rflags;	/* the guest's */
	u32 intr_info;		/* VM-entry interruption information */
	u16 sel[NR_SEGS];
	u32 ar[NR_SEGS];
	unsigned int found;
	bool quiet;		/* only count */
};

static inline u64 vt_get(const struct vt_checker *c, u32 field)
{
	return c->env->read(c->env->ctx, field);
}

/* Reports @field unless @ok. */
void vt_expect(struct vt_checker *c, bool ok, u32 field, const char *section, const char *rule);

static inline bool vt_has(const struct vt_checker *c, enum vt_word word, u32 bit)
{
	return c->words[word] & bit;
}

static inline u64 vt_above(unsigned int bits)
{
	return bits < 64 ? ~0ULL << bits : 0;
}

static inline bool vt_canonical(const struct vt_checker *c, u64 addr)
{
	unsigned int shift = 64 - c->env->linear_bits;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

static inline bool vt_injects(const struct vt_checker *c, enum vt_intr_type type)
{
	return (c->intr_info & VT_INTR_VALID) &&
	       (c->intr_info & VT_INTR_TYPE) >> VT_INTR_TYPE_SHIFT == (u32)type;
}

/* Each byte a memory type that WRMSR takes: 0, 1, 4, 5, 6 or 7. */
static inline bool vt_pat_legal(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xfe) == 2)
			return false;
	return true;
}

/* IA32_S_CET: bits 9:6 reserved, SUPPRESS (10) and TRACKER (11) exclude each other. */
static inline bool vt_s_cet_legal(const struct vt_checker *c, u64 s_cet)
{
	return !(s_cet & 0x3c0) && (s_cet & 0xc00) != 0xc00 && vt_canonical(c, s_cet & ~0xfffULL);
}

void vt_check_controls(struct vt_checker *c);	/* vt_check_ctl.c */
void vt_check_host(struct vt_checker *c);	/* vt_check_host.c */
void vt_check_guest(struct vt_checker *c);	/* vt_check_guest.c */
void vt_check_segments(struct vt_checker *c);	/* vt_check_seg.c */

#endif /* VMX_PURE_VT_CHECK_INT_H */
