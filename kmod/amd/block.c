// SPDX-License-Identifier: GPL-2.0-only
/* The control block to look at: field by field, and against the rules of VMRUN. */
#include <linux/build_bug.h>
#include <asm/processor-flags.h>

#include "amd/svm.h"
#include "pure/svm_fields.h"

/* The list and the block that the code works with are one. */
#define SVM_FIELD_SAME(member, at, width, kind, words)                     \
	static_assert(offsetof(struct vmcb, member) == (at) &&              \
		      sizeof(((struct vmcb *)0)->member) == (width), #member);
SVM_FIELDS(SVM_FIELD_SAME)
#undef SVM_FIELD_SAME

static_assert(SVM_FIELD_CONTROL == VMX_X_FIELD_CONTROL && SVM_FIELD_EXIT == VMX_X_FIELD_EXIT &&
	      SVM_FIELD_GUEST == VMX_X_FIELD_GUEST);

#define AT(member) offsetof(struct vmcb, member)

/* What svm_enter() writes into the block, before it does. */
static u64 svm_field_value(struct vcpu *vcpu, const struct svm_field_row *row)
{
	const struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	u64 val = 0;

	switch (row->offset) {
	case AT(save.rax):
		return vcpu->regs[VCPU_RAX];
	case AT(save.rsp):
		return vcpu->regs[VCPU_RSP];
	case AT(save.rip):
		return vcpu->regs[VCPU_RIP];
	case AT(save.rflags):
		return vcpu->regs[VCPU_RFLAGS];
	case AT(save.cr2):
		return vcpu->cr2;
	case AT(control.int_ctl):
		return (vmcb->control.int_ctl & ~SVM_INT_V_TPR) | vcpu->cr8;
	}
	memcpy(&val, (const u8 *)vmcb + row->offset, row->width);
	return val;
}

unsigned int svm_get_block(struct vcpu *vcpu, struct vmx_x_field *fields)
{
	bool shadow = !to_svm(vcpu)->nested;
	unsigned int i;

	for (i = 0; i < svm_nr_fields; i++) {
		const struct svm_field_row *row = &svm_field_rows[i];

		fields[i] = (struct vmx_x_field){
			.id = row->offset,
			.width = row->width,
			.kind = row->kind,
			.flags = svm_field_is_host_address(row->offset, shadow) ? VMX_X_FIELD_HIDDEN : 0,
			.value = svm_field_value(vcpu, row),
		};
	}
	return svm_nr_fields;
}

/* ---- the checks of VMRUN: APM 2 15.5.1, "canonicalization and consistency checks" ---- */

#define SVM_EFER_KNOWN \
	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_SVME | EFER_FFXSR | BIT_ULL(13) | \
	 BIT_ULL(15) | BIT_ULL(17) | BIT_ULL(18) | BIT_ULL(20) | BIT_ULL(21))

static bool svm_event_illegal(u64 event)
{
	if (!(event & SVM_EVENT_VALID))
		return false;
	switch (svm_event_type(event)) {
	case SVM_EVENT_INTR:
	case SVM_EVENT_NMI:
	case SVM_EVENT_SOFT_INT:
		return false;
	case SVM_EVENT_EXCEPTION:
		/* Vector 2 is no exception, nor is one above 31. */
		return svm_event_vector(event) == 2 || svm_event_vector(event) > 31;
	default:
		return true;
	}
}

unsigned int svm_check_block(struct vcpu *vcpu, vm_violation_report *report, void *ctx)
{
	const struct svm_vcpu *svm = to_svm(vcpu);
	const struct vmcb_control *c = &svm->vmcb->control;
	const struct vmcb_save *s = &svm->vmcb->save;
	bool pg = s->cr0 & X86_CR0_PG, lme = s->efer & EFER_LME;
	bool pae = s->cr4 & X86_CR4_PAE;
	u64 max_pa = BIT_ULL(boot_cpu_data.x86_phys_bits);
	const struct {
		bool broken;
		u16 field;
		const char *rule;
	} rules[] = {
		{ !(s->efer & EFER_SVME), AT(save.efer), "EFER.SVME is clear" },
		{ (s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD), AT(save.cr0),
		  "CR0.NW is set, CR0.CD clear" },
		{ s->cr0 >> 32, AT(save.cr0), "CR0 has bits above 31" },
		{ s->cr3 >= max_pa && !(s->cr4 & X86_CR4_PCIDE), AT(save.cr3),
		  "CR3 is beyond physical memory" },
		{ s->cr4 & ~svm_host.cr4_supported, AT(save.cr4), "CR4 has a bit that the CPU lacks" },
		{ s->dr6 >> 32, AT(save.dr6), "DR6 has bits above 31" },
		{ s->dr7 >> 32, AT(save.dr7), "DR7 has bits above 31" },
		{ s->efer & ~SVM_EFER_KNOWN, AT(save.efer), "EFER has a reserved bit" },
		{ lme && pg && !pae, AT(save.cr4), "long mode with paging but without CR4.PAE" },
		{ lme && pg && !(s->cr0 & X86_CR0_PE), AT(save.cr0),
		  "long mode with paging but without CR0.PE" },
		{ lme && pg && pae && (s->cs.attr & SVM_SEG_L) && (s->cs.attr & SVM_SEG_DB),
		  AT(save.cs.attr), "CS.L and CS.D are both set" },
		{ !svm_intercepted(svm, SVM_INTERCEPT_VMRUN),
		  AT(control.intercept[SVM_INTERCEPT_VMRUN / 32]), "VMRUN is not intercepted" },
		{ c->msrpm_pa >= max_pa, AT(control.msrpm_pa),
		  "the MSR permission map is beyond physical memory" },
		{ c->iopm_pa >= max_pa, AT(control.iopm_pa),
		  "the I/O permission map is beyond physical memory" },
		{ !c->asid, AT(control.asid), "the ASID is 0" },
		{ c->asid >= svm_host.nr_asids, AT(control.asid), "the ASID is too large" },
		{ svm_event_illegal(c->event_inj), AT(control.event_inj), "EVENTINJ is illegal" },
		{ (c->nested_ctl & SVM_NP_ENABLE) && c->nested_cr3 >= max_pa, AT(control.nested_cr3),
		  "the nested CR3 is beyond physical memory" },
	};
	unsigned int i, found = 0;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		struct vm_violation v = { .id = rules[i].field, .section = "15.5.1", .rule = rules[i].rule };

		if (!rules[i].broken)
			continue;
		v.value = svm_field_value(vcpu, svm_field_find(v.id));
		v.hidden = svm_field_is_host_address(v.id, !svm->nested);
		report(ctx, &v);
		found++;
	}
	return found;
}
