// SPDX-License-Identifier: GPL-2.0-only
/* The save area of system management mode: see smram.h. */
#include "pure/smram.h"

/* Offsets in the image; those of the manuals are from SMBASE + 8000h: less 7e00h. */
enum {
	/* wide */
	W_SEG = 0x000,	/* 16 bytes each: selector, attributes, limit, base */
	W_GDT = 0x060,
	W_LDTR = 0x070,
	W_IDT = 0x080,
	W_TR = 0x090,
	W_HALT = 0x0c9,
	W_SHADOW = 0x0cb,
	W_EFER = 0x0d0,
	W_REVISION = 0x0fc,
	W_SMBASE = 0x100,
	W_CR4 = 0x148,
	W_CR3 = 0x150,
	W_CR0 = 0x158,
	W_DR7 = 0x160,
	W_DR6 = 0x168,
	W_RFLAGS = 0x170,
	W_RIP = 0x178,
	W_RAX = 0x1f8,	/* and the others down from it */
	/* narrow */
	N_SMBASE = 0x0f8,
	N_REVISION = 0x0fc,
	N_HALT = 0x102,
	N_CR4 = 0x114,
	N_SHADOW = 0x11a,
	N_IDT_LIMIT = 0x154,
	N_IDT_BASE = 0x158,
	N_GDT_LIMIT = 0x170,
	N_GDT_BASE = 0x174,
	N_SELECTOR = 0x1a8, /* ES CS SS DS FS GS LDTR TR */
	N_DR7 = 0x1c8,
	N_DR6 = 0x1cc,
	N_EAX = 0x1d0,	/* and the others up from it */
	N_EIP = 0x1f0,
	N_EFLAGS = 0x1f4,
	N_CR3 = 0x1f8,
	N_CR0 = 0x1fc,
};

/* Hidden parts in the narrow map: attributes, limit, base. */
static const u16 n_hidden[SMRAM_NR_SEGS] = {
	[SMRAM_ES] = 0x184, [SMRAM_CS] = 0x190, [SMRAM_SS] = 0x19c,   [SMRAM_DS] = 0x12c,
	[SMRAM_FS] = 0x138, [SMRAM_GS] = 0x144, [SMRAM_TR] = 0x15c, [SMRAM_LDTR] = 0x178,
};

static const u16 w_seg[SMRAM_NR_SEGS] = {
	[SMRAM_ES] = W_SEG + 0x00, [SMRAM_CS] = W_SEG + 0x10, [SMRAM_SS] = W_SEG + 0x20,
	[SMRAM_DS] = W_SEG + 0x30, [SMRAM_FS] = W_SEG + 0x40, [SMRAM_GS] = W_SEG + 0x50,
	[SMRAM_TR] = W_TR,	   [SMRAM_LDTR] = W_LDTR,
};

/* The order of selectors differs at the end. */
static unsigned int n_selector(unsigned int seg)
{
	if (seg == SMRAM_LDTR)
		seg = 6;
	else if (seg == SMRAM_TR)
		seg = 7;
	return N_SELECTOR + 4 * seg;
}

/* CF PF AF ZF SF TF IF DF OF IOPL NT RF VM AC VIF VIP ID (SDM 1 3.4.3) */
#define RFLAGS_DEFINED 0x3f7fd5u
#define RFLAGS_FIXED 0x2u

static void put16(u8 *p, u16 v)
{
	memcpy(p, &v, sizeof(v));
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, sizeof(v));
}

static u16 get16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 get64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Bits 23:8 of a descriptor's second doubleword (SDM 3A figure 3-8), the limit's bits left out. */
static u16 attr_pack(const struct vmx_segment *s)
{
	return (u16)((s->type & 15) | (s->s & 1) << 4 | (s->dpl & 3) << 5 |
		     (s->present && !s->unusable) << 7 | (s->avl & 1) << 12 | (s->l & 1) << 13 |
		     (s->db & 1) << 14 | (s->g & 1) << 15);
}

static void attr_unpack(u16 a, struct vmx_segment *s)
{
	s->type = a & 15;
	s->s = a >> 4 & 1;
	s->dpl = a >> 5 & 3;
	s->present = a >> 7 & 1;
	s->avl = a >> 12 & 1;
	s->l = a >> 13 & 1;
	s->db = a >> 14 & 1;
	s->g = a >> 15 & 1;
	s->unusable = !s->present;
}

/* ---- storing ---- */

static void encode_wide(const struct smram_state *s, u8 *image)
{
	unsigned int i;

	for (i = 0; i < SMRAM_NR_SEGS; i++) {
		u8 *p = image + w_seg[i];

		put16(p, s->seg[i].selector);
		put16(p + 2, attr_pack(&s->seg[i]));
		put32(p + 4, s->seg[i].limit);
		put64(p + 8, s->seg[i].base);
	}
	put16(image + W_GDT + 4, s->gdt.limit);
	put64(image + W_GDT + 8, s->gdt.base);
	put16(image + W_IDT + 4, s->idt.limit);
	put64(image + W_IDT + 8, s->idt.base);
	image[W_HALT] = s->halted;
	image[W_SHADOW] = s->shadow;
	put64(image + W_EFER, s->efer);
	put32(image + W_REVISION, SMRAM_REVISION_WIDE);
	put32(image + W_SMBASE, s->smbase);
	put64(image + W_CR4, s->cr4);
	put64(image + W_CR3, s->cr3);
	put64(image + W_CR0, s->cr0);
	put64(image + W_DR7, s->dr7);
	put64(image + W_DR6, s->dr6);
	put64(image + W_RFLAGS, s->rflags);
	put64(image + W_RIP, s->rip);
	for (i = 0; i < 16; i++)
		put64(image + W_RAX - 8 * i, s->regs[i]);
}

static void encode_narrow(const struct smram_state *s, u8 *image)
{
	unsigned int i;

	for (i = 0; i < SMRAM_NR_SEGS; i++) {
		u8 *p = image + n_hidden[i];

		put32(image + n_selector(i), s->seg[i].selector);
		put32(p, (u32)attr_pack(&s->seg[i]) << 8);
		put32(p + 4, s->seg[i].limit);
		put32(p + 8, (u32)s->seg[i].base);
	}
	put32(image + N_GDT_LIMIT, s->gdt.limit);
	put32(image + N_GDT_BASE, (u32)s->gdt.base);
	put32(image + N_IDT_LIMIT, s->idt.limit);
	put32(image + N_IDT_BASE, (u32)s->idt.base);
	put16(image + N_HALT, s->halted);
	image[N_SHADOW] = s->shadow;
	put32(image + N_REVISION, SMRAM_REVISION_NARROW);
	put32(image + N_SMBASE, s->smbase);
	put32(image + N_CR4, (u32)s->cr4);
	put32(image + N_CR3, (u32)s->cr3);
	put32(image + N_CR0, (u32)s->cr0);
	put32(image + N_DR7, (u32)s->dr7);
	put32(image + N_DR6, (u32)s->dr6);
	put32(image + N_EFLAGS, (u32)s->rflags);
	put32(image + N_EIP, (u32)s->rip);
	for (i = 0; i < 8; i++)
		put32(image + N_EAX + 4 * i, (u32)s->regs[i]);
}

void smram_encode(const struct smram_state *s, bool wide, u8 image[SMRAM_SIZE])
{
	memset(image, 0, SMRAM_SIZE);
	if (wide)
		encode_wide(s, image);
	else
		encode_narrow(s, image);
}

/* ---- loading ---- */

static u64 canonical(u64 a, unsigned int virt_bits)
{
	unsigned int shift = 64 - virt_bits;

	return (u64)((s64)(a << shift) >> shift);
}

static void decode_wide(struct smram_state *s, unsigned int virt_bits, const u8 *image)
{
	unsigned int i;

	for (i = 0; i < SMRAM_NR_SEGS; i++) {
		const u8 *p = image + w_seg[i];
		struct vmx_segment *seg = &s->seg[i];
		u64 base = get64(p + 8);

		seg->selector = get16(p);
		attr_unpack(get16(p + 2), seg);
		seg->limit = get32(p + 4);
		/* Of ES, CS, SS and DS the registers have 32 bits (SDM 3A 3.4.4). */
		seg->base = i <= SMRAM_DS ? (u32)base : canonical(base, virt_bits);
	}
	s->gdt.limit = get16(image + W_GDT + 4);
	s->gdt.base = canonical(get64(image + W_GDT + 8), virt_bits);
	s->idt.limit = get16(image + W_IDT + 4);
	s->idt.base = canonical(get64(image + W_IDT + 8), virt_bits);
	s->halted = image[W_HALT] & 1;
	s->shadow = image[W_SHADOW];
	s->efer = get64(image + W_EFER);
	s->smbase = get32(image + W_SMBASE);
	s->cr4 = get64(image + W_CR4);
	s->cr3 = get64(image + W_CR3);
	s->cr0 = get64(image + W_CR0);
	s->dr7 = get64(image + W_DR7);
	s->dr6 = get64(image + W_DR6);
	s->rflags = get64(image + W_RFLAGS);
	s->rip = canonical(get64(image + W_RIP), virt_bits);
	for (i = 0; i < 16; i++)
		s->regs[i] = get64(image + W_RAX - 8 * i);
}

static void decode_narrow(struct smram_state *s, const u8 *image)
{
	unsigned int i;

	for (i = 0; i < SMRAM_NR_SEGS; i++) {
		const u8 *p = image + n_hidden[i];
		struct vmx_segment *seg = &s->seg[i];

		seg->selector = get16(image + n_selector(i));
		attr_unpack((u16)(get32(p) >> 8), seg);
		seg->limit = get32(p + 4);
		seg->base = get32(p + 8);
	}
	s->gdt.limit = get16(image + N_GDT_LIMIT);
	s->gdt.base = get32(image + N_GDT_BASE);
	s->idt.limit = get16(image + N_IDT_LIMIT);
	s->idt.base = get32(image + N_IDT_BASE);
	s->halted = image[N_HALT] & 1;
	s->shadow = image[N_SHADOW];
	s->smbase = get32(image + N_SMBASE);
	s->cr4 = get32(image + N_CR4);
	s->cr3 = get32(image + N_CR3);
	s->cr0 = get32(image + N_CR0);
	s->dr7 = get32(image + N_DR7);
	s->dr6 = get32(image + N_DR6);
	s->rflags = get32(image + N_EFLAGS);
	s->rip = get32(image + N_EIP);
	for (i = 0; i < 8; i++)
		s->regs[i] = get32(image + N_EAX + 4 * i);
}

void smram_decode(struct smram_state *s, bool wide, unsigned int virt_bits,
		  const u8 image[SMRAM_SIZE])
{
	memset(s, 0, sizeof(*s));
	if (wide)
		decode_wide(s, virt_bits, image);
	else
		decode_narrow(s, image);
	s->rflags = (s->rflags & RFLAGS_DEFINED) | RFLAGS_FIXED;
	s->dr7 = (u32)s->dr7;
	s->dr6 = (u32)s->dr6;
	s->shadow &= VMX_X86_SHADOW_INT_MOV_SS | VMX_X86_SHADOW_INT_STI;
}
