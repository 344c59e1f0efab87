// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far JMP and CALL: direct, through call gates, to tasks (SDM 2A CALL, JMP; SDM 3A 5.8).
 *
 * Where vendors differ (EMU_F_FAR_JUMP64): with REX.W AMD's far pointers in memory have 32-bit offsets
 * all the same (APM 3 CALL far).
 */
#include "pure/emu_core.h"

struct far {
	u16 sel;
	u64 off;
	bool call;
};

/* Pushes CS and the return address on the stack in use. */
static int push_return(struct emu_ctxt *c, struct emu_stack *s, unsigned int size)
{
	int r;

	emu_stack_begin(c, s);
	r = emu_stack_push(c, s, emu_seg(c, EMU_CS)->selector, size);
	if (r == EMU_OK)
		r = emu_stack_push(c, s, emu_next_rip(c), size);
	return r;
}

static int far_real(struct emu_ctxt *c, const struct far *f)
{
	struct emu_stack s;
	struct emu_seg cs;
	int r = EMU_OK;

	if (c->mode == EMU_MODE_REAL)
		emu_seg_real(c, EMU_CS, f->sel, &cs);
	else
		emu_seg_vm86(c, EMU_CS, f->sel, &cs);
	if (f->off > cs.limit)
		return emu_gp0(c);
	if (f->call)
		r = push_return(c, &s, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	if (f->call)
		emu_stack_end(c, &s);
	emu_commit_cs(c, &cs, c->cpl, f->off);
	return EMU_OK;
}

static int far_code(struct emu_ctxt *c, const struct far *f, struct emu_desc *d)
{
	struct emu_stack s;
	u64 off = f->off;
	int r;

	if (!(emu_lma(c) && d->seg.l))
		off = (u32)off;
	r = emu_check_cs_off(c, &d->seg, off, 0);
	if (r == EMU_OK && f->call)
		r = push_return(c, &s, c->insn.opsize);
	if (r != EMU_OK)
		return r;
	if (f->call)
		emu_stack_end(c, &s);
	emu_commit_cs(c, &d->seg, c->cpl, off);
	return EMU_OK;
}

/* The code segment that a call gate names. */
static int gate_target(struct emu_ctxt *c, const struct far *f, const struct emu_desc *gate,
		       struct emu_desc *d)
{
	u32 err = SEL_ERR(gate->gate_sel);
	bool conforming;
	int r;

	if (gate->seg.dpl < c->cpl || gate->seg.dpl < SEL_RPL(f->sel))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(f->sel));
	/* The upper half's type bits of a 16-byte gate are zero (SDM 3A figure 5-10). */
	if (emu_lma(c) && ((gate->raw_hi >> 40) & 31))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(f->sel));
	if (!gate->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(f->sel));
	if (emu_null_sel(gate->gate_sel))
		return emu_gp0(c);
	r = emu_desc_fetch(c, gate->gate_sel, d, EMU_EXC_GP, 0);
	if (r != EMU_OK)
		return r;
	if (!emu_seg_is_code(&d->seg) || d->seg.dpl > c->cpl)
		return emu_raise_err(c, EMU_EXC_GP, err);
	conforming = d->seg.type & SEGT_CE;
	if (!f->call && !conforming && d->seg.dpl != c->cpl)
		return emu_raise_err(c, EMU_EXC_GP, err);
	if (emu_lma(c) && (!d->seg.l || d->seg.db))
		return emu_raise_err(c, EMU_EXC_GP, err);
	if (!d->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, err);
	return emu_desc_accessed(c, d);
}

/* CALL through a gate to an inner level: a new stack with the old one, parameters and return. */
static int call_inner(struct emu_ctxt *c, const struct emu_desc *gate, struct emu_desc *d, u64 off,
		      unsigned int size)
{
	unsigned int cpl = d->seg.dpl, n = emu_lma(c) ? 0 : gate->params, i;
	struct emu_new_stack ns;
	struct emu_stack os;
	u64 params[32];
	int r;

	r = emu_new_stack(c, &ns, cpl, 0, 0);
	if (r != EMU_OK)
		return r;
	emu_stack_begin(c, &os);
	for (i = 0; i < n && r == EMU_OK; i++)
		r = emu_stack_pop(c, &os, &params[i], size);
	if (r == EMU_OK)
		r = emu_check_cs_off(c, &d->seg, off, 0);
	if (r == EMU_OK)
		r = emu_new_push(c, &ns, emu_seg(c, EMU_SS)->selector, size);
	if (r == EMU_OK)
		r = emu_new_push(c, &ns, c->regs[EMU_RSP], size);
	while (r == EMU_OK && n--)
		r = emu_new_push(c, &ns, params[n], size);
	if (r == EMU_OK)
		r = emu_new_push(c, &ns, emu_seg(c, EMU_CS)->selector, size);
	if (r == EMU_OK)
		r = emu_new_push(c, &ns, emu_next_rip(c), size);
	if (r != EMU_OK)
		return r;
	c->regs[EMU_RSP] = emu_new_rsp(c, &ns, emu_lma(c));
	emu_commit_cs(c, &d->seg, cpl, off);
	emu_commit_seg(c, EMU_SS, &ns.ss);
	return EMU_OK;
}

static int far_gate(struct emu_ctxt *c, const struct far *f, const struct emu_desc *gate)
{
	unsigned int size = emu_lma(c) ? 8 : gate->seg.type == SYST_CALL32 ? 4 : 2;
	u64 off = size == 2 ? gate->off & 0xffff : gate->off;
	struct emu_stack s;
	struct emu_desc d;
	int r = gate_target(c, f, gate, &d);

	if (r != EMU_OK)
		return r;
	if (f->call && !(d.seg.type & SEGT_CE) && d.seg.dpl < c->cpl)
		return call_inner(c, gate, &d, off, size);
	r = emu_check_cs_off(c, &d.seg, off, 0);
	if (r == EMU_OK && f->call)
		r = push_return(c, &s, size);
	if (r != EMU_OK)
		return r;
	if (f->call)
		emu_stack_end(c, &s);
	emu_commit_cs(c, &d.seg, c->cpl, off);
	return EMU_OK;
}

static int far_task(struct emu_ctxt *c, const struct far *f, const struct emu_desc *d)
{
	enum emu_task_reason why = f->call ? EMU_TASK_CALL : EMU_TASK_JMP;
	u16 sel = f->sel;
	u64 rip = c->rip;
	int r;

	if (d->seg.dpl < c->cpl || d->seg.dpl < SEL_RPL(sel))
		return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(sel));
	if (!d->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, SEL_ERR(sel));
	if (d->seg.type == SYST_TASK)
		sel = d->gate_sel;
	c->rip = emu_next_rip(c);
	r = emu_switch_task(c, sel, why, false, 0);
	if (r != EMU_OK && !c->branch_far)
		c->rip = rip;
	return r;
}

static int far_transfer(struct emu_ctxt *c, const struct far *f)
{
	struct emu_desc d;
	int r;

	if (emu_is_rm(c))
		return far_real(c, f);
	r = emu_cs_prepare(c, f->sel, false, &d);
	if (r != EMU_OK)
		return r;
	if (d.seg.s)
		return far_code(c, f, &d);
	switch (d.seg.type) {
	case SYST_CALL32:
		return far_gate(c, f, &d);
	case SYST_CALL16:
		if (!emu_lma(c))
			return far_gate(c, f, &d);
		break;
	case SYST_TASK:
	case SYST_TSS16:
	case SYST_TSS32:
		if (!emu_lma(c))
			return far_task(c, f, &d);
		break;
	default:
		break;
	}
	return emu_raise_err(c, EMU_EXC_GP, SEL_ERR(f->sel));
}

static int far_imm(struct emu_ctxt *c, bool call)
{
	struct far f = { .sel = c->insn.imm2, .off = c->insn.imm, .call = call };

	return far_transfer(c, &f);
}

static int far_mem(struct emu_ctxt *c, bool call)
{
	struct far f = { .call = call };
	u64 sel;
	int r;

	if (c->insn.opsize == 8 && !(c->features & EMU_F_FAR_JUMP64))
		c->insn.opsize = 4;
	r = emu_read_val(c, c->insn.seg, c->ea, &f.off, c->insn.opsize);
	if (r == EMU_OK)
		r = emu_read_val(c, c->insn.seg, emu_ea_wrap(c, c->ea + c->insn.opsize), &sel, 2);
	if (r != EMU_OK)
		return r;
	f.sel = (u16)sel;
	return far_transfer(c, &f);
}

int emu_op_jmp_far_imm(struct emu_ctxt *c)
{
	return far_imm(c, false);
}

int emu_op_call_far_imm(struct emu_ctxt *c)
{
	return far_imm(c, true);
}

int emu_op_jmp_far_m(struct emu_ctxt *c)
{
	return far_mem(c, false);
}

int emu_op_call_far_m(struct emu_ctxt *c)
{
	return far_mem(c, true);
}
