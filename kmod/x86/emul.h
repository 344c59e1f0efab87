/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the emulator's files keep per vCPU: emulate.c, emul_ops.c, mmio.c, pio.c alone.
 *
 * Everything that outlives a call (an exit to the VMM between the halves of an instruction) is here, in
 * memory that belongs to the vCPU, under vcpu->mutex.
 */
#ifndef VMX_X86_EMUL_H
#define VMX_X86_EMUL_H

#include "pure/emu.h"
#include "vcpu.h"

struct vcpu_emul {
	struct emu_ctxt ctxt;
	const void *cpuid;	/* the table that features was made from */
	u32 features;		/* EMU_F_* */

	/* Of the instruction that is being emulated. */
	int result;		/* what an op wants to be returned: VCPU_RESUME, VCPU_TO_USER, -errno */
	bool raised;		/* an op has raised the exception itself */
	bool halted;		/* HLT: to be acted on when the instruction is complete */
	u64 table_gpa;		/* of a write to a guest's table (emulate_table_write()), or GPA_INVALID */
	bool no_memory;		/* it needs memory where none is: its own bytes, or page tables */
	bool or_ud;		/* #UD if it cannot be emulated: nobody but the guest has asked for that */
	u8 nbytes;
	u8 bytes[16];		/* as fetched, for the VMM when it cannot be emulated */
	u8 frag;		/* next of ctxt.io.frag */

	/* A plain move on a device. */
	struct emu_mov mov;
	u64 mov_rip;
	u64 mov_exit;		/* the exit (stats->exits) for which mov was decoded with interrupts off */

	/* IN or OUT that the VMM serves. */
	u64 pio_rip;
	u32 pio_val;
	u8 pio_len;		/* of the instruction */
};

extern const struct emu_ops emul_ops;

/*
 * mmio_device() - an access of 1 to 8 bytes by in-kernel devices: the LAPIC's page or the bus. May sleep.
 * 0: served; -EOPNOTSUPP: it is the VMM's.
 */
int mmio_device(struct vcpu *vcpu, bool write, u64 gpa, void *data, unsigned int len);

/* Fills vmx_run for an access of the VMM's. Returns VCPU_TO_USER. */
int mmio_to_user(struct vcpu *vcpu, bool write, u64 gpa, const void *data, unsigned int len);
int pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size, unsigned int count);

/* Is gpa memory that may be written (@write) or read? Takes SRCU. */
bool emul_is_memory(struct vcpu *vcpu, u64 gpa, bool write);

#endif /* VMX_X86_EMUL_H */
