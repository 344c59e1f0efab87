// SPDX-License-Identifier: GPL-2.0-only
/* Execution of one decoded instruction: checks, dispatch, completion, continuation after I/O. */
#include "pure/emu_core.h"

int emu_raise(struct emu_ctxt *c, u8 vector)
{
	c->exc.vector = vector;
	c->exc.has_err = false;
	c->exc.err = 0;
	c->exc.addr = 0;
	return EMU_EXCEPTION;
}

int emu_raise_err(struct emu_ctxt *c, u8 vector, u32 err)
{
	emu_raise(c, vector);
	/* Real mode pushes no error codes. */
	c->exc.has_err = c->mode != EMU_MODE_REAL;
	c->exc.err = err;
	return EMU_EXCEPTION;
}

int emu_raise_pf(struct emu_ctxt *c, u64 addr, u32 err)
{
	emu_raise(c, EMU_EXC_PF);
	c->exc.has_err = true;
	c->exc.err = err;
	c->exc.addr = addr;
	return EMU_EXCEPTION;
}

int emu_op_undefined(struct emu_ctxt *c)
{
	return emu_ud(c);
}

int emu_op_unsupported(struct emu_ctxt *c)
{
	(void)c;
	return EMU_UNHANDLEABLE;
}

bool emu_insn_undefined(const struct emu_insn *insn)
{
	return insn->op->fn == emu_op_undefined;
}

bool emu_insn_supported(const struct emu_insn *insn)
{
	return insn->op->fn != emu_op_unsupported;
}

/* Tables 3-9 and following of SDM 2A: the cc field of Jcc, SETcc, CMOVcc. */
bool emu_cond(u64 f, unsigned int cc)
{
	bool r;

	switch ((cc >> 1) & 7) {
	case 0:
		r = f & EFL_OF;
		break;
	case 1:
		r = f & EFL_CF;
		break;
	case 2:
		r = f & EFL_ZF;
		break;
	case 3:
		r = f & (EFL_CF | EFL_ZF);
		break;
	case 4:
		r = f & EFL_SF;
		break;
	case 5:
		r = f & EFL_PF;
		break;
	case 6:
		r = !(f & EFL_SF) != !(f & EFL_OF);
		break;
	default:
		r = (f & EFL_ZF) || !(f & EFL_SF) != !(f & EFL_OF);
	}
	return r != (cc & 1);
}

/* May this instruction have the LOCK prefix? (SDM 2A LOCK; APM 3 1.2.5) */
static bool lock_legal(const struct emu_ctxt *c)
{
	const struct emu_insn *d = &c->insn;

	if (emu_lock_is_cr8(c))
		return true;
	return (d->flags & OPF_LOCK) && d->mod != 3 && !d->vex;
}

/* Conditions that raise #UD or #GP before anything else (SDM 2, per instruction). */
static noinline int check_insn(struct emu_ctxt *c)
{
	const struct emu_insn *d = &c->insn;
	u32 f = d->flags;

	if (d->op->fn == emu_op_unsupported)
		return EMU_UNHANDLEABLE;
	if (d->lock && !lock_legal(c))
		return emu_ud(c);
	if ((f & OPF_NO64) && emu_is64(c))
		return emu_ud(c);
	if ((f & OPF_ONLY64) && !emu_is64(c))
		return emu_ud(c);
	if ((f & OPF_PROT) && emu_is_rm(c))
		return emu_ud(c);
	if ((f & OPF_MEM) && d->mod == 3)
		return emu_ud(c);
	if ((f & OPF_REG) && d->mod != 3)
		return emu_ud(c);
	if ((f & OPF_PRIV) && c->cpl)
		return emu_gp0(c);
	return EMU_OK;
}

static inline void effective_address(struct emu_ctxt *c)
{
	const struct emu_insn *d = &c->insn;
	u64 ea = (u64)d->disp;

	if (likely(d->base < EMU_NR_GPRS))
		ea += c->regs[d->base];
	else if (d->base == EMU_RIPREL)
		ea += c->rip + d->len;
	if (d->index < EMU_NR_GPRS)
		ea += c->regs[d->index] << d->scale;
	c->ea = emu_ea_wrap(c, ea);
}

/* Queued device writes leave with what succeeded; a fault takes them back. */
int emu_settle_io(struct emu_ctxt *c, int r)
{
	if (likely(c->io.kind == EMU_IO_NONE))
		return r;
	if (r == EMU_OK || r == EMU_RESTART || r == EMU_IO)
		return EMU_IO;
	c->io.kind = EMU_IO_NONE;
	c->io.nr = 0;
	return r;
}

int emu_exec(struct emu_ctxt *c)
{
	const struct emu_insn *d = &c->insn;
	u32 flags = d->flags;
	u64 old_flags = c->rflags;
	int r;

	if (unlikely((flags & OPF_CHECK) || d->lock)) {
		r = check_insn(c);
		if (r != EMU_OK)
			return r;
	}
	if ((flags & OPF_MODRM) && d->mod != 3)
		effective_address(c);

	r = d->op->fn(c);

	if (unlikely(r != EMU_OK)) {
		if (r == EMU_RESTART)
			c->single_step = old_flags & EFL_TF;
		return emu_settle_io(c, r);
	}
	if (!(flags & OPF_RIP)) {
		c->rip += d->len;
		if (!emu_is64(c))
			c->rip = (u32)c->rip;
	}
	if (!(flags & OPF_KEEPRF))
		c->rflags &= ~EFL_RF;
	c->single_step = (old_flags & EFL_TF) && c->shadow != EMU_SHADOW_MOVSS && !c->delivered;
	return likely(c->io.kind == EMU_IO_NONE) ? EMU_OK : EMU_IO;
}

/* Puts what user space has read at the end of the record. */
static int take_mmio_read(struct emu_ctxt *c)
{
	unsigned int i;

	for (i = 0; i < c->io.nr && i < EMU_MAX_FRAGS; i++) {
		const struct emu_frag *f = &c->io.frag[i];

		if (f->len > 8 || c->rec_len + f->len > EMU_REC_BYTES)
			return EMU_UNHANDLEABLE;
		memcpy(c->rec + c->rec_len, f->data, f->len);
		c->rec_len += f->len;
	}
	c->rec_pos = 0;
	return EMU_OK;
}

int emu_resume(struct emu_ctxt *c)
{
	u8 kind = c->io.kind;
	int r;

	c->io.kind = EMU_IO_NONE;
	switch (kind) {
	case EMU_IO_MMIO_READ:
		r = take_mmio_read(c);
		c->io.nr = 0;
		if (r != EMU_OK)
			return r;
		return emu_exec(c);
	case EMU_IO_PIO_IN:
		c->pio_ready = true;
		c->rec_pos = 0;
		return emu_exec(c);
	case EMU_IO_MMIO_WRITE:
	case EMU_IO_PIO_OUT:
		c->io.nr = 0;
		if (!c->rep_again)
			return EMU_OK;
		if (c->single_step)
			return EMU_RESTART;
		return emu_exec(c);
	default:
		return EMU_UNHANDLEABLE;
	}
}
