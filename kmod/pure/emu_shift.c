// SPDX-License-Identifier: GPL-2.0-only
/* Shifts, rotates, SHLD, SHRD. */
#include "pure/emu_core.h"

struct shift {
	u64 val;
	u64 mask; /* flags that change */
	u64 flags;
};

/* ROL, ROR: CF and OF alone change. n is already masked to 5 or 6 bits and not 0. */
static void rotate(struct shift *s, bool right, unsigned int n, unsigned int size)
{
	unsigned int bits = size * 8, k = n & (bits - 1);
	u64 v = s->val;
	bool cf, top;

	if (right)
		k = (bits - k) & (bits - 1);
	if (k)
		v = ((v << k) | (v >> (bits - k))) & emu_mask(size);
	top = v & emu_sign(size);
	cf = right ? top : v & 1;
	s->val = v;
	s->mask = EFL_CF | EFL_OF;
	s->flags = cf ? EFL_CF : 0;
	/* OF, defined for a count of 1: left MSB ^ CF, right the two top bits. */
	if (right ? top != !!(v & (emu_sign(size) >> 1)) : top != cf)
		s->flags |= EFL_OF;
}

/* RCL, RCR: through CF, modulo bits + 1. */
static void rotate_carry(struct shift *s, bool right, unsigned int n, unsigned int size, bool cf)
{
	unsigned int bits = size * 8;
	u64 v = s->val, sign = emu_sign(size);

	n %= bits + 1;
	if (!n && bits < 32) {
		/* A whole turn: value and CF stay, OF is set as for any other count. */
		s->mask = EFL_CF | EFL_OF;
	}
	while (n--) {
		bool out;

		if (right) {
			out = v & 1;
			v = (v >> 1) | (cf ? sign : 0);
		} else {
			out = v & sign;
			v = ((v << 1) | cf) & emu_mask(size);
		}
		cf = out;
	}
	s->val = v;
	s->mask = EFL_CF | EFL_OF;
	s->flags = cf ? EFL_CF : 0;
	if (right ? !(v & sign) != !(v & (sign >> 1)) : !(v & sign) != !cf)
		s->flags |= EFL_OF;
}

static void shift_left(struct shift *s, unsigned int n, unsigned int size)
{
	unsigned int bits = size * 8;
	u64 v = s->val;
	bool cf = n <= bits && ((v >> (bits - n)) & 1);

	v = n < bits ? (v << n) & emu_mask(size) : 0;
	s->val = v;
	s->mask = EFL_STATUS;
	s->flags = emu_szp(v, size) | (cf ? EFL_CF : 0);
	if (!(v & emu_sign(size)) != !cf)
		s->flags |= EFL_OF;
}

static void shift_right(struct shift *s, bool arith, unsigned int n, unsigned int size)
{
	unsigned int bits = size * 8;
	u64 v = s->val, old = v;
	bool cf;

	if (arith) {
		s64 sv = (s64)emu_sext(v, size);

		cf = (sv >> (n - 1)) & 1;
		v = (u64)(sv >> n) & emu_mask(size);
	} else {
		cf = n <= bits && ((v >> (n - 1)) & 1);
		v = n < bits ? v >> n : 0;
	}
	s->val = v;
	s->mask = EFL_STATUS;
	s->flags = emu_szp(v, size) | (cf ? EFL_CF : 0);
	/* SHR by 1: OF is the old sign; SAR: 0. */
	if (!arith && n == 1 && (old & emu_sign(size)))
		s->flags |= EFL_OF;
}

static int shift(struct emu_ctxt *c, unsigned int n)
{
	unsigned int size = c->insn.opsize, op = (c->insn.modrm >> 3) & 7;
	struct shift s;
	int r;

	n &= size == 8 ? 63 : 31;
	if (!n) {
		u64 val;

		/* Nothing changes, but the operand is accessed; a 32-bit one is zero-extended. */
		r = emu_rmw_begin(c, size, &val);
		return r == EMU_OK ? emu_rmw_end(c, size, &val, val, false) : r;
	}
	r = emu_rmw_begin(c, size, &s.val);
	if (r != EMU_OK)
		return r;
	switch (op) {
	case 0:
	case 1:
		rotate(&s, op == 1, n, size);
		break;
	case 2:
	case 3:
		rotate_carry(&s, op == 3, n, size, c->rflags & EFL_CF);
		break;
	case 5:
	case 7:
		shift_right(&s, op == 7, n, size);
		break;
	default: /* 4, and 6, its undocumented twin */
		shift_left(&s, n, size);
	}
	r = emu_rmw_end(c, size, &s.val, s.val, false);
	if (r == EMU_OK)
		emu_set_flags(c, s.mask, s.flags);
	return r;
}

int emu_op_shift_imm(struct emu_ctxt *c)
{
	return shift(c, (u8)c->insn.imm);
}

int emu_op_shift_1(struct emu_ctxt *c)
{
	return shift(c, 1);
}

int emu_op_shift_cl(struct emu_ctxt *c)
{
	return shift(c, (u8)c->regs[EMU_RCX]);
}

/* With 16-bit operands and counts above 16 the result is undefined: bits come from dst again. */
static int double_shift(struct emu_ctxt *c, bool right)
{
	unsigned int size = c->insn.opsize, bits = size * 8;
	unsigned int n = c->insn.opcode & 1 ? (u8)c->regs[EMU_RCX] : (u8)c->insn.imm;
	u64 src = emu_gpr(c, c->insn.reg, size), sign = emu_sign(size);
	u64 old, v, f;
	bool cf;
	int r = emu_rmw_begin(c, size, &old);

	if (r != EMU_OK)
		return r;
	n &= size == 8 ? 63 : 31;
	if (!n)
		return emu_rmw_end(c, size, &old, old, false);
	if (size == 2) {
		/* dst:src:dst or its mirror covers all counts to 31. */
		u64 wide = right ? (old << 32) | (src << 16) | old : (old << 32) | (src << 16) | old;

		if (right) {
			v = (wide >> n) & 0xffff;
			cf = (wide >> (n - 1)) & 1;
		} else {
			v = (wide >> (32 - n)) & 0xffff;
			cf = (wide >> (48 - n)) & 1;
		}
	} else if (right) {
		v = ((old >> n) | (src << (bits - n))) & emu_mask(size);
		cf = (old >> (n - 1)) & 1;
	} else {
		v = ((old << n) | (src >> (bits - n))) & emu_mask(size);
		cf = (old >> (bits - n)) & 1;
	}
	f = emu_szp(v, size) | (cf ? EFL_CF : 0);
	/* Defined for a count of 1: the sign changed. */
	if ((v ^ old) & sign)
		f |= EFL_OF;
	r = emu_rmw_end(c, size, &old, v, false);
	if (r == EMU_OK)
		emu_set_flags(c, EFL_STATUS, f);
	return r;
}

int emu_op_shld(struct emu_ctxt *c)
{
	return double_shift(c, false);
}

int emu_op_shrd(struct emu_ctxt *c)
{
	return double_shift(c, true);
}
