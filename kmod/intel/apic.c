// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hardware knows of the guest's local APIC: SDM 3C 29.
 *
 *	TPR shadow		CR8 is the TPR in the LAPIC's page; who lowers it below the threshold exits
 *	virtualize APIC accesses  in xAPIC mode at the default address: the TPR there likewise, any other
 *				register's access exits with its offset
 *	virtualize x2APIC mode	the TPR's MSR likewise
 *	APIC-register virtualization  reads do not exit, and writes exit when they are done, if they must
 *	virtual-interrupt delivery  the CPU takes interrupts from IRR, and serves EOI and self-IPI
 *	posted interrupts	it takes those of others over into IRR while the guest runs
 *
 * The virtual-APIC page is the page of registers that the LAPIC's model works on: nothing is copied. The
 * guest interrupt status (the highest vectors of IRR and ISR) follows from it, and is written where what
 * the CPU left with is not what it is to go on with.
 */
#include <linux/io.h>

#include "intel/vt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "pure/lapic_hw.h"

void vt_apic_init(struct vt_vcpu *vt)
{
	if (!vt->tpr_shadow)
		return;
	vmcs_write(VMCS_VIRTUAL_APIC, virt_to_phys(vt->vapic));
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	if (vt_host.c.apic_access)
		vmcs_write(VMCS_APIC_ACCESS, mmu_lapic_pa(vt->vcpu->vm));
	if (vt_host.apic.delivery) {
		vmcs_write(VMCS_EOI_EXIT_0, 0);
		vmcs_write(VMCS_EOI_EXIT_1, 0);
		vmcs_write(VMCS_EOI_EXIT_2, 0);
		vmcs_write(VMCS_EOI_EXIT_3, 0);
	}
	if (vt_host.apic.posted) {
		vmcs_write(VMCS_POSTED_VECTOR, vt_backend_caps.post_vector);
		vmcs_write(VMCS_POSTED_DESC, virt_to_phys(lapic_posted_descriptor(vt->vcpu)));
	}
}

static void vt_update_eoi_exits(struct vt_vcpu *vt)
{
	static const u32 fields[4] = { VMCS_EOI_EXIT_0, VMCS_EOI_EXIT_1, VMCS_EOI_EXIT_2, VMCS_EOI_EXIT_3 };
	unsigned int i;
	u64 bitmap[4];

	lapic_eoi_exits(vt->vcpu, bitmap);
	for (i = 0; i < 4; i++) {
		if (vt->eoi_exits[i] == bitmap[i])
			continue;
		vt->eoi_exits[i] = bitmap[i];
		vmcs_write(fields[i], bitmap[i]);
	}
}

static void vt_set_delivery(struct vt_vcpu *vt, bool on)
{
	if (vt->delivery == on)
		return;
	vt->delivery = on;
	vt->tpr_threshold_used = !on;
	if (on) {
		vt->ctl.tpr_threshold = 0;
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
		vt_update_eoi_exits(vt);
		vt->intr_status = VT_NO_INTR_STATUS;
		vt->slow |= VT_SLOW_DELIVERY;
	} else {
		vt->slow &= ~VT_SLOW_DELIVERY;
	}
	if (vt_host.apic.posted)
		vt_set_pin(vt, VT_PIN_POSTED_INTR, on);
	lapic_set_hw(vt->vcpu, on);
}

/*
 * The mode of the LAPIC, or who debugs the guest, has changed. A debugger that steps wants to be told of each
 * instruction, of which a write that exits when it is done would hide the end, and may want no interrupts.
 */
void vt_apic_update(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	bool delivery = vt_host.apic.delivery &&
			!(vcpu->guest_debug & (VMX_GUESTDBG_SINGLESTEP | VMX_GUESTDBG_BLOCKIRQ));
	u32 wanted;

	if (!vt->tpr_shadow)
		return;
	delivery = delivery && lapic_hw_may_deliver(vcpu);
	wanted = vt_apic_controls(&vt_host.c, lapic_get_base(vcpu), delivery);
	if (vt->shadow_vm && (wanted & VT_PROC2_APIC_ACCESS))
		wanted = 0;
	vt_set_proc2(vt, VT_PROC2_APIC_MODE & ~wanted, false);
	vt_set_proc2(vt, wanted, true);
	vt_set_delivery(vt, wanted & VT_PROC2_VIRTUAL_INTR);
}

void vt_apic_mode(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 old = vt->ctl.proc2;

	vt_apic_update(vcpu);
	/* What passes there reaches the host's APIC unless the control is set (29.5). */
	if (vt->ctl.proc2 != old)
		vt_msr_bitmap_update(vcpu);
}

void vt_update_tpr_threshold(struct vcpu *vcpu, int tpr, int pending_class)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 threshold = tpr >= 0 && pending_class > 0 ? pending_class : 0;

	if (unlikely(!vt->tpr_threshold_used)) {
		/* Each write of CR8 exits, or none has to. */
		if (vt->delivery)
			vt_update_eoi_exits(vt);
		return;
	}
	/* The CPU refuses a threshold above the TPR. */
	threshold = min_t(u32, threshold, *vt->vtpr >> 4);
	if (vt->ctl.tpr_threshold == threshold)
		return;
	vt->ctl.tpr_threshold = threshold;
	vmcs_write(VMCS_TPR_THRESHOLD, threshold);
}

/* ---- around each run, with delivery ---- */

void vt_delivery_enter(struct vt_vcpu *vt)
{
	u16 status = lapic_hw_run(vt->vcpu);

	if (vt->intr_status == status)
		return;
	vt->intr_status = status;
	vmcs_write(VMCS_GUEST_INTR_STATUS, status);
}

void vt_delivery_exit(struct vt_vcpu *vt)
{
	vt->intr_status = lapic_hw_ran(vt->vcpu);
}
