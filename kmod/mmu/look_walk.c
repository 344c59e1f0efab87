// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks of VMX_X_WALK.
 *
 * Tables of ours are read under mmu->lock for read: nothing is unlinked meanwhile, and the shadow pager does not work.
 * Guest memory is read as a fault maps it: what the host's tables have at a moment at which the lock is held and the
 * address is not being invalidated stays until the lock is given back. The VMM's mmap lock is held around it, since this may
 * be another process, whose CPU gets no IPI before the VMM's tables are freed.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "mmu/look.h"
#include "mmu/shadow.h"

/* ---- guest memory ---- */

/* Both locks held. Device memory may not be read; what is in no direct map (secretmem) cannot. */
static bool peek_page(struct vm_mmu *mmu, unsigned long hva, unsigned int size, u64 *value)
{
	struct host_map h;
	unsigned long flags;
	u32 value32;
	bool there;
	void *from;

	local_irq_save(flags);
	there = !mmu->dead && !mmu_range_busy(mmu, hva, size) && host_walk(mmu->mm, hva, &h);
	local_irq_restore(flags);
	if (!there || (h.entry & (_PAGE_PWT | _PAGE_PCD)) || host_special(&h) || !pfn_valid(h.pfn))
		return false;
	from = __va(h.pfn << PAGE_SHIFT) + offset_in_page(hva);
	if (size == 8)
		return !copy_from_kernel_nofault(value, from, 8);
	if (copy_from_kernel_nofault(&value32, from, 4))
		return false;
	*value = value32;
	return true;
}

enum look_read mmu_peek(struct vm *vm, unsigned int space, u64 gpa, unsigned int size, u64 *value)
{
	struct vm_mmu *mmu = vm->mmu;
	const struct slot *slot;
	enum look_read ret;
	unsigned long hva;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	slot = slot_find(vm, space, gpa >> PAGE_SHIFT);
	if (!slot) {
		srcu_read_unlock(&vm->srcu, idx);
		return LOOK_READ_NO_SLOT;
	}
	hva = slot_gfn_to_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa);
	ret = LOOK_READ_NOT_HERE;
	mmap_read_lock(mmu->mm);
	read_lock(&mmu->lock);
	if (peek_page(mmu, hva, size, value))
		ret = LOOK_READ_OK;
	read_unlock(&mmu->lock);
	mmap_read_unlock(mmu->mm);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/* ---- tables of ours ---- */

static enum look_read read_entry(void *opaque, u64 pa, unsigned int size, u64 *value)
{
	*value = READ_ONCE(*(u64 *)__va(pa));
	return LOOK_READ_OK;
}

bool mmu_look_shadow(struct vcpu *vcpu, u64 gva, struct vmx_x_walk *w)
{
	struct vcpu_shadow *own = vcpu->mmu->shadow;
	struct vm_mmu *mmu = vcpu->vm->mmu;
	struct shadow_set *set;

	if (!own)
		return false;
	read_lock(&mmu->lock);
	set = READ_ONCE(own->now);
	if (set && set->valid) {
		bool pae = set->role.paging != SHADOW_PAGING_4 && set->role.paging != SHADOW_PAGING_5;

		if (pae)
			look_ours(&shadow_format, VMX_X_TABLES_SHADOW, __pa(own->pae[set - own->sets]), 3,
				  gva & 0xffffffff, read_entry, NULL, w);
		else
			look_ours(&shadow_format, VMX_X_TABLES_SHADOW, set->root[0]->pa,
				  set->role.paging == SHADOW_PAGING_5 ? 5 : 4, gva, read_entry, NULL, w);
	}
	read_unlock(&mmu->lock);
	return set;
}

void mmu_look_nested(struct vm *vm, unsigned int space, u64 gpa, struct vmx_x_walk *w)
{
	struct vm_mmu *mmu = vm->mmu;
	u64 *root = READ_ONCE(mmu->root[space]);

	if (!root || gpa >> PAGE_SHIFT >= mmu_gfn_end(mmu))
		return;
	read_lock(&mmu->lock);
	look_ours(&mmu_format, VMX_X_TABLES_NESTED, __pa(root), mmu->levels, gpa, read_entry, NULL, w);
	read_unlock(&mmu->lock);
}

u64 mmu_look_host(struct vm *vm, unsigned int space, u64 gpa)
{
	struct vm_mmu *mmu = vm->mmu;
	u64 *root = READ_ONCE(mmu->root[space]), mask, e;
	unsigned int level;

	if (!root || gpa >> PAGE_SHIFT >= mmu_gfn_end(mmu))
		return 0;
	read_lock(&mmu->lock);
	e = READ_ONCE(*mmu_find_entry(mmu, root, gpa >> PAGE_SHIFT, &level));
	read_unlock(&mmu->lock);
	if (!npte_is_present(&mmu_format, e))
		return 0;
	mask = (npte_pages(level) << PAGE_SHIFT) - 1;
	return (npte_pa(&mmu_format, e) & ~mask) | (gpa & mask);
}

void mmu_look_hide(struct vmx_x_walk *w)
{
	look_hide(&mmu_format, &shadow_format, w);
}
