// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory. Nearly every access is a plain MOV: decoded without a context, its address known from
 * the nested fault, served in a few hundred instructions. What is anything else goes to emulate.c.
 */
#include "backend.h"
#include "compat.h"
#include "gmem.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/emulate.h"
#include "x86/insn.h"

int mmio_device(struct vcpu *vcpu, bool write, u64 gpa, void *data, unsigned int len)
{
	u64 val = 0;
	int r;

	if (lapic_owns_gpa(vcpu, gpa))
		r = write ? lapic_mmio_write(vcpu, gpa, len, data, false) :
			    lapic_mmio_read(vcpu, gpa, len, data, false);
	else
		r = write ? iobus_write(vcpu, IOBUS_MMIO, gpa, len, data) :
			    iobus_read(vcpu, IOBUS_MMIO, gpa, len, data);
	if (r)
		return -EOPNOTSUPP;
	if (trace_vmx_mmio_enabled()) {
		memcpy(&val, data, len);
		trace_vmx_mmio(vcpu, write, gpa, len, val);
	}
	return 0;
}

static int mmio_device_atomic(struct vcpu *vcpu, bool write, u64 gpa, u64 *val, unsigned int len)
{
	if (lapic_owns_gpa(vcpu, gpa))
		return write ? lapic_mmio_write(vcpu, gpa, len, val, true) :
			       lapic_mmio_read(vcpu, gpa, len, val, true);
	return write ? iobus_write_atomic(vcpu, IOBUS_MMIO, gpa, len, val) :
		       iobus_read_atomic(vcpu, IOBUS_MMIO, gpa, len, val);
}

int mmio_to_user(struct vcpu *vcpu, bool write, u64 gpa, const void *data, unsigned int len)
{
	struct vmx_run *run = vcpu->run;

	run->exit_reason = VMX_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write)
		memcpy(run->mmio.data, data, len);
	vcpu_count(vcpu, mmio_exits);
	trace_vmx_mmio(vcpu, write, gpa, len, write ? get_unaligned((u64 *)run->mmio.data) : 0);
	return VCPU_TO_USER;
}

/* ---- plain moves ---- */

/*
 * The move at RIP, if it is one, goes the way of the fault, and touches @gpa alone: its linear address
 * has the same offset in the page and does not leave the page.
 */
static bool mov_decode(struct vcpu *vcpu, u64 gpa, bool write)
{
	struct emu_mov *m = &vcpu->emul->mov;
	enum emu_mode mode = insn_mode(vcpu);
	u8 *bytes = vcpu->emul->bytes;
	u64 la;
	int n;

	n = gva_fetch_insn_at_exit(vcpu, bytes);
	if (n <= 0 || !emu_mmio_simple(bytes, n, mode, m) || m->write != write)
		return false;
	vcpu_reg(vcpu, VCPU_RSP);
	la = emu_mov_ea(m, vcpu->regs, vcpu_rip(vcpu));
	if (unlikely(mode != EMU_MODE_LONG64 || m->seg >= EMU_FS))
		la += vcpu_seg_base(vcpu, (enum vcpu_seg)m->seg);
	la &= ~PAGE_MASK;
	return la == (gpa & ~PAGE_MASK) && la + m->size <= PAGE_SIZE;
}

/* A load's register gets what was read; RIP is the caller's to move. */
static void mov_load(struct vcpu *vcpu, u64 val)
{
	const struct emu_mov *m = &vcpu->emul->mov;

	if (m->write)
		return;
	emu_mov_load(m, vcpu->regs, val);
	vcpu_set_reg(vcpu, m->reg, vcpu->regs[m->reg]);
}

/* The VMM has read: the register gets it, unless the vCPU has been sent elsewhere. */
static int complete_mov(struct vcpu *vcpu)
{
	u64 val;

	if (vcpu_rip(vcpu) != vcpu->emul->mov_rip)
		return VCPU_RESUME;
	memcpy(&val, vcpu->run->mmio.data, sizeof(val));
	mov_load(vcpu, val);
	insn_advance(vcpu, vcpu->emul->mov.len);
	return VCPU_RESUME;
}

/* No in-kernel device wants it. @val: what a store stores. */
static int mov_to_vmm(struct vcpu *vcpu, u64 gpa, u64 val)
{
	struct vcpu_emul *e = vcpu->emul;

	if (e->mov.write) {
		/* It is out of the CPU's hands: the instruction is complete. */
		insn_advance_fast(vcpu, e->mov.len);
	} else {
		e->mov_rip = vcpu_rip(vcpu);
		vcpu->complete_userspace_io = complete_mov;
	}
	return mmio_to_user(vcpu, e->mov.write, gpa, &val, e->mov.size);
}

int emulate_mmio_fast(struct vcpu *vcpu, u64 gpa, bool write)
{
	struct vcpu_emul *e = vcpu->emul;
	u64 val = 0;
	int r;

	e->mov_exit = 0;
	if (unlikely(!mov_decode(vcpu, gpa, write)))
		return -EAGAIN;
	if (write)
		val = emu_mov_store_value(&e->mov, vcpu->regs);
	r = mmio_device_atomic(vcpu, write, gpa, &val, e->mov.size);
	if (likely(!r)) {
		trace_vmx_mmio(vcpu, write, gpa, e->mov.size, val);
		mov_load(vcpu, val);
		insn_advance_fast(vcpu, e->mov.len);
		return VCPU_RESUME;
	}
	if (r == -EOPNOTSUPP)
		return mov_to_vmm(vcpu, gpa, val);
	/* The slow way begins where this ended. */
	e->mov_exit = vcpu->stats->exits;
	return -EAGAIN;
}

int emulate_mmio(struct vcpu *vcpu, u64 gpa, bool write)
{
	struct vcpu_emul *e = vcpu->emul;
	const struct emu_mov *m = &e->mov;
	bool ready = e->mov_exit == vcpu->stats->exits;
	u64 val = 0;

	e->mov_exit = 0;
	if (!ready && !mov_decode(vcpu, gpa, write))
		return emulate_insn(vcpu, gpa);
	if (write)
		val = emu_mov_store_value(m, vcpu->regs);
	if (mmio_device(vcpu, write, gpa, &val, m->size))
		return mov_to_vmm(vcpu, gpa, val);
	mov_load(vcpu, val);
	insn_advance(vcpu, m->len);
	return VCPU_RESUME;
}
