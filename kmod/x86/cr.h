/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers as the guest writes them (MOV CR, LMSW, CLTS, the emulator), and mode questions.
 * Each setter returns 0, or 1: the write is illegal and #GP(0) is the caller's to raise.
 */
#ifndef VMX_X86_CR_H
#define VMX_X86_CR_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "pure/emu.h"
#include "vcpu.h"

int x86_set_cr0(struct vcpu *vcpu, u64 cr0);
int x86_set_cr3(struct vcpu *vcpu, u64 cr3);
int x86_set_cr4(struct vcpu *vcpu, u64 cr4);
/*
 * x86_set_cr_fast() - the same of VCPU_CR0 and VCPU_CR4 (@reg) for a 64-bit guest on shadow tables, with interrupts off.
 * False: nothing has happened, take the slow way.
 */
bool x86_set_cr_fast(struct vcpu *vcpu, enum vcpu_reg reg, u64 val);
int x86_set_cr8(struct vcpu *vcpu, u64 cr8);
u64 x86_get_cr8(struct vcpu *vcpu);
int x86_set_efer(struct vcpu *vcpu, u64 efer);
/* Any of the above from the VMM (SET_SREGS): stored without the checks on transitions. */
void x86_force_cr0(struct vcpu *vcpu, u64 cr0);
void x86_force_cr3(struct vcpu *vcpu, u64 cr3);
void x86_force_cr4(struct vcpu *vcpu, u64 cr4);
void x86_force_efer(struct vcpu *vcpu, u64 efer);
/* cr0..efer as one state: legal to enter with? (SDM 3A 2.5, 4.1, APM 2 3.1.) */
bool x86_cr_state_valid(struct vcpu *vcpu, u64 cr0, u64 cr4, u64 efer);

static inline bool x86_paging(struct vcpu *vcpu)
{
	return vcpu_cr0(vcpu) & X86_CR0_PG;
}

static inline bool x86_protmode(struct vcpu *vcpu)
{
	return vcpu_cr0(vcpu) & X86_CR0_PE;
}

static inline bool x86_long_mode(struct vcpu *vcpu)
{
	return vcpu_efer(vcpu) & EFER_LMA;
}

/* CS.L with EFER.LMA: 64-bit code runs. */
bool x86_64bit_code(struct vcpu *vcpu);
/* The mode as the decoder wants it. */
enum emu_mode x86_emu_mode(struct vcpu *vcpu);
/* The linear address of the current instruction. */
u64 x86_linear_rip(struct vcpu *vcpu);

#endif /* VMX_X86_CR_H */
