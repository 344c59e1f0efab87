// SPDX-License-Identifier: GPL-2.0-only
/* Instructions on segment registers and descriptors, but for far transfers. */
#include "pure/emu_core.h"

int emu_op_mov_rm_sreg(struct emu_ctxt *c)
{
	unsigned int seg = (c->insn.modrm >> 3) & 7;
	u16 sel;

	if (seg > EMU_GS)
		return emu_ud(c);
	sel = emu_seg(c, seg)->selector;
	/* To memory always 16 bits; to a register zero-extended (SDM 2B MOV). */
	return emu_rm_write(c, emu_rm_is_reg(c) ? c->insn.opsize : 2, sel);
}

int emu_op_mov_sreg_rm(struct emu_ctxt *c)
{
	unsigned int seg = (c->insn.modrm >> 3) & 7;
	u64 sel;
	int r;

	if (seg > EMU_GS || seg == EMU_CS)
		return emu_ud(c);
	r = emu_rm_read(c, 2, &sel);
	if (r == EMU_OK)
		r = emu_seg_load(c, seg, (u16)sel);
	if (r == EMU_OK && seg == EMU_SS)
		c->shadow = EMU_SHADOW_MOVSS;
	return r;
}

static unsigned int stack_seg(const struct emu_ctxt *c)
{
	/* 06, 0E, 16, 1E: ES, CS, SS, DS; 0F A0, 0F A8: FS, GS. */
	return c->insn.map ? (c->insn.opcode >> 3) & 7 : (c->insn.opcode >> 3) & 3;
}

/* A 32- or 64-bit push leaves the upper bytes of its slot alone on current processors. */
int emu_op_push_seg(struct emu_ctxt *c)
{
	u16 sel = emu_seg(c, stack_seg(c))->selector;
	struct emu_stack s;
	int r;

	emu_stack_begin(c, &s);
	if (c->insn.opsize == 4) {
		s.sp = (s.sp - 4) & emu_mask(s.width);
		r = emu_write_val(c, EMU_SS, s.sp, sel, 2);
	} else {
		r = emu_stack_push(c, &s, sel, c->insn.opsize);
	}
	if (r == EMU_OK)
		emu_stack_end(c, &s);
	return r;
}

int emu_op_pop_seg(struct emu_ctxt *c)
{
	unsigned int seg = stack_seg(c), size = c->insn.opsize;
	struct emu_stack s;
	u64 sel;
	int r;

	emu_stack_begin(c, &s);
	r = emu_read_val(c, EMU_SS, s.sp, &sel, size == 4 ? 2 : size);
	if (r != EMU_OK)
		return r;
	s.sp = (s.sp + size) & emu_mask(s.width);
	r = emu_seg_load(c, seg, (u16)sel);
	if (r != EMU_OK)
		return r;
	emu_stack_end(c, &s);
	if (seg == EMU_SS)
		c->shadow = EMU_SHADOW_MOVSS;
	return EMU_OK;
}

/* LES, LDS, LSS, LFS, LGS. */
int emu_op_load_far_ptr(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize, seg;
	u64 off, sel;
	int r;

	if (!c->insn.map)
		seg = c->insn.opcode == 0xc4 ? EMU_ES : EMU_DS;
	else
		seg = c->insn.opcode == 0xb2 ? EMU_SS : c->insn.opcode == 0xb4 ? EMU_FS : EMU_GS;
	if (size == 8 && !(c->features & EMU_F_FAR_LOAD64))
		size = 4;
	r = emu_read_val(c, c->insn.seg, c->ea, &off, size);
	if (r == EMU_OK)
		r = emu_read_val(c, c->insn.seg, emu_ea_wrap(c, c->ea + size), &sel, 2);
	if (r == EMU_OK)
		r = emu_seg_load(c, seg, (u16)sel);
	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.reg, size, off);
	return r;
}

static int store_sel(struct emu_ctxt *c, unsigned int seg)
{
	if (c->cpl && (c->ops->get_cr(c, 4) & ECR4_UMIP))
		return emu_gp0(c);
	return emu_rm_write(c, emu_rm_is_reg(c) ? c->insn.opsize : 2, emu_seg(c, seg)->selector);
}

int emu_op_sldt(struct emu_ctxt *c)
{
	return store_sel(c, EMU_LDTR);
}

int emu_op_str(struct emu_ctxt *c)
{
	return store_sel(c, EMU_TR);
}

/* The descriptor that LLDT or LTR names, in the GDT and of one of @types (a bit mask); checked. */
static int system_desc(struct emu_ctxt *c, u16 sel, u32 types, struct emu_desc *d)
{
	int r;

	if (sel & 4)
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	r = emu_desc_fetch(c, sel, d, EMU_EXC_GP, 0);
	if (r != EMU_OK)
		return r;
	if (d->seg.s || !(types & BIT(d->seg.type)))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	if (!d->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(sel));
	if (emu_lma(c) && !emu_canonical(c, d->seg.base))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	return EMU_OK;
}

int emu_op_lldt(struct emu_ctxt *c)
{
	struct emu_desc d;
	u64 sel;
	int r = emu_rm_read(c, 2, &sel);

	if (r != EMU_OK)
		return r;
	if (emu_null_sel((u16)sel))
		emu_seg_null(&d.seg, (u16)sel);
	else
		r = system_desc(c, (u16)sel, BIT(SYST_LDT), &d);
	if (r == EMU_OK)
		emu_commit_seg(c, EMU_LDTR, &d.seg);
	return r;
}

int emu_op_ltr(struct emu_ctxt *c)
{
	u32 types = BIT(SYST_TSS32) | (emu_lma(c) ? 0 : BIT(SYST_TSS16));
	struct emu_desc d;
	u64 sel, seen, busy;
	int r = emu_rm_read(c, 2, &sel);

	if (r == EMU_OK && emu_null_sel((u16)sel))
		r = emu_gp0(c);
	if (r == EMU_OK)
		r = system_desc(c, (u16)sel, types, &d);
	if (r != EMU_OK)
		return r;
	seen = d.raw;
	busy = d.raw | BIT_ULL(41);
	r = emu_lin_cmpxchg(c, d.la, &seen, &busy, 8, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	if (seen != d.raw) /* someone else writes it: try again from the start */
		return EMU_RESTART;
	d.seg.type |= 2;
	emu_commit_seg(c, EMU_TR, &d.seg);
	return EMU_OK;
}

/* LAR, LSL, VERR, VERW: a look at a descriptor that never faults for what it finds there. */
static int peek(struct emu_ctxt *c, struct emu_desc *d, bool *visible)
{
	u64 sel;
	int r = emu_rm_read(c, 2, &sel);

	*visible = false;
	if (r != EMU_OK)
		return r;
	if (emu_null_sel((u16)sel))
		return EMU_OK;
	r = emu_desc_fetch(c, (u16)sel, d, EMU_EXC_GP, 0);
	if (r == EMU_EXCEPTION && c->exc.vector == EMU_EXC_GP)
		return EMU_OK; /* outside of the table */
	if (r != EMU_OK)
		return r;
	*visible = true;
	if (emu_seg_is_code(&d->seg) && (d->seg.type & SEGT_CE))
		return EMU_OK;
	*visible = c->cpl <= d->seg.dpl && SEL_RPL(sel) <= d->seg.dpl;
	return EMU_OK;
}

/* System types that LAR or LSL accept (SDM 2A tables 3-53 and 3-57), as bit masks. */
#define LAR_TYPES (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(11) | BIT(12))
#define LAR_TYPES_LM (BIT(2) | BIT(9) | BIT(11) | BIT(12))
#define LSL_TYPES (BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11))
#define LSL_TYPES_LM (BIT(2) | BIT(9) | BIT(11))

/* LAR and LSL: with the system types that each knows. ZF says whether there is an answer. */
static int peek_types(struct emu_ctxt *c, u32 types, struct emu_desc *d, bool *ok)
{
	int r = peek(c, d, ok);

	if (r != EMU_OK)
		return r;
	if (*ok && !d->seg.s)
		*ok = types & BIT(d->seg.type);
	emu_set_flags(c, EFL_ZF, *ok ? EFL_ZF : 0);
	return EMU_OK;
}

int emu_op_lar(struct emu_ctxt *c)
{
	struct emu_desc d;
	bool ok;
	int r = peek_types(c, emu_lma(c) ? LAR_TYPES_LM : LAR_TYPES, &d, &ok);

	if (r == EMU_OK && ok)
		emu_set_gpr(c, c->insn.reg, c->insn.opsize, (d.raw >> 32) & 0xf0ff00);
	return r;
}

int emu_op_lsl(struct emu_ctxt *c)
{
	struct emu_desc d;
	bool ok;
	int r = peek_types(c, emu_lma(c) ? LSL_TYPES_LM : LSL_TYPES, &d, &ok);

	if (r == EMU_OK && ok)
		emu_set_gpr(c, c->insn.reg, c->insn.opsize, d.seg.limit);
	return r;
}

int emu_op_verr(struct emu_ctxt *c)
{
	struct emu_desc d;
	bool ok;
	int r = peek(c, &d, &ok);

	if (r != EMU_OK)
		return r;
	/* All but code that is execute-only. */
	ok = ok && d.seg.s && (d.seg.type & (SEGT_CODE | SEGT_RW)) != SEGT_CODE;
	emu_set_flags(c, EFL_ZF, ok ? EFL_ZF : 0);
	return EMU_OK;
}

int emu_op_verw(struct emu_ctxt *c)
{
	struct emu_desc d;
	bool ok;
	int r = peek(c, &d, &ok);

	if (r == EMU_OK)
		emu_set_flags(c, EFL_ZF, ok && emu_seg_is_wdata(&d.seg) ? EFL_ZF : 0);
	return r;
}
