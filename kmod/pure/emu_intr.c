// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of interrupts and exceptions, and the instructions that ask for it (SDM 3A 6.10-6.14). */
#include "pure/emu_core.h"

struct event {
	u8 vector;
	enum emu_event kind;
	bool has_err;
	u32 err;
	u64 rip;   /* to be pushed */
	u64 flags; /* to be pushed */
	u32 ext;   /* the EXT bit of error codes */
};

#define ERR_IDT 2U

static bool is_soft(const struct event *e)
{
	return e->kind == EMU_EV_SOFT || e->kind == EMU_EV_SOFT_EXC;
}

static int idt_fault(struct emu_ctxt *c, const struct event *e, u8 vec)
{
	return emu_raise_err(c, vec, (u32)e->vector * 8 | ERR_IDT | e->ext);
}

/* Through a table of far pointers: real mode, and virtual-8086 mode with CR4.VME. */
static int deliver_table(struct emu_ctxt *c, const struct event *e, u64 table, u64 flags)
{
	struct emu_stack s;
	struct emu_seg cs;
	u16 entry[2];
	int r;

	r = emu_lin_read(c, emu_sys_la(c, table + e->vector * 4), entry, 4, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	emu_stack_begin(c, &s);
	r = emu_stack_push(c, &s, flags, 2);
	if (r == EMU_OK)
		r = emu_stack_push(c, &s, emu_seg(c, EMU_CS)->selector, 2);
	if (r == EMU_OK)
		r = emu_stack_push(c, &s, e->rip, 2);
	if (r != EMU_OK)
		return r;
	if (c->mode == EMU_MODE_REAL)
		emu_seg_real(c, EMU_CS, entry[1], &cs);
	else
		emu_seg_vm86(c, EMU_CS, entry[1], &cs);
	emu_stack_end(c, &s);
	emu_commit_cs(c, &cs, c->cpl, entry[0]);
	return EMU_OK;
}

static int deliver_real(struct emu_ctxt *c, const struct event *e)
{
	struct emu_dtr idt;
	int r;

	c->ops->get_dt(c, EMU_IDT, &idt);
	if ((u32)e->vector * 4 + 3 > idt.limit)
		return emu_gp0(c);
	r = deliver_table(c, e, idt.base, e->flags);
	if (r == EMU_OK)
		c->rflags &= ~(EFL_IF | EFL_TF | EFL_AC | EFL_RF);
	return r;
}

/*
 * INT n in virtual-8086 mode: with CR4.VME and a clear bit in the TSS's redirection map it goes
 * to the 8086 program's own handler; else IOPL must be 3 (SDM 3B 20.3.3). *done: it was handled.
 */
static int soft_vm86(struct emu_ctxt *c, const struct event *e, bool *done)
{
	bool iopl3 = (c->rflags & EFL_IOPL) == EFL_IOPL, redirect = false;
	const struct emu_seg *tr;
	u64 flags = e->flags;
	u16 base;
	u8 map;
	int r;

	*done = false;
	if (c->ops->get_cr(c, 4) & ECR4_VME) {
		tr = emu_seg(c, EMU_TR);
		if (tr->limit < 103 || tr->unusable)
			return emu_gp0(c);
		r = emu_lin_read(c, emu_sys_la(c, tr->base + 102), &base, 2, EMU_ACC_SUPER);
		if (r != EMU_OK)
			return r;
		if (base < 32 || (u32)base - 32 + e->vector / 8 > tr->limit)
			return emu_gp0(c);
		r = emu_lin_read(c, emu_sys_la(c, tr->base + base - 32 + e->vector / 8), &map, 1,
				 EMU_ACC_SUPER);
		if (r != EMU_OK)
			return r;
		redirect = !(map & (1 << (e->vector & 7)));
	}
	if (!redirect)
		return iopl3 ? EMU_OK : emu_gp0(c);
	*done = true;
	if (!iopl3)
		flags = (flags & ~EFL_IF) | EFL_IOPL | (c->rflags & EFL_VIF ? EFL_IF : 0);
	r = deliver_table(c, e, 0, flags);
	if (r == EMU_OK)
		c->rflags &= ~((iopl3 ? EFL_IF : EFL_VIF) | EFL_TF | EFL_RF);
	return r;
}

/* Reads and checks the gate. */
static int fetch_gate(struct emu_ctxt *c, const struct event *e, struct emu_desc *g)
{
	unsigned int size = emu_lma(c) ? 16 : 8;
	struct emu_dtr idt;
	u64 raw[2] = { 0, 0 };
	bool ok;
	int r;

	c->ops->get_dt(c, EMU_IDT, &idt);
	if ((u32)e->vector * size + size - 1 > idt.limit)
		return idt_fault(c, e, EMU_EXC_GP);
	r = emu_lin_read(c, emu_sys_la(c, idt.base + e->vector * size), raw, size, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	g->raw = raw[0];
	g->raw_hi = raw[1];
	emu_desc_unpack(raw[0], 0, &g->seg);
	g->off = (raw[0] & 0xffff) | ((raw[0] >> 32) & 0xffff0000) | (raw[1] << 32);
	g->gate_sel = (u16)(raw[0] >> 16);
	g->ist = emu_lma(c) ? (raw[0] >> 32) & 7 : 0;
	switch (g->seg.type) {
	case SYST_INT32:
	case SYST_TRAP32:
		ok = true;
		break;
	case SYST_INT16:
	case SYST_TRAP16:
	case SYST_TASK:
		ok = !emu_lma(c);
		break;
	default:
		ok = false;
	}
	if (!ok || g->seg.s || (is_soft(e) && g->seg.dpl < c->cpl))
		return idt_fault(c, e, EMU_EXC_GP);
	if (!g->seg.present)
		return idt_fault(c, e, EMU_EXC_NP);
	return EMU_OK;
}

static int gate_cs(struct emu_ctxt *c, const struct event *e, const struct emu_desc *g,
		   struct emu_desc *cs)
{
	u32 err = SEL_ERR(g->gate_sel) | e->ext;
	bool conforming;
	int r;

	if (emu_null_sel(g->gate_sel))
		return emu_raise_err(c, EMU_EXC_GP, e->ext);
	r = emu_desc_fetch(c, g->gate_sel, cs, EMU_EXC_GP, e->ext);
	if (r != EMU_OK)
		return r;
	if (!emu_seg_is_code(&cs->seg) || cs->seg.dpl > c->cpl)
		return emu_raise_err(c, EMU_EXC_GP, err);
	conforming = cs->seg.type & SEGT_CE;
	/* From virtual-8086 mode only to level 0. */
	if (c->mode == EMU_MODE_VM86 && (conforming || cs->seg.dpl))
		return emu_raise_err(c, EMU_EXC_GP, err);
	if (emu_lma(c) && (!cs->seg.l || cs->seg.db))
		return emu_raise_err(c, EMU_EXC_GP, err);
	if (!cs->seg.present)
		return emu_raise_err(c, EMU_EXC_NP, err);
	return emu_desc_accessed(c, cs);
}

/* The stack that the handler gets; *outer: it is another one than the current. */
static int handler_stack(struct emu_ctxt *c, const struct event *e, const struct emu_desc *g,
			 unsigned int cpl, struct emu_new_stack *s, bool *outer)
{
	bool inner = cpl < c->cpl;
	int r;

	*outer = inner || emu_lma(c);
	if (inner || g->ist) {
		r = emu_new_stack(c, s, cpl, g->ist, e->ext);
		if (r != EMU_OK)
			return r;
		if (!inner)
			s->ss = *emu_seg(c, EMU_SS);
	} else {
		s->ss = *emu_seg(c, EMU_SS);
		s->sp = c->regs[EMU_RSP];
		if (!emu_lma(c))
			s->sp &= s->ss.db ? 0xffffffffU : 0xffffU;
		s->cpl = (u8)cpl;
		s->ext = e->ext;
	}
	/* Long mode aligns the stack and saves SS and rSP always (SDM 3A 6.14.2). */
	if (emu_lma(c))
		s->sp &= ~15ULL;
	return EMU_OK;
}

static int push_frame(struct emu_ctxt *c, const struct event *e, struct emu_new_stack *s,
		      unsigned int size, bool outer)
{
	static const u8 vm86_segs[] = { EMU_GS, EMU_FS, EMU_DS, EMU_ES };
	unsigned int i;
	int r = EMU_OK;

	if (c->mode == EMU_MODE_VM86)
		for (i = 0; i < 4 && r == EMU_OK; i++)
			r = emu_new_push(c, s, emu_seg(c, vm86_segs[i])->selector, size);
	if (r == EMU_OK && outer) {
		r = emu_new_push(c, s, emu_seg(c, EMU_SS)->selector, size);
		if (r == EMU_OK)
			r = emu_new_push(c, s, c->regs[EMU_RSP], size);
	}
	if (r == EMU_OK)
		r = emu_new_push(c, s, e->flags, size);
	if (r == EMU_OK)
		r = emu_new_push(c, s, emu_seg(c, EMU_CS)->selector, size);
	if (r == EMU_OK)
		r = emu_new_push(c, s, e->rip, size);
	if (r == EMU_OK && e->has_err)
		r = emu_new_push(c, s, e->err, size);
	return r;
}

static int deliver_gate(struct emu_ctxt *c, const struct event *e)
{
	struct emu_new_stack s;
	struct emu_desc g, cs;
	bool outer, vm86 = c->mode == EMU_MODE_VM86;
	unsigned int cpl, size, i;
	u64 off;
	int r = fetch_gate(c, e, &g);

	if (r != EMU_OK)
		return r;
	if (g.seg.type == SYST_TASK) {
		c->rip = e->rip;
		return emu_switch_task(c, g.gate_sel, EMU_TASK_GATE, e->has_err, e->err);
	}
	r = gate_cs(c, e, &g, &cs);
	if (r != EMU_OK)
		return r;
	cpl = cs.seg.type & SEGT_CE ? c->cpl : cs.seg.dpl;
	size = emu_lma(c) ? 8 : g.seg.type & 8 ? 4 : 2;
	off = size == 2 ? g.off & 0xffff : g.off;
	r = handler_stack(c, e, &g, cpl, &s, &outer);
	if (r == EMU_OK)
		r = emu_check_cs_off(c, &cs.seg, off, e->ext);
	if (r == EMU_OK)
		r = push_frame(c, e, &s, size, outer);
	if (r != EMU_OK)
		return r;

	c->rflags &= ~(EFL_TF | EFL_VM | EFL_RF | EFL_NT);
	if (!(g.seg.type & 1))
		c->rflags &= ~EFL_IF;
	if (vm86) {
		static const u8 data_segs[] = { EMU_GS, EMU_FS, EMU_DS, EMU_ES };
		struct emu_seg null;

		c->mode = EMU_MODE_PROT32;
		emu_seg_null(&null, 0);
		for (i = 0; i < 4; i++)
			emu_commit_seg(c, data_segs[i], &null);
	}
	c->regs[EMU_RSP] = emu_new_rsp(c, &s, emu_lma(c));
	outer = cpl < c->cpl;
	emu_commit_cs(c, &cs.seg, cpl, off);
	if (outer)
		emu_commit_seg(c, EMU_SS, &s.ss);
	return EMU_OK;
}

int emu_deliver(struct emu_ctxt *c, u8 vector, enum emu_event ev, bool has_err, u32 err,
		u64 return_rip, bool reset)
{
	struct event e = {
		.vector = vector,
		.kind = ev,
		.has_err = has_err && c->mode != EMU_MODE_REAL,
		.err = err,
		.rip = return_rip,
		.flags = c->rflags,
	};
	u64 rip = c->rip;
	bool done = false;
	int r = EMU_OK;

	if (reset)
		emu_begin(c);
	e.ext = is_soft(&e) ? 0 : 1;
	/* A fault's handler returns to the instruction with RF set (SDM 3B 17.3.1.1). */
	if (ev == EMU_EV_EXCEPTION && vector != EMU_EXC_DB)
		e.flags |= EFL_RF;
	else if (is_soft(&e))
		e.flags &= ~EFL_RF;
	if (c->mode == EMU_MODE_REAL) {
		r = deliver_real(c, &e);
		done = true;
	} else if (c->mode == EMU_MODE_VM86 && ev == EMU_EV_SOFT) {
		r = soft_vm86(c, &e, &done);
	}
	if (r == EMU_OK && !done)
		r = deliver_gate(c, &e);
	if (r != EMU_OK && !c->branch_far)
		c->rip = rip;
	c->delivered = r == EMU_OK;
	return reset ? emu_settle_io(c, r) : r;
}

int emu_op_int(struct emu_ctxt *c)
{
	return emu_deliver(c, (u8)c->insn.imm, EMU_EV_SOFT, false, 0, emu_next_rip(c), false);
}

int emu_op_int3(struct emu_ctxt *c)
{
	return emu_deliver(c, EMU_EXC_BP, EMU_EV_SOFT_EXC, false, 0, emu_next_rip(c), false);
}

int emu_op_into(struct emu_ctxt *c)
{
	if (!(c->rflags & EFL_OF)) {
		c->rip = emu_next_rip(c);
		return EMU_OK;
	}
	return emu_deliver(c, EMU_EXC_OF, EMU_EV_SOFT_EXC, false, 0, emu_next_rip(c), false);
}

/* F1: #DB as by a hardware event, no DPL check (SDM 2A INT1). */
int emu_op_icebp(struct emu_ctxt *c)
{
	return emu_deliver(c, EMU_EXC_DB, EMU_EV_EXCEPTION, false, 0, emu_next_rip(c), false);
}
