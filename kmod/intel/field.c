// SPDX-License-Identifier: GPL-2.0-only
/* Where a field of the VMCS is kept, and writing it as it is. */
#include <asm/msr-index.h>

#include "intel/vt.h"
#include "pure/vt_codec.h"
#include "x86/field.h"

unsigned int vt_field_width_bytes(u32 id)
{
	static const u8 widths[] = { [VMCS_WIDTH_16] = 2, [VMCS_WIDTH_64] = 8, [VMCS_WIDTH_32] = 4,
				     [VMCS_WIDTH_NATURAL] = 8 };

	return vmcs_field_known(id) ? widths[vmcs_field_width(id)] : 0;
}

bool vt_write_field(struct vcpu *vcpu, u32 id, u64 val)
{
	return vmcs_try_write(id, val);
}

/* The VMCS' order of segments (SDM 3D appendix B.1.2): as the instructions number them, then LDTR, TR. */
static struct vmx_segment *segment_of(struct vmx_sregs *s, u32 id, enum vmcs_field first)
{
	static const u8 segs[] = { VCPU_SEG_ES, VCPU_SEG_CS, VCPU_SEG_SS, VCPU_SEG_DS, VCPU_SEG_FS, VCPU_SEG_GS,
				   VCPU_SEG_LDTR, VCPU_SEG_TR };

	return sregs_segment(s, segs[(id - first) / 2]);
}

static bool segment_home(u32 id, u64 val, struct vmx_sregs *s)
{
	if (id >= VMCS_GUEST_ES_SELECTOR && id <= VMCS_GUEST_TR_SELECTOR)
		segment_of(s, id, VMCS_GUEST_ES_SELECTOR)->selector = val;
	else if (id >= VMCS_GUEST_ES_LIMIT && id <= VMCS_GUEST_TR_LIMIT)
		segment_of(s, id, VMCS_GUEST_ES_LIMIT)->limit = val;
	else if (id >= VMCS_GUEST_ES_AR && id <= VMCS_GUEST_TR_AR)
		vt_ar_unpack(val, segment_of(s, id, VMCS_GUEST_ES_AR));
	else if (id >= VMCS_GUEST_ES_BASE && id <= VMCS_GUEST_TR_BASE)
		segment_of(s, id, VMCS_GUEST_ES_BASE)->base = val;
	else
		return false;
	return true;
}

static bool sregs_home(u32 id, u64 val, struct vmx_sregs *s)
{
	switch (id) {
	case VMCS_GUEST_CR0:
		s->cr0 = val;
		return true;
	case VMCS_GUEST_CR3:
		s->cr3 = val;
		return true;
	case VMCS_GUEST_CR4:
		s->cr4 = val & ~(u64)X86_CR4_VMXE;	/* the host's need */
		return true;
	case VMCS_GUEST_EFER:
		s->efer = val;
		return true;
	case VMCS_GUEST_GDTR_BASE:
		s->gdt.base = val;
		return true;
	case VMCS_GUEST_IDTR_BASE:
		s->idt.base = val;
		return true;
	case VMCS_GUEST_GDTR_LIMIT:
		s->gdt.limit = val;
		return val <= 0xffff;
	case VMCS_GUEST_IDTR_LIMIT:
		s->idt.limit = val;
		return val <= 0xffff;
	default:
		return segment_home(id, val, s);
	}
}

enum vm_field_home vt_field_home(u32 id, u64 val, struct vm_field_write *w)
{
	if (!vmcs_field_known(id))
		return VM_FIELD_UNKNOWN;
	if (vmcs_field_kind(id) == VMCS_KIND_READ_ONLY)
		return VM_FIELD_READ_ONLY;
	if (vmcs_field_kind(id) != VMCS_KIND_GUEST)
		return VM_FIELD_RAW;
	if (sregs_home(id, val, &w->sregs))
		return VM_FIELD_SREGS;
	w->reg = id == VMCS_GUEST_RSP ? VCPU_RSP : id == VMCS_GUEST_RIP ? VCPU_RIP : VCPU_RFLAGS;
	switch (id) {
	case VMCS_GUEST_RSP:
	case VMCS_GUEST_RIP:
	case VMCS_GUEST_RFLAGS:
		return VM_FIELD_REG;
	case VMCS_GUEST_DR7:
		return VM_FIELD_DR7;
	case VMCS_GUEST_DEBUGCTL:
		w->msr = MSR_IA32_DEBUGCTLMSR;
		return VM_FIELD_MSR;
	case VMCS_GUEST_PAT:
		w->msr = MSR_IA32_CR_PAT;
		return VM_FIELD_MSR;
	case VMCS_GUEST_SYSENTER_CS:
		w->msr = MSR_IA32_SYSENTER_CS;
		return VM_FIELD_MSR;
	case VMCS_GUEST_SYSENTER_ESP:
		w->msr = MSR_IA32_SYSENTER_ESP;
		return VM_FIELD_MSR;
	case VMCS_GUEST_SYSENTER_EIP:
		w->msr = MSR_IA32_SYSENTER_EIP;
		return VM_FIELD_MSR;
	default:
		return VM_FIELD_RAW;
	}
}
