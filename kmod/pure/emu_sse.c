// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMX, SSE and AVX moves: what drivers use on device memory. The registers are the caller's; here
 * are the encodings, the checks and the memory side.
 */
#include "pure/emu_core.h"

enum { PFX_NONE, PFX_66, PFX_F3, PFX_F2 };

static unsigned int simd_prefix(const struct emu_insn *d)
{
	if (d->rep)
		return d->rep == 0xf3 ? PFX_F3 : PFX_F2;
	return d->osz66 ? PFX_66 : PFX_NONE;
}

/* SDM 3A table 13-1, and 14.1.1 for VEX. */
static int simd_check(struct emu_ctxt *c, bool mmx)
{
	u64 cr0 = c->ops->get_cr(c, 0), xcr0;

	if (!c->ops->get_vec || !c->ops->set_vec)
		return EMU_UNHANDLEABLE;
	if (c->insn.vex) {
		if (!(c->features & EMU_F_AVX) || !(c->ops->get_cr(c, 4) & ECR4_OSXSAVE) ||
		    !c->ops->get_xcr)
			return emu_ud(c);
		if (c->ops->get_xcr(c, 0, &xcr0) != EMU_OK || (xcr0 & 6) != 6)
			return emu_ud(c);
	} else if ((cr0 & ECR0_EM) || (!mmx && !(c->ops->get_cr(c, 4) & ECR4_OSFXSR))) {
		return emu_ud(c);
	}
	if (cr0 & ECR0_TS)
		return emu_raise(c, EMU_EXC_NM);
	return mmx && c->ops->check_x87 ? c->ops->check_x87(c) : EMU_OK;
}

static int mem_address(struct emu_ctxt *c, unsigned int len, unsigned int acc, bool aligned,
		       u64 *la)
{
	int r;

	/* In 64-bit mode #GP for alignment comes before #SS for an address that is not canonical. */
	if (aligned && emu_is64(c) && c->insn.seg < EMU_FS && (c->ea & (len - 1)))
		return emu_gp0(c);
	r = emu_linear(c, c->insn.seg, c->ea, len, acc, la);
	if (r == EMU_OK && aligned && (*la & (len - 1)))
		r = emu_gp0(c);
	return r;
}

static int mem_read(struct emu_ctxt *c, void *buf, unsigned int len, bool aligned)
{
	u64 la;
	int r = mem_address(c, len, EMU_ACC_READ, aligned, &la);

	return r == EMU_OK ? emu_lin_read(c, la, buf, len, EMU_ACC_READ) : r;
}

static int mem_write(struct emu_ctxt *c, const void *buf, unsigned int len, bool aligned)
{
	u64 la;
	int r = mem_address(c, len, EMU_ACC_WRITE, aligned, &la);

	return r == EMU_OK ? emu_lin_write(c, la, buf, len, EMU_ACC_WRITE) : r;
}

/* What a full or scalar move moves: bytes, alignment; 0: no such instruction. */
struct shape {
	u8 len;
	bool aligned, mmx, scalar, memory_only;
};

static struct shape move_shape(const struct emu_insn *d)
{
	unsigned int pfx = simd_prefix(d);
	u8 full = d->vex && d->vlen ? 32 : 16;
	struct shape s = { 0, false, false, false, false };

	if (d->map == 2) { /* MOVNTDQA */
		s.len = pfx == PFX_66 ? full : 0;
		s.aligned = true;
		return s;
	}
	switch (d->opcode) {
	case 0x10:
	case 0x11:
		s.scalar = pfx >= PFX_F3;
		s.len = pfx == PFX_F3 ? 4 : pfx == PFX_F2 ? 8 : full;
		break;
	case 0x28:
	case 0x29:
	case 0x2b:
		s.len = pfx < PFX_F3 ? full : 0;
		s.aligned = true;
		break;
	case 0x6f:
	case 0x7f:
		s.len = pfx == PFX_F2 ? 0 : pfx == PFX_NONE ? 8 : full;
		s.mmx = pfx == PFX_NONE;
		s.aligned = pfx == PFX_66;
		break;
	case 0xe7:
		s.len = pfx >= PFX_F3 ? 0 : pfx == PFX_NONE ? 8 : full;
		s.mmx = pfx == PFX_NONE;
		s.aligned = pfx == PFX_66;
		break;
	default: /* F0: LDDQU */
		s.len = pfx == PFX_F2 ? full : 0;
		s.memory_only = true;
	}
	if (s.mmx && d->vex)
		s.len = 0;
	return s;
}

/* Three operands there are only in VEX's scalar moves between registers. */
static bool vvvv_ok(const struct emu_insn *d, const struct shape *s)
{
	return !d->vex || !d->vvvv || (s->scalar && d->mod == 3);
}

static int shape_check(struct emu_ctxt *c, const struct shape *s)
{
	if (!s->len || !vvvv_ok(&c->insn, s) || (s->memory_only && emu_rm_is_reg(c)))
		return emu_ud(c);
	if (c->insn.map == 2) {
		if (!c->insn.vex && !(c->features & EMU_F_SSE41))
			return emu_ud(c);
		if (c->insn.vex && c->insn.vlen && !(c->features & EMU_F_AVX2))
			return emu_ud(c);
	}
	return simd_check(c, s->mmx);
}

/* The low part from one register, the rest of 16 bytes from another (VEX) or the target. */
static int scalar_reg(struct emu_ctxt *c, unsigned int to, unsigned int from, unsigned int len)
{
	u8 low[16], buf[16];
	int r = c->ops->get_vec(c, from, low, 16);

	if (r == EMU_OK)
		r = c->ops->get_vec(c, c->insn.vex ? emu_vvvv(c) : to, buf, 16);
	if (r != EMU_OK)
		return r;
	memcpy(buf, low, len);
	return c->ops->set_vec(c, to, buf, 16, c->insn.vex);
}

/* Moves whose destination is ModRM.reg. */
int emu_op_sse_load(struct emu_ctxt *c)
{
	struct shape s = move_shape(&c->insn);
	unsigned int len;
	u8 buf[32];
	int r = shape_check(c, &s);

	if (r != EMU_OK)
		return r;
	if (emu_rm_is_reg(c)) {
		if (s.scalar)
			return scalar_reg(c, c->insn.reg, c->insn.rm, s.len);
		r = c->ops->get_vec(c, s.mmx ? c->insn.rm & 7 : c->insn.rm, buf, s.len);
	} else {
		memset(buf, 0, sizeof(buf));
		r = mem_read(c, buf, s.len, s.aligned);
	}
	if (r != EMU_OK)
		return r;
	len = s.scalar ? 16 : s.len;
	return c->ops->set_vec(c, s.mmx ? c->insn.reg & 7 : c->insn.reg, buf, len, c->insn.vex);
}

/* Moves whose destination is ModRM.rm. */
int emu_op_sse_store(struct emu_ctxt *c)
{
	struct shape s = move_shape(&c->insn);
	unsigned int reg = s.mmx ? c->insn.reg & 7 : c->insn.reg;
	u8 buf[32];
	int r = shape_check(c, &s);

	if (r != EMU_OK)
		return r;
	if (emu_rm_is_reg(c)) {
		if (s.scalar)
			return scalar_reg(c, c->insn.rm, c->insn.reg, s.len);
		r = c->ops->get_vec(c, reg, buf, s.len);
		if (r != EMU_OK)
			return r;
		return c->ops->set_vec(c, s.mmx ? c->insn.rm & 7 : c->insn.rm, buf, s.len,
				       c->insn.vex);
	}
	r = c->ops->get_vec(c, reg, buf, s.scalar && s.len < 16 ? 16 : s.len);
	return r == EMU_OK ? mem_write(c, buf, s.len, s.aligned) : r;
}

/* MOVLPS, MOVLPD, MOVHPS, MOVHPD, MOVHLPS, MOVLHPS: one half of the register. */
static int half_load(struct emu_ctxt *c, bool high)
{
	unsigned int pfx = simd_prefix(&c->insn);
	u8 buf[16], src[16];
	int r;

	if (pfx >= PFX_F3)
		return EMU_UNHANDLEABLE; /* MOVDDUP, MOVSLDUP, MOVSHDUP */
	if ((pfx == PFX_66 && emu_rm_is_reg(c)) || (c->insn.vex && c->insn.vlen))
		return emu_ud(c);
	r = simd_check(c, false);
	if (r != EMU_OK)
		return r;
	if (emu_rm_is_reg(c)) {
		r = c->ops->get_vec(c, c->insn.rm, src, 16);
		if (!high) /* MOVHLPS takes the source's high half */
			memcpy(src, src + 8, 8);
	} else {
		r = mem_read(c, src, 8, false);
	}
	if (r == EMU_OK)
		r = c->ops->get_vec(c, c->insn.vex ? emu_vvvv(c) : c->insn.reg, buf, 16);
	if (r != EMU_OK)
		return r;
	memcpy(buf + (high ? 8 : 0), src, 8);
	return c->ops->set_vec(c, c->insn.reg, buf, 16, c->insn.vex);
}

static int half_store(struct emu_ctxt *c, bool high)
{
	u8 buf[16];
	int r;

	if (c->insn.rep || (c->insn.vex && (c->insn.vlen || c->insn.vvvv)))
		return emu_ud(c);
	r = simd_check(c, false);
	if (r == EMU_OK)
		r = c->ops->get_vec(c, c->insn.reg, buf, 16);
	return r == EMU_OK ? mem_write(c, buf + (high ? 8 : 0), 8, false) : r;
}

int emu_op_sse_low(struct emu_ctxt *c)
{
	return half_load(c, false);
}

int emu_op_sse_high(struct emu_ctxt *c)
{
	return half_load(c, true);
}

int emu_op_sse_low_store(struct emu_ctxt *c)
{
	return half_store(c, false);
}

int emu_op_sse_high_store(struct emu_ctxt *c)
{
	return half_store(c, true);
}

/* Encodings of MOVD and MOVQ: MMX without prefix, XMM with 66. */
static int movd_check(struct emu_ctxt *c, unsigned int pfx)
{
	if (pfx > PFX_66 || (c->insn.vex && (pfx != PFX_66 || c->insn.vlen || c->insn.vvvv)))
		return emu_ud(c);
	return simd_check(c, pfx == PFX_NONE);
}

/* 6E: MOVD, MOVQ from a general register or memory; the rest becomes 0. */
int emu_op_sse_movd_load(struct emu_ctxt *c)
{
	unsigned int pfx = simd_prefix(&c->insn), size = c->insn.rex & 8 ? 8 : 4;
	u64 buf[2] = { 0, 0 };
	int r = movd_check(c, pfx);

	if (r == EMU_OK)
		r = emu_rm_read(c, size, &buf[0]);
	if (r != EMU_OK)
		return r;
	if (pfx == PFX_NONE)
		return c->ops->set_vec(c, c->insn.reg & 7, buf, 8, false);
	return c->ops->set_vec(c, c->insn.reg, buf, 16, c->insn.vex);
}

/* F3 7E: MOVQ xmm, xmm/m64. */
static int movq_load(struct emu_ctxt *c)
{
	u64 buf[2];
	int r;

	if (c->insn.vex && (c->insn.vlen || c->insn.vvvv))
		return emu_ud(c);
	r = simd_check(c, false);
	if (r != EMU_OK)
		return r;
	if (emu_rm_is_reg(c))
		r = c->ops->get_vec(c, c->insn.rm, buf, 16);
	else
		r = mem_read(c, buf, 8, false);
	if (r != EMU_OK)
		return r;
	buf[1] = 0;
	return c->ops->set_vec(c, c->insn.reg, buf, 16, c->insn.vex);
}

/* 7E: MOVD, MOVQ to a general register or memory. */
int emu_op_sse_movd_store(struct emu_ctxt *c)
{
	unsigned int pfx = simd_prefix(&c->insn), size = c->insn.rex & 8 ? 8 : 4;
	u64 buf[2] = { 0, 0 };
	int r;

	if (pfx == PFX_F3)
		return movq_load(c);
	r = movd_check(c, pfx);
	if (r != EMU_OK)
		return r;
	if (pfx == PFX_NONE)
		r = c->ops->get_vec(c, c->insn.reg & 7, buf, 8);
	else
		r = c->ops->get_vec(c, c->insn.reg, buf, 16);
	return r == EMU_OK ? emu_rm_write(c, size, buf[0]) : r;
}

/* 66 0F D6: MOVQ xmm/m64, xmm. */
int emu_op_sse_movq_store(struct emu_ctxt *c)
{
	unsigned int pfx = simd_prefix(&c->insn);
	u64 buf[2];
	int r;

	if (pfx >= PFX_F3)
		return EMU_UNHANDLEABLE; /* MOVQ2DQ, MOVDQ2Q */
	if (pfx != PFX_66 || (c->insn.vex && (c->insn.vlen || c->insn.vvvv)))
		return emu_ud(c);
	r = simd_check(c, false);
	if (r == EMU_OK)
		r = c->ops->get_vec(c, c->insn.reg, buf, 16);
	if (r != EMU_OK)
		return r;
	if (!emu_rm_is_reg(c))
		return mem_write(c, buf, 8, false);
	buf[1] = 0;
	return c->ops->set_vec(c, c->insn.rm, buf, 16, c->insn.vex);
}
