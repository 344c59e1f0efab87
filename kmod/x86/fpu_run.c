// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switching the FPU between the VMM's thread and the guest.
 *
 * Between run ioctls the guest's registers are in memory, in its fpstate. Most runs are short: in,
 * one series of entries with interrupts off, and out again with something for the VMM. For those
 * the registers are only borrowed:
 *
 *	enter	kernel_fpu_begin	the thread's registers go to its own area, if they are not
 *					there yet; the kernel loads them again on the way to user mode
 *		XRSTOR			the guest's
 *	leave	XSAVE			the guest's, interrupts still off
 *		kernel_fpu_end
 *
 * So nothing in between, neither softirq nor another thread, finds the guest's registers, and the
 * guest's are in memory whenever interrupts are on. A run that comes to a second series keeps the
 * FPU instead (x86_fpu_keep): the kernel swaps the thread's area for the guest's until the run
 * ends, and may save and load the guest's as it does those of a thread.
 *
 * XCR0 and PKRU are not part of either: they are switched around a series of entries. So is
 * IA32_XSS, whose guest value is always 0 (no supervisor component is offered).
 */
#include <linux/entry-kvm.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/pkru.h>

#include "backend.h"
#include "x86/cr.h"
#include "x86/state.h"
#include "x86/x86.h"

/* ---- the area: SDM 1 13.4, with XSAVES or XSAVEC in the compacted format ---- */

static bool area_is_compacted(const struct fpstate *fps)
{
	return fps->regs.xsave.header.xcomp_bv & XCOMP_BV_COMPACTED_FORMAT;
}

/*
 * Features that can be disabled (XFD) need bookkeeping of the kernel's own: leave these to its swap.
 * So with an area of a format that these functions do not write.
 */
void fpu_choose_way(struct vcpu *vcpu)
{
	bool compacts = cpu_feature_enabled(X86_FEATURE_XSAVES) ||
			cpu_feature_enabled(X86_FEATURE_XSAVEC);

	vcpu->fpu_borrow = cpu_feature_enabled(X86_FEATURE_XSAVE) &&
				!boot_cpu_has(X86_FEATURE_XFD) && !vcpu->x86->fpu.fpstate->xfd &&
				area_is_compacted(vcpu->x86->fpu.fpstate) == compacts;
}

#define XSTATE_ASM(insn, area, mask)                                                  \
	asm volatile(insn " %0" : "+m"(*(area)) : "a"((u32)(mask)), "d"((u32)((mask) >> 32)) \
		     : "memory")
/* A state that the CPU refuses: the kernel warns, and loads the initial one. */
#define XSTATE_ASM_LOAD(insn, area, mask)                                                     \
	asm volatile("1: " insn " %0\n2:\n" _ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_FPU_RESTORE)    \
		     : : "m"(*(area)), "a"((u32)(mask)), "d"((u32)((mask) >> 32)), "D"(area) : "memory")

/* What is saved decides the layout of a compacted area: all that it was made for. */
static __always_inline void area_save(struct fpstate *fps)
{
	struct xregs_state *area = &fps->regs.xsave;

	if (static_cpu_has(X86_FEATURE_XSAVES))
		XSTATE_ASM("xsaves64", area, fps->xfeatures);
	else if (static_cpu_has(X86_FEATURE_XSAVEC))
		XSTATE_ASM("xsavec64", area, fps->xfeatures);
	else if (static_cpu_has(X86_FEATURE_XSAVEOPT))
		XSTATE_ASM("xsaveopt64", area, fps->xfeatures);
	else
		XSTATE_ASM("xsave64", area, fps->xfeatures);
}

/*
 * PKRU is the thread's until x86_fpu_enter() loads the guest's.
 *
 * CPUs with this bug load the pointers to the last x87 instruction and its operand only together
 * with a pending exception; the thread's would stay. FNINIT zeroes them (APM 5, FINIT).
 */
static __always_inline void area_load(struct fpstate *fps)
{
	u64 mask = fps->xfeatures & ~(u64)XFEATURE_MASK_PKRU;
	struct xregs_state *area = &fps->regs.xsave;

	if (static_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fninit");
	if (static_cpu_has(X86_FEATURE_XSAVES))
		XSTATE_ASM_LOAD("xrstors64", area, mask);
	else
		XSTATE_ASM_LOAD("xrstor64", area, mask);
}

/* ---- a run ---- */

void fpu_swap_in(struct vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&vcpu->x86->fpu, true);
	vcpu->fpu_kept = true;
}

void fpu_swap_out(struct vcpu *vcpu)
{
	vcpu->fpu_kept = false;
	fpu_swap_kvm_fpstate(&vcpu->x86->fpu, false);
}

/* ---- a series of entries: interrupts off ---- */

static noinline void enter_rest(struct vcpu_x86 *x)
{
	if (x->xss != x86_host.xss)
		wrmsrl(MSR_IA32_XSS, x->xss);
	if (x->switch_pkru) {
		x->host_pkru = rdpkru();
		if (x->pkru != x->host_pkru)
			wrpkru(x->pkru);
	}
}

static noinline void leave_rest(struct vcpu_x86 *x)
{
	if (x->switch_pkru) {
		x->pkru = rdpkru();
		if (x->pkru != x->host_pkru)
			wrpkru(x->host_pkru);
	}
	if (x->xss != x86_host.xss)
		wrmsrl(MSR_IA32_XSS, x86_host.xss);
}

u32 x86_pkru(const struct vcpu *vcpu)
{
	const struct vcpu_x86 *x = vcpu->x86;

	/* Between entries of one series it is in the register. */
	return x->switch_pkru && x->xcr0_loaded ? rdpkru() : x->pkru;
}

void x86_fpu_enter(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->ran = true;
	if (likely(!vcpu->fpu_kept)) {
		kernel_fpu_begin_mask(0);
		area_load(x->fpu.fpstate);
	} else if (test_thread_flag(TIF_NEED_FPU_LOAD)) {
		/* A softirq that used the FPU, or a switch of threads, has left it to others. */
		switch_fpu_return();
	}
	if (likely(x86_host.xcr0)) {
		if (x->xcr0 != x86_host.xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, x->xcr0);
		x->xcr0_loaded = true;
	}
	if (x->switch_rest)
		enter_rest(x);
}

/*
 * XSETBV exits, so the register holds what was loaded. Not so under emulators that know no such
 * intercept (QEMU's TCG): there the guest's value is found here, and the host must not go on with
 * it.
 */
static __always_inline void take_xcr0(struct vcpu *vcpu)
{
	u64 xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);

	if (unlikely(xcr0 != vcpu->x86->xcr0)) {
		vcpu->x86->xcr0 = xcr0;
		cpuid_vcpu_refresh(vcpu);
	}
}

void fpu_read_xcr0(struct vcpu *vcpu)
{
	if (vcpu->x86->xcr0_loaded)
		take_xcr0(vcpu);
}

void x86_fpu_leave(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	if (x->switch_rest)
		leave_rest(x);
	if (likely(x->xcr0_loaded)) {
		take_xcr0(vcpu);
		x->xcr0_loaded = false;
		if (x->xcr0 != x86_host.xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, x86_host.xcr0);
	}
	if (likely(!vcpu->fpu_kept)) {
		area_save(x->fpu.fpstate);
		kernel_fpu_end();
	}
}
