/* SPDX-License-Identifier: GPL-2.0-only */
/* The instruction emulator (pure/emu.h) over a vCPU. */
#ifndef VMX_X86_EMULATE_H
#define VMX_X86_EMULATE_H

#include "memslot.h"
#include "vcpu.h"

int emulate_vcpu_create(struct vcpu *vcpu);
void emulate_vcpu_destroy(struct vcpu *vcpu);

/*
 * emulate_insn() - fetch, decode and execute the instruction at RIP. May sleep.
 * @gpa: where hardware saw a device access fault, or GPA_INVALID.
 * Returns VCPU_RESUME, VCPU_TO_USER (I/O for the VMM, or an internal error), or -errno.
 */
int emulate_insn(struct vcpu *vcpu, u64 gpa);

/*
 * emulate_table_write() - under shadow paging: as emulate_insn(), for a write to @gpa, where a table of the guest's
 * is. If it cannot be emulated the guest executes it itself, and the pager builds what it had for the table anew.
 */
int emulate_table_write(struct vcpu *vcpu, u64 gpa);

/* emulate_insn_or_ud() - as emulate_insn(); what the emulator does not have is #UD, in kernel mode too. */
int emulate_insn_or_ud(struct vcpu *vcpu);

/*
 * emulate_mmio_fast() - interrupts off: a plain move to or from the LAPIC page, an in-kernel device
 * whose ops are atomic, or what is the VMM's. VCPU_RESUME if done, VCPU_TO_USER, or -EAGAIN: nothing has
 * happened, take the slow way.
 */
int emulate_mmio_fast(struct vcpu *vcpu, u64 gpa, bool write);

/*
 * emulate_mmio() - a device access at @gpa, known from the nested page fault: plain moves by the short way,
 * else emulate_insn(). May sleep.
 */
int emulate_mmio(struct vcpu *vcpu, u64 gpa, bool write);

/*
 * emulate_backdoor_insn() - #GP(0) at RIP of a vCPU that has VMware's backdoor: an I/O instruction or RDPMC is
 * emulated, which looks again whether it is allowed; all others have their #GP. May sleep.
 */
int emulate_backdoor_insn(struct vcpu *vcpu);

/*
 * emulate_pio() - IN or OUT without string, from the exit's own decoding; RIP is moved past it when done.
 * emulate_pio_fast() - interrupts off, in-kernel atomic devices and the VMM's. -EAGAIN: nothing has
 * happened.
 */
int emulate_pio(struct vcpu *vcpu);
int emulate_pio_fast(struct vcpu *vcpu);

/*
 * emulate_flags_insn() - if the instruction at RIP stores or loads RFLAGS, emulate it; INT3 only with @int3.
 * May sleep. VCPU_RESUME also if it is none of these.
 */
int emulate_flags_insn(struct vcpu *vcpu, bool int3);

/* XMM0 and on, @n of them, two quadwords each. May sleep; between x86_fpu_load() and x86_fpu_put(). */
void x86_read_xmm(struct vcpu *vcpu, u64 *to, unsigned int n);

/* Real-mode INT n as the VMM or SIPI path needs it; task switch (AMD intercepts them). */
int emulate_task_switch(struct vcpu *vcpu);

#endif /* VMX_X86_EMULATE_H */
