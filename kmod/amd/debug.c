// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single steps and breakpoints of the VMM, which the CPU knows only as the guest's own RFLAGS.TF and debug
 * registers.
 *
 * TF of ours is set for the entry and taken away after the exit, so regs[] always has the guest's own.
 * Meanwhile nothing may store it: all exceptions that the CPU would deliver are intercepted, and delivered by
 * the core; an entry with an event to deliver goes without TF and ends right after the delivery
 * (inject.c), which is the step then; instructions that store RFLAGS do not come here (x86/guestdebug.c).
 *
 * DR6 is not intercepted, so the block has one of ours, and the guest's comes back after each exit.
 */
#include <asm/processor-flags.h>

#include "amd/svm.h"

#define VECTOR_DB 1
#define DR6_ONES 0xffff0ff0ULL
#define DR6_BS (1ULL << 14)

void svm_update_debug(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->debug_step = vcpu->guest_debug & VMX_GUESTDBG_SINGLESTEP;
	if (svm->debug_step)
		svm_end_step(vcpu);
	/* QEMU's INT3 looks at the wrong intercept. */
	if (svm_host.int3_is_intn)
		svm_intercept(svm, SVM_INTERCEPT_INTN, vcpu->guest_debug & VMX_GUESTDBG_USE_SW_BP);
	if (vcpu->guest_debug & (VMX_GUESTDBG_SINGLESTEP | VMX_GUESTDBG_USE_HW_BP))
		svm->slow |= SVM_SLOW_DEBUG;
	else
		svm->slow &= ~SVM_SLOW_DEBUG;
}

static noinstr void svm_swap_dr6(struct svm_vcpu *svm, u64 dr6)
{
	if (svm->vmcb->save.dr6 == dr6)
		return;
	svm->vmcb->save.dr6 = dr6;
	svm_dirty(svm, SVM_CLEAN_DRX);
}

noinstr void svm_debug_enter(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	svm->debug_dr6 = svm->vmcb->save.dr6;
	svm_swap_dr6(svm, DR6_ONES);
	if (!svm->debug_step)
		return;
	svm->debug_event = svm->slow & SVM_SLOW_EVENT;
	if (svm->debug_event)
		return;
	svm->debug_tf = vcpu->regs[VCPU_RFLAGS] & X86_EFLAGS_TF;
	svm->vmcb->save.rflags |= X86_EFLAGS_TF;
}

/* After decoding, which has taken what DR6 says. */
noinstr void svm_debug_exit(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vm_exit *exit = &vcpu->exit;

	svm_swap_dr6(svm, svm->debug_dr6);
	if (!svm->debug_step)
		return;
	if (svm->debug_event) {
		/* Delivered? Then this was the step. */
		if (exit->vectoring.type != VM_EVENT_NONE || exit->reason == VM_EXIT_ENTRY_FAILED)
			return;
		instrumentation_begin();
		vcpu_request(vcpu, REQ_DEBUG);
		instrumentation_end();
		return;
	}
	if (!svm->debug_tf)
		vcpu->regs[VCPU_RFLAGS] &= ~(u64)X86_EFLAGS_TF;
	else
		vcpu->regs[VCPU_RFLAGS] |= X86_EFLAGS_TF;
	if (exit->reason != VM_EXIT_EXCEPTION || exit->exc.vector != VECTOR_DB ||
	    !(exit->exc.payload & DR6_BS))
		return;
	exit->reason = VM_EXIT_STEP;
	if (!svm->debug_tf)
		exit->exc.payload &= ~DR6_BS;
}
