// SPDX-License-Identifier: GPL-2.0-only
/* RETF and IRET (SDM 2B RET, SDM 2A IRET). */
#include "pure/emu_core.h"

/* What the stack held, and where it stood. */
struct frame {
	struct emu_stack s;
	u64 ip, cs, flags, sp, ss;
};

static int real_cs(struct emu_ctxt *c, const struct frame *f, struct emu_seg *cs)
{
	if (c->mode == EMU_MODE_REAL)
		emu_seg_real(c, EMU_CS, (u16)f->cs, cs);
	else
		emu_seg_vm86(c, EMU_CS, (u16)f->cs, cs);
	return f->ip > cs->limit ? emu_gp0(c) : EMU_OK;
}

static int pop_ip_cs(struct emu_ctxt *c, struct frame *f)
{
	int r;

	emu_stack_begin(c, &f->s);
	r = emu_stack_pop(c, &f->s, &f->ip, c->insn.opsize);
	if (r == EMU_OK)
		r = emu_stack_pop(c, &f->s, &f->cs, c->insn.opsize);
	return r;
}

static int pop_sp_ss(struct emu_ctxt *c, struct frame *f)
{
	int r = emu_stack_pop(c, &f->s, &f->sp, c->insn.opsize);

	if (r == EMU_OK)
		r = emu_stack_pop(c, &f->s, &f->ss, c->insn.opsize);
	return r;
}

/* SS of a return to @cpl; null is legal into 64-bit code outside of CPL 3. */
static int return_ss(struct emu_ctxt *c, u16 sel, unsigned int cpl, const struct emu_seg *cs,
		     struct emu_seg *ss)
{
	if (emu_null_sel(sel) && emu_lma(c) && cs->l && cpl != 3 && SEL_RPL(sel) == cpl) {
		emu_seg_null(ss, sel);
		ss->dpl = (u8)cpl;
		return EMU_OK;
	}
	return emu_ss_prepare(c, sel, cpl, EMU_EXC_GP, 0, ss);
}

/* rSP in the width of the stack segment that is loaded. */
static void set_sp(struct emu_ctxt *c, const struct emu_seg *ss, u64 sp)
{
	if (emu_is64(c))
		c->regs[EMU_RSP] = sp;
	else if (ss->db)
		c->regs[EMU_RSP] = (u32)sp;
	else
		c->regs[EMU_RSP] = (c->regs[EMU_RSP] & ~0xffffULL) | (u16)sp;
}

/* Loads CS and, if the frame has them, SS and rSP; the frame is checked and read. */
static void finish(struct emu_ctxt *c, const struct frame *f, struct emu_desc *cs,
		   const struct emu_seg *ss, u64 extra)
{
	unsigned int cpl = SEL_RPL(f->cs);
	bool outer = cpl > c->cpl;

	emu_commit_cs(c, &cs->seg, cpl, f->ip);
	if (ss) {
		emu_commit_seg(c, EMU_SS, ss);
		set_sp(c, ss, f->sp + extra);
	} else {
		emu_stack_end(c, &f->s);
	}
	if (outer)
		emu_seg_drop_outer(c);
}

static int not_code(struct emu_ctxt *c, const struct emu_desc *d)
{
	return d->seg.s ? EMU_OK : emu_raise_err(c, EMU_EXC_GP, SEL_ERR(d->seg.selector));
}

int emu_op_retf(struct emu_ctxt *c)
{
	u64 extra = c->insn.opcode == 0xca ? c->insn.imm : 0;
	struct emu_seg ss;
	struct emu_desc d;
	struct frame f;
	bool outer;
	int r = pop_ip_cs(c, &f);

	if (r != EMU_OK)
		return r;
	if (emu_is_rm(c)) {
		r = real_cs(c, &f, &d.seg);
		if (r != EMU_OK)
			return r;
		f.s.sp = (f.s.sp + extra) & emu_mask(f.s.width);
		emu_stack_end(c, &f.s);
		emu_commit_cs(c, &d.seg, c->cpl, f.ip);
		return EMU_OK;
	}
	r = emu_cs_prepare(c, (u16)f.cs, true, &d);
	if (r == EMU_OK)
		r = not_code(c, &d);
	if (r != EMU_OK)
		return r;
	outer = SEL_RPL(f.cs) > c->cpl;
	f.s.sp = (f.s.sp + extra) & emu_mask(f.s.width);
	if (outer) {
		r = pop_sp_ss(c, &f);
		if (r == EMU_OK)
			r = return_ss(c, (u16)f.ss, SEL_RPL(f.cs), &d.seg, &ss);
	}
	if (r == EMU_OK)
		r = emu_check_cs_off(c, &d.seg, f.ip, 0);
	if (r == EMU_OK)
		finish(c, &f, &d, outer ? &ss : NULL, extra);
	return r;
}

/* IRET. */

static u64 iret_mask(const struct emu_ctxt *c)
{
	u64 mask = emu_popf_mask(c, c->insn.opsize);

	if (c->insn.opsize > 2 && c->cpl == 0 && c->mode != EMU_MODE_REAL)
		mask |= EFL_VIF | EFL_VIP;
	return mask;
}

static int iret_real(struct emu_ctxt *c, struct frame *f)
{
	unsigned int size = c->insn.opsize;
	u64 mask = emu_popf_mask(c, size);
	struct emu_seg cs;
	bool vme = false;
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
	r = pop_ip_cs(c, f);
	if (r == EMU_OK)
		r = emu_stack_pop(c, &f->s, &f->flags, size);
	if (r == EMU_OK)
		r = real_cs(c, f, &cs);
	if (r != EMU_OK)
		return r;
	if (vme) {
		if ((f->flags & EFL_TF) || ((f->flags & EFL_IF) && (c->rflags & EFL_VIP)))
			return emu_gp0(c);
		emu_set_flags(c, EFL_VIF, f->flags & EFL_IF ? EFL_VIF : 0);
	}
	emu_stack_end(c, &f->s);
	emu_set_flags(c, mask, f->flags);
	emu_commit_cs(c, &cs, c->cpl, f->ip);
	return EMU_OK;
}

/* To virtual-8086 mode: ESP, SS, ES, DS, FS, GS follow on the stack. */
static int iret_to_vm86(struct emu_ctxt *c, struct frame *f)
{
	static const u8 order[] = { EMU_ES, EMU_DS, EMU_FS, EMU_GS };
	struct emu_seg seg;
	u64 sel[4];
	unsigned int i;
	int r = pop_sp_ss(c, f);

	for (i = 0; i < 4 && r == EMU_OK; i++)
		r = emu_stack_pop(c, &f->s, &sel[i], 4);
	if (r == EMU_OK && (f->ip & 0xffffffff) > 0xffff)
		r = emu_gp0(c);
	if (r != EMU_OK)
		return r;
	emu_set_flags(c, iret_mask(c) | EFL_VM, f->flags);
	c->mode = EMU_MODE_VM86;
	emu_seg_vm86(c, EMU_CS, (u16)f->cs, &seg);
	emu_commit_cs(c, &seg, 3, f->ip);
	emu_seg_vm86(c, EMU_SS, (u16)f->ss, &seg);
	emu_commit_seg(c, EMU_SS, &seg);
	for (i = 0; i < 4; i++) {
		emu_seg_vm86(c, order[i], (u16)sel[i], &seg);
		emu_commit_seg(c, order[i], &seg);
	}
	c->regs[EMU_RSP] = (u32)f->sp;
	return EMU_OK;
}

/* Back from a nested task: to the TSS that this one links to (SDM 3A 7.4). */
static int iret_task(struct emu_ctxt *c)
{
	const struct emu_seg *tr = emu_seg(c, EMU_TR);
	u64 rip = c->rip;
	u16 link;
	int r;

	if (tr->unusable || tr->limit < 1)
		return emu_raise_err(c, EMU_EXC_TS, SEL_ERR(tr->selector));
	r = emu_lin_read(c, tr->base, &link, 2, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	c->rip = (u32)(c->rip + c->insn.len);
	r = emu_switch_task(c, link, EMU_TASK_IRET, false, 0);
	if (r != EMU_OK && !c->branch_far)
		c->rip = rip;
	return r;
}

int emu_op_iret(struct emu_ctxt *c)
{
	struct emu_seg ss;
	struct emu_desc d;
	struct frame f;
	bool has_ss;
	u64 mask;
	int r;

	if (emu_is_rm(c)) {
		r = iret_real(c, &f);
		goto out;
	}
	if (c->rflags & EFL_NT) {
		if (emu_lma(c))
			return emu_gp0(c);
		r = iret_task(c);
		goto out;
	}
	r = pop_ip_cs(c, &f);
	if (r == EMU_OK)
		r = emu_stack_pop(c, &f.s, &f.flags, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	if ((f.flags & EFL_VM) && !c->cpl && !emu_lma(c) && c->insn.opsize == 4) {
		r = iret_to_vm86(c, &f);
		goto out;
	}
	r = emu_cs_prepare(c, (u16)f.cs, true, &d);
	if (r == EMU_OK)
		r = not_code(c, &d);
	if (r != EMU_OK)
		return r;
	/* In 64-bit mode SS and rSP are popped always. */
	has_ss = emu_is64(c) || SEL_RPL(f.cs) > c->cpl;
	if (has_ss) {
		r = pop_sp_ss(c, &f);
		if (r == EMU_OK)
			r = return_ss(c, (u16)f.ss, SEL_RPL(f.cs), &d.seg, &ss);
	}
	if (r == EMU_OK)
		r = emu_check_cs_off(c, &d.seg, f.ip, 0);
	if (r != EMU_OK)
		return r;
	mask = iret_mask(c);
	finish(c, &f, &d, has_ss ? &ss : NULL, 0);
	emu_set_flags(c, mask, f.flags);
out:
	if (r == EMU_OK && c->ops->iret)
		c->ops->iret(c);
	return r;
}
