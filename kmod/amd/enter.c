// SPDX-License-Identifier: GPL-2.0-only
/*
 * Around the world switch.
 *
 * What one entry and exit costs besides general registers (nothing of it grows with the number of
 * exits served in the inner loop):
 *
 *	VMLOAD 2 (guest, host), VMSAVE 1 (guest)	VMSAVE host: once per vcpu_load
 *	RDMSR, WRMSR 0	SPEC_CTRL only if guest's and host's differ and the CPU does not switch it
 *	locked operations 0, CLGI/STGI/STI/CLI one each
 *	about 110 instructions of C with decoding, 80 of assembly
 */
#include <linux/context_tracking.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>

#include "amd/decode.h"
#include "amd/svm.h"
#include "compat.h"
#include "irqchip/irqchip.h"

/*
 * FS, GS, TR, LDTR and the SYSCALL and SYSENTER MSRs of the host, for the VMLOAD after each exit.
 */
static __always_inline void svm_save_host(struct svm_cpu *cpu)
{
	asm volatile("vmsave %%rax" : : "a"(cpu->host_pa) : "memory");
}

/*
 * What it saves stays right until the next vcpu_load, but for LDTR: another thread of the VMM may install an
 * LDT, and the IPI that loads it here would be undone by the next VMLOAD. That IPI ends the series of
 * entries. Processes with an LDT are rare: save again before each series.
 */
static __always_inline bool svm_host_has_ldt(void)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	return READ_ONCE(current->mm->context.ldt) != NULL;
#else
	return false;
#endif
}

void svm_prepare_enter(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (likely(svm->host_saved) && likely(!svm_host_has_ldt()))
		return;
	if (unlikely(!svm_msrs_loaded(svm)))
		svm_load_msrs(svm);
	svm_save_host(svm->cpu);
	svm->host_saved = true;
}

static __always_inline void svm_choose_spec_ctrl(struct svm_vcpu *svm)
{
	u64 host;

	if (!static_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) || static_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		return;
	host = this_cpu_read(x86_spec_ctrl_current);
	svm->entry.spec_host = host;
	svm->entry.flags = (svm->entry.spec_guest != host ? SVM_ENTRY_SWITCH_SPEC : 0) |
			   (svm->spec_ctrl_passed ? SVM_ENTRY_READ_SPEC : 0);
}

static noinstr void svm_enter_slow(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	if (svm->slow & SVM_SLOW_FLUSH)
		svm_asid_flush(svm);
	if (svm->slow & SVM_SLOW_STEP)
		svm->vmcb->save.rflags |= X86_EFLAGS_TF;
	if (svm->slow & SVM_SLOW_DEBUG)
		svm_debug_enter(vcpu, svm);
	/* Still: the instruction may have been skipped or emulated since. */
	if ((svm->slow & SVM_SLOW_SHADOW) && (svm->vmcb->control.int_state & SVM_INT_SHADOW))
		svm->entry.flags |= SVM_ENTRY_SHADOW;
	if (svm->slow & SVM_SLOW_ORACLE)
		svm_oracle_before(vcpu, svm);
}

static noinstr void svm_exit_slow(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	svm->slow &= ~SVM_SLOW_SHADOW;
	svm->entry.flags &= ~SVM_ENTRY_SHADOW;
	if (svm->slow & SVM_SLOW_ORACLE)
		svm_oracle_after(vcpu, svm);
	if (svm->slow & SVM_SLOW_EVENT)
		svm_event_exit(vcpu);
	svm_decode(vcpu, svm);
	if (svm->step)
		svm_step_exit(vcpu);
	if (svm->slow & SVM_SLOW_DEBUG)
		svm_debug_exit(vcpu, svm);
}

/* The guest switched its cache off behind our back: from now on only on paper (intercept.c). */
static noinstr void svm_caught_cache_off(struct vcpu *vcpu)
{
	svm_fetch_crs(vcpu);
	svm_update_cr_intercepts(vcpu);
}

/* The guest wrote CR8: the TPR follows. */
static noinstr void svm_cr8_changed(struct vcpu *vcpu, u8 cr8)
{
	vcpu->cr8 = cr8;
	if (vcpu->lapic) {
		instrumentation_begin();
		lapic_set_cr8(vcpu, cr8);
		instrumentation_end();
	}
}

static noinstr void svm_was_off(struct vcpu *vcpu)
{
	vcpu->exit = (struct vm_exit){
		.reason = VM_EXIT_ENTRY_FAILED,
		.hw_reason = (u32)SVM_EXIT_SVM_OFF,
	};
}

/* Registers that the control block holds for the guest alone while none of their writes exits. */
#define SVM_CR_REGS (BIT(VCPU_CR0) | BIT(VCPU_CR3) | BIT(VCPU_CR4) | BIT(VCPU_EFER))

/*
 * An NMI that ended the run is taken here, by the host's IDT; perf finds the guest's RIP in regs[].
 */
static __always_inline void svm_let_nmi_in(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->host_event, VCPU_HOST_NMI);
	asm volatile("stgi" : : : "memory");
	WRITE_ONCE(vcpu->host_event, 0);
}

noinstr void svm_enter(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb *vmcb = svm->vmcb;
	u64 *regs = vcpu->regs;
	u8 cr8 = vcpu->cr8;

	vmcb->save.rax = regs[VCPU_RAX];
	vmcb->save.rsp = regs[VCPU_RSP];
	vmcb->save.rip = regs[VCPU_RIP];
	vmcb->save.rflags = regs[VCPU_RFLAGS];
	if (unlikely(vmcb->save.cr2 != vcpu->cr2)) {
		vmcb->save.cr2 = vcpu->cr2;
		svm_dirty(svm, SVM_CLEAN_CR2);
	}
	if (unlikely((u8)vmcb->control.int_ctl != cr8)) {
		vmcb->control.int_ctl = (vmcb->control.int_ctl & ~SVM_INT_V_TPR) | cr8;
		svm_dirty(svm, SVM_CLEAN_TPR);
	}
	svm_choose_spec_ctrl(svm);
	if (unlikely(svm->asid_generation != svm->cpu->asid_generation))
		svm_asid_new(svm);
	if (unlikely(svm->slow))
		svm_enter_slow(vcpu, svm);

	if (unlikely(svm_vmenter(&svm->entry))) {
		svm_was_off(vcpu);
		return;
	}

	regs[VCPU_RAX] = vmcb->save.rax;
	regs[VCPU_RSP] = vmcb->save.rsp;
	regs[VCPU_RIP] = vmcb->save.rip;
	regs[VCPU_RFLAGS] = vmcb->save.rflags;
	svm_let_nmi_in(vcpu);
	compat_note_guest_ran();
	vmcb->control.tlb_control = SVM_TLB_KEEP;
	vmcb->control.clean = SVM_CLEAN_ALL;
	vcpu->cr2 = vmcb->save.cr2;
	vcpu->regs_avail = svm->avail_after_run;
	if (likely(!(svm->avail_after_run & SVM_CR_REGS))) {
		/*
		 * Nearly every exit wants to know the mode: taking all costs less than one
		 * question.
		 */
		regs[VCPU_CR0] = vmcb->save.cr0;
		regs[VCPU_CR3] = vmcb->save.cr3;
		regs[VCPU_CR4] = vmcb->save.cr4;
		regs[VCPU_EFER] = vmcb->save.efer & ~(u64)EFER_SVME;
		vcpu->regs_avail = ~0U;
	}
	vcpu->regs_dirty = 0;
	if (unlikely((u8)vmcb->control.int_ctl != cr8))
		svm_cr8_changed(vcpu, vmcb->control.int_ctl & 0xf);
	if (unlikely(vmcb->save.cr0 & (X86_CR0_CD | X86_CR0_NW)) && svm->cr0_passed)
		svm_caught_cache_off(vcpu);
	if (unlikely(svm->slow))
		svm_exit_slow(vcpu, svm);
	else
		svm_decode(vcpu, svm);
}

/*
 * Interrupts and NMIs that ended the run are the host's own business once STGI and STI let them
 * through. A machine check that was intercepted is not: the CPU has forgotten that it wanted to
 * raise one (APM 2 15.12.18). The handler is told that it hit user code, as the guest is to the
 * host.
 *
 * The run may have ended in an interrupt shadow: see svm_keep_shadow().
 */
void svm_handle_host_event(struct vcpu *vcpu)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = { .cs = __USER_CS, .flags = X86_EFLAGS_IF };

	if (unlikely(vcpu->exit.reason == VM_EXIT_HOST_MC))
		do_machine_check(&regs);
#endif
	svm_keep_shadow(to_svm(vcpu));
}
