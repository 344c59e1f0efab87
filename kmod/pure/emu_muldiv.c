// SPDX-License-Identifier: GPL-2.0-only
/*
 * MUL, IMUL, DIV, IDIV and the decimal adjustments.
 *
 * Flags that the manuals leave undefined: MUL and IMUL set SF from the low half and PF likewise,
 * clear ZF and AF, as current processors do; DIV and IDIV leave all as they are.
 */
#include "pure/emu_core.h"

typedef unsigned __int128 u128_t;
typedef __int128 s128_t;

static u64 mul_flags(u64 low, bool over, unsigned int size)
{
	return (emu_szp(low, size) & ~EFL_ZF) | (over ? EFL_CF | EFL_OF : 0);
}

/* rDX:rAX, or AX for bytes, gets a double-width value. */
static void set_double(struct emu_ctxt *c, unsigned int size, u64 lo, u64 hi)
{
	if (size == 1) {
		emu_set_gpr(c, EMU_RAX, 2, (lo & 0xff) | (hi << 8));
		return;
	}
	emu_set_gpr(c, EMU_RAX, size, lo);
	emu_set_gpr(c, EMU_RDX, size, hi);
}

int emu_op_mul(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 src, lo, hi;
	u128_t p;
	int r = emu_rm_read(c, size, &src);

	if (r != EMU_OK)
		return r;
	p = (u128_t)emu_gpr(c, EMU_RAX, size) * src;
	lo = (u64)p & emu_mask(size);
	hi = (u64)(p >> (size * 8)) & emu_mask(size);
	set_double(c, size, lo, hi);
	emu_set_flags(c, EFL_STATUS, mul_flags(lo, hi != 0, size));
	return EMU_OK;
}

static u64 imul(u64 a, u64 b, unsigned int size, u64 *hi, u64 *flags)
{
	s128_t p = (s128_t)(s64)emu_sext(a, size) * (s64)emu_sext(b, size);
	u64 lo = (u64)p & emu_mask(size);

	*hi = (u64)((u128_t)p >> (size * 8)) & emu_mask(size);
	*flags = mul_flags(lo, p != (s128_t)(s64)emu_sext(lo, size), size);
	return lo;
}

int emu_op_imul1(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 src, lo, hi, f;
	int r = emu_rm_read(c, size, &src);

	if (r != EMU_OK)
		return r;
	lo = imul(emu_gpr(c, EMU_RAX, size), src, size, &hi, &f);
	set_double(c, size, lo, hi);
	emu_set_flags(c, EFL_STATUS, f);
	return EMU_OK;
}

static int imul_to_reg(struct emu_ctxt *c, u64 a, u64 b)
{
	u64 hi, f;
	u64 lo = imul(a, b, c->insn.opsize, &hi, &f);

	emu_set_gpr(c, c->insn.reg, c->insn.opsize, lo);
	emu_set_flags(c, EFL_STATUS, f);
	return EMU_OK;
}

int emu_op_imul2(struct emu_ctxt *c)
{
	u64 src;
	int r = emu_rm_read(c, c->insn.opsize, &src);

	if (r != EMU_OK)
		return r;
	return imul_to_reg(c, emu_gpr(c, c->insn.reg, c->insn.opsize), src);
}

int emu_op_imul3(struct emu_ctxt *c)
{
	u64 src;
	int r = emu_rm_read(c, c->insn.opsize, &src);

	return r == EMU_OK ? imul_to_reg(c, src, c->insn.imm) : r;
}

/*
 * 128 by 64 bits by shift and subtract: the compiler's own 128-bit division is a library call
 * that the kernel does not have. hi < div, so the quotient fits.
 */
static u64 div128(u64 hi, u64 lo, u64 div, u64 *rem)
{
	u64 q = 0;
	int i;

	for (i = 63; i >= 0; i--) {
		bool carry = hi >> 63;

		hi = (hi << 1) | ((lo >> i) & 1);
		q <<= 1;
		if (carry || hi >= div) {
			hi -= div;
			q |= 1;
		}
	}
	*rem = hi;
	return q;
}

/* The dividend as 128 bits; narrower ones are in lo alone. */
static void dividend(const struct emu_ctxt *c, unsigned int size, u64 *hi, u64 *lo)
{
	*hi = 0;
	if (size == 1) {
		*lo = emu_gpr(c, EMU_RAX, 2);
	} else {
		*lo = emu_gpr(c, EMU_RAX, size);
		if (size == 8)
			*hi = c->regs[EMU_RDX];
		else
			*lo |= emu_gpr(c, EMU_RDX, size) << (size * 8);
	}
}

static u64 udiv(u64 hi, u64 lo, u64 div, u64 *rem)
{
	if (hi)
		return div128(hi, lo, div, rem);
	*rem = lo - div64_u64(lo, div) * div;
	return div64_u64(lo, div);
}

int emu_op_div(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 div, hi, lo, q, rem;
	int r = emu_rm_read(c, size, &div);

	if (r != EMU_OK)
		return r;
	dividend(c, size, &hi, &lo);
	if (!div || (size == 8 ? hi >= div : (lo >> (size * 8)) >= div))
		return emu_raise(c, EMU_EXC_DE);
	q = udiv(hi, lo, div, &rem);
	set_double(c, size, q, rem);
	return EMU_OK;
}

int emu_op_idiv(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 div, hi, lo, q, rem, limit;
	bool neg_n, neg_d;
	int r = emu_rm_read(c, size, &div);

	if (r != EMU_OK)
		return r;
	dividend(c, size, &hi, &lo);
	div = emu_sext(div, size);
	if (size < 8) {
		lo = emu_sext(lo, size * 2);
		hi = (s64)lo < 0 ? ~0ULL : 0;
	}
	/* Magnitudes; a two's complement minimum negates to itself, which is right unsigned. */
	neg_n = (s64)hi < 0;
	neg_d = (s64)div < 0;
	if (neg_n) {
		lo = -lo;
		hi = ~hi + (lo == 0);
	}
	if (neg_d)
		div = -div;
	if (!div || hi >= div)
		return emu_raise(c, EMU_EXC_DE);
	q = udiv(hi, lo, div, &rem);
	limit = emu_sign(size) - (neg_n == neg_d ? 1 : 0);
	if (q > limit)
		return emu_raise(c, EMU_EXC_DE);
	if (neg_n != neg_d)
		q = -q;
	if (neg_n)
		rem = -rem;
	set_double(c, size, q & emu_mask(size), rem & emu_mask(size));
	return EMU_OK;
}

/* Decimal adjustment (SDM 2A AAA, AAS, DAA, DAS, AAM, AAD). */

static int bcd_al(struct emu_ctxt *c, u8 al, u64 cf_af)
{
	emu_set_gpr(c, EMU_RAX, 1, al);
	emu_set_flags(c, EFL_STATUS, emu_szp(al, 1) | cf_af);
	return EMU_OK;
}

static int da(struct emu_ctxt *c, bool sub)
{
	u8 al = (u8)c->regs[EMU_RAX], old = al;
	bool cf = c->rflags & EFL_CF;
	u64 f = 0;

	if ((al & 15) > 9 || (c->rflags & EFL_AF)) {
		/* The borrow or carry of this step reaches CF too. */
		if (cf || (sub ? al < 6 : al > 0xf9))
			f |= EFL_CF;
		al = (u8)(sub ? al - 6 : al + 6);
		f |= EFL_AF;
	}
	if (old > 0x99 || cf) {
		al = (u8)(sub ? al - 0x60 : al + 0x60);
		f |= EFL_CF;
	} else if (!sub) {
		f &= ~EFL_CF;
	}
	return bcd_al(c, al, f);
}

int emu_op_daa(struct emu_ctxt *c)
{
	return da(c, false);
}

int emu_op_das(struct emu_ctxt *c)
{
	return da(c, true);
}

static int aa(struct emu_ctxt *c, bool sub)
{
	u16 ax = (u16)c->regs[EMU_RAX];
	u64 f = 0;

	if ((ax & 15) > 9 || (c->rflags & EFL_AF)) {
		ax = (u16)(sub ? ax - 0x106 : ax + 0x106);
		f = EFL_CF | EFL_AF;
	}
	emu_set_gpr(c, EMU_RAX, 2, ax & 0xff0f);
	/* SF, ZF, PF are undefined: from AL as it is now. */
	emu_set_flags(c, EFL_STATUS, emu_szp(ax & 15, 1) | f);
	return EMU_OK;
}

int emu_op_aaa(struct emu_ctxt *c)
{
	return aa(c, false);
}

int emu_op_aas(struct emu_ctxt *c)
{
	return aa(c, true);
}

int emu_op_aam(struct emu_ctxt *c)
{
	u8 al = (u8)c->regs[EMU_RAX], base = (u8)c->insn.imm;

	if (!base)
		return emu_raise(c, EMU_EXC_DE);
	emu_set_gpr(c, EMU_RAX, 2, (u64)(al % base) | ((u64)(al / base) << 8));
	emu_set_flags(c, EFL_STATUS, emu_szp(al % base, 1));
	return EMU_OK;
}

int emu_op_aad(struct emu_ctxt *c)
{
	u16 ax = (u16)c->regs[EMU_RAX];
	u8 al = (u8)(ax + (ax >> 8) * (u8)c->insn.imm);

	emu_set_gpr(c, EMU_RAX, 2, al);
	emu_set_flags(c, EFL_STATUS, emu_szp(al, 1));
	return EMU_OK;
}
