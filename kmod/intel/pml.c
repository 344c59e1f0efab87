// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-modification logging (SDM 3C 28.2.6): where the CPU sets an EPT dirty flag it writes the frame's
 * address into a page of 512 entries, from the last one down, and exits when there is no room. Each exit
 * empties it. It is on while a slot of the VM has a dirty log.
 */
#include <linux/gfp.h>
#include <linux/io.h>

#include "intel/vt.h"
#include "mmu/mmu.h"
#include "pure/vt_codec.h"

int vt_pml_create(struct vt_vcpu *vt)
{
	if (!vt_backend_caps.logs_dirty)
		return 0;
	vt->pml = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vt->pml ? 0 : -ENOMEM;
}

void vt_pml_destroy(struct vt_vcpu *vt)
{
	free_page((unsigned long)vt->pml);
}

void vt_pml_init(struct vt_vcpu *vt)
{
	if (!vt->pml)
		return;
	vmcs_write(VMCS_PML_ADDRESS, virt_to_phys(vt->pml));
	vmcs_write(VMCS_GUEST_PML_INDEX, VT_PML_LAST);
}

void vt_pml_update(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	/* On shadow tables a first write faults. */
	bool on = vt->pml && mmu_logging(vcpu->vm) && !vt->shadow;

	vt_set_proc2(vt, VT_PROC2_PML, on);
	/* Nothing is left in it: the last exit has emptied it. */
	if (on)
		vt->slow |= VT_SLOW_PML;
	else
		vt->slow &= ~VT_SLOW_PML;
}

void vt_pml_empty(struct vt_vcpu *vt)
{
	u16 index = vmcs_read(VMCS_GUEST_PML_INDEX);
	unsigned int i;

	if (index == VT_PML_LAST)
		return;
	for (i = vt_pml_first(index); i <= VT_PML_LAST; i++)
		mmu_log_dirty(vt->vcpu, vt->pml[i]);
	vmcs_write(VMCS_GUEST_PML_INDEX, VT_PML_LAST);
}
