// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O: IN, OUT, INS, OUTS. A string form moves as many elements at once as lie in one page
 * of memory (and in the caller's buffer), so that user space gets one exit for all of them.
 */
#include "pure/emu_core.h"

static u16 io_bitmap_word(const u8 *b)
{
	return (u16)(b[0] | (b[1] << 8));
}

/* SDM 1 19.5: CPL above IOPL, or virtual-8086 mode, goes by the TSS's bitmap. */
int emu_io_allowed(struct emu_ctxt *c, u16 port, unsigned int size)
{
	const struct emu_seg *tr;
	u8 buf[2];
	u16 base;
	int r;

	if (c->mode == EMU_MODE_REAL ||
	    (c->mode != EMU_MODE_VM86 && c->cpl <= ((c->rflags & EFL_IOPL) >> 12)))
		return EMU_OK;
	if (unlikely(c->features & EMU_F_BACKDOOR) && (port & ~1) == EMU_BACKDOOR_PORT)
		return EMU_OK;
	tr = emu_seg(c, EMU_TR);
	/* 16-bit TSSs have no bitmap. */
	if (tr->unusable || !(tr->type & 8) || tr->limit < 103)
		return emu_gp0(c);
	r = emu_lin_read(c, emu_sys_la(c, tr->base + 102), buf, 2, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	base = io_bitmap_word(buf);
	/* Two bytes are read always, whatever the port's place in them. */
	if ((u32)base + port / 8 + 1 > tr->limit)
		return emu_gp0(c);
	r = emu_lin_read(c, emu_sys_la(c, tr->base + base + port / 8), buf, 2, EMU_ACC_SUPER);
	if (r != EMU_OK)
		return r;
	if ((io_bitmap_word(buf) >> (port & 7)) & ((1U << size) - 1))
		return emu_gp0(c);
	return EMU_OK;
}

static unsigned int io_size(const struct emu_ctxt *c)
{
	return c->insn.opsize == 8 ? 4 : c->insn.opsize;
}

static void want_pio(struct emu_ctxt *c, u8 kind, u16 port, unsigned int size, unsigned int n)
{
	c->io.kind = kind;
	c->io.port = port;
	c->io.size = (u8)size;
	c->io.count = n;
}

static int in(struct emu_ctxt *c, u16 port)
{
	unsigned int size = io_size(c);
	u64 v = 0;
	int r;

	if (!c->pio_ready) {
		r = emu_io_allowed(c, port, size);
		if (r != EMU_OK)
			return r;
		r = c->ops->pio_in(c, port, size, 1);
		if (r == EMU_IO)
			want_pio(c, EMU_IO_PIO_IN, port, size, 1);
		if (r != EMU_OK)
			return r;
	}
	c->pio_ready = false;
	memcpy(&v, c->pio_buf, size);
	emu_set_gpr(c, EMU_RAX, size, v);
	return EMU_OK;
}

static int out(struct emu_ctxt *c, u16 port)
{
	unsigned int size = io_size(c);
	u32 v = (u32)c->regs[EMU_RAX];
	int r = emu_io_allowed(c, port, size);

	if (r != EMU_OK)
		return r;
	memcpy(c->pio_buf, &v, size);
	r = c->ops->pio_out(c, port, size, 1);
	if (r != EMU_IO)
		return r;
	want_pio(c, EMU_IO_PIO_OUT, port, size, 1);
	return EMU_OK;
}

int emu_op_in_imm(struct emu_ctxt *c)
{
	return in(c, (u8)c->insn.imm);
}

int emu_op_in_dx(struct emu_ctxt *c)
{
	return in(c, (u16)c->regs[EMU_RDX]);
}

int emu_op_out_imm(struct emu_ctxt *c)
{
	return out(c, (u8)c->insn.imm);
}

int emu_op_out_dx(struct emu_ctxt *c)
{
	return out(c, (u16)c->regs[EMU_RDX]);
}

/* Elements that one transfer may take: the count, the buffer, the page and the segment. */
static unsigned int io_batch(const struct emu_ctxt *c, u64 ea, u64 la, unsigned int size)
{
	u64 n, count, room = emu_mask(c->insn.adsize) - ea;

	if (!c->insn.rep || (c->rflags & (EFL_DF | EFL_TF)))
		return 1;
	count = c->regs[EMU_RCX] & emu_mask(c->insn.adsize);
	n = (4096 - (la & 4095)) / size;
	n = min_t(u64, n, c->pio_buf_size / size);
	n = min_t(u64, n, count);
	if (room < 8192)
		n = min_t(u64, n, (room + 1) / size);
	return n ? (unsigned int)n : 1;
}

/* Linear address of n elements at seg:ea; n falls to 1 if they do not all lie in the segment. */
static int io_linear(struct emu_ctxt *c, unsigned int seg, u64 ea, unsigned int size,
		     unsigned int acc, unsigned int *n, u64 *la)
{
	u64 last;
	int r = emu_linear(c, seg, ea, size, acc, la);

	if (r != EMU_OK)
		return r;
	*n = io_batch(c, ea, *la, size);
	if (*n > 1 && emu_linear(c, seg, ea, *n * size, acc, &last) != EMU_OK)
		*n = 1;
	return EMU_OK;
}

static bool io_done(const struct emu_ctxt *c)
{
	return !(c->regs[EMU_RCX] & emu_mask(c->insn.adsize));
}

/* n elements are through: index and count; more of them are left to another round. */
static int io_finish(struct emu_ctxt *c, unsigned int reg, unsigned int n)
{
	u64 count;

	emu_advance(c, reg, n);
	if (!c->insn.rep)
		return EMU_OK;
	c->rec_len = 0;
	c->rec_pos = 0;
	count = (c->regs[EMU_RCX] & emu_mask(c->insn.adsize)) - n;
	emu_set_addr_reg(c, EMU_RCX, c->insn.adsize, count);
	if (!count)
		return EMU_OK;
	c->rep_again = true;
	return EMU_RESTART;
}

/*
 * INS: the whole batch is read from the port before any of it is stored, and the destination is
 * checked before that, because what a port has delivered cannot be put back. A destination that
 * is a device goes element by element.
 */
static int ins_probe(struct emu_ctxt *c, u64 la, unsigned int size, unsigned int *n)
{
	unsigned int len = *n * size, first = min_t(unsigned int, len, 4096 - (la & 4095));
	int r = c->ops->probe(c, la, first, EMU_ACC_WRITE);

	if (r == EMU_IO) {
		*n = 1;
		r = EMU_OK;
	}
	if (r == EMU_OK && first < size)
		r = emu_probe(c, emu_sys_la(c, la + first), size - first, EMU_ACC_WRITE);
	return r;
}

int emu_op_ins(struct emu_ctxt *c)
{
	unsigned int size = io_size(c), n;
	u16 port = (u16)c->regs[EMU_RDX];
	u64 la;
	int r;

	c->rep_again = false;
	c->insn.opsize = (u8)size;
	r = emu_io_allowed(c, port, size);
	if (r == EMU_OK && c->insn.rep && io_done(c))
		return EMU_OK;
	if (r == EMU_OK)
		r = io_linear(c, EMU_ES, emu_ea_wrap(c, c->regs[EMU_RDI]), size, EMU_ACC_WRITE, &n,
			      &la);
	if (r != EMU_OK)
		return r;
	if (c->pio_ready) {
		n = min_t(unsigned int, n, c->io.count);
	} else {
		r = ins_probe(c, la, size, &n);
		if (r != EMU_OK)
			return r;
		r = c->ops->pio_in(c, port, size, n);
		if (r == EMU_IO)
			want_pio(c, EMU_IO_PIO_IN, port, size, n);
		if (r != EMU_OK)
			return r;
	}
	c->pio_ready = false;
	if (n > 1)
		r = c->ops->write_bulk(c, la, c->pio_buf, n * size);
	else
		r = emu_lin_write(c, la, c->pio_buf, size, EMU_ACC_WRITE);
	if (r != EMU_OK)
		return r;
	return io_finish(c, EMU_RDI, n);
}

int emu_op_outs(struct emu_ctxt *c)
{
	unsigned int size = io_size(c), n;
	u16 port = (u16)c->regs[EMU_RDX];
	u64 la;
	int r;

	c->rep_again = false;
	c->insn.opsize = (u8)size;
	r = emu_io_allowed(c, port, size);
	if (r == EMU_OK && c->insn.rep && io_done(c))
		return EMU_OK;
	if (r == EMU_OK)
		r = io_linear(c, c->insn.seg, emu_ea_wrap(c, c->regs[EMU_RSI]), size, EMU_ACC_READ,
			      &n, &la);
	if (r != EMU_OK)
		return r;
	if (n > 1) {
		r = c->ops->read_bulk(c, la, c->pio_buf, n * size);
		if (r == EMU_UNHANDLEABLE)
			n = 1;
		else if (r != EMU_OK)
			return r;
	}
	if (n == 1) {
		u32 v = 0;

		r = emu_lin_read(c, la, &v, size, EMU_ACC_READ);
		if (r != EMU_OK)
			return r;
		memcpy(c->pio_buf, &v, size);
	}
	r = c->ops->pio_out(c, port, size, n);
	if (r != EMU_OK && r != EMU_IO)
		return r;
	if (r == EMU_IO)
		want_pio(c, EMU_IO_PIO_OUT, port, size, n);
	return io_finish(c, EMU_RSI, n);
}
