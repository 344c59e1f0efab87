// SPDX-License-Identifier: GPL-2.0-only
/* Where a field of the VMCB is kept, and writing it as it is. */
#include <asm/msr-index.h>

#include "amd/svm.h"
#include "pure/svm_codec.h"
#include "pure/svm_fields.h"
#include "x86/field.h"

#define AT(member) offsetof(struct vmcb, member)

unsigned int svm_field_width(u32 id)
{
	const struct svm_field_row *row = svm_field_find(id);

	return row ? row->width : 0;
}

bool svm_write_field(struct vcpu *vcpu, u32 id, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const struct svm_field_row *row = svm_field_find(id);

	memcpy((u8 *)svm->vmcb + row->offset, &val, row->width);
	svm_dirty(svm, ~0U);
	return true;
}

/* The segments and tables lie 16 bytes apart, from ES on: selector, attributes, limit, base. */
static enum vm_field_home segment_home(u32 id, u64 val, struct vmx_sregs *s)
{
	static const u8 segs[] = { VCPU_SEG_ES, VCPU_SEG_CS, VCPU_SEG_SS, VCPU_SEG_DS, VCPU_SEG_FS, VCPU_SEG_GS,
				   VCPU_NR_SEGS, VCPU_SEG_LDTR, VCPU_NR_SEGS, VCPU_SEG_TR };
	unsigned int n = (id - AT(save.es)) / sizeof(struct vmcb_seg), part = id % sizeof(struct vmcb_seg);
	struct svm_seg_fields f;
	struct vmx_segment *seg;

	if (segs[n] == VCPU_NR_SEGS) {
		struct vmx_dtable *table = id < AT(save.ldtr) ? &s->gdt : &s->idt;

		if (part == offsetof(struct vmcb_seg, base))
			table->base = val;
		else if (part == offsetof(struct vmcb_seg, limit) && val <= 0xffff)
			table->limit = val;
		else
			return VM_FIELD_RAW;
		return VM_FIELD_SREGS;
	}
	seg = sregs_segment(s, segs[n]);
	switch (part) {
	case offsetof(struct vmcb_seg, selector):
		seg->selector = val;
		break;
	case offsetof(struct vmcb_seg, limit):
		seg->limit = val;
		break;
	case offsetof(struct vmcb_seg, base):
		seg->base = val;
		break;
	default:
		svm_attr_unpack(val, &f);
		seg->type = f.type;
		seg->s = f.s;
		seg->dpl = f.dpl;
		seg->present = f.present;
		seg->avl = f.avl;
		seg->l = f.l;
		seg->db = f.db;
		seg->g = f.g;
		seg->unusable = !f.present;
	}
	return VM_FIELD_SREGS;
}

static enum vm_field_home msr_home(struct vm_field_write *w, u32 msr)
{
	w->msr = msr;
	return VM_FIELD_MSR;
}

static enum vm_field_home reg_home(struct vm_field_write *w, enum vcpu_reg reg)
{
	w->reg = reg;
	return VM_FIELD_REG;
}

enum vm_field_home svm_field_home(u32 id, u64 val, struct vm_field_write *w)
{
	const struct svm_field_row *row = svm_field_find(id);

	if (!row)
		return VM_FIELD_UNKNOWN;
	if (row->kind != SVM_FIELD_GUEST)
		return row->kind == SVM_FIELD_EXIT ? VM_FIELD_READ_ONLY : VM_FIELD_RAW;
	if (id < AT(save.tr) + sizeof(struct vmcb_seg))
		return segment_home(id, val, &w->sregs);
	switch (id) {
	case AT(save.efer):
		w->sregs.efer = val & ~(u64)EFER_SVME;	/* the host's need */
		return VM_FIELD_SREGS;
	case AT(save.cr0):
		w->sregs.cr0 = val;
		return VM_FIELD_SREGS;
	case AT(save.cr2):
		w->sregs.cr2 = val;
		return VM_FIELD_SREGS;
	case AT(save.cr3):
		w->sregs.cr3 = val;
		return VM_FIELD_SREGS;
	case AT(save.cr4):
		w->sregs.cr4 = val;
		return VM_FIELD_SREGS;
	case AT(save.rax):
		return reg_home(w, VCPU_RAX);
	case AT(save.rsp):
		return reg_home(w, VCPU_RSP);
	case AT(save.rip):
		return reg_home(w, VCPU_RIP);
	case AT(save.rflags):
		return reg_home(w, VCPU_RFLAGS);
	case AT(save.dr6):
		return VM_FIELD_DR6;
	case AT(save.dr7):
		return VM_FIELD_DR7;
	case AT(save.star):
		return msr_home(w, MSR_STAR);
	case AT(save.lstar):
		return msr_home(w, MSR_LSTAR);
	case AT(save.cstar):
		return msr_home(w, MSR_CSTAR);
	case AT(save.sfmask):
		return msr_home(w, MSR_SYSCALL_MASK);
	case AT(save.kernel_gs_base):
		return msr_home(w, MSR_KERNEL_GS_BASE);
	case AT(save.sysenter_cs):
		return msr_home(w, MSR_IA32_SYSENTER_CS);
	case AT(save.sysenter_esp):
		return msr_home(w, MSR_IA32_SYSENTER_ESP);
	case AT(save.sysenter_eip):
		return msr_home(w, MSR_IA32_SYSENTER_EIP);
	case AT(save.g_pat):
		return msr_home(w, MSR_IA32_CR_PAT);
	case AT(save.dbgctl):
		return msr_home(w, MSR_IA32_DEBUGCTLMSR);
	default:
		return VM_FIELD_RAW;
	}
}
