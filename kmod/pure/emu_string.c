// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions. Each iteration is complete in itself: memory first, then the index
 * registers and the count, so that a fault, device I/O or the end of a batch leaves the guest at
 * an iteration's boundary, as an interrupt would (SDM 2B REP).
 */
#include "pure/emu_core.h"

int emu_rep(struct emu_ctxt *c, emu_fn one, bool zf_ends)
{
	unsigned int asize = c->insn.adsize, n;
	u64 flags = c->rflags;
	int r;

	if (!c->insn.rep)
		return one(c);
	c->rep_again = false;
	for (n = 0; n < EMU_REP_BATCH; n++) {
		u64 count = c->regs[EMU_RCX] & emu_mask(asize);

		if (!count)
			return EMU_OK;
		r = one(c);
		if (r != EMU_OK) {
			/* A fault restores the flags of the first iteration (SDM 2B REP). */
			if (r == EMU_EXCEPTION)
				c->rflags = flags;
			return r;
		}
		/* What the iteration read is not to be replayed for the next. */
		c->rec_len = 0;
		c->rec_pos = 0;
		count--;
		emu_set_addr_reg(c, EMU_RCX, asize, count);
		if (!count || (zf_ends && !(c->rflags & EFL_ZF) == (c->insn.rep == 0xf3)))
			return EMU_OK;
		if (c->io.kind != EMU_IO_NONE || (c->rflags & EFL_TF)) {
			c->rep_again = true;
			return EMU_RESTART;
		}
	}
	return EMU_RESTART;
}

/* The step of an index register: n elements. */
void emu_advance(struct emu_ctxt *c, unsigned int reg, unsigned int n)
{
	u64 step = (u64)n * c->insn.opsize;

	if (c->rflags & EFL_DF)
		step = -step;
	emu_set_addr_reg(c, reg, c->insn.adsize, c->regs[reg] + step);
}

static u64 si(const struct emu_ctxt *c)
{
	return emu_ea_wrap(c, c->regs[EMU_RSI]);
}

static u64 di(const struct emu_ctxt *c)
{
	return emu_ea_wrap(c, c->regs[EMU_RDI]);
}

static int movs_one(struct emu_ctxt *c)
{
	u64 v;
	int r = emu_read_val(c, c->insn.seg, si(c), &v, c->insn.opsize);

	if (r == EMU_OK)
		r = emu_write_val(c, EMU_ES, di(c), v, c->insn.opsize);
	if (r == EMU_OK) {
		emu_advance(c, EMU_RSI, 1);
		emu_advance(c, EMU_RDI, 1);
	}
	return r;
}

static int stos_one(struct emu_ctxt *c)
{
	int r = emu_write_val(c, EMU_ES, di(c), c->regs[EMU_RAX], c->insn.opsize);

	if (r == EMU_OK)
		emu_advance(c, EMU_RDI, 1);
	return r;
}

static int lods_one(struct emu_ctxt *c)
{
	u64 v;
	int r = emu_read_val(c, c->insn.seg, si(c), &v, c->insn.opsize);

	if (r == EMU_OK) {
		emu_set_gpr(c, EMU_RAX, c->insn.opsize, v);
		emu_advance(c, EMU_RSI, 1);
	}
	return r;
}

static int cmps_one(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 a, b, res;
	int r = emu_read_val(c, EMU_ES, di(c), &b, size);

	/* In this order: with both not there, the fault is for the destination. */
	if (r == EMU_OK)
		r = emu_read_val(c, c->insn.seg, si(c), &a, size);
	if (r != EMU_OK)
		return r;
	emu_set_flags(c, EFL_STATUS, emu_sub_flags(a, b, 0, size, &res));
	emu_advance(c, EMU_RSI, 1);
	emu_advance(c, EMU_RDI, 1);
	return EMU_OK;
}

static int scas_one(struct emu_ctxt *c)
{
	unsigned int size = c->insn.opsize;
	u64 b, res;
	int r = emu_read_val(c, EMU_ES, di(c), &b, size);

	if (r != EMU_OK)
		return r;
	emu_set_flags(c, EFL_STATUS, emu_sub_flags(emu_gpr(c, EMU_RAX, size), b, 0, size, &res));
	emu_advance(c, EMU_RDI, 1);
	return EMU_OK;
}

int emu_op_movs(struct emu_ctxt *c)
{
	return emu_rep(c, movs_one, false);
}

int emu_op_stos(struct emu_ctxt *c)
{
	return emu_rep(c, stos_one, false);
}

int emu_op_lods(struct emu_ctxt *c)
{
	return emu_rep(c, lods_one, false);
}

int emu_op_cmps(struct emu_ctxt *c)
{
	return emu_rep(c, cmps_one, true);
}

int emu_op_scas(struct emu_ctxt *c)
{
	return emu_rep(c, scas_one, true);
}

u64 emu_rep_stores(const struct emu_ctxt *c)
{
	u8 op = c->insn.opcode & 0xfe;

	if (c->insn.map || !c->insn.rep || (op != 0xa4 && op != 0xaa))
		return 0;
	return c->regs[EMU_RCX] & emu_mask(c->insn.adsize);
}
