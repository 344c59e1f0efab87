// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest: VM-entry interruption information (SDM 3C 24.8.3, 26.6), the windows for
 * interrupts and NMIs, interruptibility. With virtual NMIs the CPU keeps the blocking by itself:
 * injecting an NMI blocks, IRET unblocks.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "intel/vt.h"
#include "pure/vt_codec.h"
#include "x86/cr.h"

/* ---- interruptibility ---- */

static __always_inline u32 vt_interruptibility(void)
{
	return vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
}

static __always_inline void vt_change_interruptibility(u32 clear, u32 set)
{
	u32 old = vt_interruptibility(), new = (old & ~clear) | set;

	if (old != new)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, new);
}

bool vt_irq_allowed(struct vcpu *vcpu)
{
	return (vcpu->regs[VCPU_RFLAGS] & X86_EFLAGS_IF) &&
	       !(vt_interruptibility() & (VT_INT_STI | VT_INT_MOV_SS));
}

bool vt_nmi_allowed(struct vcpu *vcpu)
{
	return !(vt_interruptibility() & (VT_INT_STI | VT_INT_MOV_SS | VT_INT_NMI));
}

u32 vt_get_shadow(struct vcpu *vcpu)
{
	u32 state = vt_interruptibility();

	return (state & VT_INT_STI ? VMX_X86_SHADOW_INT_STI : 0) |
	       (state & VT_INT_MOV_SS ? VMX_X86_SHADOW_INT_MOV_SS : 0);
}

/* Both at once are refused by the CPU (26.3.1.5); MOV SS holds back more. */
void vt_set_shadow(struct vcpu *vcpu, u32 shadow)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 set = 0;

	if (shadow & VMX_X86_SHADOW_INT_MOV_SS)
		set = VT_INT_MOV_SS;
	else if (shadow & VMX_X86_SHADOW_INT_STI)
		set = VT_INT_STI;
	vt_change_interruptibility(VT_INT_STI | VT_INT_MOV_SS, set);
	vt->slow |= VT_SLOW_SHADOW;
}

bool vt_get_nmi_mask(struct vcpu *vcpu)
{
	return vt_interruptibility() & VT_INT_NMI;
}

noinstr void vt_set_nmi_mask(struct vcpu *vcpu, bool masked)
{
	vt_change_interruptibility(VT_INT_NMI, masked ? VT_INT_NMI : 0);
}

#define DEBUGCTL_BTF BIT_ULL(1)

/*
 * In a shadow, or halted, with TF set the CPU wants to see the trap that the last instruction has left
 * pending, and outside of one it wants to see none that is not due; STI's shadow wants IF (SDM 3C
 * 26.3.1.5). For whoever changed one of them: the shadow, RFLAGS; and for a #DB that exited, which has
 * cleared what was pending.
 */
noinstr void vt_fix_pending_debug(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	u64 pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG), rflags = vcpu->regs[VCPU_RFLAGS];
	bool step = (rflags & X86_EFLAGS_TF) && !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);
	bool blocked;
	u64 wanted;

	vt->slow &= ~VT_SLOW_SHADOW;
	if (!(rflags & X86_EFLAGS_IF))
		vt_change_interruptibility(VT_INT_STI, 0);
	blocked = (vt_interruptibility() & (VT_INT_STI | VT_INT_MOV_SS)) ||
		  vmcs_read(VMCS_GUEST_ACTIVITY) == VT_ACTIVITY_HLT;
	wanted = blocked && step ? pending | VT_PDBG_BS : pending & ~(u64)VT_PDBG_BS;
	if (wanted != pending)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, wanted);
}

/* ---- windows ---- */

void vt_request_irq_window(struct vcpu *vcpu)
{
	vt_set_proc(to_vt(vcpu), VT_PROC_INTR_WINDOW, true);
}

/* STI's shadow holds the NMI back here, but not the CPU's NMI window: wait for the other one. */
void vt_request_nmi_window(struct vcpu *vcpu)
{
	u32 window = vt_interruptibility() & VT_INT_STI ? VT_PROC_INTR_WINDOW : VT_PROC_NMI_WINDOW;

	vt_set_proc(to_vt(vcpu), window, true);
}

/* ---- injection ---- */

/*
 * Where HLT does not exit the guest may be halted in the VMCS. A halted CPU takes only some events
 * (26.3.1.5), and whatever we raise or set is for one that runs.
 */
void vt_unhalt(struct vt_vcpu *vt)
{
	if (likely(vt->ctl.proc & VT_PROC_HLT))
		return;
	if (vmcs_read(VMCS_GUEST_ACTIVITY) == VT_ACTIVITY_HLT)
		vmcs_write(VMCS_GUEST_ACTIVITY, VT_ACTIVITY_ACTIVE);
}

#define VECTOR_DB 1

/*
 * INT n, INT3, INTO that the guest executed, RIP still there. Without a length the guest does it again
 * by itself, as nothing has changed since.
 */
static u32 vt_soft_info(const struct vm_event *event)
{
	enum vt_intr_type type = VT_INTR_SOFT_EXC;

	if (!event->insn_len)
		return 0;
	if (event->type == VM_EVENT_SOFT_INT)
		type = VT_INTR_SOFT_INT;
	else if (event->vector == VECTOR_DB)
		type = VT_INTR_PRIV_SW_EXC;
	vmcs_write(VMCS_ENTRY_INSN_LEN, event->insn_len);
	return vt_intr_pack(type, event->vector, false);
}

static u32 vt_exception_info(struct vcpu *vcpu, const struct vm_event *event)
{
	bool error = event->has_error && (vcpu_cr0(vcpu) & X86_CR0_PE);

	/* #BP and #OF are software exceptions to the CPU; of length 0 they are ours (26.2.1.3). */
	if (event->vector == 3 || event->vector == 4) {
		vmcs_write(VMCS_ENTRY_INSN_LEN, event->insn_len ? event->insn_len : 1);
		return vt_intr_pack(VT_INTR_SOFT_EXC, event->vector, false);
	}
	/* Real mode pushes no error codes, and the CPU insists (26.2.1.3). */
	if (error)
		vmcs_write(VMCS_ENTRY_INTR_ERROR, event->error & 0xffff7fff);
	return vt_intr_pack(VT_INTR_HARD_EXC, event->vector, error);
}

void vt_inject(struct vcpu *vcpu, const struct vm_event *event)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	u32 info;

	switch (event->type) {
	case VM_EVENT_IRQ:
		info = vt_intr_pack(VT_INTR_EXTERNAL, event->vector, false);
		/* Who has another asks again; the VMM's own request stands until the exit. */
		if (vcpu->lapic)
			vt_set_proc(vt, VT_PROC_INTR_WINDOW, false);
		break;
	case VM_EVENT_NMI:
		vt_set_nmi_mask(vcpu, false);
		info = vt_intr_pack(VT_INTR_NMI, event->vector, false);
		break;
	case VM_EVENT_EXCEPTION:
		info = vt_exception_info(vcpu, event);
		break;
	case VM_EVENT_SOFT_INT:
	case VM_EVENT_SOFT_EXC:
		info = vt_soft_info(event);
		break;
	default:
		return;
	}
	vt_unhalt(vt);
	vmcs_write(VMCS_ENTRY_INTR_INFO, info);
	if (!info) {
		vt->slow &= ~VT_SLOW_EVENT;
		return;
	}
	vt->injecting = *event;
	vt->slow |= VT_SLOW_EVENT;
}

void vt_cancel_injection(struct vcpu *vcpu, struct vm_event *event)
{
	struct vt_vcpu *vt = to_vt(vcpu);

	event->type = VM_EVENT_NONE;
	if (!(vt->slow & VT_SLOW_EVENT))
		return;
	vt->slow &= ~VT_SLOW_EVENT;
	*event = vt->injecting;
	vt->injecting.type = VM_EVENT_NONE;
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}
