// SPDX-License-Identifier: GPL-2.0-only
/* Data movement: MOV and its extensions, LEA, XLAT, conversions, stack instructions, flags. */
#include "pure/emu_core.h"

int emu_op_mov_rm_r(struct emu_ctxt *c)
{
	return emu_rm_write(c, c->insn.opsize, emu_gpr(c, c->insn.reg, c->insn.opsize));
}

int emu_op_mov_r_rm(struct emu_ctxt *c)
{
	u64 v;
	int r = emu_rm_read(c, c->insn.opsize, &v);

	if (likely(r == EMU_OK))
		emu_set_gpr(c, c->insn.reg, c->insn.opsize, v);
	return r;
}

int emu_op_mov_rm_imm(struct emu_ctxt *c)
{
	return emu_rm_write(c, c->insn.opsize, c->insn.imm);
}

int emu_op_mov_r_imm(struct emu_ctxt *c)
{
	emu_set_gpr(c, c->insn.reg, c->insn.opsize, c->insn.imm);
	return EMU_OK;
}

int emu_op_mov_a_moffs(struct emu_ctxt *c)
{
	u64 v;
	int r = emu_read_val(c, c->insn.seg, c->insn.imm, &v, c->insn.opsize);

	if (r == EMU_OK)
		emu_set_gpr(c, EMU_RAX, c->insn.opsize, v);
	return r;
}

int emu_op_mov_moffs_a(struct emu_ctxt *c)
{
	return emu_write_val(c, c->insn.seg, c->insn.imm, emu_gpr(c, EMU_RAX, c->insn.opsize),
			     c->insn.opsize);
}

/* MOVNTI: 66, F2 and F3 make it another opcode. */
int emu_op_movnti(struct emu_ctxt *c)
{
	if (c->insn.rep || c->insn.osz66)
		return emu_ud(c);
	return emu_op_mov_rm_r(c);
}

static int extend(struct emu_ctxt *c, unsigned int from, bool sign)
{
	u64 v;
	int r = emu_rm_read(c, from, &v);

	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.reg, c->insn.opsize, sign ? emu_sext(v, from) : v);
	return r;
}

int emu_op_movzx_b(struct emu_ctxt *c)
{
	return extend(c, 1, false);
}

int emu_op_movzx_w(struct emu_ctxt *c)
{
	return extend(c, 2, false);
}

int emu_op_movsx_b(struct emu_ctxt *c)
{
	return extend(c, 1, true);
}

int emu_op_movsx_w(struct emu_ctxt *c)
{
	return extend(c, 2, true);
}

/* 63: MOVSXD in 64-bit mode, else ARPL (SDM 2A ARPL). */
int emu_op_arpl_movsxd(struct emu_ctxt *c)
{
	u64 dst, src;
	int r;

	if (emu_is64(c))
		return extend(c, c->insn.opsize == 2 ? 2 : 4, true);
	if (emu_is_rm(c))
		return emu_ud(c);
	r = emu_rm_read(c, 2, &dst); /* written only if it changes */
	if (r != EMU_OK)
		return r;
	src = emu_gpr(c, c->insn.reg, 2);
	if (SEL_RPL(dst) >= SEL_RPL(src)) {
		c->rflags &= ~EFL_ZF;
		return EMU_OK;
	}
	r = emu_rm_write(c, 2, (dst & ~3ULL) | SEL_RPL(src));
	if (r == EMU_OK)
		c->rflags |= EFL_ZF;
	return r;
}

int emu_op_lea(struct emu_ctxt *c)
{
	emu_set_gpr(c, c->insn.reg, c->insn.opsize, c->ea);
	return EMU_OK;
}

int emu_op_xlat(struct emu_ctxt *c)
{
	u64 ea = emu_ea_wrap(c, c->regs[EMU_RBX] + (u8)c->regs[EMU_RAX]), v;
	int r = emu_read_val(c, c->insn.seg, ea, &v, 1);

	if (r == EMU_OK)
		emu_set_gpr(c, EMU_RAX, 1, v);
	return r;
}

int emu_op_cmov(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 v;
	int r = emu_rm_read(c, size, &v);

	if (r != EMU_OK)
		return r;
	/* Without the move a 32-bit destination is zero-extended still. */
	if (!emu_cond(c->rflags, c->insn.opcode))
		v = emu_gpr(c, c->insn.reg, size);
	emu_set_gpr(c, c->insn.reg, size, v);
	return EMU_OK;
}

int emu_op_setcc(struct emu_ctxt *c)
{
	return emu_rm_write(c, 1, emu_cond(c->rflags, c->insn.opcode));
}

/* XCHG rAX, r; 90 without REX.B is NOP, F3 90 is PAUSE whatever REX.B is. */
int emu_op_xchg_a_r(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 a, b;

	if (c->insn.reg == EMU_RAX || (c->insn.opcode == 0x90 && c->insn.rep == 0xf3))
		return EMU_OK;
	a = emu_gpr(c, EMU_RAX, size);
	b = emu_gpr(c, c->insn.reg, size);
	emu_set_gpr(c, EMU_RAX, size, b);
	emu_set_gpr(c, c->insn.reg, size, a);
	return EMU_OK;
}

/* CBW, CWDE, CDQE and CWD, CDQ, CQO. */
int emu_op_cbw(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;

	emu_set_gpr(c, EMU_RAX, size, emu_sext(c->regs[EMU_RAX], size / 2));
	return EMU_OK;
}

int emu_op_cwd(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;

	emu_set_gpr(c, EMU_RDX, size, c->regs[EMU_RAX] & emu_sign(size) ? ~0ULL : 0);
	return EMU_OK;
}

int emu_op_salc(struct emu_ctxt *c)
{
	emu_set_gpr(c, EMU_RAX, 1, c->rflags & EFL_CF ? 0xff : 0);
	return EMU_OK;
}

int emu_op_nop(struct emu_ctxt *c)
{
	(void)c;
	return EMU_OK;
}

/* BOUND; in 64-bit mode or with mod 3 the byte is an EVEX prefix. */
int emu_op_bound(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 lo, hi;
	s64 idx;
	int r;

	if (emu_is64(c) || c->insn.mod == 3)
		return EMU_UNHANDLEABLE;
	idx = (s64)emu_sext(emu_gpr(c, c->insn.reg, size), size);
	r = emu_read_val(c, c->insn.seg, c->ea, &lo, size);
	if (r != EMU_OK)
		return r;
	/* The upper bound is not even read if the lower one is missed. */
	if (idx < (s64)emu_sext(lo, size))
		return emu_raise(c, EMU_EXC_BR);
	r = emu_read_val(c, c->insn.seg, emu_ea_wrap(c, c->ea + size), &hi, size);
	if (r == EMU_OK && idx > (s64)emu_sext(hi, size))
		r = emu_raise(c, EMU_EXC_BR);
	return r;
}

/* The stack. */

int emu_op_push_r(struct emu_ctxt *c)
{
	return emu_push(c, emu_gpr(c, c->insn.reg, c->insn.opsize), c->insn.opsize);
}

int emu_op_push_imm(struct emu_ctxt *c)
{
	return emu_push(c, c->insn.imm, c->insn.opsize);
}

int emu_op_push_rm(struct emu_ctxt *c)
{
	u64 v;
	int r = emu_rm_read(c, c->insn.opsize, &v);

	return r == EMU_OK ? emu_push(c, v, c->insn.opsize) : r;
}

int emu_op_pop_r(struct emu_ctxt *c)
{
	struct emu_stack s;
	u64 v;
	int r;

	emu_stack_begin(c, &s);
	r = emu_stack_pop(c, &s, &v, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	emu_stack_end(c, &s);
	emu_set_gpr(c, c->insn.reg, c->insn.opsize, v);
	return EMU_OK;
}

/* POP r/m: rSP as base is the incremented one (SDM 2B POP). */
int emu_op_pop_rm(struct emu_ctxt *c)
{
	struct emu_stack s;
	u64 v, old = c->regs[EMU_RSP];
	int r;

	emu_stack_begin(c, &s);
	r = emu_stack_pop(c, &s, &v, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	if (c->insn.base == EMU_RSP && !emu_rm_is_reg(c))
		c->ea = emu_ea_wrap(c, c->ea + emu_stack_rsp(&s) - old);
	if (emu_rm_is_reg(c)) {
		emu_stack_end(c, &s);
		emu_set_gpr(c, c->insn.rm, c->insn.opsize, v);
		return EMU_OK;
	}
	r = emu_rm_write(c, c->insn.opsize, v);
	if (r == EMU_OK)
		emu_stack_end(c, &s);
	return r;
}

int emu_op_pusha(struct emu_ctxt *c)
{
	struct emu_stack s;
	unsigned int i;
	int r = EMU_OK;

	emu_stack_begin(c, &s);
	for (i = 0; i < 8 && r == EMU_OK; i++)
		r = emu_stack_push(c, &s, emu_gpr(c, i, c->insn.opsize), c->insn.opsize);
	if (r == EMU_OK)
		emu_stack_end(c, &s);
	return r;
}

int emu_op_popa(struct emu_ctxt *c)
{
	struct emu_stack s;
	u64 v[8];
	int i, r = EMU_OK;

	emu_stack_begin(c, &s);
	for (i = 7; i >= 0 && r == EMU_OK; i--)
		r = emu_stack_pop(c, &s, &v[i], c->insn.opsize);
	if (r != EMU_OK)
		return r;
	for (i = 0; i < 8; i++)
		if (i != EMU_RSP)
			emu_set_gpr(c, (unsigned int)i, c->insn.opsize, v[i]);
	emu_stack_end(c, &s);
	return EMU_OK;
}

int emu_op_enter(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize, level = c->insn.imm2 & 31, i;
	struct emu_stack s;
	u64 frame, bp, v, rbp;
	int r;

	emu_stack_begin(c, &s);
	r = emu_stack_push(c, &s, emu_gpr(c, EMU_RBP, size), size);
	if (r != EMU_OK)
		return r;
	frame = s.sp;
	bp = c->regs[EMU_RBP];
	for (i = 1; i < level; i++) {
		bp = (bp - size) & emu_mask(s.width);
		r = emu_read_val(c, EMU_SS, bp, &v, size);
		if (r == EMU_OK)
			r = emu_stack_push(c, &s, v, size);
		if (r != EMU_OK)
			return r;
	}
	if (level) {
		r = emu_stack_push(c, &s, frame, size);
		if (r != EMU_OK)
			return r;
	}
	s.sp = (s.sp - c->insn.imm) & emu_mask(s.width);
	/* The new top must be writable already (SDM 2A ENTER). */
	r = emu_linear(c, EMU_SS, s.sp, size, EMU_ACC_WRITE, &v);
	if (r == EMU_OK)
		r = emu_probe(c, v, 1, EMU_ACC_WRITE);
	if (r != EMU_OK)
		return r;
	rbp = c->regs[EMU_RBP];
	emu_stack_end(c, &s);
	c->regs[EMU_RBP] = rbp;
	emu_set_gpr(c, EMU_RBP, size, frame);
	return EMU_OK;
}

int emu_op_leave(struct emu_ctxt *c)
{
	struct emu_stack s;
	u64 v;
	int r;

	emu_stack_begin(c, &s);
	s.sp = c->regs[EMU_RBP] & emu_mask(s.width);
	r = emu_stack_pop(c, &s, &v, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	emu_stack_end(c, &s);
	emu_set_gpr(c, EMU_RBP, c->insn.opsize, v);
	return EMU_OK;
}

/* Flags. */

u64 emu_popf_mask(const struct emu_ctxt *c, unsigned int size)
{
	u64 mask = EFL_STATUS | EFL_TF | EFL_DF | EFL_NT;
	unsigned int iopl = (unsigned int)((c->rflags & EFL_IOPL) >> 12);

	if (c->cpl == 0)
		mask |= EFL_IOPL;
	if (c->cpl <= iopl || c->mode == EMU_MODE_REAL)
		mask |= EFL_IF;
	/* RF comes out clear. */
	if (size > 2)
		mask |= EFL_AC | EFL_ID | EFL_RF;
	return mask;
}

int emu_op_pushf(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 v = c->rflags & ~(EFL_VM | EFL_RF);

	if (c->mode == EMU_MODE_VM86 && (c->rflags & EFL_IOPL) != EFL_IOPL) {
		/* With CR4.VME a 16-bit PUSHF shows VIF as IF, and IOPL as 3. */
		if (size != 2 || !(c->ops->get_cr(c, 4) & ECR4_VME))
			return emu_gp0(c);
		v = (v & ~EFL_IF) | EFL_IOPL | (c->rflags & EFL_VIF ? EFL_IF : 0);
	}
	return emu_push(c, v, size);
}

int emu_op_popf(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 mask = emu_popf_mask(c, size), v;
	bool vme = false;
	struct emu_stack s;
	int r;

	if (c->mode == EMU_MODE_VM86) {
		if ((c->rflags & EFL_IOPL) == EFL_IOPL) {
			mask |= EFL_IF;
		} else {
			if (size != 2 || !(c->ops->get_cr(c, 4) & ECR4_VME))
				return emu_gp0(c);
			vme = true;
			mask &= ~EFL_IF;
		}
	}
	emu_stack_begin(c, &s);
	r = emu_stack_pop(c, &s, &v, size);
	if (r != EMU_OK)
		return r;
	if (vme) {
		if ((v & EFL_TF) || ((v & EFL_IF) && (c->rflags & EFL_VIP)))
			return emu_gp0(c);
		emu_set_flags(c, EFL_VIF, v & EFL_IF ? EFL_VIF : 0);
	}
	emu_stack_end(c, &s);
	emu_set_flags(c, mask, v & ~EFL_RF);
	return EMU_OK;
}

int emu_op_lahf(struct emu_ctxt *c)
{
	u64 f = (c->rflags & (EFL_SF | EFL_ZF | EFL_AF | EFL_PF | EFL_CF)) | EFL_FIXED;

	c->regs[EMU_RAX] = (c->regs[EMU_RAX] & ~0xff00ULL) | (f << 8);
	return EMU_OK;
}

int emu_op_sahf(struct emu_ctxt *c)
{
	emu_set_flags(c, EFL_SF | EFL_ZF | EFL_AF | EFL_PF | EFL_CF, c->regs[EMU_RAX] >> 8);
	return EMU_OK;
}

int emu_op_cmc(struct emu_ctxt *c)
{
	c->rflags ^= EFL_CF;
	return EMU_OK;
}

int emu_op_clc(struct emu_ctxt *c)
{
	c->rflags &= ~EFL_CF;
	return EMU_OK;
}

int emu_op_stc(struct emu_ctxt *c)
{
	c->rflags |= EFL_CF;
	return EMU_OK;
}

int emu_op_cld(struct emu_ctxt *c)
{
	c->rflags &= ~EFL_DF;
	return EMU_OK;
}

int emu_op_std(struct emu_ctxt *c)
{
	c->rflags |= EFL_DF;
	return EMU_OK;
}

/* CLI and STI: IF, or VIF under CR4.VME and CR4.PVI, or #GP(0) (SDM 2A CLI table 3-7). */
static int check_iopl(struct emu_ctxt *c, bool *vif)
{
	unsigned int iopl = (unsigned int)((c->rflags & EFL_IOPL) >> 12);
	u64 cr4;

	*vif = false;
	if (c->mode == EMU_MODE_REAL || (c->mode == EMU_MODE_VM86 ? iopl == 3 : iopl >= c->cpl))
		return EMU_OK;
	cr4 = c->ops->get_cr(c, 4);
	if (c->mode == EMU_MODE_VM86 ? cr4 & ECR4_VME : c->cpl == 3 && (cr4 & ECR4_PVI)) {
		*vif = true;
		return EMU_OK;
	}
	return emu_gp0(c);
}

int emu_op_cli(struct emu_ctxt *c)
{
	bool vif;
	int r = check_iopl(c, &vif);

	if (r == EMU_OK)
		c->rflags &= vif ? ~EFL_VIF : ~EFL_IF;
	return r;
}

int emu_op_sti(struct emu_ctxt *c)
{
	bool vif;
	int r = check_iopl(c, &vif);

	if (r != EMU_OK)
		return r;
	if (vif) {
		if (c->rflags & EFL_VIP)
			return emu_gp0(c);
		c->rflags |= EFL_VIF;
		return EMU_OK;
	}
	if (!(c->rflags & EFL_IF))
		c->shadow = EMU_SHADOW_STI;
	c->rflags |= EFL_IF;
	return EMU_OK;
}

/* CLAC, STAC: #UD above CPL 0 (SDM 2A). */
static int set_ac(struct emu_ctxt *c, bool on)
{
	if (c->cpl || c->insn.rep || c->insn.osz66)
		return emu_ud(c);
	emu_set_flags(c, EFL_AC, on ? EFL_AC : 0);
	return EMU_OK;
}

int emu_op_clac(struct emu_ctxt *c)
{
	return set_ac(c, false);
}

int emu_op_stac(struct emu_ctxt *c)
{
	return set_ac(c, true);
}
