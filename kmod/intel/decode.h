/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From exit reason and qualification to struct vm_exit: SDM 3C 24.9, 27.2, appendix C. The frequent
 * kinds are decoded here, inline in vt_enter(); exit.c has the table and the others.
 *
 * What an exit reads of the VMCS beyond reason, RIP and RFLAGS follows from its row: an instruction's
 * length and interrupt shadow; or, where delivery of an event may have been cut short, the vectoring
 * information. An instruction's own exit never comes in the middle of a delivery (27.2.4).
 */
#ifndef VMX_INTEL_DECODE_H
#define VMX_INTEL_DECODE_H

#include <linux/nospec.h>

#include "intel/vt.h"
#include "pure/lapic.h"
#include "pure/vt_codec.h"

/* How the operands are found. */
enum vt_exit_kind {
	VT_KIND_PLAIN,
	VT_KIND_IO,
	VT_KIND_EPT_VIOLATION,
	VT_KIND_EPT_MISCONFIG,
	VT_KIND_APIC_ACCESS,
	VT_KIND_EXCEPTION,
	VT_KIND_CR,
	VT_KIND_DR,
	VT_KIND_INVLPG,
	VT_KIND_TASK,
	VT_KIND_INTR_WINDOW,
	VT_KIND_NMI_WINDOW,
	VT_KIND_PML_FULL,
	VT_KIND_TIMER,
	VT_KIND_ENTRY_FAILED,
	VT_KIND_MTF,
	VT_KIND_VIRTUAL_EOI,
	VT_KIND_APIC_WRITE,
};

/* One word for each basic reason: bits 7:0 enum vm_exit_reason, 15:8 enum vt_exit_kind, and flags. */
#define VT_ROW(reason, kind) ((reason) | (kind) << 8)
#define VT_ROW_REASON(row) ((row) & 0xff)
#define VT_ROW_KIND(row) ((row) >> 8 & 0xff)
#define VT_ROW_INSN (1U << 16)		/* an instruction's exit: length and shadow */
#define VT_ROW_VECTORING (1U << 17)	/* may have cut the delivery of an event short */

extern const u32 vt_exit_table[VT_EXIT_TABLE_SIZE];

void vt_decode_operands(struct vcpu *vcpu, enum vt_exit_kind kind);

/* vt_qual_io() in a form that fits ours: bits 3 IN, 4 string, 5 REP, SDM 3C table 27-5. */
static __always_inline void vt_decode_io(struct vm_exit *exit)
{
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION);

	static_assert((int)VM_IO_IN == 1 && (int)VM_IO_STRING == 4 && (int)VM_IO_REP == 8);
	exit->info1 = qual;
	exit->io.port = qual >> 16;
	exit->io.size = (qual & 7) + 1;
	exit->io.flags = (qual >> 3 & VM_IO_IN) | (qual >> 2 & (VM_IO_STRING | VM_IO_REP));
}

static __always_inline void vt_decode_violation(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vt_ept_access a;

	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	exit->info2 = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS);
	a = vt_qual_ept(exit->info1);
	exit->pf.gpa = exit->info2;
	exit->pf.flags = (a.write ? VM_PF_WRITE : 0) | (a.fetch ? VM_PF_FETCH : 0) |
			 (a.present ? VM_PF_PRESENT : 0) | (a.guest_table ? VM_PF_GUEST_TABLE : 0);
	/* The fault came on an IRET that had already unblocked NMIs: it is to be done again. */
	if (unlikely(a.nmi_unblock) && exit->vectoring.type == VM_EVENT_NONE)
		vt_set_nmi_mask(vcpu, true);
}

/* What it takes to find and carry out the instruction: see exit_learn_mode() and x86/gva.c. */
static __always_inline void vt_fetch_for_device(struct vcpu *vcpu, struct vt_vcpu *vt)
{
	struct vm_exit *exit = &vcpu->exit;
	u64 *regs = vcpu->regs;

	regs[VCPU_CR0] = vt_read_cr0(vt);
	regs[VCPU_CR3] = vmcs_read(VMCS_GUEST_CR3);
	regs[VCPU_CR4] = vt_read_cr4(vt);
	regs[VCPU_EFER] = vmcs_read(VMCS_GUEST_EFER);
	regs[VCPU_RSP] = vmcs_read(VMCS_GUEST_RSP);
	vcpu->regs_avail = ~0U;
	exit->cs_flags = vmcs_read(VMCS_GUEST_CS_AR) >> 4;
	exit->cpl = (vmcs_read(VMCS_GUEST_SS_AR) & VT_AR_DPL) >> VT_AR_DPL_SHIFT;
	exit->shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (VT_INT_STI | VT_INT_MOV_SS);
	exit->mode_known = true;
}

static __always_inline void vt_decode_apic_access(struct vcpu *vcpu, struct vt_vcpu *vt,
						  struct vm_exit *exit)
{
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION);
	unsigned int type = vt_qual_apic_type(qual);

	exit->info1 = qual;
	exit->pf.gpa = LAPIC_DEFAULT_BASE | (qual & VT_APIC_OFFSET);
	exit->pf.flags = VM_PF_PRESENT | (type == VT_APIC_LINEAR_WRITE ? VM_PF_WRITE : 0);
	if (likely(type <= VT_APIC_LINEAR_WRITE))
		vt_fetch_for_device(vcpu, vt);
	else
		vt_decode_operands(vcpu, VT_KIND_APIC_ACCESS);
}

static __always_inline void vt_decode(struct vcpu *vcpu, struct vt_vcpu *vt, u32 reason)
{
	struct vm_exit *exit = &vcpu->exit;
	u32 row, info, basic = reason & VT_REASON_BASIC;

	exit->hw_reason = reason;
	exit->info1 = 0;
	exit->info2 = 0;
	exit->insn_len = 0;
	exit->decoded = false;
	exit->mode_known = false;
	exit->shadow = 0;
	exit->vectoring = (struct vm_event){};
	row = 0;
	if (likely(basic < VT_EXIT_TABLE_SIZE))
		row = vt_exit_table[array_index_nospec(basic, VT_EXIT_TABLE_SIZE)];
	exit->reason = VT_ROW_REASON(row);
	if (likely(row & VT_ROW_INSN)) {
		exit->insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
		exit->shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (VT_INT_STI | VT_INT_MOV_SS);
	} else if (row & VT_ROW_VECTORING) {
		info = vmcs_read(VMCS_IDT_VECTORING_INFO);
		if (unlikely(info & VT_INTR_VALID))
			exit->vectoring = vt_take_vectoring(vcpu, info);
	}
	switch (VT_ROW_KIND(row)) {
	case VT_KIND_PLAIN:
		break;
	case VT_KIND_IO:
		vt_decode_io(exit);
		break;
	case VT_KIND_EPT_VIOLATION:
		vt_decode_violation(vcpu, exit);
		break;
	case VT_KIND_EPT_MISCONFIG:
		exit->info2 = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS);
		exit->pf.gpa = exit->info2;
		exit->pf.flags = VM_PF_PRESENT | VM_PF_RSVD;
		vt_fetch_for_device(vcpu, vt);
		break;
	case VT_KIND_APIC_ACCESS:
		vt_decode_apic_access(vcpu, vt, exit);
		break;
	default:
		vt_decode_operands(vcpu, VT_ROW_KIND(row));
	}
}

#endif /* VMX_INTEL_DECODE_H */
