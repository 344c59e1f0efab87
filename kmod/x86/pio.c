// SPDX-License-Identifier: GPL-2.0-only
/* IN and OUT as the exit's decoding gives them. INS and OUTS are the emulator's. */
#include "backend.h"
#include "iobus.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/emulate.h"
#include "x86/insn.h"

/* An OUT to it is over when the VMM sees it: VMX_X86_QUIRK_OUT_7E_INC_RIP. */
#define PORT_RIP_FIRST 0x7e

static noinline void trace_pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size,
				       unsigned int count)
{
	u32 val = 0;

	if (!in)
		memcpy(&val, vcpu->pio_data, size);
	trace_vmx_pio(vcpu, !in, port, size, count, val);
}

static __always_inline int fill_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size,
				    unsigned int count)
{
	struct vmx_run *run = vcpu->run;

	static_assert(VMX_EXIT_IO_IN == 0 && VMX_EXIT_IO_OUT == 1);
	run->exit_reason = VMX_EXIT_IO;
	run->io.direction = !in;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = VMX_PIO_PAGE_OFFSET * PAGE_SIZE;
	vcpu_count(vcpu, io_exits);
	if (trace_vmx_pio_enabled())
		trace_pio_to_user(vcpu, in, port, size, count);
	return VCPU_TO_USER;
}

int pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size, unsigned int count)
{
	return fill_pio(vcpu, in, port, size, count);
}

/* The instruction's length; 0: not to be had this way. */
static unsigned int io_length(struct vcpu *vcpu, bool atomic)
{
	unsigned int len = vcpu->exit.insn_len;

	if (unlikely(!len))
		len = insn_length(vcpu, vcpu->exit.io.flags & VM_IO_IN ? EMU_S_IN : EMU_S_OUT, atomic);
	return likely(len <= EMU_MAX_INSN) ? len : 0;
}

/* RAX is at hand after an exit, and after the VMM has looked. */
static __always_inline void io_load(struct vcpu *vcpu, unsigned int size, u32 val)
{
	u64 *rax = &vcpu->regs[VCPU_RAX];

	if (size == 1)
		*rax = (*rax & ~0xffULL) | (u8)val;
	else if (size == 4)
		*rax = val;
	else
		*rax = (*rax & ~0xffffULL) | (u16)val;
	vcpu->regs_dirty |= BIT(VCPU_RAX);
}

static u32 io_store_value(struct vcpu *vcpu, unsigned int size)
{
	u32 rax = vcpu->regs[VCPU_RAX];

	return size == 4 ? rax : size == 2 ? (u16)rax : (u8)rax;
}

static noinline void trace_io(struct vcpu *vcpu, u32 val)
{
	const struct vm_exit *exit = &vcpu->exit;

	trace_vmx_pio(vcpu, !(exit->io.flags & VM_IO_IN), exit->io.port, exit->io.size, 1, val);
}

static __always_inline void io_finish(struct vcpu *vcpu, u32 val)
{
	if (trace_vmx_pio_enabled())
		trace_io(vcpu, val);
	if (vcpu->exit.io.flags & VM_IO_IN)
		io_load(vcpu, vcpu->exit.io.size, val);
}

/*
 * The VMM has served it. RIP moves only now, so that a VMM that resets the machine on an OUT finds
 * its registers as it set them.
 */
static int complete_io(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;

	if (unlikely(vcpu->regs[VCPU_RIP] != e->pio_rip))
		return VCPU_RESUME;
	if (vcpu->exit.io.flags & VM_IO_IN)
		io_load(vcpu, vcpu->exit.io.size, *(const u32 *)vcpu->pio_data);
	insn_advance_fast(vcpu, e->pio_len);
	return VCPU_RESUME;
}

/*
 * No in-kernel device wants the port; pio_val: what OUT writes. After an exit RIP and RFLAGS are at hand,
 * and they are still when the VMM comes back.
 */
static __always_inline int io_to_vmm(struct vcpu *vcpu, unsigned int len)
{
	struct vcpu_emul *e = vcpu->emul;
	bool in = vcpu->exit.io.flags & VM_IO_IN;

	e->pio_rip = vcpu->regs[VCPU_RIP];
	e->pio_len = len;
	vcpu->complete_userspace_io = complete_io;
	if (!in) {
		*(u32 *)vcpu->pio_data = e->pio_val;
		if (unlikely(vcpu->exit.io.port == PORT_RIP_FIRST) &&
		    !(vcpu->vm->disabled_quirks & VMX_X86_QUIRK_OUT_7E_INC_RIP)) {
			vcpu->complete_userspace_io = NULL;
			insn_advance_fast(vcpu, len);
		}
	}
	return fill_pio(vcpu, in, vcpu->exit.io.port, vcpu->exit.io.size, 1);
}

int emulate_pio_fast(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	unsigned int size = vcpu->exit.io.size, len;
	u16 port = vcpu->exit.io.port;
	int r;

	if (unlikely(vcpu->exit.io.flags & VM_IO_STRING))
		return -EAGAIN;
	len = io_length(vcpu, true);
	if (unlikely(!len))
		return -EAGAIN;
	if (vcpu->exit.io.flags & VM_IO_IN) {
		e->pio_val = 0;
		r = iobus_read_atomic(vcpu, IOBUS_PIO, port, size, &e->pio_val);
	} else {
		e->pio_val = io_store_value(vcpu, size);
		r = iobus_write_atomic(vcpu, IOBUS_PIO, port, size, &e->pio_val);
	}
	if (r)
		return r == -EOPNOTSUPP ? io_to_vmm(vcpu, len) : -EAGAIN;
	io_finish(vcpu, e->pio_val);
	insn_advance_fast(vcpu, len);
	return VCPU_RESUME;
}

int emulate_pio(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	unsigned int size = vcpu->exit.io.size, len = io_length(vcpu, false);
	u16 port = vcpu->exit.io.port;
	int r;

	if (unlikely(!len))
		return emulate_insn(vcpu, ~0ULL);
	if (vcpu->exit.io.flags & VM_IO_IN) {
		e->pio_val = 0;
		r = iobus_read(vcpu, IOBUS_PIO, port, size, &e->pio_val);
	} else {
		e->pio_val = io_store_value(vcpu, size);
		r = iobus_write(vcpu, IOBUS_PIO, port, size, &e->pio_val);
	}
	if (r)
		return io_to_vmm(vcpu, len);
	io_finish(vcpu, e->pio_val);
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}
