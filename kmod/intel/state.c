// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers, descriptor tables and debug registers, to and from the VMCS.
 *
 * CR0 and CR4: bits outside the guest/host mask are the guest's own, writes do not exit; those inside
 * are what the hardware needs, and the guest reads the shadow in their place (SDM 3C 24.6.6).
 *
 *	CR0	NE must be set; CD and NW would make the guest run uncached
 *	CR4	VMXE must be set; MCE stays as the host's, so that a machine check is no shutdown; what
 *		the guest's CPUID lacks must exit, to become #GP
 *
 * On shadow tables the guest runs with paging on in PAE's form at least, writes protected from supervisors too, NX
 * on and without PCIDs, which tag the guest's tables and not ours. Its own CR3 and EFER are then in regs[] alone.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "x86/cr.h"

/* ---- reading ---- */

void vt_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg)
{
	const struct vt_vcpu *vt = to_vt(vcpu);

	switch (reg) {
	case VCPU_RSP:
		vcpu->regs[reg] = vmcs_read(VMCS_GUEST_RSP);
		break;
	case VCPU_CR0:
		vcpu->regs[reg] = vt_read_cr0(vt);
		break;
	case VCPU_CR3:
		vcpu->regs[reg] = vmcs_read(VMCS_GUEST_CR3);
		break;
	case VCPU_CR4:
		vcpu->regs[reg] = vt_read_cr4(vt);
		break;
	case VCPU_EFER:
		vcpu->regs[reg] = vmcs_read(VMCS_GUEST_EFER);
		break;
	default:
		break;
	}
}

/* ---- writing ---- */

/*
 * The CPU takes the four PDPTEs of PAE paging from the VMCS (26.3.2.4) and writes them there at each
 * exit. Who changes what they are loaded from without the guest executing it has them read anew.
 */
static void vt_check_pdptes(struct vcpu *vcpu)
{
	if ((vcpu_cr0(vcpu) & X86_CR0_PG) && (vcpu_cr4(vcpu) & X86_CR4_PAE) &&
	    !(vcpu_efer(vcpu) & EFER_LMA))
		vcpu_request(vcpu, REQ_LOAD_PDPTES);
}

void vt_write_cr0(struct vt_vcpu *vt, u64 cr0)
{
	u64 real = cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW);

	if (vt->shadow)
		real |= X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	/* Unrestricted: PE and PG may be clear (SDM 3C 23.8). */
	real |= vt_host.caps.cr0_fixed0 & ~(u64)(X86_CR0_PE | X86_CR0_PG);
	real &= vt_host.caps.cr0_fixed1;
	vmcs_write(VMCS_GUEST_CR0, real);
	if (vt->cr0_shadow != cr0) {
		vt->cr0_shadow = cr0;
		vmcs_write(VMCS_CR0_SHADOW, cr0);
	}
}

void vt_write_cr4(struct vt_vcpu *vt, u64 cr4)
{
	u64 real = cr4 | vt_host.caps.cr4_fixed0 | (vt->host.cr4 & X86_CR4_MCE);

	if (vt->shadow)
		real = (real & ~(u64)X86_CR4_PCIDE) | X86_CR4_PAE;
	vmcs_write(VMCS_GUEST_CR4, real);
	if (vt->cr4_shadow != cr4) {
		vt->cr4_shadow = cr4;
		vmcs_write(VMCS_CR4_SHADOW, cr4);
	}
}

/* "IA-32e mode guest" is EFER.LMA; exits keep it so (27.3.1), as do we. */
static void write_efer(struct vt_vcpu *vt, u64 efer)
{
	u32 old = vmcs_read(VMCS_ENTRY_CONTROLS);
	u32 new = (old & ~VT_ENTRYC_GUEST_64) | (efer & EFER_LMA ? VT_ENTRYC_GUEST_64 : 0);

	vmcs_write(VMCS_GUEST_EFER, vt->shadow ? efer | EFER_NX : efer);
	if (vt->guest_syscall != !!(efer & EFER_SCE)) {
		vt->guest_syscall = efer & EFER_SCE;
		vt_umsrs_changed(vt);
	}
	if (new != old)
		vmcs_write(VMCS_ENTRY_CONTROLS, new);
}

void vt_write_crs(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	vt_write_cr0(vt, vcpu->regs[VCPU_CR0]);
	if (!vt->shadow)
		vmcs_write(VMCS_GUEST_CR3, vcpu->regs[VCPU_CR3]);
	vt_write_cr4(vt, vcpu->regs[VCPU_CR4]);
	write_efer(vt, vcpu->regs[VCPU_EFER]);
}

void vt_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	vt_write_cr0(to_vt(vcpu), cr0);
	vt_check_pdptes(vcpu);
}

void vt_set_cr3(struct vcpu *vcpu, u64 cr3)
{
	if (!to_vt(vcpu)->shadow)
		vmcs_write(VMCS_GUEST_CR3, cr3);
	vt_check_pdptes(vcpu);
}

void vt_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	vt_write_cr4(to_vt(vcpu), cr4);
	vt_check_pdptes(vcpu);
}

void vt_set_efer(struct vcpu *vcpu, u64 efer)
{
	write_efer(to_vt(vcpu), efer);
	vt_check_pdptes(vcpu);
}

/* Without EPT the CPU reads them from memory at each entry, and what it leaves in the VMCS is undefined (27.3.1). */
void vt_set_pdptes(struct vcpu *vcpu, const u64 pdptes[4])
{
	struct vt_vcpu *vt = to_vt(vcpu);
	unsigned int i;

	if (vt->shadow) {
		memcpy(vt->pdptes, pdptes, sizeof(vt->pdptes));
		return;
	}
	for (i = 0; i < 4; i++)
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, pdptes[i]);
}

void vt_get_pdptes(struct vcpu *vcpu, u64 pdptes[4])
{
	struct vt_vcpu *vt = to_vt(vcpu);
	unsigned int i;

	if (vt->shadow) {
		memcpy(pdptes, vt->pdptes, sizeof(vt->pdptes));
		return;
	}
	for (i = 0; i < 4; i++)
		pdptes[i] = vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i);
}

/* ---- descriptor tables ---- */

void vt_get_gdt(struct vcpu *vcpu, struct vmx_dtable *out)
{
	*out = (struct vmx_dtable){ .base = vmcs_read(VMCS_GUEST_GDTR_BASE),
				    .limit = vmcs_read(VMCS_GUEST_GDTR_LIMIT) };
}

void vt_set_gdt(struct vcpu *vcpu, const struct vmx_dtable *in)
{
	vmcs_write(VMCS_GUEST_GDTR_BASE, in->base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, in->limit);
}

void vt_get_idt(struct vcpu *vcpu, struct vmx_dtable *out)
{
	*out = (struct vmx_dtable){ .base = vmcs_read(VMCS_GUEST_IDTR_BASE),
				    .limit = vmcs_read(VMCS_GUEST_IDTR_LIMIT) };
}

void vt_set_idt(struct vcpu *vcpu, const struct vmx_dtable *in)
{
	vmcs_write(VMCS_GUEST_IDTR_BASE, in->base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, in->limit);
}

/* ---- debug registers ---- */

/* DR7 is in the VMCS, and changes there only while accesses do not exit. */
void vt_set_dr7(struct vcpu *vcpu, u64 dr7)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	if (vt->dr7 == dr7)
		return;
	vt->dr7 = dr7;
	vmcs_write(VMCS_GUEST_DR7, dr7);
}

u64 vt_get_dr7(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	vt->dr7 = vmcs_read(VMCS_GUEST_DR7);
	return vt->dr7;
}

/* DR6 is in no VMCS: kept here, and in the register only while accesses do not exit (enter.c). */
void vt_set_dr6(struct vcpu *vcpu, u64 dr6)
{
	to_vt(vcpu)->dr6 = dr6;
}

u64 vt_get_dr6(struct vcpu *vcpu)
{
	return to_vt(vcpu)->dr6;
}

void vt_pass_drs(struct vcpu *vcpu, bool pass)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	vt_set_proc(vt, VT_PROC_MOV_DR, !pass);
	if (pass)
		vt->slow |= VT_SLOW_DR6;
	else
		vt->slow &= ~VT_SLOW_DR6;
}
