// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which intercepts a vCPU has, from what: its CPUID, the exits that the VMM disabled, debugging by
 * the VMM, its control registers, a single step in progress.
 */
#include <asm/processor-flags.h>

#include "amd/svm.h"
#include "x86/features.h"
#include "x86/x86.h"

/*
 * In every control block that is run, whatever the policy.
 *
 * Physical events are the host's. SVM's own instructions would act on the host: VMLOAD and VMSAVE
 * on host-physical addresses, STGI and CLGI on the one GIF (CVE-2021-3656). #DB and #AC: delivering
 * one can raise it again without end, which no interrupt breaks (CVE-2015-8104, CVE-2015-5307).
 * INVD would throw away the host's data.
 */
const u8 svm_mandatory_intercepts[] = {
	SVM_INTERCEPT_EXC + 1,	/* #DB */
	SVM_INTERCEPT_EXC + 17,	/* #AC */
	SVM_INTERCEPT_EXC + 18,	/* #MC */
	SVM_INTERCEPT_INTR,
	SVM_INTERCEPT_NMI,
	SVM_INTERCEPT_SMI,
	SVM_INTERCEPT_INIT,
	SVM_INTERCEPT_RDPMC,
	SVM_INTERCEPT_CPUID,
	SVM_INTERCEPT_RSM,
	SVM_INTERCEPT_INVD,
	SVM_INTERCEPT_INVLPGA,
	SVM_INTERCEPT_IOIO,
	SVM_INTERCEPT_MSR,
	SVM_INTERCEPT_TASK_SWITCH,
	SVM_INTERCEPT_SHUTDOWN,
	SVM_INTERCEPT_VMRUN,
	SVM_INTERCEPT_VMMCALL,
	SVM_INTERCEPT_VMLOAD,
	SVM_INTERCEPT_VMSAVE,
	SVM_INTERCEPT_STGI,
	SVM_INTERCEPT_CLGI,
	SVM_INTERCEPT_SKINIT,
	SVM_INTERCEPT_WBINVD,
	SVM_INTERCEPT_XSETBV,
};

const unsigned int svm_nr_mandatory_intercepts = ARRAY_SIZE(svm_mandatory_intercepts);

/* What IRET can raise, intercepted during a single step over it (inject.c). */
#define SVM_STEP_EXCEPTIONS (BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14))
/* All that the CPU raises by itself, while the VMM steps (debug.c). */
#define SVM_DEBUG_EXCEPTIONS (~(u32)BIT(2))

/* #UD may be for us (x86/exits_ud.c). vcpu->guest_debug, step and the paging mode decide on the optional ones. */
noinstr void svm_update_exc_intercepts(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 wanted = BIT(1) | BIT(6) | BIT(17) | BIT(18) | vcpu->exceptions_wanted;
	u32 *word = &svm->vmcb->control.intercept[SVM_INTERCEPT_EXC / 32];

	if (vcpu->guest_debug & VMX_GUESTDBG_USE_SW_BP)
		wanted |= BIT(3);
	if (!svm->nested)
		wanted |= BIT(14);
	if (svm->step)
		wanted |= SVM_STEP_EXCEPTIONS;
	if (svm->debug_step)
		wanted |= SVM_DEBUG_EXCEPTIONS;
	if (*word != wanted) {
		*word = wanted;
		svm_dirty(svm, SVM_CLEAN_I);
	}
}

/* CR0 and CR4 as the guest sees them, and as it runs. */
static noinstr void svm_nested_crs(struct vcpu *vcpu, struct svm_vcpu *svm, u64 *cr0, u64 *cr4)
{
	/*
	 * CD would make the guest run uncached: unless the VMM wants that neither it nor NW is
	 * loaded, and while the guest has one of them set its accesses to CR0 exit. All other bits
	 * have no effect outside the guest. (NW without CD, which VMRUN refuses, no guest can have.)
	 */
	if (!(vcpu->vm->disabled_quirks & VMX_X86_QUIRK_CD_NW_CLEARED))
		*cr0 &= ~(u64)(X86_CR0_CD | X86_CR0_NW);
	svm->cr0_passed = *cr0 == vcpu->regs[VCPU_CR0];
	svm->cr4_passed = svm->cr4_pass_allowed;
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 0, !svm->cr0_passed);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 0, !svm->cr0_passed);
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 3, false);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 3, false);
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 4, false);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 4, !svm->cr4_passed);
	svm_intercept(svm, SVM_INTERCEPT_INVLPG, false);
}

/*
 * Under shadow paging the guest always runs with paging on, over our tables, also in real mode
 * ("paged real mode", APM 2 15.19), in PAE form at least.
 */
static noinstr void svm_shadow_crs(struct vcpu *vcpu, struct svm_vcpu *svm, u64 *cr0, u64 *cr4)
{
	if (!(*cr0 & X86_CR0_PG))
		*cr4 &= ~(u64)(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE);
	*cr0 = (*cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW)) | X86_CR0_PG | X86_CR0_WP;
	/* PCIDs are tags of the guest's tables, which the hardware does not see. */
	*cr4 &= ~(u64)X86_CR4_PCIDE;
	*cr4 |= X86_CR4_PAE;
	svm->cr0_passed = false;
	svm->cr4_passed = false;
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 0, true);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 0, true);
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 3, true);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 3, true);
	svm_intercept(svm, SVM_INTERCEPT_CR_READ + 4, true);
	svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 4, true);
	svm_intercept(svm, SVM_INTERCEPT_INVLPG, true);
}

/*
 * From the guest's CR0, CR3, CR4 and EFER in regs[], all of which must be there, to those that it
 * runs with and to what exits.
 */
noinstr void svm_update_cr_intercepts(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_save *s = &svm->vmcb->save;
	u64 cr0 = vcpu->regs[VCPU_CR0], cr3 = vcpu->regs[VCPU_CR3];
	u64 cr4 = vcpu->regs[VCPU_CR4], efer = vcpu->regs[VCPU_EFER];
	u32 avail = BIT(VCPU_RFLAGS + 1) - 1;

	if (svm->nested) {
		svm_nested_crs(vcpu, svm, &cr0, &cr4);
	} else {
		svm_shadow_crs(vcpu, svm, &cr0, &cr4);
		cr3 = svm->root;
		efer |= EFER_NX;
		/* PG is always on: LME without LMA would be long mode. */
		if (!(efer & EFER_LMA))
			efer &= ~(u64)EFER_LME;
		avail |= BIT(VCPU_CR3);
	}
	/* LMA follows CR0.PG, so EFER is known only if CR0 is. */
	if (!svm->cr0_passed)
		avail |= BIT(VCPU_CR0) | BIT(VCPU_EFER);
	if (!svm->cr4_passed)
		avail |= BIT(VCPU_CR4);
	svm->avail_after_run = avail;

	/* VMRUN refuses a guest without SVME (APM 2 15.5.1); the guest never sees the bit. */
	efer |= EFER_SVME;
	if (s->cr0 != cr0 || s->cr3 != cr3 || s->cr4 != cr4 || s->efer != efer) {
		s->cr0 = cr0;
		s->cr3 = cr3;
		s->cr4 = cr4;
		s->efer = efer;
		svm_dirty(svm, SVM_CLEAN_CRX);
	}
}

void svm_update_policy(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 disabled = vcpu->vm->disabled_exits;
	bool rdtscp = svm_host.rdtscp && x86_guest_has(vcpu, CPUID_F_RDTSCP);
	bool rdpid = svm_host.rdpid && x86_guest_has(vcpu, CPUID_F_RDPID);

	svm_intercept(svm, SVM_INTERCEPT_HLT, !(disabled & VMX_X86_DISABLE_EXITS_HLT));
	svm_intercept(svm, SVM_INTERCEPT_MONITOR, !(disabled & VMX_X86_DISABLE_EXITS_MWAIT));
	svm_intercept(svm, SVM_INTERCEPT_MWAIT, !(disabled & VMX_X86_DISABLE_EXITS_MWAIT));
	/*
	 * Without the filter each PAUSE would exit, which costs more than a spin that is never
	 * seen.
	 */
	svm_intercept(svm, SVM_INTERCEPT_PAUSE,
		      svm_host.pause_filter && !(disabled & VMX_X86_DISABLE_EXITS_PAUSE));
	/* The VMM's own interrupt controllers see a new TPR only where an exit shows it. */
	if (!vcpu->lapic) {
		svm->tpr_watched = true;
		svm_intercept(svm, SVM_INTERCEPT_CR_WRITE + 8, true);
	}
	svm_intercept(svm, SVM_INTERCEPT_RDTSCP, svm_host.rdtscp && !rdtscp);
	svm_intercept(svm, SVM_INTERCEPT_RDPRU, svm_host.rdpru);
	svm_intercept(svm, SVM_INTERCEPT_MCOMMIT, svm_host.mcommit);
	svm_intercept(svm, SVM_INTERCEPT_INVPCID,
		      svm_host.invpcid && (!svm->nested || !x86_guest_has(vcpu, CPUID_F_INVPCID)));
	svm_intercept(svm, SVM_INTERCEPT_INVLPGB, svm_host.invlpgb);
	svm_intercept(svm, SVM_INTERCEPT_INVLPGB_ILLEGAL, svm_host.invlpgb);
	svm_intercept(svm, SVM_INTERCEPT_TLBSYNC, svm_host.invlpgb);

	svm_fetch_crs(vcpu);
	/* A bit that the CPU knows and the guest may not have must exit, to become #GP. */
	svm->cr4_pass_allowed = !(svm_host.cr4_supported & ~x86_cr4_guest_allowed(vcpu));
	svm_update_cr_intercepts(vcpu);
	svm_update_debug(vcpu);
	svm_update_exc_intercepts(vcpu);
	/* The CPU switches it: nothing to gain from an exit. */
	if (svm_host.v_spec_ctrl)
		svm->spec_ctrl_passed = x86_guest_has(vcpu, CPUID_F_SPEC_CTRL) ||
					x86_guest_has(vcpu, CPUID_F_AMD_IBRS) ||
					x86_guest_has(vcpu, CPUID_F_AMD_STIBP) ||
					x86_guest_has(vcpu, CPUID_F_AMD_SSBD);
	svm->spec_ctrl_passed &= x86_spec_ctrl_passes(vcpu);
	svm_msrpm_update(vcpu);

	if (svm->guest_tsc_aux != (rdtscp || rdpid)) {
		svm->guest_tsc_aux = rdtscp || rdpid;
		svm->host_saved = false;
	}
}
