// SPDX-License-Identifier: GPL-2.0-only
/* The control block as it is created, and the state after RESET and INIT (APM 2 table 14-1). */
#include <linux/io.h>
#include <asm/processor-flags.h>

#include "amd/svm.h"

#define SVM_PAT_RESET 0x0007040600070406ULL	/* APM 2 table 7-9 */
#define SVM_DR6_RESET 0xffff0ff0ULL
#define SVM_DR7_RESET 0x400ULL

/* A PAUSE loop of 3000 rounds, each within 128 cycles of the last, is a spin: APM 2 15.14.4. */
#define SVM_PAUSE_COUNT 3000
#define SVM_PAUSE_THRESHOLD 128

void svm_vmcb_init(struct svm_vcpu *svm)
{
	struct vmcb_control *c = &svm->vmcb->control;
	unsigned int i;

	for (i = 0; i < svm_nr_mandatory_intercepts; i++)
		svm_intercept(svm, svm_mandatory_intercepts[i], true);
	c->iopm_pa = svm_iopm_pa();
	c->msrpm_pa = virt_to_phys(svm->msrpm);
	if (svm_host.pause_filter) {
		c->pause_count = SVM_PAUSE_COUNT;
		c->pause_threshold = svm_host.pause_threshold ? SVM_PAUSE_THRESHOLD : 0;
	}
	/*
	 * The guest's IF governs virtual interrupts only, CR8 is V_TPR (APM 2 15.21.1, 15.21.2).
	 * Nothing that a guest or VMM supplies ever comes into this word.
	 */
	c->int_ctl = SVM_INT_V_INTR_MASKING;
	if (svm_host.vnmi)
		c->int_ctl |= SVM_INT_V_NMI_ENABLE;
	c->nested_ctl = svm->nested ? SVM_NP_ENABLE : 0;
	c->clean = 0;
	svm->vmcb->save.g_pat = SVM_PAT_RESET;
}

static void svm_reset_seg(struct vmcb_seg *seg, u16 selector, u64 base, u16 attr)
{
	seg->selector = selector;
	seg->base = base;
	seg->limit = 0xffff;
	seg->attr = attr;
}

/* Types: read-write and execute-read, accessed; LDT; busy TSS. */
#define SVM_ATTR_DATA (SVM_SEG_P | SVM_SEG_S | 3)
#define SVM_ATTR_CODE (SVM_SEG_P | SVM_SEG_S | 0xb)
#define SVM_ATTR_LDT (SVM_SEG_P | 2)
#define SVM_ATTR_TSS (SVM_SEG_P | 0xb)

/*
 * Segments, tables, debug registers and pending events; control registers are svm_vcpu_reset()'s.
 * INIT leaves the MSRs that the block holds as they are, RESET does not.
 */
void svm_vmcb_reset(struct svm_vcpu *svm, bool init)
{
	struct vmcb_save *s = &svm->vmcb->save;
	struct vmcb_control *c = &svm->vmcb->control;

	svm_reset_seg(&s->es, 0, 0, SVM_ATTR_DATA);
	svm_reset_seg(&s->ss, 0, 0, SVM_ATTR_DATA);
	svm_reset_seg(&s->ds, 0, 0, SVM_ATTR_DATA);
	svm_reset_seg(&s->fs, 0, 0, SVM_ATTR_DATA);
	svm_reset_seg(&s->gs, 0, 0, SVM_ATTR_DATA);
	svm_reset_seg(&s->cs, 0xf000, 0xffff0000, SVM_ATTR_CODE);
	svm_reset_seg(&s->gdtr, 0, 0, 0);
	svm_reset_seg(&s->idtr, 0, 0, 0);
	svm_reset_seg(&s->ldtr, 0, 0, SVM_ATTR_LDT);
	svm_reset_seg(&s->tr, 0, 0, SVM_ATTR_TSS);
	s->cpl = 0;
	s->cr2 = 0;
	s->dr6 = SVM_DR6_RESET;
	s->dr7 = SVM_DR7_RESET;
	s->dbgctl = 0;
	if (!init) {
		s->star = 0;
		s->lstar = 0;
		s->cstar = 0;
		s->sfmask = 0;
		s->kernel_gs_base = 0;
		s->sysenter_cs = 0;
		s->sysenter_esp = 0;
		s->sysenter_eip = 0;
		s->g_pat = SVM_PAT_RESET;
		s->br_from = 0;
		s->br_to = 0;
		s->last_excp_from = 0;
		s->last_excp_to = 0;
		s->spec_ctrl = 0;
	}

	c->int_state = 0;
	c->event_inj = 0;
	c->exit_int_info = 0;
	c->int_ctl &= SVM_INT_V_INTR_MASKING | SVM_INT_V_NMI_ENABLE;
	c->virt_ext &= ~(u64)SVM_LBR_VIRT;
	c->clean = 0;
}
