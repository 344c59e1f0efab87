// SPDX-License-Identifier: GPL-2.0-only
/* What the MMU does when slots change, and for the dirty log. */
#include <linux/slab.h>

#include "backend.h"
#include "mmu/internal.h"

/* Its page is mapped as what it is when it is touched, and not along with others. */
static bool slot_covers_lapic(const struct slot *slot)
{
	return MMU_LAPIC_GFN - slot->base_gfn < slot->npages;
}

/* The largest level at which guest and host addresses of the slot are aligned alike. */
static unsigned int slot_max_level(const struct slot *slot)
{
	u64 difference = slot->base_gfn ^ (slot->hva >> PAGE_SHIFT);
	unsigned int level = backend_caps->max_nested_level;

	if (slot->dirty || slot_covers_lapic(slot))
		return PTE_LEVEL_4K;
	while (level > PTE_LEVEL_4K && (difference & (npte_pages(level) - 1)))
		level--;
	return max(level, 1u);
}

/* ---- the hardware's log ---- */

bool mmu_logging(const struct vm *vm)
{
	return READ_ONCE(vm->mmu->nr_logs);
}

/* slots->lock held. A vCPU that is created meanwhile asks before its first entry. */
static void logging_begins(struct vm *vm)
{
	WRITE_ONCE(vm->mmu->nr_logs, vm->mmu->nr_logs + 1);
	if (vm->mmu->nr_logs > 1)
		return;
	/* Pairs with the publication of new vCPUs, which look at nr_logs after it. */
	smp_mb();
	vm_request_all(vm, REQ_MSR_BITMAP, true);
}

static void logging_ends(struct vm *vm)
{
	WRITE_ONCE(vm->mmu->nr_logs, vm->mmu->nr_logs - 1);
	if (!vm->mmu->nr_logs)
		vm_request_all(vm, REQ_MSR_BITMAP, false);
}

void mmu_log_dirty(struct vcpu *vcpu, u64 gpa)
{
	const struct slot *slot = slot_find_hit(vcpu->vm, &vcpu->mmu->hit, gpa >> PAGE_SHIFT);

	if (slot)
		slot_mark_dirty(vcpu->vm, slot, gpa >> PAGE_SHIFT);
}

/* Each exit empties the vCPU's log into the bitmaps: it is enough that all have left the guest. */
void mmu_dirty_collect(struct vm *vm)
{
	if (mmu_logging(vm))
		vm_request_all(vm, REQ_KICK, true);
}

int mmu_slot_prepare(struct vm *vm, struct slot *slot)
{
	struct slot_mmu *sm = kzalloc(sizeof(*sm), GFP_KERNEL_ACCOUNT);

	if (!sm)
		return -ENOMEM;
	sm->slot = slot;
	sm->max_level = slot_max_level(slot);
	/* While the log is on, only with the hardware's log: other dirty flags are not in it. */
	sm->around = (!slot->dirty || backend_caps->logs_dirty) && !slot_covers_lapic(slot);
	sm->node.start = slot->hva;
	sm->node.last = slot->hva + (slot->npages << PAGE_SHIFT) - 1;
	slot->mmu = sm;
	if (mmu_shadow_memory(vm, slot->npages)) {
		kfree(sm);
		slot->mmu = NULL;
		return -ENOMEM;
	}
	/* Before the slot is published, so that no fault through it goes unheeded. */
	write_lock(&vm->mmu->lock);
	interval_tree_insert(&sm->node, &vm->mmu->by_hva);
	write_unlock(&vm->mmu->lock);
	if (slot->dirty && backend_caps->logs_dirty) {
		sm->logged = true;
		logging_begins(vm);
	}
	return 0;
}

void mmu_slot_free(struct vm *vm, struct slot *slot)
{
	struct slot_mmu *sm = slot->mmu;

	if (!sm)
		return;
	/* At the VM's end the tree has gone first. */
	if (vm->mmu) {
		write_lock(&vm->mmu->lock);
		interval_tree_remove(&sm->node, &vm->mmu->by_hva);
		write_unlock(&vm->mmu->lock);
		if (sm->logged)
			logging_ends(vm);
	}
	kfree(sm);
	slot->mmu = NULL;
}

void mmu_slot_zap(struct vm *vm, const struct slot *slot)
{
	u64 gfn = slot->base_gfn, end = gfn + slot->npages;
	struct zap z;

	zap_lock(&z, vm->mmu);
	mmu_shadow_zap(vm->mmu, slot_space(slot), gfn, end);
	z.root = mmu_slot_root(vm->mmu, slot);
	while ((gfn = zap_range(&z, gfn, end, true)) < end)
		zap_yield(&z);
	zap_unlock(&z);
}

void mmu_lapic_page(struct vm *vm, bool on)
{
	struct vm_mmu *mmu = vm->mmu;
	unsigned int space;
	struct zap z;

	zap_lock(&z, mmu);
	WRITE_ONCE(mmu->lapic_on, on && mmu->lapic_pa);
	/* It itself, or what a vCPU whose LAPIC is elsewhere has found there. */
	for (space = 0; space < SLOT_SPACES; space++) {
		mmu_shadow_zap(mmu, space, MMU_LAPIC_GFN, MMU_LAPIC_GFN + 1);
		z.root = READ_ONCE(mmu->root[space]);
		zap_range(&z, MMU_LAPIC_GFN, MMU_LAPIC_GFN + 1, false);
	}
	zap_unlock(&z);
}

/* Only device marks can be there, or what faults of the new slot itself have installed. */
void mmu_slot_added(struct vm *vm, const struct slot *slot)
{
	if (mmu_format.mmio)
		mmu_slot_zap(vm, slot);
}

/*
 * From now on a write to the page of this leaf is noticed: it faults, or the hardware logs it. True if it was
 * not so before, which needs a flush. mmu->lock held.
 */
static bool dirty_trap(u64 *p)
{
	const struct npte_format *f = &mmu_format;

	if (!backend_caps->logs_dirty)
		return test_and_clear_bit(__ffs64(f->write), (unsigned long *)p);
	if (!test_and_clear_bit(__ffs64(f->dirty), (unsigned long *)p))
		return false;
	tell_host(READ_ONCE(*p) | f->dirty);
	return true;
}

/* Shadow tables have no log of the hardware's: a write has to fault. */
static void shadow_log_on(struct vm *vm, const struct slot *slot)
{
	struct zap z;
	u64 i;

	zap_lock(&z, vm->mmu);
	for (i = 0; i < slot->npages; i++) {
		mmu_shadow_protect(vm->mmu, slot_space(slot), slot->base_gfn + i);
		if (zap_should_yield(&z))
			zap_yield(&z);
	}
	zap_unlock(&z);
}

void mmu_slot_dirty_log_on(struct vm *vm, const struct slot *slot)
{
	u64 gfn = slot->base_gfn, end = min(gfn + slot->npages, mmu_gfn_end(vm->mmu));
	u64 *root = mmu_slot_root(vm->mmu, slot);
	const struct npte_format *f = &mmu_format;
	struct zap z;

	if (vm->mmu->shadow)
		shadow_log_on(vm, slot);
	if (!root)
		return;
	zap_lock(&z, vm->mmu);
	while (gfn < end) {
		unsigned int level;
		u64 *p = mmu_find_entry(vm->mmu, root, gfn, &level);
		u64 e = READ_ONCE(*p);

		if (npte_is_present(f, e) && level > PTE_LEVEL_4K) {
			/* The log counts small pages. */
			zap_entry(&z, p, level);
		} else if (npte_is_present(f, e) && dirty_trap(p)) {
			z.flush = true;
		}
		gfn = (gfn | (npte_pages(level) - 1)) + 1;
		if (zap_should_yield(&z))
			zap_yield(&z);
	}
	zap_unlock(&z);
}

/* Does the host map the page at @hva by a large entry? */
static bool host_is_large(struct vm_mmu *mmu, unsigned long hva)
{
	struct host_map h;
	bool large;

	local_irq_disable();
	large = host_walk(mmu->mm, hva, &h) && h.level > PTE_LEVEL_4K;
	local_irq_enable();
	return large;
}

/* Drop the tables of small pages where a large one could be: the next access installs it. */
void mmu_slot_dirty_log_off(struct vm *vm, const struct slot *slot)
{
	const struct slot_mmu *sm = slot->mmu;
	const u64 n = npte_pages(PTE_LEVEL_2M);
	u64 *root = mmu_slot_root(vm->mmu, slot);
	u64 gfn = ALIGN(slot->base_gfn, n), end = slot->base_gfn + slot->npages;
	struct zap z;

	if (sm->max_level == PTE_LEVEL_4K)
		return;
	zap_lock(&z, vm->mmu);
	mmu_shadow_zap(vm->mmu, slot_space(slot), slot->base_gfn, end);
	if (!root)
		end = 0;
	z.root = root;
	while (gfn + n <= end && gfn < mmu_gfn_end(vm->mmu)) {
		unsigned int level;

		mmu_find_entry(vm->mmu, root, gfn, &level);
		if (level == PTE_LEVEL_4K && host_is_large(vm->mmu, slot_gfn_to_hva(slot, gfn)))
			zap_range(&z, gfn, gfn + n, false);
		gfn = (gfn | (max(npte_pages(level), n) - 1)) + 1;
		if (zap_should_yield(&z))
			zap_yield(&z);
	}
	zap_unlock(&z);
}

static bool shadow_protect_word(struct vm *vm, const struct slot *slot, u64 gfn_offset, unsigned long mask)
{
	bool changed = false;

	write_lock(&vm->mmu->lock);
	for (; mask; mask &= mask - 1)
		changed |= mmu_shadow_protect(vm->mmu, slot_space(slot), slot->base_gfn + gfn_offset + __ffs(mask));
	write_unlock(&vm->mmu->lock);
	return changed;
}

bool mmu_dirty_protect(struct vm *vm, const struct slot *slot, u64 gfn_offset, unsigned long mask)
{
	u64 *root = mmu_slot_root(vm->mmu, slot);
	const struct npte_format *f = &mmu_format;
	bool changed = unlikely(vm->mmu->shadow) && shadow_protect_word(vm, slot, gfn_offset, mask);

	if (!root)
		return changed;
	read_lock(&vm->mmu->lock);
	for (; mask; mask &= mask - 1) {
		u64 gfn = slot->base_gfn + gfn_offset + __ffs(mask);
		unsigned int level;
		u64 *p;

		if (gfn >= mmu_gfn_end(vm->mmu))
			break;
		p = mmu_find_entry(vm->mmu, root, gfn, &level);
		if (npte_is_present(f, READ_ONCE(*p)) && dirty_trap(p))
			changed = true;
	}
	read_unlock(&vm->mmu->lock);
	return changed;
}

void mmu_dirty_flush(struct vm *vm, bool changed)
{
	u64 seq, stale = 0;

	if (unlikely(vm->mmu->shadow)) {
		read_lock(&vm->mmu->lock);
		stale = mmu_shadow_stale(vm->mmu);
		read_unlock(&vm->mmu->lock);
	}
	/*
	 * What was not there to be protected may have been unmapped by another, who has not flushed
	 * yet: a CPU that still writes through its TLB would leave no trace in the log.
	 */
	if (!changed && !stale && !atomic_read(&vm->mmu->flush_pending))
		return;
	seq = ledger_taken(vm->mmu);
	vm_flush_tlbs(vm);
	mmu_shadow_flushed(vm->mmu, stale);
	ledger_relied(vm->mmu, seq);
}
