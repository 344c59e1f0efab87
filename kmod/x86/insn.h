/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exiting instruction: its length, where hardware does not tell, and moving RIP past it.
 *
 * A handler asks for the length first, acts, and advances last, so that nothing has happened when the
 * instruction turns out not to be readable.
 */
#ifndef VMX_X86_INSN_H
#define VMX_X86_INSN_H

#include "pure/emu.h"
#include "vcpu.h"

/*
 * insn_length() - length of the exiting instruction if it is @want; 0: it cannot be read now or is
 * something else (@atomic: do it the slow way; else: let the emulator look).
 * @atomic: interrupts off, no sleep.
 */
unsigned int insn_length(struct vcpu *vcpu, enum emu_simple_op want, bool atomic);

/* insn_match() - what the instruction at RIP is; false: not to be read, or none of the simple ones. */
bool insn_match(struct vcpu *vcpu, struct emu_simple *insn, bool atomic);

/* RIP past @len bytes; ends the interrupt shadow; #DB for a single step. */
void insn_advance(struct vcpu *vcpu, unsigned int len);

#endif /* VMX_X86_INSN_H */
