// SPDX-License-Identifier: GPL-2.0-only
/*
 * From EPT to shadow tables and back.
 *
 * Without EPT there is no unrestricted guest (SDM 3C 26.2.1.1): CR0.PE and PG have to be set, and the segments to be
 * such as protected mode loads them. A VM with shadow paging therefore runs on EPT while its guest has paging off. And
 * when the guest turns it on, still with what real mode has left in the segments, it goes on there until they fit;
 * each exit has them looked at. Both are the pager's business no further than that it drops what it has when such a
 * vCPU comes back, which may have written to any table.
 *
 *	on EPT		writes of CR0.PG exit
 *	on shadow	#PF, INVLPG, INVPCID, accesses to CR3, writes of what changes the paging mode exit; PML is off;
 *			PAT is the host's, for which our entries are made, and the guest's is kept aside
 *
 * In xAPIC mode accesses to the LAPIC's page are page faults, whichever it is: the CPU would look for the frame of the
 * APIC-access page in the tables.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "mmu/mmu.h"
#include "pure/vt_check.h"
#include "x86/cr.h"

#define VT_SHADOW_PROC (VT_PROC_CR3_LOAD | VT_PROC_CR3_STORE | VT_PROC_INVLPG)
#define VT_EPT_PROC2 (VT_PROC2_EPT | VT_PROC2_UNRESTRICTED)

/* What the pager's roles are made of (x86/gva.c), and what the CPU has otherwise than the guest. */
#define VT_SHADOW_CR0 (X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)
#define VT_SHADOW_CR4 (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_LA57 | X86_CR4_SMEP | \
		       X86_CR4_SMAP | X86_CR4_PKE)

/* Bits that exit beyond those of any VM. */
u64 vt_shadow_cr0_mask(const struct vt_vcpu *vt)
{
	if (!vt->shadow_vm)
		return 0;
	return vt->shadow ? VT_SHADOW_CR0 : X86_CR0_PG;
}

u64 vt_shadow_cr4_mask(const struct vt_vcpu *vt)
{
	return vt->shadow ? VT_SHADOW_CR4 : 0;
}

u64 vt_get_pat(const struct vt_vcpu *vt)
{
	return vt->shadow_vm ? vt->pat : vmcs_read(VMCS_GUEST_PAT);
}

void vt_set_pat(struct vt_vcpu *vt, u64 pat)
{
	vt->pat = pat;
	if (!vt->shadow)
		vmcs_write(VMCS_GUEST_PAT, pat);
}

/* The vCPU's registers stay what they are; nothing that the CPU has cached of the one kind is used with the other. */
void vt_set_shadow_paging(struct vcpu *vcpu, bool on)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 pdptes[4];

	/* All of them into regs[], from where they are now. */
	vcpu_cr0(vcpu);
	vcpu_cr3(vcpu);
	vcpu_cr4(vcpu);
	vcpu_efer(vcpu);
	vt_get_pdptes(vcpu, pdptes);
	vt->shadow = on;
	if (on) {
		memcpy(vt->pdptes, pdptes, sizeof(pdptes));
		vt->avail_after_run |= BIT(VCPU_CR3) | BIT(VCPU_EFER);
	} else {
		vt_set_pdptes(vcpu, pdptes);
		vt->avail_after_run &= ~(BIT(VCPU_CR3) | BIT(VCPU_EFER));
	}
	vt_set_proc2(vt, VT_EPT_PROC2, !on);
	vt_set_proc(vt, VT_SHADOW_PROC, on);
	vt_pml_update(vcpu);
	vt_update_exceptions(vcpu);
	vt_update_cr_masks(vcpu);
	vt_write_crs(vcpu);
	vmcs_write(VMCS_GUEST_PAT, on ? vt_host.pat : vt->pat);
	vt_flush_tlb(vcpu);
}

static u64 fits_read(void *ctx, u32 field)
{
	struct vcpu *vcpu = ctx;

	/* The only one of those looked at that is written no sooner than at the entry. */
	return field == VMCS_GUEST_RFLAGS ? vcpu->regs[VCPU_RFLAGS] : vmcs_read(field);
}

bool vt_shadow_fits(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	struct vt_check_env env = {
		.read = fits_read,
		.ctx = vcpu,
		.caps = &vt_host.caps,
		.linear_bits = vt_host.linear_bits,
	};

	/* What the guest itself loads in protected mode fits. */
	if (vt->shadow && !vt->segs_written)
		return true;
	vt->segs_written = false;
	return !vt_check_restricted(&env);
}
