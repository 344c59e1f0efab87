// SPDX-License-Identifier: GPL-2.0-only
/* IN and OUT as the exit's decoding gives them. INS and OUTS are the emulator's. */
#include "backend.h"
#include "iobus.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/emul.h"
#include "x86/emulate.h"
#include "x86/insn.h"

int pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size, unsigned int count)
{
	struct vmx_run *run = vcpu->run;
	u32 val = 0;

	run->exit_reason = VMX_EXIT_IO;
	run->io.direction = in ? VMX_EXIT_IO_IN : VMX_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = VMX_PIO_PAGE_OFFSET * PAGE_SIZE;
	vcpu_count(vcpu, io_exits);
	if (!in)
		memcpy(&val, vcpu->pio_data, size);
	trace_vmx_pio(vcpu, !in, port, size, count, val);
	return VCPU_TO_USER;
}

/* The instruction's length; 0: not to be had this way. */
static unsigned int io_length(struct vcpu *vcpu, bool atomic)
{
	u64 next = vcpu->exit.io.next_rip;

	if (likely(next))
		return next - vcpu_rip(vcpu);
	return insn_length(vcpu, vcpu->exit.io.in ? EMU_S_IN : EMU_S_OUT, atomic);
}

static void io_load(struct vcpu *vcpu, unsigned int size, u32 val)
{
	u64 rax = vcpu_reg(vcpu, VCPU_RAX);

	if (size == 4)
		rax = val;
	else if (size == 2)
		rax = (rax & ~0xffffULL) | (u16)val;
	else
		rax = (rax & ~0xffULL) | (u8)val;
	vcpu_set_reg(vcpu, VCPU_RAX, rax);
}

static u32 io_store_value(struct vcpu *vcpu, unsigned int size)
{
	u32 rax = vcpu_reg(vcpu, VCPU_RAX);

	return size == 4 ? rax : size == 2 ? (u16)rax : (u8)rax;
}

static void io_finish(struct vcpu *vcpu, u32 val, unsigned int len)
{
	bool in = vcpu->exit.io.in;
	unsigned int size = vcpu->exit.io.size;

	trace_vmx_pio(vcpu, !in, vcpu->exit.io.port, size, 1, val);
	if (in)
		io_load(vcpu, size, val);
	insn_advance(vcpu, len);
}

int emulate_pio_fast(struct vcpu *vcpu)
{
	unsigned int size = vcpu->exit.io.size, len;
	u16 port = vcpu->exit.io.port;
	u32 val = 0;
	int r;

	if (unlikely(vcpu->exit.io.string))
		return -EAGAIN;
	len = io_length(vcpu, true);
	if (!len)
		return -EAGAIN;
	if (vcpu->exit.io.in) {
		r = iobus_read_atomic(vcpu, IOBUS_PIO, port, size, &val);
	} else {
		val = io_store_value(vcpu, size);
		r = iobus_write_atomic(vcpu, IOBUS_PIO, port, size, &val);
	}
	if (r)
		return -EAGAIN;
	io_finish(vcpu, val, len);
	return VCPU_RESUME;
}

/*
 * The VMM has served it. RIP moves only now, so that a VMM that resets the machine on an OUT finds
 * its registers as it set them.
 */
static int complete_io(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	u32 val = 0;

	if (vcpu_rip(vcpu) != e->pio_rip)
		return VCPU_RESUME;
	if (vcpu->exit.io.in) {
		memcpy(&val, vcpu->pio_data, sizeof(val));
		io_load(vcpu, vcpu->exit.io.size, val);
	}
	insn_advance(vcpu, e->pio_len);
	return VCPU_RESUME;
}

int emulate_pio(struct vcpu *vcpu)
{
	struct vcpu_emul *e = vcpu->emul;
	unsigned int size = vcpu->exit.io.size, len = io_length(vcpu, false);
	u16 port = vcpu->exit.io.port;
	bool in = vcpu->exit.io.in;
	u32 val = 0;
	int r;

	if (!len || len > EMU_MAX_INSN)
		return emulate_insn(vcpu, ~0ULL);
	if (in) {
		r = iobus_read(vcpu, IOBUS_PIO, port, size, &val);
	} else {
		val = io_store_value(vcpu, size);
		r = iobus_write(vcpu, IOBUS_PIO, port, size, &val);
	}
	if (!r) {
		io_finish(vcpu, val, len);
		return VCPU_RESUME;
	}
	e->pio_rip = vcpu_rip(vcpu);
	e->pio_len = len;
	if (!in)
		memcpy(vcpu->pio_data, &val, sizeof(val));
	vcpu->complete_userspace_io = complete_io;
	return pio_to_user(vcpu, in, port, size, 1);
}
