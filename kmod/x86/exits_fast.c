// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits served with interrupts off, without leaving the inner loop of run.c. Each either does all of it
 * or nothing (-EAGAIN); what it cannot do the dispatcher does again from the start.
 */
#include <linux/sched.h>

#include "backend.h"
#include "halt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/exits.h"
#include "x86/hyperv.h"
#include "x86/insn.h"
#include "x86/x86.h"

static noinline int fast_cpuid(struct vcpu *vcpu)
{
	unsigned int len = insn_length_fast(vcpu, EMU_S_CPUID, INSN_CPUID);

	if (!len)
		return -EAGAIN;
	x86_cpuid_exec(vcpu);
	insn_advance_fast(vcpu, len);
	return VCPU_RESUME;
}

static noinline int fast_hypercall(struct vcpu *vcpu)
{
	/* A CPU that does not tell the length is AMD's, whose VMCALL is #UD. */
	unsigned int len = insn_length_fast(vcpu, EMU_S_VMMCALL, INSN_VMMCALL);

	if (!len || hv_hypercalls(vcpu) || !x86_hypercall_fast(vcpu))
		return -EAGAIN;
	vcpu_count(vcpu, hypercalls);
	insn_advance_fast(vcpu, len);
	return VCPU_RESUME;
}

static noinline int fast_wrmsr(struct vcpu *vcpu)
{
	u64 val = (u32)vcpu->regs[VCPU_RAX] | vcpu->regs[VCPU_RDX] << 32;
	unsigned int len = insn_length_fast(vcpu, EMU_S_WRMSR, INSN_WRMSR);
	u32 msr = vcpu->regs[VCPU_RCX];

	if (!len || x86_msr_write_fast(vcpu, msr, val))
		return -EAGAIN;
	trace_vmx_msr(vcpu, true, msr, val, false);
	insn_advance_fast(vcpu, len);
	return VCPU_RESUME;
}

static noinline int fast_rdmsr(struct vcpu *vcpu)
{
	unsigned int len = insn_length_fast(vcpu, EMU_S_RDMSR, INSN_RDMSR);
	u32 msr = vcpu->regs[VCPU_RCX];
	u64 val;

	if (!len || x86_msr_read_fast(vcpu, msr, &val))
		return -EAGAIN;
	trace_vmx_msr(vcpu, false, msr, val, false);
	vcpu->regs[VCPU_RAX] = (u32)val;
	vcpu->regs[VCPU_RDX] = val >> 32;
	vcpu->regs_dirty |= BIT(VCPU_RAX);
	insn_advance_fast(vcpu, len);
	return VCPU_RESUME;
}

/* With something pending the guest goes on at once; else it leaves the loop halted. */
static noinline int fast_hlt(struct vcpu *vcpu)
{
	unsigned int len;

	if (!irqchip_in_kernel(vcpu->vm))
		return -EAGAIN;
	len = insn_length_fast(vcpu, EMU_S_HLT, INSN_HLT);
	if (!len)
		return -EAGAIN;
	insn_advance_fast(vcpu, len);
	if (vcpu_has_wake_event(vcpu)) {
		vcpu->event_check = true;
		return VCPU_RESUME;
	}
	vcpu->mp_state = VMX_MP_STATE_HALTED;
	/* Served as far as the dispatcher is concerned. */
	vcpu->exit.reason = VM_EXIT_HOST_SMI;
	return -EAGAIN;
}

static int fast_device(struct vcpu *vcpu, u64 gpa, u32 flags)
{
	int r = emulate_mmio_fast(vcpu, gpa, flags & VM_PF_WRITE);

	if (r >= 0)
		vcpu_count(vcpu, pf_mmio);
	return r;
}

static noinline int fast_page_fault(struct vcpu *vcpu)
{
	u64 gpa = vcpu->exit.pf.gpa;
	u32 flags = vcpu->exit.pf.flags;
	int r;

	if (lapic_owns_gpa(vcpu, gpa) && !(flags & VM_PF_GUEST_TABLE)) {
		if (unlikely(backend_caps->lapic_page) && mmu_map_lapic_page(vcpu))
			return VCPU_RESUME;
		return fast_device(vcpu, gpa, flags);
	}
	r = mmu_fault_fast(vcpu, gpa, flags);
	if (r == MMU_RETRY)
		return VCPU_RESUME;
	/* Not the walk of the guest's own tables: the instruction's operand is elsewhere. */
	if (r != MMU_MMIO || (flags & VM_PF_GUEST_TABLE))
		return -EAGAIN;
	return fast_device(vcpu, gpa, flags);
}

static noinline int fast_lapic(struct vcpu *vcpu)
{
	return fast_device(vcpu, vcpu->exit.pf.gpa, vcpu->exit.pf.flags);
}

static noinline int fast_timer(struct vcpu *vcpu)
{
	lapic_serve_timer(vcpu);
	vcpu->event_check = true;
	return VCPU_RESUME;
}

static noinline int fast_lapic_write(struct vcpu *vcpu)
{
	return lapic_serve_hw_write(vcpu, vcpu->exit.lapic.reg, true) ? -EAGAIN : VCPU_RESUME;
}

static int fast_irq_window(struct vcpu *vcpu)
{
	vcpu_count(vcpu, irq_windows);
	vcpu->event_check = true;
	/* The VMM's own controller wants to be asked. */
	return irqchip_pic_in_kernel(vcpu->vm) ? VCPU_RESUME : -EAGAIN;
}

/* Apart from exit_fast()'s: the compiler makes a tree of comparisons, in which each is in others' way. */
static noinline int exit_fast_others(struct vcpu *vcpu)
{
	switch (vcpu->exit.reason) {
	case VM_EXIT_HLT:
		return fast_hlt(vcpu);
	case VM_EXIT_SHADOW_FAULT:
		return exit_fast_shadow(vcpu);
	case VM_EXIT_INVLPG:
		return exit_fast_invlpg(vcpu);
	case VM_EXIT_CR:
		return exit_fast_cr(vcpu);
	case VM_EXIT_PML_FULL:
		return VCPU_RESUME;
	case VM_EXIT_PREEMPTION_TIMER:
		return fast_timer(vcpu);
	case VM_EXIT_IRQ_WINDOW:
		return fast_irq_window(vcpu);
	case VM_EXIT_LAPIC_WRITE:
		return fast_lapic_write(vcpu);
	default:
		return -EAGAIN;
	}
}

int exit_fast(struct vcpu *vcpu)
{
	if (unlikely(vcpu->guest_debug)) {
		/* insn_advance() tells the debugger. */
		vcpu->exit.shadow |= VM_SHADOW_STEP;
		return -EAGAIN;
	}
	/* Each of them a function of its own, called last: this one needs no frame. */
	switch (vcpu->exit.reason) {
	case VM_EXIT_CPUID:
		return fast_cpuid(vcpu);
	case VM_EXIT_PAGE_FAULT:
	case VM_EXIT_MMIO_MISCONFIG:
		return fast_page_fault(vcpu);
	case VM_EXIT_LAPIC_ACCESS:
		return fast_lapic(vcpu);
	case VM_EXIT_IO:
		return emulate_pio_fast(vcpu);
	case VM_EXIT_WRMSR:
		return fast_wrmsr(vcpu);
	case VM_EXIT_RDMSR:
		return fast_rdmsr(vcpu);
	case VM_EXIT_HYPERCALL:
		return fast_hypercall(vcpu);
	default:
		return exit_fast_others(vcpu);
	}
}
