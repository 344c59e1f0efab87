// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hardware knows of the guest's local APIC: SDM 3C 29.
 *
 *	TPR shadow		CR8 is the TPR in the LAPIC's page; who lowers it below the threshold exits
 *	virtualize APIC accesses  in xAPIC mode at the default address: the TPR there likewise, any other
 *				register's access exits with its offset
 *	virtualize x2APIC mode	the TPR's MSR likewise
 *
 * The virtual-APIC page is the page of registers that the LAPIC's model works on: nothing is copied.
 */
#include <linux/io.h>

#include "intel/vt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "pure/lapic.h"

void vt_apic_init(struct vt_vcpu *vt)
{
	if (!vt->tpr_shadow)
		return;
	vmcs_write(VMCS_VIRTUAL_APIC, virt_to_phys(vt->vapic));
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	if (vt_host.c.apic_access)
		vmcs_write(VMCS_APIC_ACCESS, mmu_lapic_pa(vt->vcpu->vm));
}

/* The two controls exclude each other: 26.2.1.1. */
void vt_apic_mode(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 base = lapic_get_base(vcpu), mode = base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);
	u32 wanted = 0;

	if (!vt->tpr_shadow)
		return;
	if (mode == (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) {
		if (vt_host.c.x2apic)
			wanted = VT_PROC2_X2APIC;
	} else if (mode && (base & PAGE_MASK) == LAPIC_DEFAULT_BASE && vt_host.c.apic_access) {
		wanted = VT_PROC2_APIC_ACCESS;
	}
	vt_set_proc2(vt, (VT_PROC2_X2APIC | VT_PROC2_APIC_ACCESS) & ~wanted, false);
	vt_set_proc2(vt, wanted, true);
	/* What passes there reaches the host's APIC unless the control is set (29.5). */
	vt_msr_bitmap_update(vcpu);
}

void vt_update_tpr_threshold(struct vcpu *vcpu, int tpr, int pending_class)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 threshold = tpr >= 0 && pending_class > 0 ? pending_class : 0;

	if (!vt->tpr_shadow)
		return;		/* each write of CR8 exits */
	/* The CPU refuses a threshold above the TPR. */
	threshold = min_t(u32, threshold, *vt->vtpr >> 4);
	if (vt->ctl.tpr_threshold == threshold)
		return;
	vt->ctl.tpr_threshold = threshold;
	vmcs_write(VMCS_TPR_THRESHOLD, threshold);
}
