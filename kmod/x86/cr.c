// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers: what is legal (SDM 3A 2.5, 4.1.2; APM 2 3.1), and what a change entails. The backend
 * only carries the value to the hardware.
 */
#include <linux/bits.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "x86/cr.h"
#include "x86/x86.h"

#define CR0_DEFINED (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | \
		     X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define CR3_PCD_PWT_MASK 0xfffULL
#define CR8_DEFINED 0xfULL

/* Bits whose change invalidates TLB entries (SDM 3A 4.10.4.1). */
#define CR0_FLUSHES (X86_CR0_PG | X86_CR0_WP)
#define CR4_FLUSHES (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP | \
		     X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)

/* Bits whose change loads the PDPTEs of PAE paging (SDM 3A 4.4.1). */
#define CR0_LOADS_PDPTES (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_LOADS_PDPTES (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

static bool cr0_legal(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE));
}

bool x86_cr_state_valid(struct vcpu *vcpu, u64 cr0, u64 cr4, u64 efer)
{
	if (!cr0_legal(cr0))
		return false;
	if (cr4 & ~x86_cr4_guest_allowed(vcpu))
		return false;
	/* Long mode is paging with LME: LMA says so, and needs PAE. */
	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG)) {
		if (!(cr4 & X86_CR4_PAE) || !(efer & EFER_LMA))
			return false;
	} else if (efer & EFER_LMA) {
		return false;
	}
	return !((cr4 & X86_CR4_PCIDE) && !(efer & EFER_LMA));
}

/* ---- setters without checks ---- */

void x86_force_cr0(struct vcpu *vcpu, u64 cr0)
{
	u64 old = vcpu_cr0(vcpu);

	cr0 = (cr0 & CR0_DEFINED) | X86_CR0_ET;
	vcpu->regs[VCPU_CR0] = cr0;
	vcpu->regs_avail |= BIT(VCPU_CR0);
	backend_call(set_cr0)(vcpu, cr0);
	if ((old ^ cr0) & CR0_FLUSHES) {
		backend_call(flush_tlb)(vcpu);
		mmu_guest_flush(vcpu, ~0ULL, false);
	}
}

void x86_force_cr3(struct vcpu *vcpu, u64 cr3)
{
	vcpu->regs[VCPU_CR3] = cr3;
	vcpu->regs_avail |= BIT(VCPU_CR3);
	backend_call(set_cr3)(vcpu, cr3);
	mmu_mode_changed(vcpu);
}

void x86_force_cr4(struct vcpu *vcpu, u64 cr4)
{
	u64 old = vcpu_cr4(vcpu);

	vcpu->regs[VCPU_CR4] = cr4;
	vcpu->regs_avail |= BIT(VCPU_CR4);
	backend_call(set_cr4)(vcpu, cr4);
	if ((old ^ cr4) & CR4_FLUSHES) {
		backend_call(flush_tlb)(vcpu);
		mmu_guest_flush(vcpu, ~0ULL, false);
	}
}

void x86_force_efer(struct vcpu *vcpu, u64 efer)
{
	u64 old = vcpu_efer(vcpu);

	vcpu->regs[VCPU_EFER] = efer;
	vcpu->regs_avail |= BIT(VCPU_EFER);
	backend_call(set_efer)(vcpu, efer);
	if ((old ^ efer) & EFER_NX)
		backend_call(flush_tlb)(vcpu);
	if ((old ^ efer) & (EFER_NX | EFER_LMA))
		mmu_mode_changed(vcpu);
}

/* ---- as the guest writes them ---- */

/* PG goes from 0 to 1 or back: long mode begins or ends (SDM 3A 9.8.5). 0, 1: #GP. */
static int switch_paging(struct vcpu *vcpu, u64 cr0)
{
	u64 efer = vcpu_efer(vcpu), cr4 = vcpu_cr4(vcpu);
	struct vmx_segment cs;

	if (!(efer & EFER_LME))
		return !(cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PCIDE);
	if (cr0 & X86_CR0_PG) {
		vcpu_get_segment(vcpu, VCPU_SEG_CS, &cs);
		if (!(cr4 & X86_CR4_PAE) || cs.l)
			return 1;
		x86_force_efer(vcpu, efer | EFER_LMA);
		return 0;
	}
	if ((cr4 & X86_CR4_PCIDE) || x86_64bit_code(vcpu))
		return 1;
	x86_force_efer(vcpu, efer & ~(u64)EFER_LMA);
	return 0;
}

int x86_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	u64 old = vcpu_cr0(vcpu);

	cr0 |= X86_CR0_ET;
	if (!cr0_legal(cr0))
		return 1;
	cr0 &= CR0_DEFINED;
	if (((old ^ cr0) & CR0_LOADS_PDPTES) && x86_pdptes_refused(vcpu, cr0, vcpu_cr3(vcpu), vcpu_cr4(vcpu)))
		return 1;
	if (((old ^ cr0) & X86_CR0_PG) && switch_paging(vcpu, cr0))
		return 1;
	x86_force_cr0(vcpu, cr0);
	return 0;
}

int x86_set_cr3(struct vcpu *vcpu, u64 cr3)
{
	bool keep_tlb = false;

	if (vcpu_cr4(vcpu) & X86_CR4_PCIDE) {
		keep_tlb = cr3 & X86_CR3_PCID_NOFLUSH;
		cr3 &= ~X86_CR3_PCID_NOFLUSH;
	}
	if (x86_long_mode(vcpu)) {
		if (cr3 >> x86_maxphyaddr(vcpu))
			return 1;
	} else {
		cr3 = (u32)cr3;
		if (x86_pdptes_refused(vcpu, vcpu_cr0(vcpu), cr3, vcpu_cr4(vcpu)))
			return 1;
	}
	x86_force_cr3(vcpu, cr3);
	if (!keep_tlb)
		backend_call(flush_tlb)(vcpu);
	mmu_cr3_loaded(vcpu, !keep_tlb);
	return 0;
}

int x86_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	u64 changed = vcpu_cr4(vcpu) ^ cr4;

	if (cr4 & ~x86_cr4_guest_allowed(vcpu))
		return 1;
	if (x86_long_mode(vcpu) && (!(cr4 & X86_CR4_PAE) || (changed & X86_CR4_LA57)))
		return 1;
	if ((changed & cr4 & X86_CR4_PCIDE) &&
	    (!x86_long_mode(vcpu) || (vcpu_cr3(vcpu) & CR3_PCD_PWT_MASK)))
		return 1;
	if ((changed & CR4_LOADS_PDPTES) && x86_pdptes_refused(vcpu, vcpu_cr0(vcpu), vcpu_cr3(vcpu), cr4))
		return 1;
	x86_force_cr4(vcpu, cr4);
	return 0;
}

/* Bits that a 64-bit guest may change at any time, and what else follows from them: nothing, or a flush. */
#define CR0_FREE (X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_AM | X86_CR0_NE | X86_CR0_WP)
#define CR4_FREE X86_CR4_PGE

bool x86_set_cr_fast(struct vcpu *vcpu, enum vcpu_reg reg, u64 val)
{
	bool is_cr0 = reg == VCPU_CR0;
	u64 changed = vcpu_reg(vcpu, reg) ^ val;

	if (changed & ~(is_cr0 ? CR0_FREE : CR4_FREE))
		return false;
	if (!(changed & (is_cr0 ? CR0_FLUSHES : CR4_FLUSHES)))
		vcpu->regs[reg] = val;
	else if (!mmu_mode_fast(vcpu, reg, val))
		return false;
	if (is_cr0)
		backend_call(set_cr0)(vcpu, val);
	else
		backend_call(set_cr4)(vcpu, val);
	return true;
}

int x86_set_cr8(struct vcpu *vcpu, u64 cr8)
{
	if (cr8 & ~CR8_DEFINED)
		return 1;
	if (vcpu->lapic)
		lapic_set_cr8(vcpu, cr8);
	else
		vcpu->cr8 = cr8;
	return 0;
}

u64 x86_get_cr8(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_get_cr8(vcpu) : vcpu->cr8;
}

int x86_set_efer(struct vcpu *vcpu, u64 efer)
{
	u64 old = vcpu_efer(vcpu);

	if (efer & ~(x86_efer_guest_allowed(vcpu) | EFER_LMA))
		return 1;
	/* LME cannot change under paging; LMA is not the guest's to write (SDM 3A 2.2.1). */
	if (x86_paging(vcpu) && ((old ^ efer) & EFER_LME))
		return 1;
	efer = (efer & ~(u64)EFER_LMA) | (old & EFER_LMA);
	x86_force_efer(vcpu, efer);
	return 0;
}
