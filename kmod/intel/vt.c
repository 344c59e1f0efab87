// SPDX-License-Identifier: GPL-2.0-only
/* The Intel backend: life of a vCPU, and the table of operations. */
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "pure/lapic.h"
#include "uapi/vmx_ext.h"

static int vt_vm_create(struct vm *vm)
{
	vm->backend = NULL;
	return 0;
}

static void vt_vm_destroy(struct vm *vm)
{
}

static void vt_free(struct vt_vcpu *vt)
{
	vt_pml_destroy(vt);
	free_page((unsigned long)vt->msr_bitmap);
	vt_vmcs_free(vt->vmcs);
	kfree(vt);
}

/* After a run in the VMCS, until somebody asks. */
#define VT_LAZY_REGS (BIT(VCPU_RSP) | BIT(VCPU_CR0) | BIT(VCPU_CR3) | BIT(VCPU_CR4) | BIT(VCPU_EFER))

static int vt_vcpu_create(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = kzalloc(sizeof(*vt), GFP_KERNEL_ACCOUNT);

	if (!vt)
		return -ENOMEM;
	vt->vmcs = vt_vmcs_alloc(NUMA_NO_NODE);
	vt->msr_bitmap = (unsigned long *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vt->vmcs || !vt->msr_bitmap || vt_pml_create(vt)) {
		vt_free(vt);
		return -ENOMEM;
	}
	/* Until the policy says what passes. */
	memset(vt->msr_bitmap, 0xff, PAGE_SIZE);
	vt->vtpr = &vt->no_tpr;
	if (vcpu->lapic && vt_host.c.tpr_shadow) {
		vt->tpr_shadow = true;
		vt->tpr_threshold_used = true;
		vt->vapic = lapic_page(vcpu);
		vt->vtpr = vt->vapic + LAPIC_TPR;
	}
	vt->vcpu = vcpu;
	vt->shadow_vm = mmu_shadow_vm(vcpu->vm);
	vt->avail_after_run = ~(u32)VT_LAZY_REGS;
	vt->entry.regs = vcpu->regs;
	vt->vmcs_pa = virt_to_phys(vt->vmcs);
	vt->active_cpu = -1;
	vt->last_cpu = -1;
	vt->tsc_ratio = 1ULL << 48;
	vt->cr0_mask = ~0ULL;
	vt->cr4_mask = ~0ULL;
	/* What was never written to the VMCS equals nothing that will be. */
	vt->rip = ~0ULL;
	if (vt_l1d_each_entry())
		vt->slow |= VT_SLOW_L1D;
#ifdef VMX_DEBUG
	vt->slow |= VT_SLOW_ORACLE;
#endif
	vt_vpid_alloc(vt);
	vcpu->backend = vt;
	return 0;
}

static void vt_vcpu_destroy(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	int cpu;

	vt_vmcs_forget(vt);
	/* Another vCPU may get this memory: it must not pass for the guest that ran last. */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu_ptr(&vt_cpus, cpu)->last, vt, NULL);
	vt_vpid_free(vt);
	vt_free(vt);
	vcpu->backend = NULL;
}

/* CR0 after RESET and INIT: SDM 3A table 9-1. INIT leaves the cache bits as they are. */
#define VT_CR0_RESET (X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)

static void vt_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 cr0 = VT_CR0_RESET;

	if (init)
		cr0 = X86_CR0_ET | (vt->cr0_shadow & (X86_CR0_CD | X86_CR0_NW));
	vt->slow &= ~VT_SLOW_EVENT;
	vt->injecting.type = VM_EVENT_NONE;
	vt_set_proc(vt, VT_PROC_INTR_WINDOW | VT_PROC_NMI_WINDOW, false);
	vt_vmcs_reset(vt, init);
	/* As both the hardware and the cache are to have them. */
	vcpu->regs[VCPU_CR0] = cr0;
	vcpu->regs[VCPU_CR3] = 0;
	vcpu->regs[VCPU_CR4] = 0;
	vcpu->regs[VCPU_EFER] = 0;
	vcpu->regs_avail |= BIT(VCPU_CR0) | BIT(VCPU_CR3) | BIT(VCPU_CR4) | BIT(VCPU_EFER);
	vt_set_efer(vcpu, 0);
	vt_set_cr0(vcpu, cr0);
	vt_set_cr4(vcpu, 0);
	vt_set_cr3(vcpu, 0);
	vt_update_policy(vcpu);
	vt_flush_tlb(vcpu);
	mmu_mode_changed(vcpu);
}

const struct vmx_backend vt_backend = {
	.name = "vt",
	.rival = "kvm_intel",
	.x_backend = VMX_X_BACKEND_VT,
	.caps = &vt_backend_caps,

	.host_check = vt_host_check,
	.host_setup = vt_host_setup,
	.host_teardown = vt_host_teardown,
	.cpu_enable = vt_cpu_enable,
	.cpu_disable = vt_cpu_disable,
	.cpu_emergency_disable = vt_cpu_emergency_disable,

	.vm_create = vt_vm_create,
	.vm_destroy = vt_vm_destroy,
	.vcpu_create = vt_vcpu_create,
	.vcpu_destroy = vt_vcpu_destroy,
	.vcpu_reset = vt_vcpu_reset,
	.vcpu_load = vt_vcpu_load,
	.vcpu_put = vt_vcpu_put,
	.vcpu_update_policy = vt_update_policy,

	.prepare_enter = vt_prepare_enter,
	.enter = vt_enter,
	.handle_host_event = vt_handle_host_event,

	.reg_fetch = vt_reg_fetch,
	.set_cr0 = vt_set_cr0,
	.set_cr3 = vt_set_cr3,
	.set_cr4 = vt_set_cr4,
	.set_efer = vt_set_efer,
	.set_pdptes = vt_set_pdptes,
	.get_pdptes = vt_get_pdptes,
	.get_segment = vt_get_segment,
	.set_segment = vt_set_segment,
	.seg_base = vt_seg_base,
	.cpl = vt_cpl,
	.cs_flags = vt_cs_flags,
	.get_gdt = vt_get_gdt,
	.set_gdt = vt_set_gdt,
	.get_idt = vt_get_idt,
	.set_idt = vt_set_idt,
	.get_msr = vt_get_msr,
	.set_msr = vt_set_msr,
	.set_dr7 = vt_set_dr7,
	.set_dr6 = vt_set_dr6,
	.get_dr6 = vt_get_dr6,
	.get_dr7 = vt_get_dr7,
	.pass_drs = vt_pass_drs,

	.set_tsc = vt_set_tsc,
	.set_timer = vt_set_timer,

	.set_root = vt_set_root,
	.shadow_fits = vt_shadow_fits,
	.flush_tlb = vt_flush_tlb,
	.flush_gva = vt_flush_gva,

	.irq_allowed = vt_irq_allowed,
	.nmi_allowed = vt_nmi_allowed,
	.inject = vt_inject,
	.cancel_injection = vt_cancel_injection,
	.request_irq_window = vt_request_irq_window,
	.request_nmi_window = vt_request_nmi_window,
	.get_shadow = vt_get_shadow,
	.set_shadow = vt_set_shadow,
	.get_nmi_mask = vt_get_nmi_mask,
	.set_nmi_mask = vt_set_nmi_mask,
	.apic_mode = vt_apic_mode,
	.update_tpr_threshold = vt_update_tpr_threshold,

	.exit_name = vt_exit_reason_name,
	.dump = vt_dump,
	.get_block = vt_get_block,
	.field_width = vt_field_width_bytes,
	.field_home = vt_field_home,
	.write_field = vt_write_field,
	.check_block = vt_check_block,
	.audit = vt_audit,
};
