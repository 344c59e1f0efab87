// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as the emulated instruction sees it: segmentation, page-wise accesses, the record of
 * reads that makes an instruction restartable after device I/O, the queue of device writes, and
 * the stack.
 *
 * A read from a device that user space models ends the execution with EMU_IO. When its data is
 * there the instruction runs again from its start (no register has changed) and all reads it had
 * made come from the record, in the same order, so that nothing is read twice. Device writes are
 * queued in c->io.frag and leave when the instruction is complete.
 */
#include "pure/emu_core.h"

const struct emu_seg *emu_load_seg(struct emu_ctxt *c, unsigned int seg)
{
	c->ops->get_seg(c, seg, &c->seg[seg]);
	c->seg_valid |= 1U << seg;
	return &c->seg[seg];
}

void emu_commit_seg(struct emu_ctxt *c, unsigned int seg, const struct emu_seg *s)
{
	if (&c->seg[seg] != s)
		c->seg[seg] = *s;
	c->seg_valid |= 1U << seg;
	c->ops->set_seg(c, seg, &c->seg[seg]);
}

static int seg_fault(struct emu_ctxt *c, unsigned int seg)
{
	return emu_raise_err(c, seg == EMU_SS ? EMU_EXC_SS : EMU_EXC_GP, 0);
}

/* SDM 3A 5.3 (limits) and 5.5 (types); in real and virtual-8086 mode the type is not looked at. */
bool emu_seg_linear(const struct emu_ctxt *c, const struct emu_seg *s, u64 ea, unsigned int len,
		    unsigned int acc, u64 *la)
{
	u64 first = (u32)ea, last = first + len - 1;

	if (!emu_is_rm(c)) {
		if (s->unusable)
			return false;
		if (acc & EMU_ACC_WRITE) {
			if (!emu_seg_is_wdata(s))
				return false;
		} else if ((s->type & SEGT_CODE) && !(s->type & SEGT_RW)) {
			return false;
		}
	}
	if ((s->type & (SEGT_CODE | SEGT_CE)) == SEGT_CE) {
		if (first <= s->limit || last > (s->db ? 0xffffffffU : 0xffffU))
			return false;
	} else if (last > s->limit) {
		return false;
	}
	*la = (u32)(s->base + first);
	return true;
}

static noinline int linear_legacy(struct emu_ctxt *c, unsigned int seg, u64 ea, unsigned int len,
				  unsigned int acc, u64 *la)
{
	return emu_seg_linear(c, emu_seg(c, seg), ea, len, acc, la) ? EMU_OK : seg_fault(c, seg);
}

/* #AC: CR0.AM, EFLAGS.AC, CPL 3 (SDM 3A 6.15). For operands of 2, 4, 8 bytes only. */
static noinline int check_alignment(struct emu_ctxt *c, u64 la, unsigned int len)
{
	if (c->cpl == 3 && len <= 8 && (la & (len - 1)) && !(len & (len - 1)) &&
	    (c->ops->get_cr(c, 0) & ECR0_AM))
		return emu_raise_err(c, EMU_EXC_AC, 0);
	return EMU_OK;
}

int emu_linear(struct emu_ctxt *c, unsigned int seg, u64 ea, unsigned int len, unsigned int acc,
	       u64 *la)
{
	u64 a = ea;

	if (likely(emu_is64(c))) {
		if (unlikely(seg >= EMU_FS))
			a += emu_seg(c, seg)->base;
		if (unlikely(!emu_canonical(c, a) || !emu_canonical(c, a + len - 1)))
			return seg_fault(c, seg);
		*la = a;
		return EMU_OK;
	}
	return linear_legacy(c, seg, ea, len, acc, la);
}

/* Splits a device access into the pieces that user space gets. */
static int queue_frags(struct emu_ctxt *c, u8 kind, const u8 *data, unsigned int len)
{
	u64 gpa = c->mmio_gpa;

	if (c->io.kind != kind) {
		if (c->io.kind != EMU_IO_NONE)
			return EMU_UNHANDLEABLE;
		c->io.kind = kind;
		c->io.nr = 0;
	}
	while (len) {
		unsigned int n = min_t(unsigned int, len, 8);
		struct emu_frag *f;

		if (c->io.nr >= EMU_MAX_FRAGS)
			return EMU_UNHANDLEABLE;
		f = &c->io.frag[c->io.nr++];
		f->gpa = gpa;
		f->len = (u8)n;
		memset(f->data, 0, sizeof(f->data));
		if (data) {
			memcpy(f->data, data, n);
			data += n;
		}
		gpa += n;
		len -= n;
	}
	return EMU_OK;
}

/* The compiler expands a copy of known length in place. */
static inline void copy_small(void *to, const void *from, unsigned int len)
{
	switch (len) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	case 8:
		memcpy(to, from, 8);
		break;
	default:
		memcpy(to, from, len);
	}
}

static int chunk_read(struct emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	int r;

	if (c->rec_pos < c->rec_len && !(acc & EMU_ACC_SUPER)) {
		if ((unsigned int)(c->rec_len - c->rec_pos) < len)
			return EMU_UNHANDLEABLE;
		memcpy(buf, c->rec + c->rec_pos, len);
		c->rec_pos += len;
		return EMU_OK;
	}
	r = c->ops->read(c, la, buf, len, acc);
	if (acc & EMU_ACC_SUPER)
		return r == EMU_IO ? EMU_UNHANDLEABLE : r;
	if (likely(r == EMU_OK)) {
		if (unlikely(c->rec_len + len > EMU_REC_BYTES)) {
			c->rec_full = true;
		} else {
			copy_small(c->rec + c->rec_len, buf, len);
			c->rec_len += len;
			c->rec_pos = c->rec_len;
		}
		return EMU_OK;
	}
	if (r == EMU_IO) {
		if (c->rec_full || c->rec_len + len > EMU_REC_BYTES)
			return EMU_UNHANDLEABLE;
		/* Writes that are queued already would be lost: no instruction writes to a device
		 * before its last read, but ENTER with its frames on one. */
		r = queue_frags(c, EMU_IO_MMIO_READ, NULL, len);
		return r == EMU_OK ? EMU_IO : r;
	}
	return r;
}

static int chunk_write(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len,
		       unsigned int acc)
{
	int r = c->ops->write(c, la, buf, len, acc);

	if (likely(r != EMU_IO))
		return r;
	if (acc & EMU_ACC_SUPER)
		return EMU_UNHANDLEABLE;
	return queue_frags(c, EMU_IO_MMIO_WRITE, buf, len);
}

static inline unsigned int first_part(u64 la, unsigned int len)
{
	return min_t(unsigned int, len, 4096 - (unsigned int)(la & 4095));
}

static inline u64 la_next(const struct emu_ctxt *c, u64 la, unsigned int n)
{
	return emu_sys_la(c, la + n);
}

int emu_probe(struct emu_ctxt *c, u64 la, unsigned int len, unsigned int acc)
{
	int r = c->ops->probe(c, la, len, acc);

	return r == EMU_IO ? EMU_OK : r;
}

/* Neither page of an access to two is touched before both are known to allow it. */
static int probe_two(struct emu_ctxt *c, u64 la, unsigned int n, unsigned int len, unsigned int acc)
{
	int r = emu_probe(c, la, n, acc);

	return r == EMU_OK ? emu_probe(c, la_next(c, la, n), len - n, acc) : r;
}

int emu_lin_read(struct emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	unsigned int n = first_part(la, len);
	int r;

	if (likely(n == len))
		return chunk_read(c, la, buf, len, acc);
	r = probe_two(c, la, n, len, acc);
	if (r == EMU_OK)
		r = chunk_read(c, la, buf, n, acc);
	if (r == EMU_OK)
		r = chunk_read(c, la_next(c, la, n), (u8 *)buf + n, len - n, acc);
	return r;
}

int emu_lin_write(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len, unsigned int acc)
{
	unsigned int n = first_part(la, len);
	int r;

	acc |= EMU_ACC_WRITE;
	if (likely(n == len))
		return chunk_write(c, la, buf, len, acc);
	r = probe_two(c, la, n, len, acc);
	if (r == EMU_OK)
		r = chunk_write(c, la, buf, n, acc);
	if (r == EMU_OK)
		r = chunk_write(c, la_next(c, la, n), (const u8 *)buf + n, len - n, acc);
	return r;
}

/* @was_read: this instruction has read *old from there itself, and a device is not read twice. */
static int lin_cmpxchg(struct emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len,
		       unsigned int acc, bool was_read)
{
	u8 seen[16];
	int r;

	acc |= EMU_ACC_WRITE;
	if (likely(first_part(la, len) == len)) {
		r = c->ops->cmpxchg(c, la, old, new_, len, acc);
		if (r != EMU_IO)
			return r;
	}
	/* A device, or two pages: not atomic. */
	if (was_read)
		return emu_lin_write(c, la, new_, len, acc);
	r = emu_lin_read(c, la, seen, len, acc);
	if (r != EMU_OK)
		return r;
	if (!memcmp(seen, old, len))
		return emu_lin_write(c, la, new_, len, acc);
	memcpy(old, seen, len);
	return EMU_OK;
}

int emu_lin_cmpxchg(struct emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len,
		    unsigned int acc)
{
	return lin_cmpxchg(c, la, old, new_, len, acc, false);
}

/* An operand's linear address, and whether it may lie there. */
static inline int operand_la(struct emu_ctxt *c, unsigned int seg, u64 ea, unsigned int len,
			     unsigned int acc, u64 *la)
{
	int r = emu_linear(c, seg, ea, len, acc, la);

	if (unlikely(c->rflags & EFL_AC) && r == EMU_OK)
		r = check_alignment(c, *la, len);
	return r;
}

int emu_read(struct emu_ctxt *c, unsigned int seg, u64 ea, void *buf, unsigned int len,
	     unsigned int acc)
{
	u64 la;
	int r = operand_la(c, seg, ea, len, acc, &la);

	return likely(r == EMU_OK) ? emu_lin_read(c, la, buf, len, acc) : r;
}

int emu_write(struct emu_ctxt *c, unsigned int seg, u64 ea, const void *buf, unsigned int len)
{
	u64 la;
	int r = operand_la(c, seg, ea, len, EMU_ACC_WRITE, &la);

	return likely(r == EMU_OK) ? emu_lin_write(c, la, buf, len, EMU_ACC_WRITE) : r;
}

int emu_read_val(struct emu_ctxt *c, unsigned int seg, u64 ea, u64 *val, unsigned int size)
{
	*val = 0;
	return emu_read(c, seg, ea, val, size, EMU_ACC_READ);
}

int emu_write_val(struct emu_ctxt *c, unsigned int seg, u64 ea, u64 val, unsigned int size)
{
	return emu_write(c, seg, ea, &val, size);
}

int emu_rm_read(struct emu_ctxt *c, unsigned int size, u64 *val)
{
	if (emu_rm_is_reg(c)) {
		*val = emu_gpr(c, c->insn.rm, size);
		return EMU_OK;
	}
	return emu_read_val(c, c->insn.seg, c->ea, val, size);
}

int emu_rm_write(struct emu_ctxt *c, unsigned int size, u64 val)
{
	if (emu_rm_is_reg(c)) {
		emu_set_gpr(c, c->insn.rm, size, val);
		return EMU_OK;
	}
	return emu_write_val(c, c->insn.seg, c->ea, val, size);
}

int emu_rmw_begin(struct emu_ctxt *c, unsigned int size, u64 *old)
{
	if (emu_rm_is_reg(c)) {
		*old = emu_gpr(c, c->insn.rm, size);
		return EMU_OK;
	}
	*old = 0;
	return emu_read(c, c->insn.seg, c->ea, old, size, EMU_ACC_WRITE);
}

/* Races that a locked update may lose before the guest is entered again to try itself. */
#define LOCK_TRIES 32

int emu_rmw_end(struct emu_ctxt *c, unsigned int size, u64 *old, u64 val, bool locked)
{
	u64 la, seen = *old;
	int r;

	if (!locked || emu_rm_is_reg(c))
		return emu_rm_write(c, size, val);
	r = emu_linear(c, c->insn.seg, c->ea, size, EMU_ACC_WRITE, &la);
	if (r == EMU_OK)
		r = lin_cmpxchg(c, la, &seen, &val, size, EMU_ACC_WRITE, true);
	if (r != EMU_OK || !((seen ^ *old) & emu_mask(size)))
		return r;
	*old = seen & emu_mask(size);
	return ++c->lock_tries < LOCK_TRIES ? EMU_AGAIN : EMU_RESTART;
}

/* The stack. */

void emu_stack_begin(struct emu_ctxt *c, struct emu_stack *s)
{
	s->sp = c->regs[EMU_RSP];
	s->base_reg = s->sp;
	if (likely(emu_is64(c)))
		s->width = 8;
	else
		s->width = emu_seg(c, EMU_SS)->db ? 4 : 2;
	s->sp &= emu_mask(s->width);
}

u64 emu_stack_rsp(const struct emu_stack *s)
{
	if (s->width == 2)
		return (s->base_reg & ~0xffffULL) | s->sp;
	return s->sp;
}

int emu_stack_push(struct emu_ctxt *c, struct emu_stack *s, u64 val, unsigned int size)
{
	u64 sp = (s->sp - size) & emu_mask(s->width);
	int r = emu_write_val(c, EMU_SS, sp, val, size);

	if (r == EMU_OK)
		s->sp = sp;
	return r;
}

int emu_stack_pop(struct emu_ctxt *c, struct emu_stack *s, u64 *val, unsigned int size)
{
	int r = emu_read_val(c, EMU_SS, s->sp, val, size);

	if (r == EMU_OK)
		s->sp = (s->sp + size) & emu_mask(s->width);
	return r;
}

int emu_push(struct emu_ctxt *c, u64 val, unsigned int size)
{
	struct emu_stack s;
	int r;

	emu_stack_begin(c, &s);
	r = emu_stack_push(c, &s, val, size);
	if (r == EMU_OK)
		emu_stack_end(c, &s);
	return r;
}
