// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address space identifiers tag what the TLB holds of a guest (APM 2 15.16).
 *
 * Each CPU hands out its ASIDs in turn. When they run out it begins a new generation, whose first
 * guest flushes the whole TLB; a vCPU that enters with an ASID of an older generation, or that last
 * ran on another CPU (vcpu_load sets its generation to 0), takes a new one. So no vCPU ever meets
 * translations that another left, nor its own from before it moved, and switching between vCPUs on
 * a CPU flushes nothing.
 *
 * To flush one guest: TLB_CONTROL where the CPU can flush by ASID, else a new ASID.
 */
#include <linux/irqflags.h>

#include "amd/svm.h"

/* ASID 0 is the host's. */
#define SVM_FIRST_GUEST_ASID 1

void svm_asid_cpu_init(struct svm_cpu *cpu)
{
	cpu->asid_generation++;
	/* The first guest begins a generation and flushes what was there before us. */
	cpu->next_asid = svm_host.nr_asids;
}

noinstr void svm_asid_new(struct svm_vcpu *svm)
{
	struct svm_cpu *cpu = svm->cpu;
	struct vmcb_control *c = &svm->vmcb->control;

	if (cpu->next_asid >= svm_host.nr_asids) {
		cpu->asid_generation++;
		cpu->next_asid = SVM_FIRST_GUEST_ASID;
		c->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	svm->asid_generation = cpu->asid_generation;
	c->asid = cpu->next_asid++;
	/* A new ASID has nothing cached. */
	svm->slow &= ~SVM_SLOW_FLUSH;
	svm_dirty(svm, SVM_CLEAN_ASID);
}

noinstr void svm_asid_flush(struct svm_vcpu *svm)
{
	svm->slow &= ~SVM_SLOW_FLUSH;
	if (!svm_host.flush_by_asid)
		svm_asid_new(svm);
	else if (svm->vmcb->control.tlb_control == SVM_TLB_KEEP)
		svm->vmcb->control.tlb_control = SVM_TLB_FLUSH_ASID;
}

void svm_flush_tlb(struct vcpu *vcpu)
{
	to_svm(vcpu)->slow |= SVM_SLOW_FLUSH;
}

/* INVLPGA takes the address in RAX and the ASID in ECX; global entries go too (APM 2 15.16.1). */
void svm_flush_gva(struct vcpu *vcpu, u64 gva)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	unsigned long flags;

	/*
	 * Here means the CPU that it is loaded on: it may not move in between, nor may the IPI of a
	 * reboot switch SVM off, without which INVLPGA is #UD.
	 */
	local_irq_save(flags);
	if (vcpu->cpu >= 0 && svm->cpu->enabled &&
	    svm->asid_generation == svm->cpu->asid_generation)
		asm volatile("invlpga %%rax, %%ecx" : : "a"(gva), "c"(svm->vmcb->control.asid)
			     : "memory");
	local_irq_restore(flags);
}
