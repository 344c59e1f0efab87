// SPDX-License-Identifier: GPL-2.0-only
/* The AMD backend: life of a vCPU, and the table of operations. */
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>

#include "amd/svm.h"
#include "uapi/vmx_ext.h"

/* There is none. */
static void svm_set_timer(struct vcpu *vcpu, u64 tsc)
{
}

/* CR8 is all that this hardware shows of an APIC. */
static void svm_apic_mode(struct vcpu *vcpu)
{
}

/* Nested paging reads them from guest memory (APM 2 15.25.10). */
static void svm_set_pdptes(struct vcpu *vcpu, const u64 pdptes[4])
{
}

static void svm_get_pdptes(struct vcpu *vcpu, u64 pdptes[4])
{
}

static int svm_vm_create(struct vm *vm)
{
	vm->backend = NULL;
	return 0;
}

static void svm_vm_destroy(struct vm *vm)
{
}

static int svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm;
	int r = -ENOMEM;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return -ENOMEM;
	svm->vmcb = (struct vmcb *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb)
		goto free_svm;
	r = svm_msrpm_create(svm);
	if (r)
		goto free_vmcb;
	r = svm_oracle_create(svm);
	if (r)
		goto free_msrpm;

	svm->entry.regs = vcpu->regs;
	svm->entry.vmcb_pa = virt_to_phys(svm->vmcb);
	svm->nested = svm_host.npt;
	svm->last_cpu = -1;
	svm->tsc_ratio = SVM_TSC_RATIO_ONE;
	vcpu->backend = svm;
	svm_vmcb_init(svm);
	svm_update_exc_intercepts(vcpu);
	svm_pass_drs(vcpu, false);
	return 0;

free_msrpm:
	svm_msrpm_destroy(svm);
free_vmcb:
	free_page((unsigned long)svm->vmcb);
free_svm:
	kfree(svm);
	return r;
}

static void svm_vcpu_destroy(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int cpu;

	/* Another vCPU may get this page: it must not pass for the guest that ran last. */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu_ptr(&svm_cpus, cpu)->last, svm->vmcb, NULL);
	svm_oracle_destroy(svm);
	svm_msrpm_destroy(svm);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
	vcpu->backend = NULL;
}

/* CR0 after RESET and INIT: APM 2 table 14-1. INIT leaves the cache bits as they are. */
#define SVM_CR0_RESET (X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)

static void svm_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 cr0 = SVM_CR0_RESET;

	/* The cache says that it knows them all; what it holds is from before. */
	if (init && svm->cr0_passed)
		cr0 &= ~(u64)(X86_CR0_CD | X86_CR0_NW);
	else if (init)
		cr0 = X86_CR0_ET | (vcpu->regs[VCPU_CR0] & (X86_CR0_CD | X86_CR0_NW));

	svm_end_step(vcpu);
	svm_end_irq_window(svm);
	svm->slow &= ~SVM_SLOW_EVENT;
	svm->virq = false;
	svm->soft_injected = false;
	svm->soft_len = 0;
	svm->inj_event = 0;
	svm_vmcb_reset(svm, init);
	svm_set_nmi_mask(vcpu, false);
	if (!init) {
		svm->tsc_aux = 0;
		svm->entry.spec_guest = 0;
	}
	vcpu->regs[VCPU_CR0] = cr0;
	vcpu->regs[VCPU_CR3] = 0;
	vcpu->regs[VCPU_CR4] = 0;
	vcpu->regs[VCPU_EFER] = 0;
	vcpu->regs_avail |= BIT(VCPU_CR0) | BIT(VCPU_CR3) | BIT(VCPU_CR4) | BIT(VCPU_EFER);
	svm_update_policy(vcpu);
	svm_flush_tlb(vcpu);
}

static void svm_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	svm->host_saved = false;
	if (unlikely(svm->last_cpu != cpu)) {
		/*
		 * What this CPU may have cached of the block is old (APM 2 15.15.1), as is the
		 * ASID.
		 */
		svm->last_cpu = cpu;
		svm->cpu = c;
		svm->entry.host_pa = c->host_pa;
		svm->vmcb->control.clean = 0;
		svm->asid_generation = 0;
	}
	if (unlikely(c->last != svm->vmcb)) {
		/* One guest's branch targets are not for another. */
		c->last = svm->vmcb;
		indirect_branch_prediction_barrier();
	}
}

/* All of the host's state is back since the last exit; TSC_AUX comes back by itself. */
static void svm_vcpu_put(struct vcpu *vcpu)
{
}

const struct vmx_backend svm_backend = {
	.name = "svm",
	.rival = "kvm_amd",
	.x_backend = VMX_X_BACKEND_SVM,
	.caps = &svm_caps,

	.host_check = svm_host_check,
	.host_setup = svm_host_setup,
	.host_teardown = svm_host_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.cpu_emergency_disable = svm_cpu_emergency_disable,

	.vm_create = svm_vm_create,
	.vm_destroy = svm_vm_destroy,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_reset = svm_vcpu_reset,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.vcpu_update_policy = svm_update_policy,

	.prepare_enter = svm_prepare_enter,
	.enter = svm_enter,
	.handle_host_event = svm_handle_host_event,

	.reg_fetch = svm_reg_fetch,
	.set_cr0 = svm_set_cr0,
	.set_cr3 = svm_set_cr3,
	.set_cr4 = svm_set_cr4,
	.set_efer = svm_set_efer,
	.set_pdptes = svm_set_pdptes,
	.get_pdptes = svm_get_pdptes,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.seg_base = svm_seg_base,
	.cpl = svm_cpl,
	.cs_flags = svm_cs_flags,
	.get_gdt = svm_get_gdt,
	.set_gdt = svm_set_gdt,
	.get_idt = svm_get_idt,
	.set_idt = svm_set_idt,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.set_dr7 = svm_set_dr7,
	.set_dr6 = svm_set_dr6,
	.get_dr6 = svm_get_dr6,
	.get_dr7 = svm_get_dr7,
	.pass_drs = svm_pass_drs,

	.set_tsc = svm_set_tsc,

	.set_timer = svm_set_timer,

	.set_root = svm_set_root,
	.shadow_fits = svm_shadow_fits,
	.flush_tlb = svm_flush_tlb,
	.flush_gva = svm_flush_gva,

	.irq_allowed = svm_irq_allowed,
	.nmi_allowed = svm_nmi_allowed,
	.inject = svm_inject,
	.cancel_injection = svm_cancel_injection,
	.request_irq_window = svm_request_irq_window,
	.request_nmi_window = svm_request_nmi_window,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.get_nmi_mask = svm_get_nmi_mask,
	.set_nmi_mask = svm_set_nmi_mask,
	.apic_mode = svm_apic_mode,
	.update_tpr_threshold = svm_update_tpr_threshold,

	.exit_name = svm_exit_name,
	.dump = svm_dump,
	.get_block = svm_get_block,
	.field_width = svm_field_width,
	.field_home = svm_field_home,
	.write_field = svm_write_field,
	.check_block = svm_check_block,
	.audit = svm_audit,
};
