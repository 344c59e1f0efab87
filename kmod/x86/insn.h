/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exiting instruction: its length, where hardware does not tell, and moving RIP past it.
 *
 * A handler asks for the length first, acts, and advances last, so that nothing has happened when the
 * instruction turns out not to be readable.
 */
#ifndef VMX_X86_INSN_H
#define VMX_X86_INSN_H

#include <asm/processor-flags.h>

#include "backend.h"
#include "pure/emu.h"
#include "vcpu.h"
#include "x86/cr.h"
#include "x86/gva.h"

/*
 * insn_length() - length of the exiting instruction if it is @want; 0: it cannot be read now or is
 * something else (@atomic: do it the slow way; else: let the emulator look).
 * @atomic: interrupts off, no sleep.
 */
unsigned int insn_length(struct vcpu *vcpu, enum emu_simple_op want, bool atomic);

/* insn_match() - what the instruction at RIP is; false: not to be read, or none of the simple ones. */
bool insn_match(struct vcpu *vcpu, struct emu_simple *insn, bool atomic);

/* RIP past @len bytes; ends the interrupt shadow and RF; #DB for a single step. */
void insn_advance(struct vcpu *vcpu, unsigned int len);

/* The mode of the code that exited, from what the backend noted at the exit. */
static inline enum emu_mode insn_mode(struct vcpu *vcpu)
{
	exit_learn_mode(vcpu);
	if (likely(vcpu->exit.cs_flags & BACKEND_CS_L) && (vcpu_efer(vcpu) & EFER_LMA))
		return EMU_MODE_LONG64;
	return x86_emu_mode(vcpu);
}

/* ---- the fast path: interrupts off, right after the exit ---- */

/* How compilers write the instruction, without a prefix: nearly always that. A little-endian word. */
struct insn_plain {
	u32 bytes;
	u8 len;
};

#define INSN_CPUID ((struct insn_plain){ 0xa20f, 2 })
#define INSN_HLT ((struct insn_plain){ 0xf4, 1 })
#define INSN_RDMSR ((struct insn_plain){ 0x320f, 2 })
#define INSN_WRMSR ((struct insn_plain){ 0x300f, 2 })
#define INSN_VMMCALL ((struct insn_plain){ 0xd9010f, 3 })

/* insn_length() atomically, where the instruction is most likely @plain. */
static __always_inline unsigned int insn_length_fast(struct vcpu *vcpu, enum emu_simple_op want,
						     struct insn_plain plain)
{
	struct gva_word w;

	if (vcpu->exit.insn_len)
		return vcpu->exit.insn_len;
	w = gva_fetch_at_exit(vcpu);
	if (likely(w.ok && !((w.bytes ^ plain.bytes) << (64 - 8 * plain.len))))
		return plain.len;
	return insn_length(vcpu, want, true);
}

/* insn_advance() where RIP and RFLAGS are at hand. */
static __always_inline void insn_advance_fast(struct vcpu *vcpu, unsigned int len)
{
	u64 old = vcpu->regs[VCPU_RIP], rip = old + len;

	if (unlikely((old ^ rip) >> 32 || vcpu->exit.shadow ||
		     (vcpu->regs[VCPU_RFLAGS] & (X86_EFLAGS_TF | X86_EFLAGS_RF)))) {
		insn_advance(vcpu, len);
		return;
	}
	vcpu->regs[VCPU_RIP] = rip;
	vcpu->regs_dirty |= BIT(VCPU_RIP);
}

#endif /* VMX_X86_INSN_H */
