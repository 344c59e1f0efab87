// SPDX-License-Identifier: GPL-2.0-only
/*
 * Near control transfers.
 *
 * Where vendors differ (EMU_F_INTEL): in 64-bit mode AMD lets a 66 prefix make a near branch's
 * operand 16 bits, Intel ignores it (SDM 2A JMP, APM 3 JMP near). The decoder sees to it.
 */
#include "pure/emu_core.h"

int emu_near_target(struct emu_ctxt *c, u64 target, unsigned int size, u64 *rip)
{
	target &= emu_mask(size);
	if (emu_is64(c) ? !emu_canonical(c, target) : (u32)target > emu_seg(c, EMU_CS)->limit)
		return emu_gp0(c);
	*rip = target;
	return EMU_OK;
}

int emu_jump_near(struct emu_ctxt *c, u64 target)
{
	return emu_near_target(c, target, c->insn.opsize, &c->rip);
}

/* Not taken: on to the next instruction. */
static int fall_through(struct emu_ctxt *c)
{
	c->rip = emu_next_rip(c);
	return EMU_OK;
}

int emu_op_jmp_rel(struct emu_ctxt *c)
{
	return emu_jump_near(c, emu_next_rip(c) + c->insn.imm);
}

int emu_op_jcc(struct emu_ctxt *c)
{
	if (!emu_cond(c->rflags, c->insn.opcode))
		return fall_through(c);
	return emu_op_jmp_rel(c);
}

int emu_op_jcxz(struct emu_ctxt *c)
{
	if (c->regs[EMU_RCX] & emu_mask(c->insn.adsize))
		return fall_through(c);
	return emu_op_jmp_rel(c);
}

/* LOOPNE, LOOPE, LOOP: E0, E1, E2. */
int emu_op_loop(struct emu_ctxt *c)
{
	unsigned int asize = c->insn.adsize, op = c->insn.opcode & 3;
	u64 count = (c->regs[EMU_RCX] - 1) & emu_mask(asize);
	bool taken = count && (op == 2 || !(c->rflags & EFL_ZF) == !op);
	int r = taken ? emu_op_jmp_rel(c) : fall_through(c);

	if (r == EMU_OK)
		emu_set_addr_reg(c, EMU_RCX, asize, count);
	return r;
}

int emu_op_jmp_rm(struct emu_ctxt *c)
{
	u64 target;
	int r = emu_rm_read(c, c->insn.opsize, &target);

	return r == EMU_OK ? emu_jump_near(c, target) : r;
}

static int call(struct emu_ctxt *c, u64 target)
{
	u64 rip = 0;
	int r = emu_near_target(c, target, c->insn.opsize, &rip);

	if (r == EMU_OK)
		r = emu_push(c, emu_next_rip(c), c->insn.opsize);
	if (r == EMU_OK)
		c->rip = rip;
	return r;
}

int emu_op_call_rel(struct emu_ctxt *c)
{
	return call(c, emu_next_rip(c) + c->insn.imm);
}

int emu_op_call_rm(struct emu_ctxt *c)
{
	u64 target;
	int r = emu_rm_read(c, c->insn.opsize, &target);

	return r == EMU_OK ? call(c, target) : r;
}

int emu_op_ret(struct emu_ctxt *c)
{
	struct emu_stack s;
	u64 target;
	int r;

	emu_stack_begin(c, &s);
	r = emu_stack_pop(c, &s, &target, c->insn.opsize);
	if (r == EMU_OK)
		r = emu_jump_near(c, target);
	if (r != EMU_OK)
		return r;
	if (c->insn.opcode == 0xc2)
		s.sp = (s.sp + c->insn.imm) & emu_mask(s.width);
	emu_stack_end(c, &s);
	return EMU_OK;
}
