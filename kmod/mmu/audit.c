// SPDX-License-Identifier: GPL-2.0-only
/*
 * The auditor: VMX_X_AUDIT, and the debugfs file of a VM. It proves that the shadow pager's books, its tables, the
 * slots, the dirty log and the host's own mappings agree, for a VM that runs or stands still. What is broken is said in
 * the kernel's log.
 */
#include <linux/ratelimit.h>

#include "mmu/shadow.h"

struct audit_context {
	struct vm *vm;
	unsigned int broken;
};

static void say(void *ctx, const char *rule, const struct shadow_page *sp, unsigned int i)
{
	struct audit_context *a = ctx;

	a->broken++;
	if (!sp)
		pr_err_ratelimited("BUG: vmx: VM %u: audit: not so: %s\n", a->vm->id, rule);
	else
		pr_err_ratelimited("BUG: vmx: VM %u: audit: not so: %s: page %u, role %#llx, frame %#llx, entry %u: %#llx\n",
				   a->vm->id, rule, sp->id, sp->role.word, sp->gfn, i, sp->spt[i]);
}

#define RULE(cond, text)                        \
	do {                                    \
		if (!(cond))                    \
			say(ctx, text, sp, i);  \
	} while (0)

/* mmu->lock held for write. */
static void audit_host(void *ctx, const struct shadow_page *sp, unsigned int i, u64 gfn, u64 spte)
{
	struct audit_context *a = ctx;
	struct vm_mmu *mmu = a->vm->mmu;
	u64 n = npte_pages(sp->role.level), k, pfn = npte_pa(&shadow_format, spte) >> PAGE_SHIFT;

	for (k = 0; k < n; k++) {
		const struct slot *slot = slot_find(a->vm, sp->role.space, gfn + k);
		struct host_map h;
		unsigned long hva, flags;
		bool there;

		/* A slot that is being deleted goes first, its leaves after. */
		if (!slot) {
			RULE(slots_generation(a->vm) & 1, "a leaf's frame is in a slot");
			return;
		}
		hva = slot_gfn_to_hva(slot, gfn + k);
		RULE(!(spte & _PAGE_RW) || !(slot->flags & VMX_MEM_READONLY), "a leaf of a read-only slot is read-only");
		/* The host takes back what it has announced. */
		if (mmu_range_busy(mmu, hva, PAGE_SIZE) || (slots_generation(a->vm) & 1))
			continue;
		local_irq_save(flags);
		there = host_walk(mmu->mm, hva, &h);
		local_irq_restore(flags);
		if (!there) {
			say(ctx, "a leaf's page is mapped by the host", sp, i);
			return;
		}
		RULE(h.pfn == pfn + k, "a leaf maps the host's page");
		RULE(!(spte & _PAGE_RW) || (h.entry & _PAGE_RW), "a leaf is writable only if the host's entry is");
		RULE(!(spte & _PAGE_RW) || !slot->dirty || a->vm->slots->ring_size ||
		     test_bit(gfn + k - slot->base_gfn, slot->dirty),
		     "a leaf is writable only if the dirty log has its page");
	}
}

unsigned int mmu_audit(struct vm *vm)
{
	struct audit_context a = { .vm = vm };
	const struct shadow_audit_ops ops = { .broken = say, .leaf = audit_host, .ctx = &a };

	mutex_lock(&vm->lock);
	if (!vm->mmu->shadow) {
		mutex_unlock(&vm->lock);
		return 0;
	}
	/* Whoever is at it without the lock has ended when the flush has. */
	WRITE_ONCE(vm->mmu->shadow->audited, true);
	vm_flush_tlbs(vm);
	write_lock(&vm->mmu->lock);
	shadow_audit(&vm->mmu->shadow->s, &ops);
	write_unlock(&vm->mmu->lock);
	WRITE_ONCE(vm->mmu->shadow->audited, false);
	mutex_unlock(&vm->lock);
	return a.broken;
}
