// SPDX-License-Identifier: GPL-2.0-only
/*
 * Around the world switch.
 *
 * What one entry and exit costs besides general registers (nothing of it grows with the number of
 * exits served in the inner loop):
 *
 *	VMWRITE		RIP, if the instruction was skipped; what else has changed; the preemption timer, with
 *			a RDTSC, while the guest's timer is armed
 *	VMREAD		reason, RIP, RFLAGS; of an instruction its length and interrupt shadow
 *	RDMSR, WRMSR	0; SPEC_CTRL only if guest's and host's differ or the guest writes it itself
 *	MOV CR2		one read each before and after
 *	locked operations 0
 */
#include <linux/context_tracking.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/idtentry.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "intel/decode.h"
#include "intel/vt.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"

static __always_inline void vt_choose_spec_ctrl(struct vt_vcpu *vt)
{
	u64 host;

	if (!static_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return;
	host = this_cpu_read(x86_spec_ctrl_current);
	vt->entry.spec_host = host;
	vt->entry.flags &= ~(VT_ENTRY_SWITCH_SPEC | VT_ENTRY_READ_SPEC);
	/* Without enhanced IBRS the bit must be written after each exit, though it is set. */
	if (vt->entry.spec_guest != host || static_cpu_has(X86_FEATURE_KERNEL_IBRS))
		vt->entry.flags |= VT_ENTRY_SWITCH_SPEC;
	if (vt->spec_ctrl_passed)
		vt->entry.flags |= VT_ENTRY_READ_SPEC;
}

static noinstr void vt_enter_slow(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	if (vt->slow & VT_SLOW_FLUSH) {
		instrumentation_begin();
		vt_flush_now(vt);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_SHADOW)
		vt_fix_pending_debug(vcpu, vt);
	if (vt->slow & VT_SLOW_DELIVERY) {
		instrumentation_begin();
		vt_delivery_enter(vt);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_DR6) {
		instrumentation_begin();
		set_debugreg(vt->dr6, 6);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_PEBS)
		native_wrmsrl(MSR_IA32_PEBS_ENABLE, 0);
	if (vt->slow & VT_SLOW_L1D) {
		instrumentation_begin();
		vt_l1d_flush();
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_ORACLE) {
		instrumentation_begin();
		vt_audit(vcpu);
		mmu_ledger_check(vcpu);
		instrumentation_end();
	}
}

static noinstr void vt_exit_slow(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	if (vt->slow & VT_SLOW_DEBUGCTL)
		native_wrmsrl(MSR_IA32_DEBUGCTLMSR, vt->host_debugctl);
	if (vt->slow & VT_SLOW_DR6) {
		instrumentation_begin();
		get_debugreg(vt->dr6, 6);
		set_debugreg(DR6_RESERVED, 6);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_DELIVERY) {
		instrumentation_begin();
		vt_delivery_exit(vt);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_PML) {
		instrumentation_begin();
		vt_pml_empty(vt);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_UNFIT) {
		instrumentation_begin();
		mmu_mode_changed(vcpu);
		instrumentation_end();
	}
	if (vt->slow & VT_SLOW_ORACLE) {
		instrumentation_begin();
		mmu_ledger_check(vcpu);
		instrumentation_end();
	}
	/* Delivered, or in the vectoring information. The CPU has cleared the valid bit (27.2.1). */
	vt->injected = vt->injecting;
	vt->injecting.type = VM_EVENT_NONE;
	vt->slow &= ~(VT_SLOW_EVENT | VT_SLOW_SHADOW);
}

/* The guest wrote the TPR, in the page of its LAPIC. */
static noinstr void vt_tpr_changed(struct vcpu *vcpu)
{
	instrumentation_begin();
	lapic_tpr_changed(vcpu);
	instrumentation_end();
}

/*
 * The threshold must not be above the TPR (SDM 3C 26.2.1.1): whoever lowered the TPR has asked for a new
 * look at what it holds back.
 */
static noinstr void vt_lower_threshold(struct vt_vcpu *vt, u32 vtpr)
{
	vt->ctl.tpr_threshold = vtpr >> 4;
	vmcs_write(VMCS_TPR_THRESHOLD, vt->ctl.tpr_threshold);
}

/*
 * The guest has not run. Registers are still in regs[], and in the VMCS what was written: the next
 * entry writes it again, since an entry that fails leaves open how far it came.
 */
static noinstr void vt_not_entered(struct vcpu *vcpu, struct vt_vcpu *vt, int failure)
{
	struct vm_exit *exit = &vcpu->exit;

	*exit = (struct vm_exit){ .reason = VM_EXIT_ENTRY_FAILED };
	if (failure == VT_REFUSED)
		exit->hw_reason = vmcs_read(VMCS_VM_INSN_ERROR);
	else
		exit->hw_reason = VT_REASON_ENTRY_FAILED | VT_REASON_BASIC;
	vt->slow |= VT_SLOW_FLUSH;
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}

/*
 * As an exit: the reason says so, and the guest's state is that of before. But the VMCS does not count
 * as launched, and the event to inject stays valid in it (SDM 3C 26.8). A machine check has nothing to
 * do with the event: it goes in with the next entry.
 */
static noinstr void vt_entry_failed(struct vcpu *vcpu, struct vt_vcpu *vt, u32 reason, bool injected)
{
	vt_decode(vcpu, vt, reason);
	if (vcpu->exit.reason == VM_EXIT_HOST_MC && injected)
		vcpu->exit.vectoring = vt->injected;
	vt->slow |= VT_SLOW_FLUSH;
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}

/*
 * An NMI that ended the run: the host's handler, at once, while NMIs are still blocked (SDM 3C 27.2.2
 * and 27.5.5); its IRET opens them. perf finds the guest's RIP in regs[].
 */
static noinstr void vt_host_nmi(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->host_event, VCPU_HOST_NMI);
	compat_host_nmi(vt_call_gate);
	WRITE_ONCE(vcpu->host_event, 0);
}

static __always_inline bool vt_is_nmi(u32 info)
{
	return vt_intr_type(info) == VT_INTR_NMI;
}

static __always_inline void vt_write_regs(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	u64 *regs = vcpu->regs;

	if (likely(regs[VCPU_RIP] != vt->rip))
		vmcs_write(VMCS_GUEST_RIP, regs[VCPU_RIP]);
	if (unlikely(regs[VCPU_RFLAGS] != vt->rflags)) {
		vmcs_write(VMCS_GUEST_RFLAGS, regs[VCPU_RFLAGS]);
		vt->slow |= VT_SLOW_SHADOW;
	}
	if (unlikely(vcpu->regs_dirty & BIT(VCPU_RSP)))
		vmcs_write(VMCS_GUEST_RSP, regs[VCPU_RSP]);
	if (unlikely(native_read_cr2() != vcpu->cr2))
		native_write_cr2(vcpu->cr2);
}

noinstr void vt_enter(struct vcpu *vcpu)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u64 *regs = vcpu->regs;
	u32 reason, slow, vtpr = *vt->vtpr;
	int failure;

	vt_write_regs(vcpu, vt);
	if (unlikely(vt->ctl.tpr_threshold > vtpr >> 4))
		vt_lower_threshold(vt, vtpr);
	vt_choose_spec_ctrl(vt);
	compat_clear_mmio_data(READ_ONCE(vcpu->vm->maps_device));
	if (unlikely(vt->slow)) {
		if (vt->slow & VT_SLOW_TIMER)
			vt_timer_enter(vt);
		if (unlikely(vt->slow & ~VT_SLOW_TIMER))
			vt_enter_slow(vcpu, vt);
	}

	failure = vt_vmenter(&vt->entry);

	vcpu->cr2 = native_read_cr2();
	if (unlikely(failure)) {
		vt->rip = ~regs[VCPU_RIP];
		vt->rflags = ~regs[VCPU_RFLAGS];
		if (vt->slow)
			vt_exit_slow(vcpu, vt);
		vt_not_entered(vcpu, vt, failure);
		return;
	}
	reason = vmcs_read(VMCS_EXIT_REASON);
	regs[VCPU_RIP] = vt->rip = vmcs_read(VMCS_GUEST_RIP);
	regs[VCPU_RFLAGS] = vt->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	vcpu->regs_avail = vt->avail_after_run;
	vcpu->regs_dirty = 0;
	vt->segs.valid = 0;
	slow = vt->slow;
	if (unlikely(slow & ~VT_SLOW_TIMER))
		vt_exit_slow(vcpu, vt);
	if (unlikely((reason & VT_REASON_BASIC) == VT_EXIT_EXCEPTION_NMI) &&
	    vt_is_nmi(vmcs_read(VMCS_EXIT_INTR_INFO)))
		vt_host_nmi(vcpu);
	compat_note_guest_ran();
	if (unlikely(reason & VT_REASON_ENTRY_FAILED)) {
		vt_entry_failed(vcpu, vt, reason, slow & VT_SLOW_EVENT);
		return;
	}
	vt->entry.flags |= VT_ENTRY_LAUNCHED;
	if (unlikely(*vt->vtpr != vtpr))
		vt_tpr_changed(vcpu);
	vt_decode(vcpu, vt, reason);
}

/*
 * With "acknowledge interrupt on exit", which posted interrupts need, the exit has taken the interrupt from
 * the host's APIC: its handler, by the IDT, as the CPU would have called it. perf finds the guest's RIP in
 * regs[], as with an NMI.
 */
static void vt_host_interrupt(struct vcpu *vcpu)
{
	u32 info = vmcs_read(VMCS_EXIT_INTR_INFO);
	const gate_desc *gates;
	struct desc_ptr idt;

	if (!(info & VT_INTR_VALID))
		return;
	store_idt(&idt);
	gates = (const gate_desc *)idt.address;
	WRITE_ONCE(vcpu->host_event, VCPU_HOST_IRQ);
	vt_call_gate(gate_offset(&gates[vt_intr_vector(info)]));
	WRITE_ONCE(vcpu->host_event, 0);
}

/*
 * Else interrupts that ended the run are still pending in the host's APIC: they come once the caller lets
 * them. A machine check is not: the CPU has forgotten that it wanted to raise one. The handler is told that
 * it hit user code, as the guest is to the host.
 */
void vt_handle_host_event(struct vcpu *vcpu)
{
	/* The core's reason may be that an exit was served; what the hardware said is not changed by that. */
	if (vt_host.apic.posted && (vcpu->exit.hw_reason & VT_REASON_BASIC) == VT_EXIT_EXTERNAL_INTERRUPT)
		vt_host_interrupt(vcpu);
#ifdef CONFIG_X86_MCE
	if (unlikely(vcpu->exit.reason == VM_EXIT_HOST_MC)) {
		struct pt_regs regs = { .cs = __USER_CS, .flags = X86_EFLAGS_IF };

		do_machine_check(&regs);
	}
#endif
}
