// SPDX-License-Identifier: GPL-2.0-only
/* Binary arithmetic and logic, XADD, CMPXCHG and their like, multiplication and division. */
#include "pure/emu_core.h"

enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* One of the eight operations; returns the status flags (all but AF of logic are defined; AF=0). */
static u64 alu(const struct emu_ctxt *c, unsigned int op, u64 a, u64 b, unsigned int size, u64 *res)
{
	u64 cin = c->rflags & EFL_CF;

	b &= emu_mask(size);
	switch (op) {
	case ALU_ADD:
		return emu_add_flags(a, b, 0, size, res);
	case ALU_ADC:
		return emu_add_flags(a, b, cin, size, res);
	case ALU_SBB:
		return emu_sub_flags(a, b, cin, size, res);
	case ALU_SUB:
	case ALU_CMP:
		return emu_sub_flags(a, b, 0, size, res);
	case ALU_OR:
		*res = a | b;
		break;
	case ALU_AND:
		*res = a & b;
		break;
	default:
		*res = a ^ b;
	}
	return emu_szp(*res, size);
}

/* r/m op= src */
static int alu_rm(struct emu_ctxt *c, unsigned int op, u64 src)
{
	unsigned int size = c->insn.opsize;
	u64 old, val, f;
	int r;

	if (op == ALU_CMP) {
		r = emu_rm_read(c, size, &old);
		if (r == EMU_OK)
			emu_set_flags(c, EFL_STATUS, alu(c, op, old, src, size, &val));
		return r;
	}
	r = emu_rmw_begin(c, size, &old);
	if (r != EMU_OK)
		return r;
	do {
		f = alu(c, op, old, src, size, &val);
		r = emu_rmw_end(c, size, &old, val, c->insn.lock);
	} while (r == EMU_AGAIN);
	if (r == EMU_OK)
		emu_set_flags(c, EFL_STATUS, f);
	return r;
}

int emu_op_alu_rm_r(struct emu_ctxt *c)
{
	return alu_rm(c, (c->insn.opcode >> 3) & 7, emu_gpr(c, c->insn.reg, c->insn.opsize));
}

int emu_op_alu_rm_imm(struct emu_ctxt *c)
{
	return alu_rm(c, (c->insn.modrm >> 3) & 7, c->insn.imm);
}

static int alu_reg(struct emu_ctxt *c, unsigned int reg, u64 src)
{
	unsigned int op = (c->insn.opcode >> 3) & 7, size = c->insn.opsize;
	u64 val;
	u64 f = alu(c, op, emu_gpr(c, reg, size), src, size, &val);

	if (op != ALU_CMP)
		emu_set_gpr(c, reg, size, val);
	emu_set_flags(c, EFL_STATUS, f);
	return EMU_OK;
}

int emu_op_alu_r_rm(struct emu_ctxt *c)
{
	u64 src;
	int r = emu_rm_read(c, c->insn.opsize, &src);

	return r == EMU_OK ? alu_reg(c, c->insn.reg, src) : r;
}

int emu_op_alu_a_imm(struct emu_ctxt *c)
{
	return alu_reg(c, EMU_RAX, c->insn.imm);
}

static int test(struct emu_ctxt *c, u64 a, u64 b)
{
	unsigned int size = c->insn.opsize;

	emu_set_flags(c, EFL_STATUS, emu_szp(a & b & emu_mask(size), size));
	return EMU_OK;
}

int emu_op_test_rm_r(struct emu_ctxt *c)
{
	u64 a;
	int r = emu_rm_read(c, c->insn.opsize, &a);

	return r == EMU_OK ? test(c, a, emu_gpr(c, c->insn.reg, c->insn.opsize)) : r;
}

int emu_op_test_rm_imm(struct emu_ctxt *c)
{
	u64 a;
	int r = emu_rm_read(c, c->insn.opsize, &a);

	return r == EMU_OK ? test(c, a, c->insn.imm) : r;
}

int emu_op_test_a_imm(struct emu_ctxt *c)
{
	return test(c, c->regs[EMU_RAX], c->insn.imm);
}

/* INC, DEC, NOT, NEG share a shape: r/m from itself; mask: the flags that change. */
enum unary { U_INC, U_DEC, U_NOT, U_NEG };

static u64 unary(enum unary op, u64 a, unsigned int size, u64 *res)
{
	switch (op) {
	case U_INC:
		return emu_add_flags(a, 1, 0, size, res);
	case U_DEC:
		return emu_sub_flags(a, 1, 0, size, res);
	case U_NEG:
		return emu_sub_flags(0, a, 0, size, res);
	default:
		*res = ~a & emu_mask(size);
		return 0;
	}
}

static const u64 unary_mask[] = {
	[U_INC] = EFL_STATUS & ~EFL_CF,
	[U_DEC] = EFL_STATUS & ~EFL_CF,
	[U_NOT] = 0,
	[U_NEG] = EFL_STATUS,
};

static int unary_rm(struct emu_ctxt *c, enum unary op)
{
	unsigned int size = c->insn.opsize;
	u64 old, val, f;
	int r = emu_rmw_begin(c, size, &old);

	if (r != EMU_OK)
		return r;
	do {
		f = unary(op, old, size, &val);
		r = emu_rmw_end(c, size, &old, val, c->insn.lock);
	} while (r == EMU_AGAIN);
	if (r == EMU_OK)
		emu_set_flags(c, unary_mask[op], f);
	return r;
}

static int unary_r(struct emu_ctxt *c, enum unary op)
{
	unsigned int size = c->insn.opsize;
	u64 val, f = unary(op, emu_gpr(c, c->insn.reg, size), size, &val);

	emu_set_gpr(c, c->insn.reg, size, val);
	emu_set_flags(c, unary_mask[op], f);
	return EMU_OK;
}

int emu_op_inc_rm(struct emu_ctxt *c)
{
	return unary_rm(c, U_INC);
}

int emu_op_dec_rm(struct emu_ctxt *c)
{
	return unary_rm(c, U_DEC);
}

int emu_op_not(struct emu_ctxt *c)
{
	return unary_rm(c, U_NOT);
}

int emu_op_neg(struct emu_ctxt *c)
{
	return unary_rm(c, U_NEG);
}

int emu_op_inc_r(struct emu_ctxt *c)
{
	return unary_r(c, U_INC);
}

int emu_op_dec_r(struct emu_ctxt *c)
{
	return unary_r(c, U_DEC);
}

/* XCHG with memory locks with or without the prefix (SDM 3A 8.1.2.1). */
int emu_op_xchg_rm_r(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 src = emu_gpr(c, c->insn.reg, size), old;
	int r = emu_rmw_begin(c, size, &old);

	if (r != EMU_OK)
		return r;
	do {
		r = emu_rmw_end(c, size, &old, src, true);
	} while (r == EMU_AGAIN);
	if (r == EMU_OK)
		emu_set_gpr(c, c->insn.reg, size, old);
	return r;
}

int emu_op_xadd(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 src = emu_gpr(c, c->insn.reg, size), old, val, f;
	int r;

	r = emu_rmw_begin(c, size, &old);
	if (r != EMU_OK)
		return r;
	if (emu_rm_is_reg(c)) {
		f = emu_add_flags(old, src, 0, size, &val);
		/* The source is written first: with both the same register the sum stays. */
		emu_set_gpr(c, c->insn.reg, size, old);
		emu_set_gpr(c, c->insn.rm, size, val);
		emu_set_flags(c, EFL_STATUS, f);
		return EMU_OK;
	}
	do {
		f = emu_add_flags(old, src, 0, size, &val);
		r = emu_rmw_end(c, size, &old, val, c->insn.lock);
	} while (r == EMU_AGAIN);
	if (r == EMU_OK) {
		emu_set_gpr(c, c->insn.reg, size, old);
		emu_set_flags(c, EFL_STATUS, f);
	}
	return r;
}

int emu_op_cmpxchg(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 acc = emu_gpr(c, EMU_RAX, size), src = emu_gpr(c, c->insn.reg, size);
	u64 old, diff, f;
	bool equal;
	int r;

	r = emu_rmw_begin(c, size, &old);
	if (r != EMU_OK)
		return r;
	do {
		equal = old == acc;
		f = emu_sub_flags(acc, old, 0, size, &diff);
		/* The destination is written in either case (SDM 2A CMPXCHG). With a register
		 * it is not seen to be: a 32-bit one keeps its upper half when unequal. */
		if (!equal && emu_rm_is_reg(c))
			break;
		r = emu_rmw_end(c, size, &old, equal ? src : old, c->insn.lock);
	} while (r == EMU_AGAIN);
	if (r != EMU_OK)
		return r;
	if (!equal)
		emu_set_gpr(c, EMU_RAX, size, old);
	emu_set_flags(c, EFL_STATUS, f);
	return EMU_OK;
}

/* CMPXCHG8B, CMPXCHG16B: always as if locked. */
int emu_op_cmpxchg8b(struct emu_ctxt *c)
{
	bool wide = c->insn.opsize == 8;
	unsigned int len = wide ? 16 : 8, half = len / 2;
	u64 old[2], want[2];
	u64 la;
	u8 ob[16], nb[16], seen[16];
	int r;

	if (wide && !(c->features & EMU_F_CX16))
		return emu_ud(c);
	old[0] = emu_gpr(c, EMU_RAX, half);
	old[1] = emu_gpr(c, EMU_RDX, half);
	want[0] = emu_gpr(c, EMU_RBX, half);
	want[1] = emu_gpr(c, EMU_RCX, half);
	memcpy(ob, &old[0], half);
	memcpy(ob + half, &old[1], half);
	memcpy(nb, &want[0], half);
	memcpy(nb + half, &want[1], half);
	r = emu_linear(c, c->insn.seg, c->ea, len, EMU_ACC_WRITE, &la);
	if (r != EMU_OK)
		return r;
	if (wide && (la & 15))
		return emu_gp0(c);
	memcpy(seen, ob, len);
	r = emu_lin_cmpxchg(c, la, seen, nb, len, EMU_ACC_WRITE);
	if (r != EMU_OK)
		return r;
	if (!memcmp(seen, ob, len)) {
		c->rflags |= EFL_ZF;
		return EMU_OK;
	}
	c->rflags &= ~EFL_ZF;
	old[0] = 0;
	old[1] = 0;
	memcpy(&old[0], seen, half);
	memcpy(&old[1], seen + half, half);
	emu_set_gpr(c, EMU_RAX, half, old[0]);
	emu_set_gpr(c, EMU_RDX, half, old[1]);
	return EMU_OK;
}
