// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug builds: a wrong clean bit is invisible on a CPU that looks at none (QEMU). So a copy of
 * what the CPU has seen last is kept, and before each entry every group whose clean bit is set is
 * compared with it. The mandatory intercepts are looked at, too.
 */
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "amd/svm.h"
#include "mmu/mmu.h"

#ifdef VMX_DEBUG

struct svm_group {
	u32 bit;		/* enum svm_clean */
	u16 start, end;		/* bytes in the block */
	const char *name;
};

#define CONTROL(bit, first, last)                                          \
	{ SVM_CLEAN_##bit, offsetof(struct vmcb, control.first),           \
	  offsetofend(struct vmcb, control.last), #first " to " #last }
#define SAVE(bit, first, last)                                             \
	{ SVM_CLEAN_##bit, offsetof(struct vmcb, save.first),              \
	  offsetofend(struct vmcb, save.last), #first " to " #last }

/* APM 2 15.15.3. */
static const struct svm_group svm_groups[] = {
	CONTROL(I, intercept, intercept),
	CONTROL(I, pause_threshold, pause_count),
	CONTROL(I, tsc_offset, tsc_offset),
	CONTROL(IOPM, iopm_pa, msrpm_pa),
	CONTROL(ASID, asid, asid),
	CONTROL(TPR, int_ctl, int_vector),
	CONTROL(NP, nested_cr3, nested_cr3),
	SAVE(NP, g_pat, g_pat),
	SAVE(CRX, efer, efer),
	SAVE(CRX, cr4, cr0),
	SAVE(DRX, dr7, dr6),
	SAVE(DT, gdtr, gdtr),
	SAVE(DT, idtr, idtr),
	SAVE(SEG, es, ds),
	SAVE(SEG, cpl, cpl),
	SAVE(CR2, cr2, cr2),
	SAVE(LBR, dbgctl, last_excp_to),
	CONTROL(AVIC, avic_apic_bar, avic_apic_bar),
	CONTROL(AVIC, avic_backing_page, avic_physical_table),
	SAVE(CET, s_cet, isst_addr),
};

int svm_oracle_create(struct svm_vcpu *svm)
{
	svm->oracle_copy = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->oracle_copy)
		return -ENOMEM;
	svm->slow |= SVM_SLOW_ORACLE;
	return 0;
}

void svm_oracle_destroy(struct svm_vcpu *svm)
{
	free_page((unsigned long)svm->oracle_copy);
}

static void svm_oracle_complain(struct svm_vcpu *svm, const char *what, const char *name)
{
	svm->oracle_failed = true;
	pr_err_ratelimited("vmx: oracle: BUG: %s: %s\n", what, name);
}

/* Does this entry begin with nothing of this vCPU's in the TLB? */
static bool svm_entry_flushes(const struct svm_vcpu *svm)
{
	const struct vmcb_control *now = &svm->vmcb->control;

	return !svm->oracle_valid || now->tlb_control != SVM_TLB_KEEP || svm->cpu != svm->oracle_cpu ||
	       now->asid != svm->oracle_copy->control.asid ||
	       svm->asid_generation != svm->oracle_asid_generation;
}

void svm_oracle_before(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	const u8 *now = (const u8 *)svm->vmcb, *seen = (const u8 *)svm->oracle_copy;
	u32 clean = svm->vmcb->control.clean;
	unsigned int i;

	instrumentation_begin();
	for (i = 0; i < svm_nr_mandatory_intercepts; i++)
		if (!svm_intercepted(svm, svm_mandatory_intercepts[i]))
			svm_oracle_complain(svm, "a mandatory intercept is off", "");
	if (!svm->vmcb->control.asid || svm->vmcb->control.asid >= svm_host.nr_asids)
		svm_oracle_complain(svm, "the ASID is out of range", "");
	if (clean && !svm->oracle_valid)
		svm_oracle_complain(svm, "clean bits on a CPU that has cached nothing", "");
	for (i = 0; svm->oracle_valid && i < ARRAY_SIZE(svm_groups); i++) {
		const struct svm_group *g = &svm_groups[i];

		if ((clean & g->bit) && memcmp(now + g->start, seen + g->start, g->end - g->start))
			svm_oracle_complain(svm, "clean bit set, field changed", g->name);
	}
	if (svm_entry_flushes(svm))
		mmu_note_flush(vcpu);
	mmu_ledger_check(vcpu);
	instrumentation_end();
}

void svm_oracle_after(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	instrumentation_begin();
	mmu_ledger_check(vcpu);
	svm->oracle_asid_generation = svm->asid_generation;
	svm->oracle_cpu = svm->cpu;
	memcpy(svm->oracle_copy, svm->vmcb, sizeof(*svm->vmcb));
	svm->oracle_valid = true;
	instrumentation_end();
}

bool svm_audit(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool ok = !svm->oracle_failed;

	svm->oracle_failed = false;
	return ok;
}

#else

bool svm_audit(struct vcpu *vcpu)
{
	return true;
}

#endif
