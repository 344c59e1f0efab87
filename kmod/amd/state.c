// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers, segments, descriptor tables and debug registers, to and from the control
 * block.
 */
#include <asm/processor-flags.h>

#include "amd/svm.h"

/* ---- control registers ---- */

static __always_inline u64 svm_read_cr(const struct svm_vcpu *svm, enum vcpu_reg reg)
{
	const struct vmcb_save *s = &svm->vmcb->save;

	switch (reg) {
	case VCPU_CR0:
		return s->cr0;
	case VCPU_CR3:
		return s->cr3;
	case VCPU_CR4:
		return s->cr4;
	case VCPU_EFER:
		return s->efer & ~(u64)EFER_SVME;
	default:
		return 0;
	}
}

/* Only for those that avail_after_run leaves out: then the block has the guest's own value. */
void svm_reg_fetch(struct vcpu *vcpu, enum vcpu_reg reg)
{
	if (reg >= VCPU_CR0)
		vcpu->regs[reg] = svm_read_cr(to_svm(vcpu), reg);
}

noinstr void svm_fetch_crs(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	unsigned int reg;

	for (reg = VCPU_CR0; reg <= VCPU_EFER; reg++) {
		if (!(vcpu->regs_avail & BIT(reg))) {
			vcpu->regs[reg] = svm_read_cr(svm, reg);
			vcpu->regs_avail |= BIT(reg);
		}
	}
}

/*
 * The caller has put the new value into regs[]; what it does to the others is worked out at once.
 */
static void svm_crs_changed(struct vcpu *vcpu)
{
	svm_fetch_crs(vcpu);
	svm_update_cr_intercepts(vcpu);
}

void svm_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	svm_crs_changed(vcpu);
}

void svm_set_cr3(struct vcpu *vcpu, u64 cr3)
{
	svm_crs_changed(vcpu);
}

void svm_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	svm_crs_changed(vcpu);
}

void svm_set_efer(struct vcpu *vcpu, u64 efer)
{
	svm_crs_changed(vcpu);
}

/* Always: with paging off too ("paged real mode", APM 2 15.19). */
bool svm_shadow_fits(struct vcpu *vcpu)
{
	return true;
}

void svm_set_root(struct vcpu *vcpu, u64 root, unsigned int levels, bool nested)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *c = &svm->vmcb->control;

	if (svm->nested != nested) {
		svm_fetch_crs(vcpu);
		svm->nested = nested;
		c->nested_ctl = nested ? SVM_NP_ENABLE : 0;
		c->clean = 0;
		svm_update_exc_intercepts(vcpu);
	} else if (!nested) {
		/* Another root under shadow paging: nothing else follows from it. */
		svm->root = root;
		svm->vmcb->save.cr3 = root;
		svm_dirty(svm, SVM_CLEAN_CRX);
		svm_flush_tlb(vcpu);
		return;
	}
	if (svm->root != root)
		svm_flush_tlb(vcpu);
	svm->root = root;
	if (nested && c->nested_cr3 != root) {
		c->nested_cr3 = root;
		svm_dirty(svm, SVM_CLEAN_NP);
	}
	svm_crs_changed(vcpu);
}

/* ---- segments ---- */

static struct vmcb_seg *svm_seg(struct svm_vcpu *svm, enum vcpu_seg seg)
{
	struct vmcb_save *s = &svm->vmcb->save;

	switch (seg) {
	case VCPU_SEG_ES:
		return &s->es;
	case VCPU_SEG_CS:
		return &s->cs;
	case VCPU_SEG_SS:
		return &s->ss;
	case VCPU_SEG_FS:
		return &s->fs;
	case VCPU_SEG_GS:
		return &s->gs;
	case VCPU_SEG_TR:
		return &s->tr;
	case VCPU_SEG_LDTR:
		return &s->ldtr;
	default:
		return &s->ds;
	}
}

#define SEG_TYPE_ACCESSED 1
#define SEG_TYPE_BUSY 2

void svm_get_segment(struct vcpu *vcpu, enum vcpu_seg seg, struct vmx_segment *out)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const struct vmcb_seg *in = svm_seg(svm, seg);
	struct svm_seg_fields f;

	svm_attr_unpack(in->attr, &f);
	*out = (struct vmx_segment){
		.base = in->base,
		.limit = in->limit,
		.selector = in->selector,
		.type = f.type,
		.present = f.present,
		.dpl = f.dpl,
		.db = f.db,
		.s = f.s,
		.l = f.l,
		.g = f.g,
		.avl = f.avl,
		/* There is no such flag here: a null selector leaves P clear (APM 2 15.5.1). */
		.unusable = !f.present,
	};

	/*
	 * What the CPU does not keep as the VT-x form of the state, which is the ABI's, demands: G
	 * may be gone though the limit tells it, a loaded segment's accessed bit and a loaded TSS's
	 * busy bit are not always there, and the privilege level is the CPL field, not SS.DPL (APM
	 * 2 15.5.1).
	 */
	if (!out->unusable)
		out->g = in->limit > 0xfffff;
	switch (seg) {
	case VCPU_SEG_TR:
		out->type |= SEG_TYPE_BUSY;
		break;
	case VCPU_SEG_SS:
		out->dpl = svm->vmcb->save.cpl;
		if (out->unusable)
			out->db = 0;
		break;
	case VCPU_SEG_ES:
	case VCPU_SEG_DS:
	case VCPU_SEG_FS:
	case VCPU_SEG_GS:
		if (!out->unusable)
			out->type |= SEG_TYPE_ACCESSED;
		break;
	default:
		break;
	}
}

void svm_set_segment(struct vcpu *vcpu, enum vcpu_seg seg, const struct vmx_segment *in)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_seg *out = svm_seg(svm, seg);
	struct svm_seg_fields f = {
		.type = in->type,
		.present = in->present && !in->unusable,
		.dpl = in->dpl,
		.db = in->db,
		.s = in->s,
		.l = in->l,
		.g = in->g,
		.avl = in->avl,
	};

	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	out->attr = svm_attr_pack(&f);
	if (seg == VCPU_SEG_SS)
		svm->vmcb->save.cpl = in->dpl & 3;
	/* FS, GS, TR and LDTR come by VMLOAD, which caches nothing. */
	svm_dirty(svm, SVM_CLEAN_SEG);
}

u64 svm_seg_base(struct vcpu *vcpu, enum vcpu_seg seg)
{
	return svm_seg(to_svm(vcpu), seg)->base;
}

int svm_cpl(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

unsigned int svm_cs_flags(struct vcpu *vcpu)
{
	u16 attr = to_svm(vcpu)->vmcb->save.cs.attr;

	return attr & (BACKEND_CS_L | BACKEND_CS_DB);
}

/* ---- descriptor tables ---- */

static void svm_get_table(const struct vmcb_seg *in, struct vmx_dtable *out)
{
	*out = (struct vmx_dtable){ .base = in->base, .limit = in->limit };
}

static void svm_set_table(struct svm_vcpu *svm, struct vmcb_seg *out, const struct vmx_dtable *in)
{
	out->base = in->base;
	out->limit = in->limit;
	svm_dirty(svm, SVM_CLEAN_DT);
}

void svm_get_gdt(struct vcpu *vcpu, struct vmx_dtable *out)
{
	svm_get_table(&to_svm(vcpu)->vmcb->save.gdtr, out);
}

void svm_set_gdt(struct vcpu *vcpu, const struct vmx_dtable *in)
{
	svm_set_table(to_svm(vcpu), &to_svm(vcpu)->vmcb->save.gdtr, in);
}

void svm_get_idt(struct vcpu *vcpu, struct vmx_dtable *out)
{
	svm_get_table(&to_svm(vcpu)->vmcb->save.idtr, out);
}

void svm_set_idt(struct vcpu *vcpu, const struct vmx_dtable *in)
{
	svm_set_table(to_svm(vcpu), &to_svm(vcpu)->vmcb->save.idtr, in);
}

/* ---- debug registers ---- */

void svm_set_dr7(struct vcpu *vcpu, u64 dr7)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->vmcb->save.dr7 == dr7)
		return;
	svm->vmcb->save.dr7 = dr7;
	svm_dirty(svm, SVM_CLEAN_DRX);
}

void svm_set_dr6(struct vcpu *vcpu, u64 dr6)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->vmcb->save.dr6 == dr6)
		return;
	svm->vmcb->save.dr6 = dr6;
	svm_dirty(svm, SVM_CLEAN_DRX);
}

u64 svm_get_dr6(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.dr6;
}

u64 svm_get_dr7(struct vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.dr7;
}

void svm_pass_drs(struct vcpu *vcpu, bool pass)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 *word = &svm->vmcb->control.intercept[SVM_INTERCEPT_DR_READ / 32];
	/* DR0-7, reads and writes. */
	u32 wanted = pass ? 0 : 0x00ff00ff;

	if (*word == wanted)
		return;
	*word = wanted;
	svm_dirty(svm, SVM_CLEAN_I);
}
