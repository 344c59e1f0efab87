// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flush ledger: an oracle of debug builds. An emulated CPU that drops its TLB at every exit would
 * hide a forgotten flush; the ledger keeps the accounts that real hardware would present:
 *
 *	taken_seq	grows when entries or rights were taken out of the tables
 *	given_seq	grows when someone relies on that: pages go back to the host, the dirty log
 *			is handed out, tables are freed
 *	flushed_seq	per vCPU: taken_seq at its last entry that dropped all translations
 *
 * At entry, and at the exit that ends it (before the CPU takes the interrupt that a flusher waits
 * for), flushed_seq must have reached given_seq.
 */
#ifdef VMX_DEBUG

#include <linux/printk.h>

#include "mmu/internal.h"

u64 ledger_taken(struct vm_mmu *mmu)
{
	return atomic64_inc_return(&mmu->taken_seq);
}

void ledger_relied(struct vm_mmu *mmu, u64 seq)
{
	u64 old = atomic64_read(&mmu->given_seq);

	while (old < seq && !atomic64_try_cmpxchg(&mmu->given_seq, (s64 *)&old, seq))
		;
}

void mmu_note_flush(struct vcpu *vcpu)
{
	vcpu->mmu->flushed_seq = atomic64_read(&vcpu->vm->mmu->taken_seq);
}

void mmu_ledger_check(struct vcpu *vcpu)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	u64 given = atomic64_read(&mmu->given_seq);

	if (likely(vcpu->mmu->flushed_seq >= given) || mmu->ledger_broken)
		return;
	/* Once per VM; it does not stop, as an oracle that changes the outcome is none. */
	mmu->ledger_broken = true;
	pr_err("BUG: vmx: vCPU %u runs with translations that were given back (flushed %llu, given back %llu)\n",
	       vcpu->id, vcpu->mmu->flushed_seq, given);
}

#endif /* VMX_DEBUG */
