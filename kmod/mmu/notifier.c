// SPDX-License-Identifier: GPL-2.0-only
/* Following the VMM's own mappings: unmap before the host does, tell it what the guest touches. */
#include "compat.h"
#include "mmu/internal.h"

static struct vm_mmu *to_mmu(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct vm_mmu, notifier);
}

/*
 * Walk the parts of slots that lie in [start, end): sets gfn and gfn_end for the body.
 * mmu->lock held; if the body drops it, it must leave the loop.
 */
#define for_each_part(mmu, start, end, node, gfn, gfn_end)                                \
	for (node = interval_tree_iter_first(&(mmu)->by_hva, start, (end) - 1);           \
	     node && (part_gfns(node, start, end, &(gfn), &(gfn_end)), true);             \
	     node = interval_tree_iter_next(node, start, (end) - 1))

static void part_gfns(const struct interval_tree_node *node, unsigned long start,
		      unsigned long end, u64 *gfn, u64 *gfn_end)
{
	const struct slot *slot = container_of(node, struct slot_mmu, node)->slot;
	unsigned long from = max(start, node->start);
	unsigned long to = min(end - 1, node->last);

	*gfn = slot->base_gfn + ((from - slot->hva) >> PAGE_SHIFT);
	*gfn_end = slot->base_gfn + ((to - slot->hva) >> PAGE_SHIFT) + 1;
}

static int mn_invalidate_range_start(struct mmu_notifier *notifier,
				     const struct mmu_notifier_range *range)
{
	bool may_yield = mmu_notifier_range_blockable(range);
	struct vm_mmu *mmu = to_mmu(notifier);
	struct interval_tree_node *node, *left_at = NULL;
	u64 gfn, gfn_end, left_gfn = 0;
	const struct slot *slot;
	struct zap z;

	zap_lock(&z, mmu);
	if (!mmu->in_progress++) {
		mmu->busy_start = range->start;
		mmu->busy_end = range->end;
	} else {
		mmu->busy_start = min(mmu->busy_start, range->start);
		mmu->busy_end = max(mmu->busy_end, range->end);
	}
again:
	for_each_part(mmu, range->start, range->end, node, gfn, gfn_end) {
		if (left_at) {
			if (node != left_at)
				continue;
			gfn = clamp(left_gfn, gfn, gfn_end);
			left_at = NULL;
		}
		slot = container_of(node, struct slot_mmu, node)->slot;
		if (unlikely(mmu_shadow_zap(mmu, slot_space(slot), gfn, gfn_end)))
			z.flush = true;
		z.root = mmu_slot_root(mmu, slot);
		left_gfn = zap_range(&z, gfn, gfn_end, may_yield);
		if (left_gfn < gfn_end) {
			/*
			 * Go on from here, or vCPUs that wait for the lock could have the same
			 * entries looked at for ever. Slots may come and go while the lock is
			 * dropped, but nothing is installed in the range: a slot that has come
			 * has nothing to be unmapped, even in the place of this one.
			 */
			left_at = node;
			zap_yield(&z);
			goto again;
		}
	}
	if (left_at) {
		/* That slot is gone. */
		left_at = NULL;
		goto again;
	}
	if (z.flush)
		atomic64_inc(&mmu->vm->stat.mmu_notifier_zaps);
	zap_unlock(&z);
	return 0;
}

static void mn_invalidate_range_end(struct mmu_notifier *notifier,
				    const struct mmu_notifier_range *range)
{
	struct vm_mmu *mmu = to_mmu(notifier);

	write_lock(&mmu->lock);
	mmu->in_progress--;
	write_unlock(&mmu->lock);
}

/* The same in shadow tables. */
static bool age_shadow(struct vm_mmu *mmu, unsigned long start, unsigned long end, bool clear)
{
	struct interval_tree_node *node;
	u64 gfn, gfn_end;
	bool young = false;

	write_lock(&mmu->lock);
	for_each_part(mmu, start, end, node, gfn, gfn_end) {
		const struct slot *slot = container_of(node, struct slot_mmu, node)->slot;

		for (; gfn < gfn_end && (clear || !young); gfn++)
			young |= mmu_shadow_young(mmu, slot_space(slot), gfn, clear);
	}
	write_unlock(&mmu->lock);
	return young;
}

/* Has the guest accessed any page of the range since the last time? */
static bool age_range(struct vm_mmu *mmu, unsigned long start, unsigned long end, bool clear)
{
	struct interval_tree_node *node;
	u64 gfn, gfn_end;
	bool young = unlikely(mmu->shadow) && age_shadow(mmu, start, end, clear);

	/* Without accessed flags the entry's being there says nothing. */
	if (!mmu_format.accessed)
		return young;
	read_lock(&mmu->lock);
	for_each_part(mmu, start, end, node, gfn, gfn_end) {
		u64 *root = mmu_slot_root(mmu, container_of(node, struct slot_mmu, node)->slot);

		while (root && gfn < gfn_end && (clear || !young)) {
			unsigned int level;
			u64 *p = mmu_find_entry(mmu, root, gfn, &level);
			u64 e = READ_ONCE(*p);

			if (npte_is_present(&mmu_format, e) && (e & mmu_format.accessed)) {
				young = true;
				if (clear)
					clear_bit(__ffs64(mmu_format.accessed), (unsigned long *)p);
			}
			gfn = (gfn | (npte_pages(level) - 1)) + 1;
		}
	}
	read_unlock(&mmu->lock);
	return young;
}

static int mn_clear_flush_young(struct mmu_notifier *notifier, struct mm_struct *mm,
				unsigned long start, unsigned long end)
{
	struct vm_mmu *mmu = to_mmu(notifier);
	bool young = age_range(mmu, start, end, true);

	/* A TLB that goes on without setting the flag costs only precision: nobody waits. */
	if (young)
		vm_request_all(mmu->vm, REQ_TLB_FLUSH, false);
	return young;
}

static int mn_clear_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			  unsigned long start, unsigned long end)
{
	return age_range(to_mmu(notifier), start, end, true);
}

static int mn_test_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			 unsigned long address)
{
	return age_range(to_mmu(notifier), address, address + PAGE_SIZE, false);
}

static void mn_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	mmu_vm_release(to_mmu(notifier)->vm);
}

static const struct mmu_notifier_ops mn_ops = {
	.release = mn_release,
	.clear_flush_young = mn_clear_flush_young,
	.clear_young = mn_clear_young,
	.test_young = mn_test_young,
	.invalidate_range_start = mn_invalidate_range_start,
	.invalidate_range_end = mn_invalidate_range_end,
};

int mmu_notifier_attach(struct vm_mmu *mmu)
{
	int ret;

	mmu->notifier.ops = &mn_ops;
	ret = mmu_notifier_register(&mmu->notifier, mmu->mm);
	mmu->registered = !ret;
	return ret;
}

void mmu_notifier_detach(struct vm_mmu *mmu)
{
	if (mmu->registered)
		mmu_notifier_unregister(&mmu->notifier, mmu->mm);
	mmu->registered = false;
}
