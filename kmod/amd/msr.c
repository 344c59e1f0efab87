// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that the hardware holds for the guest.
 *
 *   in the control block    FS/GS/KERNEL_GS_BASE, STAR set, SYSENTER set (VMLOAD, VMSAVE); PAT;
 *                           DEBUGCTL and the last branch MSRs with LBR virtualization
 *   SPEC_CTRL               in the block where the CPU switches it, else by vmenter.S
 *   TSC_AUX                 loaded before entry, the host's comes back on the way to user mode
 *   TSC ratio               loaded before entry, means nothing to the host
 */
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <asm/msr.h>

#include "amd/svm.h"
#include "x86/features.h"

#define DEBUGCTL_LBR_BTF (DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF)

/* Where the block has it; NULL: elsewhere, or not ours. */
static u64 *svm_msr_field(struct svm_vcpu *svm, u32 msr)
{
	struct vmcb_save *s = &svm->vmcb->save;

	switch (msr) {
	case MSR_STAR:
		return &s->star;
	case MSR_LSTAR:
		return &s->lstar;
	case MSR_CSTAR:
		return &s->cstar;
	case MSR_SYSCALL_MASK:
		return &s->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &s->kernel_gs_base;
	case MSR_FS_BASE:
		return &s->fs.base;
	case MSR_GS_BASE:
		return &s->gs.base;
	case MSR_IA32_SYSENTER_CS:
		return &s->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &s->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &s->sysenter_eip;
	case MSR_IA32_CR_PAT:
		return &s->g_pat;
	case MSR_IA32_DEBUGCTLMSR:
		return &s->dbgctl;
	case MSR_IA32_LASTBRANCHFROMIP:
		return svm_host.lbrv ? &s->br_from : NULL;
	case MSR_IA32_LASTBRANCHTOIP:
		return svm_host.lbrv ? &s->br_to : NULL;
	case MSR_IA32_LASTINTFROMIP:
		return svm_host.lbrv ? &s->last_excp_from : NULL;
	case MSR_IA32_LASTINTTOIP:
		return svm_host.lbrv ? &s->last_excp_to : NULL;
	default:
		return NULL;
	}
}

int svm_get_msr(struct vcpu *vcpu, u32 msr, u64 *val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const u64 *field = svm_msr_field(svm, msr);

	if (field) {
		*val = *field;
		return 0;
	}
	switch (msr) {
	case MSR_TSC_AUX:
		*val = svm->tsc_aux;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (!svm_host.spec_ctrl)
			return -ENOENT;
		*val = svm_host.v_spec_ctrl ? svm->vmcb->save.spec_ctrl : svm->entry.spec_guest;
		return 0;
	default:
		return -ENOENT;
	}
}

/*
 * Whoever writes SPEC_CTRL once will do so at each of its context switches: from then on without an
 * exit, at the price of reading it back after each run. But not if the CPU has bits that the guest may not
 * set, for which nothing but the exit stands.
 */
static void svm_set_spec_ctrl(struct vcpu *vcpu, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm_host.v_spec_ctrl) {
		svm->vmcb->save.spec_ctrl = val;
		return;
	}
	svm->entry.spec_guest = val;
	if (val && !svm->spec_ctrl_passed && x86_spec_ctrl_passes(vcpu)) {
		svm->spec_ctrl_passed = true;
		vcpu_request(vcpu, REQ_MSR_BITMAP);
	}
}

/* The last branch is only recorded, and BTF only obeyed, with virtualization on (APM 2 15.23). */
static void svm_set_debugctl(struct svm_vcpu *svm, u64 val)
{
	u64 on = svm_host.lbrv && (val & DEBUGCTL_LBR_BTF) ? SVM_LBR_VIRT : 0;

	svm->vmcb->save.dbgctl = val;
	svm->vmcb->control.virt_ext = (svm->vmcb->control.virt_ext & ~(u64)SVM_LBR_VIRT) | on;
	svm_dirty(svm, SVM_CLEAN_LBR);
}

int svm_set_msr(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 *field;

	switch (msr) {
	case MSR_TSC_AUX:
		svm->tsc_aux = val;
		preempt_disable();
		if (vcpu->cpu >= 0)
			svm_load_msrs(svm);
		preempt_enable();
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (!svm_host.spec_ctrl)
			return -ENOENT;
		svm_set_spec_ctrl(vcpu, val);
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		svm_set_debugctl(svm, val);
		return 0;
	}
	field = svm_msr_field(svm, msr);
	if (!field)
		return -ENOENT;
	*field = val;
	if (msr == MSR_IA32_CR_PAT)
		svm_dirty(svm, SVM_CLEAN_NP);
	else if (msr >= MSR_IA32_LASTBRANCHFROMIP && msr <= MSR_IA32_LASTINTTOIP)
		svm_dirty(svm, SVM_CLEAN_LBR);
	return 0;
}

void svm_set_tsc(struct vcpu *vcpu, u64 offset, u64 ratio)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->vmcb->control.tsc_offset != offset) {
		svm->vmcb->control.tsc_offset = offset;
		svm_dirty(svm, SVM_CLEAN_I);
	}
	/* 0: the VM runs at the host's rate. */
	svm->tsc_ratio = ratio ? ratio : SVM_TSC_RATIO_ONE;
	preempt_disable();
	if (vcpu->cpu >= 0)
		svm_load_msrs(svm);
	preempt_enable();
}

/* ---- what is loaded before entry ---- */

/* Interrupts off, on that CPU. */
void svm_restore_tsc_aux(struct svm_cpu *cpu)
{
	if (!cpu->switched_tsc_aux)
		return;
	cpu->switched_tsc_aux = false;
	user_return_notifier_unregister(&cpu->return_notifier);
	if (cpu->tsc_aux != cpu->host_tsc_aux)
		wrmsrl(MSR_TSC_AUX, cpu->host_tsc_aux);
	cpu->tsc_aux = cpu->host_tsc_aux;
}

/* This CPU goes to user mode, which may look at TSC_AUX (RDTSCP, RDPID; the vDSO's getcpu). */
static void svm_on_user_return(struct user_return_notifier *notifier)
{
	struct svm_cpu *cpu = container_of(notifier, struct svm_cpu, return_notifier);
	unsigned long flags;

	local_irq_save(flags);
	svm_restore_tsc_aux(cpu);
	local_irq_restore(flags);
}

static void svm_load_tsc_aux(struct svm_vcpu *svm, struct svm_cpu *cpu)
{
	unsigned long flags;

	/* Against the IPI that switches SVM off and puts the host's value back. */
	local_irq_save(flags);
	if (cpu->enabled) {
		wrmsrl(MSR_TSC_AUX, svm->tsc_aux);
		cpu->tsc_aux = svm->tsc_aux;
		if (!cpu->switched_tsc_aux) {
			cpu->switched_tsc_aux = true;
			cpu->return_notifier.on_user_return = svm_on_user_return;
			user_return_notifier_register(&cpu->return_notifier);
		}
	}
	local_irq_restore(flags);
}

void svm_load_msrs(struct svm_vcpu *svm)
{
	struct svm_cpu *cpu = svm->cpu;

	if (svm_host.tsc_ratio && cpu->tsc_ratio != svm->tsc_ratio) {
		cpu->tsc_ratio = svm->tsc_ratio;
		wrmsrl(MSR_AMD64_TSC_RATIO, svm->tsc_ratio);
	}
	if (svm->guest_tsc_aux && cpu->tsc_aux != svm->tsc_aux)
		svm_load_tsc_aux(svm, cpu);
}
