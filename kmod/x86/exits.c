// SPDX-License-Identifier: GPL-2.0-only
/* The dispatcher: one handler per neutral exit reason, with interrupts on. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/delay.h>
#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include <asm/cpu.h>
#include <asm/cpufeature.h>

#include "backend.h"
#include "failure.h"
#include "halt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "trace.h"
#include "x86/backdoor.h"
#include "x86/cr.h"
#include "x86/emulate.h"
#include "x86/exits.h"
#include "x86/features.h"
#include "x86/hyperv.h"
#include "x86/inject.h"
#include "x86/insn.h"
#include "x86/msr_user.h"
#include "x86/x86.h"

#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_AC 17

int vcpu_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data)
{
	struct vmx_run *run = vcpu->run;
	unsigned int i;

	run->exit_reason = VMX_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	n = min_t(unsigned int, n, ARRAY_SIZE(run->internal.data));
	run->internal.ndata = n;
	for (i = 0; i < n; i++)
		run->internal.data[i] = data[i];
	failure_note(vcpu);
	return VCPU_TO_USER;
}

bool vcpu_wait_for_slot(struct vcpu *vcpu)
{
	if (!slots_lately_removed(vcpu->vm))
		return false;
	/* The VMM may want this CPU, to go on. */
	usleep_range(50, 200);
	return true;
}

/*
 * For handlers of one instruction: its length, or 0 with the result in *r after the emulator has
 * done it all, since it was not what the exit said (a race with a writer) or could not be matched.
 */
static unsigned int length_or_emulate(struct vcpu *vcpu, enum emu_simple_op want, int *r)
{
	unsigned int len = insn_length(vcpu, want, false);

	if (!len)
		*r = emulate_insn(vcpu, GPA_INVALID);
	return len;
}

/* ---- the host's own ---- */

static int handle_host(struct vcpu *vcpu)
{
	return VCPU_RESUME;
}

static int handle_unknown(struct vcpu *vcpu)
{
	u64 data[] = { vcpu->exit.hw_reason, vcpu->exit.info1, vcpu->exit.info2 };

	pr_warn_ratelimited("vCPU %u: exit %#x (%s) that was not asked for, info %#llx %#llx\n", vcpu->id,
			    vcpu->exit.hw_reason, backend_call(exit_name)(vcpu->exit.hw_reason),
			    vcpu->exit.info1, vcpu->exit.info2);
	return vcpu_internal_error(vcpu, VMX_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, ARRAY_SIZE(data),
				   data);
}

static int handle_entry_failed(struct vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(dump_limit, 60 * HZ, 1);

	if (backend_caps->cr4_ends_run && exits_cr4_refused(vcpu))
		return VCPU_RESUME;
	pr_warn_ratelimited("vCPU %u: the CPU refused to enter the guest (%#x)\n", vcpu->id,
			    vcpu->exit.hw_reason);
	if (__ratelimit(&dump_limit))
		backend_call(dump)(vcpu);
	vcpu->run->exit_reason = VMX_EXIT_FAIL_ENTRY;
	vcpu->run->fail_entry.hardware_entry_failure_reason = vcpu->exit.hw_reason;
	vcpu->run->fail_entry.cpu = raw_smp_processor_id();
	failure_note(vcpu);
	return VCPU_TO_USER;
}

static int handle_triple_fault(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = VMX_EXIT_SHUTDOWN;
	return VCPU_TO_USER;
}

static int handle_window(struct vcpu *vcpu)
{
	vcpu_count(vcpu, irq_windows);
	vcpu->event_check = true;
	return VCPU_RESUME;
}

/* ---- exceptions ---- */

/* #AC as the guest asks for it: user code with CR0.AM and RFLAGS.AC (SDM 3A 6.15, interrupt 17). */
static bool guest_checks_alignment(struct vcpu *vcpu)
{
	return vcpu_cpl(vcpu) == 3 && (vcpu_cr0(vcpu) & X86_CR0_AM) &&
	       (vcpu_reg(vcpu, VCPU_RFLAGS) & X86_EFLAGS_AC);
}

/*
 * The host may have its CPU raise #AC for atomic accesses across cache lines, in guests too, which know
 * nothing of that: the kernel slows such a thread down, and lets it do it. False: it does not let it.
 */
static bool host_split_lock(struct vcpu *vcpu, bool *allowed)
{
	if (!boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) || guest_checks_alignment(vcpu))
		return false;
	*allowed = handle_guest_split_lock(vcpu_rip(vcpu));
	return true;
}

/* Those that are intercepted only so that a guest cannot loop in their delivery: back to the guest. */
static int handle_exception(struct vcpu *vcpu)
{
	const struct vm_exit *x = &vcpu->exit;
	u64 data[] = { x->exc.vector, x->exc.error, x->info1 };
	bool allowed;

	if (x->exc.vector == VECTOR_AC && unlikely(host_split_lock(vcpu, &allowed)))
		return allowed ? VCPU_RESUME :
				 vcpu_internal_error(vcpu, VMX_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
						     ARRAY_SIZE(data), data);
	if (unlikely(vcpu->guest_debug) && debug_exception(vcpu, x->exc.vector, x->exc.payload))
		return VCPU_TO_USER;
	if (x->exc.vector == VECTOR_DB)
		vcpu_raise_payload(vcpu, VECTOR_DB, x->exc.payload);
	else if (x->exc.vector == VECTOR_GP && !x->exc.error && backdoor_has(vcpu))
		return emulate_backdoor_insn(vcpu);
	else if (x->exc.vector == 14)
		vcpu_raise_pf(vcpu, x->exc.payload, x->exc.error);
	else if (x->exc.has_error)
		vcpu_raise_error(vcpu, x->exc.vector, x->exc.error);
	else if (x->exc.vector == VECTOR_UD)
		return handle_guest_ud(vcpu);
	else
		vcpu_raise(vcpu, x->exc.vector);
	return VCPU_RESUME;
}

static int handle_soft_int(struct vcpu *vcpu)
{
	struct emu_simple insn;

	if (insn_match(vcpu, &insn, false) && insn.op == EMU_S_INT3 &&
	    debug_exception(vcpu, VECTOR_BP, 0))
		return VCPU_TO_USER;
	return emulate_insn(vcpu, GPA_INVALID);
}

static int handle_ud(struct vcpu *vcpu)
{
	vcpu_raise(vcpu, VECTOR_UD);
	return VCPU_RESUME;
}

static int handle_rsm(struct vcpu *vcpu)
{
	return vcpu->smm ? emulate_insn(vcpu, GPA_INVALID) : handle_ud(vcpu);
}

static int handle_timer(struct vcpu *vcpu)
{
	lapic_serve_timer(vcpu);
	vcpu->event_check = true;
	return VCPU_RESUME;
}

/* ---- memory ---- */

static int handle_page_fault(struct vcpu *vcpu)
{
	u64 gpa = vcpu->exit.pf.gpa;
	u32 flags = vcpu->exit.pf.flags;

	trace_vmx_page_fault(vcpu, gpa, flags);
	switch (lapic_owns_gpa(vcpu, gpa) ? MMU_MMIO : mmu_fault(vcpu, gpa, flags)) {
	case MMU_RETRY:
	case MMU_HWPOISON:
		return VCPU_RESUME;
	case MMU_MMIO:
		vcpu_count(vcpu, pf_mmio);
		/* Delivery of an event through a device page: no VMM could make sense of it. */
		if (vcpu->exit.vectoring.type != VM_EVENT_NONE) {
			u64 data[] = { vcpu->exit.vectoring.vector, vcpu->exit.hw_reason, gpa };

			if (vcpu_wait_for_slot(vcpu))
				return VCPU_RESUME;	/* it is injected again */
			return vcpu_internal_error(vcpu, VMX_INTERNAL_ERROR_DELIVERY_EV,
						   ARRAY_SIZE(data), data);
		}
		if (flags & VM_PF_GUEST_TABLE)
			return emulate_insn(vcpu, GPA_INVALID);
		return emulate_mmio(vcpu, gpa, flags & VM_PF_WRITE);
	case MMU_NOMEM:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}

/* ---- instructions ---- */

static int handle_emulate(struct vcpu *vcpu)
{
	return emulate_insn(vcpu, GPA_INVALID);
}

static int handle_cpuid(struct vcpu *vcpu)
{
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, EMU_S_CPUID, &r);
	if (!len)
		return r;
	x86_cpuid_exec(vcpu);
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_hlt(struct vcpu *vcpu)
{
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, EMU_S_HLT, &r);
	if (!len)
		return r;
	insn_advance(vcpu, len);
	return vcpu_halt(vcpu);
}

static int handle_hypercall(struct vcpu *vcpu)
{
	struct emu_simple insn = { .len = vcpu->exit.insn_len };

	if (!insn.len && (!insn_match(vcpu, &insn, false) ||
			  (insn.op != EMU_S_VMMCALL && insn.op != EMU_S_VMCALL)))
		return emulate_insn(vcpu, GPA_INVALID);
	if (hv_hypercalls(vcpu) && hv_hypercall_ud(vcpu)) {
		vcpu_raise(vcpu, VECTOR_UD);
		return VCPU_RESUME;
	}
	vcpu_count(vcpu, hypercalls);
	insn_advance(vcpu, insn.len);
	return x86_hypercall(vcpu);
}

static int handle_io(struct vcpu *vcpu)
{
	if (vcpu->exit.io.flags & VM_IO_STRING)
		return emulate_insn(vcpu, GPA_INVALID);
	return emulate_pio(vcpu);
}

static int handle_rdmsr(struct vcpu *vcpu)
{
	u32 msr = vcpu->regs[VCPU_RCX];
	unsigned int len;
	u64 val = 0;
	int r;

	len = length_or_emulate(vcpu, EMU_S_RDMSR, &r);
	if (!len)
		return r;
	r = x86_rdmsr(vcpu, msr, &val);
	trace_vmx_msr(vcpu, false, msr, val, r);
	if (r)
		return x86_rdmsr_failed(vcpu, msr, r, len);
	vcpu_set_reg(vcpu, VCPU_RAX, (u32)val);
	vcpu_set_reg(vcpu, VCPU_RDX, val >> 32);
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_wrmsr(struct vcpu *vcpu)
{
	u64 val = (u32)vcpu->regs[VCPU_RAX] | vcpu->regs[VCPU_RDX] << 32;
	u32 msr = vcpu->regs[VCPU_RCX];
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, EMU_S_WRMSR, &r);
	if (!len)
		return r;
	r = x86_wrmsr(vcpu, msr, val);
	trace_vmx_msr(vcpu, true, msr, val, r);
	if (r)
		return x86_wrmsr_failed(vcpu, msr, val, r, len);
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_pause(struct vcpu *vcpu)
{
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, EMU_S_PAUSE, &r);
	if (!len)
		return r;
	vcpu_on_spin(vcpu, vcpu_cpl(vcpu) != 0);
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_rdpmc(struct vcpu *vcpu)
{
	if (unlikely(backdoor_has(vcpu)))
		return emulate_insn(vcpu, GPA_INVALID);
	/* No PMU in the guest's CPUID: every counter is out of range. */
	vcpu_raise_error(vcpu, VECTOR_GP, 0);
	return VCPU_RESUME;
}

/* As the guest sees it now: MISC_ENABLE may switch the bit. */
static bool guest_has_mwait(struct vcpu *vcpu)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	x86_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	return ecx & BIT(3);
}

/*
 * MONITOR and MWAIT do nothing: the guest polls. Without the quirk they are #UD for a guest whose CPUID lacks
 * them.
 */
static int handle_monitor(struct vcpu *vcpu)
{
	unsigned int len;
	int r;

	if ((vcpu->vm->disabled_quirks & VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) &&
	    !guest_has_mwait(vcpu))
		return handle_ud(vcpu);
	len = length_or_emulate(vcpu,
				vcpu->exit.reason == VM_EXIT_MWAIT ? EMU_S_MWAIT : EMU_S_MONITOR, &r);
	if (!len)
		return r;
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_xsetbv(struct vcpu *vcpu)
{
	u64 val = (u32)vcpu->regs[VCPU_RAX] | vcpu->regs[VCPU_RDX] << 32;
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, EMU_S_XSETBV, &r);
	if (!len)
		return r;
	if (vcpu_cpl(vcpu) || (u32)vcpu->regs[VCPU_RCX] || x86_set_xcr0(vcpu, val))
		vcpu_raise_error(vcpu, VECTOR_GP, 0);
	else
		insn_advance(vcpu, len);
	return VCPU_RESUME;
}

/* INVD and WBINVD: caches are coherent with all that a guest can reach here. */
static int handle_wbinvd(struct vcpu *vcpu)
{
	unsigned int len;
	int r;

	len = length_or_emulate(vcpu, vcpu->exit.reason == VM_EXIT_INVD ? EMU_S_INVD : EMU_S_WBINVD,
				&r);
	if (!len)
		return r;
	insn_advance(vcpu, len);
	return VCPU_RESUME;
}

static int handle_invlpg(struct vcpu *vcpu)
{
	if (!vcpu->exit.decoded || !vcpu->exit.insn_len)
		return emulate_insn(vcpu, GPA_INVALID);
	mmu_invlpg(vcpu, vcpu->exit.invlpg.gva);
	insn_advance(vcpu, vcpu->exit.insn_len);
	return VCPU_RESUME;
}

static int handle_invpcid(struct vcpu *vcpu)
{
	/* Under nested paging only a guest that is not to have it comes here. */
	return x86_guest_has(vcpu, CPUID_F_INVPCID) ? emulate_insn(vcpu, GPA_INVALID) : handle_ud(vcpu);
}

static int handle_task_switch(struct vcpu *vcpu)
{
	return emulate_task_switch(vcpu);
}

static int handle_lapic_eoi(struct vcpu *vcpu)
{
	lapic_serve_hw_eoi(vcpu, vcpu->exit.lapic.vector);
	return VCPU_RESUME;
}

static int handle_lapic_write(struct vcpu *vcpu)
{
	lapic_serve_hw_write(vcpu, vcpu->exit.lapic.reg, false);
	return VCPU_RESUME;
}

static int (*const handlers[VM_EXIT_NR])(struct vcpu *vcpu) = {
	[VM_EXIT_UNKNOWN] = handle_unknown,
	[VM_EXIT_ENTRY_FAILED] = handle_entry_failed,
	[VM_EXIT_HOST_INTR] = handle_host,
	[VM_EXIT_HOST_NMI] = handle_host,
	[VM_EXIT_HOST_MC] = handle_host,
	[VM_EXIT_HOST_SMI] = handle_host,
	[VM_EXIT_PML_FULL] = handle_host,
	[VM_EXIT_PREEMPTION_TIMER] = handle_timer,
	[VM_EXIT_EXCEPTION] = handle_exception,
	[VM_EXIT_TRIPLE_FAULT] = handle_triple_fault,
	[VM_EXIT_IRQ_WINDOW] = handle_window,
	[VM_EXIT_NMI_WINDOW] = handle_window,
	[VM_EXIT_PAGE_FAULT] = handle_page_fault,
	[VM_EXIT_MMIO_MISCONFIG] = handle_page_fault,
	[VM_EXIT_LAPIC_ACCESS] = handle_page_fault,
	[VM_EXIT_LAPIC_EOI] = handle_lapic_eoi,
	[VM_EXIT_LAPIC_WRITE] = handle_lapic_write,
	[VM_EXIT_CPUID] = handle_cpuid,
	[VM_EXIT_HLT] = handle_hlt,
	[VM_EXIT_HYPERCALL] = handle_hypercall,
	[VM_EXIT_IO] = handle_io,
	[VM_EXIT_RDMSR] = handle_rdmsr,
	[VM_EXIT_WRMSR] = handle_wrmsr,
	[VM_EXIT_CR] = handle_cr,
	[VM_EXIT_DR] = handle_dr,
	[VM_EXIT_INVLPG] = handle_invlpg,
	[VM_EXIT_PAUSE] = handle_pause,
	[VM_EXIT_RDTSC] = handle_emulate,
	[VM_EXIT_RDTSCP] = handle_emulate,
	[VM_EXIT_RDPMC] = handle_rdpmc,
	[VM_EXIT_MONITOR] = handle_monitor,
	[VM_EXIT_MWAIT] = handle_monitor,
	[VM_EXIT_XSETBV] = handle_xsetbv,
	[VM_EXIT_INVD] = handle_wbinvd,
	[VM_EXIT_WBINVD] = handle_wbinvd,
	[VM_EXIT_DESC_TABLE] = handle_emulate,
	[VM_EXIT_TASK_SWITCH] = handle_task_switch,
	[VM_EXIT_RSM] = handle_rsm,
	[VM_EXIT_VIRT_INSN] = handle_ud,
	[VM_EXIT_UD_INSN] = handle_ud,
	[VM_EXIT_SOFT_INT] = handle_soft_int,
	[VM_EXIT_SHADOW_FAULT] = handle_shadow_fault,
	[VM_EXIT_INVPCID] = handle_invpcid,
	[VM_EXIT_STEP] = debug_stepped,
	/* The rest belong to hardware that no backend here switches on yet. */
};

int exit_dispatch(struct vcpu *vcpu)
{
	unsigned int reason = vcpu->exit.reason;
	int (*handler)(struct vcpu *) = NULL;

	if (likely(reason < VM_EXIT_NR))
		handler = handlers[array_index_nospec(reason, VM_EXIT_NR)];
	return handler ? handler(vcpu) : handle_unknown(vcpu);
}
